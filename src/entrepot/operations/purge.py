"""Take out of the trash for good what was deleted: a right of its own, because nobody has it back after that.

What was deleted goes by itself when it has waited (`entrepot.operations.collect`). Who cannot wait purges it: it is not to
be had back from then on, and the bytes of it that no package has, and nothing else in the trash needs, are given up in
the same change and deleted at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import PackageUnknown, Protected
from entrepot.model.events import ArtifactPurged
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.collect import delete_garbage
from entrepot.operations.restore import find_deleted
from entrepot.ports.trash import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


@dataclass(frozen=True, slots=True)
class Purged:
    """What cannot be had back any more."""

    digest: Digest
    blobs: int = 0
    """How many had their bytes given up."""
    size: int = 0
    """Bytes of these."""


async def purge(registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest) -> Purged:
    """Take what a name meant last, or an artifact, out of the trash for good, with what left with it.

    What was purged already is no event. Raises `Protected` for what was not deleted, `ReferenceUnknown`,
    `ArtifactUnknown`, `PackageUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.PURGE, package)
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")

    def change(transaction: Transaction) -> Purged:
        digest, _ = find_deleted(transaction, package, target)
        if transaction.has_artifact(package, digest):
            raise Protected(digest, expected="it to be deleted first")
        if transaction.trash.is_purged(package, digest):
            return Purged(digest)
        companions = [
            each
            for each in transaction.trash.list_companions(package, digest)
            if not transaction.has_artifact(package, each)
        ]
        content = {part.digest: part for each in (digest, *companions) for part in _parts(transaction, each)}
        for each in (digest, *companions):
            transaction.trash.purge(package, each)
        for part in content.values():
            # Layers wait in their package until they are found to be loose.
            if not part.is_artifact and transaction.linked_by(package, part.digest, artifact=False) is None:
                transaction.remove_member(package, part.digest, artifact=False)
        gone = [part for part in content.values() if _give_up(transaction, part)]
        size = sum(part.size for part in gone)
        transaction.append(
            caller.name,
            ArtifactPurged(
                namespace=package.namespace,
                package=package.path,
                digest=str(digest),
                parts=tuple(str(each) for each in companions),
                blobs=tuple(str(part.digest) for part in gone),
                size=size,
            ),
        )
        return Purged(digest, len(gone), size)

    purged = await registry.catalog.write(change)
    await delete_garbage(registry)
    return purged


def _parts(transaction: Transaction, digest: Digest) -> Sequence[Part]:
    """An artifact that left, and the blobs that it links; what it contains stayed, and is deleted by itself."""
    links = [part for part in transaction.trash.list_content(digest) if not part.is_artifact]
    content = transaction.find_content(digest)
    return [*links, Part(digest, is_artifact=True, size=0 if content is None else len(content))]


def _give_up(transaction: Transaction, part: Part) -> bool:
    """Give up bytes at once, unless a package has them or may have them back."""
    if transaction.trash.is_needed(part.digest):
        return False
    transaction.collection.condemn(part.digest)
    return transaction.collection.give_up(part.digest, before=transaction.now)
