"""Open and close clearances: let an artifact be seen through a channel's view.

Here an administrator decides; promotion by policy is built on the same change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import ClearanceUnknown
from entrepot.model.events import ClearanceClosed, ClearanceOpened
from entrepot.model.names import View
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def open_clearance(
    registry: Registry, caller: Caller, package: PackageId, channel: ChannelName, digest: Digest, *, reason: str = ""
) -> bool:
    """Clear an artifact, with what it contains and its referrers; False when it is cleared already.

    Its versions are sealed: what was cleared is what is seen.

    Raises `ChannelUnknown`, `ArtifactUnknown`, or what `access.require` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER, View(package.namespace))

    def change(transaction: Transaction) -> bool:
        if not transaction.open_clearance(package, channel, digest):
            return False
        for reference in transaction.names_of(package, digest):
            if reference.kind is ReferenceKind.VERSION and not reference.sealed:
                transaction.mark_version(package, replace(reference, sealed=True))
        transaction.append(
            caller.name,
            ClearanceOpened(
                namespace=package.namespace,
                package=package.path,
                channel=channel,
                digest=str(digest),
                reason=reason,
            ),
        )
        return True

    return await registry.catalog.write(change)


async def close_clearance(
    registry: Registry, caller: Caller, package: PackageId, channel: ChannelName, digest: Digest, *, reason: str = ""
) -> None:
    """Take a clearance back. Raises `ClearanceUnknown`, `ChannelUnknown`, or what `access.require` raises."""
    access.require_anywhere(caller, Action.ADMINISTER, View(package.namespace))

    def change(transaction: Transaction) -> None:
        if not withdraw_clearance(transaction, caller.name, package, channel, digest, reason=reason):
            raise ClearanceUnknown(f"{digest} for {channel}")

    await registry.catalog.write(change)


def withdraw_clearance(
    transaction: Transaction, actor: str, package: PackageId, channel: ChannelName, digest: Digest, *, reason: str
) -> bool:
    """Close a clearance and append the event: the end of a change; False when there is none."""
    if not transaction.close_clearance(package, channel, digest):
        return False
    transaction.append(
        actor,
        ClearanceClosed(
            namespace=package.namespace, package=package.path, channel=channel, digest=str(digest), reason=reason
        ),
    )
    return True
