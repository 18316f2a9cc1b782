"""Let what was deleted of a mirrored package come from its upstream again.

Whoever deletes a version that came from an upstream wants it gone, and the upstream still has it: without a tombstone
the next client would bring it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import TombstoneUnknown
from entrepot.model.events import VersionReadmitted
from entrepot.operations import access

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def readmit(
    registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest, *, reason: str = ""
) -> None:
    """Let a version, with the artifact that it meant last, or an artifact come from an upstream again.

    Nothing is fetched by that; what comes must be as it was (I4). For who may delete there.

    Raises `TombstoneUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.DELETE, package)

    def change(transaction: Transaction) -> None:
        lifted = transaction.tombstones.lift(package, target)
        known = None if isinstance(target, Digest) else transaction.find_meaning(package, target)
        if known is not None:
            lifted |= transaction.tombstones.lift(package, known.digest)
        if not lifted:
            raise TombstoneUnknown(target)
        event = VersionReadmitted(namespace=package.namespace, package=package.path, target=str(target), reason=reason)
        transaction.append(caller.name, event)

    await registry.catalog.write(change)
