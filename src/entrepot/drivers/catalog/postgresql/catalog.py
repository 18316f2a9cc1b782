"""The catalog in PostgreSQL: changes run in a thread, one writer at a time of all nodes, with group commit.

- The writers of all nodes take turns by an advisory lock, which the server holds until the commit is seen by all:
  positions are in commit order, and no two changes of different nodes run into each other.
- The processes of one node also take turns around each commit, by a lock on a file, because they share their epochs.
- A catalog that was opened for a turn asks under that lock whether it is not over; whoever takes the next turn waits for
  the lock, too. So what a process that was stopped had begun ends before that, or never.
- A change that gets no answer is hung up on when nobody else gets one either (`hanging`).
- A commit whose answer was lost is resolved by asking the journal, once the lock says that the other end is over; until
  then nothing of what it touches is answered from a cache.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg

from entrepot.drivers.catalog.catalog import SqlCatalog
from entrepot.drivers.catalog.postgresql import connecting
from entrepot.drivers.catalog.postgresql.connecting import (
    OF_THE_CHANGE,
    PASSING,
    connect,
    is_there,
    may_pass,
    said,
    translated,
)
from entrepot.drivers.catalog.postgresql.hanging import Grip, found_out
from entrepot.drivers.catalog.postgresql.listening import CHANNEL, Listener
from entrepot.drivers.catalog.postgresql.migrate import LOCK, migrate
from entrepot.drivers.catalog.postgresql.pool import PooledQuestions
from entrepot.drivers.catalog.postgresql.turn import TURN, TURNS
from entrepot.drivers.catalog.session import LISTINGS
from entrepot.drivers.catalog.transaction import ACCESS_SQL
from entrepot.drivers.catalog.writing import run
from entrepot.drivers.threads import finished
from entrepot.model.errors import TurnOver, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from entrepot.drivers.catalog.statements import Statement
    from entrepot.drivers.catalog.writing import Outcome, Pending, Ran
    from entrepot.ports.clock import Clock
    from entrepot.ports.epochs import Epochs
    from entrepot.ports.turn import Term

_PAUSE_SECONDS: Final = 0.1

_BEGIN: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK})".encode()
"""Whoever has the lock sees what was committed until then, whatever the database has its transactions see."""

_BEGIN_AT_HEAD: Final = b"%s; %s" % (_BEGIN, LISTINGS.head.postgresql)
_TERM: Final = f"SELECT term FROM turn WHERE name = '{TURN}'".encode()  # noqa: S608 - of a constant
_BEGIN_IN_TURN: Final = b"%s; %s; %s" % (_BEGIN, _TERM, LISTINGS.head.postgresql)


class _Writer:
    """Implements `entrepot.drivers.catalog.session.Connection`.

    Each statement is answered before the next is sent. Of a pipeline the server waits for the end, for ever and with the
    lock of all writers, where its sender was stopped in the middle: that is no idle transaction to it.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._cursor = connection.cursor()

    def execute(self, statement: Statement, parameters: Mapping[str, object], /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute a statement, and have its rows until the next."""
        return self._cursor.execute(statement.postgresql, parameters, binary=True)


class PostgresCatalog(SqlCatalog):
    """A catalog in the database at an address (``postgresql://…``)."""

    def __init__(
        self,
        address: str,
        *,
        lock: Path,
        clock: Clock,
        epochs: Epochs,
        term: Term | None = None,
    ) -> None:
        """Open the database, and bring it to today's schema; *lock* is a file that this node's processes share.

        With a *term* it takes changes only until another turn begins.
        Raises `Unavailable`, and `RuntimeError` when the database is newer than this program.
        """
        self._address = address
        self._epochs = epochs
        self._term = term
        self._origin = secrets.token_hex(8)
        self._connection: psycopg.Connection | None = None
        self._grip: Grip | None = None
        with self._watched():
            migrate(self._connected())
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._listener = Listener(address, epochs, self._exclusively, origin=self._origin)
        self._pool = PooledQuestions(address)
        self._committer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        super().__init__(self._pool, clock)

    def secret(self, name: str) -> bytes:
        """A random secret of this installation, made when first asked for; to be asked before serving begins."""
        with self._watched():
            writer = _Writer(self._connected())
            writer.execute(ACCESS_SQL.add_secret, {"name": name, "value": secrets.token_bytes(32)})
            ((value,),) = writer.execute(ACCESS_SQL.find_secret, {"name": name}).fetchall()
            return bytes(value)

    async def listen(self) -> None:
        """Hear from now on what other nodes change."""
        await self._listener.start()

    async def confirm_turn(self) -> None:
        """Make sure that the turn for which the catalog was opened is not over. Raises `TurnOver`, `Unavailable`."""
        if self._term is not None:
            self._compare_term(await self._pool.one(TURNS.find_turn, name=TURN))

    def _compare_term(self, row: tuple[Any, ...] | None) -> None:
        if row is None or row[0] != self._term:
            raise TurnOver

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Do not wait without end for the database while nothing else runs yet. Raises `Unavailable`."""
        try:
            with translated(), found_out(self, lambda: is_there(self._address)):
                yield
        except BaseException:
            self._let_go()
            raise

    def _connected(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._let_go()
            return connect(self._address, self._hold)
        return self._connection

    def _hold(self, connection: psycopg.Connection) -> None:
        self._connection, self._grip = connection, Grip(connection)

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        grip, self._grip = self._grip, None
        if connection is not None and grip is not None:
            grip.close()
            connection.close()

    def end(self) -> None:
        """Break the connection of a change that gets no answer: what became of it is found out on another."""
        grip = self._grip
        if grip is not None:
            grip.end()

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Wait for the commits of this node's other processes, and let them wait."""
        # A file of its own for each time: the listener waits for the writer of the same process, too.
        file = os.open(f"/proc/self/fd/{self._lock}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    # --- changes ---

    async def _commit(self, batch: list[Pending]) -> list[Outcome]:
        running = asyncio.get_running_loop().run_in_executor(self._committer, self._commit_patiently, batch)
        with self._pool.watch.over(self):
            return await finished(running)

    def _commit_patiently(self, batch: list[Pending]) -> list[Outcome]:
        ends = time.monotonic() + connecting.PATIENCE_SECONDS
        with translated():
            while True:
                try:
                    return [
                        (result, None if failure is None else said(failure))
                        for result, failure in self._try(batch, ends)
                    ]
                except PASSING as error:
                    self._let_go()
                    if not may_pass(error) or time.monotonic() > ends:
                        raise
                    time.sleep(_PAUSE_SECONDS)

    def _try(self, batch: list[Pending], ends: float) -> list[Outcome]:
        connection = self._connected()
        try:
            head = self._begin(connection)
            ran = run(
                batch,
                _Writer(connection),
                self._epochs,
                self._clock,
                head=head,
                database_error=psycopg.Error,
                of_the_change=OF_THE_CHANGE,
            )
            if ran.is_void:
                connection.rollback()
            else:
                self._commit_run(connection, ran, ends)
        except BaseException:
            # Where it cannot be rolled back the connection is lost, and with it the transaction.
            with suppress(psycopg.Error):
                connection.rollback()
            raise
        return ran.outcomes

    def _begin(self, connection: psycopg.Connection) -> tuple[Any, ...] | None:
        """Begin once no other writer of any node changes anything; the last row of the journal. Raises `TurnOver`."""
        cursor = connection.execute(_BEGIN_AT_HEAD if self._term is None else _BEGIN_IN_TURN)
        cursor.nextset()
        cursor.nextset()  # Begun, and locked.
        if self._term is not None:
            self._compare_term(cursor.fetchone())
            cursor.nextset()
        return cursor.fetchone()

    def _commit_run(self, connection: psycopg.Connection, ran: Ran, ends: float) -> None:
        """Commit, with the caches of this node ended around it and those of the others told."""
        commit = b"COMMIT"
        if ran.slots:
            said_to_others = f"{self._origin}:{','.join(map(str, sorted(ran.slots)))}"
            commit = f"NOTIFY {CHANNEL}, '{said_to_others}'; COMMIT".encode()
        with self._exclusively():
            # What is odd already is so because nobody here hears the other nodes; it stays so.
            heard = {slot for slot in ran.slots if not self._epochs.read(slot) & 1}
            known = False
            try:
                self._epochs.begin(ran.slots)
                try:
                    connection.execute(commit)
                except PASSING:
                    if not connection.closed or not self._is_committed(ran, ends):
                        known = True
                        raise
                known = True
            finally:
                # A commit that may yet come must not find a cache filled before it.
                if known or not connection.closed:
                    self._epochs.end(heard)

    def _is_committed(self, ran: Ran, ends: float) -> bool:
        """Whether a commit whose answer was lost came about. Raises `Unavailable` when nobody can say in time."""
        if not ran.appended:
            raise Unavailable("catalog")
        while True:
            self._let_go()
            try:
                connection = self._connected()
                connection.execute(_BEGIN)  # Whoever has the lock knows that the lost transaction is over.
                row = connection.execute("SELECT hash FROM event WHERE position = %s", (ran.position,)).fetchone()
                connection.execute("ROLLBACK")
            except PASSING as error:
                if not may_pass(error) or time.monotonic() > ends:
                    raise Unavailable("catalog") from error
                time.sleep(_PAUSE_SECONDS)
            else:
                return row is not None and bytes(row[0]) == ran.hash

    async def close(self) -> None:
        """Finish what is being written, and let go."""
        await super().close()
        await self._listener.stop()
        await self._pool.close()
        await asyncio.get_running_loop().run_in_executor(self._committer, self._let_go)
        self._committer.shutdown()
        os.close(self._lock)
