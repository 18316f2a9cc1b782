from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.errors import BlobQuarantined, Denied
from entrepot.model.names import FormatName, NamespaceName, View
from entrepot.model.tier import Tier
from entrepot.model.upstream import Upstream, UpstreamName
from entrepot.operations.check import check
from entrepot.operations.move import move_blob
from entrepot.operations.read_blob import read_whole
from entrepot.operations.registry import Wish
from entrepot.operations.repair import list_damaged, repair_due
from entrepot.operations.resolve import find_blob
from entrepot.operations.scrub import scrub
from entrepot.operations.upstreams import add_upstream
from entrepot.ports.catalog import FoundBlob
from entrepot.ports.fetch import Bearer, Origin
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, open_world, package
from entrepot.testing.elsewhere import Said, elsewhere

API, ALL = package("acme/api"), View.parse("acme")
LAYER = random.Random(5).randbytes(3_000)
LARGE, SMALL = Digest.of(LAYER), Digest.of(b"{}")
BUILT = image(LAYER)
PATH = f"/v2/acme/api/blobs/{LARGE}"


@dataclass(frozen=True, slots=True)
class Place:
    world: World
    hot: FileBlobStore
    cold: FileBlobStore
    copy: FileBlobStore

    async def damage(self, store: FileBlobStore | None = None, generation: int = 0) -> None:
        path = Path((store or self.hot).locate(LARGE, generation=generation))
        path.write_bytes(b"x" + path.read_bytes()[1:])
        assert [each.digest async for each in scrub(self.world.registry) if each.problem] == [LARGE]

    async def repair(self) -> FoundBlob | None:
        await repair_due(self.world.registry)
        return await self.world.catalog.find_blob(ALL, API, LARGE)


@asynccontextmanager
async def opened(folder: Path, *replicas: Origin) -> AsyncIterator[Place]:
    folder.mkdir(exist_ok=True)
    stores = [FileBlobStore(folder / name) for name in ("hot", "cold", "copy")]
    async with open_world(
        folder,
        blobs=stores[0],
        cold=PackedStore(stores[1]),
        replica_stores=stores[2:],
        replicas=replicas,
    ) as world:
        await world.namespace()
        await world.push("acme/api", BUILT, "1.0")
        yield Place(world, *stores)
    for store in stores:
        store.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path / "here") as place:
        yield place


async def sound(place: Place) -> None:
    found = await place.repair()
    assert found is not None
    assert await read_whole(place.world.registry, found) == LAYER
    assert await check(place.world.registry, read_bytes=True) == []
    assert await list_damaged(place.world.registry, ADMINISTRATOR, limit=9) == []
    assert (await place.world.events())[-1] == "blob.repaired"


async def test_a_second_blob_store_repairs_what_is_damaged(place: Place) -> None:
    path = Path(place.copy.locate(LARGE))
    path.write_bytes(LAYER)
    await place.damage()

    await sound(place)


async def test_a_copy_that_is_damaged_too_repairs_nothing(place: Place) -> None:
    Path(place.copy.locate(LARGE)).write_bytes(b"y" + LAYER[1:])
    await place.damage()

    assert await place.repair() is None

    (damaged,) = await list_damaged(place.world.registry, ADMINISTRATOR, limit=9)
    assert (damaged.digest, damaged.tries) == (LARGE, 1)
    assert damaged.problem == "its bytes in the blob store are not what they were"
    assert damaged.outcome == "replica store 1: other bytes"
    assert [each.invariant for each in await check(place.world.registry)] == ["I1"]


async def test_what_was_moved_lately_is_repaired_from_where_it_lay(place: Place) -> None:
    await move_blob(place.world.registry, "ann", LARGE, Tier.COLD)
    await place.damage(place.cold, generation=1)

    await sound(place)


async def test_a_file_that_is_gone_is_repaired_like_a_damaged_one(place: Place) -> None:
    Path(place.copy.locate(LARGE)).write_bytes(LAYER)
    Path(place.hot.locate(LARGE)).unlink()
    assert [each.digest async for each in scrub(place.world.registry) if each.problem] == [LARGE]

    await sound(place)


async def test_another_registry_repairs_what_is_damaged(tmp_path: Path, socket_enabled: None) -> None:
    async with elsewhere() as there:
        there.says[PATH] = Said(LAYER)
        replica = Origin.parse(there.url, credentials=Bearer("a-token"), private=True)
        async with opened(tmp_path / "here", replica) as here:
            await here.damage()

            await sound(here)

    assert there.requests[-1]["authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (Said(b"y" + LAYER[1:]), "other bytes"),
        (Said(LAYER[:-1]), "other bytes"),
        (Said(LAYER * 100), "at most 3000"),
        (Said(LAYER, cut_after=1_000), "acme/api"),
        (Said(b"no", status=401), "has none"),
        (Said(b"no", status=404), "has none"),
    ],
    ids=["other", "short", "endless", "cut", "refused", "missing"],
)
async def test_another_registry_that_has_something_else_repairs_nothing(
    tmp_path: Path, socket_enabled: None, said: Said, outcome: str
) -> None:
    async with elsewhere() as there:
        there.says[PATH] = said
        async with opened(tmp_path / "here", Origin.parse(there.url, private=True)) as here:
            await here.damage()

            assert await here.repair() is None

            (damaged,) = await list_damaged(here.world.registry, ADMINISTRATOR, limit=9)
            assert outcome in damaged.outcome
            assert [each async for each in here.hot.stages()] == []


async def test_bytes_in_the_catalog_are_repaired_too(tmp_path: Path, socket_enabled: None) -> None:
    async with elsewhere() as there:
        there.says[f"/v2/acme/api/manifests/{BUILT.digest}"] = Said(BUILT.content)
        async with opened(tmp_path / "here", Origin.parse(there.url, private=True)) as here:
            connection = sqlite3.connect(here.world.folder / "catalog.sqlite")
            connection.execute(
                "UPDATE content SET bytes = CAST('X' || substr(bytes, 2) AS BLOB)"
                " WHERE blob_id = (SELECT id FROM blob WHERE digest = ?)",
                (str(BUILT.digest),),
            )
            connection.commit()
            connection.close()
            assert [each.digest async for each in scrub(here.world.registry) if each.problem] == [BUILT.digest]

            await sound(here)


async def test_an_upstream_that_it_came_from_repairs_what_is_damaged(tmp_path: Path, socket_enabled: None) -> None:
    async with elsewhere() as there:
        there.says["/v2/tool/manifests/1.0"] = Said(BUILT.content, headers={"content-type": BUILT.artifact.media_type})
        there.says[f"/v2/tool/manifests/{BUILT.digest}"] = there.says["/v2/tool/manifests/1.0"]
        there.says[f"/v2/tool/blobs/{LARGE}"] = Said(LAYER)
        there.says[f"/v2/tool/blobs/{SMALL}"] = Said(b"{}")
        async with opened(tmp_path / "here") as here:
            world = here.world
            await world.namespace("mirror")
            upstream = Upstream(
                NamespaceName("mirror"), FormatName("oci"), UpstreamName("there"), there.url, private=True
            )
            await add_upstream(world.registry, ADMINISTRATOR, upstream)
            through = world.registry.read_through[FormatName("oci")]
            await through.fetch(world.registry, ADMINISTRATOR, Wish(View.parse("mirror"), "tool", "1.0"))
            await world.registry.flights.landed()
            await here.damage()

            await sound(here)


async def test_what_nobody_has_is_tried_again_the_next_day(place: Place) -> None:
    """Nothing is given up because it could not be had once."""
    await place.damage()
    for _ in range(3):
        await place.repair()
    (damaged,) = await list_damaged(place.world.registry, ADMINISTRATOR, limit=9)
    assert damaged.tries == 1

    place.world.clock.advance(days=1)
    Path(place.copy.locate(LARGE)).write_bytes(LAYER)

    await sound(place)


async def test_what_is_damaged_is_not_served_and_says_why(place: Place) -> None:
    """A client is never given bytes that are not what they were (users' thread 1), and is told the reason."""
    await place.damage()

    with pytest.raises(BlobQuarantined):
        await find_blob(place.world.registry, ADMINISTRATOR, ALL, API, LARGE)
    async with place.world.client(await place.world.token("publisher")) as client:
        got = await client.get(f"/v2/acme/api/blobs/{LARGE}")
        asked = await client.head(f"/v2/acme/api/blobs/{LARGE}")

    assert got.status_code == asked.status_code == 404
    assert got.json()["errors"][0]["code"] == "BLOB_UNKNOWN"
    assert "damaged" in got.text


async def test_who_may_not_read_is_not_told_of_damage(place: Place) -> None:
    await place.damage()

    async with place.world.client() as client:
        got = await client.get(f"/v2/acme/api/blobs/{LARGE}")

    assert got.status_code == 401
    assert "damaged" not in got.text
    with pytest.raises(Denied):
        await list_damaged(place.world.registry, caller(Role.READER), limit=9)


async def test_what_is_pushed_again_heals(place: Place) -> None:
    await place.damage()

    await place.world.push_blob(API, LAYER)

    assert await list_damaged(place.world.registry, ADMINISTRATOR, limit=9) == []
    assert await check(place.world.registry, read_bytes=True) == []


async def test_what_is_found_damaged_again_counts_anew(place: Place) -> None:
    await place.damage()
    await place.repair()
    await place.world.push_blob(API, LAYER)
    place.world.clock.advance(hours=1)

    await place.damage()

    (damaged,) = await list_damaged(place.world.registry, ADMINISTRATOR, limit=9)
    assert (damaged.tries, damaged.found_at) == (0, place.world.clock.now())
