"""A catalog moves from SQLite to PostgreSQL and back, and is the same at each end."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import psycopg
import pytest

from entrepot.app.migrations import apply_migrations, copy_catalog, find_versions
from entrepot.app.parts import CATALOG_FILE
from entrepot.drivers.catalog.copying import PostgresTables, SqliteTables, _compare
from entrepot.drivers.catalog.postgresql.catalog import PostgresCatalog
from entrepot.model.errors import Conflict, Corrupt, Invalid
from entrepot.model.position import START
from entrepot.operations.check import check
from entrepot.settings import Settings
from entrepot.testing.builders import World, image, open_world, referrer
from tests.postgresql import Cluster

BUILT = image(layer=b"a layer")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        await world.push("acme/api", BUILT, "1.0", "latest")
        await world.push("acme/api", image(layer=b"another"), "1.1", "latest")
        await world.push("acme/api", referrer(BUILT, config=b"{ }"))
        await world.clear("acme/api", BUILT.digest)
        yield world


@pytest.fixture
def settings(world: World) -> Settings:
    return Settings(data=str(world.folder))


def rows_of(tables: SqliteTables | PostgresTables) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in the order of its key."""
    return {
        table: list(tables.read(table, sorted(name for name, _ in columns), [name for name, key in columns if key]))
        for table, columns in tables.columns().items()
    }


def in_file(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(folder / CATALOG_FILE)) as connection:
        return rows_of(SqliteTables(connection))


async def test_it_is_the_same_there_and_when_it_comes_back(
    world: World, settings: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    address = cluster.create()
    entries = await world.catalog.list_entries(after=START, limit=1000)

    counted = copy_catalog(settings, address)
    moved = PostgresCatalog(address, lock=tmp_path / "lock", clock=world.clock, epochs=world.epochs)
    back = msgspec.structs.replace(settings, data=str(tmp_path / "back"), database=address)
    back.data_path.mkdir()

    assert counted["event"] == len(entries) > 0
    assert await moved.violations() == []
    assert await moved.list_entries(after=START, limit=1000) == entries
    assert await moved.storage() == await world.catalog.storage()
    await moved.close()
    with psycopg.connect(address) as connection:
        assert rows_of(PostgresTables(connection)) == in_file(world.folder)
    copy_catalog(back, "")
    assert in_file(back.data_path) == in_file(world.folder)


async def test_what_comes_after_it_is_numbered_after_it(world: World, settings: Settings, cluster: Cluster) -> None:
    address = cluster.create()
    copy_catalog(settings, address)
    moved = PostgresCatalog(address, lock=world.folder / "lock", clock=world.clock, epochs=world.epochs)
    there = replace(world, registry=replace(world.registry, catalog=moved))

    await there.push("acme/other", image(layer=b"a third"), "2.0")

    assert await check(there.registry, read_bytes=True) == []
    await moved.close()


async def test_a_database_that_holds_something_is_refused(settings: Settings, cluster: Cluster) -> None:
    address = cluster.create()
    copy_catalog(settings, address)

    with pytest.raises(Conflict, match="must be empty"):
        copy_catalog(settings, address)


async def test_what_postgresql_cannot_keep_is_said_and_nothing_is_copied(
    world: World, settings: Settings, cluster: Cluster
) -> None:
    address = cluster.create()
    with closing(sqlite3.connect(world.folder / CATALOG_FILE)) as connection, connection:
        connection.execute("UPDATE annotation SET value = 'a' || char(0) || 'b'")
        connection.execute("UPDATE channel SET name = 'a' || char(0) || 'b' WHERE name = 'staging'")

    with pytest.raises(Invalid, match="NUL"):
        copy_catalog(settings, address)

    with psycopg.connect(address) as connection:
        assert connection.execute("SELECT count(*) FROM namespace").fetchone() == (0,)


def test_a_row_that_came_otherwise_is_noticed() -> None:
    with pytest.raises(Corrupt, match="row 2 of blob"):
        _compare("blob", iter([(1,), (2,)]), iter([(1,)]))


async def test_schemas_are_planned_and_applied(settings: Settings, cluster: Cluster) -> None:
    elsewhere = msgspec.structs.replace(settings, database=cluster.create())

    before, wanted = find_versions(elsewhere)

    assert (before, apply_migrations(elsewhere)) == (0, wanted)
    assert find_versions(elsewhere) == find_versions(settings) == (wanted, wanted)
