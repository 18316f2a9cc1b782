"""Connections that only read, as many as are asked for at a time, up to a number."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from entrepot.drivers.catalog.postgresql import connecting
from entrepot.drivers.catalog.postgresql.connecting import PASSING, connect_reading, is_there, may_pass, translated
from entrepot.drivers.catalog.postgresql.hanging import Grip, Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from entrepot.drivers.catalog.statements import Statement

    _Cursor = psycopg.AsyncCursor[tuple[Any, ...]]

T = TypeVar("T")

_SIZE: Final = 8
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.5


class PooledQuestions:
    """Implements `entrepot.drivers.catalog.questions.Questions`.

    A question is read again when the connection fails under it: it changes nothing.
    """

    def __init__(self, address: str, *, size: int = _SIZE) -> None:
        """Ask the database at *address*; nothing is connected before the first question."""
        self._address = address
        self._room = asyncio.Semaphore(size)
        self._idle: list[tuple[_Cursor, Grip]] = []
        self.watch = Watch(lambda: is_there(address))
        """Of those who wait for answers."""
        self._closed = False

    async def one(self, statement: Statement, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""

        async def ask(cursor: _Cursor) -> tuple[Any, ...] | None:
            await cursor.execute(statement.postgresql, parameters, binary=True)
            return await cursor.fetchone()

        return await self._with_connection(ask)

    async def all(self, statement: Statement, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows."""

        async def ask(cursor: _Cursor) -> list[tuple[Any, ...]]:
            # One of its own: a cursor keeps its last answer, and this may be a large one.
            cursor = await cursor.connection.execute(statement.postgresql, parameters, binary=True)
            return await cursor.fetchall()

        return await self._with_connection(ask)

    async def _with_connection(self, ask: Callable[[_Cursor], Awaitable[T]]) -> T:
        pause = _FIRST_PAUSE
        ends = time.monotonic() + connecting.PATIENCE_SECONDS
        with translated():
            while True:
                try:
                    async with self._room:
                        return await self._try(ask)
                except PASSING as error:
                    # What is idle was connected to the same server: it is gone likewise.
                    await self._let_go()
                    if not may_pass(error) or time.monotonic() + pause > ends:
                        raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _try(self, ask: Callable[[_Cursor], Awaitable[T]]) -> T:
        cursor, grip = self._idle.pop() if self._idle else await self._connect()
        try:
            with self.watch.over(grip):
                return await ask(cursor)
        finally:
            # Not after a cancelled question, whose answer may still be under way.
            if not self._closed and cursor.connection.info.transaction_status is TransactionStatus.IDLE:
                self._idle.append((cursor, grip))
            else:
                await _end(cursor, grip)

    async def _connect(self) -> tuple[_Cursor, Grip]:
        connection = await connect_reading(self._address)
        return connection.cursor(), Grip(connection)

    async def _let_go(self) -> None:
        while self._idle:
            await _end(*self._idle.pop())

    async def close(self) -> None:
        """Close every connection; those in use when they are not any more."""
        self._closed = True
        await self._let_go()
        await self.watch.stop()


async def _end(cursor: _Cursor, grip: Grip) -> None:
    grip.close()
    await cursor.connection.close()
