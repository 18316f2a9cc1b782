"""CycloneDX in JSON, 1.2 to 1.7 (https://cyclonedx.org/docs/): checked against its schemas, and read.

The schemas are those that the reference implementation carries. Their list of licences is of one day, and SPDX adds to
it four times a year: a licence that is newer makes no document invalid here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import jsonschema_rs
import msgspec

from entrepot.inventory.inventory import Edge, Inventory
from entrepot.inventory.limits import InventoryLimits
from entrepot.inventory.reading import CONSTRAINT, RELATION, UNREAD, hashes_of, licence_of, purl_of, text_of
from entrepot.model.component import Component, Relation
from entrepot.model.errors import InvalidInventory, TooLarge

VERSIONS: Final = ("1.2", "1.3", "1.4", "1.5", "1.6", "1.7")

_BASE: Final = "http://cyclonedx.org/schema/"
_ANY_LICENCE: Final = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string", "minLength": 1}
_SHOWN: Final = 200


def read(found: Mapping[str, Any], limits: InventoryLimits) -> Inventory:
    """Check and read a document. Raises `InvalidInventory`, `TooLarge`."""
    check(found)
    return _read(found, limits)


def check(found: Mapping[str, Any]) -> None:
    """Raise `InvalidInventory` unless *found* is as the schema of its version says."""
    version = found.get("specVersion")
    if version not in VERSIONS:
        raise InvalidInventory("specVersion", expected=f"one of {', '.join(VERSIONS)}", actual=ascii(version)[:_SHOWN])
    try:
        error = next(iter(_schema(version).iter_errors(found)), None)
    except ValueError as problem:
        # What the validator cannot take in at all: nested beyond reason, or no Unicode.
        raise InvalidInventory("SBOM", expected=f"CycloneDX {version}", actual=str(problem)[:_SHOWN]) from problem
    if error is not None:
        place = "/".join(str(each) for each in error.instance_path)
        raise InvalidInventory(place[:_SHOWN] or "SBOM", expected=f"CycloneDX {version}", actual=_shown(error.message))


def _shown(message: str) -> str:
    """The end of a long message: it begins with the whole value that is wrong."""
    text = message if len(message) <= _SHOWN else f"…{message[-_SHOWN:]}"
    return text if text.isprintable() else ascii(text)


@cache
def _schema(version: str) -> jsonschema_rs.Draft7Validator:
    others: list[tuple[str, Any]] = [(f"{_BASE}spdx.SNAPSHOT.schema.json", _ANY_LICENCE)]
    others += [
        (f"{_BASE}{name}", read_schema(name))
        for name in (
            "jsf-0.82.SNAPSHOT.schema.json",
            "cryptography-defs.SNAPSHOT.schema.json",
        )
    ]
    return jsonschema_rs.Draft7Validator(
        read_schema(f"bom-{version}.SNAPSHOT.schema.json"),
        # A format is what a field should look like; documents of real tools have addresses that no standard allows.
        validate_formats=False,
        registry=jsonschema_rs.Registry(others),
        offline=True,
    )


def read_schema(name: str) -> dict[str, Any]:
    """One of the schemas' files."""
    found: dict[str, Any] = msgspec.json.decode(resources.files("cyclonedx.schema._res").joinpath(name).read_bytes())
    return found


# --- what it says; its form is known to be right ---


def _read(found: Mapping[str, Any], limits: InventoryLimits) -> Inventory:
    metadata = found.get("metadata", {})
    components: list[Component] = []
    places: dict[str, int] = {}
    for said, relation in _walk(found, limits):
        if len(components) == limits.components:
            raise TooLarge("SBOM", expected=f"at most {limits.components} components")
        if (reference := said.get("bom-ref")) is not None:
            places.setdefault(reference, len(components))
        components.append(_component(said, relation, limits))
    return Inventory(
        components=tuple(components),
        edges=tuple(_edges(found, places, limits)),
        tools=tuple(_tools(metadata.get("tools", {}), limits)),
        created=metadata.get("timestamp"),
        unread=tuple(
            text_of(each.get("value"), limits.text_size) or ""
            for each in metadata.get("properties", ())
            if each.get("name") == UNREAD
        ),
    )


def _walk(found: Mapping[str, Any], limits: InventoryLimits) -> Iterator[tuple[Mapping[str, Any], Relation]]:
    """The subject, then every component with those that it holds, without recursion."""
    subject = found.get("metadata", {}).get("component")
    if subject is not None:
        yield subject, Relation.SUBJECT
    levels = [iter([*(subject or {}).get("components", ()), *found.get("components", ())])]
    while levels:
        said = next(levels[-1], None)
        if said is None:
            levels.pop()
            continue
        yield said, Relation.CONTAINED
        if inner := said.get("components"):
            if len(levels) == limits.depth:
                raise TooLarge("components", expected=f"at most {limits.depth} components within each other")
            levels.append(iter(inner))


def _component(said: Mapping[str, Any], relation: Relation, limits: InventoryLimits) -> Component:
    size = limits.text_size
    purl = purl_of(said.get("purl"), said.get("name"))
    group, name = text_of(said.get("group"), size), text_of(said.get("name"), size) or ""
    properties = {each.get("name"): each.get("value") for each in said.get("properties", ())}
    if relation is Relation.CONTAINED:
        if said.get("isExternal") is True or properties.get(RELATION) == Relation.DEPENDENCY:
            relation = Relation.DEPENDENCY
        elif properties.get(RELATION) == Relation.DECLARED:
            relation = Relation.DECLARED
    occurrences = (said.get("evidence") or {}).get("occurrences", ())
    return Component(
        name=f"{group}/{name}" if group is not None and purl is None else name,
        version=text_of(said.get("version"), size),
        purl=purl,
        licence=licence_of(_licences(said.get("licenses", ())), size),
        hashes=hashes_of((each.get("alg"), each.get("content")) for each in said.get("hashes", ())),
        relation=relation,
        found_in=tuple(
            place for each in occurrences[: limits.places] if (place := text_of(each.get("location"), size)) is not None
        ),
        kind=said["type"],
        constraint=text_of(said.get("versionRange") or properties.get(CONSTRAINT), size),
    )


def _licences(said: Any) -> Iterator[str]:
    for each in said:
        licence = each.get("license", {})
        yield each.get("expression") or licence.get("id") or licence.get("name") or ""


def _edges(found: Mapping[str, Any], places: Mapping[str, int], limits: InventoryLimits) -> Iterator[Edge]:
    seen: set[Edge] = set()
    for said in found.get("dependencies", ()):
        source = places.get(said["ref"])
        for reference in said.get("dependsOn", ()):
            target = places.get(reference)
            # What refers to services, or to nothing, is no edge between components.
            if source is None or target is None or (edge := Edge(source, target)) in seen:
                continue
            if len(seen) == limits.edges:
                raise TooLarge("dependencies", expected=f"at most {limits.edges} of them")
            seen.add(edge)
            yield edge


def _tools(said: Any, limits: InventoryLimits) -> Iterator[str]:
    """Since 1.5 tools are components and services; before they were a list of their own."""
    listed = said if isinstance(said, list) else [*said.get("components", ()), *said.get("services", ())]
    for each in listed[: limits.places]:
        yield f"{each.get('name', '')} {each.get('version', '')}".strip()[: limits.text_size]
