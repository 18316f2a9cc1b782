# ruff: noqa: S608 (the columns are ours)
"""A journal in which a single byte was changed is told from one in which none was."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.model.events import GENESIS, chain, decode, encode
from entrepot.model.position import Position
from entrepot.operations.check import check
from entrepot.testing.builders import NOON, World, image, open_world

COLUMNS = ("position", "at", "actor", "namespace", "package", "content", "hash")


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, World, sqlite3.Connection]]:
    """A registry with some history, and a way to change it that no program has."""
    folder = tmp_path_factory.mktemp("journal")

    async def fill(world: World) -> None:
        await world.namespace("acme")
        await world.push("acme/api", image(b"layer"), "1.0", "latest")
        await world.token("reader")

    with asyncio.Runner() as runner:
        opening = open_world(folder)
        world = runner.run(opening.__aenter__())
        runner.run(fill(world))
        connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
        for trigger in ("event_is_never_changed", "event_is_never_deleted"):
            connection.execute(f"DROP TRIGGER {trigger}")
        yield runner, world, connection
        connection.close()
        runner.run(opening.__aexit__(None, None, None))


@settings(max_examples=150)
@given(data=st.data())
def test_any_changed_byte_is_found(
    journal: tuple[asyncio.Runner, World, sqlite3.Connection], data: st.DataObject
) -> None:
    runner, world, connection = journal
    row = data.draw(st.integers(1, runner.run(world.catalog.head())[0]), label="position")
    column = data.draw(st.sampled_from(COLUMNS), label="column")
    (value,) = connection.execute(f"SELECT {column} FROM event WHERE position = ?", (row,)).fetchone()
    changed = data.draw(_changes(value), label="change")

    connection.execute(f"UPDATE event SET {column} = ? WHERE position = ?", (changed, row))
    try:
        found = runner.run(check(world.registry))
    finally:
        there = changed if column == "position" else row
        connection.execute(f"UPDATE event SET {column} = ? WHERE position = ?", (value, there))

    assert {violation.invariant for violation in found} & {"I5", "I6"}
    assert runner.run(check(world.registry)) == []


def _changes(value: object) -> st.SearchStrategy[object]:
    """The same with one byte changed, or something where nothing was."""
    match value:
        case int():
            return st.integers(100, 2**40)
        case None:
            return st.text("az", min_size=1, max_size=3)
        case str():
            return _one_changed(value.encode()).map(lambda content: content.decode("utf-8", "replace"))
        case _:
            assert isinstance(value, bytes)
            return _one_changed(value)


def _one_changed(content: bytes) -> st.SearchStrategy[bytes]:
    return st.tuples(st.integers(0, len(content) - 1), st.integers(1, 255)).map(
        lambda change: content[: change[0]] + bytes([content[change[0]] ^ change[1]]) + content[change[0] + 1 :]
    )


async def test_an_entry_that_was_taken_out_is_found(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        for name in ("a", "b", "c"):
            await world.namespace(name)
        connection = sqlite3.connect(tmp_path / "catalog.sqlite")
        connection.execute("DROP TRIGGER event_is_never_deleted")
        connection.execute("DELETE FROM event WHERE position = 2")
        connection.commit()
        connection.close()

        assert {violation.invariant for violation in await check(world.registry)} >= {"I5", "I6"}


@given(st.binary(), st.integers(1), st.text(), st.binary(), st.text(), st.binary())
def test_no_field_can_take_bytes_from_its_neighbour(
    previous: bytes, position: int, actor: str, content: bytes, other_actor: str, other_content: bytes
) -> None:
    one = chain(previous, Position(position), NOON, actor=actor, content=content)
    two = chain(previous, Position(position), NOON, actor=other_actor, content=other_content)

    assert (one == two) == ((actor, content) == (other_actor, other_content))


async def test_an_event_reads_what_it_writes(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        await world.push("acme/api", image(b"layer"), "1.0")

        for entry in await world.catalog.list_entries(after=Position(0), limit=100):
            assert encode(decode(entry.content)) == entry.content
            assert type(decode(entry.content)) is type(entry.event)


def test_the_first_entry_is_tied_to_nothing_that_could_be_an_entry() -> None:
    assert len(GENESIS) == 32
