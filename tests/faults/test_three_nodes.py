"""Three nodes over one database and one bucket, under load, while what they stand on goes away and comes back.

Each client holds whoever answers to what any node has acknowledged. What it cost (answers that told it to come again,
and seconds until things were acknowledged again) is printed.
Users' thread 81: a registry for several nodes, over one object store.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from entrepot.model.access import Caller
from entrepot.model.names import parse_namespace
from entrepot.operations.check import Violation, check
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from tests.faults.line import Cut, Line, manifest_of
from tests.faults.load import Client
from tests.faults.server import Server, start, within
from tests.object_servers import CREDENTIALS, ObjectServer, versitygw
from tests.postgresql import Cluster, running_cluster

LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"
CLIENTS = 6 if LONG else 3
PAUSE_SECONDS = 60.0 if LONG else 10.0
"""Longer than a turn lasts of whose holder nothing is heard."""
_AWAY = frozenset({502, 503, 507})
_PATIENCE = 120.0
_BETWEEN_ATTEMPTS = 0.1


@dataclass
class Nodes:
    """Three of them, and what they stand on."""

    home: Path
    cluster: Cluster
    objects: ObjectServer
    database: str
    servers: list[Server]

    def settings(self) -> dict[str, str]:
        """What all nodes are told."""
        keys = self.home / "0" / "data"
        return {
            "database": self.database,
            "blobs": self.objects.address("registry"),
            "log_keys": str(keys / "log-keys.pem"),
            "login_failures": "1000",
        }

    def start(self, number: int) -> Server:
        """Start one; all but the first sign with the first one's key."""
        key = {} if number == 0 else {"signing_key": f"file:{self.home / '0' / 'data' / 'signing-key.pem'}"}
        return start(self.home / str(number), **self.settings(), **key)

    def kill_a_node(self) -> None:
        """Kill one, and start it anew."""
        self.servers[2].kill()
        self.servers[2] = self.start(2)

    def restart_the_database(self) -> None:
        """Stop it as a crash does, and start it."""
        self.cluster.stop()
        self.cluster.start()

    def cut_the_object_store(self) -> None:
        """Nobody is there for a while."""
        with self.objects.gone():
            time.sleep(2.0)  # What goes wrong for a while is what is tried here.

    def pause_a_node(self) -> None:
        """All processes of one stand still, as those of a machine that is moved."""
        members = self.servers[1].members()
        for pid in members:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        for pid in members:
            os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with ExitStack() as stack:
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        cluster = stack.enter_context(running_cluster())
        objects = stack.enter_context(versitygw(tmp_path_factory.mktemp("objects")))
        made = Nodes(tmp_path_factory.mktemp("nodes"), cluster, objects, cluster.create(), [])
        stack.callback(lambda: [server.kill() for server in made.servers])
        for number in range(3):
            made.servers.append(made.start(number))
        yield made


class Crowd:
    """Clients that go on at another node when theirs breaks off."""

    def __init__(self, nodes: Nodes, token: str) -> None:
        self.failed: list[str] = []
        self.acknowledged = 0
        self.clients = [
            Client(f"acme/node-client-{number}", random.Random(number), {}, [], largest=200_000, tolerated=_AWAY)
            for number in range(CLIENTS)
        ]
        self._nodes, self._token = nodes, token
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, args=(client,)) for client in self.clients]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Until so many more things are acknowledged."""
        with self._changed:
            until = self.acknowledged + more
            assert self._changed.wait_for(lambda: self.acknowledged >= until or self.failed, _PATIENCE), "no progress"

    @property
    def told_to_come_again(self) -> int:
        return sum(client.tolerated_answers for client in self.clients)

    def _count(self) -> None:
        with self._changed:
            self.acknowledged += 1
            self._changed.notify_all()

    def _work(self, client: Client) -> None:
        while not self._over.is_set() and not self.failed:
            server = client.rng.choice(self._nodes.servers)
            try:
                with Line(server.address, self._token, timeout=_PATIENCE) as line:
                    client.verify(line)
                    client.work(line, lambda: not self._over.is_set() and client.rng.random() > 0.05, self._count)
            except Cut:
                pass
            except AssertionError as error:
                # What is away now is asked again; what is wrong stays wrong.
                if not any(f": {status} " in str(error) for status in _AWAY):
                    with self._changed:
                        self.failed.append(repr(error))
                        self._changed.notify_all()
            if client.surprises:
                with self._changed:
                    self.failed += client.surprises
                    self._changed.notify_all()
            self._over.wait(_BETWEEN_ATTEMPTS)


class Puller:
    """Somebody who pulls the same image again and again, from a node that nobody kills."""

    def __init__(self, server: Server, token: str, manifest: bytes) -> None:
        self.pulled = 0
        self.failed: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(server, token, manifest))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self, server: Server, token: str, manifest: bytes) -> None:
        with Line(server.address, token, timeout=_PATIENCE) as line:
            while not self._over.wait(0.01):
                try:
                    reply = line.ask("GET", "/v2/acme/pulled/manifests/1.0")
                except Cut as cut:
                    self.failed.append(str(cut))
                    continue
                if reply.status == 200 and reply.body == manifest:
                    self.pulled += 1
                else:
                    self.failed.append(f"{reply.status} {reply.body[:200]!r}")


def test_nothing_that_any_node_acknowledged_is_lost_whatever_goes_away(
    nodes: Nodes, capsys: pytest.CaptureFixture[str]
) -> None:
    token = nodes.servers[0].token

    async def begin(registry: Registry, caller: Caller) -> None:
        await create_namespace(registry, caller, parse_namespace("acme"), public=False)

    within(nodes.home / "0" / "data", begin, **nodes.settings())
    config = b"{}"
    manifest = manifest_of(config)
    with Line(nodes.servers[0].address, token) as line:
        line.push("acme/pulled", config)
        line.tag("acme/pulled", "1.0", manifest)

    faults: list[Callable[[], None]] = [
        *(nodes.kill_a_node, nodes.restart_the_database, nodes.cut_the_object_store, nodes.pause_a_node),
    ]
    report = []
    with Crowd(nodes, token) as crowd, Puller(nodes.servers[0], token, manifest) as puller:
        crowd.wait_for(10)
        for fault in faults:
            before = (crowd.acknowledged, crowd.told_to_come_again, len(puller.failed), puller.pulled)
            began = time.monotonic()
            fault()
            ended = time.monotonic()
            crowd.wait_for(5)
            recovered = time.monotonic()
            report.append(
                f"{fault.__name__:24} lasted {ended - began:5.1f} s; five more acknowledged {recovered - ended:5.1f} s later; "
                f"{crowd.acknowledged - before[0]} acknowledged, {crowd.told_to_come_again - before[1]} told to come again; "
                f"{puller.pulled - before[3]} pulls, {len(puller.failed) - before[2]} failed"
            )
    with capsys.disabled():
        print("", *report, sep="\n")  # noqa: T201 - the report is for who runs it

    assert crowd.failed == []
    # Cached, or asked of a database that is waited for: nobody who pulls notices but by the time it takes.
    assert puller.failed == []
    for client in crowd.clients:
        for server in nodes.servers:
            with Line(server.address, token) as line:
                client.verify(line)

    async def look(registry: Registry, _: Caller) -> list[Violation]:
        return await check(registry, read_bytes=True)

    assert within(nodes.home / "0" / "data", look, **nodes.settings()) == []
