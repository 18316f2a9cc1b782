"""Give up bytes that nobody can reach, while everybody goes on writing.

Content is reached through memberships alone (I7), so what is in no package is in nobody's reach. A round

1. deletes the bytes of what was given up before, if somebody was interrupted there;
2. takes blobs out of packages that brought them for nothing: uploaded, and linked by no artifact since;
3. condemns what is in no package any more: it waits from then on, and whoever brings it again revives it;
4. gives up what has waited long enough, counts its generation up in the same change, and deletes its bytes;
5. charges no namespace any more for what left it that long ago and lives on elsewhere.

Each step looks again inside the change that it makes, so no writer is ever asked to wait; each may be the last before
the power goes, and the next round goes on from there (I8; docs/decisions/0024-collection.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from entrepot.model.access import Action
from entrepot.model.blob import BlobState
from entrepot.model.events import BlobsCollected, BlobsCondemned, BlobsDropped
from entrepot.model.tier import Tier
from entrepot.operations import access
from entrepot.ports.collection import Amount

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.blobs import Kept
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.collection import Garbage, KnownBlob, Loose, Place, Unreachable

T = TypeVar("T")

ACTOR = "collect"
_STRETCH = 2_000
"""Rows that one question looks at: three milliseconds in which nobody else is answered; more would be no faster."""
_BATCH = 500
"""Blobs in one change and one event."""
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Collected:
    """What a round came to."""

    dropped: Amount
    """Taken out of the packages that had them for nothing."""
    condemned: Amount
    given_up: Amount
    """Their bytes are deleted."""
    strays: Amount
    """Bytes in the blob store that no row named: brought by somebody who was interrupted."""


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """What a round would do now."""

    loose: Amount
    unreachable: Amount
    """What would be condemned."""
    condemned: Amount
    """What waits already."""
    due: Amount
    """As much of it as would be given up."""
    garbage: Amount
    """What was given up, and has bytes still to be deleted."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A package that has a blob, and what of it needs the blob."""

    place: Place
    holders: tuple[Digest, ...]
    """The artifacts that link it, the earliest first; not all if there are many."""
    names: tuple[str, ...]
    """What means it, when it is an artifact itself."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a blob is kept, or not."""

    known: KnownBlob
    holdings: tuple[Holding, ...]
    """Every reason; none for what nobody can reach."""


class _Tally:
    def __init__(self) -> None:
        self.count, self.size = 0, 0

    def add(self, count: int, size: int) -> None:
        self.count += count
        self.size += size

    @property
    def amount(self) -> Amount:
        return Amount(self.count, self.size)


async def plan_collection(registry: Registry, caller: Caller) -> CollectionPlan:
    """What `collect` would do now. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.ADMINISTER)
    collection = registry.catalog.collection
    loose, unreachable, due = _Tally(), _Tally(), _Tally()
    async for page in _loose(registry):
        loose.add(len(page), sum(each.size for each in page))
    async for found in _unreachable(registry):
        unreachable.add(len(found), sum(each.size for each in found))
    horizon = registry.clock.now() - registry.limits.collection_delay
    for each in await collection.list_condemned(before=horizon, limit=_STRETCH):
        due.add(1, each.size)
    return CollectionPlan(
        loose=loose.amount,
        unreachable=unreachable.amount,
        condemned=await collection.measure_condemned(),
        due=due.amount,
        garbage=await collection.measure_garbage(),
    )


async def apply_collection(registry: Registry, caller: Caller) -> Collected:
    """Do a round now. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.ADMINISTER)
    return await collect(registry, caller.name)


async def explain(registry: Registry, caller: Caller, digest: Digest) -> Explanation | None:
    """Why a blob is kept: every package that has it, and what of that needs it. None for what was never here.

    Raises what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    collection = registry.catalog.collection
    known = await collection.find(digest)
    if known is None:
        return None
    holdings = []
    for place in await collection.list_places(digest, limit=_SHOWN):
        holders = await collection.list_holders(place.package, digest, limit=_SHOWN)
        names = await collection.list_names(place.package, digest, limit=_SHOWN) if place.is_artifact else ()
        holdings.append(Holding(place, tuple(holders), tuple(names)))
    return Explanation(known, tuple(holdings))


async def collect(registry: Registry, actor: str = ACTOR) -> Collected:
    """Do a round. It may be ended at any point, and two of them may run at once."""
    dropped, condemned, given_up = _Tally(), _Tally(), _Tally()
    await delete_garbage(registry)
    async for loose in _loose(registry):
        for _, of_package in groupby(loose, key=lambda each: each.package):
            for batch in _batches(tuple(of_package)):
                dropped.add(*await registry.catalog.write(_dropping(actor, batch)))
    async for unreachable in _unreachable(registry):
        for some in _batches(unreachable):
            condemned.add(*await registry.catalog.write(_condemning(actor, some)))
    horizon = registry.clock.now() - registry.limits.collection_delay
    while due := await registry.catalog.collection.list_condemned(before=horizon, limit=_BATCH):
        count, size = await registry.catalog.write(_giving_up(actor, due, horizon))
        given_up.add(count, size)
        await delete_garbage(registry)
        if count == 0:
            break  # Somebody has them again that very moment; they are looked at when they come round.
    strays = await _collect_strays(registry)
    await _release(registry, await registry.catalog.collection.find_position(horizon))
    return Collected(dropped.amount, condemned.amount, given_up.amount, strays)


# --- what there is ---


async def _loose(registry: Registry) -> AsyncIterator[Sequence[Loose]]:
    collection = registry.catalog.collection
    # What came later may still be waiting for its manifest.
    until = await collection.find_position(registry.clock.now() - registry.limits.upload_lease)
    after: int | None = 0
    while after is not None:
        page, after = await collection.list_loose(after=after, until=until, limit=_STRETCH)
        if page:
            yield page
        await asyncio.sleep(0)  # Others have their turn between stretches: the catalog answers without waiting.


async def _unreachable(registry: Registry) -> AsyncIterator[Sequence[Unreachable]]:
    after: int | None = 0
    while after is not None:
        page, after = await registry.catalog.collection.list_unreachable(after=after, limit=_STRETCH)
        if page:
            yield page
        await asyncio.sleep(0)  # Others have their turn between stretches: the catalog answers without waiting.


def _batches(found: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(found), _BATCH):
        yield found[start : start + _BATCH]


# --- changes ---


def _dropping(actor: str, batch: Sequence[Loose]) -> Callable[[Transaction], tuple[int, int]]:
    def change(transaction: Transaction) -> tuple[int, int]:
        package = batch[0].package
        gone = [
            each
            for each in batch
            if transaction.linked_by(package, each.digest, artifact=False) is None
            and transaction.remove_member(package, each.digest, artifact=False)
        ]
        if gone:
            digests = tuple(str(each.digest) for each in gone)
            transaction.append(actor, BlobsDropped(namespace=package.namespace, package=package.path, digests=digests))
        return len(gone), sum(each.size for each in gone)

    return change


def _condemning(actor: str, batch: Sequence[Unreachable]) -> Callable[[Transaction], tuple[int, int]]:
    def change(transaction: Transaction) -> tuple[int, int]:
        gone = [each for each in batch if transaction.collection.condemn(each.digest)]
        size = sum(each.size for each in gone)
        if gone:
            transaction.append(actor, BlobsCondemned(digests=tuple(str(each.digest) for each in gone), size=size))
        return len(gone), size

    return change


def _giving_up(actor: str, batch: Sequence[Unreachable], horizon: datetime) -> Callable[[Transaction], tuple[int, int]]:
    def change(transaction: Transaction) -> tuple[int, int]:
        gone = [each for each in batch if transaction.collection.give_up(each.digest, before=horizon)]
        size = sum(each.size for each in gone)
        if gone:
            transaction.append(actor, BlobsCollected(digests=tuple(str(each.digest) for each in gone), size=size))
        return len(gone), size

    return change


async def _release(registry: Registry, before: Position) -> None:
    ended = _BATCH
    while ended == _BATCH:
        ended = await registry.catalog.write(lambda change: change.usage.release(before=before, limit=_BATCH))


# --- bytes ---


async def delete_garbage(registry: Registry) -> None:
    """Delete what no row will ever lead to again: late, twice or by two at once does no harm."""
    while garbage := await registry.catalog.collection.list_garbage(at=registry.clock.now(), limit=_BATCH):
        for each in garbage:
            await registry.store(each.tier).remove(each.digest, generation=each.generation)

        def change(transaction: Transaction, deleted: Sequence[Garbage] = garbage) -> None:
            for each in deleted:
                transaction.collection.forget_garbage(each)

        await registry.catalog.write(change)


async def _collect_strays(registry: Registry) -> Amount:
    """Give up bytes that were kept, and never announced: whoever brought them was interrupted long ago."""
    horizon = (registry.clock.now() - registry.limits.upload_lease).timestamp()
    erased = await _list_erased(registry)
    tally, batch = _Tally(), list["Kept"]()
    for tier in Tier if registry.cold is not None else (Tier.HOT,):
        async for kept in registry.store(tier).kept():
            # Of what was erased nobody is waited for.
            if kept.written_at < horizon or kept.digest in erased:
                batch.append(kept)
            if len(batch) >= _BATCH:
                tally.add(*await _disown(registry, tier, batch))
                batch = []
        tally.add(*await _disown(registry, tier, batch))
        batch = []
    return tally.amount


async def _list_erased(registry: Registry) -> set[Digest]:
    erased, after = set["Digest"](), ""
    while page := await registry.catalog.erasures.list_erased(after=after, limit=_STRETCH):
        erased.update(page)
        after = str(page[-1])
    return erased


async def _disown(registry: Registry, tier: Tier, batch: Sequence[Kept]) -> tuple[int, int]:
    known = await registry.catalog.collection.find_generations([each.digest for each in batch])
    strays = [each for each in batch if _is_stray(tier, each, known.get(each.digest))]
    if not strays:
        return 0, 0
    store = registry.store(tier)
    sizes = [await store.size(each.digest, generation=each.generation) or 0 for each in strays]

    def change(transaction: Transaction) -> tuple[int, int]:
        gone = [
            size
            for each, size in zip(strays, sizes, strict=True)
            if transaction.collection.disown(each.digest, each.generation, size, tier=tier)
        ]
        return len(gone), sum(gone)

    found = await registry.catalog.write(change)
    await delete_garbage(registry)
    return found


def _is_stray(tier: Tier, kept: Kept, known: KnownBlob | None) -> bool:
    if known is None or known.state is BlobState.ABSENT:
        return True
    return (tier, kept.generation) != (known.tier, known.generation)
