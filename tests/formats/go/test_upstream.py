"""A proxy that reads through to another one, which is on a real socket: down, lying, deleting, old."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.go.module import hash_go_mod
from entrepot.formats.go.upstream import read_info, read_list
from entrepot.model.errors import ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import FormatName, View, parse_namespace
from entrepot.model.position import START
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.govern import set_namespace
from entrepot.operations.registry import Wish
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, caller
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.go.conftest import Go
from tests.formats.go.modules import MODULE, module, zipped

pytestmark = pytest.mark.usefixtures("socket_enabled")

GO = FormatName("go")
ACME = parse_namespace("acme")
GO_MOD = f"module {MODULE}\n\ngo 1.20\n".encode()
OLD = "2020-01-02T03:04:05Z"
PSEUDO = "v0.0.0-20200102030405-abcdef012345"
SUMDB = "sum.example.com"


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


def offer(
    other: Elsewhere,
    version: str,
    *,
    path: str = MODULE,
    archive: bytes | None = None,
    go_mod: bytes = GO_MOD,
    time: str | None = OLD,
    listed: bool = True,
    below: str = "/proxy",
) -> None:
    """Let the other proxy have a version."""
    at = f"{below}/{path}/@v"
    if listed:
        other.says.setdefault(f"{at}/list", Said()).body += f"{version}\n".encode()
    said = {"Version": version} | ({} if time is None else {"Time": time})
    other.says[f"{at}/{version}.info"] = Said(json.dumps(said).encode())
    other.says[f"{at}/{version}.mod"] = Said(go_mod)
    other.says[f"{at}/{version}.zip"] = Said(module(path, version) if archive is None else archive)


async def read_through(
    go: Go, other: Elsewhere, *, name: str = "public", below: str = "/proxy", **rules: Any
) -> Upstream:
    upstream = Upstream(ACME, GO, UpstreamName(name), f"{other.url}{below}", private=True, rules=UpstreamRules(**rules))
    return await add_upstream(go.world.registry, ADMINISTRATOR, upstream)


async def versions(go: Go, path: str = MODULE) -> list[str]:
    answer = await go.get(f"{path}/@v/list")
    assert answer.status_code == 200, answer.text
    return answer.text.split()


async def statuses(go: Go, version: str, *kinds: str) -> list[int]:
    return [(await go.get(f"{MODULE}/@v/{version}.{kind}")).status_code for kind in kinds or ("info", "mod", "zip")]


def h1(*files: tuple[str, bytes]) -> str:
    lines = sorted(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files)
    lines.sort(key=lambda line: line.split("  ")[1])
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


# --- what is there is here ---


async def test_what_another_proxy_has_is_had_here(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    offer(other, "v1.1.0-rc.1")
    await read_through(go, other)

    info = await go.get(f"{MODULE}/@v/v1.0.0.info")
    mod = await go.get(f"{MODULE}/@v/v1.0.0.mod")
    archive = await go.get(f"{MODULE}/@v/v1.0.0.zip")

    assert await versions(go) == ["v1.0.0", "v1.1.0-rc.1"]
    assert info.json() == {"Version": "v1.0.0", "Time": OLD}
    assert mod.content == GO_MOD
    assert archive.content == module()
    assert (await go.get(f"{MODULE}/@v/v2.0.0+incompatible.mod")).status_code == 404
    assert (await go.get("example.com/nosuch/@v/list")).status_code == 404


async def test_a_version_that_was_fetched_stays_when_the_other_is_gone(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other, refresh=timedelta(seconds=1))
    before = [(await go.get(f"{MODULE}/@v/{file}")).content for file in ("list", "v1.0.0.info", "v1.0.0.zip")]

    other.says = {path: Said(status=503) for path in other.says}
    go.world.clock.advance(hours=1)
    listed = await go.get(f"{MODULE}/@v/list")
    after = [listed.content, *[(await go.get(f"{MODULE}/@v/v1.0.0.{kind}")).content for kind in ("info", "zip")]]

    assert after == before
    assert "its last answer" in listed.headers["warning"]
    assert other.asked[f"/proxy/{MODULE}/@v/v1.0.0.zip"] == 1
    assert (await go.get(f"{MODULE}/@v/v1.0.0.mod")).content == GO_MOD
    assert await check(go.world.registry, read_bytes=True) == []


async def test_what_was_said_of_a_version_is_asked_once_and_needs_no_zip(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other, refresh=timedelta(0))
    first = [(await go.get(f"{MODULE}/@v/v1.0.0.{kind}")).content for kind in ("info", "mod")]

    other.says.clear()
    go.world.clock.advance(days=400)
    again = [(await go.get(f"{MODULE}/@v/v1.0.0.{kind}")).content for kind in ("info", "mod")]

    assert again == first
    assert sorted(other.asked) == [f"/proxy/{MODULE}/@v/v1.0.0.{kind}" for kind in ("info", "mod")]
    assert await check(go.world.registry) == []


async def test_a_version_here_is_made_of_the_zip_and_of_what_is_said_of_it(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0", go_mod=b"module example.com/greet\n")
    await read_through(go, other)
    await go.get(f"{MODULE}/@v/v1.0.0.zip")
    [*_, entry] = await go.world.registry.catalog.list_entries(after=START, limit=100)

    async with go.world.client(await go.world.token("reader", name="oci")) as client:
        manifest = (await client.get(f"/v2/acme/go/{MODULE}/manifests/v1.0.0")).json()
        config = (await client.get(f"/v2/acme/go/{MODULE}/blobs/{manifest['config']['digest']}")).json()

    assert config["time"].startswith("2020-01-02T03:04:05")
    assert config["go_mod_hash"] == h1(("go.mod", b"module example.com/greet\n"))
    assert (await go.get(f"{MODULE}/@v/v1.0.0.info")).json() == {"Version": "v1.0.0", "Time": OLD}
    assert (await go.get(f"{MODULE}/@v/v1.0.0.mod")).content == b"module example.com/greet\n"
    assert entry.actor == "upstream:public"


async def test_a_pseudo_version_needs_no_list(go: Go, other: Elsewhere) -> None:
    offer(other, PSEUDO, listed=False, archive=module(MODULE, PSEUDO))
    await read_through(go, other, cooldown=timedelta(days=7))

    assert await statuses(go, PSEUDO) == [200, 200, 200]
    assert (await go.get(f"{MODULE}/@v/{PSEUDO}.zip")).content == module(MODULE, PSEUDO)
    assert await versions(go) == []


@pytest.mark.parametrize("query", ["main", "abcdef0", "v1", "release-1.x"])
async def test_a_branch_or_a_commit_is_the_version_that_the_other_finds(go: Go, other: Elsewhere, query: str) -> None:
    offer(other, PSEUDO, listed=False)
    other.says[f"/proxy/{MODULE}/@v/{query}.info"] = other.says[f"/proxy/{MODULE}/@v/{PSEUDO}.info"]
    await read_through(go, other, refresh=timedelta(seconds=1))

    found = await go.get(f"{MODULE}/@v/{query}.info")
    moved = "v0.0.0-20210102030405-000000000000"
    other.says[f"/proxy/{MODULE}/@v/{query}.info"] = Said(json.dumps({"Version": moved, "Time": OLD}).encode())
    go.world.clock.advance(minutes=1)

    assert found.json()["Version"] == PSEUDO
    assert (await go.get(f"{MODULE}/@v/{query}.info")).json()["Version"] == moved
    assert (await go.get(f"{MODULE}/@v/nosuch.info")).status_code == 404
    assert (await go.get(f"{MODULE}/@v/{query}.mod")).status_code == 404


async def test_a_version_without_incompatible_is_the_one_that_has_it(go: Go, other: Elsewhere) -> None:
    offer(other, "v2.0.0+incompatible")
    other.says[f"/proxy/{MODULE}/@v/v2.0.0.info"] = Said(b'{"Version": "v2.0.0+incompatible"}')
    await read_through(go, other)

    assert (await go.get(f"{MODULE}/@v/v2.0.0.info")).json() == {"Version": "v2.0.0+incompatible"}
    assert (await go.get(f"{MODULE}/@v/v2.0.0+incompatible.mod")).content == GO_MOD


async def test_upper_case_is_escaped_on_the_way_there(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0", path="example.com/!azure")
    await read_through(go, other)

    assert await versions(go, "example.com/!azure") == ["v1.0.0"]


async def test_the_latest_is_what_the_other_says_or_else_the_highest(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    offer(other, "v1.1.0")
    offer(other, "v2.0.0-rc.1+incompatible")
    await read_through(go, other, refresh=timedelta(seconds=1))

    highest = (await go.get(f"{MODULE}/@latest")).json()
    other.says[f"/proxy/{MODULE}/@latest"] = Said(json.dumps({"Version": PSEUDO, "Time": OLD}).encode())
    go.world.clock.advance(minutes=2)
    said = (await go.get(f"{MODULE}/@latest")).json()

    assert highest == {"Version": "v1.1.0", "Time": OLD}
    assert said == {"Version": PSEUDO, "Time": OLD}


async def test_versions_that_the_other_has_deleted_are_still_listed(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    offer(other, "v1.1.0")
    await read_through(go, other, refresh=timedelta(seconds=1))
    await go.get(f"{MODULE}/@v/v1.0.0.zip")

    other.says[f"/proxy/{MODULE}/@v/list"] = Said(b"v1.1.0\n")
    go.world.clock.advance(minutes=1)

    assert await versions(go) == ["v1.0.0", "v1.1.0"]


async def test_everybody_waits_for_one_fetch(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other)

    answers = await asyncio.gather(*(go.get(f"{MODULE}/@v/v1.0.0.zip") for _ in range(8)))

    assert [answer.content for answer in answers] == [module()] * 8
    assert other.asked[f"/proxy/{MODULE}/@v/v1.0.0.zip"] == 1


# --- whose a name is ---


async def test_a_module_of_ours_is_never_theirs(go: Go, other: Elsewhere) -> None:
    offer(other, "v9.0.0")
    await read_through(go, other)
    await go.publish("v1.0.0")

    assert await versions(go) == ["v1.0.0"]
    assert await statuses(go, "v9.0.0") == [404, 404, 404]
    assert (await go.get(f"{MODULE}/@v/main.info")).status_code == 404
    assert (await go.get(f"{MODULE}/@latest")).json()["Version"] == "v1.0.0"
    assert not other.asked


async def test_a_reserved_name_is_asked_of_nobody_and_a_channel_asks_nobody(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other)
    await set_namespace(
        go.world.registry, caller("maintainer"), ACME, reserved=[PurlPattern.parse("pkg:go/example.com/g*")]
    )

    assert (await go.get(f"{MODULE}/@v/list")).status_code == 404
    assert (await go.get("example.com/x/@v/list", view="acme.prod")).status_code == 404
    assert await statuses(go, "v1.0.0") == [404, 404, 404]
    assert not other.asked


async def test_who_may_not_read_makes_nobody_ask(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other)

    for file in ("list", "v1.0.0.info", "main.info", "v1.0.0.mod", "v1.0.0.zip"):
        assert (await go.get(f"{MODULE}/@v/{file}", by=None)).status_code == 401
    assert (await go.get(f"{MODULE}/@latest", by=None)).status_code == 401
    assert not other.asked


async def test_who_lists_a_module_first_is_the_only_one_who_has_it(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0", below="/inside")
    offer(other, "v1.0.0", archive=b"another")
    offer(other, "v9.0.0")
    offer(other, "v3.0.0", path="example.com/elsewhere", go_mod=b"module example.com/elsewhere\n")
    await read_through(go, other, name="inside", below="/inside")
    await read_through(go, other)

    assert await versions(go) == ["v1.0.0"]
    assert await statuses(go, "v1.0.0") == [200, 200, 200]
    assert await statuses(go, "v9.0.0") == [404, 404, 404]
    assert not [path for path in other.asked if path.startswith(f"/proxy/{MODULE}")]
    assert (await go.get("example.com/elsewhere/@v/list")).status_code == 200


# --- what is let in ---


async def test_what_is_blocked_is_not_shown(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    offer(other, "v1.1.0")
    await read_through(go, other, block=(PurlPattern.parse(f"pkg:go/{MODULE}@v1.1.*"),))

    assert await versions(go) == ["v1.0.0"]
    assert await statuses(go, "v1.1.0") == [404, 404, 404]
    assert f"/proxy/{MODULE}/@v/v1.1.0.zip" not in other.asked


def days_ago(go: Go, days: int) -> str:
    return (go.world.clock.now() - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_at_the_first_look_a_version_is_as_old_as_it_says(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0", time=days_ago(go, 30))
    offer(other, "v1.1.0", time=days_ago(go, 2))
    offer(other, "v1.2.0", time=None)
    await read_through(go, other, cooldown=timedelta(days=7))

    assert await statuses(go, "v1.0.0") == [200, 200, 200]
    assert await statuses(go, "v1.1.0") == [404, 404, 404]
    assert await statuses(go, "v1.2.0") == [404, 404, 404]
    assert await versions(go) == ["v1.0.0"]
    assert (await go.get(f"{MODULE}/@latest")).json()["Version"] == "v1.0.0"
    go.world.clock.advance(days=6)
    assert await versions(go) == ["v1.0.0", "v1.1.0"]
    go.world.clock.advance(days=2)
    assert await versions(go) == ["v1.0.0", "v1.1.0", "v1.2.0"]
    assert await statuses(go, "v1.2.0") == [200, 200, 200]


@pytest.mark.parametrize("is_listed", [True, False])
async def test_what_appears_later_counts_from_when_it_was_seen_whatever_its_date(
    go: Go, other: Elsewhere, is_listed: bool
) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    assert await versions(go) == ["v1.0.0"]

    go.world.clock.advance(days=1)
    offer(other, "v1.1.0", listed=is_listed)

    assert await statuses(go, "v1.1.0") == [404, 404, 404]
    assert await versions(go) == ["v1.0.0"]
    go.world.clock.advance(days=7)
    assert await statuses(go, "v1.1.0") == [200, 200, 200]
    assert await versions(go) == ["v1.0.0", "v1.1.0"]


async def test_a_branch_that_moves_leads_to_what_is_new_whatever_its_date(go: Go, other: Elsewhere) -> None:
    main = f"/proxy/{MODULE}/@v/main.info"
    other.says[main] = Said(json.dumps({"Version": PSEUDO, "Time": OLD}).encode())
    await read_through(go, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    first = await go.get(f"{MODULE}/@v/main.info")

    moved = "v0.0.0-20200102030406-000000000000"
    offer(other, moved, listed=False)
    other.says[main] = Said(json.dumps({"Version": moved, "Time": OLD}).encode())
    go.world.clock.advance(minutes=1)

    assert first.json()["Version"] == PSEUDO
    assert (await go.get(f"{MODULE}/@v/main.info")).status_code == 404
    assert await statuses(go, moved) == [404, 404, 404]


# --- what is old, and what is wrong ---


async def test_a_zip_that_is_older_than_the_rules_passes(go: Go, other: Elsewhere) -> None:
    prefix = f"{MODULE}@v1.0.0/"
    archive = zipped(
        {
            f"{prefix}go.mod": b"module example.com/forked-from\n",
            f"{prefix}vendor/example.com/x/x.go": b"package x\n",
            f"{prefix}sub/go.mod": b"module example.com/greet/sub\n",
            f"{prefix}docs/": b"",
            f"{prefix}README": b"1",
            f"{prefix}readme": b"2",
            f"{prefix}aux.c": b"",
        }
    )
    offer(other, "v1.0.0", archive=archive, go_mod=b"module example.com/forked-from\n")
    await read_through(go, other)

    assert (await go.get(f"{MODULE}/@v/v1.0.0.zip")).content == archive
    assert (await go.get(f"{MODULE}/@v/v1.0.0.mod")).content == b"module example.com/forked-from\n"
    assert (await go.put("example.com/mine/@v/v1.0.0.zip", archive)).status_code == 400
    assert await check(go.world.registry) == []


def link() -> zipfile.ZipInfo:
    made = zipfile.ZipInfo()
    made.external_attr = 0o120777 << 16
    return made


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(module(MODULE, "v1.0.1"), id="another version"),
        pytest.param(module("example.com/other"), id="another module"),
        pytest.param(module(files={"link": link()}), id="link"),
        pytest.param(zipped({f"{MODULE}@v1.0.0/../x": b""}), id="traversal"),
        pytest.param(module()[:-5], id="cut"),
        pytest.param(module() + b"x", id="more"),
        pytest.param(b"<html>", id="page"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_a_zip_that_is_none_is_not_let_in(go: Go, other: Elsewhere, archive: bytes) -> None:
    offer(other, "v1.0.0", archive=archive)
    await read_through(go, other)

    try:
        status = (await go.get(f"{MODULE}/@v/v1.0.0.zip")).status_code
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        status = 502
    await go.world.registry.flights.landed()

    assert status == 502
    offer(other, "v1.0.0", listed=False)
    assert (await go.get(f"{MODULE}/@v/v1.0.0.zip")).content == module()
    assert await check(go.world.registry) == []


@pytest.mark.parametrize(
    ("file", "wrong"),
    [
        ("list", Said(b"<html>\n<body>\n")),
        ("v1.0.0.info", Said(b"<html>")),
        ("v1.0.0.info", Said(b'{"Version": "v1.0.1"}')),
        ("v1.0.0.info", Said(b'{"Version": 1}')),
        ("v1.0.0.info", Said(b'{"Version": "main"}')),
        ("v1.0.0.info", Said(b"[" * 100_000)),
        ("v1.0.0.mod", Said(b"<html>\n<body>\n")),
        ("v1.0.0.mod", Said(b"")),
        ("v1.0.0.info", Said(status=500)),
        ("v1.0.0.mod", Said(status=403)),
        ("v1.0.0.mod", Said(status=302, headers={"location": "http://169.254.169.254/latest"})),
        ("v1.0.0.mod", Said(GO_MOD, cut_after=5)),
        ("list", Said(b"v1.0.0\n", headers={"content-length": "100000000000"})),
    ],
)
async def test_what_is_wrong_there_is_an_error_of_the_gateway_and_is_not_kept(
    go: Go, other: Elsewhere, file: str, wrong: Said
) -> None:
    offer(other, "v1.0.0")
    right = other.says[f"/proxy/{MODULE}/@v/{file}"]
    other.says[f"/proxy/{MODULE}/@v/{file}"] = wrong
    await read_through(go, other)

    answer = await go.get(f"{MODULE}/@v/{file}")
    other.says[f"/proxy/{MODULE}/@v/{file}"] = right
    go.world.clock.advance(minutes=5)
    again = await go.get(f"{MODULE}/@v/{file}")

    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/plain")
    assert again.status_code == 200


async def test_lines_that_are_no_versions_are_passed_over(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    other.says[f"/proxy/{MODULE}/@v/list"] = Said(
        f"v1.1.0 {OLD}\nv1.0.0\nmaster\nv1.0\nv2.0.0\n{PSEUDO}\n\nv1.0.0\n".encode()
    )
    await read_through(go, other)

    assert await versions(go) == ["v1.0.0", "v1.1.0"]


@given(content=st.binary(max_size=200))
def test_no_list_and_no_info_is_worse_than_invalid(content: bytes) -> None:
    for read in (read_list, lambda said: read_info(said, MODULE)):
        try:
            read(content)
        except UpstreamInvalid:
            continue


# --- when no client asks ---


ALL, READER = View.parse("acme"), caller("reader")


async def test_versions_are_listed_and_fetched_by_their_hashes(go: Go, other: Elsewhere) -> None:
    offer(other, "v1.0.0")
    await read_through(go, other)
    reader = go.world.registry.read_through[GO]
    zip_hash = h1((f"{MODULE}@v1.0.0/greet.go", b"package greet\n"), (f"{MODULE}@v1.0.0/go.mod", GO_MOD))

    listed = await reader.list_versions(go.world.registry, READER, ALL, MODULE)
    [mod] = await reader.fetch(go.world.registry, READER, Wish(ALL, MODULE, "v1.0.0", frozenset({hash_go_mod(GO_MOD)})))
    zips_asked = other.asked[f"/proxy/{MODULE}/@v/v1.0.0.zip"]
    with pytest.raises(UpstreamInvalid):
        await reader.fetch(go.world.registry, READER, Wish(ALL, MODULE, "v1.0.0", frozenset({"h1:" + "A" * 43 + "="})))
    [archive] = await reader.fetch(go.world.registry, READER, Wish(ALL, MODULE, "v1.0.0", frozenset({zip_hash})))
    whole = await reader.fetch(go.world.registry, READER, Wish(ALL, MODULE, "v1.0.0"))

    assert listed is not None
    assert list(listed.versions) == ["v1.0.0"]
    assert (mod.name, mod.size) == ("v1.0.0.mod", len(GO_MOD))
    assert zips_asked == 0
    assert other.asked[f"/proxy/{MODULE}/@v/v1.0.0.zip"] == 2, "nothing of the first one was kept"
    assert (archive.name, archive.digest.hex) == ("v1.0.0.zip", hashlib.sha256(module()).hexdigest())
    assert {file.name for file in whole} == {"v1.0.0.zip", "v1.0.0.mod"}
    with pytest.raises(UpstreamInvalid):
        await reader.fetch(go.world.registry, READER, Wish(ALL, MODULE, "v1.0.0", frozenset({"h1:" + "A" * 43 + "="})))
    assert await reader.fetch(
        go.world.registry, READER, Wish(ALL, MODULE, "v1.0.0", frozenset({hash_go_mod(GO_MOD)}))
    ) == [mod]
    with pytest.raises(ReferenceUnknown):
        await reader.fetch(go.world.registry, READER, Wish(ALL, MODULE, "v1.5.0"))
    assert await reader.list_versions(go.world.registry, READER, ALL, "example.com/nosuch") is None


# --- checksum databases ---

LOOKUP = f"/proxy/sumdb/{SUMDB}/lookup/{MODULE}@v1.0.0"
NOTE = f"go.sum database tree\n8\nAAAA\n\n\u2014 {SUMDB} AAAA\n".encode()
RECORD = f"7\n{MODULE} v1.0.0 h1:AAAA=\n{MODULE} v1.0.0/go.mod h1:BBBB=\n\n".encode() + NOTE
TILE = bytes(range(32)) * 3


def offer_sums(other: Elsewhere, below: str = "/proxy") -> None:
    at = f"{below}/sumdb/{SUMDB}"
    other.says[f"{at}/supported"] = Said()
    other.says[f"{at}/latest"] = Said(NOTE)
    other.says[f"{at}/lookup/{MODULE}@v1.0.0"] = Said(RECORD)
    other.says[f"{at}/tile/8/0/x001/234.p/3"] = Said(TILE)
    other.says[f"{at}/tile/8/data/000.p/1"] = Said(b"record\n\n")


async def sums(go: Go, path: str, **options: Any) -> tuple[int, bytes]:
    answer = await go.get(f"sumdb/{SUMDB}/{path}", **options)
    return answer.status_code, answer.content


async def test_a_checksum_database_is_passed_on_byte_for_byte_and_stays(go: Go, other: Elsewhere) -> None:
    offer_sums(other)
    await read_through(go, other, refresh=timedelta(seconds=1))
    paths = ["supported", "latest", f"lookup/{MODULE}@v1.0.0", "tile/8/0/x001/234.p/3", "tile/8/data/000.p/1"]
    expected = [(200, content) for content in (b"", NOTE, RECORD, TILE, b"record\n\n")]

    before = [await sums(go, path) for path in paths]
    other.says = dict.fromkeys(other.says, Said(status=503))
    go.world.clock.advance(days=30)
    after = [await sums(go, path) for path in paths]

    assert before == after == expected
    assert [other.asked[f"/proxy/sumdb/{SUMDB}/{path}"] for path in paths[2:]] == [1, 1, 1]
    assert [event for event in await go.world.events() if "index" in event] == []
    assert await check(go.world.registry) == []


@pytest.mark.parametrize(
    "path",
    [
        "sumdb/other.example.com/supported",
        f"sumdb/{SUMDB}/tile/8/0/999",
        f"sumdb/{SUMDB}/lookup/example.com/x@v1.0.0",
        f"sumdb/{SUMDB}/lookup/{MODULE}@main",
        f"sumdb/{SUMDB}/lookup/fmt@v1.0.0",
        f"sumdb/{SUMDB}/lookup/..%2f..@v1.0.0",
        f"sumdb/{SUMDB}/lookup/",
        f"sumdb/{SUMDB}/tile/0/0/000",
        f"sumdb/{SUMDB}/tile/31/0/000",
        f"sumdb/{SUMDB}/tile/8/0/000.p/256",
        f"sumdb/{SUMDB}/tile/8/0/000.p/0",
        f"sumdb/{SUMDB}/tile/8/0/x000/x000/x000/x000/x000/x000/x000/000",
        f"sumdb/{SUMDB}/tile/8/0/../../latest",
        f"sumdb/{SUMDB}/nosuch",
        f"sumdb/{'a' * 300}.example.com/supported",
        "sumdb/../supported",
    ],
)
async def test_what_no_checksum_database_has_is_404_so_that_the_next_is_asked(
    go: Go, other: Elsewhere, path: str
) -> None:
    offer_sums(other)
    await read_through(go, other)

    assert (await go.get(path)).status_code == 404


async def test_without_an_upstream_there_is_no_checksum_database(go: Go, other: Elsewhere) -> None:
    assert (await sums(go, "supported"))[0] == 404
    await read_through(go, other)
    assert (await sums(go, "supported"))[0] == 404
    assert (await sums(go, "supported", view="acme.prod"))[0] == 404


async def test_a_name_of_ours_never_gets_to_a_checksum_database(go: Go, other: Elsewhere) -> None:
    offer_sums(other)
    await read_through(go, other)
    await set_namespace(
        go.world.registry, caller("maintainer"), ACME, reserved=[PurlPattern.parse("pkg:go/example.com/secret*")]
    )
    await go.publish("v1.0.0")

    hosted = await sums(go, f"lookup/{MODULE}@v1.0.0")
    reserved = await sums(go, "lookup/example.com/secret/x@v1.0.0")

    assert (hosted[0], reserved[0]) == (404, 404)
    assert not [path for path in other.asked if "lookup" in path]


async def test_who_may_not_read_makes_nobody_ask_a_checksum_database(go: Go, other: Elsewhere) -> None:
    offer_sums(other)
    await read_through(go, other)

    for path in ("supported", "latest", f"lookup/{MODULE}@v1.0.0", "lookup/fmt@v1", "tile/8/0/x001/234.p/3"):
        assert (await sums(go, path, by=None))[0] == 401
    assert not other.asked


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (f"lookup/{MODULE}@v1.0.0", b"<html>"),
        (f"lookup/{MODULE}@v1.0.0", RECORD.replace(b"greet", b"other")),
        (f"lookup/{MODULE}@v1.0.0", RECORD.removesuffix(NOTE)),
        ("tile/8/0/x001/234.p/3", TILE[:-1]),
        ("tile/8/0/x001/234.p/3", b"<html>"),
        ("latest", b"<html>"),
    ],
)
async def test_what_is_no_answer_of_a_checksum_database_is_not_kept(
    go: Go, other: Elsewhere, path: str, wrong: bytes
) -> None:
    offer_sums(other)
    right = other.says[f"/proxy/sumdb/{SUMDB}/{path}"]
    other.says[f"/proxy/sumdb/{SUMDB}/{path}"] = Said(wrong)
    await read_through(go, other)

    lied = await sums(go, path)
    other.says[f"/proxy/sumdb/{SUMDB}/{path}"] = right

    assert lied[0] == 502
    assert await sums(go, path) == (200, right.body)


async def test_the_next_upstream_passes_on_what_the_first_cannot(go: Go, other: Elsewhere) -> None:
    offer_sums(other, below="/second")
    other.says[f"/proxy/sumdb/{SUMDB}/supported"] = Said(status=503)
    await read_through(go, other)
    await read_through(go, other, name="second", below="/second")

    assert await sums(go, f"lookup/{MODULE}@v1.0.0") == (200, RECORD)


async def test_whether_there_is_a_checksum_database_is_not_guessed(go: Go, other: Elsewhere) -> None:
    other.says[f"/proxy/sumdb/{SUMDB}/supported"] = Said(status=503)
    await read_through(go, other)

    # 404 would send the go command to the database itself, with every name that it has.
    assert (await sums(go, "supported"))[0] == 502
