"""Put a blob that another package has into this one, without sending it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import InsufficientScope
from entrepot.model.events import BlobAdded
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.quota import require_within

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_SOURCES: int = 100


async def mount(
    registry: Registry, caller: Caller, package: PackageId, digest: Digest, *, source: tuple[View, PackageId] | None
) -> bool:
    """Put *digest* into *package* from *source*, or from wherever the caller may read it; False when they may not.

    A source that the caller may not read answers like one that does not have the blob: a digest that is known only
    in a private package does not become readable by being named.

    Raises `QuotaExceeded`, `InsufficientScope` when another access token would do, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.PUBLISH, package)
    found = await _find(registry, caller, digest, source)
    if found is None:
        return False
    origin, size = found

    def change(transaction: Transaction) -> bool:
        if not transaction.has_member(origin, digest):
            return False
        account = transaction.usage.find(package.namespace)
        if transaction.add_blob_member(package, digest):
            require_within(transaction, account)
            transaction.append(
                caller.name,
                BlobAdded(
                    namespace=package.namespace,
                    package=package.path,
                    digest=str(digest),
                    size=size,
                    mounted_from=str(origin),
                ),
            )
        return True

    return await registry.catalog.write(change)


async def _find(
    registry: Registry, caller: Caller, digest: Digest, source: tuple[View, PackageId] | None
) -> tuple[PackageId, int] | None:
    """Where the caller may take the blob from, and its size."""
    if source is not None:
        view, origin = source
        blob = await registry.catalog.find_blob(view, origin, digest)
        if blob is None:
            return None
        if access.may_read(caller, view, origin, public=blob.public):
            return origin, blob.size
        if caller.unscoped is not None and caller.unscoped.allows(Action.READ, view, origin.name):
            raise InsufficientScope(f"{Action.READ} on {view}/{origin.name}")
        return None
    # Nobody can name the packages of an access token beforehand here, so the caller's own rights decide.
    rights = caller.rights if caller.unscoped is None else caller.unscoped
    for origin, public in await registry.catalog.list_sources(digest, limit=_SOURCES):
        view = View(origin.namespace)
        if public or rights.allows(Action.READ, view, origin.name):
            blob = await registry.catalog.find_blob(view, origin, digest)
            if blob is not None:
                return origin, blob.size
    return None
