"""What is taken up and how much may be, asked for through the API, and how each protocol says that it is full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.model.access import Role
from entrepot.model.digest import Digest
from entrepot.model.names import parse_namespace
from entrepot.operations.usage import measure_package, package_cost, read_usage, sample_usage
from entrepot.testing.builders import TIGHT, World, caller, image, open_world, package

LARGE = b"large " * 100
BUILT = image(LARGE)
WHOLE = len(LARGE) + len(b"{}") + len(BUILT.content)
QUOTA = "/api/v1/namespaces/acme/quota"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, limits=replace(TIGHT, metered_namespaces=1)) as world:
        await world.namespace()
        await world.push("acme/api", BUILT, "1.0")
        yield world


@pytest.fixture
async def administrator(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(await world.token(Role.ADMINISTRATOR, None)) as client:
        yield client


@pytest.fixture
async def publisher(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(await world.token(Role.PUBLISHER)) as client:
        yield client


async def usage(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/v1/namespaces/acme/usage")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_namespace_says_what_it_takes_up(administrator: httpx.AsyncClient) -> None:
    set_to = await administrator.put(QUOTA, json={"size": 10_000})
    found = await usage(administrator)

    assert set_to.json() == found["account"]
    assert found["account"] == {
        "namespace": "acme",
        "blobs": 3,
        "size": WHOLE,
        "trash_size": 0,
        "versions": 1,
        "unique_size": WHOLE,
        "shared_size": 0,
        "quota": {"size": 10_000, "versions": None},
        "room": 10_000 - WHOLE,
    }
    assert (found["hot_size"], found["cold_size"], found["monthly_cost"], found["trend"]) == (WHOLE, 0, None, None)


async def test_whether_others_have_the_same_is_told_only_to_who_sees_the_whole_registry(
    world: World, publisher: httpx.AsyncClient
) -> None:
    before = (await usage(publisher))["account"]
    await world.namespace("zeta")
    await world.push("zeta/api", BUILT, "1.0")

    assert (await usage(publisher))["account"] == before
    assert (before["unique_size"], before["shared_size"]) == (None, None)
    assert (await publisher.get("/api/v1/usage")).status_code == 403


async def test_the_largest_namespaces_come_first(world: World, administrator: httpx.AsyncClient) -> None:
    await world.namespace("zeta")

    found = (await administrator.get("/api/v1/usage")).json()

    assert [each["namespace"] for each in found["items"]] == ["acme", "zeta"]


async def test_a_package_says_what_it_takes_up(publisher: httpx.AsyncClient) -> None:
    found = await publisher.get("/api/v1/packages/acme/oci/api/-/usage")

    assert found.json() == {
        "namespace": "acme",
        "format": "oci",
        "package": "api",
        "blobs": 3,
        "size": WHOLE,
        "unique_size": WHOLE,
        "versions": 1,
        "monthly_cost": None,
    }
    assert (await publisher.get("/api/v1/packages/acme/oci/other/-/usage")).status_code == 404


async def test_a_trend_says_when_the_quota_is_reached(world: World, administrator: httpx.AsyncClient) -> None:
    await administrator.put(QUOTA, json={"size": WHOLE + 5_000})
    for number in range(3):
        await sample_usage(world.registry)
        await sample_usage(world.registry)
        world.clock.advance(days=1)
        await world.push_blob("acme/api", bytes([number]) * 1_000)

    found = await usage(administrator)

    assert [day["size"] for day in found["days"]] == [WHOLE, WHOLE + 1_000, WHOLE + 2_000]
    assert found["trend"] == {"daily_size": 1_000.0, "days_left": 2, "full_on": "2026-02-05"}


async def test_what_it_costs_goes_by_the_price(world: World) -> None:
    registry = replace(world.registry, storage_price=1024.0**3)

    found = await read_usage(registry, caller(Role.READER), parse_namespace("acme"))
    of_package = await measure_package(registry, caller(Role.READER), package("acme/api"))

    assert found.monthly_cost == package_cost(registry, of_package) == WHOLE


async def test_quotas_are_for_administrators(world: World, administrator: httpx.AsyncClient) -> None:
    async with world.client(await world.token(Role.MAINTAINER)) as client:
        assert (await client.put(QUOTA, json={"size": 1})).status_code == 403
        assert (await client.delete(QUOTA)).status_code == 403
    assert (await administrator.put(QUOTA, json={"size": -1})).status_code == 400
    assert (await administrator.put(QUOTA, json={})).status_code == 400
    assert (await administrator.delete(QUOTA)).json()["quota"] is None


async def test_only_so_many_namespaces_have_metrics_of_their_own(world: World) -> None:
    await world.namespace("zeta")
    async with world.client() as client:
        shown = (await client.get("/metrics")).text.splitlines()

    assert f'entrepot_namespace_bytes{{namespace="acme"}} {float(WHOLE)}' in shown
    assert not any("zeta" in line for line in shown)


@pytest.fixture
async def full(administrator: httpx.AsyncClient, publisher: httpx.AsyncClient) -> httpx.AsyncClient:
    """Who publishes to a namespace that has room for less than *LARGE*."""
    await administrator.put(QUOTA, json={"size": WHOLE + 100})
    return publisher


async def test_oci_denies_an_upload_that_does_not_fit(full: httpx.AsyncClient) -> None:
    """Users' thread 78: the refusal is in the protocol's own form, before the bytes are taken."""
    new = b"other " * 100
    place = (await full.post("/v2/acme/api/blobs/uploads/")).headers["location"]

    answers = [
        await full.patch(place, content=new),
        await full.put(f"{place}?digest={Digest.of(new)}", content=new),
        await full.post(f"/v2/acme/api/blobs/uploads/?digest={Digest.of(new)}", content=new),
    ]

    assert [answer.status_code for answer in answers] == [403] * 3
    assert {answer.json()["errors"][0]["code"] for answer in answers} == {"DENIED"}
    assert "at most 100 bytes more" in answers[0].text


async def test_oci_denies_the_beginning_of_an_upload_where_nothing_fits(
    administrator: httpx.AsyncClient, publisher: httpx.AsyncClient
) -> None:
    await administrator.put(QUOTA, json={"size": WHOLE})

    begun = await publisher.post("/v2/acme/new/blobs/uploads/")
    mounted = await publisher.post(f"/v2/acme/new/blobs/uploads/?mount={Digest.of(LARGE)}&from=acme/api")

    assert (begun.status_code, mounted.status_code) == (403, 201)


async def test_other_protocols_say_it_in_their_own_form(full: httpx.AsyncClient) -> None:
    put = await full.put("/files/acme/tool/1.0/tool.bin", content=b"other " * 100)

    assert put.status_code == 403
    assert put.json()["code"] == "quota-exceeded"


async def test_a_manifest_that_does_not_fit_is_denied(
    administrator: httpx.AsyncClient, publisher: httpx.AsyncClient
) -> None:
    await administrator.put(QUOTA, json={"size": WHOLE + 1})
    other = image(LARGE, annotations={"org.example": "other"})

    answer = await publisher.put(
        "/v2/acme/api/manifests/2.0", content=other.content, headers={"content-type": other.artifact.media_type}
    )

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["code"] == "DENIED"
