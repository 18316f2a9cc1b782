"""What this registry itself holds of a package, as a packument."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.formats.npm.metadata import KIND
from entrepot.formats.npm.packument import Packument, Release
from entrepot.formats.npm.rules import tarball_name
from entrepot.model.errors import PackageUnknown
from entrepot.model.position import Position
from entrepot.operations.read_package import read_package

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId, PackageName, View
    from entrepot.operations.read_package import StoredPackage, StoredVersion
    from entrepot.operations.registry import Registry

_REVISION: Final = re.compile(r"([0-9]{1,18})-0")


async def read_packument(registry: Registry, caller: Caller, view: View, package: PackageId) -> Packument:
    """The package as *view* shows it. Raises like `find_package`, also when all of its versions are gone."""
    packument = await read_stored(registry, caller, view, package)
    if not packument.releases:
        raise PackageUnknown(f"{view}/{package.name}")
    return packument


async def read_stored(registry: Registry, caller: Caller, view: View, package: PackageId) -> Packument:
    """The same, perhaps without any version. Raises like `find_package`."""
    return to_packument(package.name, await read_package(registry, caller, view, package, KIND))


def to_packument(name: PackageName, stored: StoredPackage) -> Packument:
    """What is stored, in npm's words."""
    versions = {version.digest: version.name for version in stored.versions}
    return Packument(
        name=name,
        revision=print_revision(stored.revision),
        releases=[_release(name, version) for version in stored.versions],
        tags={tag: versions[digest] for tag, digest in stored.tags.items() if digest in versions},
    )


def print_revision(revision: Position) -> str:
    """A revision as CouchDB writes one, which clients send back with a change."""
    return f"{revision}-0"


def parse_revision(text: str) -> Position | None:
    """What `print_revision` wrote; None for anything else."""
    match = _REVISION.fullmatch(text)
    return None if match is None else Position(int(match[1]))


def _release(name: PackageName, version: StoredVersion) -> Release:
    metadata = version.metadata
    file = tarball_name(name, version.name)
    facts, manifest = metadata["files"][file], metadata["manifest"]
    return Release(
        version=version.name,
        read_manifest=lambda: manifest,
        file=file,
        shasum=facts["shasum"],
        integrity=facts["integrity"],
        unpacked_size=facts["unpackedSize"],
        file_count=facts["fileCount"],
        published_at=version.published_at,
        publisher=metadata["publisher"],
        deprecated=_deprecated(version),
        written=metadata.get("written"),
        provenance=metadata.get("provenance"),
        readme=metadata.get("readme"),
        readme_name=metadata.get("readmeFilename"),
    )


def _deprecated(version: StoredVersion) -> str | None:
    """Npm has no word for yanked versions: they are deprecated, with that as the reason."""
    if version.yanked is not None:
        return f"yanked: {version.yanked}" if version.yanked else "yanked"
    if version.deprecated is not None:
        return version.deprecated or "deprecated"
    return None
