"""The catalog in one SQLite file: reads inline, one writer with group commit.

- Reads run on the event loop: a point read takes microseconds, a thread hop would take longer than the read. Those that
  look at a long stretch and find little in it run in a thread: others are answered meanwhile.
- Changes run on the event loop too, one behind another in a transaction, each in a savepoint unless it is alone; only
  the commit, which waits for the disk, runs in a thread. What arrives meanwhile is committed together afterwards. (Running whole changes
  in a thread was slower: every statement would fight the loop for the interpreter.)
- Several processes may use the file. They take turns by an exclusive lock on ``catalog.lock``, held from before the
  transaction begins until after its epochs have moved, so that whoever has written has also told every cache.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog.catalog import SqlCatalog
from entrepot.drivers.catalog.failures import raise_in_our_words, translated
from entrepot.drivers.catalog.migrate import migrate
from entrepot.drivers.catalog.session import LISTINGS
from entrepot.drivers.catalog.transaction import ACCESS_SQL
from entrepot.drivers.catalog.writing import run
from entrepot.drivers.threads import finished
from entrepot.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.drivers.catalog.statements import Statement
    from entrepot.drivers.catalog.writing import Outcome, Pending, Ran
    from entrepot.ports.clock import Clock
    from entrepot.ports.epochs import Epochs

_BUSY_MILLISECONDS: Final = 10_000
_CACHE_KIBIBYTES: Final = 32_768
"""So much of a large catalog's indexes stays in memory."""

_OF_THE_CHANGE: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
"""What is wrong with one change alone; anything else the database fails with is wrong with the commit."""


class SqliteQuestions:
    """Implements `entrepot.drivers.catalog.questions.Questions` inline: these coroutines never wait (0002).

    A context manager for the failures would take as long as a tenth of a question.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def one(self, statement: Statement, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""
        try:
            row: tuple[Any, ...] | None = self._connection.execute(statement, parameters).fetchone()
        except sqlite3.DatabaseError as error:
            raise_in_our_words(error)
        return row

    async def all(self, statement: Statement, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows."""
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.DatabaseError as error:
            raise_in_our_words(error)


class _QuestionsAside:
    """Implements `entrepot.drivers.catalog.questions.Questions` in a thread, on a connection opened for the first of them.

    For statements that look at much and find little: each row that is found takes the interpreter from the loop.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside")
        self._connection: sqlite3.Connection | None = None

    async def one(self, statement: Statement, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return next(iter(await self.all(statement, **parameters)), None)

    async def all(self, statement: Statement, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows."""
        return await finished(
            asyncio.get_running_loop().run_in_executor(self._thread, self._ask, statement, parameters)
        )

    def _ask(self, statement: Statement, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        with translated():
            if self._connection is None:
                self._connection = connect(self._path, synchronous="OFF")
                self._connection.execute("PRAGMA query_only = ON")
            return self._connection.execute(statement, parameters).fetchall()

    def close(self) -> None:
        """Finish what is being asked, and let go."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()


class SqliteCatalog(SqlCatalog):
    """A catalog in the file at a path."""

    def __init__(self, path: Path, *, clock: Clock, epochs: Epochs, durable: bool = True) -> None:
        """Open the file, make it or bring it to today's schema. *durable=False* is for tests that kill nothing."""
        self._path = path
        self._epochs = epochs
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with translated():
            with self._exclusively():
                # A new file cannot be made one with a write-ahead log while another process has it open: that
                # would not wait, but fail.
                self._writer = connect(path, synchronous="FULL" if durable else "OFF")
                migrate(self._writer)
                epochs.recover()
            self._reader = connect(path, synchronous="OFF")
            self._reader.execute("PRAGMA query_only = ON")
        self._committer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._aside = _QuestionsAside(path)
        super().__init__(SqliteQuestions(self._reader), clock, aside=self._aside)

    def secret(self, name: str) -> bytes:
        """A random secret of this installation, made when first asked for; to be asked before serving begins."""
        with translated(), self._exclusively():
            self._writer.execute(ACCESS_SQL.add_secret, {"name": name, "value": secrets.token_bytes(32)})
            return bytes(self._writer.execute(ACCESS_SQL.find_secret, {"name": name}).fetchone()[0])

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Wait for the writers of other processes, and let them wait."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    async def _commit(self, batch: list[Pending]) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await finished(loop.run_in_executor(self._committer, fcntl.flock, self._lock, fcntl.LOCK_EX))
        try:
            with translated():
                if any(each.aside for each in batch):
                    ran = await finished(loop.run_in_executor(self._committer, self._run, batch))
                else:
                    ran = self._run(batch)
                if ran.is_void:
                    return ran.outcomes
                try:
                    self._epochs.begin(ran.slots)
                    await finished(loop.run_in_executor(self._committer, self._writer.execute, "COMMIT"))
                finally:
                    self._epochs.end(ran.slots)
            return ran.outcomes
        finally:
            if self._writer.in_transaction:
                self._writer.rollback()
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _run(self, batch: list[Pending]) -> Ran:
        self._writer.execute("BEGIN IMMEDIATE")
        return run(
            batch,
            self._writer,
            self._epochs,
            self._clock,
            head=self._writer.execute(LISTINGS.head).fetchone(),
            database_error=sqlite3.DatabaseError,
            of_the_change=_OF_THE_CHANGE,
        )

    async def shred(self) -> None:
        """Have nothing of what was deleted in the file and its log: the one is overwritten, the other emptied.

        Raises `Unavailable` while somebody still reads what was there before.
        """
        with translated():
            await finished(asyncio.get_running_loop().run_in_executor(None, self._empty_log))

    def _empty_log(self) -> None:
        # Beside the writer's: that one may be in the middle of a change.
        with closing(connect(self._path, synchronous="FULL")) as connection:
            is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise Unavailable("catalog", after=1)

    async def close(self) -> None:
        """Finish what is being written, and let go."""
        await super().close()
        self._committer.shutdown()
        self._aside.close()
        self._reader.close()
        self._writer.close()
        os.close(self._lock)


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """A connection to the file, which is made when it is new."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=1024)
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # What is erased is not to be found in the file.
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection
