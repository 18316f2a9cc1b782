"""What a version says is in it and needed by it: the ``package.json`` inside its tarball."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.npm.metadata import KIND
from entrepot.inventory.packages import Needed, describe_package, mappings, pairs, subject_of, texts
from entrepot.operations.read_version import read_version

if TYPE_CHECKING:
    from entrepot.inventory.inventory import Inventory
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

_NEEDS: Final = ("dependencies", "optionalDependencies", "peerDependencies")


async def describe(registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
    """As `entrepot.operations.registry.Describe` says."""
    found = await read_version(registry, package, artifact, KIND)
    if found is None:
        return None
    contents, metadata = found
    manifest = metadata.get("manifest", {})
    scope, name = _split(package.name)
    return describe_package(
        subject_of("npm", name, str(metadata.get("version")), namespace=scope, full=package.name),
        contents.files,
        _needed(manifest),
        licences=_licences(manifest.get("license", manifest.get("licenses"))),
    )


def _needed(manifest: Mapping[str, Any]) -> Iterator[Needed]:
    bundled = set(texts(manifest.get("bundleDependencies")))
    for field in _NEEDS:
        for alias, wanted in pairs(manifest.get(field)):
            scope, name = _split(alias)
            constraint = wanted
            if wanted.startswith("npm:"):
                # Another package under this name: npm:name@range.
                real, at, rest = wanted.removeprefix("npm:").rpartition("@")
                scope, name = _split(real or rest)
                constraint = rest if at and real else "*"
            yield Needed("npm", name, scope, constraint, contained=alias in bundled)


def _split(full: str) -> tuple[str | None, str]:
    scope, slash, name = full.rpartition("/")
    return (scope if slash else None), name


def _licences(said: Any) -> list[str]:
    """An expression today; once a mapping, or a list of them."""
    if isinstance(said, dict):
        return texts(said.get("type"))
    return texts(said) or [text for each in mappings(said) for text in texts(each.get("type"))]
