"""A chart repository as Helm and ChartMuseum's clients use it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from entrepot.formats.helm.rules import KIND
from entrepot.model.names import (
    FormatName,
    PackageId,
    PackageName,
    ReferenceName,
    View,
    parse_channel,
    parse_namespace,
)
from entrepot.operations.check import check
from entrepot.operations.clear import open_clearance
from entrepot.operations.mark import deprecate, yank
from entrepot.operations.read_package import read_package
from entrepot.testing.builders import ADMINISTRATOR, World
from tests.formats.helm.charts import chart, packed, provenance

WEB = PackageId(parse_namespace("acme"), FormatName("helm"), PackageName("web"))


async def post(client: httpx.AsyncClient, content: bytes) -> httpx.Response:
    return await client.post("/helm/acme/api/charts", content=content)


async def index(client: httpx.AsyncClient, view: str = "acme") -> dict[str, Any]:
    answer = await client.get(f"/helm/{view}/index.yaml")
    assert answer.status_code == 200, answer.text
    entries: dict[str, Any] = answer.json()["entries"]
    return entries


async def test_a_chart_that_was_posted_is_in_the_index_and_comes_back_as_it_was(client: httpx.AsyncClient) -> None:
    content = chart(description="A shop", appVersion="2.1", keywords=["shop"], home="https://shop.example.com")

    posted = await post(client, content)

    assert (posted.status_code, posted.json()) == (201, {"saved": True})
    [entry] = (await index(client))["web"]
    assert entry == {
        "apiVersion": "v2",
        "name": "web",
        "version": "1.0.0",
        "description": "A shop",
        "appVersion": "2.1",
        "keywords": ["shop"],
        "home": "https://shop.example.com",
        "urls": ["charts/web/web-1.0.0.tgz"],
        "created": "2026-01-31T12:00:00Z",
        "digest": hashlib.sha256(content).hexdigest(),
    }
    pulled = await client.get("/helm/acme/charts/web/web-1.0.0.tgz")
    assert pulled.content == content
    assert pulled.headers["content-type"] == "application/gzip"
    assert "immutable" in pulled.headers["cache-control"]


async def test_the_newest_version_comes_first(client: httpx.AsyncClient) -> None:
    for version in ("1.2.0", "1.10.0", "1.10.0-rc.2", "1.10.0-rc.10", "1.9", "v2"):
        assert (await post(client, chart(version=version))).status_code == 201

    versions = [entry["version"] for entry in (await index(client))["web"]]

    assert versions == ["v2", "1.10.0", "1.10.0-rc.10", "1.10.0-rc.2", "1.9", "1.2.0"]


async def test_an_empty_repository_has_an_index(client: httpx.AsyncClient) -> None:
    answer = await client.get("/helm/acme/index.yaml")

    assert answer.json() == {"apiVersion": "v1", "serverInfo": {"contextPath": "/helm/acme"}, "entries": {}}
    assert answer.headers["content-type"] == "application/yaml"


async def test_an_index_is_unchanged_until_a_chart_changes(client: httpx.AsyncClient, world: World) -> None:
    await post(client, chart())
    etag = (await client.get("/helm/acme/index.yaml")).headers["etag"]

    same = await client.get("/helm/acme/index.yaml", headers={"if-none-match": etag})
    await post(client, chart("api"))
    other = await client.get("/helm/acme/index.yaml", headers={"if-none-match": etag})
    await client.delete("/helm/acme/api/charts/api/1.0.0")
    again = await client.get("/helm/acme/index.yaml")

    assert same.status_code == 304
    assert other.status_code == 200
    assert list(other.json()["entries"]) == ["api", "web"]
    assert list(again.json()["entries"]) == ["web"]


async def test_a_chart_is_put_where_it_will_be_found(client: httpx.AsyncClient) -> None:
    content = chart(version="1.0.0+build.7")

    put = await client.put("/helm/acme/charts/web/web-1.0.0+build.7.tgz", content=content)

    assert put.status_code == 201
    [entry] = (await index(client))["web"]
    assert entry["version"] == "1.0.0+build.7"
    assert (await client.get(f"/helm/acme/{entry['urls'][0]}")).content == content


@pytest.mark.parametrize("path", ["web/web-1.0.1.tgz", "api/api-1.0.0.tgz"])
async def test_a_chart_is_not_put_under_what_it_is_not(client: httpx.AsyncClient, path: str) -> None:
    put = await client.put(f"/helm/acme/charts/{path}", content=chart())

    assert put.status_code == 400
    assert put.json()["expected"] == path.rpartition("/")[2]
    assert put.json()["actual"] == "web-1.0.0.tgz"
    assert await index(client) == {}


async def test_a_form_brings_a_chart_with_its_provenance(client: httpx.AsyncClient) -> None:
    content = chart()
    signed = provenance(content)
    for order in (("chart", "prov"), ("prov", "chart")):
        parts = {"chart": ("web-1.0.0.tgz", content), "prov": ("web-1.0.0.tgz.prov", signed)}

        posted = await client.post("/helm/acme/api/charts", files={name: parts[name] for name in order})

        assert posted.status_code == 201, posted.text
    assert (await client.get("/helm/acme/charts/web/web-1.0.0.tgz")).content == content
    pulled = await client.get("/helm/acme/charts/web/web-1.0.0.tgz.prov")
    assert pulled.content == signed
    assert pulled.headers["content-type"] == "application/pgp-signature"


async def test_provenance_may_come_later(client: httpx.AsyncClient) -> None:
    content = chart()
    await post(client, content)

    posted = await client.post("/helm/acme/api/prov", content=provenance(content))
    put = await client.put("/helm/acme/charts/web/web-1.0.0.tgz.prov", content=provenance(content))

    assert (posted.status_code, put.status_code) == (201, 201)
    assert (await client.get("/helm/acme/charts/web/web-1.0.0.tgz.prov")).content == provenance(content)


async def test_large_provenance_is_kept_too(client: httpx.AsyncClient, world: World) -> None:
    content = chart()
    signed = provenance(content).replace(b"wsBcBAEBCgAQBQ==\n", b"wsBcBAEBCgAQBQ==\n" * 5_000)
    assert len(signed) > world.registry.limits.inline_size
    await post(client, content)

    await client.post("/helm/acme/api/prov", content=signed)

    assert (await client.get("/helm/acme/charts/web/web-1.0.0.tgz.prov")).content == signed


async def test_provenance_of_other_bytes_is_refused(client: httpx.AsyncClient) -> None:
    other = provenance(b"other")
    alone = await client.post("/helm/acme/api/prov", content=other)
    together = await client.post("/helm/acme/api/charts", files={"chart": chart(), "prov": other})
    assert await index(client) == {}, "neither of the two is kept alone"
    await post(client, chart())
    later = await client.post("/helm/acme/api/prov", content=other)

    assert (alone.status_code, together.status_code, later.status_code) == (404, 400, 400)
    assert "published first" in alone.json()["detail"]
    assert later.json()["actual"] == f"sha256:{hashlib.sha256(b'other').hexdigest()}"


async def test_the_same_chart_again_is_no_event_and_other_bytes_are_a_conflict(
    client: httpx.AsyncClient, world: World
) -> None:
    await post(client, chart())
    events = await world.events()

    again = await post(client, chart())
    other = await client.post("/helm/acme/api/charts?force", content=chart(values="a: 1"))

    assert again.status_code == 201
    assert other.status_code == 409
    assert "web-1.0.0.tgz" in other.json()["detail"]
    assert await world.events() == events
    assert (await client.get("/helm/acme/charts/web/web-1.0.0.tgz")).content == chart()


async def test_nothing_of_a_refused_chart_is_kept(client: httpx.AsyncClient, world: World) -> None:
    large = chart(values="".join(hashlib.sha256(bytes([at])).hexdigest() for at in range(100)))
    await post(client, chart())
    kept = [kept.digest async for kept in world.registry.blobs.kept()]

    refused = [await post(client, large), await post(client, packed({"web/values.yaml": large}))]

    assert [answer.status_code for answer in refused] == [409, 400]
    assert [kept.digest async for kept in world.registry.blobs.kept()] == kept
    assert [stage async for stage, _ in world.registry.blobs.stages()] == []


async def test_what_is_larger_than_any_chart_is_not_received_to_its_end(
    client: httpx.AsyncClient, world: World
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(1024 * 1024)

    refused = await client.post("/helm/acme/api/charts", content=endless())

    assert refused.status_code == 413
    assert sent < 110
    assert [stage async for stage, _ in world.registry.blobs.stages()] == []


async def test_a_deleted_version_never_becomes_other_bytes(client: httpx.AsyncClient) -> None:
    await post(client, chart())

    deleted = await client.delete("/helm/acme/api/charts/web/1.0.0")
    gone = await client.get("/helm/acme/charts/web/web-1.0.0.tgz")
    other = await post(client, chart(values="a: 1"))
    back = await post(client, chart())

    assert (deleted.status_code, deleted.json()) == (200, {"deleted": True})
    assert (gone.status_code, other.status_code, back.status_code) == (404, 409, 201)


async def test_charts_are_listed_by_chartmuseum_s_api(client: httpx.AsyncClient) -> None:
    for content in (chart(), chart(version="1.1.0+a"), chart("api")):
        await post(client, content)

    everything = (await client.get("/helm/acme/api/charts")).json()
    one = (await client.get("/helm/acme/api/charts/web")).json()
    version = (await client.get("/helm/acme/api/charts/web/1.1.0+a")).json()

    assert everything == await index(client)
    assert one == everything["web"]
    assert version == one[0]
    for path in ("web/9.9.9", "none", "none/1.0.0"):
        assert (await client.get(f"/helm/acme/api/charts/{path}")).status_code == 404


async def test_a_yanked_version_is_listed_no_more_and_still_downloads(client: httpx.AsyncClient, world: World) -> None:
    await post(client, chart())
    await post(client, chart(version="1.1.0"))
    await yank(world.registry, ADMINISTRATOR, WEB, ReferenceName("1.1.0"), reason="broken")
    await deprecate(world.registry, ADMINISTRATOR, WEB, ReferenceName("1.0.0"), reason="old")

    [entry] = (await index(client))["web"]

    assert (entry["version"], entry["deprecated"]) == ("1.0.0", True)
    assert (await client.get("/helm/acme/charts/web/web-1.1.0.tgz")).status_code == 200


async def test_a_channel_s_index_has_what_is_cleared(client: httpx.AsyncClient, world: World) -> None:
    await post(client, chart())
    await post(client, chart(version="1.1.0"))
    assert await index(client, "acme.prod") == {}
    stored = await read_package(world.registry, ADMINISTRATOR, View.parse("acme"), WEB, KIND)

    await open_clearance(world.registry, ADMINISTRATOR, WEB, parse_channel("prod"), stored.versions[0].digest)

    [entry] = (await index(client, "acme.prod"))["web"]
    assert entry["version"] == "1.0.0"
    assert (await client.get("/helm/acme.prod/charts/web/web-1.0.0.tgz")).content == chart()
    assert (await client.get("/helm/acme.prod/charts/web/web-1.1.0.tgz")).status_code == 404
    assert (await client.post("/helm/acme.prod/api/charts", content=chart(version="2.0.0"))).status_code == 403
    late = await client.post("/helm/acme/api/prov", content=provenance(chart()))
    assert late.status_code == 409, "what is cleared is sealed"


async def test_charts_posted_at_once_are_all_there(client: httpx.AsyncClient, world: World) -> None:
    versions = [f"1.0.{patch}" for patch in range(12)]

    answers = await asyncio.gather(*(post(client, chart(version=version)) for version in versions))

    assert {answer.status_code for answer in answers} == {201}
    assert {entry["version"] for entry in (await index(client))["web"]} == set(versions)
    assert await check(world.registry) == []


# --- who may ---


async def test_who_is_unknown_is_asked_for_basic_credentials(world: World) -> None:
    async with world.client() as nobody:
        answers = [
            await nobody.get("/helm/acme/index.yaml"),
            await nobody.get("/helm/acme/charts/web/web-1.0.0.tgz"),
            await nobody.post("/helm/acme/api/charts", content=chart()),
            await nobody.put("/helm/acme/charts/web/web-1.0.0.tgz", content=chart()),
        ]

    assert {answer.status_code for answer in answers} == {401}
    assert all(answer.headers["www-authenticate"].startswith("Basic ") for answer in answers)


async def test_a_reader_reads_and_does_not_publish(client: httpx.AsyncClient, world: World) -> None:
    await post(client, chart())
    async with world.client(await world.token("reader")) as reader:
        read = await reader.get("/helm/acme/index.yaml")
        refused = [
            await post(reader, chart("api")),
            await reader.post("/helm/acme/api/prov", content=provenance(chart())),
            await reader.put("/helm/acme/charts/api/api-1.0.0.tgz", content=chart("api")),
            await reader.delete("/helm/acme/api/charts/web/1.0.0"),
        ]

    assert list(read.json()["entries"]) == ["web"]
    assert {answer.status_code for answer in refused} == {403}


async def test_who_may_publish_some_charts_publishes_no_others(client: httpx.AsyncClient, world: World) -> None:
    await post(client, chart("api"))
    token = await world.token("publisher", pattern="web*", name="web-robot")
    async with world.client(token) as robot:
        own = await post(robot, chart("web-shop"))
        other = await post(robot, chart("api", values="a: 1"))
        signed = await robot.post("/helm/acme/api/prov", content=provenance(chart("api"), "api"))
        seen = await index(robot)

    assert own.status_code == 201
    assert other.status_code == signed.status_code == 404, "who may not read it is not told that it is there"
    assert list(seen) == ["web-shop"]
    assert sorted(await index(client)) == ["api", "web-shop"]


async def test_a_stranger_learns_nothing(client: httpx.AsyncClient, world: World) -> None:
    await post(client, chart())
    await world.namespace("other")
    async with world.client(await world.token("maintainer", "other", name="stranger")) as stranger:
        answers = [
            await stranger.get("/helm/acme/index.yaml"),
            await stranger.get("/helm/acme/charts/web/web-1.0.0.tgz"),
            await post(stranger, chart("api")),
            await stranger.get("/helm/acme/api/charts/web"),
        ]

    assert {answer.status_code for answer in answers} == {404}


# --- the same chart through OCI ---


async def test_a_chart_is_an_oci_artifact_in_helm_s_own_form(client: httpx.AsyncClient) -> None:
    content = chart(version="1.0.0+build.7", appVersion="2.1")
    await post(client, content)
    await client.post("/helm/acme/api/prov", content=provenance(content, version="1.0.0+build.7"))

    found = await client.get("/v2/acme/helm/web/manifests/1.0.0_build.7")

    manifest = found.json()
    assert (await client.get("/v2/acme/helm/web/tags/list")).json()["tags"] == ["1.0.0_build.7"]
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    assert {layer["mediaType"]: layer["digest"] for layer in manifest["layers"]} == {
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "application/vnd.cncf.helm.chart.provenance.v1.prov": manifest["layers"][1]["digest"],
    }
    assert manifest["annotations"] == {
        "org.opencontainers.image.title": "web",
        "org.opencontainers.image.version": "1.0.0+build.7",
    }
    config = await client.get(f"/v2/acme/helm/web/blobs/{manifest['config']['digest']}")
    assert json.loads(config.content) == {
        "apiVersion": "v2",
        "appVersion": "2.1",
        "name": "web",
        "version": "1.0.0+build.7",
    }
