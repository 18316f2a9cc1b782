"""Turns among all nodes of a database: an advisory lock, which the server takes back from a connection that ended.

Each second whoever has it asks for an answer on that connection. Where none comes within two, the turn is lost: that is
sooner than the server gives up on a node that says nothing more, so that nobody has it twice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psycopg
import structlog

from entrepot.drivers.catalog.postgresql.connecting import connect_reading

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_LOCK: Final = 0x7475726E
_LOOK_SECONDS: Final = 0.5
_BEAT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.0
_DEAD: Final = b"SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3"
"""After six seconds of silence the server gives up on a node; longer than it takes a node to give up itself."""
_TRY: Final = b"SELECT pg_try_advisory_lock(%s)"

_log = structlog.stdlib.get_logger("entrepot.turn")


class PostgresTurn:
    """Implements `entrepot.ports.turn.Turn`."""

    def __init__(self, address: str) -> None:
        """Ask the database at *address*; nothing is connected before `take`."""
        self._address = address
        self._connection: AsyncConnection | None = None

    async def take(self) -> None:
        """Return once it is ours; a database that is away is waited for."""
        while True:
            if await self._try():
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _try(self) -> bool:
        try:
            if self._connection is None:
                self._connection = await connect_reading(self._address)
                await self._connection.execute(_DEAD)
            async with asyncio.timeout(_ANSWER_SECONDS):
                row = await (await self._connection.execute(_TRY, (_LOCK,))).fetchone()
        except (psycopg.Error, OSError) as error:
            _log.warning("the database cannot be asked whose turn it is", reason=str(error))
            await self.close()
            return False
        return row is not None and bool(row[0])

    async def lost(self) -> None:
        """Return once the database does not say that it is ours."""
        while self._connection is not None:
            await asyncio.sleep(_BEAT_SECONDS)
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._connection.execute(b"SELECT 1")
            except (psycopg.Error, OSError) as error:
                _log.warning("the turn is lost", reason=str(error))
                await self.close()

    async def close(self) -> None:
        """Give it back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()
