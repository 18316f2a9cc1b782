from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from entrepot.model.digest import Digest
from entrepot.model.names import View
from entrepot.operations.check import INVARIANTS, Violation, check
from entrepot.operations.scrub import scrub, scrub_due
from entrepot.ports.scrubs import ScrubRound
from entrepot.testing.builders import World, image, package
from entrepot.testing.memory import MemoryBlobStore

API, ALL = package("acme/api"), View.parse("acme")
LAYER = b"a layer that is longer than sixty-four bytes, so that it is no small one"
BUILT = image(LAYER, config=b"{}")
LARGE, SMALL = Digest.of(LAYER), Digest.of(b"{}")


@pytest.fixture
async def filled(world: World) -> World:
    await world.push("acme/api", BUILT, "1.0")
    return world


def store(world: World) -> MemoryBlobStore:
    assert isinstance(world.registry.blobs, MemoryBlobStore)
    return world.registry.blobs


def damage_catalog(world: World, digest: Digest) -> None:
    connection = sqlite3.connect(world.folder / "catalog.sqlite")
    connection.execute(
        "UPDATE content SET bytes = CAST('X' || substr(bytes, 2) AS BLOB)"
        " WHERE blob_id = (SELECT id FROM blob WHERE digest = ?)",
        (str(digest),),
    )
    connection.commit()
    connection.close()


async def problems(world: World) -> dict[Digest, str]:
    return {blob.digest: blob.problem async for blob in scrub(world.registry) if blob.problem is not None}


async def test_a_sound_registry_is_read_whole_and_stays_as_it_is(filled: World) -> None:
    before = await filled.events()

    seen = [blob async for blob in scrub(filled.registry)]

    assert [blob.digest for blob in seen] == sorted([LARGE, SMALL, BUILT.digest])
    assert [blob.problem for blob in seen] == [None, None, None]
    assert await filled.events() == before


@pytest.mark.parametrize("where", ["blob store", "catalog", "manifest", "missing"])
async def test_damage_is_found_told_and_not_served_and_mended_by_pushing_again(filled: World, where: str) -> None:
    match where:
        case "blob store":
            digest = LARGE
            store(filled).damage(digest)
        case "missing":
            digest = LARGE
            await store(filled).remove(digest)
        case "catalog":
            digest = SMALL
            damage_catalog(filled, digest)
        case _:
            digest = BUILT.digest
            damage_catalog(filled, digest)

    assert list(await problems(filled)) == [digest]
    assert (await filled.events())[-1] == "blob.damaged"
    assert await filled.catalog.find_blob(ALL, API, digest) is None
    assert Violation("I1", f"{digest} is damaged") in await check(filled.registry)

    await filled.push("acme/api", BUILT, "1.0")
    assert await filled.catalog.find_blob(ALL, API, digest) is not None
    assert await filled.catalog.find_artifact(ALL, API, digest=BUILT.digest) is not None
    assert await check(filled.registry, read_bytes=True) == []


async def test_the_same_damage_is_told_once(filled: World) -> None:
    store(filled).damage(LARGE)

    await problems(filled)
    await problems(filled)

    assert (await filled.events()).count("blob.damaged") == 1


async def test_an_artifact_with_a_damaged_layer_is_not_published_elsewhere(filled: World) -> None:
    store(filled).damage(LARGE)
    await problems(filled)

    assert await filled.catalog.write(lambda transaction: transaction.missing_members(API, BUILT.artifact)) == [LARGE]


# --- little by little ---

PERIOD = timedelta(days=30)


def limited(world: World, **limits: Any) -> World:
    return replace(world, registry=replace(world.registry, limits=replace(world.registry.limits, **limits)))


async def ten_blobs(world: World) -> None:
    for number in range(10):
        await world.push_blob("acme/api", b"%0100d" % number)


async def read_again(world: World) -> ScrubRound:
    await scrub_due(world.registry)
    found = await world.catalog.scrubs.find()
    assert found is not None
    return found


async def test_nothing_is_due_when_a_round_begins_and_half_in_the_middle(world: World) -> None:
    await ten_blobs(world)

    first = await read_again(world)
    world.clock.advance(days=15)
    half = await read_again(world)

    assert (first.blobs, half.blobs) == (0, 5)
    assert (half.size, half.ended_at) == (500, None)


async def test_a_round_ends_with_its_time_and_the_next_one_begins(filled: World) -> None:
    begun = await read_again(filled)
    filled.clock.advance(days=30)
    done = await read_again(filled)
    filled.clock.advance(minutes=1)
    following = await read_again(filled)

    assert (done.blobs, done.damaged) == (3, 0)
    assert done.ended_at == done.last_ended_at == begun.began_at + PERIOD
    assert following == ScrubRound(began_at=filled.clock.now(), last_ended_at=done.ended_at)


async def test_a_round_that_is_done_early_is_not_begun_again_before_its_time(filled: World) -> None:
    await read_again(filled)
    filled.clock.advance(days=29, hours=23)
    await read_again(filled)
    filled.clock.advance(hours=1)
    done = await read_again(filled)

    filled.clock.advance(minutes=-1)

    assert await read_again(filled) == done


async def test_what_was_missed_is_made_up_for_no_faster_than_allowed(world: World) -> None:
    await ten_blobs(world)
    world = limited(world, scrub_rate=2)
    await read_again(world)
    world.clock.advance(days=29, hours=23)

    # 120 bytes a minute, and a blob is read whole.
    assert [(await read_again(world)).blobs for _ in range(5)] == [2, 4, 6, 8, 10]


async def test_damage_is_told_once_and_the_round_goes_on(filled: World) -> None:
    store(filled).damage(LARGE)
    await read_again(filled)
    filled.clock.advance(days=30)

    done = await read_again(filled)

    assert (done.blobs, done.damaged) == (3, 1)
    assert (await filled.events()).count("blob.damaged") == 1
    assert await filled.catalog.find_blob(ALL, API, LARGE) is None


async def test_who_wants_no_scrub_has_none(filled: World) -> None:
    filled = limited(filled, scrub_period=None)

    await scrub_due(filled.registry)

    assert await filled.catalog.scrubs.find() is None


# --- check ---


async def test_every_invariant_has_a_sentence() -> None:
    assert list(INVARIANTS) == [f"I{number}" for number in range(1, 15)]


async def test_sizes_are_checked_always_and_bytes_when_asked(filled: World) -> None:
    store(filled).damage(LARGE)

    assert await check(filled.registry) == []
    assert [violation.invariant for violation in await check(filled.registry, read_bytes=True)] == ["I1"]


async def test_missing_and_cut_bytes_are_found_without_reading(filled: World) -> None:
    await store(filled).remove(LARGE)
    missing = await check(filled.registry)
    store(filled).replace(LARGE, b"cut")
    cut = await check(filled.registry)

    assert missing == [Violation("I1", f"{LARGE}: its bytes are not in the blob store")]
    assert cut == [Violation("I1", f"{LARGE}: has 3 bytes, {len(LAYER)} were promised")]


async def test_content_of_the_catalog_that_was_cut_is_found(filled: World) -> None:
    connection = sqlite3.connect(filled.folder / "catalog.sqlite")
    connection.execute(
        "UPDATE content SET bytes = x'7b' WHERE blob_id = (SELECT id FROM blob WHERE digest = ?)", (str(SMALL),)
    )
    connection.commit()
    connection.close()

    assert await check(filled.registry) == [Violation("I1", f"{SMALL}: has 1 bytes, 2 were promised")]


async def test_bytes_that_nobody_names_harm_nothing(filled: World) -> None:
    store(filled).replace(Digest.of(b"stray"), b"stray")

    assert await check(filled.registry, read_bytes=True) == []
