"""Read everything again, and say what is no longer what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.operations.damage import damaging
from entrepot.operations.move import find_problem
from entrepot.ports.scrubs import ScrubRound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import BlobRow

_PAGE: Final = 1_000
_SOME: Final = 100
_KEPT: Final = (BlobState.PRESENT, BlobState.DAMAGED)
_ITSELF: Final = "schedule:scrub"

SCRUB_EVERY: Final = timedelta(minutes=1)
"""How often `scrub_due` is to be called."""


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One blob that was read again."""

    digest: Digest
    size: int
    problem: str | None
    """What is wrong with it; None for a sound one."""


async def read_blobs(registry: Registry) -> AsyncIterator[Scrubbed]:
    """Every blob, read whole and compared with its digest (I1), in the order of digests."""
    after = ""
    while page := await registry.catalog.iter_blobs(after=after, limit=_PAGE):
        for blob in page:
            yield Scrubbed(blob.digest, blob.size, await _problem(registry, blob))
        after = str(page[-1].digest)


async def scrub_due(registry: Registry) -> None:
    """Read as many blobs again as are due since the round began, so that it ends with `Limits.scrub_period`.

    What was not read while the registry was not running is made up for no faster than `Limits.scrub_rate` allows.
    A round that cannot keep up goes on until it is done; the next one then begins at once.
    """
    period, now = registry.limits.scrub_period, registry.clock.now()
    if period is None:
        return
    known = await registry.catalog.scrubs.find()
    if known is None:
        known = ScrubRound(began_at=now)
    elif known.ended_at is not None:
        if now - known.began_at < period:
            return
        known = ScrubRound(began_at=now, last_ended_at=known.last_ended_at)
    allowance = int(registry.limits.scrub_rate * SCRUB_EVERY.total_seconds())
    if (share := (now - known.began_at) / period) < 1:
        stored = (await registry.catalog.storage())["bytes"]
        allowance = min(allowance, int(stored * share) - known.size)
    read = await _read_some(registry, known, allowance)
    await registry.catalog.write(lambda transaction: transaction.scrubs.keep(read))


async def _read_some(registry: Registry, known: ScrubRound, allowance: int) -> ScrubRound:
    """Go on with a round until so many bytes are read, or to its end."""
    enough = known.size + allowance
    while known.size < enough:
        page = await registry.catalog.iter_blobs(after=known.after, limit=_SOME)
        if not page:
            now = registry.clock.now()
            return replace(known, ended_at=now, last_ended_at=now)
        for blob in page:
            problem = await _problem(registry, blob)
            if problem is not None:
                await registry.catalog.write(damaging(_ITSELF, blob.digest, problem))
            known = replace(
                known,
                after=str(blob.digest),
                blobs=known.blobs + 1,
                size=known.size + blob.size,
                damaged=known.damaged + (problem is not None),
            )
            if known.size >= enough:
                break
    return known


async def scrub(registry: Registry, actor: str = "scrub") -> AsyncIterator[Scrubbed]:
    """Do `read_blobs`, and let the registry know what it finds.

    What is damaged is journaled, and not served from then on; pushing it again mends it.
    """
    async for blob in read_blobs(registry):
        if blob.problem is not None:
            await registry.catalog.write(damaging(actor, blob.digest, blob.problem))
        yield blob


async def _problem(registry: Registry, blob: BlobRow) -> str | None:
    if blob.content is not None:
        if len(blob.content) != blob.size or Digest.of(blob.content, blob.digest.algorithm) != blob.digest:
            return "its bytes in the catalog are not what they were"
        return None
    problem = await find_problem(registry, blob)
    if problem is None:
        return None
    # It may have gone to the other tier in the meantime.
    placed = await registry.catalog.tiers.find(blob.digest)
    if placed is None or placed.state not in _KEPT:
        return None
    return (
        problem
        if (placed.tier, placed.generation) == (blob.tier, blob.generation)
        else await find_problem(registry, placed)
    )
