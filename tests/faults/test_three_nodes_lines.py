"""Three nodes under load, while the lines to their bucket and their database are cut, hang, drag, break off or fall short.

Whoever needs what lies behind such a line is told to come again, within bounds; nobody gets a wrong answer, and what needs
no bucket is answered on. What it cost is printed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.faults.nodes import LONG, NODES, Crowd, Nodes, Pullers, Report, running_nodes
from tests.object_servers import CREDENTIALS, address_of, free_port, versitygw
from tests.postgresql import running_cluster
from tests.toxiproxy import ToxicLine, toxiproxy

SECONDS = 20.0 if LONG else 3.0
"""So long a line is bad."""
BOUND = 60.0
"""Seconds within which every request is answered, somehow: what is waited for, on a machine on which much else runs."""

pytestmark = pytest.mark.timeout(3600 if LONG else 1200)


@dataclass
class World:
    """The nodes, and the lines of each to what they stand on."""

    nodes: Nodes
    stores: Sequence[ToxicLine]
    databases: Sequence[ToxicLine]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        proxy = stack.enter_context(toxiproxy(tmp_path_factory.mktemp("lines")))
        port = free_port()
        cluster = stack.enter_context(running_cluster(port=port))
        database = urlsplit(cluster.create()).path
        objects = stack.enter_context(versitygw(tmp_path_factory.mktemp("objects")))
        store_port = urlsplit(objects.endpoint).port
        assert store_port is not None
        databases = [proxy.line(f"database-{number}", port) for number in range(NODES)]
        stores = [proxy.line(f"store-{number}", store_port) for number in range(NODES)]

        def settings(number: int) -> dict[str, str]:
            return {
                "database": f"postgresql://entrepot@127.0.0.1:{databases[number].port}{database}?sslmode=disable",
                "blobs": address_of(f"http://127.0.0.1:{stores[number].port}", "registry"),
            }

        nodes = stack.enter_context(running_nodes(tmp_path_factory.mktemp("nodes"), settings))
        yield World(nodes, stores, databases)


def spoiled(lines: Sequence[ToxicLine], how: str) -> AbstractContextManager[object]:
    """All of *lines*, spoiled in the way that is called so."""
    ways = {
        "cut": lambda line: line.cut(),
        # Connections are taken, and nothing ever comes: a machine that is gone, behind a balancer.
        "hang": lambda line: line.toxic("timeout", stream="upstream", timeout=0),
        "lose answers": lambda line: line.toxic("timeout", timeout=0),
        "drag": lambda line: line.toxic("latency", latency=400, jitter=300),
        "reset": lambda line: line.toxic("reset_peer", timeout=100),
        "fall short": lambda line: line.toxic("limit_data", bytes=20_000),
    }
    stack = ExitStack()
    for line in lines:
        stack.enter_context(ways[how](line))
    return stack


WAYS = ("cut", "hang", "lose answers", "drag", "reset", "fall short") if LONG else ("cut", "hang", "reset")


def test_lines_to_the_bucket_go_bad(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = world.nodes
    with Crowd(nodes, "store") as crowd, Pullers(nodes) as pullers:
        report = Report(crowd, pullers)
        crowd.wait_for_each(3)
        for how in WAYS:
            with report.fault(f"the lines to the bucket {how}"), spoiled(world.stores, how):
                time.sleep(SECONDS)  # What goes wrong for a while is what is tried here.
        with report.fault("one node's line to the bucket hangs"), spoiled(world.stores[1:2], "hang"):
            time.sleep(SECONDS)
    with capsys.disabled():
        print("", *report.rows, sep="\n")  # noqa: T201 - the report is for who runs it

    assert pullers.wrong == []
    assert pullers.refused == []
    assert report.slowest < BOUND
    crowd.verify()
    assert nodes.violations() == []


def test_lines_to_the_database_go_bad(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = world.nodes
    with Crowd(nodes, "database") as crowd, Pullers(nodes) as pullers:
        report = Report(crowd, pullers)
        crowd.wait_for_each(3)
        for how in WAYS:
            with report.fault(f"the lines to the database {how}"), spoiled(world.databases, how):
                time.sleep(SECONDS)
        with report.fault("one node's line to the database hangs"), spoiled(world.databases[1:2], "hang"):
            time.sleep(SECONDS)
    with capsys.disabled():
        print("", *report.rows, sep="\n")  # noqa: T201 - likewise

    assert pullers.wrong == []
    assert report.slowest < BOUND
    crowd.verify()
    assert nodes.violations() == []
