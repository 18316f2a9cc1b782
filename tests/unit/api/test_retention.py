"""What stays and what goes, asked for through the API by the SDK's shapes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.model.access import Role
from entrepot.operations.pulls import write_pulls
from entrepot.testing.builders import World, image, open_world

RULES = {"rules": [{"name": "last-two", "last": 2}]}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace()
        for number in range(4):
            await world.push("acme/api", image(b"layer %d" % number * 50), f"1.{number}")
            world.clock.advance(days=1)
        yield world


@pytest.fixture
async def maintainer(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(await world.token(Role.MAINTAINER)) as client:
        yield client


async def planned(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.put("/api/v1/namespaces/acme/retention", json=RULES)
    assert answer.status_code == 200, answer.text
    answer = await client.post("/api/v1/namespaces/acme/retention/plans")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_rules_are_shown_as_they_were_set(maintainer: httpx.AsyncClient) -> None:
    rule = {
        "name": "releases",
        "kinds": ["version"],
        "formats": ["oci"],
        "packages": "team-*",
        "names": "v*",
        "everything": False,
        "last": 5,
        "per": "minor",
        "younger_than_seconds": 86_400,
        "pulled_within_seconds": 7_776_000,
        "cleared": True,
    }

    await maintainer.put("/api/v1/namespaces/acme/retention", json={"rules": [rule], "automatic": True})
    answer = await maintainer.get("/api/v1/namespaces/acme/retention")

    assert answer.json() == {"rules": [rule], "automatic": True}


async def test_a_plan_is_paged_and_applied_as_it_was_looked_at(maintainer: httpx.AsyncClient) -> None:
    plan = await planned(maintainer)
    path = f"/api/v1/retention-plans/{plan['plan']}"

    first = (await maintainer.get(f"{path}/items", params={"limit": 1})).json()
    second = (await maintainer.get(f"{path}/items", params={"limit": 1, "after": first["next"]})).json()
    wrong = await maintainer.post(path, json={"digest": "sha256:" + "0" * 64})
    right = await maintainer.post(path, json={"digest": plan["digest"]})

    assert [item["names"] for item in (*first["items"], *second["items"])] == [["1.0"], ["1.1"]]
    assert second["next"] is None
    assert (wrong.status_code, wrong.json()["code"]) == (409, "plan-outdated")
    assert (right.json()["state"], right.json()["deleted"]) == ("applied", 2)
    assert plan["monthly_cost"] is None


async def test_everything_in_a_package_is_explained_page_by_page(maintainer: httpx.AsyncClient) -> None:
    await planned(maintainer)
    path = "/api/v1/packages/acme/oci/api/-/retention"

    first = (await maintainer.get(path, params={"limit": 3})).json()
    rest = (await maintainer.get(path, params={"limit": 3, "after": first["next"]})).json()

    assert [(each["names"], each["goes"]) for each in (*first["items"], *rest["items"])] == [
        (["1.0"], True),
        (["1.1"], True),
        (["1.2"], False),
        (["1.3"], False),
    ]


async def test_who_may_only_publish_sees_no_plan(world: World, maintainer: httpx.AsyncClient) -> None:
    plan = await planned(maintainer)

    async with world.client(await world.token(Role.PUBLISHER)) as publisher:
        read = await publisher.get(f"/api/v1/retention-plans/{plan['plan']}")
        made = await publisher.post("/api/v1/namespaces/acme/retention/plans")
        unknown = await publisher.get("/api/v1/retention-plans/nothing")

    assert (read.status_code, made.status_code, unknown.status_code) == (403, 403, 404)


async def test_rules_are_held_against_the_past(world: World, maintainer: httpx.AsyncClient) -> None:
    world.clock.advance(days=20)
    async with world.client(await world.token(Role.READER)) as reader:
        await reader.get("/v2/acme/api/manifests/1.0")
    await write_pulls(world.registry)

    answer = await maintainer.post(
        "/api/v1/namespaces/acme/retention/replay",
        json={"rules": [{"name": "young", "younger_than_seconds": 5 * 86_400}], "days": 30},
    )

    found = answer.json()
    assert (found["looked_at"], found["gone"]) == (4, 4)
    assert [(each["names"], each["pulled_by"]) for each in found["regretted"]] == [(["1.0"], "reader-robot")]


async def test_rules_that_say_nothing_are_refused_with_what_is_expected(maintainer: httpx.AsyncClient) -> None:
    answer = await maintainer.put("/api/v1/namespaces/acme/retention", json={"rules": [{"name": "empty"}]})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-retention")
    assert "last = 0" in answer.json()["expected"]
