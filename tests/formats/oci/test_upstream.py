"""Tags of a registry that reads through to another one, which is on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, image, open_world
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere

pytestmark = pytest.mark.usefixtures("socket_enabled")

LIST = "/v2/api/tags/list"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        await opened.namespace("acme")
        yield opened


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(await world.token("reader", "acme")) as opened:
        yield opened


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


async def read_through(world: World, other: Elsewhere, **rules: Any) -> None:
    upstream = Upstream(
        parse_namespace("acme"),
        FormatName("oci"),
        UpstreamName("public"),
        other.url,
        private=True,
        rules=UpstreamRules(**rules),
    )
    await add_upstream(world.registry, ADMINISTRATOR, upstream)


def said(*tags: str) -> Said:
    return Said(json.dumps({"name": "api", "tags": tags}).encode(), headers={"content-type": "application/json"})


async def tags(client: httpx.AsyncClient, query: str = "", name: str = "api") -> list[str]:
    answer = await client.get(f"/v2/acme/{name}/tags/list{query}")
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["tags"]
    return found


async def test_tags_of_another_registry_are_listed_by_the_page(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    other.says[LIST] = said("b", "a", "C", "not a tag", "../x", "")
    await read_through(world, other)

    first = await client.get("/v2/acme/api/tags/list?n=2")

    assert await tags(client) == ["C", "a", "b"]
    assert first.json()["tags"] == ["C", "a"]
    assert "last=a" in first.headers["link"]
    assert await tags(client, "?n=2&last=a") == ["b"]
    assert await tags(client, "?n=0") == []


async def test_the_other_s_pages_are_read_to_their_end(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    every = [f"v{at:03}" for at in range(120)]
    other.says[LIST] = said(*every[:60])
    other.says[f"{LIST}?last=v059"] = said(*every[60:])
    other.says[f"{LIST}?last=v119"] = said()
    await read_through(world, other)

    assert await tags(client) == every
    assert await tags(client, "?n=10&last=v099") == every[100:110]


async def test_a_registry_that_says_all_at_once_whatever_it_is_asked_is_asked_no_more(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    every = [f"v{at:03}" for at in range(80)]
    other.says[LIST] = other.says[f"{LIST}?last=v079"] = said(*every)
    await read_through(world, other)

    assert await tags(client) == every
    assert sum(count for path, count in other.asked.items() if "tags" in path) == 2


async def test_what_is_blocked_is_not_listed(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    other.says[LIST] = said("1.0", "2.0")
    await read_through(world, other, block=(PurlPattern.parse("pkg:oci/api@2.*"),))

    assert await tags(client) == ["1.0"]


async def test_tags_of_ours_are_ours_alone(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    other.says[LIST] = said("9.0")
    await read_through(world, other)
    await world.push("acme/api", image(b"ours"), "1.0")

    assert await tags(client) == ["1.0"]
    assert not other.asked


async def test_tags_that_were_listed_stay_when_the_other_fails(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    other.says[LIST] = said("1.0")
    await read_through(world, other, refresh=timedelta(seconds=1))
    await tags(client)
    other.says[LIST] = Said(b"<html>", status=500)
    world.clock.advance(minutes=5)

    answer = await client.get("/v2/acme/api/tags/list")

    assert answer.json()["tags"] == ["1.0"]
    assert "stale" in answer.headers["warning"]


@pytest.mark.parametrize("content", [b"<html>", b'{"tags": 1}', b'{"tags": [1]}', b"\xff", b"[" * 10_000])
async def test_what_is_no_list_of_tags_is_a_bad_gateway(
    world: World, client: httpx.AsyncClient, other: Elsewhere, content: bytes
) -> None:
    other.says[LIST] = Said(content)
    await read_through(world, other)

    answer = await client.get("/v2/acme/api/tags/list")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (502, "UNKNOWN")


async def test_a_package_that_nobody_has_is_unknown_and_a_stranger_makes_nobody_ask(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    await read_through(world, other)

    async with world.client(None) as nobody:
        assert (await nobody.get("/v2/acme/api/tags/list")).status_code == 401
    assert not other.asked
    assert (await client.get("/v2/acme/api/tags/list")).status_code == 404
