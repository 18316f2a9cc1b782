"""Databases and object stores that run for as long as their tests do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import azurite
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
