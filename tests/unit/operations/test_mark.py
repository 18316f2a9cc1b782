from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.errors import Denied, PackageUnknown, ReferenceUnknown, Unauthenticated
from entrepot.model.names import ReferenceName, View
from entrepot.model.reference import Reference
from entrepot.operations.check import check
from entrepot.operations.mark import deprecate, seal, undeprecate, unyank, yank
from entrepot.testing.builders import World, caller, image, package

API, ALL, NAME = package("acme/api"), View.parse("acme"), ReferenceName("1.0")
MAINTAINER = caller("maintainer")

Mark = Callable[[World, Caller, ReferenceName], Awaitable[None]]
MARKS: dict[str, Mark] = {
    "sealed": lambda world, by, name: seal(world.registry, by, API, name),
    "yanked": lambda world, by, name: yank(world.registry, by, API, name, reason="broken"),
    "unyanked": lambda world, by, name: unyank(world.registry, by, API, name),
    "deprecated": lambda world, by, name: deprecate(world.registry, by, API, name, reason="old"),
    "undeprecated": lambda world, by, name: undeprecate(world.registry, by, API, name),
}


@pytest.fixture
async def filled(world: World) -> World:
    await world.push("acme/api", image(b"layer"), "1.0", "latest", sealed=False)
    return world


async def version(world: World) -> Reference:
    (found, _) = await world.catalog.list_references(ALL, API, limit=10)
    return found


async def test_each_mark_says_one_thing_and_can_be_taken_back(filled: World) -> None:
    seen = []
    for mark in MARKS.values():
        await mark(filled, MAINTAINER, NAME)
        found = await version(filled)
        seen.append((found.sealed, found.yanked, found.deprecated))

    assert seen == [
        (True, None, None),
        (True, "broken", None),
        (True, None, None),
        (True, None, "old"),
        (True, None, None),
    ]
    assert [event for event in await filled.events() if event.startswith("version")] == [
        f"version.{mark}" for mark in MARKS
    ]
    assert await check(filled.registry) == []


@pytest.mark.parametrize("name", ["sealed", "yanked", "deprecated"])
async def test_a_mark_that_is_there_is_no_event(filled: World, name: str) -> None:
    await MARKS[name](filled, MAINTAINER, NAME)
    before = await filled.events()

    await MARKS[name](filled, MAINTAINER, NAME)

    assert await filled.events() == before


@pytest.mark.parametrize("name", ["unyanked", "undeprecated"])
async def test_a_mark_that_is_not_there_need_not_be_taken_back(filled: World, name: str) -> None:
    before = await filled.events()

    await MARKS[name](filled, MAINTAINER, NAME)

    assert await filled.events() == before


async def test_a_reason_may_change_and_may_be_none(filled: World) -> None:
    await yank(filled.registry, MAINTAINER, API, NAME)
    assert (await version(filled)).yanked == ""

    await yank(filled.registry, MAINTAINER, API, NAME, reason="broken on arm64")
    assert (await version(filled)).yanked == "broken on arm64"


@pytest.mark.parametrize("mark", MARKS.values(), ids=list(MARKS))
@pytest.mark.parametrize("name", ["latest", "2.0"])
async def test_only_a_version_that_is_there_is_marked(filled: World, mark: Mark, name: str) -> None:
    with pytest.raises(ReferenceUnknown):
        await mark(filled, MAINTAINER, ReferenceName(name))


@pytest.mark.parametrize("mark", MARKS.values(), ids=list(MARKS))
@pytest.mark.parametrize(
    ("by", "error"),
    [(ANONYMOUS, Unauthenticated), (caller("reader"), Denied), (caller("maintainer", "zeta"), PackageUnknown)],
)
async def test_who_may_not_mark_is_refused(filled: World, mark: Mark, by: Caller, error: type[Exception]) -> None:
    with pytest.raises(error):
        await mark(filled, by, NAME)


async def test_a_publisher_seals_what_they_publish_and_yanks_nothing(filled: World) -> None:
    publisher = caller("publisher")

    await seal(filled.registry, publisher, API, NAME)

    with pytest.raises(Denied):
        await yank(filled.registry, publisher, API, NAME)
