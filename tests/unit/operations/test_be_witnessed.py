"""A log has its checkpoints signed by its witnesses, other registries, and waits for none of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from entrepot.model.errors import InvalidProof, UpstreamInvalid, UpstreamUnavailable
from entrepot.operations.be_witnessed import ask_witness
from entrepot.operations.check import check
from entrepot.operations.log import read_cosigned
from entrepot.ports.fetch import Document, Origin
from entrepot.ports.log import LogHead
from entrepot.schedules import Runner
from entrepot.schedules.witnesses import WITNESSES
from entrepot.testing.builders import ADMINISTRATOR, LOG, World, open_world
from entrepot.trust.log.checkpoints import Checkpoint
from entrepot.trust.log.identity import LogIdentity, Witness, identify

PATIENCE_SECONDS = 60


def other(name: str, seed: int) -> LogIdentity:
    """Another registry, which witnesses ours."""
    keys = (
        Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32),
        derive_private_key(10**70 + seed, SECP256R1()),
        Ed25519PrivateKey.from_private_bytes(bytes([seed + 1]) * 32),
    )
    return identify(name, keys, witnessed=LOG.keys)


FIRST, SECOND = other("first.example.com/log", 10), other("second.example.com/log", 20)
WITNESSED_BY = tuple(Witness(each.witness.key, f"https://{each.origin}") for each in (FIRST, SECOND))
OURS = replace(LOG, witnesses=WITNESSED_BY)


@dataclass
class Between:
    """What goes from our registry to its witnesses: no socket, and what a test lets happen on the way."""

    worlds: dict[str, World] = field(default_factory=dict)
    answers: dict[str, Callable[[], Document]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    slow: set[str] = field(default_factory=set)

    async def post(
        self, origin: Origin, target: str, *, headers: Mapping[str, str], content: bytes, limit: int
    ) -> Document:
        self.asked.append(origin.host)
        if origin.host in self.slow:
            await asyncio.Event().wait()
        if origin.host in self.answers:
            return self.answers[origin.host]()
        if origin.host not in self.worlds:
            raise UpstreamUnavailable(origin)
        async with self.worlds[origin.host].client() as client:
            answer = await client.post(f"{origin.path}/{target}", content=content, headers=dict(headers))
        return Document(answer.status_code, dict(answer.headers), answer.content[:limit], str(origin))

    async def get(self, *_: Any, **__: Any) -> Document:
        raise AssertionError("a witness is never asked so")

    def stream(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a witness is never asked so")


@pytest.fixture
def between() -> Between:
    return Between()


@pytest.fixture
async def world(tmp_path: Path, between: Between) -> AsyncIterator[World]:
    """Our registry, with two witnesses."""
    (tmp_path / "ours").mkdir()
    async with (
        open_world(tmp_path / "ours", log=OURS, fetcher=between) as ours,
        witness(tmp_path, FIRST) as first,
        witness(tmp_path, SECOND) as second,
    ):
        between.worlds = {"first.example.com": first, "second.example.com": second}
        await grow(ours)
        yield ours


@asynccontextmanager
async def witness(folder: Path, identity: LogIdentity) -> AsyncIterator[World]:
    place = folder / identity.origin.partition(".")[0]
    place.mkdir()
    async with open_world(place, log=identity) as opened:
        yield opened


async def grow(world: World) -> LogHead:
    """Let something happen, and be logged."""
    await world.namespace(f"n{(await world.catalog.head())[0]}")
    await world.settle()
    head = await world.catalog.log.head()
    assert head is not None
    return head


def signed_by(note: bytes) -> set[str]:
    """Who has signed a checkpoint of ours, of those whom we know."""
    _, signatures = Checkpoint.open(note, LOG.origin, [*LOG.keys, *(each.key for each in WITNESSED_BY)])
    return {signature.name for signature in signatures} - {LOG.origin}


async def ask_all(world: World, head: LogHead, known: int = 0) -> None:
    for each in WITNESSED_BY:
        await ask_witness(world.registry, each, head, known)


async def test_the_checkpoint_has_the_signatures_of_all_witnesses(world: World) -> None:
    head = await grow(world)

    await ask_all(world, head)

    now = await world.catalog.log.head()
    cosigned = await read_cosigned(world.registry, ADMINISTRATOR)
    assert now is not None
    assert cosigned is not None
    assert signed_by(now.note) == signed_by(cosigned.note) == {FIRST.origin, SECOND.origin}
    assert replace(now, note=b"") == replace(head, note=b"")
    assert await check(world.registry) == []


async def test_a_witness_is_asked_from_where_it_stands(world: World, between: Between) -> None:
    first = await grow(world)
    await ask_all(world, first)
    second = await grow(world)

    await ask_all(world, second, known=first.size)
    third = await grow(world)
    await ask_all(world, third)  # as after a restart: it says where it stands

    assert len(between.asked) == 2 + 2 + 4
    cosigned = await read_cosigned(world.registry, ADMINISTRATOR)
    assert cosigned is not None
    assert cosigned.size == third.size


async def test_what_is_signed_late_is_kept_beside_a_log_that_has_grown_since(world: World) -> None:
    old = await grow(world)
    new = await grow(world)

    await ask_all(world, old)

    cosigned = await read_cosigned(world.registry, ADMINISTRATOR)
    assert cosigned is not None
    assert cosigned.size == old.size
    assert signed_by(cosigned.note) == {FIRST.origin, SECOND.origin}
    assert await world.catalog.log.head() == new


async def test_an_older_checkpoint_does_not_take_the_place_of_a_newer_one(world: World) -> None:
    old = await grow(world)
    new = await grow(world)
    await ask_witness(world.registry, WITNESSED_BY[0], new, 0)

    await ask_witness(world.registry, WITNESSED_BY[1], old, 0)

    cosigned = await read_cosigned(world.registry, ADMINISTRATOR)
    assert cosigned is not None
    assert (cosigned.size, signed_by(cosigned.note)) == (new.size, {FIRST.origin})


def _answer(status: int, body: bytes, kind: str = "text/plain") -> Callable[[], Document]:
    return lambda: Document(status, {"content-type": kind}, body, "")


BAD = {
    "a refusal": _answer(403, b"no"),
    "an error": _answer(500, b""),
    "a page": _answer(200, b"<html>"),
    "not even text": _answer(200, b"\xff\xfe"),
    "nothing": _answer(200, b""),
    "a conflict with no size": _answer(409, b"no"),
    "a conflict with no number": _answer(409, b"many\n", "text/x.tlog.size"),
    "more than there ever was": _answer(409, b"99999\n", "text/x.tlog.size"),
    "less than nothing": _answer(409, b"-1\n", "text/x.tlog.size"),
    "another size each time": _answer(409, b"1\n", "text/x.tlog.size"),
    "a redirect": _answer(302, b""),
    "a signature of the other witness": _answer(
        200, str(SECOND.witness.cosignature(str(Checkpoint(LOG.origin, 1, bytes(32))), 1)).encode()
    ),
    "a signature of something else": _answer(
        200, str(FIRST.witness.cosignature(str(Checkpoint(LOG.origin, 1, bytes(32))), 1)).encode()
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_signature_of_the_witness_is_not_put_below_a_checkpoint(
    world: World, between: Between, name: str
) -> None:
    between.answers["first.example.com"] = BAD[name]
    head = await grow(world)

    with pytest.raises(UpstreamInvalid):
        await ask_witness(world.registry, WITNESSED_BY[0], head, 0)

    assert await world.catalog.log.head() == head
    assert await read_cosigned(world.registry, ADMINISTRATOR) is None


async def test_a_witness_that_has_seen_another_history_does_not_sign(world: World, tmp_path: Path) -> None:
    await ask_all(world, await grow(world))
    (tmp_path / "again").mkdir()
    async with open_world(tmp_path / "again", log=OURS, fetcher=world.registry.fetcher) as rewritten:
        await rewritten.namespace("rewritten")
        for _ in range(5):
            head = await grow(rewritten)

        with pytest.raises(UpstreamInvalid, match="does not sign: 422"):
            await ask_witness(rewritten.registry, WITNESSED_BY[0], head, 0)


@pytest.mark.parametrize("trouble", ["away", "slow", "refusing"])
async def test_the_registry_asks_by_itself_and_waits_for_no_witness_that_fails(
    world: World, between: Between, trouble: str
) -> None:
    if trouble == "away":
        del between.worlds["first.example.com"]
    elif trouble == "slow":
        between.slow.add("first.example.com")
    else:
        between.answers["first.example.com"] = BAD["a refusal"]
    runner = Runner(world.registry, (WITNESSES,))
    runner.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(2):
                head = await grow(world)
                # The catalog tells nobody.
                while (found := await world.catalog.log.cosigned()) is None or found.size < head.size:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                assert signed_by(found.note) == {SECOND.origin}
    finally:
        await runner.stop()

    assert "first.example.com" in between.asked


async def test_the_api_shows_the_witnesses_and_what_they_signed(world: World) -> None:
    token = await world.token("auditor", None)
    head = await grow(world)
    async with world.client(token) as client:
        before: httpx.Response = await client.get("/api/v1/log")
        await ask_all(world, head)
        after = await client.get("/api/v1/log")
        checkpoint = await client.get("/log/checkpoint")

    assert before.json()["cosigned"] is None
    assert after.json()["witnesses"] == [str(each.key) for each in WITNESSED_BY]
    assert after.json()["cosigned"].encode() == checkpoint.content
    assert signed_by(checkpoint.content) == {FIRST.origin, SECOND.origin}


@pytest.mark.parametrize(
    "text",
    [
        "",
        str(FIRST.witness.key),
        f"{FIRST.witness.key} first.example.com/log",
        f"{FIRST.keys[0]} https://first.example.com/log",
        "https://first.example.com/log",
    ],
)
def test_what_names_no_witness_is_refused(text: str) -> None:
    with pytest.raises(InvalidProof):
        Witness.parse(text)
