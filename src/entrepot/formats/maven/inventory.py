"""What a version says is needed by it: its POM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from entrepot.formats.maven.rules import KIND
from entrepot.inventory.packages import Needed, describe_package, mappings, subject_of
from entrepot.model.errors import InvalidMetadata
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
    group, _, name = package.name.partition("/")
    version = metadata.get("version")
    if not isinstance(version, str):
        raise InvalidMetadata("config", expected="a version of this format")
    pom = metadata.get("pom") or {}
    return describe_package(
        subject_of("maven", name, version, namespace=group, full=f"{group}:{name}"),
        contents.files,
        _needed(pom),
        # Of several licences a POM does not say whether all hold or one may be chosen; all is what is safe.
        licences=[each["name"] for each in mappings(pom.get("licenses")) if isinstance(each.get("name"), str)],
    )


def _needed(pom: Mapping[str, Any]) -> Iterator[Needed]:
    for each in mappings(pom.get("dependencies")):
        group, artifact = each.get("groupId"), each.get("artifactId")
        # Coordinates may be expressions, which only the build that they come from can evaluate.
        if each.get("scope") == "test" or not isinstance(group, str) or not isinstance(artifact, str):
            continue
        if "${" not in f"{group}{artifact}":
            yield Needed("maven", artifact, group, each.get("version"))
