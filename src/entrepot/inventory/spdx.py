"""SPDX 2.2 and 2.3 in JSON (https://spdx.github.io/spdx-spec/v2.3/): checked, and read.

Its packages are the components. Its files and snippets are parts of them that nobody depends on, and are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from entrepot.inventory.inventory import Edge, Inventory
from entrepot.inventory.limits import InventoryLimits
from entrepot.inventory.reading import hashes_of, licence_of, purl_of, text_of
from entrepot.model.component import Component, Relation
from entrepot.model.errors import InvalidInventory, TooLarge
from entrepot.model.purl import Purl

VERSIONS: Final = ("SPDX-2.2", "SPDX-2.3")
CONSTRAINT_NOTE: Final = "version constraint: "
"""How a package's comment begins where we write which versions of it will do."""

_SHOWN: Final = 200
_NOTHING: Final = ("NONE", "NOASSERTION")
_IDENTIFIER: Final = re.compile(r"SPDXRef-[A-Za-z0-9.-]+")  # 7.2
_CREATOR: Final = re.compile(r"(?:Tool|Person|Organization): ?.+", re.DOTALL)  # 6.8
_CREATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")  # 6.9

# 11.1: those that say that one package is needed by another, in both directions.
_NEEDS: Final = frozenset({"DEPENDS_ON", "HAS_PREREQUISITE"})
_NEEDED_BY: Final = frozenset(
    {
        "DEPENDENCY_OF",
        "RUNTIME_DEPENDENCY_OF",
        "BUILD_DEPENDENCY_OF",
        "DEV_DEPENDENCY_OF",
        "OPTIONAL_DEPENDENCY_OF",
        "PROVIDED_DEPENDENCY_OF",
        "TEST_DEPENDENCY_OF",
        "BUILD_TOOL_OF",
        "DEV_TOOL_OF",
        "TEST_TOOL_OF",
        "PREREQUISITE_FOR",
    }
)
_MEANINGS: Final[Mapping[str, tuple[str, bool]]] = {
    "DESCRIBES": ("described", True),
    "DESCRIBED_BY": ("described", False),
    "CONTAINS": ("contained", True),
    "CONTAINED_BY": ("contained", False),
    "PACKAGE_OF": ("contained", False),
    **dict.fromkeys(_NEEDS, ("needed", True)),
    **dict.fromkeys(_NEEDED_BY, ("needed", False)),
}
"""What a relationship says of one of its two elements, and whether that is the second."""
_PURPOSES: Final = {
    "APPLICATION": "application",
    "FRAMEWORK": "framework",
    "LIBRARY": "library",
    "CONTAINER": "container",
    "OPERATING-SYSTEM": "operating-system",
    "DEVICE": "device",
    "FIRMWARE": "firmware",
    "FILE": "file",
}
"""7.24, as CycloneDX calls them."""


class _Creation(msgspec.Struct):
    creators: list[str]
    created: str


class _Checksum(msgspec.Struct):
    algorithm: str
    checksumValue: str  # noqa: N815 - the specification's name


class _Reference(msgspec.Struct):
    referenceType: str  # noqa: N815 - the specification's name
    referenceLocator: str  # noqa: N815 - the specification's name
    referenceCategory: str | None = None  # noqa: N815 - the specification's name


class _Package(msgspec.Struct):
    """7."""

    name: str
    SPDXID: str
    downloadLocation: str  # noqa: N815 - the specification's name
    versionInfo: str | None = None  # noqa: N815 - the specification's name
    licenseConcluded: str | None = None  # noqa: N815 - the specification's name
    licenseDeclared: str | None = None  # noqa: N815 - the specification's name
    primaryPackagePurpose: str | None = None  # noqa: N815 - the specification's name
    comment: str | None = None
    checksums: list[_Checksum] = msgspec.field(default_factory=list)
    externalRefs: list[_Reference] = msgspec.field(default_factory=list)  # noqa: N815 - the specification's name


class _Relationship(msgspec.Struct):
    """11."""

    spdxElementId: str  # noqa: N815 - the specification's name
    relatedSpdxElement: str  # noqa: N815 - the specification's name
    relationshipType: str  # noqa: N815 - the specification's name


class _Extracted(msgspec.Struct):
    """10."""

    licenseId: str  # noqa: N815 - the specification's name
    extractedText: str  # noqa: N815 - the specification's name
    name: str | None = None


class _Document(msgspec.Struct):
    """6."""

    spdxVersion: Literal["SPDX-2.2", "SPDX-2.3"]  # noqa: N815 - the specification's name
    dataLicense: Literal["CC0-1.0"]  # noqa: N815 - the specification's name
    SPDXID: Literal["SPDXRef-DOCUMENT"]
    name: str
    documentNamespace: str  # noqa: N815 - the specification's name
    creationInfo: _Creation  # noqa: N815 - the specification's name
    packages: list[_Package] = msgspec.field(default_factory=list)
    relationships: list[_Relationship] = msgspec.field(default_factory=list)
    documentDescribes: list[str] = msgspec.field(default_factory=list)  # noqa: N815 - the specification's name
    hasExtractedLicensingInfos: list[_Extracted] = msgspec.field(default_factory=list)  # noqa: N815 - likewise


def read(found: Mapping[str, Any], limits: InventoryLimits) -> Inventory:
    """Check and read a document. Raises `InvalidInventory`, `TooLarge`."""
    document = _convert(found)
    if len(document.packages) > limits.components:
        raise TooLarge("SBOM", expected=f"at most {limits.components} packages", actual=len(document.packages))
    if len(document.relationships) > limits.edges:
        raise TooLarge("SBOM", expected=f"at most {limits.edges} relationships", actual=len(document.relationships))
    places = _check(document)
    relations = _relations(document, places)
    names = {each.licenseId: each.name for each in document.hasExtractedLicensingInfos}
    return Inventory(
        components=tuple(
            _component(package, relations[at], names, limits=limits) for at, package in enumerate(document.packages)
        ),
        edges=tuple(dict.fromkeys(_edges(document, places))),
        tools=tuple(_tools(document, limits)),
        created=document.creationInfo.created,
    )


def _convert(found: Mapping[str, Any]) -> _Document:
    if found.get("spdxVersion") not in VERSIONS:
        raise InvalidInventory(
            "spdxVersion", expected=f"one of {', '.join(VERSIONS)}", actual=ascii(found.get("spdxVersion"))[:_SHOWN]
        )
    try:
        return msgspec.convert(found, _Document)
    except msgspec.ValidationError as error:
        version = found["spdxVersion"]
        raise InvalidInventory("SBOM", expected=f"{version} in JSON", actual=str(error)[:_SHOWN]) from error


def _check(document: _Document) -> dict[str, int]:
    """What the types do not say; where each package is by its identifier."""
    if not document.creationInfo.creators:
        raise InvalidInventory("creationInfo/creators", expected="at least one (6.8)", actual="none")
    for creator in document.creationInfo.creators:
        if _CREATOR.fullmatch(creator) is None:
            raise InvalidInventory(
                "creationInfo/creators",
                expected="Tool:, Person: or Organization: (6.8)",
                actual=ascii(creator)[:_SHOWN],
            )
    if _CREATED.fullmatch(document.creationInfo.created) is None:
        raise InvalidInventory(
            "creationInfo/created",
            expected="YYYY-MM-DDThh:mm:ssZ (6.9)",
            actual=ascii(document.creationInfo.created)[:_SHOWN],
        )
    places: dict[str, int] = {}
    for at, package in enumerate(document.packages):
        identifier = package.SPDXID
        if _IDENTIFIER.fullmatch(identifier) is None:
            raise InvalidInventory(
                f"packages/{at}/SPDXID",
                expected="SPDXRef- and letters, digits, . or - (7.2)",
                actual=_ascii(identifier),
            )
        if places.setdefault(identifier, at) != at:
            raise InvalidInventory(
                f"packages/{at}/SPDXID", expected="an identifier of its own (7.2)", actual=_ascii(identifier)
            )
    return places


def _ascii(text: str) -> str:
    return ascii(text[:_SHOWN])


def _relations(document: _Document, places: Mapping[str, int]) -> list[Relation]:
    """What is described is the subject; what is only depended on, and nowhere contained, is a dependency."""
    said: dict[str, set[str]] = {"described": set(document.documentDescribes), "contained": set(), "needed": set()}
    for each in document.relationships:
        if (meaning := _MEANINGS.get(each.relationshipType)) is not None:
            what, is_second = meaning
            said[what].add(each.relatedSpdxElement if is_second else each.spdxElementId)
    contained, needed = said["contained"], said["needed"]
    # A document about several things has no one subject; what it lists is then in it.
    subjects = said["described"] & places.keys()
    relations = []
    for identifier in places:
        if len(subjects) == 1 and identifier in subjects:
            relations.append(Relation.SUBJECT)
        elif identifier in needed and identifier not in contained and identifier not in subjects:
            relations.append(Relation.DEPENDENCY)
        else:
            relations.append(Relation.CONTAINED)
    return relations


def _component(
    package: _Package, relation: Relation, names: Mapping[str, str | None], *, limits: InventoryLimits
) -> Component:
    size = limits.text_size
    comment = package.comment or ""
    return Component(
        name=package.name[:size],
        version=text_of(package.versionInfo, size),
        purl=next((found for each in package.externalRefs if (found := _purl(each, package.name)) is not None), None),
        licence=_licence(package, names, size),
        hashes=hashes_of((each.algorithm, each.checksumValue) for each in package.checksums),
        relation=relation,
        kind=_PURPOSES.get(package.primaryPackagePurpose or "", "library"),
        constraint=text_of(comment.removeprefix(CONSTRAINT_NOTE), size)
        if comment.startswith(CONSTRAINT_NOTE)
        else None,
    )


def _purl(reference: _Reference, name: str) -> Purl | None:
    return purl_of(reference.referenceLocator, name) if reference.referenceType == "purl" else None


def _licence(package: _Package, names: Mapping[str, str | None], size: int) -> str | None:
    """What somebody concluded comes before what was declared (7.13, 7.15)."""
    for said in (package.licenseConcluded, package.licenseDeclared):
        if said is not None and said not in _NOTHING:
            # A reference to a text in the document: the name that is given to it says more than the reference.
            return licence_of([names.get(said) or said], size)
    return None


def _edges(document: _Document, places: Mapping[str, int]) -> Iterator[Edge]:
    for each in document.relationships:
        one, other = places.get(each.spdxElementId), places.get(each.relatedSpdxElement)
        if one is None or other is None:
            continue
        if each.relationshipType in _NEEDS:
            yield Edge(one, other)
        elif each.relationshipType in _NEEDED_BY:
            yield Edge(other, one)


def _tools(document: _Document, limits: InventoryLimits) -> Iterator[str]:
    for creator in document.creationInfo.creators[: limits.places]:
        if creator.startswith("Tool:"):
            yield creator.removeprefix("Tool:").strip()[: limits.text_size]
