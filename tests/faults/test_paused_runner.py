"""The process that runs followers and schedules is paused past its turn, and goes on when another has taken over.

Users' thread 81: a registry that is not made for several nodes races with itself over what all of them do.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from entrepot.app.first import prepare
from entrepot.model.access import Caller
from entrepot.model.names import parse_namespace
from entrepot.model.position import START
from entrepot.model.webhook import Outcome, Webhook
from entrepot.operations.check import Violation, check
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from entrepot.operations.webhooks import add_webhook
from entrepot.settings import load
from tests.faults.hooks import receiving
from tests.faults.server import within
from tests.postgresql import cluster, database, migrated

__all__ = ["cluster", "database", "migrated"]

_PATIENCE = 300.0
# What one server does beside its workers, with turns that end sooner than those of real ones.
_RUNNER = """
import asyncio, sys
from entrepot.app.beside import run_beside
from entrepot.drivers.catalog.postgresql import turn
from entrepot.settings import load

turn._LEASE_SECONDS, turn._SILENT_SECONDS, turn._BEAT_SECONDS, turn._LOOK_SECONDS = 3.0, 2.0, 0.1, 0.1
asyncio.run(run_beside(load({"database": sys.argv[1], "data": sys.argv[2]}, environ={})))
"""


class Receiver:
    """Is told of what happens; it answers the first message only when it is let."""

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        """How often each message came, by its id."""
        self.first = threading.Event()
        self.answer_first = threading.Event()
        self.url = ""
        self._changed = threading.Condition()

    def take(self, message: str) -> None:
        """Take a message; of the first one the answer waits."""
        with self._changed:
            is_first = not self.told
            self.told[message] += 1
            self._changed.notify_all()
        if is_first:
            self.first.set()
            assert self.answer_first.wait(_PATIENCE)

    def wait_for(self, messages: set[str]) -> None:
        """Until each of them has come, beside the first one at least once more."""
        with self._changed:
            assert self._changed.wait_for(lambda: messages <= set(self.told), _PATIENCE), self.told


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiving(receiver.take) as receiver.url:
        yield receiver
        receiver.answer_first.set()


class Runner:
    """A process that runs followers and schedules when it is its turn."""

    def __init__(self, database: str, data: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUNNER, database, str(data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        os.kill(self._process.pid, number)

    def wait_until_says(self, words: str) -> None:
        """Until that is in its log."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(_PATIENCE, self._process.kill)
        watchdog.start()
        said = ""
        for line in self._process.stdout:
            said += line
            if words in line:
                break
        else:
            pytest.fail(f"it never said {words!r}:\n{said}")
        watchdog.cancel()

    def end(self) -> None:
        """End it, as a crash does."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def runner(database: str, data: Path) -> Iterator[Runner]:
    running = Runner(database, data)
    try:
        yield running
    finally:
        running.end()


def test_a_runner_that_was_paused_past_its_turn_does_nothing_twice_and_steps_down(
    database: str, tmp_path: Path, receiver: Receiver
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    prepare(load({"database": database, "data": str(first)}, environ={}))
    second.mkdir()
    for key in first.glob("*.pem"):
        shutil.copy(key, second)

    async def listen(registry: Registry, caller: Caller) -> Webhook:
        types = ("dev.entrepot.namespace.*",)
        hook, _ = await add_webhook(registry, caller, receiver.url, source="here", types=types, private=True)
        return hook

    def happen(*names: str) -> set[str]:
        """Let something happen, and say by which ids it is to be told."""

        async def make(registry: Registry, caller: Caller) -> set[str]:
            before, _ = await registry.catalog.head()
            for name in names:
                await create_namespace(registry, caller, parse_namespace(name), public=False)
            entries = await registry.catalog.list_entries(after=before, limit=100)
            return {
                f"{hook.id}_{entry.position}"
                for entry in entries
                if entry.event.type == "dev.entrepot.namespace.created.v1"
            }

        return within(first, make, database=database)

    hook = within(first, listen, database=database)
    told = happen("one", "two", "three", "four")

    with runner(database, first) as paused:
        assert receiver.first.wait(_PATIENCE)
        paused.signal(signal.SIGSTOP)
        with runner(database, second) as other:
            other.wait_until_says("followers and schedules run here")
            receiver.wait_for(told)
            receiver.answer_first.set()
            paused.signal(signal.SIGCONT)
            # That another has it, or may have: what it asked when it was paused may have lost its connection.
            paused.wait_until_says("the turn ")
            more = happen("five", "six")
            receiver.wait_for(more)
        paused.wait_until_says("followers and schedules run here")
        last = happen("seven")
        receiver.wait_for(last)

    async def look(registry: Registry, _: Caller) -> tuple[list[str], list[Violation]]:
        deliveries = await registry.catalog.webhooks.list_deliveries(hook.id, after=START, limit=100)
        arrived = [f"{hook.id}_{each.position}" for each in deliveries if each.outcome is Outcome.DELIVERED]
        return arrived, await check(registry, read_bytes=True)

    arrived, violations = within(first, look, database=database)
    again = [message for message, times in receiver.told.items() if times > 1]
    # The first message was under way when the one who had sent it was paused: only its receiver knows that it came.
    # What was sent to the receiver and not yet settled when the other was killed may come again, too: no more than one.
    assert set(receiver.told) == told | more | last
    assert len(again) <= 2
    assert receiver.told[min(told, key=lambda message: int(message.rpartition("_")[2]))] == 2
    assert len(arrived) == len(set(arrived))
    assert violations == []
