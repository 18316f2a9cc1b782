"""A database that keeps its connections and says nothing more: nobody waits for it without end, and no cache is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from entrepot.app.database import look_at_database
from entrepot.drivers.catalog.postgresql import catalog as opening_catalogs
from entrepot.drivers.catalog.postgresql import connecting, hanging, listening, turn
from entrepot.drivers.catalog.postgresql.catalog import PostgresCatalog
from entrepot.drivers.catalog.postgresql.migrate import LOCK
from entrepot.drivers.catalog.postgresql.pool import PooledQuestions
from entrepot.drivers.catalog.postgresql.turn import PostgresTurn
from entrepot.drivers.catalog.statements import Statement
from entrepot.model.errors import Unavailable
from entrepot.model.events import NamespaceCreated
from entrepot.model.names import parse_namespace
from entrepot.model.namespace import Namespace
from entrepot.model.position import START
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import StoppedClock
from entrepot.wire.server import Epochs
from tests.database_line import DatabaseLine
from tests.faults.patience import eventually

# What the library needs to give up a question itself, when nobody answers, is more.
_SOON = 8.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(hanging, "_SILENT_SECONDS", 0.2)
    monkeypatch.setattr(connecting, "_SETTING_SECONDS", 0.2)
    monkeypatch.setitem(connecting._PARAMETERS, "connect_timeout", 2)  # the least that the library counts with
    monkeypatch.setattr(connecting, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(listening, "_BEAT_SECONDS", 0.05)
    monkeypatch.setattr(listening, "_ANSWER_SECONDS", 0.2)


@pytest.fixture
async def catalog(line: DatabaseLine, tmp_path: Path, epochs: Epochs) -> AsyncIterator[PostgresCatalog]:
    catalog = PostgresCatalog(line.address, lock=tmp_path / "lock", clock=StoppedClock(), epochs=epochs)
    yield catalog
    await catalog.close()


def creation(name: str) -> object:
    def change(transaction: Transaction) -> None:
        if transaction.add_namespace(Namespace(parse_namespace(name))):
            transaction.append("tester", NamespaceCreated(namespace=parse_namespace(name), public=False))

    return change


async def created(catalog: PostgresCatalog) -> list[str]:
    """The namespaces that the journal says were made, in order."""
    entries = await catalog.list_entries(after=START, limit=100)
    return [str(entry.event.namespace) for entry in entries]


async def test_a_question_is_not_waited_for_without_end_and_the_next_one_is_answered(
    line: DatabaseLine, catalog: PostgresCatalog
) -> None:
    await catalog.head()
    line.hangs = True

    with pytest.raises(Unavailable):
        async with asyncio.timeout(_SOON):
            await catalog.head()
    line.hangs = False

    await catalog.head()


async def test_a_change_is_not_waited_for_without_end_and_is_made_once_when_it_is_made_again(
    line: DatabaseLine, catalog: PostgresCatalog
) -> None:
    await catalog.write(creation("first"))  # type: ignore[arg-type]
    line.hangs = True

    with pytest.raises(Unavailable):
        async with asyncio.timeout(_SOON):
            await catalog.write(creation("second"))  # type: ignore[arg-type]
    line.hangs = False
    await catalog.write(creation("second"))  # type: ignore[arg-type]

    assert await created(catalog) == ["first", "second"]


@pytest.mark.parametrize("asked", [b"idle_in_transaction", b"schema_version", b"secret"])
async def test_opening_is_not_waited_for_without_end_and_the_reason_is_said(
    line: DatabaseLine, tmp_path: Path, epochs: Epochs, monkeypatch: pytest.MonkeyPatch, asked: bytes
) -> None:
    monkeypatch.setattr(hanging, "_STRIKES", 1)
    line.hangs_at = asked

    with pytest.raises(Unavailable) as told:
        await _opened(line.address, tmp_path / "lock", epochs)

    assert str(told.value.__cause__) == "it takes connections and says nothing"


def _open(address: str, lock: Path, epochs: Epochs) -> PostgresCatalog:
    return PostgresCatalog(address, lock=lock, clock=StoppedClock(), epochs=epochs)


async def _opened(address: str, lock: Path, epochs: Epochs) -> None:
    catalog = _open(address, lock, epochs)
    try:
        catalog.secret("uploads")
    finally:
        await catalog.close()


def test_a_command_does_not_wait_without_end_either(line: DatabaseLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hanging, "_STRIKES", 1)
    line.hangs_at = b"current_setting"

    with pytest.raises(Unavailable):
        look_at_database(line.address)


async def test_opening_may_take_long_as_long_as_the_database_answers_others(
    database: str, tmp_path: Path, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def is_there(address: str) -> bool:
        there = await connecting.is_there(address)
        loop.call_soon_threadsafe(asked.set)
        return there

    monkeypatch.setattr(opening_catalogs, "is_there", is_there)
    with psycopg.connect(database) as another:
        another.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        opening = asyncio.create_task(asyncio.to_thread(_open, database, tmp_path / "lock", epochs))
        await asked.wait()
    await (await opening).close()


async def test_a_slow_question_goes_on_as_long_as_the_database_answers_others(line: DatabaseLine) -> None:
    pool = PooledQuestions(line.address)

    slow = Statement("SELECT 1 FROM pg_sleep(1)")
    assert await pool.one(slow) == (1,)

    await pool.close()


async def test_caches_are_not_believed_when_the_other_nodes_cannot_be_heard_any_more(
    line: DatabaseLine, catalog: PostgresCatalog, epochs: Epochs
) -> None:
    await catalog.listen()
    assert epochs.observe(1) is not None

    line.hangs = True
    await asyncio.to_thread(eventually, lambda: epochs.observe(1) is None, seconds=_SOON)
    line.hangs = False
    await asyncio.to_thread(eventually, lambda: epochs.observe(1) is not None, seconds=_SOON)


async def test_who_has_the_turn_and_hears_nothing_steps_down_in_time(
    line: DatabaseLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in {"_BEAT_SECONDS": 0.05, "_ANSWER_SECONDS": 0.2, "_SILENT_SECONDS": 0.3}.items():
        monkeypatch.setattr(turn, name, seconds)
    holder = PostgresTurn(line.address)
    await holder.take()

    line.hangs = True
    async with asyncio.timeout(_SOON):
        await holder.lost()

    await holder.close()


async def test_a_change_that_stood_still_until_the_database_ended_it_is_made_again(
    database: str, line: DatabaseLine, catalog: PostgresCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "_LETS_GO", "SET idle_in_transaction_session_timeout = '100ms'")
    monkeypatch.setattr(connecting, "PATIENCE_SECONDS", 10.0)
    catalog._let_go()
    tried = []

    def change(transaction: Transaction) -> None:
        tried.append(None)
        if len(tried) == 1:
            eventually(lambda: not _thinking(database))
        creation("slow")(transaction)  # type: ignore[operator]

    await catalog.write(change)

    assert len(tried) == 2
    assert await created(catalog) == ["slow"]


def _thinking(database: str) -> bool:
    """Whether anybody stands still in the middle of a change."""
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in %'"
        ).fetchone()
    return row is not None and row[0] > 0
