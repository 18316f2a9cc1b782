"""What is known of an upstream's files beside its index: that there are none, their hashes, and how old they are."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import BinaryIO

import pytest

from entrepot.model.access import Caller
from entrepot.model.errors import UpstreamInvalid
from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.upstream import Upstream, UpstreamName, UpstreamRules
from entrepot.operations.fetch_file import Landing, Wanted, fetch_file
from entrepot.operations.mirror import Question, Versions, ask, hidden_versions, is_absent, keep_absent, was_absent
from entrepot.operations.upload import StoredBlob, announce_blob
from entrepot.operations.upstreams import add_upstream
from entrepot.testing.builders import ADMINISTRATOR, World, package
from entrepot.testing.elsewhere import Elsewhere, Said, elsewhere

pytestmark = pytest.mark.usefixtures("socket_enabled")

LIB = package("acme/lib", format="pypi")


@pytest.fixture
async def other() -> AsyncIterator[Elsewhere]:
    async with elsewhere() as registry:
        yield registry


async def reading(world: World, other: Elsewhere, **rules: timedelta) -> Upstream:
    rules_ = UpstreamRules(**rules)  # type: ignore[arg-type]
    name = UpstreamName("public")
    upstream = Upstream(parse_namespace("acme"), FormatName("pypi"), name, other.url, private=True, rules=rules_)
    return await add_upstream(world.registry, ADMINISTRATOR, upstream)


async def test_that_a_file_is_absent_is_believed_for_a_minute_and_is_no_event(world: World, other: Elsewhere) -> None:
    upstream = await reading(world, other)
    events = await world.events()

    await keep_absent(world.registry, upstream, LIB, "/lib.jar")
    believed = [await is_absent(world.registry, upstream, "/lib.jar")]
    world.clock.advance(seconds=61)
    believed.append(await is_absent(world.registry, upstream, "/lib.jar"))

    assert believed == [True, False]
    assert await was_absent(world.registry, upstream, "/lib.jar")
    assert not await was_absent(world.registry, upstream, "/other.jar")
    assert await world.events() == events


async def test_who_dates_versions_is_asked_at_the_first_look_alone(world: World, other: Elsewhere) -> None:
    asked: list[Versions] = []
    long_ago = world.clock.now() - timedelta(days=30)

    def versions(content: bytes, _: str) -> Versions:
        return dict.fromkeys(content.decode().split())

    async def dates(found: Versions) -> Mapping[str, datetime | None]:
        asked.append(found)
        return dict.fromkeys(found, long_ago)

    upstream = await reading(world, other, cooldown=timedelta(days=7), refresh=timedelta(seconds=1))
    for content in (b"1.0", b"1.0 2.0"):
        other.says["/lib"] = Said(content)
        await ask(world.registry, upstream, LIB, Question("/lib", versions=versions, dates=dates))
        world.clock.advance(seconds=2)

    assert asked == [{"1.0": None}]
    assert await hidden_versions(world.registry, upstream, LIB, {"1.0": None, "2.0": None}) == {"2.0"}


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_a_hash_that_comes_with_a_file_is_verified(world: World, other: Elsewhere, algorithm: str) -> None:
    def claims(headers: Mapping[str, str]) -> Mapping[str, bytes]:
        return {algorithm: bytes.fromhex(headers["x-hash"])}

    def look(file: BinaryIO) -> None:
        file.read()

    async def publish(caller: Caller, blob: StoredBlob, _: None) -> None:
        await announce_blob(world.registry, caller, LIB, blob)

    async def fetch(content: bytes) -> bytes:
        other.says["/lib.jar"] = Said(content, headers={"x-hash": hashlib.new(algorithm, b"right").hexdigest()})
        wanted = Wanted("/lib.jar", "lib.jar", claims=claims)
        arrival = await fetch_file(world.registry, upstream, LIB, wanted, Landing(look, publish))
        return b"".join([piece async for piece in arrival.content()])

    upstream = await reading(world, other)

    with pytest.raises(UpstreamInvalid):
        await fetch(b"wrong")
    assert await fetch(b"right") == b"right"
