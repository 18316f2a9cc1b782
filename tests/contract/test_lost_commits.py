"""A change whose commit is cut off from its answer: it is made once, or not at all, and nobody is told otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.drivers.catalog.postgresql import catalog as driver
from entrepot.drivers.catalog.postgresql import connecting
from entrepot.drivers.catalog.postgresql.catalog import PostgresCatalog
from entrepot.model.errors import Unavailable
from entrepot.model.events import NamespaceCreated
from entrepot.model.names import parse_namespace
from entrepot.model.namespace import Namespace
from entrepot.model.position import START
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import StoppedClock
from entrepot.wire.server import Epochs
from tests.database_line import Cut, DatabaseLine


@pytest.fixture
async def catalog(line: DatabaseLine, tmp_path: Path, epochs: Epochs) -> AsyncIterator[PostgresCatalog]:
    catalog = PostgresCatalog(line.address, lock=tmp_path / "lock", clock=StoppedClock(), epochs=epochs)
    yield catalog
    await catalog.close()


@pytest.fixture
async def elsewhere(database: str, tmp_path: Path) -> AsyncIterator[PostgresCatalog]:
    """Another node's, whose line is sound."""
    epochs = Epochs(tmp_path / "other-epochs", count=64)
    catalog = PostgresCatalog(database, lock=tmp_path / "other-lock", clock=StoppedClock(), epochs=epochs)
    yield catalog
    await catalog.close()
    epochs.close()


async def create(catalog: PostgresCatalog, name: str) -> None:
    def change(transaction: Transaction) -> None:
        if transaction.add_namespace(Namespace(parse_namespace(name))):
            transaction.append("tester", NamespaceCreated(namespace=parse_namespace(name), public=False))

    await catalog.write(change)


async def created(catalog: PostgresCatalog) -> list[str]:
    """The namespaces that the journal says were made, in order."""
    entries = await catalog.list_entries(after=START, limit=100)
    return [str(entry.event.namespace) for entry in entries]


@pytest.mark.parametrize("cut", Cut)
async def test_a_change_whose_commit_is_cut_is_made_once(
    cut: Cut, line: DatabaseLine, catalog: PostgresCatalog
) -> None:
    await create(catalog, "first")
    line.cut = cut

    await create(catalog, "acme")

    assert line.cut is None
    assert await created(catalog) == ["first", "acme"]


@pytest.mark.parametrize("cut", Cut)
async def test_what_another_node_writes_meanwhile_is_not_taken_for_it(
    cut: Cut, line: DatabaseLine, catalog: PostgresCatalog, elsewhere: PostgresCatalog
) -> None:
    line.cut = cut

    await asyncio.gather(create(catalog, "here"), *(create(elsewhere, f"there-{number}") for number in range(5)))

    assert line.cut is None
    assert sorted(await created(elsewhere)) == ["here", *(f"there-{number}" for number in range(5))]


@pytest.mark.parametrize("cut", Cut)
async def test_where_nobody_can_say_the_client_is_told_to_come_again_and_then_finds_what_is_so(
    cut: Cut,
    line: DatabaseLine,
    catalog: PostgresCatalog,
    elsewhere: PostgresCatalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(connecting, "PATIENCE_SECONDS", 0.1)
    line.cut, line.stays_away = cut, True

    with pytest.raises(Unavailable):
        await create(catalog, "acme")
    line.away = False

    before = await created(elsewhere)
    await create(catalog, "acme")  # As a client does that comes again.

    assert before == (["acme"] if cut is Cut.AFTER else [])
    assert await created(elsewhere) == ["acme"]


async def test_caches_stay_unused_after_a_commit_that_nobody_can_tell_of(
    line: DatabaseLine, catalog: PostgresCatalog, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(connecting, "PATIENCE_SECONDS", 0.1)
    line.cut, line.stays_away = Cut.AFTER, True

    with pytest.raises(Unavailable):
        await create(catalog, "acme")

    assert any(epochs.read(slot) & 1 for slot in epochs.all())
