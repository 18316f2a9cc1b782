"""Schemas, and moving a catalog from one database to another; for commands that work on an installation."""

from __future__ import annotations

import fcntl
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from entrepot.app.parts import CATALOG_FILE, LOCK_FILE
from entrepot.drivers.catalog import migrate as sqlite
from entrepot.drivers.catalog.copying import PostgresTables, SqliteTables, Tables, copy, require_empty
from entrepot.drivers.catalog.postgresql import migrate as postgresql
from entrepot.drivers.catalog.postgresql.connecting import connected, translated
from entrepot.drivers.catalog.snapshots import new_file
from entrepot.drivers.catalog.sqlite import connect as open_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.settings import Settings


def find_versions(settings: Settings) -> tuple[int, int]:
    """The schema that the catalog has, and the one that this program brings. Raises `Unavailable`."""
    if settings.database:
        with translated(), connected(settings.database) as connection:
            return postgresql.version_of(connection)[0], postgresql.latest()
    with closing(open_file(settings.data_path / CATALOG_FILE, synchronous="FULL")) as file:
        return sqlite.version_of(file), len(sqlite.migrations())


def apply_migrations(settings: Settings) -> int:
    """Bring the catalog to today's schema, and say which. Raises `Unavailable`."""
    if settings.database:
        with translated(), connected(settings.database) as connection:
            return postgresql.migrate(connection)
    with (
        closing(open_file(settings.data_path / CATALOG_FILE, synchronous="FULL")) as file,
        _exclusively(settings.data_path),
    ):
        return sqlite.migrate(file)


def copy_catalog(settings: Settings, target: str) -> dict[str, int]:
    """Copy the installation's catalog into the database at *target*, or into the data directory when that is empty.

    Nobody writes to the source meanwhile. Says how many rows each table has. Raises `Conflict`, `Corrupt`, `Unavailable`.
    """
    with (
        translated(),
        _exclusively(settings.data_path),
        _reading(settings) as source,
        _writing(settings, target) as into,
    ):
        return copy(source, into)


def require_empty_database(settings: Settings) -> None:
    """Bring the database of the settings to today's schema. Raises `Conflict` when it holds anything, `Unavailable`."""
    with translated(), _writing(settings, settings.database) as tables:
        require_empty(tables)


def fill_database(settings: Settings, file: Path) -> None:
    """Copy a catalog's file into the database of the settings, which must hold nothing.

    The file has today's schema. Raises `Conflict`, `Corrupt`, `Unavailable`.
    """
    with (
        translated(),
        closing(open_file(file, synchronous="OFF")) as source,
        _writing(settings, settings.database) as into,
    ):
        source.execute("BEGIN")
        copy(SqliteTables(source), into)


@contextmanager
def _reading(settings: Settings) -> Iterator[Tables]:
    if settings.database:
        with connected(settings.database) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (postgresql.LOCK,))
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield PostgresTables(connection)
    else:
        with closing(open_file(settings.data_path / CATALOG_FILE, synchronous="FULL")) as file:
            file.execute("BEGIN")
            yield SqliteTables(file)


@contextmanager
def _writing(settings: Settings, target: str) -> Iterator[Tables]:
    if target:
        with connected(target) as connection:
            postgresql.migrate(connection)
            with connection.transaction():
                connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield PostgresTables(connection)
    else:
        with new_file(settings.data_path / CATALOG_FILE) as tables:
            yield tables


@contextmanager
def _exclusively(data: Path) -> Iterator[None]:
    """Wait for the writers of this installation on this machine, and let them wait."""
    lock = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
