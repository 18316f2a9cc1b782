"""Copies of a catalog that is in use, as it was at one position: a SQLite file each, whatever database it is in.

SQLite copies its own pages (https://sqlite.org/backup.html): what did not change is byte for byte what it was in the
copy before. PostgreSQL is read in one transaction that sees one state, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from entrepot.drivers.blobs.disk import translated_disk_errors
from entrepot.drivers.catalog.copying import PostgresTables, SqliteTables, copy
from entrepot.drivers.catalog.failures import translated
from entrepot.drivers.catalog.log import LOG, read_head
from entrepot.drivers.catalog.migrate import migrate, version_of
from entrepot.drivers.catalog.session import LISTINGS
from entrepot.drivers.catalog.sqlite import connect
from entrepot.drivers.catalog.statements import load
from entrepot.drivers.threads import finished
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import Conflict
from entrepot.model.events import GENESIS
from entrepot.model.position import START, Position
from entrepot.model.tier import Tier
from entrepot.ports.backups import SnapshotBlob

if TYPE_CHECKING:
    from entrepot.ports.log import LogHead

_SNAPSHOTS = load("snapshots")
_FILE = "catalog.sqlite"


class FileSnapshot:
    """Implements `entrepot.ports.backups.CatalogSnapshot` over a file that nobody writes to."""

    def __init__(self, path: Path) -> None:
        """Look at the file. Raises `Corrupt` when it is no catalog."""
        self._path = path
        # Immutable: nothing beside the file is looked for or made.
        self._connection = sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True, check_same_thread=False)
        with translated():
            self.schema = version_of(self._connection)

    def open(self) -> BinaryIO:
        """The file's bytes."""
        return self._path.open("rb", buffering=0)

    def head(self) -> tuple[Position, bytes]:
        """Where its journal ends, and the running hash there."""
        with translated():
            row = self._connection.execute(LISTINGS.head).fetchone()
        return (START, GENESIS) if row is None else (Position(row[0]), bytes(row[1]))

    def log_head(self) -> LogHead | None:
        """Its log's last checkpoint."""
        with translated():
            return read_head(self._connection.execute(LOG.find_head).fetchone())

    def list_blobs(self, *, after: str, limit: int) -> Sequence[SnapshotBlob]:
        """The blobs whose bytes are needed and are not in the file, by digest."""
        with translated():
            rows = self._connection.execute(_SNAPSHOTS.list_blobs, {"after": after, "limit": limit}).fetchall()
        return [
            SnapshotBlob(Digest.parse(digest), size, generation, BlobState(state), Tier(tier))
            for digest, size, generation, state, tier in rows
        ]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


class _Snapshots:
    """Implements `entrepot.ports.backups.Snapshots`, one at a time, in a folder that is emptied before and after."""

    def __init__(self, folder: Path, make: Callable[[Path], None]) -> None:
        self._folder = folder
        self._make = make

    @asynccontextmanager
    async def take(self) -> AsyncIterator[FileSnapshot]:
        """A copy of the catalog as it is now, for as long as the block lasts.

        Raises `Conflict` while another backup of the same installation copies its catalog.
        """
        with self._alone():
            path = self._folder / _FILE
            await finished(asyncio.get_running_loop().run_in_executor(None, self._make, path))
            with closing(FileSnapshot(path)) as snapshot:
                yield snapshot

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with translated_disk_errors():
            self._folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("another backup of this installation is being made") from None
            self._clear()
            try:
                yield
            finally:
                self._clear()
        finally:
            os.close(lock)

    def _clear(self) -> None:
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


class SqliteSnapshots(_Snapshots):
    """Copies of the catalog in a file."""

    def __init__(self, catalog: Path, folder: Path) -> None:
        super().__init__(folder, lambda path: _copy_file(catalog, path))


class PostgresSnapshots(_Snapshots):
    """Copies of the catalog in a database."""

    def __init__(self, address: str, folder: Path) -> None:
        super().__init__(folder, lambda path: _copy_database(address, path))


def _copy_file(catalog: Path, path: Path) -> None:
    with (
        translated(),
        closing(connect(catalog, synchronous="OFF")) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        # All pages in one step, so that writers do not have it begin again.
        source.backup(target)


def _copy_database(address: str, path: Path) -> None:
    from entrepot.drivers.catalog.postgresql import connecting  # noqa: PLC0415 - with its library

    with (
        connecting.translated(),
        connecting.connected(address) as source,
        source.transaction(),
        new_file(path) as target,
    ):
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        source.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        copy(PostgresTables(source), target)


def prepare_file(path: Path) -> None:
    """Let a catalog's file say where things are when its backup has come back: everything hot, and nothing on its way."""
    with translated(), closing(connect(path, synchronous="FULL")) as file:
        migrate(file)
        file.execute("BEGIN IMMEDIATE")
        for statement in (
            _SNAPSHOTS.let_all_be_hot,
            _SNAPSHOTS.forget_cold,
            _SNAPSHOTS.forget_moves,
            _SNAPSHOTS.forget_garbage,
        ):
            file.execute(statement)
        file.execute("COMMIT")


@contextmanager
def new_file(path: Path) -> Iterator[SqliteTables]:
    """The tables of a catalog's file, inside of one transaction; the file is made, or brought to today's schema."""
    with closing(connect(path, synchronous="FULL")) as file:
        migrate(file)
        file.execute("PRAGMA foreign_keys = OFF")  # A row's other end may come after it.
        file.execute("BEGIN IMMEDIATE")
        yield SqliteTables(file)
        file.execute("COMMIT")
