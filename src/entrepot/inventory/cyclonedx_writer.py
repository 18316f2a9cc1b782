"""Inventories as CycloneDX 1.6 in JSON. The same inventory at the same time makes the same bytes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec

from entrepot.inventory.cyclonedx import read_schema
from entrepot.inventory.inventory import Inventory
from entrepot.inventory.licences import normalise
from entrepot.inventory.reading import CONSTRAINT, RELATION, UNREAD
from entrepot.inventory.writing import TOOL, ordered
from entrepot.model.component import Component, Relation

_ALGORITHMS: Final = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3-256": "SHA3-256",
    "sha3-384": "SHA3-384",
    "sha3-512": "SHA3-512",
    "blake2b-256": "BLAKE2b-256",
    "blake2b-384": "BLAKE2b-384",
    "blake2b-512": "BLAKE2b-512",
}
_KINDS: Final = frozenset(
    {
        "application",
        "framework",
        "library",
        "container",
        "platform",
        "operating-system",
        "device",
        "device-driver",
        "firmware",
        "file",
        "machine-learning-model",
        "data",
        "cryptographic-asset",
    }
)
_ENCODER: Final = msgspec.json.Encoder()


def write(inventory: Inventory, created_at: datetime, tool_version: str) -> bytes:
    """The document."""
    inventory = ordered(inventory)
    names = list(_references(inventory.components))
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": TOOL, "version": tool_version}]},
        },
        "components": [
            _component(each, name)
            for each, name in zip(inventory.components, names, strict=True)
            if each.relation is not Relation.SUBJECT
        ],
        "dependencies": list(_dependencies(inventory, names)),
    }
    for each, name in zip(inventory.components, names, strict=True):
        if each.relation is Relation.SUBJECT:
            document["metadata"]["component"] = _component(each, name)
    if inventory.unread:
        document["metadata"]["properties"] = [{"name": UNREAD, "value": each} for each in inventory.unread]
    # The same document has the same number, another has another.
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, _ENCODER.encode(document).hex()).urn
    return _ENCODER.encode(document)


def _references(components: Iterable[Component]) -> Iterator[str]:
    """A name for each that it keeps in later documents, as far as there are not two of a name."""
    seen: dict[str, int] = {}
    for each in components:
        name = str(each.purl) if each.purl is not None else f"{each.name}@{each.version or ''}"
        seen[name] = count = seen.get(name, 0) + 1
        # No package URL ends like that: what follows # is a path.
        yield name if count == 1 else f"{name}#/{count}"


def _component(component: Component, reference: str) -> dict[str, Any]:
    written: dict[str, Any] = {
        "type": component.kind if component.kind in _KINDS else "library",
        "bom-ref": reference,
        "name": component.name,
    }
    if component.purl is not None and component.purl.namespace is not None and "/" not in component.name:
        written["group"] = component.purl.namespace
    if component.version is not None:
        written["version"] = component.version
    if hashes := list(_hashes(component)):
        written["hashes"] = hashes
    if component.licence is not None:
        written["licenses"] = [_licence(component.licence)]
    if component.purl is not None:
        written["purl"] = str(component.purl)
    properties = []
    if component.constraint is not None:
        properties.append({"name": CONSTRAINT, "value": component.constraint})
    if component.relation in (Relation.DEPENDENCY, Relation.DECLARED):
        properties.append({"name": RELATION, "value": str(component.relation)})
    if properties:
        written["properties"] = properties
    if component.found_in:
        written["evidence"] = {"occurrences": [{"location": place} for place in component.found_in]}
    return written


def _hashes(component: Component) -> Iterator[Mapping[str, str]]:
    for each in component.hashes:
        algorithm, _, value = each.partition(":")
        if algorithm in _ALGORITHMS:
            yield {"alg": _ALGORITHMS[algorithm], "content": value}


def _licence(text: str) -> dict[str, Any]:
    """A licence that the schema lists by its identifier, any other expression as one, and what is none as a name."""
    expression = normalise(text)
    if expression is None:
        return {"license": {"name": text}}
    return {"license": {"id": expression}} if expression in _identifiers() else {"expression": expression}


@cache
def _identifiers() -> frozenset[str]:
    return frozenset(read_schema("spdx.SNAPSHOT.schema.json")["enum"])


def _dependencies(inventory: Inventory, names: list[str]) -> Iterator[dict[str, Any]]:
    needed: dict[int, set[int]] = {}
    for edge in inventory.edges:
        needed.setdefault(edge.source, set()).add(edge.target)
    for at, name in enumerate(names):
        targets = needed.get(at)
        yield {"ref": name, "dependsOn": sorted(names[target] for target in targets)} if targets else {"ref": name}
