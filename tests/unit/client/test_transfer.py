from __future__ import annotations

import threading

import pytest

from entrepot.client.connection import Connection
from entrepot.client.credentials import Login
from entrepot.client.retry import Retry
from entrepot.client.transfer import Progress, Transfers


def test_results_are_in_the_order_of_the_tasks() -> None:
    first_may_end = threading.Event()

    def slow() -> str:
        assert first_may_end.wait(10)
        return "slow"

    def quick() -> str:
        first_may_end.set()
        return "quick"

    assert Transfers(2, None).run([slow, quick]) == ["slow", "quick"]


def test_no_more_run_at_once_than_were_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()
    three = threading.Barrier(3)

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait(10)
        with lock:
            running -= 1

    Transfers(3, None).run([task] * 9)

    assert most == 3


def test_no_tasks_are_no_work() -> None:
    assert Transfers(4, None).run([]) == []


def test_a_failure_ends_what_is_under_way_at_its_next_piece() -> None:
    transfers = Transfers(2, None)
    began = threading.Event()
    pieces = 0

    def endless() -> None:
        nonlocal pieces
        tell = transfers.tell("endless", 10)
        while True:
            began.set()
            pieces += 1
            tell(0)

    def failing() -> None:
        assert began.wait(10)
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        transfers.run([endless, failing])

    assert pieces > 0


def test_a_failure_ends_the_waits_of_the_others() -> None:
    transfers = Transfers(2, None)
    waiting = threading.Event()
    connection = Connection.open(Login("http://localhost:1"), Retry(), timeout_seconds=1)
    patient = transfers.patient(connection)

    def waits() -> None:
        waiting.set()
        patient.retry.sleep(3600)

    def failing() -> None:
        assert waiting.wait(10)
        raise ValueError("first")

    with connection.http, pytest.raises(ValueError, match="first"):
        transfers.run([waits, failing])


def test_nothing_new_begins_after_a_failure() -> None:
    begun: list[str] = []

    def failing() -> None:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        Transfers(1, None).run([failing, lambda: begun.append("second")])

    assert begun == []


def test_small_steps_are_not_told_one_by_one() -> None:
    seen: list[Progress] = []
    tell = Transfers(1, seen.append).tell("f", 1_000_000)

    for done in range(0, 1_000_000, 1000):
        tell(done)

    assert 2 <= len(seen) <= 5
    assert seen[0] == Progress("f", 0, 1_000_000)


def test_a_listener_is_never_called_by_two_threads_at_once() -> None:
    inside = 0

    def listen(_: Progress) -> None:
        nonlocal inside
        inside += 1
        assert inside == 1
        inside -= 1

    transfers = Transfers(8, listen)

    def task() -> None:
        for _ in range(2000):
            transfers.finish("f", 1)

    transfers.run([task] * 8)
