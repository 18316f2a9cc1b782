"""A registry that reads through to another one, which is on a real socket: down, slow, lying, deleting."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from entrepot.formats.npm import FORMAT
from entrepot.formats.npm.packument import substitute
from entrepot.formats.npm.remote import read_remote_packument
from entrepot.model.errors import ReferenceUnknown, UpstreamInvalid
from entrepot.model.names import FormatName, PackageName, ReferenceName, View, parse_namespace
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.advisories import import_advisories
from entrepot.operations.check import check
from entrepot.operations.govern import set_namespace
from entrepot.operations.registry import Fetched, Wish
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import stream
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere
from tests.formats.generic.served import ADMINISTRATOR, Answer
from tests.formats.npm.packages import bundle, dist, packed, tarball
from tests.formats.npm.served import REGISTRY, Npm, answered

pytestmark = pytest.mark.usefixtures("socket_enabled")

ACME, NPM = parse_namespace("acme"), FormatName("npm")
INSTALL = "application/vnd.npm.install-v1+json"
LONG_AGO = "2020-01-02T03:04:05.006Z"
TARBALL = "/tool/-/tool-1.0.0.tgz"
KEY = "/-/npm/v1/keys"


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


def manifest(other: Elsewhere, name: str, version: str, content: bytes, **more: Any) -> dict[str, Any]:
    """A version as the other registry's packument has it."""
    file = f"{name.rpartition('/')[2]}-{version}.tgz"
    said = {**dist(content), "tarball": f"{other.url}/npm/{name}/-/{file}", **more.pop("dist", {})}
    return {
        "name": name,
        "version": version,
        "_id": f"{name}@{version}",
        "_npmUser": {"name": "somebody", "email": "somebody@example.com"},
        "maintainers": [{"name": "somebody", "email": "somebody@example.com"}],
        "dist": {key: value for key, value in said.items() if value is not None},
        **more,
    }


def offer(
    other: Elsewhere,
    *versions: str,
    name: str = "tool",
    contents: Mapping[str, bytes] | None = None,
    changes: Mapping[str, Any] | None = None,
    time: str | None = LONG_AGO,
    tags: Mapping[str, str] | None = None,
    **more: Any,
) -> None:
    """Let the other registry have these versions and no others; *more* is in each manifest, *changes* in the packument."""
    packument: dict[str, Any] = {
        "_id": name,
        "name": name,
        "dist-tags": tags or {"latest": versions[-1]},
        "versions": {},
        "time": {"created": LONG_AGO, "modified": LONG_AGO},
        "maintainers": [{"name": "keeper", "email": "keeper@example.com"}],
        "readme": "# Theirs",
    }
    for version in versions:
        content = (contents or {}).get(version, tarball(name, version, **inside(more)))
        packument["versions"][version] = manifest(other, name, version, content, **more)
        if time is not None:
            packument["time"][version] = time
        other.says[f"/npm/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"] = Said(content)
    put(other, {**packument, **(changes or {})}, name)


def inside(more: Mapping[str, Any]) -> dict[str, Any]:
    """What of a manifest is in the tarball too."""
    return {key: value for key, value in more.items() if key not in ("dist", "deprecated") and key[0] != "_"}


def put(other: Elsewhere, packument: object, name: str = "tool") -> None:
    other.says[f"/npm/{name.replace('/', '%2f')}"] = Said(json.dumps(packument).encode())


async def read_through(npm: Npm, other: Elsewhere, name: str = "public", **rules: Any) -> Upstream:
    upstream = Upstream(ACME, NPM, UpstreamName(name), f"{other.url}/npm", private=True, rules=UpstreamRules(**rules))
    return await add_upstream(npm.registry, ADMINISTRATOR, upstream)


async def is_served(npm: Npm, path: str, content: bytes) -> bool:
    try:
        answer = await npm.read(path)
    except Exception:  # noqa: BLE001 (a cut answer, however the transport says it)
        return False
    return (answer.status, answer.body) == (200, content)


async def oci(npm: Npm, version: str) -> Answer:
    """The version as an artifact."""
    return await npm.ask("GET", f"/v2/acme/npm/tool/manifests/{version}", by="reader")


# --- packuments ---


async def test_another_registry_s_packument_is_ours(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", "1.1.0", dependencies={"a": "^1.0.0"}, scripts={"postinstall": "x"}, description="theirs")
    await read_through(npm, other)

    full = await npm.packument()
    short = (await npm.read("/tool", accept=INSTALL)).json

    assert list(full["versions"]) == list(short["versions"]) == ["1.0.0", "1.1.0"]
    assert full["dist-tags"] == {"latest": "1.1.0"}
    assert full["time"] == {"created": LONG_AGO, "modified": LONG_AGO, "1.0.0": LONG_AGO, "1.1.0": LONG_AGO}
    assert (full["readme"], full["description"]) == ("# Theirs", "theirs")
    assert full["maintainers"] == [{"name": "keeper", "email": ""}]
    version = short["versions"]["1.0.0"]
    signatures = version["dist"].pop("signatures")
    content = tarball(
        "tool",
        "1.0.0",
        **{key: full["versions"]["1.0.0"][key] for key in ("dependencies", "scripts")},
        description="theirs",
    )
    assert version == {
        "name": "tool",
        "version": "1.0.0",
        "dependencies": {"a": "^1.0.0"},
        "hasInstallScript": True,
        "dist": {**dist(content), "tarball": f"http://registry.example.com{REGISTRY}{TARBALL}"},
    }
    assert len(signatures) == 1
    assert other.asked["/npm/tool"] == 1


@pytest.mark.parametrize("path", ["/@acme/tool", "/@acme%2ftool", "/@acme%2Ftool"])
async def test_a_scoped_name_is_found_however_it_is_written(npm: Npm, other: Elsewhere, path: str) -> None:
    content = tarball("@acme/tool", "1.0.0")
    offer(other, "1.0.0", name="@acme/tool", contents={"1.0.0": content})
    await read_through(npm, other)

    packument = (await npm.read(path)).json
    address = packument["versions"]["1.0.0"]["dist"]["tarball"].removeprefix(f"http://registry.example.com{REGISTRY}")

    assert address == "/@acme/tool/-/tool-1.0.0.tgz"
    assert (await npm.read(address)).body == content
    assert (await npm.read(f"{path}/-/tool-1.0.0.tgz")).body == content


async def test_one_version_and_the_tags_are_asked_for_alone(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", "2.0.0-rc.1", tags={"latest": "1.0.0", "next": "2.0.0-rc.1"})
    await read_through(npm, other)

    found = [(await npm.read(f"/tool/{name}")).json["_id"] for name in ("1.0.0", "latest", "next", "2.0.0-rc.1")]

    assert found == ["tool@1.0.0", "tool@1.0.0", "tool@2.0.0-rc.1", "tool@2.0.0-rc.1"]
    assert (await npm.read("/-/package/tool/dist-tags")).json == {"latest": "1.0.0", "next": "2.0.0-rc.1"}
    assert (await npm.read("/tool/3.0.0")).status == 404
    assert (await npm.read("/other")).status == 404


async def test_what_the_client_has_is_not_sent_again_until_it_changes(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0")
    other.says["/npm/tool"].headers["etag"] = '"one"'
    await read_through(npm, other, refresh=timedelta(seconds=1))
    first = (await npm.read("/tool")).headers["etag"]

    npm.clock.pass_by(timedelta(seconds=2))
    unchanged = await npm.read("/tool", if_none_match=first)
    offer(other, "1.0.0", "1.1.0")
    npm.clock.pass_by(timedelta(seconds=2))
    changed = await npm.read("/tool", if_none_match=first)

    assert (unchanged.status, changed.status) == (304, 200)
    assert other.requests[-2]["if-none-match"] == '"one"'
    assert list(changed.json["versions"]) == ["1.0.0", "1.1.0"]


async def test_what_nobody_reads_of_a_packument_is_no_news(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0")
    await read_through(npm, other, refresh=timedelta(seconds=1))
    first = (await npm.read("/tool")).headers["etag"]

    offer(other, "1.0.0", changes={"_rev": "2-0", "users": {"somebody": True}}, _npmOperationalInternal={"host": "s3"})
    npm.clock.pass_by(timedelta(seconds=2))

    assert (await npm.read("/tool", if_none_match=first)).status == 304
    assert other.asked["/npm/tool"] == 2


async def test_a_packument_of_thousands_of_versions_is_rendered_once(
    npm: Npm, other: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(other, "1.0.0")
    packument = json.loads(other.says["/npm/tool"].body)
    packument["versions"] = {
        f"1.0.{number}": {**packument["versions"]["1.0.0"], "version": f"1.0.{number}"} for number in range(3_000)
    }
    put(other, packument)
    await read_through(npm, other)
    first = await npm.read("/tool", accept=INSTALL)
    rendered = []
    monkeypatch.setattr("entrepot.formats.npm.packument.Renderer.abbreviated", lambda *_: rendered.append(1))

    again = await npm.read("/tool", accept=INSTALL)

    assert len(first.json["versions"]) == 3_000
    assert again.body == first.body
    assert rendered == []


# --- tags, and what is not shown ---


async def test_a_tag_whose_version_is_hidden_means_the_highest_shown_below_it(npm: Npm, other: Elsewhere) -> None:
    versions = ("1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0-rc.2", "2.0.0", "3.0.0")
    offer(other, *versions, tags={"latest": "2.0.0", "next": "3.0.0", "rc": "2.0.0-rc.2"})
    blocked = tuple(PurlPattern.parse(f"pkg:npm/tool@{version}") for version in ("2.0.0", "3.0.0", "2.0.0-rc.2"))
    await read_through(npm, other, block=blocked)

    packument = await npm.packument()

    assert list(packument["versions"]) == ["1.0.0", "1.1.0", "2.0.0-rc.1"]
    assert packument["dist-tags"] == {"latest": "1.1.0", "next": "1.1.0", "rc": "2.0.0-rc.1"}
    assert (await npm.read("/tool/latest")).json["version"] == "1.1.0"
    assert (await npm.read("/tool/-/tool-2.0.0.tgz")).status == 404


@pytest.mark.parametrize(
    ("tagged", "shown", "meant"),
    [
        ("2.0.0", ["1.0.0", "1.9.0", "2.0.1", "2.0.0-rc.1"], "1.9.0"),
        ("2.0.0-rc.2", ["1.0.0", "2.0.0-rc.1", "2.0.0-rc.3"], "2.0.0-rc.1"),
        ("2.0.0-rc.2", ["1.0.0", "1.1.0-rc.1"], "1.0.0"),
        ("1.0.0", ["1.0.1", "1.0.0-rc.1"], None),
        ("1.0.0", [], None),
    ],
)
def test_what_a_tag_means_instead(tagged: str, shown: list[str], meant: str | None) -> None:
    assert substitute(ReferenceName(tagged), [ReferenceName(each) for each in shown]) == meant


async def test_a_version_is_hidden_until_it_has_cooled_down(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0")
    await read_through(npm, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    before = await npm.read("/tool")

    offer(other, "1.0.0", "2.0.0")
    npm.clock.pass_by(timedelta(seconds=2))
    cooling, refused = await npm.packument(), await npm.read("/tool/-/tool-2.0.0.tgz")
    npm.clock.pass_by(timedelta(days=7))
    after = await npm.read("/tool", if_none_match=before.headers["etag"])

    assert (list(cooling["versions"]), cooling["dist-tags"]) == (["1.0.0"], {"latest": "1.0.0"})
    assert refused.status == 404
    assert (list(after.json["versions"]), after.json["dist-tags"]) == (["1.0.0", "2.0.0"], {"latest": "2.0.0"})


async def test_a_version_that_repairs_a_known_flaw_need_not_cool_down(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0")
    await read_through(npm, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    await npm.read("/tool")
    events = [{"introduced": "0"}, {"fixed": "1.0.1"}, {"introduced": "3.0.0"}]
    affected = {"package": {"ecosystem": "npm", "name": "tool"}, "ranges": [{"type": "SEMVER", "events": events}]}
    record = json.dumps({"id": "TEST-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected]}).encode()

    offer(other, "1.0.0", "1.0.1", "2.0.0", "3.0.0")
    npm.clock.pass_by(timedelta(seconds=2))
    before = await npm.packument()
    await import_advisories(npm.registry, ADMINISTRATOR, "test", stream(record))
    after = await npm.packument()

    assert list(before["versions"]) == ["1.0.0"]
    assert list(after["versions"]) == ["1.0.0", "1.0.1"]


async def test_a_name_that_is_ours_is_never_theirs(npm: Npm, other: Elsewhere) -> None:
    offer(other, "2.0.0")
    await read_through(npm, other)
    await npm.publish()

    assert list((await npm.packument())["versions"]) == ["1.0.0"]
    assert (await npm.read("/tool/-/tool-2.0.0.tgz")).status == 404
    assert not other.asked


async def test_a_reserved_scope_is_never_theirs(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", name="@acme/tool")
    await read_through(npm, other)
    await set_namespace(npm.registry, ADMINISTRATOR, ACME, reserved=[PurlPattern.parse("pkg:npm/@acme/*")])

    assert (await npm.read("/@acme%2ftool")).status == 404
    assert not other.asked


async def test_who_may_not_read_makes_nobody_ask(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0")
    await read_through(npm, other)

    for path in ("/tool", "/tool/1.0.0", TARBALL, "/-/package/tool/dist-tags", "/-/npm/v1/attestations/tool@1.0.0"):
        assert (await npm.read(path, by=None)).status == 401
        assert (await npm.read(path, by="stranger")).status == 404
    assert not other.asked


async def test_a_channel_shows_what_was_cleared_and_asks_nobody(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", "1.1.0", signed=True)
    await read_through(npm, other)
    await npm.read(TARBALL)
    await npm.clear("tool", "1.0.0")
    asked = dict(other.asked)

    packument = await npm.packument(view="acme.prod", by="consumer")
    missing = await npm.read("/tool/-/tool-1.1.0.tgz", view="acme.prod", by="consumer")

    assert (list(packument["versions"]), packument["dist-tags"]) == (["1.0.0"], {"latest": "1.0.0"})
    assert missing.status == 404
    assert dict(other.asked) == asked


async def test_who_wants_to_write_gets_what_is_here(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", "1.1.0")
    await read_through(npm, other)
    await npm.read(TARBALL)
    document = await npm.packument("tool?write=true")
    document["versions"]["1.0.0"]["deprecated"] = "use another"

    changed = await npm.send("/tool", document, by="maintainer")

    assert list(document["versions"]) == ["1.0.0"]
    assert changed.status == 201, changed
    assert (await npm.packument())["versions"]["1.0.0"]["deprecated"] == "use another"


# --- tarballs ---


async def test_a_tarball_is_fetched_once_and_is_then_a_version_of_ours(npm: Npm, other: Elsewhere) -> None:
    content = tarball("tool", "1.0.0", bin="cli.js", engines={"node": ">=18"}, os=["linux"], cpu=["x64"])
    more = {"bin": {"tool": "cli.js"}, "engines": {"node": ">=18"}, "os": ["linux"], "cpu": ["x64"], "gitHead": "abc"}
    offer(other, "1.0.0", contents={"1.0.0": content}, **more)
    await read_through(npm, other)

    answers = [await npm.read(TARBALL) for _ in range(3)]
    part = await npm.read(TARBALL, range="bytes=-10")
    await npm.clear("tool", "1.0.0")
    stored = (await npm.packument(view="acme.prod", by="consumer"))["versions"]["1.0.0"]

    assert [(answer.status, answer.body) for answer in answers] == [(200, content)] * 3
    assert (part.status, part.body) == (206, content[-10:])
    assert other.asked["/npm/tool/-/tool-1.0.0.tgz"] == 1
    assert {key: stored[key] for key in more} == more
    assert stored["_npmUser"]["name"] == "somebody"
    assert stored["dist"]["integrity"] == dist(content)["integrity"]
    assert (await oci(npm, "1.0.0")).status == 200
    assert await check(npm.registry) == []


async def test_the_rest_of_a_packument_stays_as_it_was_when_a_version_has_been_fetched(
    npm: Npm, other: Elsewhere
) -> None:
    offer(other, "1.0.0", "1.1.0", dependencies={"a": "1"}, keywords=["x"])
    await read_through(npm, other)
    before = (await npm.read("/tool", accept=INSTALL)).json

    await npm.read(TARBALL)
    after = (await npm.read("/tool", accept=INSTALL)).json

    for document in (before, after):
        for key in ("fileCount", "unpackedSize"):
            document["versions"]["1.0.0"]["dist"].pop(key, None)
    assert after == before


async def test_a_tarball_may_be_anywhere_and_be_called_anything(npm: Npm, other: Elsewhere) -> None:
    content = tarball("tool", "1.0.0")
    offer(other, "1.0.0", dist={"tarball": "../files/0123abcd?download"})
    other.says["/files/0123abcd?download"] = Said(content)
    await read_through(npm, other)

    assert (await npm.read(TARBALL)).body == content


async def test_a_shasum_alone_is_enough_and_nothing_at_all_is_not(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", dist={"integrity": None})
    offer(other, "1.0.0", name="bare", dist={"integrity": None, "shasum": None})
    await read_through(npm, other)

    before = (await npm.packument())["versions"]["1.0.0"]["dist"]
    served = await is_served(npm, TARBALL, tarball("tool", "1.0.0"))
    after = (await npm.packument())["versions"]["1.0.0"]["dist"]

    assert ("integrity" in before, "signatures" in before, served) == (False, False, True)
    assert after["integrity"] == dist(tarball("tool", "1.0.0"))["integrity"]
    assert (await npm.read("/bare")).status == 404
    assert (await npm.read("/bare/-/bare-1.0.0.tgz")).status == 404


@pytest.mark.parametrize("keep", ["shasum", "integrity"])
@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1] + b"x",
        lambda content: content + b"more",
        lambda content: content[: len(content) // 2],
        lambda _: tarball("tool", "2.0.0"),
        lambda _: b"",
    ],
    ids=["flipped", "longer", "shorter", "another", "nothing"],
)
async def test_a_tarball_that_is_not_what_was_promised_is_not_let_in(
    npm: Npm, other: Elsewhere, keep: str, change: Any
) -> None:
    content = tarball("tool", "1.0.0")
    offer(other, "1.0.0", dist={"integrity" if keep == "shasum" else "shasum": None})
    await read_through(npm, other)
    other.says["/npm/tool/-/tool-1.0.0.tgz"] = Said(change(content))

    assert not await is_served(npm, TARBALL, content)
    assert (await npm.read("/tool?write=true")).status == 404, "nothing is here"
    assert await npm.staged() == []
    offer(other, "1.0.0")
    assert await is_served(npm, TARBALL, content)


@pytest.mark.parametrize(
    "content",
    [
        tarball("other", "1.0.0"),
        tarball("tool", "1.0.1"),
        packed({"package/package.json": b"{}"}),
        packed({"package/package.json": b'{"name": "tool", "version": "one"}'}),
        packed({"package/index.js": b""}),
        packed({"../package.json": b"{}"}),
        b"no tarball",
    ],
    ids=["another name", "another version", "neither", "no version", "no manifest", "escapes", "no archive"],
)
async def test_a_tarball_that_says_it_is_something_else_is_not_let_in(
    npm: Npm, other: Elsewhere, content: bytes
) -> None:
    offer(other, "1.0.0", contents={"1.0.0": content})
    await read_through(npm, other)

    assert not await is_served(npm, TARBALL, content)
    assert (await npm.read("/tool?write=true")).status == 404, "nothing is here"
    assert await npm.staged() == []


async def test_what_clients_wrote_long_ago_is_taken(npm: Npm, other: Elsewhere) -> None:
    """In 2011 dependencies could be a list, versions loose, and commands a folder; the registry made of it what it is now."""
    old = packed(
        {"whatever/package.json": b'{"name": "tool", "version": "v1.0.0 ", "dependencies": ["a"], "engines": []}'}
    )
    offer(other, "1.0.0", contents={"1.0.0": old}, dependencies={"a": "*"}, bin={"tool": "bin/tool"}, deprecated=False)
    await read_through(npm, other)

    served = await is_served(npm, TARBALL, old)
    await npm.clear("tool", "1.0.0")
    stored = (await npm.packument(view="acme.prod", by="consumer"))["versions"]["1.0.0"]

    assert served
    assert (stored["dependencies"], stored["bin"]) == ({"a": "*"}, {"tool": "bin/tool"})


LOOSE = ("0.9.0", "1.0.0beta", "=1.2.3", "v1.3.0", "01.4.0", "1.5.0-rc.01")


async def test_versions_in_the_spelling_of_old_clients_are_said_and_served_as_they_are_there(
    npm: Npm, other: Elsewhere
) -> None:
    offer(other, *LOOSE, "1.6", tags={"latest": "0.9.0", "beta": "1.0.0beta"})
    await read_through(npm, other)
    before = await npm.packument()

    for version in LOOSE:
        path = before["versions"][version]["dist"]["tarball"].partition("/npm/acme")[2]
        assert await is_served(npm, path, tarball("tool", version))
    # A lock file may have the address of another registry, where the file is called as the version is written.
    written = await npm.read("/tool/-/tool-1.0.0beta.tgz")
    one = (await npm.read("/tool/1.0.0beta")).json
    other.says = {path: Said(status=503) for path in other.says}
    npm.clock.pass_by(timedelta(hours=1))
    after = await npm.packument()
    await npm.clear("tool", "1.0.0-beta")
    cleared = await npm.packument(view="acme.prod", by="consumer")

    for told in (before, after):
        assert list(told["versions"]) == list(LOOSE)
        assert {each["version"] for each in told["versions"].values()} == set(LOOSE)
        assert told["dist-tags"] == {"latest": "0.9.0", "beta": "1.0.0beta"}
        assert told["time"]["1.0.0beta"]
    assert written.body == tarball("tool", "1.0.0beta")
    assert (one["version"], one["_id"]) == ("1.0.0beta", "tool@1.0.0beta")
    assert list(cleared["versions"]) == ["1.0.0beta"]


async def test_of_two_spellings_of_one_version_the_plain_one_counts(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0beta", "1.0.0-beta", "v1.0.0-beta")
    await read_through(npm, other)

    told = await npm.packument()

    assert list(told["versions"]) == ["1.0.0-beta"]
    assert (await npm.read("/tool/-/tool-1.0.0beta.tgz")).body == tarball("tool", "1.0.0-beta")


async def test_of_many_who_want_a_tarball_one_fetches_it(npm: Npm, other: Elsewhere) -> None:
    gate = asyncio.Event()
    offer(other, "1.0.0")
    other.says["/npm/tool/-/tool-1.0.0.tgz"].gate = gate
    await read_through(npm, other)
    await npm.packument()
    asking = [asyncio.ensure_future(npm.read(TARBALL)) for _ in range(8)]
    await other.says["/npm/tool/-/tool-1.0.0.tgz"].reached.wait()

    gate.set()

    assert {answer.body for answer in await asyncio.gather(*asking)} == {tarball("tool", "1.0.0")}
    assert other.asked["/npm/tool/-/tool-1.0.0.tgz"] == 1


# --- when the upstream fails, or changes its mind ---


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503, 403])
async def test_what_was_once_served_stays_when_the_upstream_fails(npm: Npm, other: Elsewhere, status: int) -> None:
    offer(other, "1.0.0", "1.1.0")
    await read_through(npm, other, refresh=timedelta(seconds=1))
    await npm.read(TARBALL)
    npm.clock.pass_by(timedelta(seconds=2))

    other.says = {path: Said(status=status) for path in other.says}
    answer = await npm.read("/tool", accept=INSTALL)
    unfetched = await npm.read("/tool/-/tool-1.1.0.tgz")

    assert list(answer.json["versions"]) == ["1.0.0", "1.1.0"]
    assert "public" in answer.headers["warning"]
    assert (await npm.read(TARBALL)).body == tarball("tool", "1.0.0")
    assert unfetched.status == (404 if status in (404, 410) else 502)
    assert answered(unfetched)["error"]


async def test_a_failure_is_no_empty_answer(npm: Npm, other: Elsewhere) -> None:
    other.says["/npm/tool"] = Said(status=500)
    await read_through(npm, other)
    async with elsewhere() as second:
        offer(second, "1.0.0")
        offer(second, "1.0.0", name="only-there")
        await read_through(npm, second, "second")

        failed, found = await npm.read("/tool"), await npm.read("/only-there")

    assert (failed.status, found.status) == (502, 200)
    assert answered(failed)["error"]


async def test_what_was_unpublished_there_stays_if_we_have_it(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", "1.1.0")
    await read_through(npm, other, refresh=timedelta(seconds=1))
    await npm.read(TARBALL)

    put(other, {"_id": "tool", "name": "tool", "time": {"unpublished": {"time": LONG_AGO, "versions": ["1.0.0"]}}})
    npm.clock.pass_by(timedelta(seconds=2))
    packument = await npm.packument()

    assert (list(packument["versions"]), packument["dist-tags"]) == (["1.0.0"], {"latest": "1.0.0"})
    assert (await npm.read("/tool/-/tool-1.1.0.tgz")).status == 404


async def test_a_deprecation_there_is_one_here_and_ends_there(npm: Npm, other: Elsewhere) -> None:
    await read_through(npm, other, refresh=timedelta(seconds=1))
    said = []
    for reason in ("use another", "", True, 7):
        offer(other, "1.0.0", deprecated=reason)
        npm.clock.pass_by(timedelta(seconds=2))
        said.append((await npm.packument())["versions"]["1.0.0"].get("deprecated"))
        await npm.read(TARBALL)

    assert said == ["use another", None, "deprecated", None]


# --- signatures and attestations ---


def sign(key: ec.EllipticCurvePrivateKey, content: bytes) -> dict[str, str]:
    message = f"tool@1.0.0:{dist(content)['integrity']}".encode()
    return {"keyid": "SHA256:theirs", "sig": base64.b64encode(key.sign(message, ec.ECDSA(SHA256()))).decode()}


def listed(key: ec.EllipticCurvePrivateKey, expires: str | None = None) -> dict[str, str | None]:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kind = "ecdsa-sha2-nistp256"
    text = base64.b64encode(spki).decode()
    return {"expires": expires, "keyid": "SHA256:theirs", "keytype": kind, "scheme": kind, "key": text}


THEIRS, STRANGER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
GOOD = sign(THEIRS, tarball("tool", "1.0.0"))
FORGED: dict[str, tuple[dict[str, str], dict[str, str | None]]] = {
    "by a stranger under their key's name": (sign(STRANGER, tarball("tool", "1.0.0")), listed(THEIRS)),
    "of another tarball": (sign(THEIRS, tarball("tool", "2.0.0")), listed(THEIRS)),
    "that is no base64": ({**GOOD, "sig": "?"}, listed(THEIRS)),
    "that is empty": ({**GOOD, "sig": ""}, listed(THEIRS)),
    "by a key that is none": (GOOD, {**listed(THEIRS), "key": "MFkw"}),
    "by a key that had ended": (GOOD, listed(THEIRS, expires="2011-01-01T00:00:00.000Z")),
}


@pytest.mark.parametrize("name", FORGED)
async def test_what_the_upstream_did_not_sign_as_it_says_is_not_let_in(npm: Npm, other: Elsewhere, name: str) -> None:
    signature, key = FORGED[name]
    offer(other, "1.0.0", dist={"signatures": [signature]})
    other.says[f"/npm{KEY}"] = Said(json.dumps({"keys": [key]}).encode())
    await read_through(npm, other)

    refused = await npm.read(TARBALL)

    assert refused.status == 502
    assert "SHA256:theirs" in refused.body.decode()
    assert other.asked["/npm/tool/-/tool-1.0.0.tgz"] == 0


async def test_what_the_upstream_signed_is_let_in(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", dist={"signatures": [GOOD]})
    other.says[f"/npm{KEY}"] = Said(json.dumps({"keys": [listed(THEIRS, expires="2099-01-01T00:00:00Z")]}).encode())
    await read_through(npm, other)

    assert (await npm.read(TARBALL)).body == tarball("tool", "1.0.0")


async def test_their_signatures_are_passed_on_with_their_keys_also_for_what_was_fetched(
    npm: Npm, other: Elsewhere
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signature = sign(key, tarball("tool", "1.0.0"))
    offer(other, "1.0.0", dist={"signatures": [signature, {"keyid": "SHA256:nobody", "sig": "AA=="}]})
    theirs = listed(key)
    other.says[f"/npm{KEY}"] = Said(json.dumps({"keys": [theirs]}).encode())
    await read_through(npm, other)

    before = (await npm.packument())["versions"]["1.0.0"]["dist"]["signatures"]
    await npm.read(TARBALL)
    after = (await npm.packument())["versions"]["1.0.0"]["dist"]["signatures"]
    keys = (await npm.read(KEY)).json["keys"]

    assert before == after == [signature]
    assert keys[1:] == [theirs]
    assert len((await npm.read(KEY, by=None)).json["keys"]) == 1
    assert len((await npm.read(KEY, by="stranger")).json["keys"]) == 1


@pytest.mark.parametrize("said", [Said(status=404), Said(status=500), Said(b"[]"), Said(b"")])
async def test_without_their_keys_we_sign_what_they_have(npm: Npm, other: Elsewhere, said: Said) -> None:
    offer(other, "1.0.0", dist={"signatures": [{"keyid": "SHA256:theirs", "sig": "AA=="}]})
    other.says[f"/npm{KEY}"] = said
    await read_through(npm, other)

    version = (await npm.packument())["versions"]["1.0.0"]["dist"]

    [key], [signature] = (await npm.read(KEY)).json["keys"], version["signatures"]
    assert signature["keyid"] == key["keyid"]
    public = load_der_public_key(base64.b64decode(key["key"]))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    message = f"tool@1.0.0:{version['integrity']}".encode()
    public.verify(base64.b64decode(signature["sig"]), message, ec.ECDSA(SHA256()))


async def test_attestations_are_passed_on_and_stay(npm: Npm, other: Elsewhere) -> None:
    content = tarball("tool", "1.0.0")
    path = "/npm/-/npm/v1/attestations/tool@1.0.0"
    provenance = {"predicateType": "https://slsa.dev/provenance/v1"}
    offer(other, "1.0.0", "1.1.0", dist={"attestations": {"url": f"{other.url}{path}", "provenance": provenance}})
    attestations = {"attestations": [{**provenance, "bundle": json.loads(bundle("tool", "1.0.0", content))}]}
    other.says[path] = Said(json.dumps(attestations).encode())
    await read_through(npm, other, refresh=timedelta(seconds=1))

    listed = (await npm.packument())["versions"]["1.0.0"]["dist"]["attestations"]
    url = listed["url"].removeprefix(f"http://registry.example.com{REGISTRY}")
    found = (await npm.read(url)).json
    await npm.read(TARBALL)
    other.says[path] = Said(status=500)
    npm.clock.pass_by(timedelta(seconds=2))

    assert (listed["provenance"], found) == (provenance, attestations)
    assert (await npm.packument())["versions"]["1.0.0"]["dist"]["attestations"] == listed
    assert (await npm.read(url)).json == attestations
    assert (await npm.read("/-/npm/v1/attestations/tool@9.0.0")).status == 404


async def test_an_audit_is_answered_here(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0")
    await read_through(npm, other)

    answer = await npm.send("/-/npm/v1/security/advisories/bulk", {"tool": ["1.0.0"]}, method="POST", by="reader")

    assert (answer.status, answer.json) == (200, {})
    assert not other.asked


# --- asked by no client ---


async def test_versions_are_listed_and_fetched_before_anybody_wants_them(npm: Npm, other: Elsewhere) -> None:
    content = tarball("tool", "1.0.0")
    offer(other, "1.0.0", "1.1.0")
    upstream = await read_through(npm, other)
    reading = FORMAT.read_through
    assert reading is not None
    sums = {name: f"{name}:{hashlib.new(name, content).hexdigest()}" for name in ("sha1", "sha256", "sha512")}

    async def fetch(version: str, *hashes: str) -> Sequence[Fetched]:
        return await reading.fetch(npm.registry, ADMINISTRATOR, Wish(View(ACME), "tool", version, frozenset(hashes)))

    listed = await reading.list_versions(npm.registry, ADMINISTRATOR, View(ACME), "tool")
    for known in ("sha512", "sha1"):
        with pytest.raises(UpstreamInvalid):
            await fetch("1.1.0", sums[known])
    before = other.asked["/npm/tool/-/tool-1.1.0.tgz"]
    [fetched] = await fetch("1.0.0", sums["sha256"])
    again = [await fetch("1.0.0", each) for each in sums.values()]

    assert listed is not None
    assert (list(listed.versions), listed.stale, before) == (["1.0.0", "1.1.0"], None, 0)
    assert (fetched.name, fetched.size, str(fetched.digest)) == ("tool-1.0.0.tgz", len(content), sums["sha256"])
    assert again == [[fetched]] * 3
    with pytest.raises(UpstreamInvalid):
        await fetch("1.0.0", "sha256:" + "0" * 64)
    with pytest.raises(ReferenceUnknown):
        await fetch("9.0.0")
    assert await reading.list_versions(npm.registry, ADMINISTRATOR, View(ACME), "nothing") is None
    assert upstream.format == "npm"


# --- nonsense ---

_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([1e308, "x" * 3_000, "1.0.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_PLACES = st.sampled_from(
    [
        *((key,) for key in ("name", "versions", "time", "dist-tags", "maintainers", "readme", "_id")),
        *(
            ("versions", "1.0.0", key)
            for key in ("dist", "deprecated", "_npmUser", "bin", "scripts", "name", "version")
        ),
        *(
            ("versions", "1.0.0", "dist", key)
            for key in ("tarball", "shasum", "integrity", "signatures", "attestations", "fileCount", "unpackedSize")
        ),
        *(("versions", key) for key in ("1.0.0", "x", "1.0.0+a", "9" * 300)),
        *(("time", key) for key in ("1.0.0", "created", "modified")),
        *(("dist-tags", key) for key in ("latest", "1.0.0", "x y", "next")),
    ]
)


@given(
    places=st.lists(st.tuples(_PLACES, _ODD), min_size=1, max_size=3),
    noise=st.binary(max_size=3),
    at=st.integers(0, 900),
)
def test_no_packument_is_worse_than_invalid(places: list[Any], noise: bytes, at: int) -> None:
    other = Elsewhere()
    offer(other, "1.0.0")
    document = json.loads(other.says["/npm/tool"].body)
    for place, value in places:
        holder: Any = document
        for key in place[:-1]:
            holder = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder[place[-1]] = value
    text = json.dumps(document).encode()

    for content in (text, text[:at] + noise + text[at:]):
        try:
            read = read_remote_packument(content, PackageName("tool"))
        except UpstreamInvalid:
            continue
        for release in read.releases.values():
            release.read_manifest()
            assert release.sums


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"versions": []}',
        b'{"name": "other", "versions": {}}',
        b"[" * 1_000_000,
        b'{"versions": ' + b'{"a": ' * 100_000,
        b'{"versions": {' + b",".join(b'"1.0.%d": {}' % number for number in range(50_001)) + b"}}",
        b"\xff",
    ],
    ids=["nothing", "a page", "a list", "a list inside", "another's", "open", "deep", "many", "no text"],
)
async def test_nonsense_is_a_bad_gateway(npm: Npm, other: Elsewhere, content: bytes) -> None:
    other.says["/npm/tool"] = Said(content)
    await read_through(npm, other)

    for path in ("/tool", TARBALL, "/tool/latest", "/-/package/tool/dist-tags"):
        answer = await npm.read(path)

        assert answer.status == 502
        assert answered(answer)["error"]


async def test_an_odd_version_does_not_hide_the_others(npm: Npm, other: Elsewhere) -> None:
    offer(other, "1.0.0", tags={"latest": "1.0.0", "1.0": "1.0.0", "a b": "1.0.0", "old": "0.1"})
    document = json.loads(other.says["/npm/tool"].body)
    good = document["versions"]["1.0.0"]
    document["versions"] |= {
        "0.1": good,
        "1.0.1": None,
        "1.0.2": {**good, "dist": None},
        "1.0.3": {**good, "dist": {**good["dist"], "tarball": 7}},
        "1.0.4": {**good, "dist": {"tarball": "http://["}},
        "1.0.5": {**good, "dist": {**good["dist"], "tarball": "http://["}},
        "../../x": good,
    }
    put(other, document)
    await read_through(npm, other)

    packument = await npm.packument()

    assert list(packument["versions"]) == ["1.0.0", "1.0.5"]
    assert packument["dist-tags"] == {"latest": "1.0.0"}
    assert (await npm.read("/tool/-/tool-1.0.5.tgz")).status == 502
