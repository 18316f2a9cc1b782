"""What other nodes change ends what this one has cached.

Whoever commits says in the same transaction whose caches end (NOTIFY), and every node that caches listens:

- While it hears the others, what they change is told to its caches as soon as the commit is seen: milliseconds.
- Each second it asks for an answer on the connection on which it listens. Where none comes within two, nothing is
  answered from a cache until it listens again; so an answer is never older than some three seconds.
- Having listened again it ends everything that is cached: it may have missed anything.

The node that writes does not wait for this: it tells its own caches around its commit, as with SQLite (0005).
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg
import structlog

from entrepot.drivers.catalog.postgresql.connecting import connect_reading
from entrepot.drivers.catalog.postgresql.hanging import answered_within
from entrepot.drivers.threads import finished

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from entrepot.ports.epochs import Epochs

CHANNEL: Final = "entrepot_epochs"

_BEAT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.5

_log = structlog.stdlib.get_logger("entrepot.catalog")


class Listener:
    """Moves a node's epochs when other nodes commit."""

    def __init__(
        self, address: str, epochs: Epochs, exclusively: Callable[[], AbstractContextManager[None]], *, origin: str
    ) -> None:
        """*exclusively* keeps the node's other processes from moving them; what *origin* says is known here."""
        self._address = address
        self._epochs = epochs
        self._exclusively = exclusively
        self._origin = origin
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()

    async def start(self) -> None:
        """Return once it listens, or once nothing is cached because it does not."""
        self._task = asyncio.create_task(self._run())
        await self._settled.wait()

    async def stop(self) -> None:
        """Listen no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                async with await connect_reading(self._address) as connection:
                    with answered_within(_ANSWER_SECONDS, connection):
                        await connection.execute(f"LISTEN {CHANNEL}")
                    await self._moved(self._renew)
                    self._settled.set()
                    while True:
                        await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                await self._moved(self._suspend)
                self._settled.set()
                _log.warning("caches are not used until other nodes can be heard again", reason=str(error))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        """Tell the caches what is said for a while, and make sure that nothing is missed."""
        async with aclosing(connection.notifies(timeout=_BEAT_SECONDS)) as said:
            async for note in said:
                origin, _, slots = note.payload.partition(":")
                if origin != self._origin:
                    await self._moved(partial(self._move, {int(slot) for slot in slots.split(",")}))
        with answered_within(_ANSWER_SECONDS, connection):
            await connection.execute("SELECT 1")
        # What was said before that answer was heard before it.
        await self._moved(self._epochs.recover)

    async def _moved(self, move: Callable[[], object]) -> None:
        """Move epochs in a thread: another process of this node may be committing just now."""

        def moving() -> None:
            with self._exclusively():
                move()

        await finished(asyncio.get_running_loop().run_in_executor(None, moving))

    def _move(self, slots: set[int]) -> None:
        self._epochs.begin(slots)
        self._epochs.end(slots)

    def _renew(self) -> None:
        self._suspend()
        self._epochs.recover()

    def _suspend(self) -> None:
        self._epochs.begin(self._epochs.all())
