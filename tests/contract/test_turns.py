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


async def test_a_turn_is_lost_with_its_connection_and_another_takes_it(migrated: str) -> None:
    first, second = PostgresTurn(migrated), PostgresTurn(migrated)
    await first.take()
    losing = asyncio.create_task(first.lost())

    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")

    await losing
    await second.take()
    await second.close()


async def test_a_database_that_is_away_is_waited_for(tmp_path: Path) -> None:
    turn = PostgresTurn(f"postgresql://entrepot@/nowhere?host={tmp_path}")

    waiting = asyncio.create_task(turn.take())
    _, waits = await asyncio.wait({waiting}, timeout=0.2)

    assert waits
    waiting.cancel()
    await turn.close()
