"""A catalog inside one transaction that never ends: one goes back to its beginning faster than a new one is made.

The statements, the schema and the database are the real ones, of SQLite or PostgreSQL; only nothing is made durable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Protocol

import psycopg

from entrepot.drivers.catalog.catalog import SqlCatalog
from entrepot.drivers.catalog.migrate import migrate
from entrepot.drivers.catalog.postgresql.connecting import OF_THE_CHANGE, connect
from entrepot.drivers.catalog.session import LISTINGS, Connection
from entrepot.drivers.catalog.statements import Statement
from entrepot.drivers.catalog.writing import Outcome, Pending, run
from entrepot.ports.clock import Clock
from entrepot.ports.epochs import Epochs


class Database(Protocol):
    """A database with today's schema, in a transaction."""

    failures: type[Exception]
    of_the_change: tuple[type[Exception], ...]

    def connection(self) -> Connection:
        """What the catalog's changes are told to."""

    def mark(self) -> None:
        """This is where to go back to; there may be several, one in another."""

    def go_back(self) -> None:
        """Forget all since the last `mark`, and that mark."""

    def go_on(self) -> None:
        """Forget the last `mark`, and keep what came since."""

    def close(self) -> None:
        """Forget everything."""


class SqliteInMemory:
    """SQLite, in memory."""

    failures: type[Exception] = sqlite3.DatabaseError
    of_the_change: tuple[type[Exception], ...] = (sqlite3.IntegrityError,)

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=1024)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA temp_store = MEMORY")
        migrate(self._connection)
        self._connection.execute("BEGIN")

    def connection(self) -> Connection:
        """What the catalog's changes are told to."""
        return self._connection

    def mark(self) -> None:
        """This is where to go back to; there may be several, one in another."""
        self._connection.execute("SAVEPOINT beginning")

    def go_back(self) -> None:
        """Forget all since the last `mark`, and that mark."""
        self._connection.execute("ROLLBACK TO beginning")
        self._connection.execute("RELEASE beginning")

    def go_on(self) -> None:
        """Forget the last `mark`, and keep what came since."""
        self._connection.execute("RELEASE beginning")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class PostgresInOneTransaction:
    """PostgreSQL, in a database that has today's schema."""

    failures: type[Exception] = psycopg.Error
    of_the_change: tuple[type[Exception], ...] = OF_THE_CHANGE

    def __init__(self, address: str) -> None:
        self._connection = connect(address)
        self._connection.execute("SET idle_in_transaction_session_timeout = 0")
        self._connection.execute("BEGIN")

    def connection(self) -> Connection:
        """What the catalog's changes are told to."""
        return self

    def execute(self, statement: Statement, parameters: Mapping[str, object], /) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute a statement, and have its rows."""
        return self._connection.execute(statement.postgresql, parameters, binary=True)

    def mark(self) -> None:
        """This is where to go back to; there may be several, one in another."""
        self._connection.execute("SAVEPOINT beginning")

    def go_back(self) -> None:
        """Forget all since the last `mark`, and that mark."""
        self._connection.execute("ROLLBACK TO beginning")
        self._connection.execute("RELEASE beginning")

    def go_on(self) -> None:
        """Forget the last `mark`, and keep what came since."""
        self._connection.execute("RELEASE beginning")

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class _Inline:
    """Implements `entrepot.drivers.catalog.questions.Questions` on the connection that also writes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def one(self, statement: Statement, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""
        row: tuple[Any, ...] | None = self._connection.execute(statement, parameters).fetchone()
        return row

    async def all(self, statement: Statement, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._connection.execute(statement, parameters).fetchall()


class InlineCatalog(SqlCatalog):
    """The catalog over a `Database`: whoever asks or changes it has the answer at once."""

    def __init__(self, database: Database, *, clock: Clock, epochs: Epochs) -> None:
        super().__init__(_Inline(database.connection()), clock)
        self._database = database
        self._epochs = epochs

    async def _commit(self, batch: list[Pending]) -> list[Outcome]:
        database = self._database
        connection = database.connection()
        database.mark()
        ran = run(
            batch,
            connection,
            self._epochs,
            self._clock,
            head=connection.execute(LISTINGS.head, {}).fetchone(),
            database_error=database.failures,
            of_the_change=database.of_the_change,
        )
        if ran.is_void:
            database.go_back()
        else:
            database.go_on()
        return ran.outcomes

    def secret(self, name: str) -> bytes:
        """A secret that is none."""
        return name.encode().ljust(32, b".")
