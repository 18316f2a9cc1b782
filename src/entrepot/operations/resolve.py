"""From a name to bytes, through a view: the hot path.

One question to the catalog answers a pull. Only when there is nothing to serve are more asked, to say why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.errors import ArtifactUnknown, BlobUnknown, PackageUnknown, ReferenceUnknown
from entrepot.operations import access

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.errors import NotFound
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import FoundArtifact, FoundBlob


async def resolve(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> FoundArtifact:
    """The artifact that *name* or *digest* means in *package*, as *view* shows it (I7).

    Raises `PackageUnknown`, `ReferenceUnknown`, `ArtifactUnknown`, `Unauthenticated`, `InsufficientScope`.
    """
    found = await registry.catalog.find_artifact(view, package, name=name, digest=digest)
    if found is not None and access.may_read(caller, view, package, public=found.public):
        return found
    missing = ReferenceUnknown(name) if digest is None else ArtifactUnknown(digest)
    raise await _why(registry, caller, view, package, missing)


async def find_blob(registry: Registry, caller: Caller, view: View, package: PackageId, digest: Digest) -> FoundBlob:
    """The blob *digest* of *package*, as *view* shows it (I7).

    Raises `PackageUnknown`, `BlobUnknown`, `Unauthenticated`, `InsufficientScope`.
    """
    found = await registry.catalog.find_blob(view, package, digest)
    if found is not None and access.may_read(caller, view, package, public=found.public):
        return found
    raise await _why(registry, caller, view, package, BlobUnknown(digest))


async def _why(registry: Registry, caller: Caller, view: View, package: PackageId, missing: NotFound) -> NotFound:
    """What to tell a caller who gets nothing: *missing* only if they may know that the package is there."""
    await access.require_read(registry, caller, view, package)
    if await registry.catalog.find_package(view, package) is None:
        return PackageUnknown(f"{view}/{package.name}")
    return missing
