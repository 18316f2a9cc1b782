"""From a name to bytes, through a view: the hot path.

One question to the catalog answers a pull. Only when there is nothing to serve are more asked, to say why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.block import BlockKind
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobErased,
    BlobQuarantined,
    BlobUnknown,
    Erased,
    PackageUnknown,
    Quarantined,
    ReferenceUnknown,
)
from entrepot.operations import access
from entrepot.operations.block import refusal_of

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

    Raises `PackageUnknown`, `ReferenceUnknown`, `ArtifactUnknown`, `Erased`, `PolicyDenied`, `Quarantined`,
    `Unauthenticated`, `InsufficientScope`.
    """
    found = await registry.catalog.find_artifact(view, package, name=name, digest=digest)
    if found is not None and access.may_read(caller, view, package, public=found.public):
        return found
    if found is None:
        barred = await registry.catalog.find_artifact(view, package, name=name, digest=digest, barred=True)
        if barred is not None and access.may_read(caller, view, package, public=barred.public):
            if await is_let_through(registry, caller, view, package, barred.digest):
                return barred
            # Nothing is in its way any more: that went away after we had asked for it.
            found = await registry.catalog.find_artifact(view, package, name=name, digest=digest)
            if found is None or not access.may_read(caller, view, package, public=found.public):
                raise Quarantined(f"{package.name} {barred.digest}")
            return found
    missing = ReferenceUnknown(name) if digest is None else ArtifactUnknown(digest)
    reason = await _why(registry, caller, view, package, missing)
    await require_not_erased(registry, view, package, name=name, digest=digest)
    raise reason


async def find_blob(registry: Registry, caller: Caller, view: View, package: PackageId, digest: Digest) -> FoundBlob:
    """The blob *digest* of *package*, as *view* shows it (I7).

    Raises `PackageUnknown`, `BlobUnknown`, `BlobErased`, `PolicyDenied`, `Quarantined`, `Unauthenticated`,
    `InsufficientScope`.
    """
    found = await registry.catalog.find_blob(view, package, digest)
    if found is not None and access.may_read(caller, view, package, public=found.public):
        return found
    missing: NotFound = BlobUnknown(digest)
    if view.channel is None:
        # Whoever pushes asks first for what was never here.
        await access.require_read(registry, caller, view, package)
        had = await registry.catalog.had_blob(package, digest)
        if not had:
            raise missing if had is False else PackageUnknown(f"{view}/{package.name}")
    else:
        # Who may see only a part is not to tell what was here apart by the time.
        missing = await _why(registry, caller, view, package, missing)
    barred = await registry.catalog.find_blob(view, package, digest, barred=True)
    if barred is not None:
        if await is_let_through(registry, caller, view, package, digest):
            return barred
        # Nothing is in its way any more: that went away after we had asked for it.
        found = await registry.catalog.find_blob(view, package, digest)
        if found is None:
            raise Quarantined(f"{package.name} {digest}")
        return found
    if await registry.catalog.erasures.find_told(view, package, digest=digest) is not None:
        raise BlobErased(digest)
    if isinstance(missing, BlobUnknown) and await registry.catalog.scrubs.is_damaged(package, digest):
        raise BlobQuarantined(digest)
    raise missing


async def require_not_erased(
    registry: Registry,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> None:
    """Raise `Erased` for what was in a package, as a view of it shows, until it was erased; for who may read there."""
    erased = await registry.catalog.erasures.find_told(view, package, name=name, digest=digest)
    if erased is not None:
        raise Erased(digest if name is None else f"{name}, {erased}")


async def is_let_through(registry: Registry, caller: Caller, view: View, package: PackageId, digest: Digest) -> bool:
    """Whether an artifact is blocked, but waits to be examined and the caller may publish it; False where it is not.

    Who is to sign it, or to try it, must be able to read it.

    Raises `PolicyDenied`, `Quarantined` where it is blocked for the caller.
    """
    block = await registry.catalog.blocks.find(package, digest)
    if block is None:
        return False
    # Docker's clients ask for a token that may pull, whoever they are and whatever they do with it next: sign it, say.
    rights = caller.rights if caller.unscoped is None else caller.unscoped
    if block.kind is BlockKind.AWAITING and rights.allows(Action.PUBLISH, view, package.name):
        return True
    raise refusal_of(block)


async def _why(registry: Registry, caller: Caller, view: View, package: PackageId, missing: NotFound) -> NotFound:
    """What to tell a caller who gets nothing: *missing* only if they may know that the package is there."""
    await access.require_read(registry, caller, view, package)
    if await registry.catalog.find_package(view, package) is None:
        return PackageUnknown(f"{view}/{package.name}")
    return missing
