from __future__ import annotations

import asyncio

import pytest

from entrepot.drivers.fetch.hosts import Host, Hosts
from entrepot.drivers.fetch.pace import Pace
from entrepot.model.errors import UpstreamUnavailable


class Watch:
    """A clock that a test moves."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


async def _ask(host: Host, *, fails: bool = False) -> None:
    async with host.turn():
        if fails:
            host.failed()
        else:
            host.succeeded()


async def _left_alone(watch: Watch) -> Host:
    host = Host("registry.example.com", Pace(failures=3, cool_down=30), watch)
    for _ in range(3):
        await _ask(host, fails=True)
    return host


async def test_a_host_that_fails_in_a_row_is_left_alone() -> None:
    watch = Watch()
    host = await _left_alone(watch)
    watch.seconds += 0.5

    with pytest.raises(UpstreamUnavailable, match="left alone") as refused:
        await _ask(host)
    assert refused.value.after == 30


async def test_failures_that_are_not_in_a_row_do_not_count() -> None:
    host = Host("registry.example.com", Pace(failures=3), Watch())

    for fails in (True, True, False, True, True, False):
        await _ask(host, fails=fails)


async def test_after_a_while_one_question_decides_for_the_others() -> None:
    watch = Watch()
    host = await _left_alone(watch)
    watch.seconds += 30

    async with host.turn():
        with pytest.raises(UpstreamUnavailable, match="tried again"):
            await _ask(host)
        host.succeeded()
        await _ask(host)


async def test_a_trial_that_fails_leaves_it_alone_again() -> None:
    watch = Watch()
    host = await _left_alone(watch)
    watch.seconds += 30
    await _ask(host, fails=True)
    watch.seconds += 29

    with pytest.raises(UpstreamUnavailable, match="left alone"):
        await _ask(host)
    watch.seconds += 1
    await _ask(host)


async def test_a_trial_that_decides_nothing_leaves_room_for_another() -> None:
    watch = Watch()
    host = await _left_alone(watch)
    watch.seconds += 30
    with pytest.raises(asyncio.CancelledError):
        async with host.turn():
            raise asyncio.CancelledError

    await _ask(host)


async def test_questions_wait_for_their_turn_and_not_forever() -> None:
    host = Host("registry.example.com", Pace(at_once=1, turn=0.01), Watch())

    async with host.turn():
        with pytest.raises(UpstreamUnavailable, match="too much at once"):
            await _ask(host)
    await _ask(host)


async def test_who_waited_while_it_failed_is_told_so() -> None:
    host = Host("registry.example.com", Pace(at_once=1, failures=1), Watch())

    async with host.turn():
        waiting = asyncio.ensure_future(_ask(host))
        await asyncio.sleep(0)
        host.failed()
    with pytest.raises(UpstreamUnavailable, match="left alone"):
        await waiting


async def test_any_number_of_hosts_does_not_fill_the_memory() -> None:
    hosts = Hosts(Pace(), Watch())
    asked = hosts.find(("https", "asked.example.com", 443))

    async with asked.turn():
        for number in range(3000):
            hosts.find(("https", f"h{number}.example.com", 443)).failed()

        assert len(hosts) <= 1024
        assert hosts.find(("http", "asked.example.com", 443)) is asked
        assert hosts.find(("https", "asked.example.com", 80)) is not asked
