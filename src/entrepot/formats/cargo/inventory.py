"""What a crate says is needed by it: the dependencies that its index entry has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from entrepot.formats.cargo.metadata import KIND
from entrepot.inventory.packages import Needed, describe_package, mappings, subject_of, texts
from entrepot.operations.read_version import read_version

if TYPE_CHECKING:
    from entrepot.inventory.inventory import Inventory
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


async def describe(registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
    """As `entrepot.operations.registry.Describe` says."""
    found = await read_version(registry, package, artifact, KIND)
    if found is None:
        return None
    contents, metadata = found
    name = str(metadata.get("name") or package.name)
    return describe_package(
        subject_of("cargo", name, str(metadata.get("version"))),
        contents.files,
        _needed(metadata),
        licences=texts(metadata.get("license")),
    )


def _needed(metadata: Mapping[str, Any]) -> Iterator[Needed]:
    for each in mappings(metadata.get("dependencies")):
        name = each.get("package") or each.get("name")
        # What only its own tests need is not needed by who uses it.
        if isinstance(name, str) and each.get("kind") != "dev":
            yield Needed("cargo", name, constraint=str(each.get("req") or "*"))
