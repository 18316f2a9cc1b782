"""What a chart says is needed by it: ``Chart.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.helm.rules import KIND
from entrepot.inventory.packages import Needed, describe_package, mappings, pairs, subject_of
from entrepot.operations.read_version import read_version

if TYPE_CHECKING:
    from entrepot.inventory.inventory import Inventory
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

_LICENCES: Final = ("artifacthub.io/license", "licenses", "license")
"""The annotations in which charts say it: the file itself has no place for it."""


async def describe(registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
    """As `entrepot.operations.registry.Describe` says."""
    found = await read_version(registry, package, artifact, KIND)
    if found is None:
        return None
    contents, metadata = found
    annotations = dict(pairs(metadata.get("annotations")))
    return describe_package(
        subject_of("helm", package.name, str(metadata.get("version")), kind="application"),
        contents.files,
        _needed(metadata),
        licences=[annotations[key] for key in _LICENCES if key in annotations][:1],
    )


def _needed(metadata: Mapping[str, Any]) -> Iterator[Needed]:
    for each in mappings(metadata.get("dependencies")):
        name = each.get("name")
        if isinstance(name, str) and name:
            # Charts that a chart depends on are packed into it, where they are not left out on purpose.
            yield Needed("helm", name, constraint=str(each.get("version") or "*"))
