"""What goes by a namespace's rules: planned, looked at, and then that and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Never

import pytest

from entrepot.drivers.catalog import retention
from entrepot.model.access import Role
from entrepot.model.deployment import Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.errors import Denied, InvalidRetention, PlanOutdated, PlanUnknown, Unavailable
from entrepot.model.names import PackagePattern, ReferenceName, View, parse_namespace
from entrepot.model.reference import fallback_of
from entrepot.model.retention import Line, NameKind, Retention, RetentionRule
from entrepot.operations import retain
from entrepot.operations.check import check
from entrepot.operations.collect import collect
from entrepot.operations.delete import delete_artifact
from entrepot.operations.deploy import record_deployment
from entrepot.operations.hold import take_lease
from entrepot.operations.judge_retention import explain_retention
from entrepot.operations.pulls import write_pulls
from entrepot.operations.restore import list_trash, restore
from entrepot.operations.retain import (
    apply_plan,
    begin_plan,
    carry_on,
    forget_plans,
    list_items,
    list_plans,
    plan_retention,
    read_plan,
    read_retention,
    set_retention,
)
from entrepot.ports.retention import ItemState, Plan, PlannedItem, PlanState
from entrepot.schedules.retain import go_on, retain_daily
from entrepot.testing.builders import ADMINISTRATOR, Image, World, caller, image, index, open_world, package, referrer

ACME, ALL, API = parse_namespace("acme"), View.parse("acme"), package("acme/api")
LAST_TWO = RetentionRule("last-two", last=2)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace()
        yield world


async def keep(world: World, *rules: RetentionRule, automatic: bool = False) -> None:
    await set_retention(world.registry, ADMINISTRATOR, ACME, Retention(rules, automatic=automatic))


async def push(world: World, *versions: str, place: str = "acme/api") -> dict[str, Image]:
    pushed = {}
    for version in versions:
        pushed[version] = await world.push(place, image(f"layer of {version}".encode() * 100), version)
        world.clock.advance(days=1)
    return pushed


async def plan(world: World) -> Plan:
    return await plan_retention(world.registry, ADMINISTRATOR, ACME)


async def items(world: World, made: Plan) -> list[PlannedItem]:
    return list(await list_items(world.registry, ADMINISTRATOR, made.name, limit=1_000))


async def going(world: World) -> list[str]:
    """The names of what would go."""
    found = await items(world, await plan(world))
    return [name for item in found if item.keeper is None for name in item.names]


async def names(world: World) -> list[str]:
    return [each.name for each in await world.catalog.list_references(ALL, API, limit=1_000)]


async def test_a_plan_says_what_goes_and_why_and_changes_nothing(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, LAST_TWO)

    made = await plan(world)

    [item] = await items(world, made)
    assert (item.names, item.rule) == (("1.0",), "last-two")
    assert item.reason == "version 1.0: number 3 from the newest, the last 2 stay"
    assert (made.looked_at, made.counts) == (3, {ItemState.PLANNED: 1})
    assert await names(world) == ["1.0", "1.1", "1.2"]
    assert await check(world.registry) == []


async def test_what_is_planned_for_many_packages_at_once_is_what_is_explained_of_each(world: World) -> None:
    await keep(world, LAST_TWO)
    for number in range(5):
        await push(world, *(f"1.{each}" for each in range(number + 1)), place=f"acme/p{number}")
    with_referrer = await push(world, "1.0", "1.1", "1.2", place="acme/signed")
    await world.push("acme/signed", referrer(with_referrer["1.0"]))
    many = [f"1.{number}" for number in range(252)]  # more than are asked about together with others
    await asyncio.gather(*(world.push("acme/many", image(name.encode()), name) for name in many))
    await push(world, "1.0", "1.1", "1.2", place="acme/leased")
    lasts = timedelta(days=30)
    await take_lease(
        world.registry, ADMINISTRATOR, package("acme/leased"), ReferenceName("1.0"), ttl=lasts, reason="in use"
    )

    made = await plan(world)

    explained = {
        (place.path, each.candidate.stored.digest, each.verdict.reason, each.keeper, each.parts)
        for place in map(package, ["acme/p2", "acme/p3", "acme/p4", "acme/signed", "acme/many", "acme/leased"])
        for each in await explain_retention(world.registry, ADMINISTRATOR, place)
        if not each.verdict.stays
    }
    planned = [item async for item in every_item(world, made)]
    assert {(item.package.path, item.digest, item.reason, item.keeper, item.parts) for item in planned} == explained
    assert len(planned) == 1 + 2 + 3 + 1 + 250 + 1
    assert made.looked_at == 15 + 3 + 252 + 3


async def every_item(world: World, made: Plan) -> AsyncIterator[PlannedItem]:
    after = 0
    while page := await list_items(world.registry, ADMINISTRATOR, made.name, after=after, limit=1_000):
        for item in page:
            yield item
        after = page[-1].ordinal


async def test_applying_a_plan_lets_go_just_what_it_says_and_it_can_be_had_back(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2", "1.3")
    await keep(world, LAST_TWO)
    made = await plan(world)

    done = await apply_plan(world.registry, ADMINISTRATOR, made.name, digest=made.digest)

    assert (done.state, done.counts) == (PlanState.APPLIED, {ItemState.DELETED: 2})
    assert await names(world) == ["1.2", "1.3"]
    await restore(world.registry, ADMINISTRATOR, API, ReferenceName("1.0"))
    assert (await world.catalog.find_artifact(ALL, API, name=ReferenceName("1.0"))) is not None
    assert await check(world.registry) == []


async def test_what_no_rule_speaks_of_stays(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2", "nightly")
    await keep(world, RetentionRule("tags", kinds=(NameKind.TAG,), names=PackagePattern("pr-*"), last=0))

    assert await going(world) == []


async def test_without_rules_nothing_goes(world: World) -> None:
    await push(world, "1.0", "1.1")

    assert await going(world) == []


async def test_a_quiet_package_keeps_its_last_version_though_it_is_old(world: World) -> None:
    """Users' thread 25: by age alone a quiet project loses its only version."""
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, RetentionRule("old", last=1, younger_than=timedelta(days=30)))

    world.clock.advance(days=400)

    assert await going(world) == ["1.0", "1.1"]


async def test_versions_are_counted_in_the_order_of_versions_and_not_of_time(world: World) -> None:
    await push(world, "1.10", "1.9", "1.2")
    await keep(world, RetentionRule("last", last=1))

    assert await going(world) == ["1.9", "1.2"]


async def test_the_last_of_each_minor_version_stay_and_builds_go_by_days(world: World) -> None:
    """Users' thread 24: of each release N.M the latest for ever, what CI tags for days, and the rest for three weeks."""
    await push(world, "1.0.0", "1.0.1", "1.1.0", "1.1.1", "2.0.0", "ci-1", "main")
    await keep(
        world,
        RetentionRule("releases", kinds=(NameKind.VERSION,), last=1, per=Line.MINOR),
        RetentionRule("ci", names=PackagePattern("ci-*"), younger_than=timedelta(days=3)),
        RetentionRule("rest", younger_than=timedelta(weeks=3)),
    )

    world.clock.advance(days=4)
    soon = await going(world)
    world.clock.advance(days=30)
    late = await going(world)

    assert soon == ["1.0.0", "1.1.0", "ci-1"]
    assert late == ["1.0.0", "1.1.0", "ci-1", "main"]


async def test_an_artifact_stays_while_one_of_its_names_does(world: World) -> None:
    """Users' thread 18: a rule for one tag deleted the image that was also tagged prod and uat."""
    built = image(b"built")
    await world.push("acme/api", built, "build-17", "prod", "uat")
    await keep(world, RetentionRule("builds", names=PackagePattern("build-*"), last=0))

    assert await going(world) == []


async def test_what_runs_is_leased_or_cleared_never_goes_and_the_plan_says_what_keeps_it(world: World) -> None:
    """Users' thread 19: keep-last-K evicts images in use and kills clusters."""
    pushed = await push(world, "1.0", "1.1", "1.2", "1.3")
    place = Place(ACME, "prod", "payments", "eu-1")
    await record_deployment(
        world.registry, ADMINISTRATOR, API, ReferenceName("1.0"), place=place, particulars=Particulars()
    )
    await take_lease(
        world.registry, ADMINISTRATOR, API, ReferenceName("1.1"), ttl=timedelta(days=3), reason="a release is made"
    )
    await world.clear("acme/api", pushed["1.2"].digest)
    await keep(world, RetentionRule("nothing", last=0))

    made = await plan(world)
    done = await apply_plan(world.registry, ADMINISTRATOR, made.name)

    kept = {item.names[0]: item.keeper or "" for item in await items(world, made)}
    assert kept["1.0"].startswith("deployed as payments in prod")
    assert kept["1.1"].startswith("leased by administrator")
    assert kept["1.2"] == "cleared for prod"
    assert done.counts == {ItemState.KEPT: 3, ItemState.DELETED: 1}
    assert await names(world) == ["1.0", "1.1", "1.2"]


async def test_shared_bytes_count_once_and_only_when_nobody_needs_them(world: World) -> None:
    base, own = b"base" * 1_000, [b"one" * 100, b"two" * 100, b"three" * 100]
    built = [await world.push("acme/api", image(base, layer), f"1.{number}") for number, layer in enumerate(own)]
    await world.push("acme/other", image(own[0]), "1.0")
    await keep(world, RetentionRule("last", packages=PackagePattern("api"), last=1))

    made = await plan(world)

    planned = await items(world, made)
    # The base and the empty config are needed by what stays, the first layer by another package.
    assert [item.size for item in planned] == [len(built[0].content), len(built[1].content) + len(own[1])]
    assert made.size == sum(item.size for item in planned)


async def test_the_bytes_that_a_plan_promises_are_those_that_the_collector_frees(world: World) -> None:
    shared = b"shared" * 1_000
    for number in range(3):
        await world.push("acme/api", image(shared, b"layer %d" % number * 50), f"1.{number}")
    await world.push("acme/other", image(shared, b"other" * 50), "1.0")
    await keep(world, RetentionRule("none", packages=PackagePattern("api"), last=0))
    made = await plan(world)

    await apply_plan(world.registry, ADMINISTRATOR, made.name)
    world.clock.advance(days=2)
    collected = await collect(world.registry)

    assert collected.condemned.size == made.size > 0


async def test_what_goes_with_an_index_counts_once(world: World) -> None:
    """What it contains was counted as its part and as what it links."""
    both = await world.push("acme/api", index(image(b"amd64"), image(b"arm64")), "1.0")
    await world.push("acme/api", referrer(both))
    await keep(world, RetentionRule("none", last=0))
    made = await plan(world)

    await apply_plan(world.registry, ADMINISTRATOR, made.name)
    world.clock.advance(days=2)
    collected = await collect(world.registry)

    assert collected.condemned.size == made.size > 0


@pytest.mark.parametrize("kept", [0, 1], ids=["none stays", "one of many stays"])
async def test_bytes_that_very_many_share_count_where_the_last_of_them_goes(
    world: World, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """They are asked for a page of those that need them at a time; pages are small here."""
    monkeypatch.setattr(retention, "_CROWD", 2)
    shared = b"shared" * 1_000
    for number in range(3):
        for place in ("acme/api", "acme/other"):
            await world.push(place, image(shared, b"%d of %s" % (number, place.encode())), f"1.{number}")
    await keep(world, RetentionRule("some", packages=PackagePattern("other"), last=kept), RetentionRule("none", last=0))

    made = await plan(world)

    planned = await items(world, made)
    assert [len(shared) < item.size for item in planned] == [False] * 5 + [True] * (not kept)
    await apply_plan(world.registry, ADMINISTRATOR, made.name)
    world.clock.advance(days=2)
    assert (await collect(world.registry)).condemned.size == made.size


async def test_a_plan_is_the_same_however_small_the_pages_are_that_it_is_written_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("acme/api", "acme/other"):
        for number in range(3):
            await world.push(place, image(b"shared" * 100, b"%d of %s" % (number, place.encode())), f"1.{number}")
    await world.push("acme/api", index(image(b"amd64"), image(b"arm64")), "2.0")
    await keep(world, RetentionRule("none", last=0))
    whole = await plan(world)

    monkeypatch.setattr(retain, "_PAGE", 1)
    paged = await plan(world)

    assert (paged.digest, paged.size, paged.counts) == (whole.digest, whole.size, {ItemState.PLANNED: 7})
    assert await items(world, paged) == await items(world, whole)


async def test_a_plan_that_cannot_be_written_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object, **__: object) -> Never:
        raise Unavailable("catalog", after=1)

    monkeypatch.setattr(retain, "_PAGE", 1)
    monkeypatch.setattr(world.catalog.retentions, "measure", fails)
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, RetentionRule("none", last=0))

    with pytest.raises(Unavailable):
        await plan(world)

    assert await list_plans(world.registry, ADMINISTRATOR, ACME, limit=10) == []


async def test_what_an_index_contains_and_what_refers_to_it_goes_and_comes_back_with_it(world: World) -> None:
    """Users' threads 12, 16 and 21: untagged children and orphaned referrers stay for ever, and nothing can be had back."""
    amd, arm = image(b"amd64"), image(b"arm64")
    both = await world.push("acme/api", index(amd, arm), "1.0")
    signature = await world.push("acme/api", referrer(both))
    of_child = await world.push("acme/api", referrer(amd))
    cosigned = await world.push("acme/api", image(b"cosign"), f"{fallback_of(both.digest)}.sig")
    await keep(world, RetentionRule("none", last=0))
    together = {each.digest for each in (amd, arm, signature, of_child, cosigned)}

    made = await plan(world)
    [item] = await items(world, made)
    await apply_plan(world.registry, ADMINISTRATOR, made.name)
    gone = [each for each in (both.digest, *together) if await world.catalog.find_details(ALL, API, each) is not None]
    trash = await list_trash(world.registry, ADMINISTRATOR, ACME, limit=10)
    await restore(world.registry, ADMINISTRATOR, API, ReferenceName("1.0"))

    assert set(item.parts) == together
    assert gone == []
    assert [each.deleted.digest for each in trash] == [both.digest]
    assert [await world.catalog.find_details(ALL, API, each) is not None for each in together] == [True] * 5
    assert await names(world) == ["1.0", f"{fallback_of(both.digest)}.sig"]
    assert await check(world.registry) == []


async def test_what_somebody_else_needs_of_an_index_stays(world: World) -> None:
    """Users' threads 3 and 7: children that other indexes contain are deleted with one of them."""
    shared, own, tagged = image(b"shared"), image(b"own"), image(b"tagged")
    await world.push("acme/api", tagged, "edge")
    await world.push("acme/api", index(shared, own, tagged), "1.0")
    await world.push("acme/api", index(shared), "1.1")
    await keep(world, RetentionRule("last", kinds=(NameKind.VERSION,), last=1))

    made = await plan(world)
    [item] = await items(world, made)
    await apply_plan(world.registry, ADMINISTRATOR, made.name)

    assert item.parts == (own.digest,)
    assert await names(world) == ["1.1", "edge"]
    assert await check(world.registry) == []


async def test_what_lost_its_tag_is_nameless_and_goes_by_a_rule_for_that(world: World) -> None:
    """Users' threads 6 and 12: what a moved tag meant before is never cleaned up."""
    old = await world.push("acme/api", image(b"old"), "latest")
    await world.push("acme/api", image(b"new"), "latest")
    await keep(world, RetentionRule("unnamed", kinds=(NameKind.UNNAMED,), younger_than=timedelta(days=7)))

    young = await items(world, await plan(world))
    world.clock.advance(days=8)
    [item] = await items(world, await plan(world))

    assert young == []
    assert (item.digest, item.names) == (old.digest, ())


async def test_what_was_pulled_lately_stays_whoever_pulled_it(world: World) -> None:
    pushed = await push(world, "1.0", "1.1")
    await keep(world, RetentionRule("used", pulled_within=timedelta(days=30)))
    world.registry.pulls.note(API, pushed["1.0"].digest, "cluster", world.clock.now())
    await write_pulls(world.registry)

    world.clock.advance(days=29)
    within = await items(world, await plan(world))
    world.clock.advance(days=2)
    after = await items(world, await plan(world))

    assert [(item.names, item.reason) for item in within] == [(("1.1",), "version 1.1: never pulled")]
    assert [item.names for item in after] == [("1.0",), ("1.1",)]
    assert (after[0].pulled_by, after[0].reason) == (
        "cluster",
        "version 1.0: pulled 31 days ago by cluster, 30 days count",
    )


async def test_a_plan_is_refused_when_the_world_has_moved(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, LAST_TWO)
    made = await plan(world)
    lease = timedelta(days=1)

    await take_lease(world.registry, ADMINISTRATOR, API, ReferenceName("1.0"), ttl=lease, reason="about to roll back")

    with pytest.raises(PlanOutdated, match=r"acme/oci/api: 1\.0"):
        await apply_plan(world.registry, ADMINISTRATOR, made.name)
    assert await names(world) == ["1.0", "1.1", "1.2"]
    assert (await read_plan(world.registry, ADMINISTRATOR, made.name)).state is PlanState.PLANNED


async def test_what_would_now_be_among_the_last_ones_is_not_let_go(world: World) -> None:
    pushed = await push(world, "1.0", "1.1", "1.2")
    await keep(world, LAST_TWO)
    made = await plan(world)

    await delete_artifact(world.registry, ADMINISTRATOR, API, pushed["1.2"].digest)

    with pytest.raises(PlanOutdated):
        await apply_plan(world.registry, ADMINISTRATOR, made.name)


async def test_what_was_pulled_since_is_not_let_go(world: World) -> None:
    pushed = await push(world, "1.0")
    world.clock.advance(days=40)
    await keep(world, RetentionRule("used", pulled_within=timedelta(days=30)))
    made = await plan(world)

    world.registry.pulls.note(API, pushed["1.0"].digest, "cluster", world.clock.now())
    await write_pulls(world.registry)

    with pytest.raises(PlanOutdated):
        await apply_plan(world.registry, ADMINISTRATOR, made.name)


async def test_other_rules_another_digest_and_a_week_outdate_a_plan(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, LAST_TWO)
    first, second = await plan(world), await plan(world)

    with pytest.raises(PlanOutdated):
        await apply_plan(world.registry, ADMINISTRATOR, first.name, digest="sha256:" + "0" * 64)
    await keep(world, RetentionRule("last-two", last=1))
    with pytest.raises(PlanOutdated):
        await apply_plan(world.registry, ADMINISTRATOR, first.name)
    await keep(world, LAST_TWO)
    world.clock.advance(days=8)
    with pytest.raises(PlanOutdated):
        await apply_plan(world.registry, ADMINISTRATOR, second.name)
    assert first.digest == second.digest


async def test_more_of_the_same_outdates_nothing(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, LAST_TWO)
    made = await plan(world)
    await push(world, "1.3")

    done = await apply_plan(world.registry, ADMINISTRATOR, made.name)

    assert done.counts == {ItemState.DELETED: 1}
    assert await names(world) == ["1.1", "1.2", "1.3"]


async def test_what_comes_between_two_deletions_is_seen(world: World) -> None:
    await push(world, *(f"1.{number}" for number in range(6)))
    await keep(world, LAST_TWO)
    made = await plan(world)
    await begin_plan(world.registry, made, "administrator")
    lease = timedelta(days=1)

    await take_lease(world.registry, ADMINISTRATOR, API, ReferenceName("1.1"), ttl=lease, reason="about to roll back")
    await carry_on(world.registry, made.name)

    done = await read_plan(world.registry, ADMINISTRATOR, made.name)
    assert done.counts == {ItemState.DELETED: 3, ItemState.MOVED: 1}
    assert await names(world) == ["1.1", "1.4", "1.5"]


async def test_two_who_carry_out_a_plan_at_once_delete_each_artifact_once(world: World) -> None:
    await push(world, *(f"1.{number}" for number in range(10)))
    await keep(world, LAST_TWO)
    made = await plan(world)
    await begin_plan(world.registry, made, "administrator")

    await asyncio.gather(carry_on(world.registry, made.name), carry_on(world.registry, made.name))

    assert (await world.events()).count("artifact.deleted") == 8
    assert (await world.events()).count("retention.applied") == 1
    assert await names(world) == ["1.8", "1.9"]


async def test_a_plan_that_was_interrupted_is_gone_on_with(world: World) -> None:
    await push(world, *(f"1.{number}" for number in range(80)))
    await keep(world, LAST_TWO)
    made = await plan(world)
    await begin_plan(world.registry, made, "administrator")

    finished = await carry_on(world.registry, made.name, limit=1)
    between = await read_plan(world.registry, ADMINISTRATOR, made.name)
    sound = await check(world.registry)
    done = await apply_plan(world.registry, ADMINISTRATOR, made.name)

    assert (finished, sound) == (False, [])
    assert between.state is PlanState.BEGUN
    assert 0 < between.counts[ItemState.DELETED] < 78
    assert done.counts == {ItemState.DELETED: 78}


async def test_everything_in_a_package_is_explained(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2")
    await world.push("acme/api", image(b"tagged"), "main")
    await keep(world, RetentionRule("versions", kinds=(NameKind.VERSION,), last=2))

    found = await explain_retention(world.registry, ADMINISTRATOR, API)

    assert [(each.goes, each.verdict.reason) for each in found] == [
        (True, "version 1.0: number 3 from the newest, the last 2 stay"),
        (False, "version 1.1: number 2 from the newest, the last 2 stay"),
        (False, "version 1.2: number 1 from the newest, the last 2 stay"),
        (False, "tag main: no rule speaks of it"),
    ]


async def test_rules_are_kept_and_the_same_again_is_no_event(world: World) -> None:
    rule = RetentionRule(
        "all",
        kinds=(NameKind.TAG, NameKind.UNNAMED),
        packages=PackagePattern("team-*"),
        names=PackagePattern("pr-*"),
        last=3,
        per=Line.MAJOR,
        younger_than=timedelta(hours=36),
        pulled_within=timedelta(days=90),
        cleared=True,
    )
    none = RetentionRule("none", last=0)
    await keep(world, rule, none, automatic=True)
    await keep(world, rule, none, automatic=True)

    assert await read_retention(world.registry, ADMINISTRATOR, ACME) == Retention((rule, none), automatic=True)
    assert (await world.events()).count("retention.set") == 1


@pytest.mark.parametrize(
    "rule",
    [
        RetentionRule("Name", last=1),
        RetentionRule("says-nothing"),
        RetentionRule("negative", last=-1),
        RetentionRule("no-kind", kinds=(), last=1),
        RetentionRule("no-time", younger_than=timedelta(0)),
    ],
    ids=lambda rule: rule.name,
)
async def test_rules_that_cannot_be_meant_are_refused(world: World, rule: RetentionRule) -> None:
    with pytest.raises(InvalidRetention):
        await keep(world, rule)


async def test_who_may_not_delete_may_not_plan_and_knows_no_plan(world: World) -> None:
    await keep(world, LAST_TWO)
    made = await plan(world)

    with pytest.raises(Denied):
        await plan_retention(world.registry, caller(Role.PUBLISHER), ACME)
    with pytest.raises(Denied):
        await read_plan(world.registry, caller(Role.READER), made.name)
    with pytest.raises(PlanUnknown):
        await read_plan(world.registry, caller(Role.MAINTAINER, "other"), made.name)
    with pytest.raises(Denied):
        await set_retention(world.registry, caller(Role.PUBLISHER), ACME, Retention((LAST_TWO,)))


async def test_old_plans_are_forgotten_page_by_page(world: World) -> None:
    await push(world, "1.0", "1.1", "1.2")
    await keep(world, LAST_TWO)
    made = await plan(world)
    world.clock.advance(days=31)
    fresh = await plan(world)

    await forget_plans(world.registry)

    assert [each.name for each in await list_plans(world.registry, ADMINISTRATOR, ACME, limit=10)] == [fresh.name]
    with pytest.raises(PlanUnknown):
        await read_plan(world.registry, ADMINISTRATOR, made.name)


async def test_a_part_that_somebody_leases_stays(world: World) -> None:
    amd, arm = image(b"amd64"), image(b"arm64")
    both = await world.push("acme/api", index(amd, arm), "1.0")
    signature = await world.push("acme/api", referrer(both))
    await take_lease(
        world.registry, ADMINISTRATOR, API, signature.digest, ttl=timedelta(days=3), reason="it is being copied"
    )
    await keep(world, RetentionRule("none", last=0))

    made = await plan(world)
    [item] = await items(world, made)
    await apply_plan(world.registry, ADMINISTRATOR, made.name)

    assert set(item.parts) == {amd.digest, arm.digest}
    assert await world.catalog.find_details(ALL, API, Digest.parse(str(signature.digest))) is not None
    assert await check(world.registry) == []


async def test_every_day_a_plan_is_made_and_applied_only_where_that_is_wanted(world: World) -> None:
    """Users' threads 11 and 31: cleaning up is left to a second task that nobody sets up."""
    await world.namespace("other")
    for place in ("acme/api", "other/api"):
        await push(world, "1.0", "1.1", "1.2", place=place)
    await keep(world, LAST_TWO, automatic=True)
    await set_retention(world.registry, ADMINISTRATOR, parse_namespace("other"), Retention((LAST_TWO,)))

    for _ in range(2):
        await retain_daily(world.registry)
        await go_on(world.registry)

    there = {
        place: len(await world.catalog.list_references(View.parse(place.partition("/")[0]), package(place), limit=10))
        for place in ("acme/api", "other/api")
    }
    assert there == {"acme/api": 2, "other/api": 3}
    assert (await world.events()).count("retention.planned") == 2


async def test_what_refers_to_something_that_is_not_here_goes_by_itself_and_once(world: World) -> None:
    """Found by tests/laws/test_schedules.py: it went with what that refers to, and then again by itself."""
    built = image(b"layer")
    countersignature = referrer(referrer(built), "application/vnd.example.countersignature")
    await world.push("acme/api", built)
    await world.push("acme/api", countersignature)
    await keep(world, RetentionRule("nameless", kinds=(NameKind.UNNAMED,), last=0))

    made = await plan(world)
    await apply_plan(world.registry, ADMINISTRATOR, made.name)

    assert {item.digest: item.parts for item in await items(world, made)} == {
        built.digest: (),
        countersignature.digest: (),
    }
    assert (await world.events()).count("artifact.deleted") == 2
