"""What a version of plain files is: its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.formats.generic.metadata import KIND
from entrepot.inventory.packages import describe_package, subject_of
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
    namespace, _, name = package.name.rpartition("/")
    version = str(metadata.get("version"))
    return describe_package(
        subject_of("generic", name, version, namespace=namespace or None, kind="application", full=package.name),
        contents.files,
    )
