from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.model.access import Role
from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.errors import Denied, InvalidRetention, ReferenceUnknown, Unavailable
from entrepot.model.names import FormatName, NamespaceName, ReferenceName
from entrepot.model.retention import NameKind, RetentionRule
from entrepot.model.tier import IN_USE, Recall, Stays, Tier, Tiering, TierRule
from entrepot.operations.check import check
from entrepot.operations.deploy import record_deployment
from entrepot.operations.hold import place_hold, take_lease
from entrepot.operations.pulls import write_pulls
from entrepot.operations.tier import (
    apply_tiers,
    list_placements,
    move_artifact,
    plan_tiers,
    read_tiering,
    set_tiering,
)
from entrepot.schedules.tier import tier_daily
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, open_world, package

ACME, API = NamespaceName("acme"), package("acme/api")
OLD = TierRule(
    RetentionRule("old", kinds=tuple(NameKind), younger_than=timedelta(days=30), pulled_within=timedelta(days=30))
)
PROD = Place(ACME, "prod", "payments")
RULES = Tiering((OLD,))


def layer(seed: int) -> bytes:
    return random.Random(seed).randbytes(200)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    stores = [FileBlobStore(tmp_path / name) for name in ("hot", "cold")]
    async with open_world(tmp_path, blobs=stores[0], cold=PackedStore(stores[1]), storage_price=2.0) as world:
        await world.namespace()
        await set_tiering(world.registry, ADMINISTRATOR, ACME, RULES)
        yield world
    for store in stores:
        store.close()


async def cold(world: World) -> set[Digest]:
    return {each.digest for each in await world.catalog.tiers.list_cold(limit=1000)}


async def apply(world: World) -> set[Digest]:
    await apply_tiers(world.registry, ADMINISTRATOR, ACME, limit=1000)
    assert await check(world.registry, read_bytes=True) == []
    return await cold(world)


async def old(world: World, *images: Image) -> None:
    for number, each in enumerate(images):
        await world.push("acme/api", each, f"{number}.0")
    world.clock.advance(days=60)


async def test_what_is_old_and_not_pulled_goes_and_the_rest_stays(world: World) -> None:
    """Rules know what is used: nothing that is pulled every day is slow to be had (users' threads 19 and 26)."""
    await old(world, image(layer(0)), image(layer(1)))
    world.registry.pulls.note(API, Digest.of(layer(1)), "a cluster", world.clock.now())
    await write_pulls(world.registry)
    await world.push("acme/api", image(layer(2)), "3.0")

    plan = await plan_tiers(world.registry, ADMINISTRATOR, ACME, shown=10)

    assert (plan.looked_at, plan.artifacts, plan.blobs, plan.size) == (3, 1, 1, 200)
    assert plan.monthly_saving == pytest.approx(200 / 1024**3 * 1.8)
    assert [(item.names, item.rule, item.keeper) for item in plan.items] == [(("0.0",), "old", None)]
    assert plan.items[0].reason == "version 0.0: here for 60 days, 30 days count, never pulled"
    assert await cold(world) == set()
    assert await apply(world) == {Digest.of(layer(0))}
    again = await plan_tiers(world.registry, ADMINISTRATOR, ACME, shown=10)
    assert (again.blobs, again.size) == (0, 0)


async def test_what_is_cleared_runs_or_is_leased_stays_hot(world: World) -> None:
    """What somebody runs is not to be waited for when it starts again (users' threads 18 and 19)."""
    images = [image(layer(number)) for number in range(5)]
    await old(world, *images)
    await world.clear("acme/api", images[0].digest)
    await record_deployment(world.registry, ADMINISTRATOR, API, images[1].digest, place=PROD, particulars=Particulars())
    await take_lease(
        world.registry, ADMINISTRATOR, API, images[2].digest, ttl=timedelta(days=1), reason="a demonstration"
    )
    await place_hold(world.registry, ADMINISTRATOR, API, images[3].digest, reason="a lawsuit", legal=True)

    plan = await plan_tiers(world.registry, ADMINISTRATOR, ACME, shown=10)

    assert [(item.keeper or "").partition(" ")[0] for item in plan.items] == ["cleared", "deployed", "leased", "", ""]
    assert await apply(world) == {Digest.of(layer(3)), Digest.of(layer(4))}


async def test_what_stays_in_any_case_is_for_the_namespace_to_say(world: World) -> None:
    images = [image(layer(number)) for number in range(2)]
    await old(world, *images)
    await world.clear("acme/api", images[0].digest)
    await place_hold(world.registry, ADMINISTRATOR, API, images[1].digest, reason="a lawsuit", legal=True)
    await set_tiering(world.registry, ADMINISTRATOR, ACME, Tiering((OLD,), frozenset({Stays.LEGAL})))

    assert await apply(world) == {Digest.of(layer(0))}


async def test_what_something_else_needs_stays_hot_whoever_has_it(world: World) -> None:
    """Content that is shared goes when nobody needs it, in whatever package or namespace (users' thread 7)."""
    await world.namespace("other")
    await old(world, image(layer(0), layer(1), layer(2)))
    await world.push("acme/api", image(layer(1)), "new")
    await world.push("other/tool", image(layer(2)), "1.0")

    plan = await plan_tiers(world.registry, ADMINISTRATOR, ACME, shown=10)

    assert [(item.size, item.shared) for item in plan.items] == [(200, 400)]
    assert await apply(world) == {Digest.of(layer(0))}


async def test_what_is_shared_goes_when_each_namespace_lets_it_go(world: World) -> None:
    await world.namespace("other")
    await set_tiering(world.registry, ADMINISTRATOR, NamespaceName("other"), RULES)
    await world.push("other/tool", image(layer(0)), "1.0")
    await old(world, image(layer(0)))

    assert await apply(world) == {Digest.of(layer(0))}


async def test_an_index_goes_with_all_that_it_contains(world: World) -> None:
    """Children of an index are not forgotten, and not taken from it (users' threads 2 to 4)."""
    listed = index(image(layer(0)), image(layer(1)))
    await old(world, listed)

    assert await apply(world) == {Digest.of(layer(0)), Digest.of(layer(1))}
    placed = await list_placements(world.registry, ADMINISTRATOR, API, ReferenceName("0.0"))
    assert {each.digest: each.rule for each in placed} == {Digest.of(layer(number)): "old" for number in range(2)}


async def test_what_no_rule_speaks_of_stays_hot(world: World) -> None:
    helm = TierRule(RetentionRule("charts", formats=(FormatName("helm"),), last=0))
    await set_tiering(world.registry, ADMINISTRATOR, ACME, Tiering((helm,)))
    await old(world, image(layer(0)))

    assert (await plan_tiers(world.registry, ADMINISTRATOR, ACME, shown=10)).items == ()
    assert await apply(world) == set()


async def test_what_is_applied_in_pieces_is_gone_on_with(world: World) -> None:
    await old(world, *(image(layer(number)) for number in range(5)))

    done = [await apply_tiers(world.registry, ADMINISTRATOR, ACME, limit=2) for _ in range(3)]

    assert [(each.moved, each.left) for each in done] == [(2, 1), (2, 1), (1, 0)]
    assert len(await cold(world)) == 5


async def test_a_rule_says_how_what_it_lets_go_comes_back(world: World) -> None:
    rule = TierRule(OLD.hot, Recall.REQUEST)
    await set_tiering(world.registry, ADMINISTRATOR, ACME, Tiering((rule,)))
    await old(world, image(layer(0)))
    await apply(world)

    (placed,) = await world.catalog.tiers.list_cold(limit=9)

    assert (placed.recall, placed.rule) == (Recall.REQUEST, "old")


async def test_somebody_may_send_one_thing_away_and_have_it_back(world: World) -> None:
    built = await world.push("acme/api", image(layer(0)), "1.0")
    publisher, reader = caller(Role.PUBLISHER), caller(Role.READER)

    with pytest.raises(Denied):
        await move_artifact(world.registry, publisher, API, built.digest, Tier.COLD)
    away = await move_artifact(world.registry, ADMINISTRATOR, API, built.digest, Tier.COLD)
    assert await cold(world) == {Digest.of(layer(0))}
    back = await move_artifact(world.registry, reader, API, ReferenceName("1.0"), Tier.HOT)

    assert [(each.moved, each.size, each.left) for each in (away, back)] == [(1, 200, 0), (1, 200, 0)]
    assert await cold(world) == set()
    with pytest.raises(ReferenceUnknown):
        await move_artifact(world.registry, reader, API, ReferenceName("9.9"), Tier.HOT)


async def test_it_goes_by_itself_where_the_namespace_says_so(world: World) -> None:
    """Nobody has to schedule anything outside (users' threads 11 and 31)."""
    await old(world, image(layer(0)))
    await tier_daily(world.registry)
    assert await cold(world) == set()

    await set_tiering(world.registry, ADMINISTRATOR, ACME, Tiering((OLD,), automatic=True))
    await tier_daily(world.registry)

    assert await cold(world) == {Digest.of(layer(0))}


async def test_rules_are_journaled_once_and_only_sound_ones(world: World) -> None:
    before = await world.events()
    assert before.count("tiering.set") == 1

    await set_tiering(world.registry, ADMINISTRATOR, ACME, RULES)
    with pytest.raises(InvalidRetention):
        await set_tiering(world.registry, ADMINISTRATOR, ACME, Tiering((OLD, OLD)))
    with pytest.raises(InvalidRetention):
        await set_tiering(world.registry, ADMINISTRATOR, ACME, Tiering(automatic=True))
    with pytest.raises(Denied):
        await set_tiering(world.registry, caller(Role.PUBLISHER), ACME, Tiering())

    assert await world.events() == before
    assert await read_tiering(world.registry, caller(Role.READER), ACME) == RULES
    assert RULES.stays == IN_USE


async def test_without_a_cold_tier_the_plan_is_said_and_nothing_goes(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await world.namespace()
        await set_tiering(world.registry, ADMINISTRATOR, ACME, RULES)
        await old(world, image(layer(0)))

        assert (await plan_tiers(world.registry, ADMINISTRATOR, ACME, shown=1)).blobs == 1
        with pytest.raises(Unavailable):
            await apply_tiers(world.registry, ADMINISTRATOR, ACME, limit=1)
        await tier_daily(world.registry)
