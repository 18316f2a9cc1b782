from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from entrepot.model.access import ANONYMOUS
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    HoldUnknown,
    Invalid,
    LeaseUnknown,
    PackageUnknown,
    PolicyDenied,
    Protected,
    ReferenceUnknown,
    TooManyHolds,
    Unauthenticated,
)
from entrepot.model.hold import Hold, HoldKind
from entrepot.model.names import ReferenceName, View
from entrepot.model.position import START, Position
from entrepot.operations.block import block
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference, delete_version
from entrepot.operations.hold import (
    close_expired,
    lift_hold,
    list_holds,
    place_hold,
    release_lease,
    renew_lease,
    take_lease,
)
from entrepot.operations.publish import Draft, publish
from entrepot.operations.sweep import sweep
from entrepot.testing.builders import ADMINISTRATOR, NOON, World, caller, image, index, package, referrer

API, ACME = package("acme/api"), View.parse("acme").namespace
BUILD, DEPLOYER, READER = caller("publisher", name="build"), caller("deployer", name="replica"), caller("reader")
PROMOTER, MAINTAINER, CUSTODIAN = caller("promoter"), caller("maintainer"), caller("custodian")
V1, LATEST = ReferenceName("1.0"), ReferenceName("latest")
ONE, TWO = image(b"one"), image(b"two")
LIST = index(ONE, TWO)
HOUR = timedelta(hours=1)


@pytest.fixture
async def filled(world: World) -> World:
    await world.push("acme/api", ONE, "1.0", "latest")
    return world


async def lease(world: World, **given: object) -> Hold:
    wanted = {"ttl": HOUR, "reason": "build 123", **given}
    return await take_lease(world.registry, BUILD, API, V1, **wanted)  # type: ignore[arg-type]  # what each test gives


# --- leases ---


async def test_what_is_leased_cannot_be_deleted_until_the_lease_has_run_out(filled: World) -> None:
    taken = await lease(filled, holder="replica-eu-2")

    assert (taken.kind, taken.holder, taken.actor, taken.expires_at) == (
        HoldKind.LEASE,
        "replica-eu-2",
        "build",
        NOON + HOUR,
    )
    for work in (
        delete_artifact(filled.registry, ADMINISTRATOR, API, ONE.digest),
        delete_version(filled.registry, ADMINISTRATOR, API, V1),
        delete_reference(filled.registry, ADMINISTRATOR, API, V1),
        delete_blob(filled.registry, ADMINISTRATOR, API, Digest.of(b"one")),
    ):
        with pytest.raises(Protected, match=r"leased by replica-eu-2 until 2026-01-31 13:00Z: build 123"):
            await work
    await delete_reference(filled.registry, ADMINISTRATOR, API, LATEST)  # A tag is a name, and no content.
    filled.clock.advance(hours=1)
    await delete_version(filled.registry, ADMINISTRATOR, API, V1)  # Nobody has done anything about it.
    assert await check(filled.registry) == []


async def test_a_lease_that_has_run_out_is_noted_by_the_sweep(filled: World) -> None:
    taken = await lease(filled)
    kept = await lease(filled, ttl=timedelta(hours=3))
    filled.clock.advance(hours=2)
    await sweep(filled.registry)

    ended = await filled.catalog.holds.find(taken.id)
    assert ended is not None
    assert ended.ended_at == NOON + 2 * HOUR
    assert await filled.catalog.holds.find(kept.id) == kept
    assert (await filled.events())[-1] == "lease.expired"
    assert await close_expired(filled.registry) == 0
    assert await check(filled.registry) == []


async def test_a_lease_is_renewed_by_who_took_it_and_never_shortened(filled: World) -> None:
    taken = await lease(filled)
    filled.clock.advance(minutes=30)

    renewed = await renew_lease(filled.registry, BUILD, taken.id, ttl=HOUR)

    assert renewed.expires_at == NOON + timedelta(minutes=90)
    before = await filled.events()
    assert await renew_lease(filled.registry, BUILD, taken.id, ttl=timedelta(minutes=1)) == renewed
    assert await filled.events() == before
    filled.clock.advance(minutes=61)
    with pytest.raises(LeaseUnknown):
        await renew_lease(filled.registry, BUILD, taken.id, ttl=HOUR)


async def test_a_lease_is_released_by_who_took_it_or_by_who_may_lift_holds(filled: World) -> None:
    first, second = await lease(filled), await lease(filled)

    with pytest.raises(Denied, match="the lease of build"):
        await release_lease(filled.registry, MAINTAINER, first.id)
    with pytest.raises(Denied):
        await release_lease(filled.registry, READER, first.id)
    with pytest.raises(LeaseUnknown):
        await release_lease(filled.registry, caller("maintainer", "other"), first.id)
    with pytest.raises(Unauthenticated):
        await release_lease(filled.registry, ANONYMOUS, first.id)
    await release_lease(filled.registry, BUILD, first.id)
    await release_lease(filled.registry, CUSTODIAN, second.id)
    with pytest.raises(LeaseUnknown):
        await release_lease(filled.registry, BUILD, first.id)
    await delete_version(filled.registry, ADMINISTRATOR, API, V1)
    assert await check(filled.registry) == []


@pytest.mark.parametrize(
    "given",
    [
        {"ttl": timedelta(0)},
        {"ttl": -HOUR},
        {"ttl": timedelta(days=31)},
        {"reason": ""},
        {"reason": " "},
        {"reason": "x" * 1_001},
        {"holder": "x" * 129},
        {"holder": "\x1b[2J"},
        {"holder": " x"},
    ],
    ids=repr,
)
async def test_a_lease_is_bounded_and_says_why(filled: World, given: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        await lease(filled, **given)


async def test_there_are_only_so_many_leases(filled: World) -> None:
    tight = replace(
        filled.registry, limits=replace(filled.registry.limits, holds_per_artifact=2, holds_per_namespace=3)
    )
    await filled.push("acme/other", TWO, "1.0")

    for _ in range(2):
        await take_lease(tight, BUILD, API, V1, ttl=HOUR, reason="more")
    with pytest.raises(TooManyHolds):
        await take_lease(tight, BUILD, API, V1, ttl=HOUR, reason="too many")
    await take_lease(tight, BUILD, package("acme/other"), V1, ttl=HOUR, reason="another")
    with pytest.raises(TooManyHolds, match="acme"):
        await take_lease(tight, BUILD, package("acme/other"), V1, ttl=HOUR, reason="too many")
    filled.clock.advance(hours=1)
    await take_lease(tight, BUILD, API, V1, ttl=HOUR, reason="those have run out")


async def test_who_may_only_read_takes_no_lease(filled: World) -> None:
    with pytest.raises(Denied):
        await take_lease(filled.registry, READER, API, V1, ttl=HOUR, reason="mine")
    with pytest.raises(PackageUnknown):
        await take_lease(filled.registry, caller("deployer", "other"), API, V1, ttl=HOUR, reason="mine")
    await take_lease(filled.registry, DEPLOYER, API, V1, ttl=HOUR, reason="a replica")


async def test_what_is_not_there_cannot_be_kept(filled: World) -> None:
    with pytest.raises(ReferenceUnknown):
        await take_lease(filled.registry, BUILD, API, ReferenceName("2.0"), ttl=HOUR, reason="x")
    with pytest.raises(ArtifactUnknown):
        await take_lease(filled.registry, BUILD, API, TWO.digest, ttl=HOUR, reason="x")
    with pytest.raises(PackageUnknown):
        await take_lease(filled.registry, BUILD, package("acme/none"), V1, ttl=HOUR, reason="x")


# --- holds ---


async def test_a_hold_stays_until_it_is_lifted_by_who_may_delete_nothing(filled: World) -> None:
    hold = await place_hold(filled.registry, PROMOTER, API, V1, reason="case 7")
    filled.clock.advance(days=4_000)

    with pytest.raises(Protected, match=r"under a manual hold of promoter since 2026-01-31 12:00Z: case 7"):
        await delete_version(filled.registry, ADMINISTRATOR, API, V1)
    for nobody in (READER, PROMOTER, MAINTAINER):
        with pytest.raises(Denied):
            await lift_hold(filled.registry, nobody, hold.id)
    with pytest.raises(Denied):
        await delete_version(filled.registry, CUSTODIAN, API, V1)
    lifted = await lift_hold(filled.registry, CUSTODIAN, hold.id, reason="closed")
    assert lifted.until_position is not None
    with pytest.raises(HoldUnknown):
        await lift_hold(filled.registry, CUSTODIAN, hold.id)
    await delete_version(filled.registry, MAINTAINER, API, V1)
    assert (await filled.events())[-3:] == ["hold.placed", "hold.lifted", "artifact.deleted"]
    assert await check(filled.registry) == []


async def test_a_legal_hold_is_placed_by_who_may_lift_it(filled: World) -> None:
    with pytest.raises(Denied):
        await place_hold(filled.registry, MAINTAINER, API, V1, reason="case 7", legal=True)
    with pytest.raises(Denied):
        await place_hold(filled.registry, BUILD, API, V1, reason="case 7")

    hold = await place_hold(filled.registry, CUSTODIAN, API, V1, reason="case 7", legal=True, holder="counsel")

    assert (hold.kind, hold.holder) == (HoldKind.LEGAL, "counsel")
    with pytest.raises(LeaseUnknown):
        await release_lease(filled.registry, CUSTODIAN, hold.id)
    with pytest.raises(HoldUnknown):
        await lift_hold(filled.registry, CUSTODIAN, (await lease(filled)).id)


async def test_what_nobody_may_have_can_be_held(filled: World) -> None:
    await block(filled.registry, PROMOTER, API, V1, reason="a coin miner")

    await place_hold(filled.registry, CUSTODIAN, API, V1, reason="evidence", legal=True)

    with pytest.raises(Protected, match="evidence"):
        await delete_artifact(filled.registry, ADMINISTRATOR, API, ONE.digest)
    with pytest.raises(PolicyDenied):
        await publish(filled.registry, ADMINISTRATOR, API, Draft(ONE.artifact, tags=(V1,)))


# --- how far it reaches ---


async def test_what_is_kept_is_kept_whole(world: World) -> None:
    await world.push("acme/api", LIST, "1.0")
    signature = await world.push("acme/api", referrer(TWO))
    countersigned = await world.push("acme/api", referrer(signature))
    await lease(world)

    for part in (LIST, ONE, TWO, signature, countersigned):
        with pytest.raises(Protected, match="leased by build"):
            await delete_artifact(world.registry, ADMINISTRATOR, API, part.digest)
    with pytest.raises(Protected, match="leased by build"):
        await delete_blob(world.registry, ADMINISTRATOR, API, Digest.of(b"two"))
    later = await world.push("acme/api", referrer(LIST))
    with pytest.raises(Protected):
        await delete_artifact(world.registry, ADMINISTRATOR, API, later.digest)


async def test_what_contains_or_signs_something_else_is_not_kept(world: World) -> None:
    await world.push("acme/api", LIST, "2.0")
    await world.push("acme/api", ONE, "1.0")
    signature = await world.push("acme/api", referrer(TWO))
    await world.push("acme/other", ONE, "1.0")
    await lease(world)

    await delete_artifact(world.registry, ADMINISTRATOR, API, LIST.digest)
    await delete_artifact(world.registry, ADMINISTRATOR, API, signature.digest)
    await delete_artifact(world.registry, ADMINISTRATOR, API, TWO.digest)
    await delete_artifact(world.registry, ADMINISTRATOR, package("acme/other"), ONE.digest)

    with pytest.raises(Protected):
        await delete_artifact(world.registry, ADMINISTRATOR, API, ONE.digest)
    assert await check(world.registry) == []


async def test_what_refers_to_something_that_is_not_here_is_not_kept_by_what_that_refers_to(world: World) -> None:
    """Found by tests/laws/test_schedules.py: the countersignature of a signature that was never here stayed for ever."""
    await world.push("acme/api", ONE, "1.0")
    countersigned = await world.push("acme/api", referrer(referrer(ONE)))
    await lease(world)

    await delete_artifact(world.registry, ADMINISTRATOR, API, countersigned.digest)

    assert await check(world.registry) == []


async def test_what_a_version_has_grown_into_is_kept_as_what_it_was(world: World) -> None:
    await world.push("acme/api", image(b"wheel"), "1.0", sealed=False)
    await lease(world)
    grown = await world.push("acme/api", image(b"wheel", b"sdist"), "1.0", sealed=False)

    with pytest.raises(Protected, match="leased by build"):
        await delete_version(world.registry, ADMINISTRATOR, API, V1)
    with pytest.raises(Protected):
        await delete_artifact(world.registry, ADMINISTRATOR, API, grown.digest)
    with pytest.raises(Protected):
        await delete_reference(world.registry, ADMINISTRATOR, API, V1)


# --- lists ---


async def test_leases_and_holds_are_listed_apart_with_their_history(filled: World) -> None:
    first, second = await lease(filled), await lease(filled, ttl=2 * HOUR)
    hold = await place_hold(filled.registry, PROMOTER, API, V1, reason="case 7")
    filled.clock.advance(hours=1)

    async def listed(*, leases: bool, history: bool = False, after: int = START) -> list[str]:
        found = await list_holds(
            filled.registry,
            READER,
            ACME,
            leases=leases,
            history=history,
            after=Position(after),
            limit=9,
        )
        return [each.id for each in found]

    assert await listed(leases=True) == [second.id]
    assert await listed(leases=True, history=True) == [first.id, second.id]
    assert await listed(leases=False) == [hold.id]
    assert await listed(leases=True, history=True, after=first.from_position or 0) == [second.id]
    of_package = await list_holds(filled.registry, READER, ACME, API, leases=False, limit=9)
    assert [each.id for each in of_package] == [hold.id]
    with pytest.raises(Denied):
        await list_holds(filled.registry, caller("reader", "other"), ACME, leases=True, limit=9)
    with pytest.raises(PackageUnknown):
        await list_holds(filled.registry, caller("reader", "other"), ACME, API, leases=True, limit=9)
