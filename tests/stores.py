"""Where the servers that tests start keep what they are given: one switch for all of them.

``ENTREPOT_TEST_STORES=postgresql+versitygw`` names a catalog and a blob store; without it these are SQLite and files.
The database server and the object store run once for all tests of a run, whatever the number of its processes
(``conftest.py``). Every data directory has an empty database and a prefix of its own there, and finds them again when a
server is started over it again.
Tests that are about the files of a data directory have the mark ``on_disk``, and are left out of other runs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from entrepot.drivers.blobs.s3 import S3Address, S3Objects, connect
from tests.object_servers import CREDENTIALS, address_of, rclone, seaweedfs, versitygw
from tests.postgresql import Cluster, running_cluster

DEFAULT: Final = ("sqlite", "files")

_CHOSEN: Final = "ENTREPOT_TEST_STORES"
_CATALOGS: Final = (DEFAULT[0], "postgresql")
_OBJECT_STORES: Final = {"versitygw": versitygw, "seaweedfs": seaweedfs, "rclone": rclone}
# What is started once is told to the other processes of the run by these.
_CLUSTER: Final = "ENTREPOT_TEST_CLUSTER"
_ENDPOINT: Final = "ENTREPOT_TEST_ENDPOINT"


def chosen() -> tuple[str, str]:
    """The catalog and the blob store of this run, by name."""
    text = os.environ.get(_CHOSEN) or "+".join(DEFAULT)
    catalog, _, blobs = text.partition("+")
    if catalog not in _CATALOGS or blobs not in (DEFAULT[1], *_OBJECT_STORES):
        expected = f"one of {', '.join(_CATALOGS)}, then +, then one of {', '.join((DEFAULT[1], *_OBJECT_STORES))}"
        raise pytest.UsageError(f"{_CHOSEN}={text}: expected {expected}")
    return catalog, blobs


@contextmanager
def running() -> Iterator[None]:
    """Have what was chosen run, for this process and those that it starts. Raises `pytest.UsageError`."""
    catalog, blobs = chosen()
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        try:
            if catalog == "postgresql":
                environment.setenv(_CLUSTER, str(stack.enter_context(running_cluster()).folder))
            if blobs in _OBJECT_STORES:
                for name, value in CREDENTIALS.items():
                    environment.setenv(name, value)
                folder = Path(stack.enter_context(TemporaryDirectory(prefix="objects")))
                environment.setenv(_ENDPOINT, stack.enter_context(_OBJECT_STORES[blobs](folder)).endpoint)
        except pytest.skip.Exception as missing:
            # Who asks for a store does not want to hear that everything was skipped.
            raise pytest.UsageError(f"{_CHOSEN}={catalog}+{blobs}: {missing}") from missing
        yield


def settings_of(data: Path) -> dict[str, str]:
    """Those of a server over *data* that say where its catalog and its blobs are."""
    name = _name(data)
    settings = {}
    if folder := os.environ.get(_CLUSTER):
        settings["database"] = _database(Path(folder), f"catalog_{name}")
    if endpoint := os.environ.get(_ENDPOINT):
        settings["blobs"] = address_of(endpoint, name)
        # What tests publish is small, and would all be in the catalog.
        settings["inline_size"] = "1024"
    return settings


def variables_of(data: Path) -> dict[str, str]:
    """The same, as the environment of a process has it; with what it needs to be let in there."""
    settings = {f"ENTREPOT_{name.upper()}": value for name, value in settings_of(data).items()}
    return settings | (CREDENTIALS if "ENTREPOT_BLOBS" in settings else {})


def destroy(data: Path) -> None:
    """Lose all that a server over *data*, which has ended, kept anywhere."""
    shutil.rmtree(data)
    if folder := os.environ.get(_CLUSTER):
        cluster = Cluster(Path(folder))
        cluster.drop(f"catalog_{_name(data)}")
        cluster.create(f"catalog_{_name(data)}")
    if endpoint := os.environ.get(_ENDPOINT):
        address = S3Address.parse(address_of(endpoint, _name(data)))
        with closing(S3Objects(address, connect(address))) as objects:
            while found := objects.list("").objects:
                for each in found:
                    objects.delete(each.key)


def _name(data: Path) -> str:
    return sha256(str(data.absolute()).encode()).hexdigest()[:20]


@cache
def _database(folder: Path, name: str) -> str:
    return Cluster(folder).create(name)
