"""Journal readers: what follows from what happened. Each calls operations, and is run by one process at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from entrepot.followers.doors import Doors
from entrepot.followers.follower import ReadsBehind
from entrepot.followers.inventory import INVENTORY
from entrepot.followers.match import Match
from entrepot.followers.secrets import SECRETS
from entrepot.followers.transparency import TRANSPARENCY
from entrepot.followers.verify import Verify
from entrepot.followers.verify_again import VerifyAgain
from entrepot.model.errors import Invalid, Unavailable
from entrepot.model.position import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.followers.follower import Follower
    from entrepot.model.events import Entry
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry

ALL: tuple[Follower, ...] = (TRANSPARENCY, INVENTORY, Verify(), VerifyAgain(), Match(), SECRETS, Doors())

_PAGE: Final = 256
"""So many entries are dealt with between two movements of a cursor: so many may be seen twice after a crash."""
_LOOK_SECONDS: Final = 0.1
"""How often the journal's end is looked at: one point read.

All followers look at the same moments, and not more often while much happens: each movement of a cursor is a commit that publishers wait behind. Those of one moment share a commit, and what they read.
"""
_FIRST_DELAY_SECONDS: Final = 0.5
_LONGEST_DELAY_SECONDS: Final = 60.0
_PATIENCE: Final = 5
"""So often an entry that a follower cannot deal with is tried, by itself; then it is logged, and the journal goes on.

What is wrong with the entry, or with what it is about, is so each time: it is tried once, and holds up nobody.
Not where the registry itself can do nothing at the moment: that passes. What was not done for it is missing, and so is what asks for it: an artifact that was not examined is not cleared.
"""

_log = structlog.stdlib.get_logger("entrepot.follower")


class Runner:
    """Runs every follower from `start` until `stop`, each at its own pace."""

    def __init__(self, registry: Registry, followers: Sequence[Follower] = ALL) -> None:
        self._registry = registry
        self._followers = followers
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin where each has stopped."""
        self._tasks = [asyncio.create_task(self._run(follower)) for follower in self._followers]

    async def stop(self) -> None:
        """End; what is running is interrupted, and done again at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, follower: Follower) -> None:
        failures, position = 0, None
        while True:
            try:
                if position is None:
                    position = await self._registry.catalog.cursors.find(follower.name)
                # After a failure one entry at a time, so that only the one that cannot be dealt with is given up.
                seen = await _step(self._registry, follower, position, limit=1 if failures else _PAGE)
            except Exception as error:  # noqa: BLE001 (a runner: whatever it was, the follower goes on)
                failures, position = failures + 1, None
                delay = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2**failures)
                facts = {"follower": follower.name, "attempt": failures, "again_in": delay}
                if isinstance(error, (Unavailable, OSError)):
                    _log.warning("put off", **facts, reason=str(error))
                else:
                    _log.warning("failed", **facts, exc_info=error)
                    if failures >= _PATIENCE or (failures > 1 and isinstance(error, Invalid)):
                        await self._give_up_one(follower)
                        failures, delay = 0, 0
                await asyncio.sleep(delay)
            else:
                failures = 0
                if seen:
                    position = seen[-1].position
                if len(seen) < _PAGE:
                    await asyncio.sleep(_LOOK_SECONDS - asyncio.get_running_loop().time() % _LOOK_SECONDS)

    async def _give_up_one(self, follower: Follower) -> None:
        """Go past the next entry."""
        position = await self._registry.catalog.cursors.find(follower.name)
        for entry in await self._registry.catalog.list_entries(after=position, limit=1):
            _log.error("gave up", follower=follower.name, position=entry.position, kind=entry.event.type)
            await _move(self._registry, follower, entry.position)


async def catch_up(registry: Registry, followers: Sequence[Follower] = ALL) -> None:
    """Run the followers until none has anything left to read, also of what they themselves made happen.

    Raises what a follower raises.
    """
    cursors = registry.catalog.cursors
    while any([await _step(registry, each, await cursors.find(each.name), limit=_PAGE) for each in followers]):
        pass


async def _step(registry: Registry, follower: Follower, after: Position, *, limit: int) -> Sequence[Entry]:
    """Let a follower deal with the next entries, and say which these were."""
    entries: Sequence[Entry] = await registry.flights.join(
        ("journal", after, limit), lambda: registry.catalog.list_entries(after=after, limit=limit)
    )
    if entries and isinstance(follower, ReadsBehind):
        cursors = await registry.catalog.cursors.list()
        last = min(cursors.get(name, START) for name in follower.behind)
        entries = [entry for entry in entries if entry.position <= last]
    if entries:
        await follower.handle(registry, entries)
        await _move(registry, follower, entries[-1].position)
    return entries


async def _move(registry: Registry, follower: Follower, position: Position) -> None:
    await registry.catalog.write(lambda transaction: transaction.cursors.move(follower.name, position))
