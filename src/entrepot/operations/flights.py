"""One fetch for all who want the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Flights:
    """What this process is fetching just now, by what it is. A flight goes on when those who wait for it go away."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._running: dict[Hashable, tuple[asyncio.Future[Any], Any]] = {}

    def find(self, key: Hashable) -> Any | None:
        """What goes with a flight that is under way; None when there is none."""
        running = self._running.get(key)
        return None if running is None else running[1]

    def runs(self, key: Hashable) -> bool:
        """Whether a flight is under way, with a companion or without."""
        return key in self._running

    def begin(self, key: Hashable, companion: object, fetch: Callable[[], Awaitable[object]]) -> None:
        """Let a flight begin, with something that others will `find`."""
        self._start(key, companion, fetch)

    async def join(self, key: Hashable, fetch: Callable[[], Awaitable[T]]) -> T:
        """What *fetch* returns, for everybody who asks for *key* before it is done."""
        running = self._running.get(key)
        future = self._start(key, None, fetch) if running is None else running[0]
        result: T = await asyncio.shield(future)
        return result

    def _start(self, key: Hashable, companion: object, fetch: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        future = asyncio.ensure_future(fetch())
        self._running[key] = future, companion
        future.add_done_callback(lambda done: self._end(key, done))
        return future

    def _end(self, key: Hashable, done: asyncio.Future[Any]) -> None:
        if self._running.get(key, (None,))[0] is done:
            del self._running[key]
        if not done.cancelled():
            done.exception()  # Perhaps nobody is left to be told; that is no reason to complain of it.

    async def landed(self) -> None:
        """Wait until nothing is under way, nor what comes of it."""
        while self._running:
            await asyncio.wait([future for future, _ in self._running.values()])

    async def close(self) -> None:
        """Give up what is under way."""
        futures = [future for future, _ in self._running.values()]
        for future in futures:
            future.cancel()
        await asyncio.gather(*futures, return_exceptions=True)
