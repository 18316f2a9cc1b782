"""Databases and object stores that run for as long as their tests do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.wire.server import Epochs
from tests import azurite
from tests.database_line import DatabaseLine, database_line
from tests.object_servers import CREDENTIALS, ObjectServer, rclone, seaweedfs, versitygw
from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "migrated"]

# So that a failed assertion of a contract says what the two sides were.
pytest.register_assert_rewrite("entrepot.testing.contracts")


@pytest.fixture(scope="session")
def credentials() -> Iterator[None]:
    """What clients of the stores find in their environment."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (CREDENTIALS | azurite.CREDENTIALS).items():
            patched.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def versitygw_server(credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """The store that is there for every run."""
    with versitygw(tmp_path_factory.mktemp("versitygw")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs_server(credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """A distributed store."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """The store that ignores conditions."""
    with rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite_server(credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """The store with another protocol."""
    with azurite.running(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture
def line(database: str, tmp_path: Path) -> Iterator[DatabaseLine]:
    """A way to the database that tests can cut, or hold."""
    with database_line(database, tmp_path) as line:
        yield line


@pytest.fixture
def epochs(tmp_path: Path) -> Iterator[Epochs]:
    """What the caches of one node live by."""
    with closing(Epochs(tmp_path / "epochs", count=64)) as epochs:
        yield epochs
