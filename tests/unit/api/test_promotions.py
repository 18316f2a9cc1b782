from __future__ import annotations

import asyncio

import pytest

from entrepot.model.position import START
from entrepot.operations.facts import EXAMINERS
from entrepot.operations.follow import introduce
from entrepot.policy.defaults import DEFAULTS
from entrepot.ports.catalog import Transaction
from tests.unit.api.world import World

API = "/api/v1/packages/acme/oci/api"
ACME = "/api/v1/namespaces/acme"
RED = {"door": "promotion", "condition": "annotations['team'] == 'red'", "description": "Not the red team's."}


@pytest.fixture
async def promoter(world: World) -> str:
    await world.namespace()
    await world.image("1.0", annotations={"team": "blue"})
    # Nothing examines what is published here.
    for policy in DEFAULTS:
        await world.ask(
            "PUT", f"{ACME}/policies/{policy.name}", {"door": "promotion", "condition": "true", "mode": "off"}
        )
    return await world.token("promoter")


async def test_a_promotion_is_planned_applied_listed_and_taken_back(world: World, promoter: str) -> None:
    plan = await world.ask("GET", f"{API}/-/promotions/prod/1.0", token=promoter)
    applied = await world.ask(
        "POST", f"{API}/-/promotions/prod/1.0", {"reason": "r1", "plan": plan.json["token"]}, token=promoter
    )

    assert (plan.status, plan.json["decision"]["allowed"], plan.json["cleared"]) == (200, True, False)
    assert (applied.json["state"], applied.json["reason"]) == ("applied", "r1")
    assert (await world.ask("GET", f"{API}/-/promotions")).items == [applied.json]
    assert (await world.ask("GET", f"{ACME}/promotions")).items == [applied.json]
    assert (await world.ask("GET", f"/api/v1/promotions/{applied.json['id']}")).json == applied.json
    assert (await world.ask("GET", "/api/v1/packages/acme.prod/oci/api")).status == 200
    assert (await world.ask("DELETE", f"{API}/-/promotions/prod/1.0?reason=no", token=promoter)).json["warnings"] == []
    assert (await world.ask("GET", "/api/v1/packages/acme.prod/oci/api")).status == 404
    again = await world.ask("DELETE", f"{API}/-/promotions/prod/1.0", token=promoter)
    assert (again.status, again.code) == (404, "clearance-unknown")


async def test_a_plan_waits_for_what_the_promotion_would_wait_for(world: World) -> None:
    await world.namespace()
    await world.image("1.0")
    token = await world.token("promoter")
    await introduce(world.registry)
    last = (await world.registry.catalog.list_entries(after=START, limit=100))[-1]

    def examine(change: Transaction) -> None:
        for examiner in EXAMINERS:
            change.cursors.move(examiner, last.position)

    planning = asyncio.create_task(world.ask("GET", f"{API}/-/promotions/prod/1.0", token=token))
    await asyncio.wait({planning}, timeout=0.2)
    await world.registry.catalog.write(examine)

    refusals = (await planning).json["decision"]["refusals"]
    assert "known-content: sbom.present is not known yet" not in refusals
    assert "signed-where-signers-are-registered: signed.registered is not known yet" not in refusals


async def test_a_policy_is_set_tried_asked_and_removed(world: World, promoter: str) -> None:
    tried = await world.ask("POST", f"{API}/-/policies/1.0", {"channel": "prod", "name": "red", "draft": RED})
    made = await world.ask("PUT", f"{ACME}/policies/red", RED)
    refused = await world.ask("POST", f"{API}/-/promotions/prod/1.0", token=promoter)

    assert tried.json["decision"]["refusals"] == ["red: Not the red team's."]
    assert (made.status, made.json["version"]) == (200, 1)
    assert refused.json["state"] == "refused"
    assert refused.json["refusals"] == ["red: Not the red team's."]
    assert refused.json["facts"]["annotations"] == {"team": "blue"}
    names = [item["name"] for item in (await world.ask("GET", f"{ACME}/policies")).items]
    assert "red" in names
    assert names == sorted(names)
    replayed = await world.ask("POST", f"{ACME}/policies/red/replay", {"policy": RED, "days": 30})
    assert (replayed.json["refused"], replayed.json["items"][0]["version"]) == (1, "1.0")
    assert (await world.ask("DELETE", f"{ACME}/policies/red")).status == 204
    assert (await world.ask("DELETE", f"{ACME}/policies/red")).code == "policy-unknown"
    history = (await world.ask("GET", f"{ACME}/policies?history=1")).items
    assert [each["version"] for each in history if each["name"] == "red"] == [1]


async def test_what_cannot_be_asked_is_refused_with_its_place(world: World, promoter: str) -> None:
    answer = await world.ask("PUT", f"{ACME}/policies/red", {**RED, "condition": "nmae == 'x'"})

    assert (answer.status, answer.code) == (400, "invalid-policy")
    assert "line 1, column 1" in answer.json["detail"]
    assert (await world.ask("PUT", f"{ACME}/policies/red", RED, token=promoter)).status == 403
    assert (await world.ask("PUT", f"{ACME}/policies/red", {**RED, "channels": ["moon"]})).code == "channel-unknown"


async def test_a_channel_asks_for_approvals_and_gets_them(world: World, promoter: str) -> None:
    rules = {"approvals": 1, "self_approval": False, "soak_seconds": 0, "ordered": False, "automatic": False}
    set_ = await world.ask("PUT", f"{ACME}/channels/prod", rules)
    proposed = await world.ask("POST", f"{API}/-/promotions/prod/1.0", token=promoter)
    approver = await world.token("approver")

    assert set_.json == {"channel": "prod", "view": "acme.prod", "rules": rules}
    assert [item["channel"] for item in (await world.ask("GET", f"{ACME}/channels")).items] == [
        "dev",
        "staging",
        "prod",
    ]
    assert proposed.json["state"] == "proposed"
    address = f"/api/v1/promotions/{proposed.json['id']}"
    assert (await world.ask("GET", f"{ACME}/promotions?open=1")).items == [proposed.json]
    assert (await world.ask("POST", f"{address}/approve", token=promoter)).status == 403
    done = await world.ask("POST", f"{address}/approve", {"note": "ok"}, token=approver)
    assert done.json["state"] == "applied"
    assert [each["principal"] for each in done.json["approvals"]] == ["approver-robot"]
    assert (await world.ask("POST", f"{address}/refuse", token=approver)).code == "promotion-unknown"


async def test_somebody_refuses_what_is_proposed(world: World, promoter: str) -> None:
    await world.ask("PUT", f"{ACME}/channels/prod", {"approvals": 1})
    proposed = await world.ask("POST", f"{API}/-/promotions/prod/1.0", token=promoter)

    done = await world.ask("POST", f"/api/v1/promotions/{proposed.json['id']}/refuse", {"reason": "Friday"})

    assert done.json["state"] == "refused"
    assert "Friday" in done.json["refusals"][0]


async def test_a_block_hides_says_why_and_is_taken_back(world: World, promoter: str) -> None:
    blocked = await world.ask("PUT", f"{API}/-/blocks/1.0", {"reason": "a coin miner"}, token=promoter)
    shown = await world.ask("GET", f"{API}/-/artifacts/1.0")

    assert (blocked.json["kind"], blocked.json["reason"]) == ("blocked", "a coin miner")
    assert (shown.status, shown.code) == (403, "policy-denied")
    assert "a coin miner" in shown.json["detail"]
    assert (await world.ask("GET", f"{ACME}/blocks")).items == [blocked.json]
    why = (await world.ask("GET", f"{API}/-/why/1.0")).json
    assert why["block"] == blocked.json
    assert why["views"][0]["visible"] is False
    assert (await world.ask("DELETE", f"{API}/-/blocks/1.0", token=promoter)).status == 204
    assert (await world.ask("DELETE", f"{API}/-/blocks/1.0", token=promoter)).code == "block-unknown"
    assert (await world.ask("GET", f"{API}/-/artifacts/1.0")).status == 200
    assert (
        await world.ask("PUT", f"{API}/-/blocks/1.0", {"reason": "x"}, token=await world.token("reader"))
    ).status == 403
    quarantined = await world.ask("PUT", f"{API}/-/blocks/1.0", {"reason": "?", "quarantine": True})
    assert (await world.ask("GET", f"{API}/-/artifacts/1.0")).code == "quarantined"
    assert quarantined.json["kind"] == "quarantined"


async def test_why_says_all(world: World, promoter: str) -> None:
    await world.ask("PUT", f"{ACME}/policies/red", RED)
    await world.ask("POST", f"{API}/-/promotions/dev/1.0")

    why = (await world.ask("GET", f"{API}/-/why/1.0", token=promoter)).json

    assert [(each["view"], each["visible"]) for each in why["views"]] == [
        ("acme", True),
        ("acme.dev", True),
        ("acme.staging", False),
        ("acme.prod", False),
    ]
    assert why["kept"] == ["the version 1.0 means it", "it is cleared for dev"]
    assert [(each["channel"], each["decision"]["refusals"]) for each in why["promotable"]] == [
        ("staging", ["red: Not the red team's."]),
        ("prod", ["red: Not the red team's."]),
    ]
    assert why["found"]["complete"] is False
    assert (await world.ask("GET", f"{API}/-/why/9.9")).code == "reference-unknown"


async def test_the_facts_are_listed(world: World) -> None:
    facts = (await world.ask("GET", "/api/v1/policy-facts?limit=1000")).items

    assert {
        "name": "name",
        "type": "string",
        "meaning": "The package's name, as its format spells it.",
        "at_once": True,
    } in facts


async def test_a_stranger_learns_of_no_promotion(world: World, promoter: str) -> None:
    applied = await world.ask("POST", f"{API}/-/promotions/prod/1.0", token=promoter)
    await world.namespace("zeta")
    stranger = await world.token("promoter", "zeta", name="stranger")

    for path in (f"/api/v1/promotions/{applied.json['id']}", f"{API}/-/promotions", f"{API}/-/why/1.0"):
        assert (await world.ask("GET", path, token=stranger)).status == 404
    for path in (f"{ACME}/promotions", f"{ACME}/policies", f"{ACME}/blocks", f"{ACME}/channels"):
        assert (await world.ask("GET", path, token=stranger)).status in (403, 404)
