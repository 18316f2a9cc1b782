"""A catalog that was opened for a turn takes changes only until the next turn begins, however late they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from entrepot.drivers.catalog.postgresql import turn as turns
from entrepot.drivers.catalog.postgresql.catalog import PostgresCatalog
from entrepot.drivers.catalog.postgresql.turn import PostgresTurn
from entrepot.model.errors import TurnOver
from entrepot.model.position import Position
from entrepot.ports.catalog import Transaction
from entrepot.ports.turn import Term
from entrepot.testing.builders import StoppedClock
from entrepot.wire.server import Epochs

Open = Callable[[Term | None], PostgresCatalog]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LEASE_SECONDS", 0.1)
    monkeypatch.setattr(turns, "_LOOK_SECONDS", 0.01)


@pytest.fixture
async def open_catalog(database: str, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens a catalog as a node of its own does."""
    async with AsyncExitStack() as stack:

        def opening(term: Term | None) -> PostgresCatalog:
            folder = tmp_path / str(term)
            folder.mkdir()
            epochs = Epochs(folder / "epochs", count=64)
            stack.callback(epochs.close)
            catalog = PostgresCatalog(database, lock=folder / "lock", clock=StoppedClock(), epochs=epochs, term=term)
            stack.push_async_callback(catalog.close)
            return catalog

        yield opening


@pytest.fixture
async def turn(database: str) -> AsyncIterator[Callable[[], PostgresTurn]]:
    """Makes a turn of another node's."""
    async with AsyncExitStack() as stack:

        def making() -> PostgresTurn:
            made = PostgresTurn(database)
            stack.push_async_callback(made.close)
            return made

        yield making


def moving(position: int) -> Callable[[Transaction], None]:
    return lambda change: change.cursors.move("scan", Position(position))


async def test_changes_are_made_while_the_turn_lasts(open_catalog: Open, turn: Callable[[], PostgresTurn]) -> None:
    catalog = open_catalog(await turn().take())

    await catalog.write(moving(7))
    await catalog.confirm_turn()

    assert await catalog.cursors.find("scan") == 7


async def test_what_was_begun_under_a_turn_that_is_over_is_void(
    open_catalog: Open, turn: Callable[[], PostgresTurn]
) -> None:
    stopped = open_catalog(await turn().take())
    await stopped.write(moving(1))
    later = open_catalog(await turn().take())
    await later.write(moving(2))

    with pytest.raises(TurnOver):
        await stopped.write(moving(3))
    with pytest.raises(TurnOver):
        await stopped.confirm_turn()

    assert await later.cursors.find("scan") == 2


async def test_a_turn_begins_when_the_change_that_is_being_made_under_the_one_before_is_over(
    open_catalog: Open, turn: Callable[[], PostgresTurn], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_catalog(await turn().take())
    loop = asyncio.get_running_loop()
    inside, go_on = asyncio.Event(), asyncio.Event()

    def slow(change: Transaction) -> None:
        change.cursors.move("scan", Position(1))
        loop.call_soon_threadsafe(inside.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    writing = asyncio.create_task(first.write(slow))
    await inside.wait()
    taking = asyncio.create_task(turn().take())
    _, waits = await asyncio.wait({taking}, timeout=0.3)
    go_on.set()
    await writing

    later = open_catalog(await taking)
    assert waits
    assert await later.cursors.find("scan") == 1
    with pytest.raises(TurnOver):
        await first.write(moving(9))


async def test_who_has_no_turn_writes_whosever_it_is(open_catalog: Open, turn: Callable[[], PostgresTurn]) -> None:
    worker = open_catalog(None)
    await turn().take()
    await turn().take()

    await worker.write(moving(4))
    await worker.confirm_turn()

    assert await worker.cursors.find("scan") == 4
