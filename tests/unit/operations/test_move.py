from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown, StorageFull, Unavailable
from entrepot.model.names import View
from entrepot.model.tier import Recall, Tier
from entrepot.operations.check import check
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact
from entrepot.operations.move import copy_blob, move_blob, record_moves
from entrepot.operations.read_blob import read_blob, read_whole
from entrepot.operations.scrub import scrub
from entrepot.operations.sweep import sweep
from entrepot.ports.catalog import FoundBlob
from entrepot.testing.builders import ADMINISTRATOR, World, image, open_world, package

API, OTHER, ALL = package("acme/api"), package("acme/other"), View.parse("acme")
TEXT = b"the words of a layer, " * 60_000
NOISE = random.Random(1).randbytes(200_000)
BUILT = image(TEXT, NOISE)
LARGE = Digest.of(TEXT)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileBlobStore]:
    files = FileBlobStore(tmp_path / "cold")
    yield files
    files.close()


@pytest.fixture
async def world(tmp_path: Path, files: FileBlobStore) -> AsyncIterator[World]:
    blobs = FileBlobStore(tmp_path / "hot")
    async with open_world(tmp_path, blobs=blobs, cold=PackedStore(files)) as world:
        await world.namespace()
        await world.push("acme/api", BUILT, "1.0")
        yield world
    blobs.close()


async def placed(world: World, digest: Digest = LARGE) -> tuple[Tier, int]:
    found = await world.catalog.tiers.find(digest)
    assert found is not None
    return found.tier, found.generation


async def found(world: World, digest: Digest = LARGE) -> FoundBlob:
    blob = await world.catalog.find_blob(ALL, API, digest)
    assert blob is not None
    return blob


async def go(world: World, tier: Tier = Tier.COLD, digest: Digest = LARGE, **options: Recall) -> bool:
    return await move_blob(world.registry, "ann", digest, tier, **options)


def hot(world: World) -> FileBlobStore:
    assert isinstance(world.registry.blobs, FileBlobStore)
    return world.registry.blobs


async def kept(store: FileBlobStore) -> set[tuple[Digest, int]]:
    return {(each.digest, each.generation) async for each in store.kept()}


async def test_what_goes_cold_takes_less_room_and_is_what_it_was(world: World, files: FileBlobStore) -> None:
    assert await go(world)

    assert await placed(world) == (Tier.COLD, 1)
    assert await read_whole(world.registry, await found(world)) == TEXT
    size = await files.size(LARGE, generation=1)
    assert size is not None
    assert size < len(TEXT) / 10
    assert (await world.events())[-1] == "blobs.moved"
    assert await check(world.registry, read_bytes=True) == []


async def test_it_comes_back_the_same(world: World) -> None:
    await go(world)

    assert await go(world, Tier.HOT)

    assert await placed(world) == (Tier.HOT, 2)
    assert await read_whole(world.registry, await found(world)) == TEXT
    assert await check(world.registry, read_bytes=True) == []


async def test_where_it_lay_is_free_again_after_a_while_and_no_sooner(world: World, files: FileBlobStore) -> None:
    await go(world)
    await collect(world.registry)
    assert (LARGE, 0) in await kept(hot(world))

    world.clock.advance(hours=2)
    await collect(world.registry)

    assert (LARGE, 0) not in await kept(hot(world))
    assert await kept(files) == {(LARGE, 1)}
    assert await read_whole(world.registry, await found(world)) == TEXT


async def test_there_and_back_many_times_never_uses_a_place_twice(world: World, files: FileBlobStore) -> None:
    places = []
    for _ in range(3):
        for tier in (Tier.COLD, Tier.HOT):
            assert await go(world, tier)
            places.append(await placed(world))
            world.clock.advance(hours=2)
            await collect(world.registry)

    assert len(set(places)) == 6
    assert await kept(files) == set()
    assert await check(world.registry, read_bytes=True) == []


async def test_what_is_there_already_or_nowhere_or_small_is_not_moved(world: World) -> None:
    await go(world)
    before = await world.events()

    assert not await go(world)
    assert not await go(world, digest=Digest.of(b"{}"))
    assert not await go(world, digest=Digest.of(b"never seen"))

    assert await world.events() == before


async def test_a_damaged_blob_stays_and_is_known_as_damaged(world: World) -> None:
    path = Path(hot(world).locate(LARGE))
    path.write_bytes(b"x" + TEXT[1:])

    assert not await go(world)

    placement = await world.catalog.tiers.find(LARGE)
    assert placement is not None
    assert (placement.tier, placement.state) == (Tier.HOT, BlobState.DAMAGED)
    assert [each.invariant for each in await check(world.registry, read_bytes=True)] == ["I1", "I1"]


async def test_without_a_cold_tier_nothing_moves(world: World) -> None:
    with pytest.raises(Unavailable):
        await move_blob(replace(world.registry, cold=None), "ann", LARGE, Tier.COLD)

    assert await placed(world) == (Tier.HOT, 0)


async def test_a_move_that_fails_leaves_it_where_it_lay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(PackedStore):
        async def add(self, digest: Digest, content: AsyncIterator[bytes], *, size: int, generation: int) -> int:
            await anext(content)
            raise StorageFull

    full = replace(world.registry, cold=Full(FileBlobStore(world.folder / "full")))

    with pytest.raises(StorageFull):
        await move_blob(full, "ann", LARGE, Tier.COLD)

    assert await placed(world) == (Tier.HOT, 0)
    assert await go(world)
    assert await check(world.registry, read_bytes=True) == []


async def test_of_two_who_move_it_at_once_one_does(world: World) -> None:
    done = await asyncio.gather(*(go(world) for _ in range(3)))

    assert sum(done) == 1
    assert await check(world.registry, read_bytes=True) == []


async def test_who_is_overtaken_after_a_long_sleep_does_no_harm(world: World, files: FileBlobStore) -> None:
    slept = await copy_blob(world.registry, "ann", LARGE, Tier.COLD)
    assert slept is not None
    world.clock.advance(minutes=10)
    assert await go(world)
    await go(world, Tier.HOT)
    world.clock.advance(days=2)
    await collect(world.registry)

    assert await record_moves(world.registry, "ann", [slept]) == []

    await collect(world.registry)
    assert await placed(world) == (Tier.HOT, 3)
    assert await kept(files) == set()
    assert await check(world.registry, read_bytes=True) == []


async def test_a_copy_that_nobody_announced_is_given_up(world: World, files: FileBlobStore) -> None:
    copied = await copy_blob(world.registry, "ann", LARGE, Tier.COLD)
    assert copied is not None
    await collect(world.registry)
    assert await kept(files) == {(LARGE, 1)}

    # Files are written at the machine's time, which the world's is behind.
    world.clock.advance(days=3650)
    await collect(world.registry)

    assert await kept(files) == set()
    assert await record_moves(world.registry, "ann", [copied]) == []
    assert await check(world.registry, read_bytes=True) == []


async def test_who_is_in_the_middle_of_reading_reads_on(world: World) -> None:
    reading = read_blob(world.registry, await found(world))
    first = await anext(reading)
    await go(world)
    world.clock.advance(hours=2)
    await collect(world.registry)

    assert first + b"".join([piece async for piece in reading]) == TEXT


async def test_who_was_told_of_the_old_place_finds_the_new_one(world: World) -> None:
    blob = await found(world)
    await go(world)
    world.clock.advance(hours=2)
    await collect(world.registry)

    assert b"".join([piece async for piece in read_blob(world.registry, blob, 1000, 1_000_000)]) == TEXT[1000:1_000_000]


async def test_bytes_that_are_nowhere_are_unknown(world: World) -> None:
    blob = await found(world)
    Path(hot(world).locate(LARGE)).unlink()

    with pytest.raises(BlobUnknown):
        await read_whole(world.registry, blob)


async def test_what_is_pushed_again_is_hot_again(world: World, files: FileBlobStore) -> None:
    await go(world)

    await world.push_blob(OTHER, TEXT)

    assert await placed(world) == (Tier.HOT, 2)
    world.clock.advance(hours=2)
    await collect(world.registry)
    assert await kept(files) == set()
    assert await check(world.registry, read_bytes=True) == []


async def test_what_is_damaged_in_the_cold_tier_is_mended_by_who_pushes_it_again(
    world: World, files: FileBlobStore
) -> None:
    await go(world)
    Path(files.locate(LARGE, generation=1)).write_bytes(b"rot")
    problems = {each.digest: each.problem async for each in scrub(world.registry) if each.problem}
    assert problems == {LARGE: "its bytes in the cold tier are not what they were"}
    assert await world.catalog.find_blob(ALL, API, LARGE) is None

    await world.push_blob(OTHER, TEXT)

    assert await read_whole(world.registry, await found(world)) == TEXT
    assert await check(world.registry, read_bytes=True) == []


async def test_what_nobody_can_reach_is_given_up_in_the_cold_tier_too(world: World, files: FileBlobStore) -> None:
    """No tier keeps what is deleted (users' threads 9 and 10)."""
    await go(world)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    for _ in range(3):
        world.clock.advance(days=10)
        await collect(world.registry)

    assert await kept(files) == set()
    assert await check(world.registry) == []
    await world.push("acme/api", BUILT, "1.0")
    assert await read_whole(world.registry, await found(world)) == TEXT


async def test_a_move_that_was_killed_leaves_no_stage_for_ever(world: World, files: FileBlobStore) -> None:
    (Path(world.folder) / "cold" / "staging" / "b7d1e0a2-0000-4000-8000-000000000000").write_bytes(b"half")
    world.clock.advance(days=3650)

    assert await sweep(world.registry) == 1

    assert [each async for each in files.stages()] == []
