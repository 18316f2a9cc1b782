"""Move a blob from one tier to the other: copy, verify, let the catalog know, and only then give up the old place.

Each step may be the last before the power goes. Until the catalog says so the blob lies where it lay; from then on where
it was copied to. What was copied for nothing is a stray, and the collector gives it up (`entrepot.operations.collect`).
Two who move the same blob have a place each, and the catalog takes one of them (`entrepot.ports.tiers`).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.blob import BlobState
from entrepot.model.errors import BlobUnknown, Corrupt, DigestMismatch
from entrepot.model.events import BlobsMoved
from entrepot.model.tier import Recall, Tier
from entrepot.model.upload import UploadId
from entrepot.operations.damage import damaging
from entrepot.ports.tiers import Move

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from entrepot.model.digest import Digest
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import BlobRow, Transaction
    from entrepot.ports.tiers import Placement

_IDLE: Final = timedelta(minutes=5)
"""After that nobody is believed to be copying any more who has not said so."""
_RENEWED: Final = 60.0
"""Seconds between two times that he does."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A blob that has a copy in the other tier, and still lies where it lay."""

    move: Move
    size: int


async def move_blob(
    registry: Registry,
    actor: str,
    digest: Digest,
    tier: Tier,
    *,
    recall: Recall = Recall.STREAM,
    rule: str = "",
) -> bool:
    """Let a blob lie in a tier; False when it does already, is none that can be moved, or somebody else moves it.

    A blob whose bytes are not what they were is known as damaged from then on, and stays where it is.
    Raises `Unavailable`, `StorageFull`.
    """
    copied = await copy_blob(registry, actor, digest, tier, recall=recall, rule=rule)
    return copied is not None and bool(await record_moves(registry, actor, [copied]))


async def copy_blob(
    registry: Registry,
    actor: str,
    digest: Digest,
    tier: Tier,
    *,
    recall: Recall = Recall.STREAM,
    rule: str = "",
) -> Copied | None:
    """The first half of `move_blob`: it is copied, and the copy has been verified."""
    placed = await registry.catalog.tiers.find(digest)
    if placed is None or placed.inline or placed.tier is tier or placed.state is not BlobState.PRESENT:
        return None
    registry.store(Tier.COLD)  # Without it nothing is to be reserved.
    idle_since = registry.clock.now() - _IDLE
    generation = await registry.catalog.write(
        lambda transaction: transaction.tiers.reserve(digest, tier, idle_since=idle_since)
    )
    if generation is None:
        return None
    done = False
    try:
        async with _renewed(registry, digest, generation):
            stored = await _copy(registry, placed, tier, generation)
        done = True
    except (DigestMismatch, Corrupt, BlobUnknown):
        problem = await _look_again(registry, placed)
        if problem is not None:
            await registry.catalog.write(damaging(actor, digest, problem))
        return None
    finally:
        if not done:
            await registry.catalog.write(
                lambda transaction: transaction.tiers.release(digest, tier, generation, placed.size)
            )
    source = (placed.tier, placed.generation)
    return Copied(Move(digest, tier, generation, source, stored, recall, rule), placed.size)


async def record_moves(registry: Registry, actor: str, copied: Sequence[Copied]) -> Sequence[Digest]:
    """The second half: let blobs lie where they were copied to, and say which do.

    Another has gone elsewhere meanwhile, or was given up.
    """
    if not copied:
        return ()
    tier = copied[0].move.tier

    def change(transaction: Transaction) -> Sequence[Digest]:
        moved = [each for each in copied if transaction.tiers.move(each.move)]
        for each in copied:
            if each not in moved:
                move = each.move
                transaction.tiers.release(move.digest, move.tier, move.generation, each.size)
        if moved:
            digests = tuple(str(each.move.digest) for each in moved)
            size = sum(each.size for each in moved)
            transaction.append(actor, BlobsMoved(digests=digests, tier=tier, size=size))
        return [each.move.digest for each in moved]

    return await registry.catalog.write(change)


async def _copy(registry: Registry, placed: Placement, tier: Tier, generation: int) -> int:
    content = registry.store(placed.tier).read(placed.digest, generation=placed.generation)
    if tier is Tier.COLD and registry.cold is not None:
        return await registry.cold.add(placed.digest, content, size=placed.size, generation=generation)
    stage = UploadId(registry.clock.new_id())
    try:
        algorithm = placed.digest.algorithm
        await registry.blobs.append(stage, content, at=0, limit=placed.size, algorithm=algorithm)
        return await registry.blobs.keep(stage, placed.digest, generation=generation)
    finally:
        await registry.blobs.discard(stage)


async def _look_again(registry: Registry, placed: Placement) -> str | None:
    """What is wrong with the bytes that could not be copied; None when it was the copy, or they have gone elsewhere."""
    now = await registry.catalog.tiers.find(placed.digest)
    if now is None or (now.tier, now.generation) != (placed.tier, placed.generation):
        return None
    return await find_problem(registry, placed)


async def find_problem(registry: Registry, placed: Placement | BlobRow) -> str | None:
    """What is wrong with the bytes of a blob in its store; None for sound ones."""
    store = "blob store" if placed.tier is Tier.HOT else "cold tier"
    try:
        sound = await registry.store(placed.tier).verify(placed.digest, generation=placed.generation)
    except BlobUnknown:
        return f"its bytes are not in the {store}"
    return None if sound else f"its bytes in the {store} are not what they were"


@asynccontextmanager
async def _renewed(registry: Registry, digest: Digest, generation: int) -> AsyncIterator[None]:
    """Say every minute that the blob is still being copied."""

    def change(transaction: Transaction) -> bool:
        return transaction.tiers.renew(digest, generation)

    task = asyncio.create_task(_keep_saying(registry, change))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_saying(registry: Registry, change: Callable[[Transaction], bool]) -> None:
    while True:
        await asyncio.sleep(_RENEWED)
        await registry.catalog.write(change)
