"""SPDX 3.0 in JSON-LD (https://spdx.github.io/spdx-spec/v3.0.1/serializations/): read, never written.

Documents have one context and one flat graph of elements, which name each other; nothing is looked up anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from entrepot.inventory.inventory import Edge, Inventory
from entrepot.inventory.limits import InventoryLimits
from entrepot.inventory.reading import hashes_of, licence_of, purl_of, text_of
from entrepot.model.component import Component, Relation
from entrepot.model.errors import InvalidInventory, TooLarge

_CONTEXT: Final = "spdx.org/rdf/3.0"
_SHOWN: Final = 200
_PACKAGES: Final = frozenset({"software_Package", "ai_AIPackage", "dataset_DatasetPackage"})
_PURPOSES: Final = {
    "application": "application",
    "framework": "framework",
    "library": "library",
    "container": "container",
    "operatingSystem": "operating-system",
    "device": "device",
    "firmware": "firmware",
    "file": "file",
    "model": "machine-learning-model",
    "data": "data",
}
_NOTHING: Final = ("NoneElement", "NoAssertionElement", "NoneLicense", "NoAssertionLicense")


def version_of(found: Mapping[str, Any]) -> str:
    """``3.0.1``. Raises `InvalidInventory` for what is no SPDX 3.0."""
    contexts = found.get("@context")
    for context in contexts if isinstance(contexts, list) else [contexts]:
        if isinstance(context, str) and _CONTEXT in context:
            return context.partition("spdx.org/rdf/")[2].partition("/")[0][:20]
    raise InvalidInventory("@context", expected="that of SPDX 3.0", actual=ascii(contexts)[:_SHOWN])


def read(found: Mapping[str, Any], limits: InventoryLimits) -> Inventory:
    """Check and read a document. Raises `InvalidInventory`, `TooLarge`."""
    elements = _elements(found)
    packages = [each for each in elements if each.get("type") in _PACKAGES]
    if len(packages) > limits.components:
        raise TooLarge("SBOM", expected=f"at most {limits.components} packages", actual=len(packages))
    places = {each["spdxId"]: at for at, each in enumerate(packages)}
    relationships = list(_relationships(elements, limits))
    relations = _relations(elements, relationships, places)
    licences = _licences(elements, relationships)
    edges = (
        Edge(places[source], places[target])
        for source, kind, target in relationships
        if kind == "dependsOn" and source in places and target in places
    )
    return Inventory(
        components=tuple(
            _component(each, relations[at], licences.get(each["spdxId"], ()), limits=limits)
            for at, each in enumerate(packages)
        ),
        edges=tuple(dict.fromkeys(edges)),
        tools=tuple(str(each.get("name", ""))[: limits.text_size] for each in elements if each.get("type") == "Tool")[
            : limits.places
        ],
        created=_created(elements),
    )


def _elements(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    graph = found.get("@graph")
    if not isinstance(graph, list) or not all(isinstance(each, dict) for each in graph):
        raise InvalidInventory("@graph", expected="a list of elements")
    for at, each in enumerate(graph):
        if not isinstance(each.get("type"), str):
            raise InvalidInventory(f"@graph/{at}/type", expected="a type", actual=ascii(each.get("type"))[:_SHOWN])
    if not any(each["type"] == "SpdxDocument" for each in graph):
        raise InvalidInventory("@graph", expected="an SpdxDocument", actual="none")
    seen: set[str] = set()
    for at, each in enumerate(graph):
        if each.get("type") == "CreationInfo" or "spdxId" not in each:
            continue
        identifier = each["spdxId"]
        if not isinstance(identifier, str) or identifier in seen:
            raise InvalidInventory(
                f"@graph/{at}/spdxId", expected="a name of its own", actual=ascii(identifier)[:_SHOWN]
            )
        seen.add(identifier)
    for at, each in enumerate(graph):
        if each.get("type") in _PACKAGES and not (each.get("spdxId") and isinstance(each.get("name"), str)):
            raise InvalidInventory(f"@graph/{at}", expected="a package with spdxId and name")
    return graph


def _relationships(elements: list[Mapping[str, Any]], limits: InventoryLimits) -> Iterator[tuple[str, str, str]]:
    count = 0
    for each in elements:
        if not str(each.get("type", "")).endswith("Relationship"):
            continue
        source, targets = each.get("from"), _list(each.get("to"))
        if not isinstance(source, str):
            raise InvalidInventory(
                "Relationship/from", expected="the name of an element", actual=ascii(source)[:_SHOWN]
            )
        for target in targets:
            count += 1
            if count > limits.edges:
                raise TooLarge("SBOM", expected=f"at most {limits.edges} relationships")
            if isinstance(target, str):
                yield source, str(each.get("relationshipType")), target


def _relations(
    elements: list[Mapping[str, Any]], relationships: list[tuple[str, str, str]], places: Mapping[str, int]
) -> list[Relation]:
    """A root of the document or of its bill of materials is the subject; a root may be a bill of materials itself."""
    roots = {
        root
        for each in elements
        if each.get("type") in ("SpdxDocument", "software_Sbom", "Bom")
        for root in _list(each.get("rootElement"))
        if isinstance(root, str)
    } | {target for _, kind, target in relationships if kind == "describes"}
    subjects = roots & places.keys()
    contained = {target for _, kind, target in relationships if kind == "contains"}
    needed = {target for _, kind, target in relationships if kind == "dependsOn"}
    relations = []
    for identifier in places:
        if len(subjects) == 1 and identifier in subjects:
            relations.append(Relation.SUBJECT)
        elif identifier in needed - contained - subjects:
            relations.append(Relation.DEPENDENCY)
        else:
            relations.append(Relation.CONTAINED)
    return relations


def _licences(
    elements: list[Mapping[str, Any]], relationships: list[tuple[str, str, str]]
) -> Mapping[str, tuple[str, ...]]:
    """The licences of each element: what somebody concluded comes before what was declared."""
    texts = {
        each["spdxId"]: text
        for each in elements
        if isinstance(each.get("spdxId"), str)
        and isinstance(text := each.get("simplelicensing_licenseExpression"), str)
    }
    found: dict[str, dict[str, tuple[str, ...]]] = {"hasConcludedLicense": {}, "hasDeclaredLicense": {}}
    for source, kind, target in relationships:
        if kind in found and not target.endswith(_NOTHING):
            said = texts.get(target) or _listed(target)
            if said is not None:
                found[kind][source] = (*found[kind].get(source, ()), said)
    return {**found["hasDeclaredLicense"], **found["hasConcludedLicense"]}


def _listed(identifier: str) -> str | None:
    """A licence of SPDX's list is named by its address."""
    _, slash, name = identifier.partition("spdx.org/licenses/")
    return name if slash and name else None


def _component(
    said: Mapping[str, Any], relation: Relation, licences: tuple[str, ...], *, limits: InventoryLimits
) -> Component:
    size = limits.text_size
    identifiers = [each for each in _list(said.get("externalIdentifier")) if isinstance(each, dict)]
    purls = [
        said.get("software_packageUrl"),
        *(
            each.get("identifier")
            for each in identifiers
            if each.get("externalIdentifierType") in ("packageUrl", "purl")
        ),
    ]
    return Component(
        name=said["name"][:size],
        version=text_of(said.get("software_packageVersion"), size),
        purl=next((found for each in purls if (found := purl_of(each, said.get("name"))) is not None), None),
        licence=licence_of(licences, size),
        hashes=hashes_of(
            (each.get("algorithm"), each.get("hashValue"))
            for each in _list(said.get("verifiedUsing"))
            if isinstance(each, dict)
        ),
        relation=relation,
        kind=_PURPOSES.get(str(said.get("software_primaryPurpose")), "library"),
    )


def _created(elements: list[Mapping[str, Any]]) -> str | None:
    for each in elements:
        if each.get("type") == "CreationInfo":
            return text_of(each.get("created"), _SHOWN)
    return None


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
