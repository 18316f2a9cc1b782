"""One fetch for all who want the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Flights:
    """What this process is fetching just now, by what it is."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    async def join(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """What *fetch* returns, for everybody who asks for *key* before it is done.

        It goes on when who began it goes away: others wait for it, or will want it soon.
        """
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.ensure_future(self._run(key, fetch))
            running.add_done_callback(_look_at)
        result: T = await asyncio.shield(running)
        return result

    async def _run(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        try:
            return await fetch()
        finally:
            del self._running[key]

    async def close(self) -> None:
        """Give up what is under way."""
        running = list(self._running.values())
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _look_at(running: asyncio.Future[Any]) -> None:
    """Nobody may be left to be told of a failure; that is no reason to complain of it."""
    if not running.cancelled():
        running.exception()
