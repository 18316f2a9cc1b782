"""A database that keeps its connections and says nothing more: found out, and hung up on.

Who has gone and was seen to go breaks the connection, and the network sees to those who were not. What takes bytes and
gives no answer (a proxy whose other side is gone, a server that was stopped) would be waited for without end. psycopg
gives up a question only by asking the same server to cancel it, which takes ten seconds more where nobody answers. So who
waits too long ends the socket under it, and everything else sees a broken connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

import psycopg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator

_LOOK_SECONDS: Final = 1.0
_SILENT_SECONDS: Final = 5.0
"""A question may take longer: then somebody else asks whether the database is there."""
_STRIKES: Final = 2


class SaysNothing(psycopg.OperationalError):
    """The database takes connections and says nothing."""

    def __init__(self) -> None:
        super().__init__("it takes connections and says nothing")


class Ends(Protocol):
    """What can be made to fail."""

    def end(self) -> None:
        """Let whoever waits for it wait no more."""


class Grip:
    """A hold on a connection's socket, by which anybody can end it while others use it."""

    def __init__(self, connection: psycopg.Connection | psycopg.AsyncConnection) -> None:
        # A descriptor of its own: the connection's may be closed at any time, and its number be somebody else's then.
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))

    def end(self) -> None:
        """Break the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go."""
        self._socket.close()


@contextmanager
def answered_within(seconds: float, connection: psycopg.AsyncConnection) -> Iterator[None]:
    """Break the connection unless the block has ended after *seconds*."""
    grip = Grip(connection)
    timer = asyncio.get_running_loop().call_later(seconds, grip.end)
    try:
        yield
    finally:
        timer.cancel()
        grip.close()


class Watch:
    """Ends what waits long, once nobody else gets an answer either.

    A question that is merely slow goes on.
    """

    def __init__(self, is_there: Callable[[], Awaitable[bool]]) -> None:
        """*is_there* asks the database something new, within bounds."""
        self._is_there = is_there
        self._waiting: dict[Ends, float] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def over(self, waiting: Ends) -> Iterator[None]:
        """Inside of this block somebody waits for an answer."""
        self._waiting[waiting] = time.monotonic()
        if self._task is None:
            self._task = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            del self._waiting[waiting]

    async def stop(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _look_on(self) -> None:
        strikes = 0
        try:
            while self._waiting:
                await asyncio.sleep(_LOOK_SECONDS)
                if not self._silent() or await self._is_there():
                    strikes = 0
                    continue
                strikes += 1
                if strikes >= _STRIKES:
                    for each in self._silent():
                        each.end()
        finally:
            self._task = None

    def _silent(self) -> list[Ends]:
        now = time.monotonic()
        return [each for each, began in self._waiting.items() if now - began > _SILENT_SECONDS]


@contextmanager
def found_out(waiting: Ends, is_there: Callable[[], Coroutine[None, None, bool]]) -> Iterator[None]:
    """Do as `Watch` does for who waits in this thread, and has no loop. Raises `SaysNothing`.

    Nobody says when a question begins or ends, so a block that lasts is looked after from time to time all along.
    """
    done, silent = threading.Event(), threading.Event()

    def look_on() -> None:
        strikes = 0
        while not done.wait(_LOOK_SECONDS if strikes else _SILENT_SECONDS):
            strikes = 0 if asyncio.run(is_there()) else strikes + 1
            if strikes >= _STRIKES and not done.is_set():
                silent.set()
                waiting.end()

    threading.Thread(target=look_on, daemon=True, name="database").start()
    try:
        yield
    except psycopg.OperationalError as error:
        if silent.is_set():
            raise SaysNothing from error
        raise
    finally:
        done.set()
