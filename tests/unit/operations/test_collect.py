"""Giving up what nobody can reach, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from entrepot.drivers.catalog.sqlite import SqliteCatalog
from entrepot.model.access import Role
from entrepot.model.blob import BlobState
from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown, Denied, Unavailable
from entrepot.model.names import View
from entrepot.model.upload import UploadId
from entrepot.operations.check import check
from entrepot.operations.collect import Collected, apply_collection, collect, explain, plan_collection
from entrepot.operations.delete import delete_artifact
from entrepot.operations.mount import mount
from entrepot.operations.upload import StoredBlob, announce_blob, keep
from entrepot.ports.collection import Amount
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, open_world, package, referrer, stream

API, OTHER = package("acme/api"), package("acme/other")
ALL = View.parse("acme")
LARGE = b"large " * 100
LAYER = Digest.of(LARGE)
BUILT = image(LARGE)
NOTHING = Amount(0, 0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace()
        yield world


async def stored(world: World) -> list[tuple[Digest, int]]:
    return [(kept.digest, kept.generation) async for kept in world.registry.blobs.kept()]


async def collect_later(world: World, **later: float) -> Collected:
    world.clock.advance(**later)
    return await collect(world.registry)


async def give_up_everything(world: World) -> None:
    """Delete what was pushed, and wait until it is gone."""
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    await collect_later(world, days=2)
    await collect_later(world, days=8)


async def test_what_is_looked_at_grows_with_what_is_there_and_not_with_its_square(world: World) -> None:
    """Users' thread 30: looking for what nobody links took so long in large packages that it was not offered."""
    steps = []
    for number in range(3):
        for each in range(100):
            # A layer of its own, and one that all share, in one package.
            await world.push("acme/api", image(b"%d %d" % (number, each) * 100, LARGE))
        world.clock.advance(days=2)  # what is young is not looked at
        steps.append(await count_steps(world, plan_collection(world.registry, ADMINISTRATOR)))

    assert steps[2] < 4 * steps[0]


async def count_steps(world: World, work: Awaitable[object]) -> int:
    """How many hundreds of steps SQLite takes for some work."""
    taken = 0

    def note() -> int:
        nonlocal taken
        taken += 1
        return 0

    assert isinstance(world.catalog, SqliteCatalog)
    reader = world.catalog._reader
    reader.set_progress_handler(note, 100)
    try:
        await work
    finally:
        reader.set_progress_handler(None, 0)
    return taken


async def test_nothing_that_a_package_has_is_touched(world: World) -> None:
    await world.push("acme/api", index(BUILT), "1.0")
    await world.push("acme/api", referrer(BUILT))
    before = await world.events()

    found = [await collect_later(world, days=30) for _ in range(3)]

    assert found == [Collected(NOTHING, NOTHING, NOTHING, NOTHING)] * 3
    assert await world.events() == before
    assert await stored(world) == [(LAYER, 0)]


async def test_what_was_deleted_is_condemned_and_goes_after_a_week(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)

    first = await collect_later(world, days=2)
    second = await collect_later(world, days=6)
    kept = await stored(world)
    third = await collect_later(world, days=2)

    assert first.dropped.count == len(BUILT.blobs)
    assert first.condemned.count == len(BUILT.blobs) + 1
    assert (second.given_up, kept) == (NOTHING, [(LAYER, 0)])
    assert third.given_up == first.condemned
    assert await stored(world) == []
    assert await check(world.registry, read_bytes=True) == []


async def test_what_another_package_has_stays(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await world.push("acme/other", BUILT, "1.0")

    await give_up_everything(world)

    assert await stored(world) == [(LAYER, 0)]
    assert await world.catalog.find_blob(ALL, OTHER, LAYER) is not None


async def test_an_uploaded_blob_has_as_long_as_an_upload_to_be_linked(world: World) -> None:
    await world.push_blob("acme/api", LARGE)

    early = await collect_later(world, hours=23)
    late = await collect_later(world, hours=2)

    assert early.dropped == NOTHING
    assert late.dropped == Amount(1, len(LARGE))
    assert await world.catalog.find_blob(ALL, API, LAYER) is None


async def test_whoever_brings_condemned_bytes_again_revives_them(world: World) -> None:
    await world.push_blob("acme/api", LARGE)
    await collect_later(world, days=2)
    assert (await plan_collection(world.registry, ADMINISTRATOR)).condemned == Amount(1, len(LARGE))

    await world.push("acme/other", BUILT, "1.0")
    found = await collect_later(world, days=30)

    assert found.given_up == NOTHING
    assert await stored(world) == [(LAYER, 0)]
    assert await check(world.registry, read_bytes=True) == []


async def test_condemned_bytes_cannot_be_mounted(world: World) -> None:
    await world.push_blob("acme/api", LARGE)
    await collect_later(world, days=2)

    assert not await mount(world.registry, ADMINISTRATOR, OTHER, LAYER, source=(ALL, API))


async def test_bytes_that_come_back_after_they_were_given_up_have_a_place_of_their_own(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await give_up_everything(world)

    await world.push("acme/api", BUILT, "1.0")

    assert await stored(world) == [(LAYER, 1)]
    found = await world.catalog.find_blob(ALL, API, LAYER)
    assert found is not None
    assert found.generation == 1
    assert await check(world.registry, read_bytes=True) == []


async def test_a_collector_that_was_asleep_deletes_nothing_that_came_since(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    await give_up_everything(world)
    await world.push("acme/api", BUILT, "1.0")

    await world.registry.blobs.remove(LAYER, generation=0)

    assert await check(world.registry, read_bytes=True) == []


async def test_a_writer_that_was_asleep_announces_nothing_that_was_given_up_meanwhile(world: World) -> None:
    """It kept bytes where the catalog said; before it said so, they were condemned and given up."""
    await world.push_blob("acme/api", LARGE)
    stage = UploadId("late")
    await world.registry.blobs.append(stage, stream(LARGE), at=0, limit=len(LARGE))
    late = await keep(world.registry, stage, LAYER)
    await collect_later(world, days=2)
    await collect_later(world, days=8)

    with pytest.raises(Unavailable):
        await announce_blob(world.registry, ADMINISTRATOR, API, late)

    assert await world.catalog.find_blob(ALL, API, LAYER) is None
    assert await check(world.registry, read_bytes=True) == []


async def test_bytes_that_nobody_announced_go_when_an_upload_could_not_rest_longer(world: World) -> None:
    stage = UploadId("lost")
    await world.registry.blobs.append(stage, stream(LARGE), at=0, limit=len(LARGE))
    lost = await keep(world.registry, stage, LAYER)

    early = await collect_later(world, hours=23)
    late = await collect_later(world, hours=2)

    assert (early.strays, late.strays) == (NOTHING, Amount(1, len(LARGE)))
    assert await stored(world) == []
    with pytest.raises(Unavailable):
        await announce_blob(world.registry, ADMINISTRATOR, API, lost)


async def test_small_bytes_go_from_the_catalog_and_come_back(world: World) -> None:
    await world.push_blob("acme/api", b"small")
    await collect_later(world, days=2)
    await collect_later(world, days=8)
    known = await world.catalog.collection.find(Digest.of(b"small"))
    assert known is not None
    assert (known.state, known.generation) == (BlobState.ABSENT, 1)

    small = StoredBlob(Digest.of(b"small"), 5, b"small")
    await announce_blob(world.registry, ADMINISTRATOR, API, small)

    found = await world.catalog.find_blob(ALL, API, small.digest)
    assert found is not None
    assert found.content == b"small"
    assert await check(world.registry, read_bytes=True) == []


async def test_the_plan_says_what_a_round_does(world: World) -> None:
    """Users' thread 30: what would be deleted could not be listed beforehand, since that was too slow."""
    await world.push("acme/api", BUILT, "1.0")
    await world.push_blob("acme/other", b"x" * 200)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BUILT.digest)
    world.clock.advance(days=2)

    plan = await plan_collection(world.registry, ADMINISTRATOR)
    found = await apply_collection(world.registry, ADMINISTRATOR)
    later = await plan_collection(world.registry, ADMINISTRATOR)

    assert plan.loose == found.dropped
    assert plan.unreachable == Amount(1, len(BUILT.content))
    assert later.condemned == found.condemned
    assert later.loose == later.unreachable == later.due == NOTHING


async def test_the_journal_names_all_that_went(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0")
    before = len(await world.events())

    await give_up_everything(world)

    assert (await world.events())[before:] == [
        "artifact.deleted",
        "blobs.dropped",
        "blobs.condemned",
        "blobs.collected",
    ]


async def test_what_keeps_a_blob_is_told(world: World) -> None:
    await world.push("acme/api", BUILT, "1.0", "latest")
    await world.push("acme/other", index(BUILT), "2.0")

    layer = await explain(world.registry, ADMINISTRATOR, LAYER)
    manifest = await explain(world.registry, ADMINISTRATOR, BUILT.digest)

    assert layer is not None
    assert manifest is not None
    assert [(each.place.package, each.holders) for each in layer.holdings] == [
        (API, (BUILT.digest,)),
        (OTHER, (BUILT.digest,)),
    ]
    assert [(each.names, each.holders) for each in manifest.holdings] == [
        (("1.0", "latest"), ()),
        ((), (index(BUILT).digest,)),
    ]
    assert await explain(world.registry, ADMINISTRATOR, Digest.of(b"never")) is None


async def test_collecting_is_for_administrators(world: World) -> None:
    maintainer = caller(Role.MAINTAINER)

    for work in (
        plan_collection(world.registry, maintainer),
        apply_collection(world.registry, maintainer),
        explain(world.registry, maintainer, LAYER),
    ):
        with pytest.raises(Denied):
            await work


async def test_a_damaged_blob_that_nobody_has_goes_too(world: World) -> None:
    await world.push_blob("acme/api", LARGE)
    await world.catalog.write(lambda transaction: transaction.damage_blob(LAYER))

    await collect_later(world, days=2)
    await collect_later(world, days=8)

    assert await stored(world) == []
    with pytest.raises(BlobUnknown):
        await world.registry.blobs.verify(LAYER)


async def test_many_blobs_go_in_several_changes(world: World) -> None:
    for number in range(1_200):
        content = number.to_bytes(4, "big") * 20
        await world.push_blob("acme/api", content)
    world.clock.advance(days=2)

    found = await collect(world.registry)

    assert found.dropped.count == found.condemned.count == 1_200
    assert (await world.events()).count("blobs.condemned") == 3
