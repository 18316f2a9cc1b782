"""Inventories as SPDX 2.3 in JSON. The same inventory at the same time makes the same bytes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from entrepot.inventory.inventory import Inventory
from entrepot.inventory.licences import normalise
from entrepot.inventory.spdx import CONSTRAINT_NOTE
from entrepot.inventory.writing import TOOL, ordered
from entrepot.model.component import Component, Relation

_ALGORITHMS: Final = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha224": "SHA224",
    "sha256": "SHA256",
    "sha384": "SHA384",
    "sha512": "SHA512",
    "sha3-256": "SHA3-256",
    "sha3-384": "SHA3-384",
    "sha3-512": "SHA3-512",
    "blake2b-256": "BLAKE2b-256",
    "blake2b-384": "BLAKE2b-384",
    "blake2b-512": "BLAKE2b-512",
}
_PURPOSES: Final = {
    "application": "APPLICATION",
    "framework": "FRAMEWORK",
    "library": "LIBRARY",
    "container": "CONTAINER",
    "operating-system": "OPERATING-SYSTEM",
    "device": "DEVICE",
    "firmware": "FIRMWARE",
    "file": "FILE",
}
_NOTHING: Final = "NOASSERTION"
_REFERENCE: Final = re.compile(r"(?<![:A-Za-z0-9.-])LicenseRef-[A-Za-z0-9.-]+")
_ENCODER: Final = msgspec.json.Encoder()


def write(inventory: Inventory, created_at: datetime, tool_version: str) -> bytes:
    """The document."""
    inventory = ordered(inventory)
    subject = inventory.subject
    document: dict[str, Any] = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "inventory" if subject is None else subject.name,
        "creationInfo": {
            "created": created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {TOOL}-{tool_version}"],
        },
        "packages": [_package(each, _name(at)) for at, each in enumerate(inventory.components)],
        "relationships": list(_relationships(inventory)),
    }
    if inventory.unread:
        document["comment"] = "not looked into: " + "; ".join(inventory.unread)
    if extracted := _extracted(inventory):
        document["hasExtractedLicensingInfos"] = extracted
    # 6.5: the same document has the same name, another has another.
    document["documentNamespace"] = uuid.uuid5(uuid.NAMESPACE_URL, _ENCODER.encode(document).hex()).urn
    return _ENCODER.encode(document)


def _name(at: int) -> str:
    return f"SPDXRef-Package-{at}"


def _package(component: Component, name: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "SPDXID": name,
        "name": component.name or _NOTHING,
        "downloadLocation": _NOTHING,
        "filesAnalyzed": False,
        "licenseConcluded": _NOTHING,
        "licenseDeclared": _licence(component.licence),
        "copyrightText": _NOTHING,
    }
    if component.version is not None:
        written["versionInfo"] = component.version
    if component.kind in _PURPOSES:
        written["primaryPackagePurpose"] = _PURPOSES[component.kind]
    if checksums := [
        {"algorithm": _ALGORITHMS[algorithm], "checksumValue": value}
        for algorithm, _, value in (each.partition(":") for each in component.hashes)
        if algorithm in _ALGORITHMS
    ]:
        written["checksums"] = checksums
    if component.purl is not None:
        written["externalRefs"] = [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": str(component.purl),
            }
        ]
    if component.constraint is not None:
        written["comment"] = f"{CONSTRAINT_NOTE}{component.constraint}"
    if component.found_in:
        written["sourceInfo"] = f"found in {', '.join(component.found_in)}"
    return written


def _licence(text: str | None) -> str:
    if text is None:
        return _NOTHING
    return normalise(text) or _reference(text)


def _reference(text: str) -> str:
    """What a licence that is no expression is called in the document (10.1)."""
    return f"LicenseRef-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _extracted(inventory: Inventory) -> list[dict[str, str]]:
    """Every reference that a licence makes is defined (10)."""
    found: dict[str, str] = {}
    for text in sorted({each.licence for each in inventory.components if each.licence is not None}):
        expression = normalise(text)
        if expression is None:
            found[_reference(text)] = text
        else:
            found |= {name: name for name in _REFERENCE.findall(expression)}
    return [{"licenseId": name, "extractedText": text, "name": text} for name, text in sorted(found.items())]


def _relationships(inventory: Inventory) -> Iterator[dict[str, str]]:
    components = inventory.components
    subject = next((at for at, each in enumerate(components) if each.relation is Relation.SUBJECT), None)
    for at, each in enumerate(components):
        if subject is None or at == subject:
            yield _related("SPDXRef-DOCUMENT", "DESCRIBES", _name(at))
        elif each.relation is Relation.CONTAINED:
            yield _related(_name(subject), "CONTAINS", _name(at))
        else:
            yield _related(_name(subject), "DEPENDS_ON", _name(at))
    for edge in inventory.edges:
        if edge.source == subject and components[edge.target].relation is Relation.DEPENDENCY:
            continue  # It is there already.
        yield _related(_name(edge.source), "DEPENDS_ON", _name(edge.target))


def _related(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
