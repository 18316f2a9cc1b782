"""Three nodes over one database and one bucket, who works with them, and what it costs when something goes away.

Those who push, move, delete and resume go on at another node when theirs breaks off, and hold whoever answers to what
any node has acknowledged. Those who pull have an image of which all but one layer is answered without the object store.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from entrepot.model.access import Caller
from entrepot.model.names import parse_namespace
from entrepot.operations.check import Violation, check
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from tests.faults.line import Body, Cut, Line, Reply, digest_of, manifest_of
from tests.faults.load import Client
from tests.faults.server import Server, start, within

LONG: Final = os.environ.get("ENTREPOT_TEST_LONG") == "1"
CLIENTS: Final = 6 if LONG else 3
NODES: Final = 3
AWAY: Final = frozenset({502, 503, 507})
"""What tells a client to come again."""
_PATIENCE: Final = 180.0
_BETWEEN_ATTEMPTS: Final = 0.1
_BETWEEN_PULLS: Final = 0.02
_VERIFIED: Final = 0.2
"""How often who begins at a node looks there at all that was promised."""
_LAYER: Final = random.Random(7).randbytes(300_000)
_CONFIG: Final = b'{"architecture":"amd64"}'
MANIFEST: Final = manifest_of(_CONFIG, _LAYER)


@dataclass
class Nodes:
    """They run, and can be told to."""

    home: Path
    settings: Callable[[int], Mapping[str, str]]
    """Where the database and the bucket are, for each of them."""
    logs: Path | None = None
    """A folder for what they log, when it shall not be where they live."""
    servers: list[Server] = field(default_factory=list)

    @property
    def token(self) -> str:
        """The administrator's."""
        return self.servers[0].token

    def start(self, number: int) -> Server:
        """Start one; all but the first sign with the first one's keys."""
        first = self.home / "0" / "data"
        key = {} if number == 0 else {"signing_key": f"file:{first / 'signing-key.pem'}"}
        shared = {"log_keys": str(first / "log-keys.pem"), "login_failures": "1000"}
        log = None if self.logs is None else self.logs / f"{number}.log"
        return start(self.home / str(number), log=log, **shared, **self.settings(number), **key)

    def within(self, work: Callable[[Registry, Caller], object]) -> object:
        """Do something on their registry beside them."""
        return within(self.home / "0" / "data", work, **self.settings(0))  # type: ignore[arg-type]

    def violations(self) -> list[Violation]:
        """What `check` finds, all bytes read again."""

        async def look(registry: Registry, _: Caller) -> list[Violation]:
            return await check(registry, read_bytes=True)

        return within(self.home / "0" / "data", look, **self.settings(0))

    def complaints(self) -> list[str]:
        """What their logs tell of bugs."""
        return [line for server in self.servers for line in server.complaints()]

    def fill(self) -> None:
        """Make the namespace, and push the image that is pulled."""

        async def begin(registry: Registry, caller: Caller) -> None:
            await create_namespace(registry, caller, parse_namespace("acme"), public=False)

        self.within(begin)
        with Line(self.servers[0].address, self.token) as line:
            line.push("acme/pulled", _CONFIG)
            line.push("acme/pulled", _LAYER)
            line.tag("acme/pulled", "1.0", MANIFEST)


@contextmanager
def running_nodes(
    home: Path, settings: Callable[[int], Mapping[str, str]], *, logs: Path | None = None
) -> Iterator[Nodes]:
    """Run them; the first one makes what all of them need."""
    nodes = Nodes(home, settings, logs)
    try:
        nodes.servers.append(nodes.start(0))
        with ThreadPoolExecutor() as threads:
            nodes.servers += threads.map(nodes.start, range(1, NODES))
        nodes.fill()
        yield nodes
    finally:
        for server in nodes.servers:
            server.kill()


# --- what it costs ---


class Account:
    """What became of the requests of many, since it was last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.hasty: list[str] = []
        """Who was told to come again, and not when."""
        self.begin()

    def begin(self) -> None:
        """Count from nothing."""
        with self._lock:
            self.requests = 0
            self.ways: Counter[str] = Counter()
            """In which ways they were told nothing good."""
            self.slowest = 0.0

    def note(self, what: str, seconds: float, reply: Reply | None) -> None:
        """One more is over; without a *reply* it was cut."""
        with self._lock:
            self.requests += 1
            self.slowest = max(self.slowest, seconds)
            if reply is None:
                self.ways["cut"] += 1
            elif reply.status in AWAY:
                self.ways[str(reply.status)] += 1
                if "retry-after" not in reply.headers:
                    self.hasty.append(f"{what}: {reply.status} {reply.body[:200]!r}")

    @property
    def failed(self) -> str:
        """How many of how many, and in which ways."""
        share = 100 * self.ways.total() / max(1, self.requests)
        ways = ", ".join(f"{count} {way}" for way, count in sorted(self.ways.items()))
        return f"{self.ways.total()} of {self.requests} ({share:.1f} %{'; ' + ways if ways else ''})"


class CountedLine(Line):
    """A connection of somebody who keeps account."""

    def __init__(self, address: tuple[str, int], token: str, account: Account) -> None:
        super().__init__(address, token, timeout=_PATIENCE)
        self._account = account

    def ask(self, method: str, path: str, body: Body = b"", headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request, and note what becomes of it."""
        began = time.monotonic()
        reply = None
        try:
            reply = super().ask(method, path, body, headers)
        finally:
            self._account.note(f"{method} {path}", time.monotonic() - began, reply)
        return reply


# --- who works ---


class Crowd:
    """Clients that go on at another node when theirs breaks off."""

    def __init__(self, nodes: Nodes, name: str, *, largest: int = 200_000) -> None:
        self.failed: list[str] = []
        self.account = Account()
        self.clients = [
            Client(f"acme/{name}-{number}", random.Random(f"{name}-{number}"), {}, [], largest, tolerated=AWAY)
            for number in range(CLIENTS)
        ]
        self._nodes, self._token = nodes, nodes.token
        self._done = [0] * CLIENTS
        self._over = threading.Event()
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def acknowledged(self) -> int:
        """How much all of them were promised."""
        return sum(self._done)

    def wait_for_each(self, more: int) -> None:
        """Until each of them has so much more acknowledged."""
        with self._changed:
            until = [done + more for done in self._done]
            self._changed.wait_for(lambda: self.failed or all(map(int.__ge__, self._done, until)), _PATIENCE)
            assert not self.failed, [*self.failed, *self._nodes.complaints()]
            assert all(map(int.__ge__, self._done, until)), "somebody gets nothing done"

    def verify(self) -> None:
        """Hold every node to everything that was promised."""
        assert self.failed == [], [*self.failed, *self._nodes.complaints()]
        assert self.account.hasty == [], self.account.hasty
        for client in self.clients:
            for server in self._nodes.servers:
                with Line(server.address, self._token) as line:
                    client.verify(line)

    def _work(self, number: int) -> None:
        client = self.clients[number]

        def count() -> None:
            with self._changed:
                self._done[number] += 1
                self._changed.notify_all()

        while not self._over.is_set() and not self.failed:
            server = client.rng.choice(self._nodes.servers)
            try:
                with CountedLine(server.address, self._token, self.account) as line:
                    client.settle(line)
                    if client.rng.random() < _VERIFIED:
                        client.verify(line)
                    client.work(line, lambda: not self._over.is_set() and client.rng.random() > 0.05, count)
            except Cut:
                pass
            except AssertionError as error:
                self._fail([repr(error)])
            if client.surprises:
                self._fail(client.surprises)
            self._over.wait(_BETWEEN_ATTEMPTS)

    def _fail(self, reasons: list[str]) -> None:
        with self._changed:
            self.failed += reasons
            self._changed.notify_all()


class Pullers:
    """One for each node, who pulls the same image again and again; at another node when nobody is there."""

    def __init__(self, nodes: Nodes) -> None:
        self.wrong: list[str] = []
        self.refused: list[str] = []
        """Pulls of what needs no object store that were not answered with it."""
        self.account = Account()
        """Of what needs no object store."""
        self.of_layers = Account()
        """Of what lies there."""
        self._nodes, self._token = nodes, nodes.token
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(NODES)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        kept = {
            "/v2/acme/pulled/manifests/1.0": MANIFEST,
            f"/v2/acme/pulled/manifests/{digest_of(MANIFEST)}": MANIFEST,
            f"/v2/acme/pulled/blobs/{digest_of(_CONFIG)}": _CONFIG,
        }
        while not self._over.is_set():
            server = self._nodes.servers[number % NODES]
            try:
                with CountedLine(server.address, self._token, self.account) as line:
                    while not self._over.wait(_BETWEEN_PULLS):
                        for path, expected in kept.items():
                            self._pull(line, path, expected)
                        self._pull_layer(server)
            except Cut:
                number += 1

    def _pull(self, line: Line, path: str, expected: bytes) -> None:
        reply = line.ask("GET", path)
        if reply.status != 200:
            self.refused.append(f"GET {path}: {reply.status} {reply.body[:200]!r}")
        elif reply.body != expected:
            self.wrong.append(f"GET {path}: {reply.body[:200]!r}")

    def _pull_layer(self, server: Server) -> None:
        path = f"/v2/acme/pulled/blobs/{digest_of(_LAYER)}"
        try:
            with CountedLine(server.address, self._token, self.of_layers) as line:
                reply = line.ask("GET", path)
        except Cut:
            return
        if reply.status not in {200, *AWAY} or (reply.status == 200 and reply.body != _LAYER):
            self.wrong.append(f"GET {path}: {reply.status}, {len(reply.body)} bytes")


@dataclass
class Report:
    """What each fault cost, as a table for whoever runs it."""

    crowd: Crowd
    pullers: Pullers
    rows: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds that any request took."""

    @contextmanager
    def fault(self, what: str) -> Iterator[None]:
        """Inside of this block something is away; after it, until each client has got something done again."""
        accounts = (self.crowd.account, self.pullers.account, self.pullers.of_layers)
        for each in accounts:
            each.begin()
        done = self.crowd.acknowledged
        began = time.monotonic()
        yield
        ended = time.monotonic()
        self.crowd.wait_for_each(1)
        recovered = time.monotonic() - ended
        slowest = max(each.slowest for each in accounts)
        self.slowest = max(self.slowest, slowest)
        cells = (
            *(what, f"{ended - began:.1f} s", f"{recovered:.1f} s", str(self.crowd.acknowledged - done)),
            *(each.failed for each in accounts),
            f"{slowest:.1f} s",
        )
        self.rows.append(f"| {' | '.join(cells)} |")
