"""From nothing, and from each version before, to today's schema; and never back."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.drivers.catalog import migrate as module
from entrepot.drivers.catalog.migrate import migrate, migrations
from entrepot.model.names import View
from entrepot.operations.check import check
from entrepot.testing.builders import image, open_world, package


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)
    yield connection
    connection.close()


def schema_of(connection: sqlite3.Connection) -> set[str]:
    return {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}


def version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def test_an_empty_database_gets_todays_schema(database: sqlite3.Connection) -> None:
    assert migrate(database) == len(migrations()) == version_of(database)

    written = sqlite3.connect(":memory:")
    for script in migrations():
        written.executescript(script)
    assert schema_of(database) == schema_of(written)
    written.close()


def test_a_database_of_today_is_left_as_it_is(database: sqlite3.Connection) -> None:
    migrate(database)
    before = schema_of(database)

    migrate(database)

    assert schema_of(database) == before


def test_a_newer_database_is_refused_and_left_as_it_is(database: sqlite3.Connection) -> None:
    migrate(database)
    newer = len(migrations()) + 1
    database.execute(f"PRAGMA user_version = {newer}")

    with pytest.raises(RuntimeError, match="use a newer Entrepot"):
        migrate(database)

    assert version_of(database) == newer


async def test_a_newer_catalog_is_not_opened(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.catalog._writer.execute("PRAGMA user_version = 99")

    with pytest.raises(RuntimeError, match="99"):
        async with open_world(tmp_path):
            pass


def test_a_step_that_fails_leaves_the_version_before(
    database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ["CREATE TABLE one (x);", "CREATE TABLE two (x); INSERT INTO nothing VALUES (1);"]
    monkeypatch.setattr(module, "migrations", lambda: steps)
    with pytest.raises(sqlite3.OperationalError):
        migrate(database)
    database.rollback()

    assert version_of(database) == 1
    assert schema_of(database) == {"CREATE TABLE one (x)"}

    steps[1] = "CREATE TABLE two (x);"
    assert migrate(database) == 2
    assert schema_of(database) == {"CREATE TABLE one (x)", "CREATE TABLE two (x)"}


def test_steps_are_numbered_without_a_gap() -> None:
    folder = Path(module.__file__).parent / "migrations" / "sqlite"
    numbers = [int(path.name.partition("_")[0]) for path in sorted(folder.glob("*.sql"))]

    assert numbers == list(range(1, len(migrations()) + 1))


_OPENS = """
import asyncio, sys
from pathlib import Path
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.drivers.clock import SystemClock
from entrepot.wire.server import Epochs

async def main():
    folder = Path(sys.argv[1])
    epochs = Epochs(folder / "epochs", count=64)
    print("may I?", flush=True)
    sys.stdin.readline()
    catalog = SqliteCatalog(folder / "catalog.sqlite", clock=SystemClock(), epochs=epochs)
    await catalog.head()
    await catalog.close()
    epochs.close()

asyncio.run(main())
"""


async def test_several_processes_may_open_a_new_catalog_at_once(tmp_path: Path) -> None:
    opening = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", _OPENS, tmp_path, stdin=PIPE, stdout=PIPE)
        for _ in range(3)
    ]
    for process in opening:
        assert process.stdout is not None
        await process.stdout.readline()

    # All are as far as the door: none of them finds a catalog that another made before.
    assert not (tmp_path / "catalog.sqlite").exists()
    for process in opening:
        assert process.stdin is not None
        process.stdin.write(b"yes\n")

    assert [await process.wait() for process in opening] == [0, 0, 0]
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        assert await check(world.registry) == []


async def test_what_was_written_is_read_after_the_catalog_was_opened_again(tmp_path: Path) -> None:
    built = image(b"layer", annotations={"org.opencontainers.image.revision": "abc"})
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        await world.push("acme/api", built, "1.0")
        await world.clear("acme/api", built.digest)
        events = await world.events()

    async with open_world(tmp_path) as world:
        assert await world.events() == events
        assert await check(world.registry, read_bytes=True) == []
        found = await world.catalog.find_artifact(View.parse("acme.prod"), package("acme/api"), digest=built.digest)
        assert found is not None
        await world.push("acme/api", image(b"more"), "2.0")
        assert await check(world.registry) == []
