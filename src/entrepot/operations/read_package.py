"""A package as its format sees it: every version that a view shows, what each is made of, and the tags.

Index documents are rendered from this; it is read whole, once for each revision of the package and each view (I11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from entrepot.model.contents import Contents
from entrepot.model.errors import BlobUnknown
from entrepot.model.events import ArtifactPublished, BlobAdded, InventoryIndexed
from entrepot.model.reference import ReferenceKind
from entrepot.operations.browse import find_package
from entrepot.operations.read_blob import read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.contents import Kind
    from entrepot.model.digest import Digest
    from entrepot.model.events import Event
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.model.position import Position
    from entrepot.operations.add_files import Metadata
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import VersionRow

_PAGE = 500
_LOOK_BACK = 1_000
"""So many events of a namespace are read to find out whether any of them changed a package."""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version that its format published."""

    name: ReferenceName
    digest: Digest
    contents: Contents
    metadata: Metadata
    sealed: bool
    yanked: str | None
    deprecated: str | None
    published_at: datetime
    """When it was first published."""


@dataclass(frozen=True, slots=True)
class StoredPackage:
    """All that a view shows of a package."""

    revision: Position
    """That of the last event that touched the package: what is here is at least as new."""
    versions: Sequence[StoredVersion]
    """In the order in which they were first published."""
    tags: Mapping[ReferenceName, Digest]
    times: Mapping[Digest, datetime]
    """When each file came into the package."""


async def read_package(registry: Registry, caller: Caller, view: View, package: PackageId, kind: Kind) -> StoredPackage:
    """The package, with the versions that are of *kind*. Raises like `find_package`."""
    row = await find_package(registry, caller, view, package)
    versions = [
        version
        for found in await _list_versions(registry, view, package)
        if (version := await _read(registry, found, kind)) is not None
    ]
    return StoredPackage(
        row.revision,
        sorted(versions, key=lambda version: version.published_at),
        await _list_tags(registry, view, package),
        await registry.catalog.list_times(package),
    )


async def is_as_read(registry: Registry, package: PackageId, position: Position) -> bool:
    """Whether its versions and tags are still those that somebody read at *position*; False where too much has happened.

    What is attached to an artifact, or found in it, changes none of them: that follows from every publication, while its
    client may already be changing what it published.
    """
    entries = await registry.catalog.list_entries(after=position, limit=_LOOK_BACK, namespace=package.namespace)
    name = f"{package.format}/{package.name}"
    return len(entries) < _LOOK_BACK and all(
        entry.event.package != name or _is_beside(entry.event) for entry in entries
    )


def _is_beside(event: Event) -> bool:
    match event:
        case BlobAdded() | InventoryIndexed():
            return True
        case ArtifactPublished(references=()):
            return True
    return False


async def _list_versions(registry: Registry, view: View, package: PackageId) -> list[VersionRow]:
    found: list[VersionRow] = []
    while True:
        after = found[-1].name if found else ""
        page = await registry.catalog.list_versions(view, package, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


async def _list_tags(registry: Registry, view: View, package: PackageId) -> dict[ReferenceName, Digest]:
    tags: dict[ReferenceName, Digest] = {}
    after = ""
    while True:
        page = await registry.catalog.list_references(view, package, kind=ReferenceKind.TAG, after=after, limit=_PAGE)
        tags |= {tag.name: tag.digest for tag in page}
        if len(page) < _PAGE:
            return tags
        after = page[-1].name


async def _read(registry: Registry, row: VersionRow, kind: Kind) -> StoredVersion | None:
    contents = Contents.read(row.manifest, kind)
    if contents is None or contents.config is None:
        return None
    config = row.config
    if config is None:
        # One that a client pushed may be no small blob.
        placed = await registry.catalog.tiers.find(contents.config)
        if placed is None:
            raise BlobUnknown(contents.config)
        config = await read_whole(registry, placed)
    return StoredVersion(
        name=row.name,
        digest=row.digest,
        contents=contents,
        metadata=msgspec.json.decode(config, type=dict[str, Any]),
        sealed=row.sealed,
        yanked=row.yanked,
        deprecated=row.deprecated,
        published_at=row.published_at,
    )
