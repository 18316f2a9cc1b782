"""Bring a backup back: its blobs into an empty blob store, and then the journal on from where it was.

The catalog itself is put where it belongs by the drivers; what is done here is the same wherever that is.
Everything may be begun again after it was interrupted: a blob that is there already is not copied a second time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.erasure import ErasedPart
from entrepot.model.errors import BlobUnknown, Conflict, Corrupt, DigestMismatch, LogForked, Unavailable
from entrepot.model.events import RegistryRecovered
from entrepot.operations.backup_pages import add_blob
from entrepot.operations.erase import continue_erasures, erase_extent
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.notes import NoteKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from entrepot.operations.registry import Registry
    from entrepot.ports.backups import BackupStore, CatalogSnapshot, SnapshotBlob
    from entrepot.ports.blobs import BlobStore
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.clock import Clock
    from entrepot.trust.backup import SealedBackup, SealedErasure

_ACTOR: Final = "operator"
_PAGE: Final = 1_000
_AT_ONCE: Final = 8
_BATCH: Final = 500


@dataclass(slots=True)
class RecoveredBlobs:
    """What came of bringing the blobs back."""

    count: int = 0
    size: int = 0
    lost: list[Digest] = field(default_factory=list)
    """Those of which the backup has no sound bytes."""
    mended: list[SnapshotBlob] = field(default_factory=list)
    """Those that were damaged when the backup was made, and are sound now: an earlier one had them."""


def require_not_seen_further(backup: SealedBackup, seen: bytes) -> None:
    """Raise `LogForked` when somebody has a checkpoint of the log that is later than the backup's.

    Going on from the backup would then sign other entries in the places of those that they have seen.
    Raises `InvalidProof` when it is no checkpoint that the log has signed.
    """
    log = backup.manifest.log
    if log is None:
        raise LogForked("the log", expected="a backup with a checkpoint")
    checkpoint, _ = Checkpoint.open(seen, log.origin, [NoteKey.parse(key) for key in log.keys])
    if checkpoint.size > backup.manifest.position:
        raise LogForked(
            f"{log.origin} was seen with {checkpoint.size} entries, the backup has {backup.manifest.position}",
            expected="a later backup, or another log_origin in the settings",
        )


async def require_no_blobs(blobs: BlobStore) -> None:
    """Raise `Conflict` when a blob store keeps anything."""
    async for kept in blobs.kept():
        raise Conflict(f"the blob store has {kept.digest}, and more perhaps: it must be empty")


async def recover_blobs(
    store: BackupStore,
    snapshot: CatalogSnapshot,
    blobs: BlobStore,
    clock: Clock,
    *,
    without: Collection[Digest] = (),
) -> RecoveredBlobs:
    """Copy all blobs that a catalog names, *without* some. Raises `Unavailable`, `StorageFull`."""
    recovered = RecoveredBlobs()
    after = ""
    while page := snapshot.list_blobs(after=after, limit=_PAGE):
        for start in range(0, len(page), _AT_ONCE):
            some = [blob for blob in page[start : start + _AT_ONCE] if blob.digest not in without]
            sound = await asyncio.gather(*(_recover_blob(store, blobs, clock, blob) for blob in some))
            _count(recovered, some, sound)
        after = str(page[-1].digest)
    return recovered


def _count(recovered: RecoveredBlobs, some: Sequence[SnapshotBlob], sound: Sequence[bool]) -> None:
    for blob, is_sound in zip(some, sound, strict=True):
        if not is_sound:
            recovered.lost.append(blob.digest)
            continue
        recovered.count += 1
        recovered.size += blob.size
        if blob.state is BlobState.DAMAGED:
            recovered.mended.append(blob)


async def _recover_blob(store: BackupStore, blobs: BlobStore, clock: Clock, blob: SnapshotBlob) -> bool:
    """Copy one; whether the backup has it as it was."""
    if await blobs.size(blob.digest, generation=blob.generation) == blob.size:
        return True
    content = store.blobs.read(blob.digest)
    try:
        await add_blob(blobs, clock, blob.digest, content, size=blob.size, generation=blob.generation)
    except (BlobUnknown, DigestMismatch):
        return False
    return True


async def go_on(
    registry: Registry, backup: SealedBackup, recovered: RecoveredBlobs, erased: Sequence[SealedErasure] = ()
) -> None:
    """Say in the journal that it goes on from a backup, and let the catalog know what became of the blobs.

    What was *erased* since is erased again. Nothing where that was done already.
    Raises `Corrupt` when the catalog is not that of the backup.
    """
    position, _ = await registry.catalog.head()
    if position <= backup.manifest.position:
        await _go_on(registry, backup, recovered)
    for erasure in erased:
        await registry.catalog.write(_erasing(erasure))
    with suppress(Unavailable):  # While nothing can be signed: then it is sealed later.
        await continue_erasures(registry)


def _erasing(sealed: SealedErasure) -> Callable[[Transaction], None]:
    """Just what was erased then, with what holds it as the catalog knows it."""

    def change(transaction: Transaction) -> None:
        left = [each for each in dict.fromkeys(sealed.names) if transaction.erasures.find(each) is None]
        if not left:
            return
        target = left[0]
        extent = transaction.erasures.measure(target)
        measured = {part.digest for part in extent.parts}
        more = tuple(ErasedPart(digest, 0) for digest in left if digest not in measured)
        reason = f"{sealed.reason} (erased by {sealed.actor} on {sealed.at:%Y-%m-%d %H:%MZ}; an older backup had it)"
        erase_extent(transaction, _ACTOR, target, replace(extent, parts=extent.parts + more), reason=reason)

    return change


async def _go_on(registry: Registry, backup: SealedBackup, recovered: RecoveredBlobs) -> None:
    manifest = backup.manifest
    position, hash_ = await registry.catalog.head()
    if (position, hash_.hex()) != (manifest.position, manifest.hash):
        raise Corrupt("the journal", expected=f"position {manifest.position} as it was signed", actual=position)
    for start in range(0, len(recovered.lost), _BATCH):
        await registry.catalog.write(_damaging(recovered.lost[start : start + _BATCH]))
    for start in range(0, len(recovered.mended), _BATCH):
        await registry.catalog.write(_mending(recovered.mended[start : start + _BATCH]))

    def change(transaction: Transaction) -> None:
        # Whoever made the backup had paused the collector: that is over.
        transaction.collection.resume()
        transaction.append(
            _ACTOR,
            RegistryRecovered(position=manifest.position, manifest=str(backup.digest), made_at=manifest.at),
        )

    await registry.catalog.write(change)


def _damaging(digests: Sequence[Digest]) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        for digest in digests:
            transaction.damage_blob(digest)

    return change


def _mending(found: Sequence[SnapshotBlob]) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        for blob in found:
            transaction.keep_blob(blob.digest, blob.size, None, generation=blob.generation)

    return change
