from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.model.digest import Digest
from entrepot.model.tier import Recall, Tier
from entrepot.operations.check import check
from entrepot.operations.move import move_blob
from entrepot.testing.builders import World, image, open_world

LAYER = b"the words of a layer, " * 60_000 + random.Random(3).randbytes(10_000)
DIGEST = Digest.of(LAYER)
PATH = f"/v2/acme/api/blobs/{DIGEST}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    stores = [FileBlobStore(tmp_path / name) for name in ("hot", "cold")]
    async with open_world(tmp_path, blobs=stores[0], cold=PackedStore(stores[1])) as world:
        await world.namespace(public=True)
        await world.push("acme/api", image(LAYER), "1.0")
        yield world
    for store in stores:
        store.close()


async def is_hot(world: World) -> bool:
    placed = await world.catalog.tiers.find(DIGEST)
    return placed is not None and placed.tier is Tier.HOT


async def test_what_is_cold_is_sent_as_ever_and_is_hot_from_then_on(world: World) -> None:
    await move_blob(world.registry, "ann", DIGEST, Tier.COLD)

    async with world.client() as client:
        cold = await client.get(PATH)
        await world.registry.flights.landed()
        hot = await client.get(PATH)

    assert (cold.status_code, cold.content) == (200, LAYER)
    assert {name: cold.headers[name] for name in ("etag", "content-length", "docker-content-digest")} == {
        name: hot.headers[name] for name in ("etag", "content-length", "docker-content-digest")
    }
    assert hot.content == LAYER
    assert await is_hot(world)
    assert await check(world.registry, read_bytes=True) == []


async def test_a_part_of_what_is_cold_is_that_part(world: World) -> None:
    await move_blob(world.registry, "ann", DIGEST, Tier.COLD)

    async with world.client() as client:
        part = await client.get(PATH, headers={"range": "bytes=1000000-1000009"})

    assert (part.status_code, part.content) == (206, LAYER[1_000_000:1_000_010])


async def test_who_only_looks_brings_nothing_back(world: World) -> None:
    await move_blob(world.registry, "ann", DIGEST, Tier.COLD, recall=Recall.REQUEST)

    async with world.client() as client:
        looked = await client.head(PATH)
        unchanged = await client.get(PATH, headers={"if-none-match": f'"{DIGEST}"'})
        await world.registry.flights.landed()

    assert (looked.status_code, looked.headers["content-length"]) == (200, str(len(LAYER)))
    assert unchanged.status_code == 304
    assert not await is_hot(world)


async def test_by_request_a_client_is_told_to_come_again_and_finds_it_then(world: World) -> None:
    """A client that knows nothing of tiers is told so as its protocol says that it should try again."""
    await move_blob(world.registry, "ann", DIGEST, Tier.COLD, recall=Recall.REQUEST)

    async with world.client() as client:
        early = await client.get(PATH)
        await world.registry.flights.landed()
        late = await client.get(PATH)

    assert early.status_code == 503
    assert int(early.headers["retry-after"]) >= 5
    assert early.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert (late.status_code, late.content) == (200, LAYER)


async def test_by_request_a_client_that_says_that_it_can_wait_is_told_202(world: World) -> None:
    await move_blob(world.registry, "ann", DIGEST, Tier.COLD, recall=Recall.REQUEST)

    async with world.client() as client:
        early = await client.get(PATH, headers={"prefer": "wait=10, respond-async"})
        await world.registry.flights.landed()
        late = await client.get(PATH, headers={"prefer": "respond-async"})

    assert early.status_code == 202
    assert early.headers["preference-applied"] == "respond-async"
    assert int(early.headers["retry-after"]) >= 5
    assert (late.status_code, late.content) == (200, LAYER)


async def test_a_crowd_that_wants_the_same_brings_it_back_once(world: World) -> None:
    await move_blob(world.registry, "ann", DIGEST, Tier.COLD)

    async with world.client() as client:
        answers = await asyncio.gather(*(client.get(PATH) for _ in range(10)))
        await world.registry.flights.landed()

    assert all(answer.content == LAYER for answer in answers)
    assert (await world.events()).count("blobs.moved") == 2
    assert await is_hot(world)
