"""Remove old backups from a place, and what of their content none of the others needs.

1. Everybody is told that nothing may be relied on meanwhile (`entrepot.operations.backup_shift`).
2. What the backups need that stay is found out from their catalogs; when one cannot be read, nothing goes.
3. The manifests of the others go, the oldest first: from then on they are no backups.
4. Content goes that nobody needs, whoever it was of. So what an interrupted run left is removed by the next one.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import BackupUnknown
from entrepot.operations.backup import list_backups
from entrepot.operations.backup_shift import Shift, Work, at_work
from entrepot.ports.backups import CatalogSnapshot
from entrepot.trust.backup import SealedBackup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from entrepot.model.digest import Digest
    from entrepot.ports.backups import BackupStore
    from entrepot.ports.blobs import Kept
    from entrepot.ports.clock import Clock
    from entrepot.trust.keys import PublicKey

    OpenCatalog = Callable[[SealedBackup], AbstractAsyncContextManager[CatalogSnapshot]]

_PAGE: Final = 1_000
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Keep:
    """Which backups stay: those that either rule keeps, and the last one."""

    last: int = 0
    """So many."""
    within: timedelta | None = None
    """Those that are no older."""

    def choose(self, made: Mapping[str, SealedBackup], now: datetime) -> set[str]:
        """The names of those that stay."""
        by_time = sorted(made, key=lambda name: (made[name].manifest.at, name))
        kept = set(by_time[-max(self.last, 1) :])
        if self.within is not None:
            kept |= {name for name in by_time if now - made[name].manifest.at <= self.within}
        # Where a journal goes on from an earlier position the last one in time may not be the last by name, which is
        # what recovering takes; and by the last of the same key it knows what was erased (docs/decisions/0033-erasing.md).
        last = {made[name].key: name for name in sorted(made)}
        return kept | {max(made)} | {last[made[name].key] for name in kept}


@dataclass(frozen=True, slots=True)
class Pruned:
    """What stayed and what went, or would."""

    kept: Sequence[SealedBackup]
    removed: Sequence[SealedBackup]
    blobs: int
    """Blobs, and parts of catalogs, that nobody needs."""
    size: int
    """Bytes of them."""


async def prune_backups(
    store: BackupStore,
    clock: Clock,
    open_catalog: OpenCatalog,
    keep: Keep,
    *,
    key: PublicKey | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove the backups that *keep* does not keep, and what no other needs; with *dry_run* only say what.

    Raises `BackupUnknown` where there is none, `InvalidBackup` when one cannot be read (also one that is not signed by
    *key*), and `Unavailable` while somebody makes backups here: then nothing is gone.
    """
    if dry_run:
        made = await _read(store, key)
        return await _prune(store, open_catalog, made, keep.choose(made, clock.now()), None)
    async with at_work(store, clock, Work.PRUNE) as shift:
        made = await _read(store, key)
        return await _prune(store, open_catalog, made, keep.choose(made, clock.now()), shift)


async def _read(store: BackupStore, key: PublicKey | None) -> dict[str, SealedBackup]:
    made = {name: backup async for name, backup in list_backups(store, key)}
    if not made:
        raise BackupUnknown("no backup is here")
    return made


async def _prune(
    store: BackupStore,
    open_catalog: OpenCatalog,
    made: Mapping[str, SealedBackup],
    kept: set[str],
    shift: Shift | None,
) -> Pruned:
    needed: set[bytes] = set()
    for name in sorted(kept):
        async with open_catalog(made[name]) as snapshot:
            needed.update(_short(digest) for digest in _needed(made[name], snapshot))
    removed = sorted(made.keys() - kept, key=lambda name: (made[name].manifest.at, name))
    for name in removed:
        if shift is not None:
            await shift.require()
            await store.remove(name)
    blobs = size = 0
    async for some in _without(store, needed):
        if shift is not None:
            await shift.require()
        blobs += len(some)
        size += sum(await asyncio.gather(*(_remove(store, each, dry_run=shift is None) for each in some)))
    return Pruned([made[name] for name in sorted(kept)], [made[name] for name in removed], blobs, size)


def _short(digest: Digest) -> bytes:
    """A digest in a third of the room: there may be millions, and each algorithm's have a length of their own."""
    return bytes.fromhex(digest.hex)


def _needed(backup: SealedBackup, snapshot: CatalogSnapshot) -> Iterator[Digest]:
    """All that a backup is made of."""
    manifest = backup.manifest
    for part in (manifest.catalog.index, *manifest.catalog.packs, *filter(None, (manifest.keys,))):
        yield part.name
    after = ""
    while page := snapshot.list_blobs(after=after, limit=_PAGE):
        yield from (blob.digest for blob in page)
        after = str(page[-1].digest)


async def _without(store: BackupStore, needed: set[bytes]) -> AsyncIterator[list[Kept]]:
    """What the place keeps and nobody needs, a few at a time."""
    some: list[Kept] = []
    async for each in store.blobs.kept():
        if _short(each.digest) not in needed:
            some.append(each)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some


async def _remove(store: BackupStore, kept: Kept, *, dry_run: bool) -> int:
    """How many bytes that frees."""
    size = await store.blobs.size(kept.digest, generation=kept.generation) or 0
    if not dry_run:
        await store.blobs.remove(kept.digest, generation=kept.generation)
    return size
