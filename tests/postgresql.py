"""A throw-away PostgreSQL: a cluster of its own on a socket in a temporary folder, with a database for each who asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from entrepot.drivers.catalog.postgresql.migrate import migrate
from tests.clients.programs import program

_PATIENCE_SECONDS = 120
# The owner of a cluster may not be root; what is here belongs to nobody afterwards either.
_OWNER = "nobody" if os.geteuid() == 0 else None
# As after the last migration, but faster than that: the rows are few, and the tables many.
_EMPTY = """
SET session_replication_role = replica;
DO $$
DECLARE
    name TEXT;
BEGIN
    FOR name IN SELECT table_name FROM information_schema.tables
                 WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'schema_version'
    LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
    LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', name); END LOOP;
END $$;
INSERT INTO total DEFAULT VALUES;
INSERT INTO advisory_feed (instance, change) VALUES (gen_random_uuid(), 0);
"""


class Cluster:
    """A running server, and the databases in it."""

    def __init__(self, folder: Path, *, durable: bool = False, port: int | None = None) -> None:
        self.folder = folder
        self._durable = durable
        self._port = port
        self._numbers = count(1)

    def address(self, database: str) -> str:
        """How `ENTREPOT_DATABASE` names a database of it."""
        port = "" if self._port is None else f"&port={self._port}"
        return f"postgresql://entrepot@/{database}?host={self.folder}{port}"

    @property
    def is_running(self) -> bool:
        """Whether there is a server: one that can write no log any more ends by itself."""
        status = [program("pg_ctl"), "status", "-D", str(self._data)]
        return subprocess.run(status, user=_OWNER, cwd="/", capture_output=True, check=False).returncode == 0

    def start(self) -> None:
        """Start the server, and return once it takes connections."""
        # Room for the servers of all processes of a run. One that is stopped as by a crash leaves its shared memory.
        options = f"-k {self.folder} -c max_connections=500 -c dynamic_shared_memory_type=mmap"
        options += " -c listen_addresses=" if self._port is None else f" -c listen_addresses=127.0.0.1 -p {self._port}"
        if not self._durable:
            options += " -c fsync=off -c full_page_writes=off"
        _run(program("pg_ctl"), "start", "-w", "-D", self._data, "-l", self.folder / "log", "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; at once as a crash does, or as *mode* says."""
        _run(program("pg_ctl"), "stop", "-w", "-D", self._data, "-m", mode)

    def create(self, name: str | None = None) -> str:
        """The address of a new and empty database, called *name* if that is given."""
        name = name or f"catalog_{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def drop(self, name: str) -> None:
        """Drop the database called *name*, whoever is still connected to it."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @property
    def _data(self) -> Path:
        return self.folder / "data"


@contextmanager
def running_cluster(*, durable: bool = False, port: int | None = None, inside: Path | None = None) -> Iterator[Cluster]:
    """Make a cluster, run it and remove it; skips the test where PostgreSQL is missing. Tests need none that is durable.

    With a *port* it also listens there on 127.0.0.1; *inside* is a folder that everybody can look into.
    """
    initdb = program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=inside))
    try:
        if _OWNER is not None:
            shutil.chown(folder, _OWNER)
        _run(
            initdb,
            "-D",
            folder / "data",
            "-U",
            "entrepot",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        cluster = Cluster(folder, durable=durable, port=port)
        cluster.start()
        try:
            yield cluster
        finally:
            if cluster.is_running:
                cluster.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One for all tests of a process."""
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> str:
    """The address of a database with today's schema, which `database` empties for each test."""
    address = cluster.create()
    with psycopg.connect(address, autocommit=True) as connection:
        migrate(connection)
    return address


@pytest.fixture
def database(migrated: str) -> str:
    """The address of an empty catalog."""
    with psycopg.connect(migrated, autocommit=True) as connection:
        connection.execute(_EMPTY)
    return migrated


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command,
        user=_OWNER,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr.decode()}"
