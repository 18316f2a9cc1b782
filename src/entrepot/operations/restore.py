"""Have back what was deleted: an artifact with all that it contains and the names that it had, or a name alone.

It can be had back until its bytes are given up (`entrepot.operations.collect`). What referred to it left with it and comes
back with it, its history stands in the intervals; so it is as it was, with one event more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Erased, PackageUnknown, ReferenceUnknown
from entrepot.model.events import ArtifactRestored
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.block import refusal_of
from entrepot.operations.quota import require_within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.position import Position
    from entrepot.model.reference import Reference
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.trash import Deleted


@dataclass(frozen=True, slots=True)
class Restored:
    """What was had back."""

    digest: Digest
    names: tuple[ReferenceName, ...]
    """The names that it has again."""


@dataclass(frozen=True, slots=True)
class InTrash:
    """Something that was deleted, and until when it can be had back."""

    deleted: Deleted
    until: datetime | None
    """None when no end is near: somebody else has the bytes, or no round has come by yet."""


async def restore(registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest) -> Restored:
    """Have back what a name meant last, or an artifact; for who may delete it. What is there already is no event.

    A name that means something else by now is not taken from it.

    Raises `ReferenceUnknown`, `ArtifactUnknown`, also when bytes of it were given up; `Erased`; `PackageUnknown`; what
    `entrepot.operations.block.refusal_of` makes of something blocked; `QuotaExceeded`; or what `access.require` raises.
    """
    await access.require(registry, caller, Action.DELETE, package)
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")

    def change(transaction: Transaction) -> Restored:
        account = transaction.usage.find(package.namespace)
        digest, names = find_deleted(transaction, package, target)
        is_back = not transaction.has_artifact(package, digest)
        if not names and not is_back:
            return Restored(digest, ())
        if (blocked := transaction.blocks.find_refusal(package, digest)) is not None:
            raise refusal_of(blocked)
        if transaction.erasures.find(digest) is not None:
            raise Erased(digest)
        if is_back:
            names = (*names, *_bring_back(transaction, package, digest))
        transaction.tombstones.lift(package, digest)
        for name in names:
            transaction.tombstones.lift(package, name.name)
            transaction.set_reference(package, replace(name, from_position=transaction.position, until_position=None))
        require_within(transaction, account)
        given = tuple(name.name for name in names if name.digest == digest)
        kind = transaction.trash.describe(digest)
        transaction.append(
            caller.name,
            ArtifactRestored(
                namespace=package.namespace,
                package=package.path,
                digest=str(digest),
                media_type=kind.media_type,
                artifact_type=kind.artifact_type,
                subject=None if kind.subject is None else str(kind.subject),
                references=given,
                others={name.name: str(name.digest) for name in names if name.digest != digest},
            ),
        )
        return Restored(digest, given)

    return await registry.catalog.write(change)


def _bring_back(transaction: Transaction, package: PackageId, digest: Digest) -> Sequence[Reference]:
    """Let an artifact be in its package again, with what left with it; the names that this had.

    Raises `ArtifactUnknown`.
    """
    trash = transaction.trash
    if trash.is_purged(package, digest):
        raise ArtifactUnknown(digest, expected="what is in the trash; it was purged")
    if missing := trash.list_missing(digest):
        raise ArtifactUnknown(digest, expected=f"what is still here; {missing[0]} was given up")
    # What referred to it left with it.
    companions = trash.list_companions(package, digest)
    given_back = [name for each in companions for name in trash.list_names(package, each)]
    _put_back(transaction, package, digest)
    for companion in companions:
        if not (trash.is_purged(package, companion) or trash.list_missing(companion)):
            _put_back(transaction, package, companion)
            transaction.tombstones.lift(package, companion)
    return [name for name in given_back if transaction.has_artifact(package, name.digest)]


def _put_back(transaction: Transaction, package: PackageId, digest: Digest) -> None:
    for part in transaction.trash.revive(digest):
        if part.is_artifact:
            transaction.add_artifact_member(package, part.digest)
        else:
            transaction.add_blob_member(package, part.digest)


def find_deleted(
    transaction: Transaction, package: PackageId, target: ReferenceName | Digest
) -> tuple[Digest, Sequence[Reference]]:
    """What a name or a digest meant that was deleted, and the names that it has when it comes back.

    Raises `ReferenceUnknown`, `ArtifactUnknown`.
    """
    if isinstance(target, Digest):
        if transaction.has_artifact(package, target):
            return target, ()
        names = transaction.trash.list_names(package, target)
        if not names and not transaction.trash.was_there(package, target):
            raise ArtifactUnknown(target)
        return target, names
    last = transaction.trash.find_last(package, target)
    if last is None:
        raise ReferenceUnknown(target)
    if last.until_position is None:
        return last.digest, ()
    together = (
        () if transaction.has_artifact(package, last.digest) else transaction.trash.list_names(package, last.digest)
    )
    return last.digest, together if any(each.name == target for each in together) else (*together, last)


async def list_trash(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName,
    package: PackageId | None = None,
    *,
    before: Position | None = None,
    limit: int,
) -> Sequence[InTrash]:
    """A page of what was deleted in a namespace or a package and can be had back, the last first.

    For who may delete there. Raises what `access.require` and `access.require_anywhere` raise.
    """
    if package is None:
        access.require_anywhere(caller, Action.DELETE, View(namespace))
    else:
        await access.require(registry, caller, Action.DELETE, package)
    delay = registry.limits.collection_delay
    return [
        InTrash(each, None if each.condemned_at is None else each.condemned_at + delay)
        for each in await registry.catalog.trash.list(namespace, package, before=before, limit=limit)
    ]
