"""A node is stopped in the middle of a change, with the lock that the writers of all nodes take turns by.

In a pipeline the database waited for the rest without end: that is no idle transaction to it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from entrepot.app.first import prepare
from entrepot.model.access import Caller
from entrepot.model.names import parse_namespace
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from entrepot.settings import load
from tests.faults.server import within
from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "migrated"]

# A change that goes on until somebody ends its process.
_WRITER = """
import asyncio, sys
from entrepot.app.parts import open_registry
from entrepot.settings import load

def change(transaction):
    print("in a change", flush=True)
    while True:
        transaction.advisories.put_exploitation([("CVE-%d" % n, 0.5, 0.5, None) for n in range(50)])

async def write():
    async with open_registry(load({"database": sys.argv[1], "data": sys.argv[2]}, environ={})) as registry:
        await registry.catalog.write(change)

asyncio.run(write())
"""


@contextmanager
def writer(database: str, data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a change."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, database, str(data)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "in a change\n"
            yield process
        finally:
            process.kill()


def test_others_wait_for_a_stopped_writer_no_longer_than_the_database_lets_it_stand_still(
    database: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    prepare(load({"database": database, "data": str(first)}, environ={}))
    shutil.copytree(first, second)

    async def make(registry: Registry, caller: Caller) -> None:
        await create_namespace(registry, caller, parse_namespace("acme"), public=False)

    with writer(database, first) as stopped:
        os.kill(stopped.pid, signal.SIGSTOP)
        within(second, make, database=database)
