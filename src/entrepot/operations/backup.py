"""Copy all that is here to a store of backups, while everybody goes on working.

1. The collector is told to give nothing up meanwhile (a *pause*, which ends by itself when we are killed).
2. The catalog is copied as it is at one position; bytes are there before rows are, so the blob store has all it names.
3. Blobs that the store does not have yet are copied, each verified on its way; then the pages of the catalog.
4. The manifest is signed and kept: until then there is no backup, and what was copied is shared by the next one.

A blob that has no sound bytes any more keeps nothing else from being saved: the manifest names it
(docs/decisions/0031-backups.md).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot import __version__
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    BackupUnknown,
    BlobUnknown,
    DigestMismatch,
    InvalidBackup,
    InvalidKey,
    RegistryError,
    Unavailable,
)
from entrepot.model.events import BackupMade
from entrepot.model.position import START
from entrepot.operations.backup_pages import add_blob, add_bytes, add_catalog
from entrepot.operations.backup_shift import Work, at_work
from entrepot.operations.read_blob import read_blob
from entrepot.ports.catalog import FoundBlob
from entrepot.trust.backup import (
    MAX_MANIFEST,
    BackupManifest,
    MissingBlob,
    SealedBackup,
    SealedErasure,
    SealedLog,
)
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.notes import Note, NoteKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from entrepot.operations.registry import Registry
    from entrepot.ports.backups import BackupStore, CatalogSnapshot, SnapshotBlob, Snapshots
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.log import LogHead
    from entrepot.trust.keys import PublicKey

_ACTOR: Final = "operator"
_PAUSE: Final = timedelta(minutes=10)
_RENEWED_SECONDS: Final = 120
_PAGE: Final = 1_000
_AT_ONCE: Final = 8
_ATTEMPTS: Final = 5
_REST: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made."""

    backup: SealedBackup
    new_blobs: int
    """Those that the store did not have yet."""
    new_size: int
    """Bytes of them, and of the catalog's pages that are new."""


@dataclass(slots=True)
class _Copied:
    blobs: int = 0
    size: int = 0
    new_blobs: int = 0
    new_size: int = 0


class _Erased(Exception):
    """Something that the snapshot names was given up meanwhile, by force: a younger snapshot does not name it."""


async def back_up(
    registry: Registry, store: BackupStore, snapshots: Snapshots, *, keys: bytes | None = None
) -> BackedUp:
    """Make a backup, and say what came of it; *keys* are the registry's private keys, encrypted.

    Raises `Unavailable`, `StorageFull`; then there is no backup, and nothing is lost by trying again.
    """
    if registry.signing is None:
        raise InvalidKey("signing key", expected="one that seals the backup")
    holder = f"backup:{registry.clock.new_id()}"
    async with at_work(store, registry.clock, Work.BACKUP) as shift:
        await _discard_abandoned(registry, store)
        await _pause(registry, holder, anew=True)
        renewing = asyncio.create_task(_keep_paused(registry, holder))
        try:
            made = await _back_up_patiently(registry, store, snapshots, keys)
            # Everything was there until now only if nothing could be given up until now: neither here nor there.
            await _pause(registry, holder)
            await shift.renew()
            if renewing.done():
                await renewing
            manifest = made.backup
            name = f"{manifest.manifest.position:020}-{manifest.digest.hex[:16]}"
            await store.add(name, made.content)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with suppress(RegistryError):  # Then it ends by itself.
                await registry.catalog.write(lambda transaction: transaction.collection.resume(holder))

    def change(transaction: Transaction) -> None:
        transaction.append(
            _ACTOR,
            BackupMade(
                position=manifest.manifest.position,
                manifest=str(manifest.digest),
                missing=len(manifest.manifest.missing),
            ),
        )

    await registry.catalog.write(change)
    return BackedUp(manifest, made.copied.new_blobs, made.copied.new_size)


@dataclass(frozen=True, slots=True)
class _Made:
    backup: SealedBackup
    content: bytes
    copied: _Copied


async def _back_up_patiently(registry: Registry, store: BackupStore, snapshots: Snapshots, keys: bytes | None) -> _Made:
    for _ in range(_ATTEMPTS):
        try:
            async with snapshots.take() as snapshot:
                return await _copy(registry, store, snapshot, keys)
        except _Erased:
            continue
    raise Unavailable("what is to be saved is being erased again and again: try later")


async def _copy(registry: Registry, store: BackupStore, snapshot: CatalogSnapshot, keys: bytes | None) -> _Made:
    signing = registry.signing
    assert signing is not None  # noqa: S101 - asked by `back_up`
    position, hash_ = snapshot.head()
    copied, missing = _Copied(), list[MissingBlob]()
    after = ""
    while page := snapshot.list_blobs(after=after, limit=_PAGE):
        missing += await _copy_blobs(registry, store, page, copied)
        after = str(page[-1].digest)
    before = await _latest(store)
    with snapshot.open() as file:
        catalog, size = await add_catalog(
            store.blobs, registry.clock, file, snapshot.schema, None if before is None else before.catalog
        )
    copied.new_size += size
    manifest = BackupManifest(
        position=position,
        hash=hash_.hex(),
        at=registry.clock.now(),
        version=__version__,
        signer=signing.public_key.pem,
        catalog=catalog,
        blobs=copied.blobs,
        blobs_size=copied.size,
        missing=tuple(missing),
        erased=await _erased(registry),
        log=_log(registry, snapshot.log_head()),
        keys=None if keys is None else await add_bytes(store.blobs, registry.clock, keys),
    )
    content = await asyncio.to_thread(manifest.seal, signing)
    return _Made(SealedBackup(manifest, signing.public_key, Digest.of(content)), content, copied)


async def _erased(registry: Registry) -> tuple[SealedErasure, ...]:
    """What was erased and may not come again; also since the catalog was copied."""
    digests, last = set[Digest](), ""
    while page := await registry.catalog.erasures.list_erased(after=last, limit=_PAGE):
        digests.update(page)
        last = str(page[-1])
    sealed, after = list[SealedErasure](), START
    while erasures := await registry.catalog.erasures.list(after=after, limit=_PAGE):
        for each in erasures:
            parts = tuple(str(digest) for digest in each.extent.digests if digest in digests)
            if parts:
                sealed.append(
                    SealedErasure(
                        target=str(each.target), digests=parts, reason=each.reason, actor=each.actor, at=each.at
                    )
                )
        after = erasures[-1].position
    return tuple(sealed)


def _log(registry: Registry, head: LogHead | None) -> SealedLog | None:
    if head is None or registry.log is None:
        return None
    # Whatever the log is called by the settings of the command that makes the backup.
    origin = Checkpoint.parse(Note.parse(head.note).unchecked_text).origin
    keys = tuple(str(NoteKey.of(origin, key.type, key.public_key)) for key in registry.log.keys)
    return SealedLog(origin=origin, size=head.size, checkpoint=head.note.decode(), keys=keys)


# --- blobs ---


async def _copy_blobs(
    registry: Registry, store: BackupStore, page: Sequence[SnapshotBlob], copied: _Copied
) -> list[MissingBlob]:
    """Copy those of a page that the store does not have; those that have no sound bytes."""
    turns = asyncio.Semaphore(_AT_ONCE)
    missing = []

    async def copy(blob: SnapshotBlob) -> None:
        async with turns:
            reason = await _copy_blob(registry, store, blob, copied)
        if reason is not None:
            missing.append(MissingBlob(digest=str(blob.digest), reason=reason))

    tasks = [asyncio.ensure_future(copy(blob)) for blob in page]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return sorted(missing, key=lambda each: each.digest)


async def _copy_blob(registry: Registry, store: BackupStore, blob: SnapshotBlob, copied: _Copied) -> str | None:
    """Copy one; or say why there are no sound bytes of it."""
    is_new = await store.blobs.size(blob.digest) != blob.size
    if is_new:
        try:
            await _add_blob(registry, store, blob)
        except BlobUnknown:
            return "its bytes are not in the blob store"
        except DigestMismatch:
            return "its bytes are not what they were"
    copied.blobs += 1
    copied.size += blob.size
    if is_new:
        copied.new_blobs += 1
        copied.new_size += blob.size
    return None


async def _add_blob(registry: Registry, store: BackupStore, blob: SnapshotBlob) -> None:
    """Copy one from where it is: it may have gone to the other tier meanwhile. Raises `BlobUnknown`, `DigestMismatch`."""
    found = FoundBlob(blob.digest, blob.size, None, public=False, generation=blob.generation, tier=blob.tier)
    try:
        await add_blob(store.blobs, registry.clock, blob.digest, read_blob(registry, found), size=blob.size)
    except BlobUnknown:
        known = await registry.catalog.collection.find(blob.digest)
        if known is None or known.state is BlobState.ABSENT:
            raise _Erased from None
        raise


# --- the pause ---


async def _keep_paused(registry: Registry, holder: str) -> None:
    while True:
        await asyncio.sleep(_RENEWED_SECONDS)
        await _pause(registry, holder)


async def _pause(registry: Registry, holder: str, *, anew: bool = False) -> None:
    """Ask for a pause, or that it goes on. Raises `Unavailable` when it has ended meanwhile."""

    def change(transaction: Transaction) -> bool:
        if not anew and not transaction.collection.is_paused(holder):
            return False
        transaction.collection.pause(holder, transaction.now + _PAUSE)
        return True

    if not await registry.catalog.write(change):
        raise Unavailable("the backup was stopped for so long that something may be gone that it needs: begin anew")


async def _discard_abandoned(registry: Registry, store: BackupStore) -> None:
    """Free what backups that were killed had not finished receiving."""
    horizon = (registry.clock.now() - _REST).timestamp()
    async for stage, written_at in store.blobs.stages():
        if written_at < horizon:
            await store.blobs.discard(stage)


# --- what there is ---


async def list_backups(store: BackupStore, key: PublicKey | None = None) -> AsyncIterator[tuple[str, SealedBackup]]:
    """Every backup of a store with its name, the earliest first. Raises `InvalidBackup` at one that is none."""
    for name in await store.list():
        yield name, SealedBackup.parse(await store.read(name, limit=MAX_MANIFEST), key)


async def find_erased(store: BackupStore, backup: SealedBackup) -> tuple[SealedErasure, ...]:
    """What the last backup that the same key has sealed knows to be erased, which *backup* may be from before."""
    for name in reversed(await store.list()):
        with suppress(InvalidBackup):
            return SealedBackup.parse(await store.read(name, limit=MAX_MANIFEST), backup.key).manifest.erased
    return backup.manifest.erased


async def require_there(store: BackupStore, backup: SealedBackup) -> None:
    """Make sure that a backup was not removed since it was read. Raises `BackupUnknown`, `InvalidBackup`."""
    async for _, each in list_backups(store):
        if each.digest == backup.digest:
            return
    raise BackupUnknown(f"position {backup.manifest.position}", expected="it to stay until it is read: begin anew")


async def find_backup(store: BackupStore, position: int | None = None, key: PublicKey | None = None) -> SealedBackup:
    """The last backup, or the last one at a position. Raises `BackupUnknown`, `InvalidBackup`."""
    names = await store.list()
    wanted = names if position is None else [name for name in names if name.startswith(f"{position:020}-")]
    if not wanted:
        raise _unknown(names, position)
    found = [SealedBackup.parse(await store.read(name, limit=MAX_MANIFEST), key) for name in _last_position(wanted)]
    return max(found, key=lambda each: each.manifest.at)


def _last_position(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.partition("-")[0] == names[-1].partition("-")[0]]


def _unknown(names: Sequence[str], position: int | None) -> BackupUnknown:
    if position is None:
        return BackupUnknown("no backup is here")
    there = sorted({int(name.partition("-")[0]) for name in names if name.partition("-")[0].isdecimal()})
    near = [*[each for each in there if each < position][-2:], *[each for each in there if each > position][:2]]
    return BackupUnknown(f"position {position}", expected=f"one that was backed up, such as {near or 'none'}")


async def _latest(store: BackupStore) -> BackupManifest | None:
    """The last backup's manifest; None where there is none that can be read, so that everything is written anew."""
    try:
        return (await find_backup(store)).manifest
    except (BackupUnknown, InvalidBackup):
        return None
