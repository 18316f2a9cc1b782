"""What is pulled is noted without anybody waiting, and written down by the hour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.errors import Unavailable
from entrepot.model.names import View
from entrepot.operations.pull_notes import PullNotes
from entrepot.operations.pulls import write_pulls
from entrepot.ports.pulls import Pulled
from entrepot.testing.builders import NOON, World, image, index, open_world, package

API = package("acme/api")
BUILT = image(b"built")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace()
        yield world


async def pulled(world: World, digest: Digest, place: str = "acme/api", format: str = "oci") -> Pulled | None:
    await write_pulls(world.registry)
    return await world.catalog.pulls.find(package(place, format=format), digest)


async def test_who_gets_a_manifest_pulls_the_image_and_the_index_around_it(world: World) -> None:
    whole = await world.push("acme/api", index(BUILT), "1.0")
    token = await world.token(Role.READER)

    async with world.client(token) as client:
        answer = await client.get(f"/v2/acme/api/manifests/{BUILT.digest}")

    assert answer.status_code == 200
    for digest in (BUILT.digest, whole.digest):
        found = await pulled(world, digest)
        assert found == Pulled(world.clock.now(), "reader-robot", (0,))


async def test_who_gets_a_file_pulls_the_version_and_no_other(world: World) -> None:
    token = await world.token(Role.PUBLISHER)
    async with world.client(token) as client:
        for version in ("1.0", "1.1"):
            put = await client.put(f"/files/acme/tool/{version}/app.txt", content=version.encode())
            assert put.status_code == 201
        await client.get("/files/acme/tool/1.0/app.txt")

    tool = package("acme/tool", format="generic")
    digests = {
        each.name: each.digest for each in await world.catalog.list_references(View.parse("acme"), tool, limit=10)
    }
    assert await pulled(world, digests["1.0"], "acme/tool", "generic") is not None
    assert await pulled(world, digests["1.1"], "acme/tool", "generic") is None


async def test_a_refused_pull_and_a_look_at_the_api_are_no_use(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    token = await world.token(Role.READER)

    async with world.client() as stranger, world.client(token) as reader:
        refused = await stranger.get("/v2/acme/api/manifests/1.0")
        looked = await reader.get("/api/v1/packages/acme/oci/api/-/artifacts/1.0")

    assert (refused.status_code, looked.status_code) == (401, 200)
    assert await pulled(world, BUILT.digest) is None


async def test_the_days_of_pulls_are_remembered_and_the_hour_of_the_last(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    for hours in (0, 1 / 2, 48, 2):
        world.clock.advance(hours=hours)
        world.registry.pulls.note(API, BUILT.digest, f"after {hours}", world.clock.now())
        await write_pulls(world.registry)

    found = await pulled(world, BUILT.digest)

    assert found == Pulled(world.clock.now(), "after 2", (0, 2))


async def test_what_is_pulled_all_the_time_is_written_once_an_hour(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")

    for _ in range(1_000):
        world.registry.pulls.note(API, BUILT.digest, "cluster", world.clock.now())

    assert len(world.registry.pulls.take(10)) == 1


async def test_what_could_not_be_written_is_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.push("acme/api", BUILT, "1.0")
    world.registry.pulls.note(API, BUILT.digest, "cluster", world.clock.now())

    async def fail(_: object) -> None:
        raise Unavailable(after=1)

    with monkeypatch.context() as broken:
        broken.setattr(world.catalog, "write", fail)
        with pytest.raises(Unavailable):
            await write_pulls(world.registry)

    assert await pulled(world, BUILT.digest) is not None


async def test_writing_down_what_was_pulled_is_no_event(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    before = await world.events()
    world.registry.pulls.note(API, BUILT.digest, "cluster", world.clock.now())

    await write_pulls(world.registry)

    assert await world.events() == before


def test_notes_take_a_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrepot.operations.pull_notes._MOST", 10)
    notes = PullNotes()
    for number in range(25):
        notes.note(API, Digest.of(b"%d" % number), "cluster", NOON)

    assert (len(notes.take(100)), notes.missed) == (10, 15)
