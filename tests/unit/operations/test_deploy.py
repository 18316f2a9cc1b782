from __future__ import annotations

from datetime import timedelta

import pytest

from entrepot.model.access import ANONYMOUS
from entrepot.model.deployment import Deployment, Particulars, Place
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    Denied,
    DeploymentUnknown,
    Invalid,
    NamespaceUnknown,
    PackageUnknown,
    Protected,
    ReferenceUnknown,
    Unauthenticated,
)
from entrepot.model.names import PackageId, ReferenceName, View, parse_channel
from entrepot.model.protection import ProtectionKind
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.deploy import Report, end_deployment, list_deployments, record_deployment, report
from entrepot.operations.govern import set_namespace
from entrepot.operations.promote import plan_promotion, unpromote
from entrepot.operations.why import why
from entrepot.testing.builders import ADMINISTRATOR, NOON, Image, World, caller, image, index, package, referrer

API, ACME = package("acme/api"), View.parse("acme").namespace
CLUSTER, READER = caller("deployer", name="eu-1"), caller("reader")
PROD = Place(ACME, "prod", "payments", "eu-1")
BUILDS = [image(f"build {number}".encode()) for number in range(7)]
NOTHING = Particulars()


def name(number: int) -> ReferenceName:
    return ReferenceName(f"{number}.0")


@pytest.fixture
async def filled(world: World) -> World:
    for number, build in enumerate(BUILDS):
        await world.push("acme/api", build, name(number))
    return world


async def deploy(world: World, number: int, place: Place = PROD, *, of: PackageId = API) -> Deployment:
    world.clock.advance(minutes=1)
    return await record_deployment(world.registry, CLUSTER, of, name(number), place=place, particulars=NOTHING)


async def deletable(world: World, builds: list[Image]) -> list[int]:
    """Which builds nothing keeps."""
    found = [
        await world.catalog.protections.find(API, build.digest, now=world.clock.now(), limit=9) for build in builds
    ]
    return [number for number, kept in enumerate(found) if not kept]


async def test_what_runs_cannot_be_deleted_and_the_refusal_says_where(filled: World) -> None:
    done = await deploy(filled, 1)

    assert (done.digest, done.place, done.particulars.version, done.since) == (
        BUILDS[1].digest,
        PROD,
        "1.0",
        NOON + timedelta(minutes=1),
    )
    for work in (
        delete_artifact(filled.registry, ADMINISTRATOR, API, BUILDS[1].digest),
        delete_reference(filled.registry, ADMINISTRATOR, API, name(1)),
        delete_blob(filled.registry, ADMINISTRATOR, API, Digest.of(b"build 1")),
    ):
        with pytest.raises(Protected, match="deployed as payments in prod on eu-1 since 2026-01-31 12:01Z"):
            await work
    await delete_artifact(filled.registry, ADMINISTRATOR, API, BUILDS[2].digest)
    assert await check(filled.registry) == []


async def test_a_record_ends_the_one_before_and_says_the_same_only_once(filled: World) -> None:
    first = await deploy(filled, 1)
    before = await filled.events()
    assert (await deploy(filled, 1)).id == first.id
    assert await filled.events() == before

    second = await deploy(filled, 2)

    assert second.id != first.id
    running = await list_deployments(filled.registry, READER, ACME, limit=9)
    assert [each.id for each in running] == [second.id]
    history = await list_deployments(filled.registry, READER, ACME, history=True, limit=9)
    assert [(each.digest, each.until) for each in history] == [
        (BUILDS[1].digest, second.since),
        (BUILDS[2].digest, None),
    ]
    assert await check(filled.registry) == []


async def test_what_else_is_known_of_a_deployment_changes_while_it_lasts(filled: World) -> None:
    first = await deploy(filled, 1)
    known = Particulars.parse(tags={"team": "pay"}, risks=("internet-exposed",), repository="acme/api")

    done = await record_deployment(filled.registry, CLUSTER, API, name(1), place=PROD, particulars=known)

    assert (done.id, done.since, done.particulars.tags) == (first.id, first.since, {"team": "pay"})
    (listed,) = await list_deployments(filled.registry, READER, ACME, limit=9)
    assert listed.particulars == done.particulars
    assert await check(filled.registry) == []


async def test_the_last_three_that_ran_at_a_place_stay(filled: World) -> None:
    for number in (0, 1, 2, 1, 3, 4):
        await deploy(filled, number)

    assert await deletable(filled, BUILDS) == [0, 5, 6]
    with pytest.raises(Protected, match=r"to be rolled back to for payments in prod on eu-1, where it ran until 2026"):
        await delete_artifact(filled.registry, ADMINISTRATOR, API, BUILDS[2].digest)
    await delete_artifact(filled.registry, ADMINISTRATOR, API, BUILDS[0].digest)
    assert await check(filled.registry) == []


async def test_each_place_has_its_own_rollback_targets(filled: World) -> None:
    slow = Place(ACME, "prod", "payments", "us-1")
    await deploy(filled, 0, slow)
    await deploy(filled, 1, slow)
    for number in (2, 3, 4, 5, 6):
        await deploy(filled, number)

    assert await deletable(filled, BUILDS) == [2]


async def test_what_is_rolled_back_is_no_target_of_its_own(filled: World) -> None:
    for number in (0, 1, 2, 3, 4, 3):
        await deploy(filled, number)

    assert await deletable(filled, BUILDS) == [0, 5, 6]


async def test_a_namespace_says_how_many_stay(filled: World) -> None:
    for number in range(5):
        await deploy(filled, number)

    await set_namespace(filled.registry, ADMINISTRATOR, ACME, rollbacks=1)
    assert await deletable(filled, BUILDS) == [0, 1, 2, 5, 6]
    await delete_artifact(filled.registry, ADMINISTRATOR, API, BUILDS[2].digest)
    await set_namespace(filled.registry, ADMINISTRATOR, ACME, rollbacks=2)
    # What is gone cannot be rolled back to.
    assert await deletable(filled, BUILDS) == [0, 2, 5, 6]
    await set_namespace(filled.registry, ADMINISTRATOR, ACME, rollbacks=0)
    assert await deletable(filled, BUILDS) == [0, 1, 2, 3, 5, 6]
    for number in (-1, 101):
        with pytest.raises(Invalid):
            await set_namespace(filled.registry, ADMINISTRATOR, ACME, rollbacks=number)


async def test_what_was_decommissioned_may_be_rolled_back_to_for_a_month(filled: World) -> None:
    await deploy(filled, 0)
    await deploy(filled, 1)

    ended = await end_deployment(filled.registry, CLUSTER, PROD)

    assert ended.until == filled.clock.now()
    assert await deletable(filled, BUILDS) == [2, 3, 4, 5, 6]
    filled.clock.advance(days=30)
    assert await deletable(filled, BUILDS) == [0, 1, 2, 3, 4, 5, 6]
    assert await check(filled.registry) == []


async def test_the_end_of_what_was_replaced_meanwhile_ends_nothing_else(filled: World) -> None:
    await deploy(filled, 0)
    await deploy(filled, 1)
    before = await filled.events()

    ended = await end_deployment(filled.registry, CLUSTER, PROD, BUILDS[0].digest)

    assert ended.digest == BUILDS[0].digest
    assert await filled.events() == before
    assert [each.digest for each in await list_deployments(filled.registry, READER, ACME, limit=9)] == [
        BUILDS[1].digest
    ]
    with pytest.raises(DeploymentUnknown):
        await end_deployment(filled.registry, CLUSTER, PROD, BUILDS[2].digest)
    with pytest.raises(DeploymentUnknown):
        await end_deployment(filled.registry, CLUSTER, Place(ACME, "prod", "other"))


async def test_a_canary_is_a_service_of_its_own(filled: World) -> None:
    await deploy(filled, 0)
    await deploy(filled, 1, Place(ACME, "prod", "payments-canary", "eu-1"))

    assert await deletable(filled, BUILDS) == [2, 3, 4, 5, 6]


async def test_what_runs_runs_whole(world: World) -> None:
    one, two = image(b"one"), image(b"two")
    await world.push("acme/api", index(one, two), "1.0")
    await world.push("acme/api", index(two), "2.0")
    signature = await world.push("acme/api", referrer(one))
    await record_deployment(world.registry, CLUSTER, API, one.digest, place=PROD, particulars=NOTHING)

    for part in (one, signature):
        with pytest.raises(Protected, match="deployed as payments"):
            await delete_artifact(world.registry, ADMINISTRATOR, API, part.digest)
    # What a cluster reports of a list is the one manifest that it runs: the list may go.
    await delete_artifact(world.registry, ADMINISTRATOR, API, index(one, two).digest)
    await record_deployment(world.registry, CLUSTER, API, ReferenceName("2.0"), place=PROD, particulars=NOTHING)
    with pytest.raises(Protected, match="deployed as payments"):
        await delete_artifact(world.registry, ADMINISTRATOR, API, two.digest)


async def test_the_tag_that_something_was_deployed_by_stays(filled: World) -> None:
    await filled.push("acme/api", BUILDS[0], "stable")
    await record_deployment(filled.registry, CLUSTER, API, ReferenceName("stable"), place=PROD, particulars=NOTHING)
    await filled.push("acme/api", BUILDS[1], "stable")

    with pytest.raises(Protected, match="payments in prod on eu-1"):
        await delete_reference(filled.registry, ADMINISTRATOR, API, ReferenceName("stable"))
    await end_deployment(filled.registry, CLUSTER, PROD)
    await delete_reference(filled.registry, ADMINISTRATOR, API, ReferenceName("stable"))


# --- who may ---


async def test_who_may_not_deploy_records_nothing(filled: World) -> None:
    for nobody, error in (
        (READER, Denied),
        (caller("publisher"), Denied),
        (caller("deployer", "other"), PackageUnknown),
        (ANONYMOUS, Unauthenticated),
    ):
        with pytest.raises(error):
            await record_deployment(filled.registry, nobody, API, name(1), place=PROD, particulars=NOTHING)
    await deploy(filled, 1)
    for nobody, error in (
        (READER, Denied),
        (caller("deployer", "other"), NamespaceUnknown),
        (caller("deployer", pattern="web"), DeploymentUnknown),
        (ANONYMOUS, Unauthenticated),
    ):
        with pytest.raises(error):
            await end_deployment(filled.registry, nobody, PROD)


async def test_who_may_not_deploy_a_package_does_not_end_what_it_runs_as(filled: World) -> None:
    await filled.push("acme/web", BUILDS[1], "1.0")
    await deploy(filled, 0)
    web = caller("deployer", pattern="web")

    with pytest.raises(Denied, match="payments in prod") as refused:
        await record_deployment(filled.registry, web, package("acme/web"), name(1), place=PROD, particulars=NOTHING)

    assert "api" not in str(refused.value)
    other = Place(ACME, "prod", "web")
    await record_deployment(filled.registry, web, package("acme/web"), name(1), place=other, particulars=NOTHING)


async def test_what_is_not_there_does_not_run(filled: World) -> None:
    with pytest.raises(ReferenceUnknown):
        await record_deployment(filled.registry, CLUSTER, API, name(9), place=PROD, particulars=NOTHING)
    with pytest.raises(PackageUnknown):
        await record_deployment(
            filled.registry, CLUSTER, package("acme/none"), name(1), place=PROD, particulars=NOTHING
        )
    with pytest.raises(ArtifactUnknown):
        await record_deployment(filled.registry, CLUSTER, API, Digest.of(b"nothing"), place=PROD, particulars=NOTHING)


# --- what others report ---


def told(digest: Digest, called: str = "", *, running: bool = True, service: str = "payments") -> Report:
    return Report(Place(ACME, "prod", service, "eu-1"), digest, NOTHING, called, running)


async def test_a_report_finds_the_package_by_the_digest(filled: World) -> None:
    (done,) = await report(filled.registry, CLUSTER, ACME, [told(BUILDS[1].digest, "whatever")])

    assert (done.package, done.digest) == (API, BUILDS[1].digest)
    with pytest.raises(ArtifactUnknown):
        await report(filled.registry, CLUSTER, ACME, [told(Digest.of(b"nothing"), "api")])


@pytest.mark.parametrize("called", ["api", "acme/api", "oci/api", "registry.example.com/acme/api:1.0", "h:80/acme/api"])
async def test_of_several_packages_the_one_is_meant_that_is_so_called(filled: World, called: str) -> None:
    await filled.push("acme/team/api-mirror", BUILDS[1])
    await filled.push("acme/web", BUILDS[1])

    (done,) = await report(filled.registry, CLUSTER, ACME, [told(BUILDS[1].digest, called)])

    assert done.package == API
    with pytest.raises(Invalid, match="acme/oci/api, acme/oci/team/api-mirror, acme/oci/web"):
        await report(filled.registry, CLUSTER, ACME, [told(BUILDS[1].digest, "app")])
    only = caller("deployer", pattern="web")
    (mine,) = await report(filled.registry, only, ACME, [told(BUILDS[1].digest, "app", service="web")])
    assert mine.package == package("acme/web")


async def test_nothing_is_recorded_of_a_report_with_something_unknown_in_it(filled: World) -> None:
    reports = [told(BUILDS[0].digest), told(Digest.of(b"nothing"), service="web")]

    with pytest.raises(ArtifactUnknown):
        await report(filled.registry, CLUSTER, ACME, reports)

    assert await list_deployments(filled.registry, READER, ACME, limit=9) == []


async def test_a_report_ends_what_does_not_run_any_more(filled: World) -> None:
    await report(filled.registry, CLUSTER, ACME, [told(BUILDS[0].digest), told(BUILDS[1].digest, service="web")])

    await report(
        filled.registry,
        CLUSTER,
        ACME,
        [told(BUILDS[2].digest), told(BUILDS[1].digest, running=False, service="web")],
    )

    running = await list_deployments(filled.registry, READER, ACME, limit=9)
    assert [(each.place.service, each.digest) for each in running] == [("payments", BUILDS[2].digest)]
    assert await check(filled.registry) == []


# --- values ---


@pytest.mark.parametrize(
    "given",
    [
        {"environment": ""},
        {"environment": "x" * 129},
        {"service": "x" * 257},
        {"service": "a\nb"},
        {"cluster": "x" * 129},
        {"region": " eu"},
        {"service": "\x1b[2J"},
    ],
    ids=repr,
)
def test_a_place_is_short_and_printable(given: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        Place.parse(ACME, **{"environment": "prod", "service": "payments", **given})


@pytest.mark.parametrize(
    "given",
    [
        {"version": "x" * 129},
        {"tags": {str(number): "" for number in range(33)}},
        {"tags": {"": "x"}},
        {"tags": {"x": "\n"}},
        {"risks": ("sunburn",)},
        {"repository": "x" * 257},
    ],
    ids=["version", "tags", "no key", "a line", "risk", "repository"],
)
def test_particulars_are_short_and_printable(given: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        Particulars.parse(**given)  # type: ignore[arg-type]  # one at a time


def test_a_place_reads_as_people_say_it() -> None:
    assert str(PROD) == "payments in prod on eu-1"
    assert str(Place(ACME, "prod", "payments")) == "payments in prod"
    assert str(Place(ACME, "prod", "payments", "k8s", "eu")) == "payments in prod on k8s (eu)"


# --- who is told ---


async def test_a_policy_may_ask_where_something_runs(filled: World) -> None:
    await deploy(filled, 1)
    await deploy(filled, 1, Place(ACME, "staging", "payments"))

    plans = [
        await plan_promotion(filled.registry, ADMINISTRATOR, API, name(number), parse_channel("prod"))
        for number in (1, 2)
    ]

    assert [plan.facts["deployed"] for plan in plans] == [("prod", "staging"), ()]


async def test_why_says_what_keeps_something_and_who_says_so(filled: World) -> None:
    await deploy(filled, 0)
    await deploy(filled, 1)

    running = await why(filled.registry, READER, API, name(1))
    earlier = await why(filled.registry, READER, API, name(0))

    (deployed,) = running.protections
    assert (deployed.kind, deployed.actor, deployed.place, deployed.until) == (
        ProtectionKind.DEPLOYED,
        "eu-1",
        PROD,
        None,
    )
    assert running.kept[-1] == "it is deployed as payments in prod on eu-1 since 2026-01-31 12:02Z"
    prod = next(each for each in running.standings if each.view.channel == "prod")
    assert prod.text == "it is not cleared, and it is deployed as payments in prod on eu-1 since 2026-01-31 12:02Z"
    assert [each.kind for each in earlier.protections] == [ProtectionKind.ROLLBACK]


async def test_what_runs_is_taken_out_of_a_channel_with_a_warning(filled: World) -> None:
    await filled.clear("acme/api", BUILDS[1].digest)
    await deploy(filled, 1)

    done = await unpromote(filled.registry, caller("promoter"), API, name(1), parse_channel("prod"))

    assert [each.place for each in done.running] == [PROD]


async def test_where_something_runs_is_not_for_everybody(filled: World) -> None:
    await filled.namespace("open", public=True)
    open_api = package("open/api")
    await filled.push("open/api", BUILDS[0], "1.0")
    place = Place(View.parse("open").namespace, "prod", "payments")
    await record_deployment(filled.registry, ADMINISTRATOR, open_api, name(1), place=place, particulars=NOTHING)

    told = await why(filled.registry, READER, open_api, name(1))

    assert told.protections == ()
    assert not any("payments" in line for line in told.kept)
