"""Reading through to another registry: what it says is kept, renewed, and used when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO

import pytest

from entrepot.model.access import Caller
from entrepot.model.contents import FilePath, Kind
from entrepot.model.digest import Digest
from entrepot.model.errors import FileUnknown, InvalidMetadata, UpstreamInvalid, UpstreamUnavailable
from entrepot.model.names import FormatName, ReferenceName, View, parse_namespace
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamName, UpstreamRules
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.check import check
from entrepot.operations.fetch_file import Arrival, Landing, Wanted, fetch_file
from entrepot.operations.govern import set_namespace
from entrepot.operations.mirror import Question, ask, hidden_versions, upstreams_for
from entrepot.operations.read_package import read_package
from entrepot.operations.upload import StoredBlob
from entrepot.operations.upstreams import add_upstream, set_upstream
from entrepot.ports.fetch import Bearer
from entrepot.testing.builders import ADMINISTRATOR, World, caller, package
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere

pytestmark = pytest.mark.usefixtures("socket_enabled")

ACME, PYPI = parse_namespace("acme"), FormatName("pypi")
LIB, ALL, KIND = package("acme/lib", format="pypi"), View.parse("acme"), Kind.of("lib")
PUBLISHER, READER, MAINTAINER = caller("publisher"), caller("reader"), caller("maintainer")
LARGE = random.Random(1).randbytes(3_000_000)


def versions(content: bytes, media_type: str) -> dict[str, datetime | None]:
    if media_type != "text/plain":
        raise UpstreamInvalid("index", expected="text/plain", actual=media_type)
    lines = (line.split() for line in content.decode().splitlines())
    return {name: datetime.fromisoformat(at[0]) if at else None for name, *at in lines}


INDEX = Question("/lib", versions=versions)
PLAIN = {"content-type": "text/plain; charset=utf-8"}


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


async def reading(world: World, other: Elsewhere, **rules: object) -> Upstream:
    upstream = Upstream(
        ACME,
        PYPI,
        UpstreamName("public"),
        other.url,
        private=True,
        rules=UpstreamRules(**rules),  # type: ignore[arg-type]
    )
    return await add_upstream(world.registry, ADMINISTRATOR, upstream, Bearer("secret"))


async def said(world: World, upstream: Upstream) -> tuple[bytes, str | None] | None:
    answer = await ask(world.registry, upstream, LIB, INDEX)
    return None if answer is None else (answer.content, answer.stale)


# --- documents ---


async def test_an_answer_is_kept_until_it_is_old_and_then_asked_for_again(world: World, other: Elsewhere) -> None:
    other.says["/lib"] = Said(b"1.0\n", headers={**PLAIN, "etag": '"a"'})
    upstream = await reading(world, other, refresh=timedelta(seconds=60))

    answers = [await said(world, upstream) for _ in range(3)]
    world.clock.advance(seconds=61)
    answers += [await said(world, upstream) for _ in range(3)]
    other.says["/lib"] = Said(b"1.0\n2.0\n", headers={**PLAIN, "etag": '"b"'})
    world.clock.advance(seconds=61)
    answers.append(await said(world, upstream))

    assert answers == [(b"1.0\n", None)] * 6 + [(b"1.0\n2.0\n", None)]
    assert other.asked["/lib"] == 3
    assert [request.get("if-none-match") for request in other.requests] == [None, '"a"', '"a"']
    assert {request["authorization"] for request in other.requests} == {"Bearer secret"}


async def test_only_news_is_an_event_and_touches_the_package(world: World, other: Elsewhere) -> None:
    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN)
    upstream = await reading(world, other, refresh=timedelta(seconds=1))
    revisions: list[int] = []

    for content in (b"1.0\n", b"1.0\n", b"1.0\n2.0\n"):
        other.says["/lib"] = Said(content, headers=PLAIN)
        await said(world, upstream)
        row = await world.registry.catalog.find_package(ALL, LIB)
        assert row is not None
        assert not row.hosted
        revisions.append(row.revision)
        world.clock.advance(seconds=2)

    assert revisions[0] == revisions[1] < revisions[2]
    assert [event for event in await world.events() if "index" in event] == ["upstream-index.changed"] * 2
    assert await check(world.registry) == []


async def test_that_there_is_nothing_is_no_event_and_makes_no_package(world: World, other: Elsewhere) -> None:
    """Whoever asks for made-up names fills no journal."""
    upstream = await reading(world, other, refresh=timedelta(seconds=1))
    events = await world.events()

    answers = [await said(world, upstream)]
    events_then = await world.events()
    row = await world.registry.catalog.find_package(ALL, LIB)
    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN)
    world.clock.advance(seconds=2)
    answers.append(await said(world, upstream))

    assert answers == [None, (b"1.0\n", None)]
    assert (events_then, row) == (events, None)
    assert await world.events() == [*events, "upstream-index.changed"]
    assert await world.registry.catalog.find_package(ALL, LIB) is not None


async def test_of_many_who_ask_at_once_one_asks_the_upstream(world: World, other: Elsewhere) -> None:
    gate = asyncio.Event()
    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN, gate=gate)
    upstream = await reading(world, other)
    asking = [asyncio.ensure_future(said(world, upstream)) for _ in range(20)]
    await other.says["/lib"].reached.wait()

    asking[0].cancel()
    gate.set()

    assert await asyncio.gather(*asking[1:]) == [(b"1.0\n", None)] * 19
    assert other.asked["/lib"] == 1


@pytest.mark.parametrize(
    "failure",
    [
        Said(status=500),
        Said(status=429, headers={"retry-after": "3600"}),
        Said(status=404),
        Said(status=410),
        Said(status=403),
        Said(b"<html>", headers={"content-type": "text/html"}),
        Said(b"1.0\n2.0\n", headers=PLAIN, cut_after=5),
    ],
    ids=lambda said: f"{said.status}",
)
async def test_what_was_once_said_stays_said_when_the_upstream_fails(
    world: World, other: Elsewhere, failure: Said
) -> None:
    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN)
    upstream = await reading(world, other, refresh=timedelta(seconds=1))
    await said(world, upstream)
    world.clock.advance(seconds=2)

    other.says["/lib"] = failure

    content, stale = await said(world, upstream) or (b"", None)
    assert content == b"1.0\n"
    assert stale


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Said(status=503), UpstreamUnavailable),
        (Said(status=403), UpstreamInvalid),
        (Said(b"x", headers={"content-type": "text/html"}), UpstreamInvalid),
    ],
)
async def test_an_upstream_that_never_answered_is_no_empty_one(
    world: World, other: Elsewhere, failure: Said, expected: type[Exception]
) -> None:
    other.says["/lib"] = failure
    upstream = await reading(world, other)

    with pytest.raises(expected):
        await said(world, upstream)


async def test_that_there_is_nothing_is_believed_for_a_while(world: World, other: Elsewhere) -> None:
    upstream = await reading(world, other)

    assert [await said(world, upstream) for _ in range(3)] == [None] * 3
    assert other.asked["/lib"] == 1

    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN)
    world.clock.advance(seconds=61)
    assert await said(world, upstream) == (b"1.0\n", None)


# --- whom to ask ---


async def asked(world: World, view: View = ALL) -> list[str]:
    return [upstream.name for upstream in await upstreams_for(world.registry, ADMINISTRATOR, view, LIB)]


async def test_nobody_is_asked_for_what_is_published_here(world: World, other: Elsewhere) -> None:
    upstream = await reading(world, other)
    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN)
    await said(world, upstream)
    before = await asked(world)

    await publish_lib(world, PUBLISHER)

    assert (before, await asked(world)) == (["public"], [])


async def publish_lib(world: World, by: Caller, blob: StoredBlob | None = None) -> None:
    blob = blob or StoredBlob(Digest.of(b"x"), 1, b"x")
    addition = Addition(
        ReferenceName("1.0"), (NewFile(FilePath("lib.tgz"), "application/gzip", blob),), lambda _: {"name": "lib"}
    )
    await add_files(world.registry, by, LIB, KIND, addition)


async def test_nobody_is_asked_for_reserved_blocked_or_cleared_names(world: World, other: Elsewhere) -> None:
    upstream = await reading(world, other)
    assert await asked(world) == ["public"]
    assert await asked(world, View.parse("acme.prod")) == []

    await set_namespace(world.registry, MAINTAINER, ACME, reserved=[PurlPattern.parse("pkg:pypi/l*")])
    assert await asked(world) == []
    await set_namespace(world.registry, MAINTAINER, ACME, reserved=[])
    assert await asked(world) == ["public"]
    await set_upstream(
        world.registry, MAINTAINER, upstream, rules=UpstreamRules(block=(PurlPattern.parse("pkg:pypi/lib"),))
    )
    assert await asked(world) == []


# --- cooldown ---


async def test_a_version_that_is_new_to_us_is_hidden_for_a_while_whatever_its_date(
    world: World, other: Elsewhere
) -> None:
    now = world.clock.now()
    old, new = now - timedelta(days=30), now - timedelta(days=1)
    other.says["/lib"] = Said(f"1.0 {old.isoformat()}\n1.1 {new.isoformat()}\n1.2\n".encode(), headers=PLAIN)
    upstream = await reading(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    everything = ["1.0", "1.1", "1.2", "2.0"]

    async def hidden() -> set[str]:
        answer = await ask(world.registry, upstream, LIB, INDEX)
        assert answer is not None
        present = versions(answer.content, answer.media_type)
        return set(await hidden_versions(world.registry, upstream, LIB, present)) & set(everything)

    assert await hidden() == {"1.1", "1.2"}
    world.clock.advance(days=6, seconds=1)
    assert await hidden() == {"1.2"}
    # What appears later counts from when we saw it: a date in the past is easily written.
    other.says["/lib"] = Said(f"1.0 {old.isoformat()}\n1.1\n1.2\n2.0 {old.isoformat()}\n".encode(), headers=PLAIN)
    world.clock.advance(days=1)
    assert await hidden() == {"2.0"}
    world.clock.advance(days=7)
    assert await hidden() == set()


async def test_what_was_there_at_the_first_look_may_be_dated_later_and_what_came_after_may_not(
    world: World, other: Elsewhere
) -> None:
    old = world.clock.now() - timedelta(days=30)
    other.says["/lib"] = Said(b"1.0\n1.1\n", headers=PLAIN)
    upstream = await reading(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    await said(world, upstream)
    world.clock.advance(days=1)
    other.says["/lib"] = Said(b"1.0\n1.1\n2.0\n", headers=PLAIN)
    await said(world, upstream)

    for version in ("1.0", "2.0"):
        other.says[f"/lib/{version}"] = Said(f"{version} {old.isoformat()}".encode(), headers=PLAIN)
        question = Question(f"/lib/{version}", versions=versions, final=True, indexes=False)
        await ask(world.registry, upstream, LIB, question)

    async def hidden() -> set[str]:
        return set(await hidden_versions(world.registry, upstream, LIB, dict.fromkeys(["1.0", "1.1", "2.0"])))

    assert await hidden() == {"1.1", "2.0"}
    world.clock.advance(days=6, seconds=1)
    assert await hidden() == {"2.0"}
    world.clock.advance(days=1)
    assert await hidden() == set()


async def test_what_is_final_is_asked_for_once_and_is_no_event(world: World, other: Elsewhere) -> None:
    other.says["/lib/1.0"] = Said(b"1.0\n", headers=PLAIN)
    upstream = await reading(world, other, refresh=timedelta(0))
    question = Question("/lib/1.0", final=True, indexes=False)

    for _ in range(3):
        answer = await ask(world.registry, upstream, LIB, question)
        other.says.clear()
        world.clock.advance(days=1)

    assert answer is not None
    assert (answer.content, answer.stale) == (b"1.0\n", None)
    assert other.asked["/lib/1.0"] == 1
    assert [event for event in await world.events() if "index" in event] == []
    assert await check(world.registry) == []


# --- files ---


def look(file: BinaryIO) -> str:
    first = file.read(3)
    if first == b"bad":
        raise InvalidMetadata("lib", expected="a good file")
    return hashlib.sha256(first + file.read()).hexdigest()


def landing(world: World) -> Landing[str]:
    async def publish(by: Caller, blob: StoredBlob, found: str) -> None:
        assert found
        await publish_lib(world, by, blob)

    return Landing(look, publish)


def wanted(content: bytes, **changes: object) -> Wanted:
    whole = Wanted("/lib.tgz", "lib.tgz", len(content), {"sha1": hashlib.sha1(content, usedforsecurity=False).digest()})
    return replace(whole, **changes)  # type: ignore[arg-type]


async def received(arrival: Arrival) -> bytes:
    return b"".join([piece async for piece in arrival.content()])


@pytest.mark.parametrize("content", [LARGE, b"small"], ids=["large", "small"])
async def test_a_file_is_streamed_verified_and_published_by_the_upstream(
    world: World, other: Elsewhere, content: bytes
) -> None:
    other.says["/lib.tgz"] = Said(content)
    upstream = await reading(world, other)

    arrival = await fetch_file(world.registry, upstream, LIB, wanted(content), landing(world))

    assert arrival.size == len(content)
    assert await received(arrival) == content
    [version] = (await read_package(world.registry, READER, ALL, LIB, KIND)).versions
    assert [file.digest for file in version.contents.files.values()] == [Digest.of(content)]
    [*_, entry] = await world.registry.catalog.list_entries(after=0, limit=100)  # type: ignore[arg-type]
    assert entry.actor == "upstream:public"
    assert await asked(world) == ["public"], "what was fetched does not make the name ours"
    assert [stage async for stage in world.registry.blobs.stages()] == []
    assert await check(world.registry) == []


async def test_everybody_gets_the_file_of_one_fetch_while_it_comes(world: World, other: Elsewhere) -> None:
    gate = asyncio.Event()
    other.says["/lib.tgz"] = Said(LARGE, gate=gate)
    upstream = await reading(world, other)

    arrivals = await asyncio.gather(
        *(fetch_file(world.registry, upstream, LIB, wanted(LARGE), landing(world)) for _ in range(5))
    )
    streams = [arrival.content() for arrival in arrivals]
    beginnings = await asyncio.gather(*(anext(stream) for stream in streams))
    gate.set()
    rests = [b"".join([piece async for piece in stream]) for stream in streams]

    assert all(beginning and LARGE.startswith(beginning) for beginning in beginnings)
    assert [beginning + rest for beginning, rest in zip(beginnings, rests, strict=True)] == [LARGE] * 5
    assert other.asked["/lib.tgz"] == 1


async def test_a_file_that_is_larger_than_its_format_allows_is_not_taken(world: World, other: Elsewhere) -> None:
    other.says["/lib.tgz"] = Said(LARGE)
    upstream = await reading(world, other)

    with pytest.raises(UpstreamInvalid, match="at most 1000 bytes"):
        await fetch_file(world.registry, upstream, LIB, wanted(LARGE, limit=1_000), landing(world))

    assert [stage async for stage in world.registry.blobs.stages()] == []


async def test_a_client_that_goes_away_does_not_end_the_fetch(world: World, other: Elsewhere) -> None:
    gate = asyncio.Event()
    other.says["/lib.tgz"] = Said(LARGE, gate=gate)
    upstream = await reading(world, other)
    arrival = await fetch_file(world.registry, upstream, LIB, wanted(LARGE), landing(world))
    stream = arrival.content()
    await anext(stream)

    await stream.aclose()  # type: ignore[attr-defined]
    gate.set()
    await arrival.blob

    [version] = (await read_package(world.registry, READER, ALL, LIB, KIND)).versions
    assert version.name == "1.0"


@pytest.mark.parametrize(
    ("said", "want"),
    [
        (Said(LARGE), {"hashes": {"sha1": bytes(20)}}),
        (Said(LARGE), {"hashes": {"sha256": bytes(32)}}),
        (Said(LARGE), {"size": 10}),
        (Said(LARGE, cut_after=2_000_000), {}),
        (Said(b"bad" + LARGE), {"hashes": {}, "size": None}),
        (Said(b"bad"), {"hashes": {}, "size": None}),
        (Said(LARGE, status=203), {}),
    ],
    ids=["sha1", "sha256", "size", "truncated", "unreadable", "small and unreadable", "status"],
)
async def test_nobody_gets_the_whole_of_a_file_that_is_not_as_promised(
    world: World, other: Elsewhere, said: Said, want: dict[str, object]
) -> None:
    other.says["/lib.tgz"] = said
    upstream = await reading(world, other)
    got = bytearray()

    async def receive() -> None:
        arrival = await fetch_file(world.registry, upstream, LIB, wanted(LARGE, **want), landing(world))
        async for piece in arrival.content():
            got.extend(piece)

    with pytest.raises((UpstreamInvalid, UpstreamUnavailable)):
        await receive()

    assert len(got) < len(said.body)
    assert await world.registry.catalog.find_package(ALL, LIB) is None
    assert [stage async for stage in world.registry.blobs.stages()] == []
    assert [kept.digest async for kept in world.registry.blobs.kept()] == []


@pytest.mark.parametrize("content", [LARGE, b"small"], ids=["large", "small"])
async def test_a_file_is_called_as_its_protocol_says(world: World, other: Elsewhere, content: bytes) -> None:
    other.says["/lib.tgz"] = Said(content)
    upstream = await reading(world, other)
    name = Digest.of(content, "sha512")

    arrival = await fetch_file(world.registry, upstream, LIB, wanted(content, digest=name), landing(world))

    assert (await arrival.blob).digest == name


async def test_a_file_that_the_upstream_does_not_have_is_unknown(world: World, other: Elsewhere) -> None:
    upstream = await reading(world, other)

    with pytest.raises(FileUnknown):
        await fetch_file(world.registry, upstream, LIB, wanted(LARGE), landing(world))


async def test_after_a_failure_the_next_one_who_asks_is_served(world: World, other: Elsewhere) -> None:
    other.says["/lib.tgz"] = Said(LARGE, cut_after=2_000_000)
    upstream = await reading(world, other)
    with pytest.raises((UpstreamInvalid, UpstreamUnavailable)):
        await received(await fetch_file(world.registry, upstream, LIB, wanted(LARGE), landing(world)))

    other.says["/lib.tgz"] = Said(LARGE)

    assert await received(await fetch_file(world.registry, upstream, LIB, wanted(LARGE), landing(world))) == LARGE


async def test_a_private_address_is_asked_only_when_an_administrator_says_so(world: World, other: Elsewhere) -> None:
    upstream = await reading(world, other)
    other.says["/lib"] = Said(b"1.0\n", headers=PLAIN)
    public = await set_upstream(world.registry, ADMINISTRATOR, upstream, private=False)

    with pytest.raises((UpstreamInvalid, UpstreamUnavailable)):
        await said(world, public)
    assert not other.asked
