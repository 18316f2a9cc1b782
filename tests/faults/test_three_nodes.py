"""Three nodes over one database and one bucket, under load, while what they stand on goes away and comes back.

What it cost (answers that told clients to come again, and seconds until each of them got something done) is printed.
Users' thread 81: a registry for several nodes, over one object store.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
import pytest

from entrepot.model.access import Caller
from entrepot.model.position import START, Position
from entrepot.model.webhook import Outcome, Webhook
from entrepot.operations.registry import Registry
from entrepot.operations.webhooks import add_webhook
from tests.faults.hooks import receiving
from tests.faults.nodes import LONG, Crowd, Nodes, Pullers, Report, running_nodes
from tests.faults.patience import eventually
from tests.faults.server import Server
from tests.object_servers import CREDENTIALS, ObjectServer, versitygw
from tests.postgresql import Cluster, running_cluster

PAUSE_SECONDS = 65.0 if LONG else 10.0
"""Longer than a turn lasts of whose holder nothing is heard."""
AWAY_SECONDS = 10.0 if LONG else 2.0

pytestmark = pytest.mark.timeout(1800 if LONG else 900)


@dataclass
class World:
    """The nodes, and what they stand on."""

    nodes: Nodes
    cluster: Cluster
    objects: ObjectServer
    database: str

    def turn(self) -> tuple[int, int]:
        """The term of the followers' turn, and the process that has it."""
        with psycopg.connect(self.database) as connection:
            row = connection.execute("SELECT term, holder FROM turn WHERE name = 'followers'").fetchone()
        assert row is not None
        return row[0], int(row[1].rpartition(":")[2])

    def runner(self) -> tuple[int, Server]:
        """The term, and the node that runs followers and schedules in it."""

        def look() -> tuple[int, Server] | None:
            term, holder = self.turn()
            found = [server for server in self.nodes.servers if holder in server.members()]
            return (term, found[0]) if found else None

        return eventually(look)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        cluster = stack.enter_context(running_cluster())
        objects = stack.enter_context(versitygw(tmp_path_factory.mktemp("objects")))
        database = cluster.create()
        settings = {"database": database, "blobs": objects.address("registry")}
        nodes = stack.enter_context(running_nodes(tmp_path_factory.mktemp("nodes"), lambda _: settings))
        yield World(nodes, cluster, objects, database)


def test_nothing_that_any_node_acknowledged_is_lost_whatever_goes_away(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = world.nodes
    with Crowd(nodes, "whatever") as crowd, Pullers(nodes) as pullers:
        report = Report(crowd, pullers)
        crowd.wait_for_each(3)
        with report.fault("a node killed, and started anew"):
            nodes.servers[2].kill()
            nodes.servers[2] = nodes.start(2)
        with report.fault("the database stopped as by a crash, and started"):
            world.cluster.stop()
            world.cluster.start()
        with report.fault("the database shut down for some seconds, and started"):
            world.cluster.stop("fast")
            time.sleep(AWAY_SECONDS)  # What goes wrong for a while is what is tried here.
            world.cluster.start()
        with report.fault("the object store stopped, and started"), world.objects.gone():
            time.sleep(AWAY_SECONDS)
    with capsys.disabled():
        print("", *report.rows, sep="\n")  # noqa: T201 - the report is for who runs it

    assert pullers.wrong == []
    # Cached, or asked of a database that is waited for: nobody who pulls notices but by the time it takes.
    assert pullers.refused == []
    crowd.verify()
    assert nodes.violations() == []


class Receiver:
    """Is told of what happens, and counts how often."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.url = ""

    def take(self, message: str) -> None:
        """One more message."""
        with self._lock:
            self.told[message] += 1


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiving(receiver.take) as receiver.url:
        yield receiver


def test_a_runner_that_stands_still_is_replaced_and_does_nothing_when_it_goes_on(
    world: World, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = world.nodes

    async def listen(registry: Registry, caller: Caller) -> Webhook:
        types = ("dev.entrepot.artifact.*",)
        hook, _ = await add_webhook(registry, caller, receiver.url, source="here", types=types, private=True)
        return hook

    hook = nodes.within(listen)
    assert isinstance(hook, Webhook)
    with Crowd(nodes, "paused") as crowd, Pullers(nodes) as pullers:
        report = Report(crowd, pullers)
        crowd.wait_for_each(3)
        eventually(lambda: receiver.told)
        term, paused = world.runner()
        members = paused.members()
        with report.fault("the node that runs followers paused"):
            try:
                for pid in members:
                    os.kill(pid, signal.SIGSTOP)
                began = time.monotonic()
                _, taker = eventually(lambda: now if (now := world.runner())[0] > term else None)
                taken_over = time.monotonic() - began
                time.sleep(max(0.0, PAUSE_SECONDS - taken_over))
                said = len(paused.lines())
            finally:
                for pid in members:
                    os.kill(pid, signal.SIGCONT)
        # That another has it, or may have: what it asked when it was paused may have lost its connection.
        eventually(lambda: any(str(line.get("event")).startswith("the turn ") for line in paused.lines()[said:]))
        crowd.wait_for_each(2)
    with capsys.disabled():
        print("", *report.rows, f"taken over after {taken_over:.1f} s", sep="\n")  # noqa: T201 - likewise

    assert taker is not paused
    assert pullers.wrong == pullers.refused == []
    crowd.verify()

    async def settled(registry: Registry, _: Caller) -> tuple[set[str], list[str]]:
        """What was to be told, and what is noted as told, as often as it is."""
        happened, told, after = set(), [], START
        while entries := await registry.catalog.list_entries(after=after, limit=500):
            happened |= {str(each.position) for each in entries if each.event.type.startswith("dev.entrepot.artifact.")}
            after = entries[-1].position
        at: Position = START
        while deliveries := await registry.catalog.webhooks.list_deliveries(hook.id, after=at, limit=500):
            told += [str(each.position) for each in deliveries if each.outcome is Outcome.DELIVERED]
            at = deliveries[-1].position
        return happened, told

    def all_told() -> bool:
        happened, told = nodes.within(settled)  # type: ignore[misc]
        began_at = min(map(int, told), default=0)
        assert len(told) == len(set(told)), "settled twice"
        return {each for each in happened if int(each) >= began_at} == set(told)

    eventually(all_told)
    # What was on its way when a turn ended came again: only its receiver knows that it came before.
    assert sum(times - 1 for times in receiver.told.values()) <= world.turn()[0] - term
    assert nodes.violations() == []
