"""Turns among all nodes of a database: a row that its holder renews each second, and a term that each turn counts up.

Who holds it and is silent for long (killed, cut off, stopped) loses it by the database's clock. No clock decides what is
written: who takes the turn counts its term up under the writers' lock, and changes under an older one are refused from
then on (`entrepot.drivers.catalog.postgresql.catalog`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psycopg
import structlog

from entrepot.drivers.catalog.postgresql.connecting import connect_holding
from entrepot.drivers.catalog.postgresql.hanging import answered_within
from entrepot.drivers.catalog.postgresql.migrate import LOCK
from entrepot.drivers.catalog.statements import load
from entrepot.ports.turn import Term

if TYPE_CHECKING:
    from psycopg import AsyncConnection

TURN: Final = "followers"
TURNS: Final = load("turns")

_LOOK_SECONDS: Final = 0.5
_BEAT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.0
_TAKE_SECONDS: Final = 30.0
"""So long whoever takes the turn waits for writers; longer than the server lets one of them think."""
_LEASE_SECONDS: Final = 8.0
"""A holder of whom nothing is heard for so long has lost it."""
_SILENT_SECONDS: Final = 5.0
"""A holder who hears nothing for so long stops by itself, before anybody else begins."""

_NOW: Final = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
_FREE: Final = f"SELECT NOT EXISTS (SELECT 1 FROM turn WHERE name = %(name)s AND ends_at > {_NOW})".encode()  # noqa: S608 - of constants
_TAKE: Final = f"""
INSERT INTO turn (name, term, holder, ends_at) VALUES (%(name)s, 1, %(holder)s, {_NOW} + %(lease)s)
    ON CONFLICT (name) DO UPDATE SET term = turn.term + 1, holder = excluded.holder, ends_at = excluded.ends_at
    WHERE turn.ends_at <= {_NOW}
    RETURNING term
""".encode()  # noqa: S608 - likewise
_RENEW: Final = (
    f"UPDATE turn SET ends_at = {_NOW} + %(lease)s "  # noqa: S608 - likewise
    "WHERE name = %(name)s AND term = %(term)s"
).encode()
_GIVE_BACK: Final = b"UPDATE turn SET ends_at = 0 WHERE name = %(name)s AND term = %(term)s"

_log = structlog.stdlib.get_logger("entrepot.turn")


class PostgresTurn:
    """Implements `entrepot.ports.turn.Turn`."""

    def __init__(self, address: str) -> None:
        """Ask the database at *address*; nothing is connected before `take`."""
        self._address = address
        self._connection: AsyncConnection | None = None
        self._term: Term | None = None

    async def take(self) -> Term:
        """Return once it is ours; a database that is away is waited for."""
        self._term = None  # Of a turn that may be lost nothing is left, whatever the database says to begin with.
        while True:
            try:
                self._term = await self._try()
            except (psycopg.Error, OSError) as error:
                _log.warning("the database cannot be asked whose turn it is", reason=str(error))
                await self._disconnect()
            if self._term is not None:
                return self._term
            await asyncio.sleep(_LOOK_SECONDS)

    async def _try(self) -> Term | None:
        connection = await self._connected()
        with answered_within(_ANSWER_SECONDS, connection):
            row = await (await connection.execute(_FREE, {"name": TURN})).fetchone()
        if row is None or not row[0]:
            return None
        with answered_within(_TAKE_SECONDS, connection):
            return await self._take(connection)

    async def _take(self, connection: AsyncConnection) -> Term | None:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            holder = f"{socket.gethostname()}:{os.getpid()}"
            lease = int(_LEASE_SECONDS * 1000)
            taken = await connection.execute(_TAKE, {"name": TURN, "holder": holder, "lease": lease})
            row = await taken.fetchone()
        return None if row is None else Term(row[0])

    async def lost(self) -> None:
        """Return once another has it, or the database has not said for long that it is ours."""
        heard = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                connection = await self._connected()
                parameters = {"name": TURN, "term": self._term, "lease": int(_LEASE_SECONDS * 1000)}
                with answered_within(_ANSWER_SECONDS, connection):
                    renewed = await connection.execute(_RENEW, parameters)
            except (psycopg.Error, OSError) as error:
                await self._disconnect()
                if time.monotonic() - heard > _SILENT_SECONDS:
                    _log.warning("the turn may be lost", term=self._term, reason=str(error))
                    return
            else:
                if not renewed.rowcount:
                    _log.warning("the turn is lost: another node has it", term=self._term)
                    self._term = None
                    return
                heard = asked
            await asyncio.sleep(_BEAT_SECONDS)

    async def close(self) -> None:
        """Give it back."""
        if self._term is not None:
            with suppress(psycopg.Error, OSError):
                connection = await self._connected()
                with answered_within(_ANSWER_SECONDS, connection):
                    await connection.execute(_GIVE_BACK, {"name": TURN, "term": self._term})
            self._term = None
        await self._disconnect()

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            async with asyncio.timeout(_ANSWER_SECONDS):
                self._connection = await connect_holding(self._address)
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()
