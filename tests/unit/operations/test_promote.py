from __future__ import annotations

import asyncio
import threading
from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot import followers
from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    ClearanceUnknown,
    Denied,
    Invalid,
    InvalidPolicy,
    NameTaken,
    PackageUnknown,
    PolicyUnknown,
    PromotionUnknown,
    ReferenceUnknown,
    StaleRevision,
    Unauthenticated,
    VersionSealed,
)
from entrepot.model.names import NamespaceName, ReferenceName, View, parse_channel
from entrepot.model.policy import Door, Mode, Policy
from entrepot.model.position import START, Position
from entrepot.model.promotion import ChannelRules, PromotionState
from entrepot.model.signer import Signer, SignerKind, SignerName
from entrepot.operations.block import block
from entrepot.operations.check import check
from entrepot.operations.follow import introduce
from entrepot.operations.mark import yank
from entrepot.operations.policies import list_policies, remove_policy, replay_policy, set_policy, try_policies
from entrepot.operations.promote import (
    Unpromoted,
    approve,
    list_promotions,
    list_rules,
    plan_promotion,
    promote,
    refuse,
    set_rules,
    settle_promotion,
    unpromote,
)
from entrepot.operations.promote_due import promote_due
from entrepot.operations.resolve import resolve
from entrepot.operations.signers import add_signer
from entrepot.policy.defaults import DEFAULTS
from entrepot.ports.catalog import Transaction
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, open_world, package, referrer
from entrepot.trust.signing import LocalKey

API, ACME = package("acme/api"), NamespaceName("acme")
DEV, STAGING, PROD = (parse_channel(name) for name in ("dev", "staging", "prod"))
V1 = ReferenceName("1.0")
PAT, ANN, BOB = (caller("promoter", name=name) for name in ("pat", "ann", "bob"))
MAINTAINER = caller("maintainer")
BUILT = image(b"layer", annotations={"team": "blue"})
BLUE = Policy(
    "blue", Door.PROMOTION, "annotations['team'] == 'blue'", namespace=ACME, description="Not the blue team's."
)
RED = replace(
    BLUE, name="red", condition="annotations['team'] == 'red'", message="'it is the ' + annotations['team'] + ' team'"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A registry with a key to sign with."""
    async with open_world(tmp_path, signing=LocalKey.generate()) as opened:
        await opened.namespace("acme")
        yield opened


@pytest.fixture(autouse=True)
async def _pushed(world: World) -> None:
    """A version; of the defaults only the one that needs no examination."""
    for default in DEFAULTS:
        if default.name != "not-yanked":
            await set_policy(world.registry, MAINTAINER, replace(default, namespace=ACME, mode=Mode.OFF))
    await world.push("acme/api", BUILT, "1.0", sealed=False)


async def test_the_defaults_wait_for_what_is_not_examined_yet(world: World) -> None:
    for default in DEFAULTS:
        if default.name != "not-yanked":
            await remove_policy(world.registry, MAINTAINER, ACME, default.name)

    waiting = await promote(world.registry, PAT, API, V1, PROD)

    assert waiting.state is PromotionState.PROPOSED
    assert "known-content: sbom.present is not known yet" in waiting.refusals
    assert "signed-where-signers-are-registered: signed.registered is not known yet" in waiting.refusals
    await world.settle()
    plan = await plan_promotion(world.registry, PAT, API, V1, PROD)
    assert plan.facts["signed.known"] is True
    assert plan.facts["sbom.known"] is True
    assert plan.facts["findings.enabled"] is False


async def test_a_plan_waits_for_what_its_examiners_find_out_for_each_other(world: World) -> None:
    await remove_policy(world.registry, MAINTAINER, ACME, "known-content")
    await introduce(world.registry)
    async with world.client(await world.token("publisher")) as client:
        assert (await client.put("/files/acme/tool/1.0/tool", content=b"a tool")).status_code == 201
    tool = package("acme/tool", format="generic")

    planning = asyncio.create_task(plan_promotion(world.registry, PAT, tool, V1, PROD, seconds=60))
    for follower in followers.ALL:
        entries = await world.catalog.list_entries(after=START, limit=100)
        await follower.handle(world.registry, entries)
        await world.catalog.write(partial(_move, follower.name, entries[-1].position))
    await asyncio.wait({planning}, timeout=0.2)
    await world.settle()

    assert (await planning).decision.refusals == ()


def _move(name: str, position: Position, change: Transaction) -> None:
    change.cursors.move(name, position)


async def test_what_nothing_is_in_the_way_of_is_promoted_sealed_and_on_record(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, BLUE)

    done = await promote(world.registry, PAT, API, V1, PROD, reason="release")

    assert (done.state, done.actor, done.reason) == (PromotionState.APPLIED, "pat", "release")
    assert done.facts["annotations"] == {"team": "blue"}
    assert done.policies["blue@1"] == BLUE.digest
    found = await resolve(world.registry, caller("reader", "acme.prod"), View.parse("acme.prod"), API, name=V1)
    assert found.digest == BUILT.digest
    with pytest.raises(VersionSealed):
        await world.push("acme/api", image(b"layer", b"more"), "1.0", sealed=False)
    (kept,) = await list_promotions(world.registry, PAT, ACME, API, limit=9)
    assert kept == done
    assert await check(world.registry) == []


async def test_a_plan_says_all_and_changes_nothing(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, RED)
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=2, ordered=True))
    before = await world.events()

    plan = await plan_promotion(world.registry, PAT, API, V1, PROD)

    assert not plan.decision.allowed
    assert plan.decision.refusals == (
        "it is not in staging, which comes before prod",
        "0 of 2 approvals",
        "red: it is the blue team",
    )
    assert await world.events() == before


async def test_a_refusal_is_an_event_with_its_reasons(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, RED)

    refused = await promote(world.registry, PAT, API, V1, PROD)

    assert refused.state is PromotionState.REFUSED
    assert refused.refusals == ("red: it is the blue team",)
    (entry,) = await world.catalog.list_entries(after=(await world.catalog.head())[0] - 1, limit=1)  # type: ignore[arg-type]
    assert entry.event.type == "dev.entrepot.promotion.refused.v1"
    assert await world.catalog.find_package(View.parse("acme.prod"), API) is None
    assert await check(world.registry) == []


@pytest.mark.parametrize(("policy", "result"), [(BLUE, "PASSED"), (RED, "FAILED")])
async def test_a_decision_is_a_signed_summary_beside_the_artifact(world: World, policy: Policy, result: str) -> None:
    await set_policy(world.registry, MAINTAINER, policy)

    done = await promote(world.registry, PAT, API, V1, PROD)

    assert done.statement is not None
    found = await world.catalog.list_referrers(
        View.parse("acme"), API, BUILT.digest, artifact_type=None, after="", limit=9
    )
    assert [each.digest for each in found] == [done.statement]
    summary = await _statement(world, done.statement)
    assert summary["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert summary["subject"][0]["digest"] == {"sha256": BUILT.digest.hex}
    assert summary["predicate"]["verificationResult"] == result
    assert summary["predicate"]["entrepot"]["policies"][f"{policy.name}@1"] == policy.digest
    await world.settle()
    (row,) = await world.catalog.attestations.list_attestations(API, [BUILT.digest])
    assert (row.attestation.holder, row.verified) == (done.statement, True)
    # Who sees the artifact through the channel sees why.
    through = await world.catalog.list_referrers(
        View.parse("acme.prod"), API, BUILT.digest, artifact_type=None, after="", limit=9
    )
    assert [each.digest for each in through] == ([done.statement] if result == "PASSED" else [])


async def _statement(world: World, digest: Digest) -> Any:
    manifest = await world.catalog.find_artifact(View.parse("acme"), API, digest=digest)
    assert manifest is not None
    layer = Digest.parse(msgspec.json.decode(manifest.content)["layers"][0]["digest"])
    blob = await world.catalog.find_blob(View.parse("acme"), API, layer)
    assert blob is not None
    content = blob.content or b"".join([piece async for piece in world.registry.blobs.read(layer)])
    return msgspec.json.decode(b64decode(msgspec.json.decode(content)["dsseEnvelope"]["payload"]))


class _SlowKey:
    """A key behind a slow network."""

    def __init__(self) -> None:
        self._key = LocalKey.generate()
        self.public_key = self._key.public_key
        self.began, self.may_end = threading.Event(), threading.Event()

    def sign(self, message: bytes) -> bytes:
        self.began.set()
        assert self.may_end.wait(60)
        return self._key.sign(message)


async def test_who_is_believed_no_more_while_a_promotion_is_decided_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "slow").mkdir()
    async with open_world(tmp_path / "slow", signing=(key := _SlowKey())) as world:
        await world.namespace("acme")
        for default in DEFAULTS:
            await set_policy(world.registry, MAINTAINER, replace(default, namespace=ACME, mode=Mode.OFF))
        await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="signed.registered == 0"))
        await world.push("acme/api", BUILT, "1.0")
        await world.settle()
        deciding = asyncio.create_task(promote(world.registry, PAT, API, V1, PROD))
        assert await asyncio.to_thread(key.began.wait, 60)
        material = {"key": LocalKey.generate().public_key.pem}

        await add_signer(world.registry, MAINTAINER, Signer(SignerName("new"), SignerKind.KEY, material, ACME))
        key.may_end.set()

        assert (await deciding).state is PromotionState.REFUSED


async def test_an_unknown_fact_refuses_and_says_which(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="secrets.count == 0"))

    waiting = await promote(world.registry, PAT, API, V1, PROD, seconds=0)

    assert waiting.state is PromotionState.PROPOSED
    assert waiting.refusals == ("blue: secrets.count is not known yet",)


async def test_approvals_of_distinct_people_who_did_not_propose_it_apply_it(world: World) -> None:
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=2))
    proposed = await promote(world.registry, PAT, API, V1, PROD)
    assert (proposed.state, proposed.refusals) == (PromotionState.PROPOSED, ("0 of 2 approvals",))

    with pytest.raises(Denied, match="pat proposed it"):
        await approve(world.registry, PAT, proposed.id)
    once = await approve(world.registry, ANN, proposed.id, note="tested")
    assert once.state is PromotionState.PROPOSED
    with pytest.raises(NameTaken):
        await approve(world.registry, ANN, proposed.id)
    done = await approve(world.registry, BOB, proposed.id)

    assert done.state is PromotionState.APPLIED
    assert [(each.principal, each.note) for each in done.approvals] == [("ann", "tested"), ("bob", "")]
    assert done.facts["approvals.by"] == ["ann", "bob"]
    assert (await list_promotions(world.registry, PAT, ACME, limit=9))[0].id == proposed.id
    with pytest.raises(PromotionUnknown):
        await approve(world.registry, BOB, proposed.id)
    assert await check(world.registry) == []


async def test_who_proposes_may_approve_where_the_channel_allows_it(world: World) -> None:
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=1, self_approval=True))
    proposed = await promote(world.registry, PAT, API, V1, PROD)

    assert (await approve(world.registry, PAT, proposed.id)).state is PromotionState.APPLIED


async def test_an_approval_of_ones_own_counts_for_policies_only_while_the_channel_allows_it(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="approvals.count >= 2"))
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=1, self_approval=True))
    proposed = await promote(world.registry, PAT, API, V1, PROD)
    await approve(world.registry, PAT, proposed.id)

    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=1))
    still = await approve(world.registry, ANN, proposed.id)

    assert still.state is PromotionState.PROPOSED
    assert (await approve(world.registry, BOB, proposed.id)).facts["approvals.by"] == ["ann", "bob"]


async def test_a_policy_that_counts_approvals_waits_for_them(world: World) -> None:
    await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="'bob' in approvals.by"))
    proposed = await promote(world.registry, PAT, API, V1, PROD)
    assert proposed.state is PromotionState.PROPOSED

    assert (await approve(world.registry, ANN, proposed.id)).state is PromotionState.PROPOSED
    assert (await approve(world.registry, BOB, proposed.id)).state is PromotionState.APPLIED


async def test_what_is_refused_by_somebody_is_not_applied(world: World) -> None:
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=1))
    proposed = await promote(world.registry, PAT, API, V1, PROD)

    refused = await refuse(world.registry, ANN, proposed.id, reason="not on a Friday")

    assert (refused.state, refused.refusals) == (PromotionState.REFUSED, ("ann refuses it: not on a Friday",))
    with pytest.raises(PromotionUnknown):
        await approve(world.registry, BOB, proposed.id)
    assert (await promote(world.registry, PAT, API, V1, PROD)).id != proposed.id


async def test_soak_time_counts_from_the_channel_before(world: World) -> None:
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(soak=timedelta(days=3)))
    away = await promote(world.registry, PAT, API, V1, PROD)
    assert (away.state, away.refusals) == (
        PromotionState.REFUSED,
        ("it is not in staging, which comes before prod",),
    )
    await promote(world.registry, PAT, API, V1, STAGING)
    world.clock.advance(hours=50)

    waiting = await promote(world.registry, PAT, API, V1, PROD)

    assert waiting.refusals == ("it has been in staging for 2 days of 3 days",)
    world.clock.advance(hours=23)
    assert (await settle_promotion(world.registry, PAT, waiting)).state is PromotionState.APPLIED


async def test_a_blocked_version_is_not_promoted(world: World) -> None:
    await block(world.registry, PAT, API, V1, reason="a coin miner")

    refused = await promote(world.registry, PAT, API, V1, PROD)

    assert refused.refusals == ("it is blocked: a coin miner",)
    assert refused.state is PromotionState.REFUSED


async def test_the_default_policies_hold_until_they_are_replaced(world: World) -> None:
    await world.push("acme/api", image(b"other"), "2.0")
    await yank(world.registry, ADMINISTRATOR, API, ReferenceName("2.0"), reason="broken")

    refused = await promote(world.registry, PAT, API, ReferenceName("2.0"), PROD)
    assert "not-yanked: The version is yanked." in refused.refusals
    assert (await promote(world.registry, PAT, API, ReferenceName("2.0"), DEV)).state is PromotionState.APPLIED

    await set_policy(world.registry, MAINTAINER, Policy("not-yanked", Door.PROMOTION, "true", ACME, Mode.OFF))
    assert (await promote(world.registry, PAT, API, ReferenceName("2.0"), PROD)).state is PromotionState.APPLIED


async def test_a_plan_that_is_not_what_it_was_is_not_applied(world: World) -> None:
    plan = await plan_promotion(world.registry, PAT, API, V1, PROD)
    await set_policy(world.registry, MAINTAINER, BLUE)

    with pytest.raises(StaleRevision):
        await promote(world.registry, PAT, API, V1, PROD, expected=plan.token)

    plan = await plan_promotion(world.registry, PAT, API, V1, PROD)
    assert (await promote(world.registry, PAT, API, V1, PROD, expected=plan.token)).state is PromotionState.APPLIED


async def test_promoting_again_changes_nothing(world: World) -> None:
    await promote(world.registry, PAT, API, V1, PROD)
    before = await world.events()

    again = await promote(world.registry, PAT, API, V1, PROD)

    assert again.state is PromotionState.APPLIED
    assert await world.events() == before


async def test_what_is_taken_out_is_seen_no_more_and_can_come_back(world: World) -> None:
    await world.push("acme/api", referrer(BUILT))
    await promote(world.registry, PAT, API, V1, PROD)

    assert await unpromote(world.registry, PAT, API, V1, PROD, reason="it crashes") == Unpromoted(BUILT.digest, [])

    assert await world.catalog.find_package(View.parse("acme.prod"), API) is None
    with pytest.raises(ClearanceUnknown):
        await unpromote(world.registry, PAT, API, V1, PROD)
    assert (await promote(world.registry, PAT, API, V1, PROD)).state is PromotionState.APPLIED
    assert await check(world.registry) == []


async def test_a_policy_has_versions_and_the_same_again_is_none(world: World) -> None:
    first = await set_policy(world.registry, MAINTAINER, BLUE)
    second = await set_policy(world.registry, MAINTAINER, replace(BLUE, mode=Mode.WARN))
    again = await set_policy(world.registry, MAINTAINER, replace(BLUE, mode=Mode.WARN))

    assert (first.version, second.version, again.version) == (1, 2, 2)
    await remove_policy(world.registry, MAINTAINER, ACME, "blue")
    with pytest.raises(PolicyUnknown):
        await remove_policy(world.registry, MAINTAINER, ACME, "blue")
    assert "blue" not in {each.name for each in await list_policies(world.registry, PAT, ACME)}
    history = await list_policies(world.registry, PAT, ACME, history=True)
    assert [(each.version, each.mode, each.until_position is None) for each in history if each.name == "blue"] == [
        (1, Mode.ENFORCE, False),
        (2, Mode.WARN, False),
    ]
    assert (await set_policy(world.registry, MAINTAINER, BLUE)).version == 3
    assert await check(world.registry) == []


async def test_a_policy_is_tried_on_a_version_before_it_is_set(world: World) -> None:
    trial = await try_policies(world.registry, PAT, API, V1, door=Door.PROMOTION, channel=PROD, draft=RED)

    assert "red: it is the blue team" in trial.decision.refusals
    assert trial.facts["name"] == "api"
    assert "red" not in {each.name for each in await list_policies(world.registry, PAT, ACME)}


async def test_a_policy_is_held_against_the_promotions_of_the_past(world: World) -> None:
    await promote(world.registry, PAT, API, V1, PROD)
    world.clock.advance(days=100)
    await world.push("acme/api", image(b"red", annotations={"team": "red"}), "2.0")
    await promote(world.registry, PAT, API, ReferenceName("2.0"), PROD)

    quarter = await replay_policy(world.registry, PAT, BLUE, over=timedelta(days=91))
    longer = await replay_policy(world.registry, PAT, BLUE, over=timedelta(days=365))

    assert [(each.version, each.allowed, each.text) for each in quarter] == [("2.0", False, "Not the blue team's.")]
    assert [each.allowed for each in longer] == [False, True]


@pytest.mark.parametrize(
    ("by", "error"),
    [
        (ANONYMOUS, Unauthenticated),
        (caller("reader"), Denied),
        (caller("publisher"), Denied),
        (caller("promoter", "zeta"), PackageUnknown),
    ],
)
async def test_who_may_not_promote_neither_promotes_nor_takes_out(
    world: World, by: Caller, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await promote(world.registry, by, API, V1, PROD)
    with pytest.raises(error):
        await unpromote(world.registry, by, API, V1, PROD)


async def test_policies_and_rules_are_for_who_governs(world: World) -> None:
    with pytest.raises(Denied):
        await set_policy(world.registry, PAT, BLUE)
    with pytest.raises(Denied):
        await set_rules(world.registry, PAT, ACME, PROD, ChannelRules(approvals=1))
    with pytest.raises(ChannelUnknown):
        await set_policy(world.registry, MAINTAINER, replace(BLUE, channels=(parse_channel("moon"),)))
    with pytest.raises(InvalidPolicy):
        await set_policy(world.registry, MAINTAINER, replace(BLUE, condition="team == 'blue'"))
    with pytest.raises(InvalidPolicy, match="no channels"):
        await set_policy(world.registry, MAINTAINER, replace(BLUE, door=Door.ADMISSION, channels=(PROD,)))
    with pytest.raises(Invalid):
        await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(approvals=1000))
    assert (await list_rules(world.registry, PAT, ACME))[PROD] == ChannelRules()


async def test_what_is_not_there_is_not_promoted(world: World) -> None:
    with pytest.raises(ReferenceUnknown):
        await promote(world.registry, PAT, API, ReferenceName("9.9"), PROD)
    with pytest.raises(ArtifactUnknown):
        await promote(world.registry, PAT, API, image(b"?").digest, PROD)
    with pytest.raises(ChannelUnknown):
        await promote(world.registry, PAT, API, V1, parse_channel("moon"))


async def test_what_waits_is_promoted_by_itself_once_nothing_is_in_the_way(world: World) -> None:
    await set_rules(world.registry, MAINTAINER, ACME, PROD, ChannelRules(soak=timedelta(days=1), automatic=True))
    await set_rules(world.registry, MAINTAINER, ACME, STAGING, ChannelRules(soak=timedelta(hours=1)))
    await promote(world.registry, PAT, API, V1, DEV)
    await promote(world.registry, PAT, API, V1, STAGING)
    assert await promote_due(world.registry) == 0
    world.clock.advance(hours=2)

    assert await promote_due(world.registry) == 1

    world.clock.advance(days=1)
    assert await promote_due(world.registry) == 1
    assert await promote_due(world.registry) == 0
    newest, waited = await list_promotions(world.registry, PAT, ACME, limit=2)
    assert (newest.channel, newest.actor, newest.reason) == (PROD, "schedule:promote", "automatic")
    assert (waited.channel, waited.actor, waited.state) == (STAGING, "pat", PromotionState.APPLIED)
    await unpromote(world.registry, PAT, API, V1, PROD)
    assert await promote_due(world.registry) == 0
    assert await check(world.registry) == []
