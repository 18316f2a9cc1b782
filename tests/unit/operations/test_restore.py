"""Having back what was deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, Denied, PackageUnknown, PolicyDenied, ReferenceUnknown
from entrepot.model.events import ArtifactRestored
from entrepot.model.names import PackagePattern, ReferenceName, View, parse_channel, parse_namespace
from entrepot.operations.block import block
from entrepot.operations.check import check
from entrepot.operations.clear import close_clearance
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact, delete_reference
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import yank
from entrepot.operations.restore import InTrash, Restored, list_trash, restore
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, open_world, package, referrer

API, ACME, ALL = package("acme/api"), parse_namespace("acme"), View.parse("acme")
ONE, LATEST = ReferenceName("1.0"), ReferenceName("latest")
LARGE = b"large " * 100
BUILT = image(LARGE)
LISTED = index(BUILT)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace()
        yield world


async def names(world: World) -> dict[str, Digest]:
    return {each.name: each.digest for each in await world.catalog.list_references(ALL, API, limit=100)}


async def trash(world: World) -> list[InTrash]:
    return list(await list_trash(world.registry, ADMINISTRATOR, ACME, limit=100))


async def test_an_artifact_comes_back_with_its_names_and_marks(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await world.push("acme/api", referrer(BUILT))
    await yank(world.registry, ADMINISTRATOR, API, ONE, reason="broken")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)

    found = await restore(world.registry, ADMINISTRATOR, API, BUILT.digest)

    assert found == Restored(BUILT.digest, (ONE, LATEST))
    assert await names(world) == {"1.0": BUILT.digest, "latest": BUILT.digest}
    version = await world.catalog.find_artifact(ALL, API, name=ONE)
    assert version is not None
    assert (version.yanked, version.sealed) == ("broken", True)
    assert (await world.events())[-1] == "artifact.restored"
    assert await check(world.registry, read_bytes=True) == []


async def test_what_referred_to_it_comes_back_with_it_and_its_history_is_what_it_was(world: World) -> None:
    """Users' threads 20, 21 and 22: what was deleted cannot be had back, or only in part."""
    await world.push("acme/api", BUILT, "1.0", "latest")
    signature = await world.push("acme/api", referrer(BUILT))
    countersignature = await world.push("acme/api", referrer(signature))
    await world.clear("acme/api", BUILT.digest)
    await close_clearance(world.registry, ADMINISTRATOR, API, parse_channel("prod"), BUILT.digest)
    before = await world.catalog.list_clearances(API, history=True), await names(world)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    assert [each.deleted.digest for each in await trash(world)] == [BUILT.digest]

    await restore(world.registry, ADMINISTRATOR, API, ONE)

    assert (await world.catalog.list_clearances(API, history=True), await names(world)) == before
    for back in (signature, countersignature):
        assert await world.catalog.find_artifact(ALL, API, digest=back.digest) is not None
    assert await check(world.registry, read_bytes=True) == []


async def test_a_version_is_had_back_by_its_name_with_all_that_meant_the_same(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)

    await restore(world.registry, ADMINISTRATOR, API, ONE)

    assert await names(world) == {"1.0": BUILT.digest, "latest": BUILT.digest}


async def test_a_name_that_was_deleted_alone_comes_back_alone(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await delete_reference(world.registry, ADMINISTRATOR, API, LATEST)

    found = await restore(world.registry, ADMINISTRATOR, API, LATEST)

    assert found == Restored(BUILT.digest, (LATEST,))
    assert await names(world) == {"1.0": BUILT.digest, "latest": BUILT.digest}


async def test_a_name_that_means_something_else_by_now_is_left_to_it(world: World) -> None:
    other = image(b"other")
    await world.push("acme/api", BUILT, "1.0", "latest")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    await world.push("acme/api", other, "latest")

    found = await restore(world.registry, ADMINISTRATOR, API, BUILT.digest)

    assert found.names == (ONE,)
    assert await names(world) == {"1.0": BUILT.digest, "latest": other.digest}


async def test_a_tag_whose_name_has_been_a_versions_since_does_not_come_back(world: World) -> None:
    release, other = ReferenceName("release-1"), image(b"other")
    await world.push("acme/api", BUILT, release, "latest")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    await set_namespace(world.registry, ADMINISTRATOR, ACME, versions=[PackagePattern("release-*")])
    await world.push("acme/api", other, release)
    await delete_reference(world.registry, ADMINISTRATOR, API, release)

    found = await restore(world.registry, ADMINISTRATOR, API, BUILT.digest)

    assert found.names == (LATEST,)
    assert await check(world.registry) == []
    await restore(world.registry, ADMINISTRATOR, API, release)
    assert await names(world) == {"latest": BUILT.digest, release: other.digest}


async def test_what_is_there_already_is_no_event(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    before = await world.events()

    by_digest = await restore(world.registry, ADMINISTRATOR, API, BUILT.digest)
    by_name = await restore(world.registry, ADMINISTRATOR, API, ONE)

    assert by_digest == by_name == Restored(BUILT.digest, ())
    assert await world.events() == before


async def test_an_index_comes_back_with_what_it_contains(world: World) -> None:
    await world.push("acme/api", LISTED, "1.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, LISTED.digest)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    world.clock.advance(days=2)
    await collect(world.registry)

    await restore(world.registry, ADMINISTRATOR, API, ONE)

    assert await world.catalog.find_artifact(ALL, API, digest=BUILT.digest) is not None
    assert await world.catalog.find_blob(ALL, API, Digest.of(LARGE)) is not None
    assert await check(world.registry, read_bytes=True) == []


async def test_the_journal_says_what_each_name_means_that_comes_back_with_another_artifact(world: World) -> None:
    """Found by `tests/laws/test_schedules.py`: all of them were told as names of what was asked for."""
    await world.push("acme/api", BUILT, "1.0")
    signature = await world.push("acme/api", referrer(BUILT), "signed")
    await delete_reference(world.registry, ADMINISTRATOR, API, ReferenceName("signed"))
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    position, _ = await world.catalog.head()

    found = await restore(world.registry, ADMINISTRATOR, API, ReferenceName("signed"))

    assert found == Restored(signature.digest, (ReferenceName("signed"),))
    assert await names(world) == {"1.0": BUILT.digest, "signed": signature.digest}
    [entry] = await world.catalog.list_entries(after=position, limit=10)
    assert isinstance(entry.event, ArtifactRestored)
    assert (entry.event.digest, entry.event.references) == (str(signature.digest), ("signed",))
    assert entry.event.others == {"1.0": str(BUILT.digest)}


async def test_what_waits_to_be_given_up_waits_no_more(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    world.clock.advance(days=2)
    await collect(world.registry)
    await restore(world.registry, ADMINISTRATOR, API, ONE)

    world.clock.advance(days=30)
    await collect(world.registry)

    assert await world.catalog.find_blob(ALL, API, Digest.of(LARGE)) is not None
    assert await check(world.registry, read_bytes=True) == []


async def test_what_was_given_up_cannot_be_had_back(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    for _ in range(2):
        world.clock.advance(days=8)
        await collect(world.registry)

    assert await trash(world) == []
    for target in (ONE, BUILT.digest):
        with pytest.raises(ArtifactUnknown, match="given up"):
            await restore(world.registry, ADMINISTRATOR, API, target)
    assert await names(world) == {}
    assert await check(world.registry) == []


async def test_the_trash_says_what_was_deleted_by_whom_and_until_when_it_can_be_had_back(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    deleted_at = world.clock.now()
    (fresh,) = await trash(world)
    world.clock.advance(days=2)
    await collect(world.registry)

    (waiting,) = await trash(world)

    assert (fresh.deleted.digest, fresh.deleted.names, fresh.deleted.actor) == (
        BUILT.digest,
        (ONE, LATEST),
        ADMINISTRATOR.name,
    )
    assert (fresh.deleted.at, fresh.until) == (deleted_at, None)
    assert waiting.until == world.clock.now() + timedelta(days=7)


async def test_the_trash_has_pages_and_forgets_what_came_back(world: World) -> None:
    pushed = [image(bytes([number]) * 100) for number in range(5)]
    for number, each in enumerate(pushed):
        await world.push("acme/api", each, f"1.{number}")
    for each in pushed:
        await delete_artifact(world.registry, ADMINISTRATOR, API, each.digest)
    await restore(world.registry, ADMINISTRATOR, API, pushed[2].digest)

    first = await list_trash(world.registry, ADMINISTRATOR, ACME, API, limit=2)
    second = await list_trash(world.registry, ADMINISTRATOR, ACME, API, before=first[-1].deleted.position, limit=9)

    assert [each.deleted.digest for each in (*first, *second)] == [pushed[each].digest for each in (4, 3, 1, 0)]


async def test_what_was_deleted_twice_is_in_the_trash_once(world: World) -> None:
    for _ in range(2):
        await world.push("acme/api", BUILT, "1.0")
        await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)

    assert [each.deleted.digest for each in await trash(world)] == [BUILT.digest]


async def test_what_is_blocked_does_not_come_back(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await block(world.registry, ADMINISTRATOR, API, BUILT.digest, reason="a coin miner")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)

    with pytest.raises(PolicyDenied, match="coin miner"):
        await restore(world.registry, ADMINISTRATOR, API, ONE)


async def test_what_never_was_cannot_be_had_back(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")

    with pytest.raises(ReferenceUnknown):
        await restore(world.registry, ADMINISTRATOR, API, ReferenceName("2.0"))
    with pytest.raises(ArtifactUnknown):
        await restore(world.registry, ADMINISTRATOR, API, Digest.of(b"never"))
    with pytest.raises(PackageUnknown):
        await restore(world.registry, ADMINISTRATOR, package("acme/none"), ONE)


async def test_restoring_is_for_who_may_delete(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    publisher = caller(Role.PUBLISHER)

    with pytest.raises(Denied):
        await restore(world.registry, publisher, API, ONE)
    with pytest.raises(Denied):
        await list_trash(world.registry, publisher, ACME, limit=10)
    with pytest.raises(Denied):
        await list_trash(world.registry, publisher, ACME, API, limit=10)
