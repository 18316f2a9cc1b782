from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from entrepot.model.block import BlockKind
from entrepot.model.errors import ArtifactUnknown, PolicyDenied, Quarantined, ReferenceUnknown
from entrepot.model.events import ClearanceClosed, ReadingDoubted
from entrepot.model.names import NamespaceName, ReferenceName, View, parse_channel
from entrepot.model.policy import Door, Mode, Policy
from entrepot.model.promotion import PromotionState
from entrepot.operations.block import block, list_blocks, release
from entrepot.operations.browse import list_references
from entrepot.operations.check import check
from entrepot.operations.doors import settle_everything
from entrepot.operations.mark import unyank, yank
from entrepot.operations.policies import remove_policy, replay_policy, set_policy, try_policies
from entrepot.operations.promote import promote
from entrepot.operations.resolve import resolve
from entrepot.operations.why import why
from entrepot.policy.defaults import DEFAULTS
from entrepot.testing.builders import World, caller, image, index, package, referrer

API, ACME, VIEW, PROD_VIEW = package("acme/api"), NamespaceName("acme"), View.parse("acme"), View.parse("acme.prod")
PROD = parse_channel("prod")
MAINTAINER, PUBLISHER, READER = caller("maintainer"), caller("publisher"), caller("reader")
PROMOTER = caller("promoter")
V1, V2 = ReferenceName("1.0"), ReferenceName("2.0")
FRESH = Policy("fresh", Door.READING, "!yanked", namespace=ACME, description="It was yanked.")
ONE, TWO = image(b"one"), image(b"two")


@pytest.fixture(autouse=True)
async def _pushed(world: World) -> None:
    await world.push("acme/api", ONE, "1.0", by=PUBLISHER)
    await world.push("acme/api", TWO, "2.0", by=PUBLISHER)
    await world.settle()


async def _seen(world: World) -> list[str]:
    return [each.name for each in await list_references(world.registry, READER, VIEW, API, limit=9)]


async def test_what_must_not_be_read_any_more_is_put_into_quarantine_and_let_go_by_itself(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, FRESH)
    await world.settle()
    assert await _seen(world) == ["1.0", "2.0"]
    before = await world.catalog.find_package(VIEW, API)

    await yank(world.registry, MAINTAINER, API, V1, reason="it crashes")
    await world.settle()

    assert await _seen(world) == ["2.0"]
    with pytest.raises(Quarantined, match=r"fresh: It was yanked\."):
        await resolve(world.registry, READER, VIEW, API, name=V1)
    (kept,) = await list_blocks(world.registry, READER, ACME, API, limit=9)
    assert (kept.kind, kept.policy, kept.actor) == (BlockKind.QUARANTINED, "fresh", "entrepot:doors")
    with pytest.raises(Quarantined):
        await world.push("acme/api", ONE, "1.0", by=PUBLISHER)
    after = await world.catalog.find_package(VIEW, API)
    assert before is not None
    assert after is not None
    assert after.revision > before.revision  # So every index is rendered anew.
    await unyank(world.registry, MAINTAINER, API, V1)
    await world.settle()
    assert await _seen(world) == ["1.0", "2.0"]
    assert await check(world.registry) == []


async def test_a_policy_that_is_set_or_removed_is_asked_of_all_that_is_there(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '1.0'"))
    await world.settle()
    assert await _seen(world) == ["2.0"]
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '2.0'"))
    await world.settle()
    assert await _seen(world) == ["1.0"]

    await remove_policy(world.registry, MAINTAINER, ACME, "fresh")
    await world.settle()

    assert await _seen(world) == ["1.0", "2.0"]
    assert await check(world.registry) == []


async def test_a_door_that_says_the_same_is_no_event(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '1.0'"))
    await world.settle()
    before = await world.events()

    await settle_everything(world.registry)
    await world.settle()

    assert await world.events() == before


async def test_what_somebody_blocked_is_left_to_them(world: World) -> None:
    await block(world.registry, PROMOTER, API, V1, reason="a coin miner")
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="false"))
    await world.settle()

    with pytest.raises(PolicyDenied, match="coin miner"):
        await resolve(world.registry, READER, VIEW, API, name=V1)
    await remove_policy(world.registry, MAINTAINER, ACME, "fresh")
    await world.settle()
    assert await _seen(world) == ["2.0"]


async def test_who_releases_what_the_policy_refuses_changes_the_policy_or_nothing(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '1.0'"))
    await world.settle()

    await release(world.registry, PROMOTER, API, V1)
    await world.settle()

    assert await _seen(world) == ["2.0"]


async def test_what_comes_in_is_never_served_before_the_door_of_reading_was_asked(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="sbom.known"))
    await world.settle()
    three = image(b"three")

    await world.push("acme/api", three, "3.0", by=PUBLISHER)

    with pytest.raises(Quarantined, match="not known yet"):
        await resolve(world.registry, READER, VIEW, API, name=ReferenceName("3.0"))
    await world.settle()
    assert (await resolve(world.registry, READER, VIEW, API, name=ReferenceName("3.0"))).digest == three.digest


async def test_what_is_in_stays_readable_while_it_is_examined_again(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="sbom.known"))
    await world.settle()

    await world.push("acme/api", referrer(ONE), by=PUBLISHER)
    await settle_everything(world.registry)  # Nobody has examined anything yet.

    assert await _seen(world) == ["1.0", "2.0"]
    await world.settle()
    assert await _seen(world) == ["1.0", "2.0"]


async def test_what_nobody_can_find_out_is_not_read(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="findings.total == 0"))

    await world.settle()

    assert await _seen(world) == []
    with pytest.raises(Quarantined, match="not known yet"):
        await resolve(world.registry, READER, VIEW, API, name=V1)


async def test_an_index_goes_with_what_it_contains_and_statements_are_not_asked(world: World) -> None:
    child = image(b"for one platform")
    whole = index(child)
    await world.push("acme/api", whole, "3.0", by=PUBLISHER)
    signature = referrer(whole)
    await world.push("acme/api", signature, by=PUBLISHER)
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '3.0'"))

    await world.settle()

    for digest in (whole.digest, child.digest):
        with pytest.raises(Quarantined):
            await resolve(world.registry, READER, VIEW, API, digest=digest)
    assert [each.digest for each in await list_blocks(world.registry, READER, ACME, API, limit=9)] == [whole.digest]
    assert (await resolve(world.registry, READER, VIEW, API, digest=signature.digest)).digest == signature.digest
    assert await check(world.registry) == []


async def test_time_alone_closes_a_door(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="age < duration('720h')"))
    await world.settle()
    assert await _seen(world) == ["1.0", "2.0"]

    world.clock.advance(days=31)
    await settle_everything(world.registry, asks_time=True)

    assert await _seen(world) == []


async def test_time_alone_lets_in(world: World) -> None:
    await set_policy(
        world.registry, MAINTAINER, Policy("rested", Door.ADMISSION, "age > duration('72h')", namespace=ACME)
    )
    three = image(b"three")
    await world.push("acme/api", index(three), by=PUBLISHER)
    with pytest.raises(Quarantined):
        await resolve(world.registry, READER, VIEW, API, digest=three.digest)

    world.clock.advance(days=4)
    await settle_everything(world.registry, asks_time=True)

    assert (await resolve(world.registry, READER, VIEW, API, digest=three.digest)).digest == three.digest


async def test_what_must_not_be_read_in_a_channel_loses_its_clearance(world: World) -> None:
    for version in (ONE, TWO):
        await world.clear("acme/api", version.digest)
    await yank(world.registry, MAINTAINER, API, V1, reason="it crashes")

    await set_policy(world.registry, MAINTAINER, replace(FRESH, channels=(PROD,)))
    await world.settle()

    with pytest.raises((ReferenceUnknown, ArtifactUnknown)):
        await resolve(world.registry, READER, PROD_VIEW, API, name=V1)
    assert (await resolve(world.registry, READER, PROD_VIEW, API, name=V2)).digest == TWO.digest
    assert await _seen(world) == ["1.0", "2.0"]
    entries = await world.catalog.list_entries(after=0, limit=999)  # type: ignore[arg-type]  # a position
    (closed,) = [each.event for each in entries if isinstance(each.event, ClearanceClosed)]
    assert (closed.channel, closed.reason) == ("prod", "fresh: It was yanked.")
    assert await check(world.registry) == []


async def test_what_must_not_be_read_in_a_channel_is_not_promoted_there(world: World) -> None:
    for default in DEFAULTS:
        await set_policy(world.registry, MAINTAINER, replace(default, namespace=ACME, mode=Mode.OFF))
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '1.0'", channels=(PROD,)))

    refused = await promote(world.registry, PROMOTER, API, V1, PROD, seconds=0)

    assert refused.state is PromotionState.REFUSED
    assert refused.refusals == ("fresh: It was yanked.",)


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.DRY_RUN])
@pytest.mark.parametrize("channels", [(), (PROD,)])
async def test_modes_that_do_not_enforce_leave_a_doubt_on_record(
    world: World, mode: Mode, channels: tuple[object]
) -> None:
    await world.clear("acme/api", ONE.digest)
    policy = replace(FRESH, mode=mode, condition="version != '1.0'", channels=channels)  # type: ignore[arg-type]

    await set_policy(world.registry, MAINTAINER, policy)
    await world.settle()
    await settle_everything(world.registry)

    assert await _seen(world) == ["1.0", "2.0"]
    assert (await resolve(world.registry, READER, PROD_VIEW, API, name=V1)).digest == ONE.digest
    entries = await world.catalog.list_entries(after=0, limit=999)  # type: ignore[arg-type]  # a position
    (doubt,) = [each.event for each in entries if isinstance(each.event, ReadingDoubted)]
    said = ("fresh: It was yanked.",)
    assert (doubt.digest, doubt.channel) == (str(ONE.digest), "prod" if channels else None)
    assert (doubt.warnings, doubt.unenforced) == ((said, ()) if mode is Mode.WARN else ((), said))
    assert await check(world.registry) == []


async def test_a_policy_is_held_against_what_came_in_before_it_is_switched_on(world: World) -> None:
    world.clock.advance(days=100)
    await world.push("acme/api", image(b"three"), "3.0", by=PUBLISHER)
    await world.push("acme/api", referrer(ONE), by=PUBLISHER)
    await world.push("acme/api", index(image(b"four")), "4.0", by=PUBLISHER)
    await yank(world.registry, MAINTAINER, API, ReferenceName("3.0"), reason="it crashes")
    await world.settle()
    world.clock.advance(days=3)
    quarter = timedelta(days=91)
    old = "age < duration('24h') && version != '4.0'"

    admission = await replay_policy(
        world.registry, READER, replace(FRESH, door=Door.ADMISSION, condition=old), over=quarter
    )
    reading = await replay_policy(world.registry, READER, FRESH, over=quarter)

    assert [(each.version, each.allowed, each.was) for each in admission] == [
        ("4.0", False, "readable"),
        ("3.0", True, "readable"),
    ]
    assert [(each.version, each.allowed, each.text) for each in reading] == [
        ("4.0", True, "holds"),
        ("3.0", False, "It was yanked."),
    ]
    assert await _seen(world) == ["1.0", "2.0", "3.0", "4.0"]


async def test_a_policy_for_a_channel_is_held_against_what_is_cleared_there(world: World) -> None:
    await world.clear("acme/api", ONE.digest)
    policy = replace(FRESH, condition="false", channels=(PROD,))

    found = await replay_policy(world.registry, READER, policy, over=timedelta(days=91))

    assert [(each.version, each.channel, each.allowed) for each in found] == [("1.0", "prod", False)]


async def test_why_tells_what_the_doors_say(world: World) -> None:
    await set_policy(
        world.registry, MAINTAINER, Policy("signed", Door.ADMISSION, "size(signed.by) > 0", namespace=ACME)
    )
    await set_policy(world.registry, MAINTAINER, replace(FRESH, condition="version != '1.0'", mode=Mode.WARN))
    await world.push("acme/api", image(b"three"), "3.0", by=PUBLISHER)
    await world.settle()

    waiting = await why(world.registry, READER, API, ReferenceName("3.0"))
    doubted = await why(world.registry, READER, API, V1)

    assert [(each.door, each.decision.allowed) for each in waiting.doors] == [
        (Door.ADMISSION, False),
        (Door.READING, True),
    ]
    assert waiting.standings[0].text == "it is awaiting by entrepot:doors: signed: size(signed.by) > 0 does not hold"
    assert [each.decision.warnings for each in doubted.doors] == [("fresh: It was yanked.",)]


async def test_policies_of_each_door_are_tried(world: World) -> None:
    draft = replace(FRESH, condition="version != '1.0'")

    tried = await try_policies(world.registry, READER, API, V1, door=Door.READING, draft=draft)
    entering = replace(draft, door=Door.ADMISSION)
    other = await try_policies(world.registry, READER, API, V2, door=Door.ADMISSION, channel=PROD, draft=entering)

    assert tried.decision.refusals == ("fresh: It was yanked.",)
    assert other.decision.allowed
    assert [each.policy.name for each in other.decision.reasons] == ["fresh"]


async def test_many_doors_open_in_one_tour(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, Policy("seen", Door.ADMISSION, "sbom.known", namespace=ACME))
    for number in range(20):
        await world.push("acme/api", image(b"%d" % number), f"3.{number}", by=PUBLISHER)

    await world.settle()

    assert len(await list_blocks(world.registry, READER, ACME, API, limit=99)) == 0
    assert (await world.events()).count("artifact.released") == 20
