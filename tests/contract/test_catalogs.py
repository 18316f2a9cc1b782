from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest

from entrepot.drivers.catalog.postgresql.catalog import PostgresCatalog
from entrepot.drivers.catalog.postgresql.connecting import connect
from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.model.events import NamespaceCreated
from entrepot.model.names import parse_namespace
from entrepot.model.namespace import Namespace
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import StoppedClock, open_catalog
from entrepot.testing.contracts.advisories import AdvisoriesContract
from entrepot.testing.contracts.assessments import AssessmentsContract
from entrepot.testing.contracts.attestations import AttestationsContract
from entrepot.testing.contracts.blocks import BlocksContract
from entrepot.testing.contracts.catalog import CatalogContract
from entrepot.testing.contracts.collection import CollectionContract
from entrepot.testing.contracts.cursors import CursorsContract
from entrepot.testing.contracts.erasures import ErasuresContract
from entrepot.testing.contracts.federation import FederationContract
from entrepot.testing.contracts.holds import HoldsContract
from entrepot.testing.contracts.inventories import InventoriesContract
from entrepot.testing.contracts.log import LogContract
from entrepot.testing.contracts.policies import PoliciesContract
from entrepot.testing.contracts.promotions import PromotionsContract
from entrepot.testing.contracts.retentions import RetentionsContract
from entrepot.testing.contracts.scrubs import ScrubsContract
from entrepot.testing.contracts.secrets import SecretsContract
from entrepot.testing.contracts.tiers import TiersContract
from entrepot.testing.contracts.trash import TrashContract
from entrepot.testing.contracts.usage import UsageContract
from entrepot.testing.contracts.webhooks import WebhooksContract
from entrepot.wire.server import Epochs


class Everything(
    CatalogContract,
    CollectionContract,
    CursorsContract,
    AdvisoriesContract,
    AssessmentsContract,
    AttestationsContract,
    ErasuresContract,
    RetentionsContract,
    FederationContract,
    HoldsContract,
    InventoriesContract,
    LogContract,
    ScrubsContract,
    SecretsContract,
    TiersContract,
    TrashContract,
    UsageContract,
    WebhooksContract,
    BlocksContract,
    PoliciesContract,
    PromotionsContract,
):
    """What is promised of every catalog, whatever database it is in."""

    @pytest.fixture
    def epochs(self, tmp_path: Path) -> Iterator[Epochs]:
        epochs = Epochs(tmp_path / "epochs", count=64)
        yield epochs
        epochs.close()


class TestSqliteCatalog(Everything):
    @pytest.fixture
    async def catalog(self, tmp_path: Path, clock: StoppedClock, epochs: Epochs) -> AsyncIterator[SqliteCatalog]:
        catalog = open_catalog(tmp_path / "catalog.sqlite", clock=clock, epochs=epochs)
        yield catalog
        await catalog.close()

    @pytest.fixture
    async def again(
        self, catalog: SqliteCatalog, tmp_path: Path, clock: StoppedClock, epochs: Epochs
    ) -> AsyncIterator[SqliteCatalog]:
        again = SqliteCatalog(tmp_path / "catalog.sqlite", clock=clock, epochs=epochs, durable=False)
        yield again
        await again.close()


class InPostgres:
    @pytest.fixture
    async def catalog(
        self, database: str, tmp_path: Path, clock: StoppedClock, epochs: Epochs
    ) -> AsyncIterator[PostgresCatalog]:
        catalog = PostgresCatalog(database, lock=tmp_path / "lock", clock=clock, epochs=epochs)
        yield catalog
        await catalog.close()

    @pytest.fixture
    async def again(
        self, catalog: PostgresCatalog, database: str, tmp_path: Path, clock: StoppedClock, epochs: Epochs
    ) -> AsyncIterator[PostgresCatalog]:
        again = PostgresCatalog(database, lock=tmp_path / "lock", clock=clock, epochs=epochs)
        yield again
        await again.close()


class TestPostgresCatalog(
    InPostgres,
    CatalogContract,
    CollectionContract,
    CursorsContract,
    ErasuresContract,
    RetentionsContract,
    TiersContract,
    TrashContract,
    UsageContract,
):
    """What everything else stands on; the rest takes half a minute more."""

    epochs = Everything.epochs

    async def test_a_writer_sees_what_others_wrote_whatever_the_database_has_transactions_see(
        self, catalog: PostgresCatalog, database: str, tmp_path: Path, clock: StoppedClock, epochs: Epochs
    ) -> None:
        with connect(database) as other:
            [name] = other.execute("SELECT current_database()").fetchone() or ("",)
            other.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'".encode())
        strict = PostgresCatalog(database, lock=tmp_path / "lock", clock=clock, epochs=epochs)

        await asyncio.gather(
            *(
                each.write(partial(add_namespace, name=f"{kind}{number}"))
                for number in range(20)
                for kind, each in (("a", catalog), ("b", strict))
            )
        )

        assert (await catalog.head())[0] == 40
        await strict.close()


def add_namespace(transaction: Transaction, name: str) -> None:
    transaction.add_namespace(Namespace(parse_namespace(name)))
    transaction.append("tester", NamespaceCreated(namespace=parse_namespace(name), public=False))


class TestEverythingInPostgres(InPostgres, Everything):
    """All of it."""

    __test__ = os.environ.get("ENTREPOT_TEST_LONG") == "1"
