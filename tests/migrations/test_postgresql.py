"""PostgreSQL's schema is SQLite's, and reads every statement."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from entrepot.drivers.catalog import statements
from entrepot.drivers.catalog.migrate import migrate as migrate_sqlite
from entrepot.drivers.catalog.migrate import migrations as sqlite_migrations
from entrepot.drivers.catalog.postgresql import migrate as module
from entrepot.drivers.catalog.postgresql.migrate import latest, migrate, migrations, version_of
from entrepot.drivers.catalog.statements import load
from tests.postgresql import Cluster

_FOLDER = Path(statements.__file__).parent
_TYPES = {"INTEGER": {"bigint", "boolean"}, "TEXT": {"text"}, "BLOB": {"bytea"}, "REAL": {"double precision"}}


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[psycopg.Connection]:
    with psycopg.connect(cluster.create(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def today(migrated: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate_sqlite(connection)
    yield connection
    connection.close()


def test_every_migration_of_sqlite_has_its_like_from_the_baseline_on() -> None:
    assert list(migrations()) == list(range(min(migrations()), len(sqlite_migrations()) + 1))


def test_an_empty_database_gets_todays_schema_once(empty: psycopg.Connection) -> None:
    assert migrate(empty) == migrate(empty) == latest()
    assert version_of(empty) == (latest(), min(migrations()))


def test_tables_and_columns_are_those_of_sqlite(today: psycopg.Connection, sqlite: sqlite3.Connection) -> None:
    tables = [
        name
        for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith(("sqlite_", "package_name"))
    ]
    expected = {
        (table, name, declared, bool(required or key))
        for table in tables
        for _, name, declared, required, _, key in sqlite.execute(f"PRAGMA table_info({table})")
    }

    found = {
        (table, name, declared, nullable == "NO")
        for table, name, kind, nullable in today.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name IN"
            " (SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE')"
            " AND table_name <> 'schema_version'"
        )
        for declared, kinds in _TYPES.items()
        if kind in kinds
    }

    assert found == expected


def test_indexes_are_those_of_sqlite(today: psycopg.Connection, sqlite: sqlite3.Connection) -> None:
    expected = {
        name for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    }

    found = {name for (name,) in today.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")}

    assert expected <= found


@pytest.mark.parametrize("file", sorted(path.stem for path in (_FOLDER / "queries").glob("*.sql")))
def test_postgresql_reads_every_statement(today: psycopg.Connection, file: str) -> None:
    unread = []
    for name, statement in vars(load(file)).items():
        try:
            today.execute(f"PREPARE one AS {_numbered(statement.postgresql.decode())}".encode())
            today.execute("DEALLOCATE one")
        except psycopg.Error as error:
            unread.append(f"{name}: {error}")

    assert unread == []


def _numbered(statement: str) -> str:
    """A statement with its parameters as the server has them, and not its driver."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement)))
    return re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")


def test_no_migration_takes_anything_from_programs_of_the_version_before(
    empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users' thread 82: what ran before goes on over the schema of what comes, and can be gone back to.

    What it asks for is there, and what it inserts is let in: it knows neither new columns nor new rules for old ones.
    """
    scripts = migrations()
    known: dict[int, str] = {}
    monkeypatch.setattr(module, "migrations", lambda: known)
    found = []
    for number, script in scripts.items():
        columns, rules = _columns(empty), _rules(empty)
        known[number] = script
        migrate(empty)
        if module._CONTRACTS.match(script):
            continue
        after = _columns(empty)
        found += [(number, "is gone", column) for column in columns if column not in after]
        found += [
            (number, "is another", column)
            for column in columns
            if after.get(column, columns[column]) != columns[column]
        ]
        tables = {table for table, _ in columns}
        found += [
            (number, "must be given", column)
            for column, (_, optional) in after.items()
            if column not in columns and column[0] in tables and not optional
        ]
        found += [
            (number, "forbids more", rule)
            for rule in _rules(empty) - rules
            if rule[0] in tables and all((rule[0], column) in columns for column in rule[2])
        ]

    assert found == []


def _columns(connection: psycopg.Connection) -> dict[tuple[str, str], tuple[str, bool]]:
    """Each column of a table or view: its type, and whether an insert may leave it out."""
    rows = connection.execute(
        "SELECT table_name, column_name, data_type, is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES'"
        "  FROM information_schema.columns WHERE table_schema = 'public'"
    )
    return {(table, column): (kind, optional) for table, column, kind, optional in rows}


def _rules(connection: psycopg.Connection) -> set[tuple[str, str, tuple[str, ...]]]:
    """Each rule that an insert may break: its table, what it says, and the columns that it is about."""
    rows = connection.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(c.oid),"
        "       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))"
        "  FROM pg_constraint c WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')"
        " UNION ALL"
        " SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid),"
        "       ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = indrelid AND attnum = ANY (indkey))"
        "  FROM pg_index JOIN pg_class ON oid = indrelid"
        " WHERE relnamespace = 'public'::regnamespace AND indisunique"
    )
    return {(table, rule, tuple(columns)) for table, rule, columns in rows}


def test_programs_of_the_version_before_still_use_what_only_grew(
    empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty)
    newer = latest() + 1
    with monkeypatch.context() as newest:
        newest.setattr(module, "migrations", lambda: {**migrations(), newer: "CREATE TABLE one (id BIGINT)"})
        assert migrate(empty) == newer

    assert migrate(empty) == newer


def test_programs_that_need_what_is_gone_are_refused(
    empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty)
    newer = latest() + 1
    with monkeypatch.context() as newest:
        script = f"-- contracts {newer:04}\nALTER TABLE blob RENAME TO one"
        newest.setattr(module, "migrations", lambda: {**migrations(), newer: script})
        migrate(empty)

    with pytest.raises(RuntimeError, match="use a newer Entrepot"):
        migrate(empty)


def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = migrate(empty)
    monkeypatch.setattr(
        module, "migrations", lambda: {**migrations(), version + 1: "CREATE TABLE one (id BIGINT); SELECT no_such()"}
    )

    with pytest.raises(psycopg.Error):
        migrate(empty)

    assert version_of(empty)[0] == version
    assert empty.execute("SELECT to_regclass('one')").fetchone() == (None,)
