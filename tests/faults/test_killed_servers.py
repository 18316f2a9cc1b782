"""``kill -9`` of a real server under load, again and again: what it acknowledged is there, byte for byte."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import pytest

from tests.faults.line import Line
from tests.faults.load import Bell, Client
from tests.faults.server import Server, make_namespace, start, violations

LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"
CLIENTS = 6


@dataclass
class Tally:
    """What a run of kills came to."""

    cycles: int = 0
    acknowledged: int = 0
    """Promises that were made."""
    compared: int = 0
    """Things that were read again after a restart, byte for byte, all restarts together."""
    resumed: int = 0
    """Uploads that went on after a restart."""
    begun_anew: int = 0
    """Uploads whose last request was killed after their bytes were taken over and before it was answered."""


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
            tally.resumed += waiting and client.session is not None
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


def _run(home: Path, tally: Tally, *, seed: int, cycles: int, workers: int) -> None:
    """Kill one server *cycles* times, and hold it to its word each time that it is back."""
    rng = random.Random(seed)
    clients = _clients(seed)
    server = start(home, workers=workers)
    try:
        make_namespace(server.data, "acme")
        for cycle in range(cycles):
            try:
                _kill_under_load(server, clients, rng)
                server = start(home, workers=workers)
                _hold_to_its_word(server, clients, tally)
                assert server.complaints() == []
            except BaseException as error:
                error.add_note(f"seed {seed}, {workers} workers, cycle {cycle}")
                raise
            tally.cycles += 1
    finally:
        server.kill()
        tally.acknowledged += sum(client.ledger.acknowledged for client in clients)
        tally.begun_anew += sum(client.lost_sessions for client in clients)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_server_has_all_that_it_acknowledged(tmp_path: Path, workers: int) -> None:
    tally = Tally()

    _run(tmp_path, tally, seed=workers, cycles=6, workers=workers)

    assert tally.acknowledged > 20


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.skipif(not LONG, reason="minutes: ENTREPOT_TEST_LONG=1")
def test_a_server_that_was_killed_three_hundred_times_has_all_that_it_acknowledged(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    tally = Tally()
    seed = int(os.environ.get("ENTREPOT_TEST_SEED", "0")) or random.SystemRandom().randrange(1_000_000)

    for generation in range(12):
        home = tmp_path / str(generation)
        _run(home, tally, seed=seed + generation, cycles=25, workers=1 + generation % 2)
        shutil.rmtree(home)

    for name, value in vars(tally).items():
        record_testsuite_property(f"kills: {name}", value)
    assert tally.cycles == 300
