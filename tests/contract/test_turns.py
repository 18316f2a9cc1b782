"""What every turn promises (`entrepot.ports.turn`), among processes of one machine and among nodes of a database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from entrepot.drivers import turn as files
from entrepot.drivers.catalog.postgresql import turn as databases
from entrepot.drivers.catalog.postgresql.turn import PostgresTurn
from entrepot.drivers.turn import FileTurn
from entrepot.ports.turn import Turn

Make = Callable[[], Turn]

_HOLDS = """
import asyncio, sys, time
from pathlib import Path
from entrepot.drivers.catalog.postgresql.turn import PostgresTurn
from entrepot.drivers.turn import FileTurn

async def hold():
    turn = PostgresTurn(sys.argv[2]) if sys.argv[1] == "database" else FileTurn(Path(sys.argv[2]))
    await turn.take()
    print("mine", flush=True)
    await turn.lost()

asyncio.run(hold())
"""


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(databases, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(databases, "_BEAT_SECONDS", 0.01)


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Where turns are taken: a file, or a database."""
    kind = str(request.param)
    return kind, str(request.getfixturevalue("migrated") if kind == "database" else tmp_path / "lock")


@pytest.fixture
def make(place: tuple[str, str]) -> Make:
    kind, where = place
    return lambda: PostgresTurn(where) if kind == "database" else FileTurn(Path(where))


async def test_a_turn_is_one_holders_until_it_is_given_back(make: Make) -> None:
    first, second = make(), make()
    await first.take()

    waiting = asyncio.create_task(second.take())
    _, waits = await asyncio.wait({waiting}, timeout=0.2)
    await first.close()
    await waiting

    assert waits
    await second.close()


async def test_a_turn_that_nobody_takes_away_is_not_lost(make: Make) -> None:
    turn = make()
    await turn.take()

    losing = asyncio.create_task(turn.lost())
    _, stays = await asyncio.wait({losing}, timeout=0.2)

    assert stays
    losing.cancel()
    await turn.close()


async def test_the_turn_of_one_who_was_killed_is_free(make: Make, place: tuple[str, str]) -> None:
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", _HOLDS, *place, stdout=asyncio.subprocess.PIPE)
    assert holder.stdout is not None
    said = await holder.stdout.readline()
    turn = make()

    waiting = asyncio.create_task(turn.take())
    _, waits = await asyncio.wait({waiting}, timeout=0.2)
    holder.kill()
    await waiting
    await holder.wait()

    assert said == b"mine\n"
    assert waits
    await turn.close()


# --- what a database can take away ---


async def test_each_turn_has_a_later_term_than_the_one_before(migrated: str) -> None:
    first, second = PostgresTurn(migrated), PostgresTurn(migrated)
    earlier = await first.take()
    await first.close()
    later = await second.take()

    assert later > earlier
    await second.close()


async def test_a_turn_outlives_its_connection(migrated: str) -> None:
    turn, other = PostgresTurn(migrated), PostgresTurn(migrated)
    await turn.take()
    losing = asyncio.create_task(turn.lost())
    waiting = asyncio.create_task(other.take())

    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    _, both_wait = await asyncio.wait({losing, waiting}, timeout=0.3)

    assert both_wait == {losing, waiting}
    losing.cancel()
    await turn.close()
    await waiting
    await other.close()


async def test_who_was_stopped_for_long_has_lost_the_turn_to_another_and_is_told(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_LEASE_SECONDS", 0.1)
    stopped, other = PostgresTurn(migrated), PostgresTurn(migrated)
    await stopped.take()

    await other.take()  # Nobody renews the first one.
    await stopped.lost()

    await stopped.close()  # It has nothing to give back,
    third = PostgresTurn(migrated)
    monkeypatch.setattr(databases, "_LEASE_SECONDS", 60.0)
    assert await third.take() > 0
    await other.lost()
    await other.close()
    await third.close()


async def test_who_cannot_ask_for_long_stops_by_itself(migrated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_SILENT_SECONDS", 0.1)
    turn = PostgresTurn(migrated)
    await turn.take()

    async def nobody(_: str) -> None:
        raise psycopg.OperationalError("the line is cut")

    await turn._disconnect()
    monkeypatch.setattr(databases, "connect_holding", nobody)
    await turn.lost()

    monkeypatch.undo()
    await turn.close()


async def test_a_turn_that_may_be_lost_is_not_taken_for_a_new_one_while_nobody_can_be_asked(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_SILENT_SECONDS", 0.1)
    monkeypatch.setattr(databases, "_LEASE_SECONDS", 0.1)
    turn = PostgresTurn(migrated)
    before = await turn.take()

    async def nobody(_: str) -> None:
        raise psycopg.OperationalError("the line is cut")

    await turn._disconnect()
    with monkeypatch.context() as cut:
        cut.setattr(databases, "connect_holding", nobody)
        await turn.lost()
        taking = asyncio.create_task(turn.take())
        _, waits = await asyncio.wait({taking}, timeout=0.2)

    assert waits
    assert await taking > before
    await turn.close()


async def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    turn = PostgresTurn(f"postgresql://entrepot@/nowhere?host={tmp_path}")

    waiting = asyncio.create_task(turn.take())
    _, waits = await asyncio.wait({waiting}, timeout=0.2)

    assert waits
    waiting.cancel()
    await turn.close()
