"""``kill -9`` of a real server under load, again and again: what it acknowledged is there, byte for byte."""

from __future__ import annotations

import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep

import pytest

from tests.faults.line import Line
from tests.faults.load import Bell, Client
from tests.faults.server import Server, make_namespace, start, violations

LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"
CLIENTS = 6


@dataclass(slots=True)
class Tally:
    """What a run of kills came to."""

    cycles: int = 0
    acknowledged: int = 0
    compared: int = 0
    bytes: int = 0
    lost_sessions: int = 0
    resumed_sessions: int = 0
    seeds: list[int] = field(default_factory=list)


def _clients(seed: int) -> list[Client]:
    contents: dict[str, bytes] = {}
    neighbours: list[tuple[str, str]] = []
    return [
        Client(f"acme/client-{number}", random.Random(f"{seed}/{number}"), contents, neighbours)
        for number in range(CLIENTS)
    ]


def _hold_to_its_word(server: Server, clients: list[Client], tally: Tally) -> None:
    for client in clients:
        with Line(server.address, server.token) as line:
            waiting = client.session is not None
            tally.compared += client.verify(line)
            tally.resumed_sessions += waiting and client.session is not None
    assert violations(server.data) == []


def _kill_under_load(server: Server, clients: list[Client], rng: random.Random) -> None:
    """Let all clients work at once, and kill the server at some moment of that."""
    bell = Bell(rng.randint(1, 60))
    killed = threading.Event()
    token = server.token

    def work(client: Client) -> None:
        with Line(server.address, token) as line:
            client.work(line, lambda: not killed.is_set(), bell.count)

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        bell.wait()
        sleep(rng.random() * 0.02)  # some moment of whatever happens next
    finally:
        server.kill()
        killed.set()
        for thread in threads:
            thread.join()
    assert [surprise for client in clients for surprise in client.surprises] == []


def _run(home: Path, *, seed: int, cycles: int, workers: int, tally: Tally) -> None:
    rng = random.Random(seed)
    clients = _clients(seed)
    tally.seeds.append(seed)
    server = start(home, workers=workers)
    make_namespace(server.data, "acme")
    try:
        for _ in range(cycles):
            _kill_under_load(server, clients, rng)
            tally.cycles += 1
            server = start(home, workers=workers)
            _hold_to_its_word(server, clients, tally)
            assert server.complaints() == []
    except BaseException:
        print(f"seed {seed}, workers {workers}, cycle {tally.cycles}")  # noqa: T201 (for whoever repeats it)
        raise
    finally:
        server.kill()
        tally.acknowledged += sum(client.ledger.acknowledged for client in clients)
        tally.bytes += sum(map(len, clients[0].contents.values()))
        tally.lost_sessions += sum(client.lost_sessions for client in clients)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_server_has_all_that_it_acknowledged(tmp_path: Path, workers: int) -> None:
    tally = Tally()

    _run(tmp_path, seed=workers, cycles=7, workers=workers, tally=tally)

    assert tally.acknowledged > 20
