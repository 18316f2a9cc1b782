"""Tags and referrers of a registry that reads through to another one, which is on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot import followers
from entrepot.model.artifact import IMAGE_INDEX, IMAGE_MANIFEST
from entrepot.model.digest import Digest
from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.policy import Door, Policy
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.policies import set_policy
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, Image, World, image, open_world, referrer
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


# --- referrers ---

SUBJECT = image(b"subject")
SIGNATURE, SBOM = referrer(SUBJECT), referrer(SUBJECT, "application/vnd.example.sbom")
REFERRERS = f"/v2/api/referrers/{SUBJECT.digest}"
FALLBACK = f"/v2/api/manifests/{str(SUBJECT.digest).replace(':', '-')}"


def refer(*found: Image) -> Said:
    """What another registry says when it is asked for these referrers."""
    manifests = [
        {
            "mediaType": IMAGE_MANIFEST,
            "digest": str(each.digest),
            "size": len(each.content),
            "artifactType": each.artifact.artifact_type,
        }
        for each in found
    ]
    content = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests}
    return Said(json.dumps(content).encode(), headers={"content-type": IMAGE_INDEX})


async def referrers(client: httpx.AsyncClient, query: str = "") -> list[str]:
    answer = await client.get(f"/v2/acme/api/referrers/{SUBJECT.digest}{query}")
    assert answer.status_code == 200, answer.text
    return [each["digest"] for each in answer.json()["manifests"]]


@pytest.mark.parametrize("place", [REFERRERS, FALLBACK], ids=["referrers", "fallback tag"])
async def test_what_refers_to_a_digest_elsewhere_is_listed_and_comes_when_it_is_wanted(
    world: World, client: httpx.AsyncClient, other: Elsewhere, place: str
) -> None:
    other.says[place] = refer(SIGNATURE, SBOM)
    for each in (SIGNATURE, SBOM):
        other.says[f"/v2/api/manifests/{each.digest}"] = Said(each.content, headers={"content-type": IMAGE_MANIFEST})
        for blob in each.blobs:
            other.says[f"/v2/api/blobs/{Digest.of(blob)}"] = Said(blob)
    await read_through(world, other)
    both = sorted(str(each.digest) for each in (SIGNATURE, SBOM))

    assert await referrers(client) == both
    assert await referrers(client, "?artifactType=application/vnd.example.sbom") == [str(SBOM.digest)]
    assert await referrers(client, "?n=1") == both[:1]
    assert await referrers(client, f"?n=1&last={both[0]}") == both[1:]
    for each in (SIGNATURE, SBOM):
        assert (await client.get(f"/v2/acme/api/manifests/{each.digest}")).content == each.content
    await world.registry.flights.landed()
    other.says.clear()
    world.clock.advance(hours=1)
    assert await referrers(client) == both, "they are here now"
    assert await check(world.registry) == []


@pytest.mark.parametrize("answer", [Said(status=500), Said(b"{"), Said(b'{"manifests": 1}'), Said(status=404)])
async def test_an_upstream_that_fails_takes_no_referrer_away(
    world: World, client: httpx.AsyncClient, other: Elsewhere, answer: Said
) -> None:
    other.says[REFERRERS] = answer
    await read_through(world, other)

    assert await referrers(client) == []


async def test_a_stranger_makes_nobody_ask_for_referrers(world: World, other: Elsewhere) -> None:
    other.says[REFERRERS] = refer(SBOM)
    await read_through(world, other)

    async with world.client(None) as stranger:
        answer = await stranger.get(f"/v2/acme/api/referrers/{SUBJECT.digest}")

    assert answer.status_code == 401
    assert not other.asked


# --- pushing beside an upstream that fails ---


@pytest.mark.parametrize("path", ["manifests/1.0", f"manifests/{SUBJECT.digest}", f"blobs/{Digest.of(b'{}')}"])
async def test_an_upstream_that_fails_keeps_nobody_from_pushing(world: World, other: Elsewhere, path: str) -> None:
    other.says[f"/v2/api/{path}"] = Said(status=500)
    await read_through(world, other)
    target = f"/v2/acme/api/{path}"

    async with world.client(await world.token("publisher", "acme")) as publisher:
        looked, asked = await publisher.head(target), await publisher.get(target)
    async with world.client(await world.token("reader", "acme")) as reader:
        pulled = await reader.head(target)
    await world.push("acme/api", SUBJECT, "1.0")

    assert (looked.status_code, asked.status_code, pulled.status_code) == (404, 502, 502)


GUARD = Policy("guard", Door.ADMISSION, "sbom.known", namespace=parse_namespace("acme"))


def offer_image(other: Elsewhere, offered: Image, tag: str) -> None:
    """Let the other registry have an image."""
    for name in (tag, offered.digest):
        other.says[f"/v2/api/manifests/{name}"] = Said(offered.content, headers={"content-type": IMAGE_MANIFEST})
    for blob in offered.blobs:
        other.says[f"/v2/api/blobs/{Digest.of(blob)}"] = Said(blob)


async def test_who_pulls_through_a_guarded_door_waits_until_it_opens(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    built = image(b"from elsewhere")
    offer_image(other, built, "1.0")
    await read_through(world, other)
    await set_policy(world.registry, ADMINISTRATOR, GUARD)
    runner = followers.Runner(world.registry)
    runner.start()

    answer = await client.get("/v2/acme/api/manifests/1.0")

    await runner.stop()
    assert answer.status_code == 200, answer.text
    assert answer.content == built.content
    assert [each for each in await world.events() if each.startswith("artifact.")] == [
        "artifact.published",
        "artifact.released",
    ]


async def test_what_the_door_refuses_does_not_come_through(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    offer_image(other, image(b"from elsewhere"), "1.0")
    await read_through(world, other)
    await set_policy(world.registry, ADMINISTRATOR, replace(GUARD, condition="size > 1000000"))

    answer = await client.get("/v2/acme/api/manifests/1.0")

    assert answer.status_code == 403
    assert "guard: size > 1000000 does not hold" in answer.json()["errors"][0]["message"]
    assert "admission.refused" in await world.events()
    assert await check(world.registry) == []
