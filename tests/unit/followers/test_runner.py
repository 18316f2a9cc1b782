from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from entrepot import followers
from entrepot.followers import Runner, catch_up
from entrepot.followers.follower import caller_of
from entrepot.model.errors import Invalid, Unavailable
from entrepot.model.events import Entry, NamespaceCreated
from entrepot.model.names import NamespaceName
from entrepot.operations import follow
from entrepot.operations.govern import create_namespace
from entrepot.operations.registry import Registry
from entrepot.testing.builders import World


@dataclass
class Reading:
    """Remembers what it was given, and does what the test says first."""

    fail_at: frozenset[int] = frozenset()
    error: Callable[[], Exception] = lambda: ValueError("a bug")
    name: str = "reading"
    seen: list[int] = field(default_factory=list)
    attempts: int = 0
    came: asyncio.Event = field(default_factory=asyncio.Event)
    want: int = 0
    want_attempts: int = 1_000

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.position in self.fail_at:
                self.attempts += 1
                if self.attempts >= self.want_attempts:
                    self.came.set()
                raise self.error()
        self.seen += [entry.position for entry in entries]
        if self.seen and self.seen[-1] >= self.want:
            self.came.set()


class Echoing:
    """Makes a namespace for each one that somebody else made."""

    name = "echoing"

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        for entry in entries:
            match entry.event:
                case NamespaceCreated(namespace=str(made)) if not made.startswith("echo-"):
                    name = NamespaceName(f"echo-{made}")
                    if await registry.catalog.find_namespace(name) is None:
                        await create_namespace(registry, caller_of(self), name, public=False)
                case _:
                    pass


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "_FIRST_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(followers, "_LOOK_SECONDS", 0.0)


async def test_every_entry_is_seen_once_and_in_order(world: World) -> None:
    reading = Reading()
    for name in ("one", "two", "three"):
        await world.namespace(name)

    await catch_up(world.registry, [reading])
    await catch_up(world.registry, [reading])

    end, _ = await world.catalog.head()
    assert reading.seen == list(range(1, end + 1))
    assert await world.catalog.cursors.find("reading") == end


async def test_a_follower_is_known_before_it_has_read_and_stays_where_it_is(world: World) -> None:
    reading = Reading()

    await follow.introduce(world.registry, [reading.name])
    first = await world.catalog.cursors.list()
    await catch_up(world.registry, [reading])
    await follow.introduce(world.registry, [reading.name])

    end, _ = await world.catalog.head()
    assert first == {"reading": 0}
    assert await world.catalog.cursors.list() == {"reading": end}


def test_all_who_follow_are_known_by_name() -> None:
    assert tuple(follower.name for follower in followers.ALL) == follow.FOLLOWERS


async def test_what_a_follower_makes_happen_is_followed_too(world: World) -> None:
    reading = Reading()

    await catch_up(world.registry, [reading, Echoing()])

    end, _ = await world.catalog.head()
    assert await world.catalog.find_namespace(NamespaceName("echo-acme")) is not None
    assert reading.seen == list(range(1, end + 1))


async def test_what_a_follower_does_is_in_the_journal_under_its_name(world: World) -> None:
    await catch_up(world.registry, [Echoing()])

    end, _ = await world.catalog.head()
    [entry] = await world.catalog.list_entries(after=end - 1, limit=1)
    assert entry.actor == "follower:echoing"


async def test_a_runner_gives_up_an_entry_that_cannot_be_dealt_with_and_goes_on(world: World) -> None:
    await world.namespace("two")
    end, _ = await world.catalog.head()
    reading = Reading(fail_at=frozenset({1}), want=end)
    runner = Runner(world.registry, [reading])

    runner.start()
    async with asyncio.timeout(30):
        await reading.came.wait()
    await runner.stop()

    assert reading.attempts == 5
    assert reading.seen == list(range(2, end + 1))


async def test_an_entry_about_something_that_is_wrong_in_itself_holds_up_nobody(world: World) -> None:
    await world.namespace("two")
    end, _ = await world.catalog.head()
    reading = Reading(fail_at=frozenset({1}), error=lambda: Invalid("text with a NUL character"), want=end)
    runner = Runner(world.registry, [reading])

    runner.start()
    async with asyncio.timeout(30):
        await reading.came.wait()
    await runner.stop()

    assert reading.attempts == 2  # Among others, and by itself.
    assert reading.seen == list(range(2, end + 1))


async def test_a_runner_never_gives_up_while_the_registry_itself_is_unavailable(world: World) -> None:
    reading = Reading(fail_at=frozenset({1}), error=lambda: Unavailable("the disk"), want_attempts=12)
    runner = Runner(world.registry, [reading])

    runner.start()
    async with asyncio.timeout(30):
        await reading.came.wait()
    await runner.stop()

    assert reading.seen == []
    assert await world.catalog.cursors.find("reading") == 0


async def test_whoever_waits_for_a_follower_is_told_when_it_is_there(world: World) -> None:
    end, _ = await world.catalog.head()

    waiting = asyncio.create_task(follow.wait_for(world.registry, ["reading"], end, seconds=30))
    await catch_up(world.registry, [Reading()])

    await waiting


async def test_whoever_waits_too_long_is_told_to_come_again(world: World) -> None:
    end, _ = await world.catalog.head()

    with pytest.raises(Unavailable, match="reading: not yet at position"):
        await follow.wait_for(world.registry, ["reading"], end, seconds=0)


async def test_an_auditor_sees_how_far_each_follower_is(world: World) -> None:
    await catch_up(world.registry, [Reading()])
    await world.namespace("two")
    auditor = await world.token("auditor", None)

    async with world.client(auditor) as client:
        answer = await client.get("/api/v1/journal/followers")
    async with world.client(await world.token("reader", name="r")) as client:
        refused = await client.get("/api/v1/journal/followers")

    [reading] = answer.json()
    assert (reading["name"], reading["behind"] > 0) == ("reading", True)
    assert refused.status_code == 403
