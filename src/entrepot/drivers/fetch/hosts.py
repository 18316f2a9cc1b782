"""What we remember of each host: how it fares, and how much we ask of it at once.

A host that fails several times in a row is *left alone* for a while: whoever asks meanwhile is told so at once, and
need not wait for another time-out. Then one question goes through, and its answer decides for the others.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from entrepot.drivers.fetch.pace import Pace
from entrepot.drivers.fetch.targets import Place
from entrepot.model.errors import UpstreamUnavailable

_REMEMBERED: Final = 1024
"""How many hosts, besides those that are just being asked: hostile metadata may name any number of them."""


class Host:
    """One host, as long as we remember it."""

    def __init__(self, name: str, pace: Pace, now: Callable[[], float]) -> None:
        """Begin with a host that is well."""
        self._name = name
        self._pace = pace
        self._now = now
        self._turns = asyncio.Semaphore(pace.at_once)
        self._asking = 0
        self._failures = 0
        self._left_alone_until = -math.inf
        self._trying = False

    @property
    def is_asked(self) -> bool:
        """Whether somebody is asking, or waits to."""
        return self._asking > 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until this host may be asked something, and have that count as asking until the end.

        Raises `UpstreamUnavailable` when it is left alone, or is asked too much for too long.
        """
        self._asking += 1
        try:
            self._refuse_while_left_alone()
            try:
                async with asyncio.timeout(self._pace.turn):
                    await self._turns.acquire()
            except TimeoutError as error:
                raise UpstreamUnavailable(f"{self._name} is asked too much at once", after=1) from error
            try:
                async with self._trial():
                    yield
            finally:
                self._turns.release()
        finally:
            self._asking -= 1

    @asynccontextmanager
    async def _trial(self) -> AsyncIterator[None]:
        # Much may have happened while this waited for its turn.
        self._refuse_while_left_alone()
        tries = self._failures >= self._pace.failures
        self._trying |= tries
        try:
            yield
        finally:
            if tries:
                self._trying = False

    def _refuse_while_left_alone(self) -> None:
        left = self._left_alone_until - self._now()
        if left > 0:
            message = f"{self._name} has failed {self._failures} times in a row and is left alone for now"
            raise UpstreamUnavailable(message, after=math.ceil(left))
        if self._trying:
            raise UpstreamUnavailable(f"{self._name} has failed before, and is being tried again", after=1)

    def succeeded(self) -> None:
        """It answered."""
        self._failures = 0
        self._trying = False

    def failed(self) -> None:
        """It did not, or only to say that it cannot."""
        self._failures += 1
        if self._failures >= self._pace.failures:
            self._left_alone_until = self._now() + self._pace.cool_down


class Hosts:
    """Every host that is remembered."""

    def __init__(self, pace: Pace, now: Callable[[], float]) -> None:
        """Tell the time by *now*, in seconds that never go back."""
        self._pace = pace
        self._now = now
        self._hosts: OrderedDict[tuple[str, int], Host] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def find(self, place: Place) -> Host:
        """What is remembered of the host at *place*."""
        _, name, port = place
        host = self._hosts.get((name, port))
        if host is None:
            host = self._hosts[name, port] = Host(name, self._pace, self._now)
            self._forget()
        self._hosts.move_to_end((name, port))
        return host

    def _forget(self) -> None:
        excess = len(self._hosts) - _REMEMBERED
        idle = [key for key, host in self._hosts.items() if not host.is_asked] if excess > 0 else []
        # The one that was just made is the last of them.
        for key in idle[: min(excess, len(idle) - 1)]:
            del self._hosts[key]
