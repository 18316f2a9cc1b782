from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from entrepot.client.errors import ClientError
from entrepot.client.retry import Retry


def _fails(times: int, *, transient: bool = True, after: float | None = None) -> tuple[list[int], Callable[[int], str]]:
    told: list[int] = []

    def act(failures: int) -> str:
        told.append(failures)
        if len(told) <= times:
            raise ClientError("not now", transient=transient, after=after)
        return "done"

    return told, act


def _retry(waits: list[float], **changed: Any) -> Retry:
    return Retry(sleep=waits.append, random=lambda: 1.0, **changed)


def test_waits_double_until_the_longest() -> None:
    waits: list[float] = []
    _, act = _fails(6)

    done = _retry(waits, attempts=9, first_seconds=1, longest_seconds=8).run(act)

    assert done == "done"
    assert waits == [1, 2, 4, 8, 8, 8]


def test_chance_takes_away_up_to_half_of_a_wait() -> None:
    assert Retry(random=lambda: 0.0, first_seconds=1).delay(1) == 0.5
    assert Retry(random=lambda: 1.0, first_seconds=1).delay(1) == 1.0


def test_the_last_failure_is_raised_when_the_attempts_are_used_up() -> None:
    waits: list[float] = []
    told, act = _fails(99)

    with pytest.raises(ClientError):
        _retry(waits, attempts=3).run(act)

    assert told == [0, 1, 2]
    assert len(waits) == 2


def test_what_is_not_transient_is_not_repeated() -> None:
    waits: list[float] = []
    told, act = _fails(1, transient=False)

    with pytest.raises(ClientError):
        _retry(waits).run(act)

    assert told == [0]
    assert waits == []


def test_no_sooner_than_the_server_asks() -> None:
    waits: list[float] = []
    _, act = _fails(1, after=7)

    _retry(waits, first_seconds=0.5).run(act)

    assert waits == [7.5]


def test_who_is_asked_to_wait_too_long_gives_up_at_once() -> None:
    waits: list[float] = []
    _, act = _fails(1, after=3600)

    with pytest.raises(ClientError):
        _retry(waits, patience_seconds=60).run(act)

    assert waits == []


def test_a_transfer_that_got_further_has_failures_to_spare_again() -> None:
    position = 0

    def act(_: int) -> int:
        nonlocal position
        position += 1
        if position < 20:
            raise ClientError("cut", transient=True)
        return position

    reached = Retry(attempts=2, sleep=lambda _: None).run(act, reached=lambda: position)

    assert reached == 20


def test_a_transfer_that_gets_no_further_does_not() -> None:
    told, act = _fails(99)

    with pytest.raises(ClientError):
        Retry(attempts=4, sleep=lambda _: None).run(act, reached=lambda: 5)

    assert told == [0, 1, 2, 3]
