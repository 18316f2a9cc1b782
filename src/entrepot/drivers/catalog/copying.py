"""Everything of one catalog into another, in whatever databases they are: row by row, and then compared.

The target is of today's schema and holds nothing. Tables go in an order in which each row's other ends are there before
it. Nothing is committed unless every table of the target reads like that of the source.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, Final, Protocol

from entrepot.model.errors import Conflict, Corrupt, Invalid

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

    import psycopg

Row = tuple[Any, ...]

_PAGE: Final = 1_000
_SEEDED: Final = ("total", "advisory_feed", "pull_start", "charge", "account")
"""Tables that have rows before theirs come, in a new schema or from other tables: the source's are the ones that count."""


class Tables(Protocol):
    """A catalog's tables, inside one transaction."""

    def columns(self) -> Mapping[str, Sequence[tuple[str, bool]]]:
        """Of each table its columns, each with whether it is part of the key."""

    def order(self) -> Sequence[str]:
        """The tables, each after those that it refers to."""

    def read(self, table: str, columns: Sequence[str], by: Sequence[str]) -> Generator[Row, None, None]:
        """The rows of a table, in the order of *by*, or as they came without it; booleans as numbers."""

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Add rows."""

    def clear(self, table: str) -> None:
        """Remove the rows of a table."""

    def finish(self) -> None:
        """Let new rows be numbered after those that came, and look whether every row has its other end."""


def copy(source: Tables, target: Tables) -> dict[str, int]:
    """Copy every table, and say how many rows each has.

    Raises `Conflict` when the target holds something, `Corrupt` when it does not read like the source afterwards.
    """
    tables = {table: [name for name, _ in columns] for table, columns in source.columns().items()}
    keys = {table: [name for name, key in columns if key] for table, columns in source.columns().items()}
    require_empty(target)
    for table in _SEEDED:
        target.clear(table)
    order = [table for table in source.order() if table not in _SEEDED]
    # Those last, and instead of what was counted on the way.
    for table in (*order, *_SEEDED):
        if table in _SEEDED:
            target.clear(table)
        with closing(source.read(table, tables[table], ())) as rows:
            target.write(table, tables[table], rows)
    target.finish()
    counted = {}
    for table, columns in tables.items():
        with (
            closing(source.read(table, columns, keys[table])) as first,
            closing(target.read(table, columns, keys[table])) as second,
        ):
            counted[table] = _compare(table, first, second)
    return counted


def require_empty(target: Tables) -> None:
    """Raise `Conflict` when a catalog holds anything that it was not made with."""
    for table, columns in target.columns().items():
        with closing(target.read(table, [name for name, _ in columns], ())) as there:
            if table not in _SEEDED and next(there, None) is not None:
                raise Conflict(f"the target has rows in {table}: it must be empty")


def _compare(table: str, first: Iterator[Row], second: Iterator[Row]) -> int:
    """How many rows a table has. Raises `Corrupt` when it has others on the other side."""
    rows = 0
    for one, other in zip_longest(first, second):
        if one != other:
            raise Corrupt(f"row {rows + 1} of {table} did not come as it was")
        rows += 1
    return rows


class SqliteTables:
    """Implements `Tables`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def columns(self) -> Mapping[str, Sequence[tuple[str, bool]]]:
        """Of each table its columns."""
        tables = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " AND name NOT LIKE 'package_name%' ORDER BY rowid"
        ).fetchall()
        return {
            table: [(row[1], bool(row[5])) for row in self._connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in tables
        }

    def order(self) -> Sequence[str]:
        """The tables, each after those that it refers to."""
        refers = {
            table: {row[2] for row in self._connection.execute(f"PRAGMA foreign_key_list({table})")} - {table}
            for table in self.columns()
        }
        return in_order(refers)

    def read(self, table: str, columns: Sequence[str], by: Sequence[str]) -> Generator[Row, None, None]:
        """The rows of a table."""
        order = f" ORDER BY {', '.join(by)}" if by else ""
        statement = f"SELECT {', '.join(columns)} FROM {table}{order}"  # noqa: S608 (names of the schema, here and below)
        with closing(self._connection.execute(statement)) as cursor:
            yield from cursor

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Add rows."""
        places = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608

    def clear(self, table: str) -> None:
        """Remove the rows of a table."""
        self._connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def finish(self) -> None:
        """Look whether every row has its other end: numbers go on by themselves."""
        if self._connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise Corrupt("a row has no other end")


class PostgresTables:
    """Implements `Tables`."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._types: dict[str, dict[str, str]] = {}
        for table, name, kind in connection.execute(
            "SELECT c.table_name, c.column_name, c.udt_name FROM information_schema.columns c"
            "  JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
            " WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name <> 'schema_version'"
            " ORDER BY c.table_name, c.ordinal_position"
        ):
            self._types.setdefault(table, {})[name] = kind

    def columns(self) -> Mapping[str, Sequence[tuple[str, bool]]]:
        """Of each table its columns."""
        keys = {
            (table, name)
            for table, name in self._connection.execute(
                "SELECT u.table_name, u.column_name FROM information_schema.key_column_usage u"
                "  JOIN information_schema.table_constraints c ON c.constraint_name = u.constraint_name"
                "   AND c.table_name = u.table_name"
                " WHERE c.constraint_type = 'PRIMARY KEY' AND u.table_schema = current_schema()"
            )
        }
        return {
            table: [(name, (table, name) in keys) for name in columns] for table, columns in sorted(self._types.items())
        }

    def order(self) -> Sequence[str]:
        """The tables, each after those that it refers to."""
        refers: dict[str, set[str]] = {table: set() for table in self._types}
        for table, other in self._connection.execute(
            "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        ):
            refers.setdefault(table, set()).update({other} - {table})
        return in_order(refers)

    def read(self, table: str, columns: Sequence[str], by: Sequence[str]) -> Generator[Row, None, None]:
        """The rows of a table."""
        named = ", ".join(f"{name}::int" if self._types[table][name] == "bool" else name for name in columns)
        order = f" ORDER BY {', '.join(by)}" if by else ""
        with self._connection.cursor(f"read_{table}") as cursor:
            cursor.itersize = _PAGE
            cursor.execute(f"SELECT {named} FROM {table}{order}".encode())  # noqa: S608
            yield from cursor

    def write(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Add rows."""
        types = [self._types[table][name] for name in columns]
        booleans = [number for number, kind in enumerate(types) if kind == "bool"]
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)".encode()
        first = next(rows := iter(rows), None)
        if first is None:
            return
        # What is counted on the way comes with the source's rows, and counting row by row in one transaction is quadratic.
        self._connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        with self._connection.cursor() as cursor, cursor.copy(statement) as copied:
            copied.set_types(types)
            for row in chain((first,), rows):
                values = list(row)
                for number in booleans:
                    values[number] = bool(values[number])
                if any(isinstance(value, str) and "\0" in value for value in values):
                    raise Invalid(f"{table} has a text with a NUL character, which PostgreSQL cannot keep")
                copied.write_row(values)
        self._connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())

    def clear(self, table: str) -> None:
        """Remove the rows of a table."""
        self._connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608

    def finish(self) -> None:
        """Let new rows be numbered after those that came: that they have their other ends was looked at already."""
        for table, columns in self._types.items():
            if "id" in columns and columns["id"] == "int8":
                numbers = f"pg_get_serial_sequence('{table}', 'id')"
                last = f"SELECT setval({numbers}, (SELECT max(id) FROM {table})) WHERE {numbers} IS NOT NULL"  # noqa: S608
                self._connection.execute(f"{last} AND EXISTS (SELECT 1 FROM {table})".encode())  # noqa: S608


def in_order(refers: Mapping[str, set[str]]) -> list[str]:
    """The tables, each after those that it refers to."""
    order: list[str] = []
    while len(order) < len(refers):
        ready = [table for table in refers if table not in order and refers[table] <= set(order)]
        if not ready:
            raise Corrupt("tables refer to each other in a circle")
        order += ready
    return order
