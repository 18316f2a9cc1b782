"""A chart repository that reads through to other ones, which are on real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.formats.helm.remote_index import condense, read_condensed
from entrepot.formats.helm.upstream import HelmReadThrough
from entrepot.model.errors import ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import FormatName, PackageId, PackageName, View, parse_namespace
from entrepot.model.position import START
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.govern import set_namespace
from entrepot.operations.mark import yank
from entrepot.operations.registry import Wish
from entrepot.operations.upstreams import add_upstream
from entrepot.operations.warm import refresh
from entrepot.testing.builders import ADMINISTRATOR, World
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.helm.charts import chart, packed, provenance

pytestmark = pytest.mark.usefixtures("socket_enabled")

ONE = chart()
TWO = chart(version="2.0.0")
VIEW = View(parse_namespace("acme"))


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


def entry(name: str, version: str, content: bytes | None = None, **more: Any) -> dict[str, Any]:
    said = {
        "apiVersion": "v2",
        "name": name,
        "version": version,
        "urls": [f"files/{name}-{version}.tgz"],
        "created": "2020-01-02T03:04:05.123456789Z",
    }
    if content is not None:
        said["digest"] = hashlib.sha256(content).hexdigest()
    return {key: value for key, value in (said | more).items() if value is not None}


def say(other: Elsewhere, *entries: dict[str, Any], **headers: str) -> None:
    """Let the other repository's index have these and no others."""
    charts: dict[str, list[dict[str, Any]]] = {}
    for each in entries:
        charts.setdefault(each["name"], []).append(each)
    content = yaml.safe_dump({"apiVersion": "v1", "entries": charts, "generated": "2026-01-01T00:00:00Z"})
    other.says["/charts/index.yaml"] = Said(content.encode(), headers=headers)


def offer(other: Elsewhere, *versions: tuple[str, str, bytes]) -> None:
    """Let it have these charts."""
    say(other, *(entry(*each) for each in versions))
    for name, version, content in versions:
        other.says[f"/charts/files/{name}-{version}.tgz"] = Said(content)


async def read_through(world: World, other: Elsewhere, name: str = "public", **rules: Any) -> Upstream:
    upstream = Upstream(
        parse_namespace("acme"),
        FormatName("helm"),
        UpstreamName(name),
        f"{other.url}/charts",
        private=True,
        rules=UpstreamRules(**rules),
    )
    return await add_upstream(world.registry, ADMINISTRATOR, upstream)


async def index(client: httpx.AsyncClient, view: str = "acme") -> dict[str, Any]:
    answer = await client.get(f"/helm/{view}/index.yaml")
    assert answer.status_code == 200, answer.text
    entries: dict[str, Any] = answer.json()["entries"]
    return entries


async def shown(client: httpx.AsyncClient) -> dict[str, list[str]]:
    return {name: [each["version"] for each in entries] for name, entries in (await index(client)).items()}


async def pull(
    client: httpx.AsyncClient, version: str = "1.0.0", suffix: str = "", name: str = "web"
) -> httpx.Response:
    return await client.get(f"/helm/acme/charts/{name}/{name}-{version}.tgz{suffix}")


# --- indexes ---


async def test_the_entries_of_another_index_are_ours_at_our_addresses(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    more = {"description": "A shop", "deprecated": True, "dependencies": [{"name": "db", "version": "^1"}]}
    say(other, entry("web", "1.0.0", ONE, **more), entry("web", "1.10.0", None), entry("api", "v3.0.0+b", None))
    await read_through(world, other)

    found = await index(client)

    assert found["web"][1] == {
        "apiVersion": "v2",
        "name": "web",
        "version": "1.0.0",
        "created": "2020-01-02T03:04:05.123456Z",
        "digest": hashlib.sha256(ONE).hexdigest(),
        "urls": ["charts/web/web-1.0.0.tgz"],
        **more,
    }
    assert [each["version"] for each in found["web"]] == ["1.10.0", "1.0.0"]
    assert found["api"][0]["urls"] == ["charts/api/api-v3.0.0+b.tgz"]


async def test_theirs_stand_beside_ours_and_ours_are_never_theirs(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    offer(other, ("web", "2.0.0", TWO), ("other", "1.0.0", chart("other")))
    await read_through(world, other)
    await client.post("/helm/acme/api/charts", content=ONE)

    assert await shown(client) == {"other": ["1.0.0"], "web": ["1.0.0"]}
    assert (await pull(client, "2.0.0")).status_code == 404
    assert other.asked.keys() == {"/charts/index.yaml"}


async def test_a_chart_that_was_ours_and_is_deleted_is_not_theirs(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    offer(other, ("web", "2.0.0", TWO))
    await read_through(world, other)
    await client.post("/helm/acme/api/charts", content=ONE)
    before = (await client.get("/helm/acme/index.yaml")).headers["etag"]

    assert (await client.delete("/helm/acme/api/charts/web/1.0.0")).status_code == 200

    assert await shown(client) == {}
    assert (await client.get("/helm/acme/index.yaml")).headers["etag"] != before


async def test_the_first_upstream_that_has_a_chart_counts(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    async with elsewhere() as second:
        offer(other, ("web", "1.0.0", ONE))
        offer(second, ("web", "9.0.0", chart(version="9.0.0")), ("api", "1.0.0", chart("api")))
        await read_through(world, other, "a")
        await read_through(world, second, "b")

        assert await shown(client) == {"api": ["1.0.0"], "web": ["1.0.0"]}
        assert (await pull(client, "9.0.0")).status_code == 404
        assert (await pull(client, name="api")).content == chart("api")


async def test_reserved_and_blocked_names_and_versions_are_not_shown(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    names = ("web", "acme-web", "bad")
    offer(other, *((name, version, ONE) for name in names for version in ("1.0.0", "2.0.0")))
    await read_through(world, other, block=(PurlPattern.parse("pkg:helm/bad"), PurlPattern.parse("pkg:helm/web@2.*")))
    await set_namespace(
        world.registry, ADMINISTRATOR, parse_namespace("acme"), reserved=(PurlPattern.parse("pkg:helm/acme-*"),)
    )

    assert await shown(client) == {"web": ["1.0.0"]}
    for name, version in (("web", "2.0.0"), ("acme-web", "1.0.0"), ("bad", "1.0.0")):
        assert (await pull(client, version, name=name)).status_code == 404


async def test_what_is_new_waits_and_what_is_old_does_not(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    dated, undated = entry("web", "1.0.0", ONE), entry("web", "2.0.0", TWO, created="0001-01-01T00:00:00Z")
    say(other, dated, undated)
    await read_through(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))

    assert await shown(client) == {"web": ["1.0.0"]}
    assert (await pull(client, "2.0.0")).status_code == 404
    world.clock.advance(days=4)
    say(other, dated, undated, entry("web", "3.0.0", None))
    assert await shown(client) == {"web": ["1.0.0"]}
    world.clock.advance(days=4)
    assert await shown(client) == {"web": ["2.0.0", "1.0.0"]}
    world.clock.advance(days=4)
    assert await shown(client) == {"web": ["3.0.0", "2.0.0", "1.0.0"]}


async def test_an_index_is_asked_for_again_when_it_is_old_and_is_an_event_when_it_says_something_new(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    say(other, entry("web", "1.0.0"), etag='"one"')
    await read_through(world, other, refresh=timedelta(minutes=5))
    first = await client.get("/helm/acme/index.yaml")
    await client.get("/helm/acme/index.yaml")
    assert other.asked["/charts/index.yaml"] == 1

    world.clock.advance(minutes=6)
    same = await client.get("/helm/acme/index.yaml", headers={"if-none-match": first.headers["etag"]})
    say(other, entry("web", "1.0.0"), entry("web", "1.1.0"))
    world.clock.advance(minutes=6)
    changed = await client.get("/helm/acme/index.yaml", headers={"if-none-match": first.headers["etag"]})
    world.clock.advance(minutes=6)
    await client.get("/helm/acme/index.yaml")

    assert (same.status_code, changed.status_code) == (304, 200)
    assert other.asked["/charts/index.yaml"] == 4
    entries = await world.registry.catalog.list_entries(after=START, limit=100)
    said = [each.event for each in entries if type(each.event).__name__ == "UpstreamIndexChanged"]
    assert [(each.namespace, each.package, each.format) for each in said] == [("acme", None, "helm")] * 2
    assert await check(world.registry) == []


async def test_one_chart_s_refresh_asks_for_the_index(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    say(other, entry("web", "1.0.0"))
    upstream = await read_through(world, other)
    await shown(client)
    say(other, entry("web", "1.0.0"), entry("web", "1.1.0"))
    world.clock.advance(seconds=1)

    listed = await refresh(world.registry, ADMINISTRATOR, upstream, "web")

    assert list(listed.versions) == ["1.1.0", "1.0.0"]
    assert await shown(client) == {"web": ["1.1.0", "1.0.0"]}


async def test_many_who_ask_at_once_are_one_question(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE))
    await read_through(world, other)

    answers = await asyncio.gather(*(client.get("/helm/acme/index.yaml") for _ in range(8)))
    files = await asyncio.gather(*(pull(client) for _ in range(8)))

    assert {each.content for each in answers} == {answers[0].content}
    assert {each.content for each in files} == {ONE}
    assert set(other.asked.values()) == {1}


async def test_who_may_not_read_makes_nobody_ask(world: World, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE))
    await read_through(world, other)

    async with world.client(None) as nobody:
        for path in ("index.yaml", "charts/web/web-1.0.0.tgz", "charts/web/web-1.0.0.tgz.prov", "api/charts/web"):
            assert (await nobody.get(f"/helm/acme/{path}")).status_code == 401

    assert not other.asked


async def test_a_channel_s_view_never_reads_through(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE))
    await read_through(world, other)

    assert await index(client, "acme.prod") == {}
    assert (await client.get("/helm/acme.prod/charts/web/web-1.0.0.tgz")).status_code == 404
    assert not other.asked


# --- failures ---


async def test_what_was_shown_stays_shown_and_says_that_it_is_old(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    offer(other, ("web", "1.0.0", ONE), ("web", "2.0.0", TWO))
    await read_through(world, other, refresh=timedelta(seconds=1))
    await pull(client)
    before = await index(client)

    for said in (
        Said(status=404),
        Said(status=429),
        Said(b"<html>", headers={"content-type": "text/html"}),
        Said(b"{"),
    ):
        other.says = {"/charts/index.yaml": said}
        world.clock.advance(minutes=10)
        answer = await client.get("/helm/acme/index.yaml")

        assert answer.json()["entries"] == before
        assert "public" in answer.headers["warning"]
        assert (await client.get("/helm/acme/api/charts/web")).headers["warning"]
    assert (await pull(client)).content == ONE
    assert (await pull(client, "2.0.0")).status_code == 404


async def test_an_upstream_that_never_answered_hides_nothing_of_ours(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    other.says["/charts/index.yaml"] = Said(b"- no index", status=200)
    async with elsewhere() as second:
        offer(second, ("api", "1.0.0", chart("api")))
        await read_through(world, other, "a")
        await read_through(world, second, "b")
        await client.post("/helm/acme/api/charts", content=ONE)

        answer = await client.get("/helm/acme/index.yaml")

        assert answer.json()["entries"].keys() == {"web"}
        assert "upstream a" in answer.headers["warning"]
        for path in ("charts/api/api-1.0.0.tgz", "api/charts/api", "api/charts/api/1.0.0"):
            assert (await client.get(f"/helm/acme/{path}")).status_code == 502
        assert not second.asked


async def test_a_repository_without_an_index_has_nothing(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    await read_through(world, other)

    assert await index(client) == {}
    assert (await pull(client)).status_code == 404


# --- charts ---


async def test_a_chart_is_fetched_once_and_stays(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE))
    await read_through(world, other, refresh=timedelta(seconds=1))
    before = await index(client)

    first = await pull(client)
    after = await index(client)
    other.says.clear()
    world.clock.advance(hours=1)
    again = await pull(client)

    assert first.content == again.content == ONE
    assert other.asked["/charts/files/web-1.0.0.tgz"] == 1
    assert before == after == await index(client)
    assert await check(world.registry) == []


@pytest.mark.parametrize("wrong", [TWO, ONE[:-5], ONE + b"x", b"", b"<html>"])
async def test_a_chart_that_is_not_what_the_index_says_is_not_let_in(
    world: World, client: httpx.AsyncClient, other: Elsewhere, wrong: bytes
) -> None:
    offer(other, ("web", "1.0.0", ONE))
    await read_through(world, other)
    other.says["/charts/files/web-1.0.0.tgz"] = Said(wrong)

    try:
        served = (await pull(client)).status_code == 200
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        served = False

    assert not served
    offer(other, ("web", "1.0.0", ONE))
    assert (await pull(client)).content == ONE


@pytest.mark.parametrize("wrong", [TWO, chart("api"), packed({"web/README": b""}), ONE[:50]])
async def test_without_a_digest_a_chart_must_still_be_the_one_that_was_asked_for(
    world: World, client: httpx.AsyncClient, other: Elsewhere, wrong: bytes
) -> None:
    say(other, entry("web", "1.0.0", None))
    other.says["/charts/files/web-1.0.0.tgz"] = Said(wrong)
    await read_through(world, other)

    try:
        served = (await pull(client)).status_code == 200
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        served = False

    assert not served
    package = PackageId(parse_namespace("acme"), FormatName("helm"), PackageName("web"))
    assert await world.registry.catalog.find_artifact(VIEW, package, name=None, digest=None) is None


@pytest.mark.parametrize(
    ("urls", "path"),
    [
        (["files/web-1.0.0.tgz"], "/charts/files/web-1.0.0.tgz"),
        (["/root/w.tgz"], "/root/w.tgz"),
        (["{url}/elsewhere/w.tgz?sig=a%2Bb"], "/elsewhere/w.tgz?sig=a%2Bb"),
        (["gone.tgz", "{url}/second.tgz"], "/second.tgz"),
        (["oci://registry.example.com/web", "http://[", "{url}/third.tgz"], "/third.tgz"),
    ],
)
async def test_a_chart_is_where_its_urls_say(
    world: World, client: httpx.AsyncClient, other: Elsewhere, urls: list[str], path: str
) -> None:
    say(other, entry("web", "1.0.0", ONE, urls=[url.replace("{url}", other.url) for url in urls]))
    other.says[path] = Said(ONE)
    await read_through(world, other)

    assert (await pull(client)).content == ONE


@pytest.mark.parametrize("url", ["oci://registry.example.com/web", "file:///etc/passwd", "http://["])
async def test_an_address_that_nobody_can_ask_is_a_bad_gateway(
    world: World, client: httpx.AsyncClient, other: Elsewhere, url: str
) -> None:
    say(other, entry("web", "1.0.0", ONE, urls=[url]))
    await read_through(world, other)

    assert (await pull(client)).status_code == 502


@pytest.mark.parametrize(
    "said",
    [
        b"name: web\nversion: 1.0.0\n",
        b"apiVersion: v1\nname: web\nversion: 1.0.0\nname: web\n",
        b"apiVersion: &v v1\nname: web\nversion: 1.0.0\nmaintainers: [{name: *v}]\n",
        b"apiVersion: v2\nname: web\nversion: 1.0.0\ntype: bundle\nkeywords: shop\n",
    ],
)
async def test_a_chart_that_we_would_not_take_from_a_publisher_is_taken_from_upstream(
    world: World, client: httpx.AsyncClient, other: Elsewhere, said: bytes
) -> None:
    content = packed({"web/Chart.yaml": said})
    offer(other, ("web", "1.0.0", content))
    await read_through(world, other)

    assert (await pull(client)).content == content
    assert (await client.post("/helm/acme/api/charts", content=content)).status_code == 400
    assert (await shown(client)) == {"web": ["1.0.0"]}


async def test_a_version_that_was_yanked_here_is_not_shown(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    offer(other, ("web", "1.0.0", ONE), ("web", "2.0.0", TWO))
    await read_through(world, other)
    await pull(client)
    package = PackageId(parse_namespace("acme"), FormatName("helm"), PackageName("web"))

    await yank(world.registry, ADMINISTRATOR, package, "1.0.0")

    assert await shown(client) == {"web": ["2.0.0"]}
    assert (await pull(client)).content == ONE


async def test_chartmuseum_s_api_lists_theirs_too(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE), ("web", "2.0.0", TWO))
    await read_through(world, other)
    entries = await index(client)

    assert (await client.get("/helm/acme/api/charts")).json() == entries
    assert (await client.get("/helm/acme/api/charts/web")).json() == entries["web"]
    assert (await client.get("/helm/acme/api/charts/web/1.0.0")).json() == entries["web"][1]
    assert (await client.get("/helm/acme/api/charts/web/3.0.0")).status_code == 404
    assert (await client.get("/helm/acme/api/charts/none")).status_code == 404


# --- provenance ---


@pytest.mark.parametrize("chart_first", [True, False])
async def test_provenance_comes_from_beside_the_chart(
    world: World, client: httpx.AsyncClient, other: Elsewhere, *, chart_first: bool
) -> None:
    signed = provenance(ONE)
    offer(other, ("web", "1.0.0", ONE))
    other.says["/charts/files/web-1.0.0.tgz.prov"] = Said(signed)
    await read_through(world, other)
    if chart_first:
        await pull(client)

    first = await pull(client, suffix=".prov")
    other.says.clear()
    again = await pull(client, suffix=".prov")

    assert first.content == again.content == signed
    assert (await pull(client)).content == ONE
    assert await check(world.registry) == []


@pytest.mark.parametrize("said", [provenance(TWO), provenance(ONE, "api"), b"not signed"])
async def test_provenance_of_something_else_is_not_let_in(
    world: World, client: httpx.AsyncClient, other: Elsewhere, said: bytes
) -> None:
    offer(other, ("web", "1.0.0", ONE))
    other.says["/charts/files/web-1.0.0.tgz.prov"] = Said(said)
    await read_through(world, other)

    try:
        served = (await pull(client, suffix=".prov")).status_code == 200
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        served = False

    assert not served
    assert (await pull(client)).content == ONE


async def test_a_chart_without_provenance_has_none(world: World, client: httpx.AsyncClient, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE))
    await read_through(world, other)

    assert (await pull(client, suffix=".prov")).status_code == 404


# --- through OCI ---


async def test_a_chart_of_another_repository_is_pulled_through_oci_with_its_provenance(
    world: World, client: httpx.AsyncClient, other: Elsewhere
) -> None:
    content = chart(version="1.0.0+b")
    offer(other, ("web", "1.0.0+b", content))
    other.says["/charts/files/web-1.0.0+b.tgz.prov"] = Said(provenance(content, version="1.0.0+b"))
    await read_through(world, other)

    manifest = (await client.get("/v2/acme/helm/web/manifests/1.0.0_b")).json()

    pulled = [(await client.get(f"/v2/acme/helm/web/blobs/{each['digest']}")).content for each in manifest["layers"]]
    assert pulled == [content, provenance(content, version="1.0.0+b")]
    assert (await client.get("/v2/acme/helm/web/tags/list")).json()["tags"] == ["1.0.0_b"]
    assert (await client.get("/v2/acme/helm/web/manifests/2.0.0")).status_code == 404
    assert (await client.get("/v2/acme/helm/web/manifests/latest")).status_code == 404
    assert all(path.startswith("/charts/") for path in other.asked)


# --- when no client asks ---


async def test_a_version_is_had_ahead_with_its_provenance(world: World, other: Elsewhere) -> None:
    offer(other, ("web", "1.0.0", ONE), ("web", "2.0.0", TWO))
    other.says["/charts/files/web-1.0.0.tgz.prov"] = Said(provenance(ONE))
    await read_through(world, other)
    reading, digest = HelmReadThrough(), frozenset({f"sha256:{hashlib.sha256(ONE).hexdigest()}"})

    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.raises(UpstreamInvalid))
        await reading.fetch(world.registry, ADMINISTRATOR, Wish(VIEW, "web", "2.0.0", digest))
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.raises(ReferenceUnknown))
        await reading.fetch(world.registry, ADMINISTRATOR, Wish(VIEW, "web", "3.0.0"))
    fetched = await reading.fetch(world.registry, ADMINISTRATOR, Wish(VIEW, "web", "1.0.0", digest))

    assert [each.name for each in fetched] == ["web-1.0.0.tgz", "web-1.0.0.tgz.prov"]
    listed = await reading.list_versions(world.registry, ADMINISTRATOR, VIEW, "web")
    assert listed is not None
    assert list(listed.versions) == ["2.0.0", "1.0.0"]
    assert await reading.list_versions(world.registry, ADMINISTRATOR, VIEW, "none") is None


# --- hostile indexes ---


def read(content: bytes) -> dict[str, list[str]]:
    return {name: [each.reference for each in versions] for name, versions in read_condensed(condense(content)).items()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "one"},
        {"version": "1.0_0"},
        {"name": "other"},
        {"name": "../web"},
        {"urls": []},
        {"urls": [""]},
        {"urls": "x"},
        {"version": None},
    ],
)
def test_an_entry_that_nobody_can_use_is_passed_over(wrong: dict[str, Any]) -> None:
    entries = [entry("web", "1.0.0"), entry("web", "2.0.0") | wrong, "text", None, [], {}]

    for content in (json.dumps({"entries": {"web": entries}}), yaml.safe_dump({"entries": {"web": entries}})):
        found = read(content.encode())

        assert found == {"web": ["1.0.0"]}
        assert condense(content.encode()).isascii()


def test_aliases_depth_and_numbers_cost_the_entry_that_has_them() -> None:
    good = "  - {name: web, version: 1.0.0, urls: [a]}\n"
    bomb = (
        "x: &a ["
        + ",".join(["1"] * 10)
        + "]\n"
        + "".join(f"y{at}: &b{at} [" + ",".join(["*a" if at == 0 else f"*b{at - 1}"] * 10) + "]\n" for at in range(30))
    )
    for bad in (
        "  - {name: web, version: 1.1.0, urls: [*a]}\n",
        "  - {name: web, version: 1.2.0, urls: [a], keywords: " + "[" * 200 + "]" * 200 + "}\n",
        "  - {name: web, version: 1.3.0, urls: [a], keywords: [" + "a," * 30_000 + "]}\n",
        "  - *b29\n",
    ):
        assert read(f"{bomb}entries:\n  web:\n{bad}{good}".encode()) == {"web": ["1.0.0"]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"[]",
        b"- a",
        b"{",
        b'{"entries": 1}',
        b"entries: {web: [",
        b"\xff\xfe",
        b"%YAML 9.9\n---\n",
        b"[" * 100_000,
        b"- " * 100_000,
        b'{"entries":{"web":' + b"[" * 3_000_000,
    ],
)
def test_what_is_no_index_is_an_invalid_upstream(content: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        condense(content)


@settings(max_examples=300)
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(str.encode),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
            max_leaves=12,
        ).map(
            lambda inner: json.dumps({"entries": {"web": [inner, entry("web", "1.0.0", description=inner)]}}).encode()
        ),
    )
)
def test_no_index_is_worse_than_invalid(content: bytes) -> None:
    try:
        read_condensed(condense(content))
    except UpstreamInvalid:
        return
