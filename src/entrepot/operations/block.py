"""Keep an artifact and serve it no more; and let it go again.

A block is on an artifact of a package, with all that it contains and the blobs that only it has. Its bytes stay, no name
resolves to it, no index shows it, and neither it nor its version's name can be published again, also when it is deleted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.block import Block, BlockKind
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlockUnknown,
    Invalid,
    PackageUnknown,
    PolicyDenied,
    Quarantined,
    ReferenceUnknown,
)
from entrepot.model.events import ArtifactBlocked, ArtifactReleased
from entrepot.model.names import View
from entrepot.model.position import START
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.errors import Denied
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_LONGEST_REASON = 1_000


def refusal_of(block: Block) -> Denied:
    """What is told to who asks for it, or publishes it again."""
    kind = PolicyDenied if block.kind is BlockKind.BLOCKED else Quarantined
    return kind(f"{block.package.name} {block.digest}: {block.reason}")


async def block(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    *,
    kind: BlockKind = BlockKind.BLOCKED,
    reason: str,
) -> Block:
    """Block what a name or a digest means, with the states that its versions grew out of. Again is no event.

    Raises `Invalid`, `PackageUnknown`, `ReferenceUnknown`, `ArtifactUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.BLOCK, package)
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise Invalid("reason", expected=f"1 to {_LONGEST_REASON} characters that say why")
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")
    new_id = registry.clock.new_id

    def change(transaction: Transaction) -> Block:
        meant = _meant(transaction, package, target)
        known = transaction.blocks.find(package, meant)
        wanted = Block(new_id(), package, meant, kind, reason, caller.name)
        if known is not None and (known.kind, known.reason) == (kind, reason):
            return known
        open_block(transaction, wanted)
        return replace(wanted, from_position=transaction.position, at=transaction.now)

    return await registry.catalog.write(change)


def open_block(transaction: Transaction, wanted: Block) -> None:
    """Block an artifact and append the event: the end of a change. Raises `ArtifactUnknown`."""
    package, digest = wanted.package, wanted.digest
    if not transaction.has_artifact(package, digest):
        raise ArtifactUnknown(digest)
    names = tuple(reference.name for reference in transaction.names_of(package, digest))
    transaction.blocks.open(wanted)
    transaction.append(
        wanted.actor,
        ArtifactBlocked(
            namespace=package.namespace,
            package=package.path,
            digest=str(digest),
            kind=wanted.kind,
            reason=wanted.reason,
            policy=wanted.policy,
            references=names,
        ),
    )


async def release(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    *,
    reason: str = "",
) -> Digest:
    """Let what was blocked be served again, and published again if it was deleted; return what it is.

    Raises `BlockUnknown`, `ReferenceUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.BLOCK, package)

    def change(transaction: Transaction) -> Digest:
        meant = _meant(transaction, package, target)
        close_block(transaction, caller.name, package, meant, reason=reason)
        return meant

    return await registry.catalog.write(change)


def close_block(transaction: Transaction, actor: str, package: PackageId, digest: Digest, *, reason: str) -> None:
    """Release an artifact and append the event: the end of a change. Raises `BlockUnknown`."""
    if not transaction.blocks.close(package, digest):
        raise BlockUnknown(digest)
    _append_release(transaction, actor, package, digest, reason)


def _append_release(transaction: Transaction, actor: str, package: PackageId, digest: Digest, reason: str) -> None:
    names = tuple(reference.name for reference in transaction.names_of(package, digest))
    transaction.append(
        actor,
        ArtifactReleased(
            namespace=package.namespace, package=package.path, digest=str(digest), reason=reason, references=names
        ),
    )


def admit_block(transaction: Transaction, actor: str, package: PackageId, digest: Digest, *, reason: str) -> None:
    """Let in what awaits, with all that it contains, and append the event: the end of a change. Raises `BlockUnknown`."""
    if not transaction.blocks.admit(package, digest):
        raise BlockUnknown(digest)
    _append_release(transaction, actor, package, digest, reason)


async def list_blocks(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName,
    package: PackageId | None = None,
    *,
    history: bool = False,
    after: Position = START,
    limit: int,
) -> Sequence[Block]:
    """A page of what is blocked in a namespace, or in a package of it, the oldest first.

    Raises what `access.require` and `access.require_anywhere` raise.
    """
    if package is None:
        access.require_anywhere(caller, Action.READ, View(namespace))
    else:
        await access.require_read(registry, caller, View(namespace), package)
    return await registry.catalog.blocks.list(namespace, package, history=history, after=after, limit=limit)


def _meant(transaction: Transaction, package: PackageId, target: ReferenceName | Digest) -> Digest:
    """What is to be blocked or released, which need not be there any more."""
    if isinstance(target, Digest):
        if transaction.blocks.find(package, target) is None and not transaction.has_artifact(package, target):
            raise ArtifactUnknown(target)
        return target
    known = transaction.find_meaning(package, target)
    if known is None:
        raise ReferenceUnknown(target)
    return known.digest
