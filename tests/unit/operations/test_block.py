from __future__ import annotations

from typing import Any

import pytest

from entrepot.model.access import ANONYMOUS
from entrepot.model.artifact import Artifact
from entrepot.model.block import BlockKind
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    BlockUnknown,
    Denied,
    Invalid,
    PolicyDenied,
    Quarantined,
    ReferenceUnknown,
    Unauthenticated,
)
from entrepot.model.names import ReferenceName, View
from entrepot.operations.block import block, list_blocks, release
from entrepot.operations.browse import list_artifacts, list_references, search
from entrepot.operations.check import check
from entrepot.operations.delete import delete_artifact
from entrepot.operations.publish import Draft, publish
from entrepot.operations.resolve import find_blob, resolve
from entrepot.testing.builders import ADMINISTRATOR, World, caller, image, index, package, referrer

API, ACME = package("acme/api"), View.parse("acme")
GUARD, READER = caller("promoter", name="guard"), caller("reader")
V1, LATEST = ReferenceName("1.0"), ReferenceName("latest")
BASE = b"a layer that many have"
BAD = image(BASE, b"malware")
GOOD = image(BASE, b"goodware")


async def test_what_is_blocked_resolves_nowhere_and_says_why(world: World) -> None:
    await world.push("acme/api", BAD, "1.0", "latest")
    await world.push("acme/api", GOOD, "2.0")

    found = await block(world.registry, GUARD, API, V1, reason="a coin miner")

    assert (found.kind, found.digest, found.actor) == (BlockKind.BLOCKED, BAD.digest, "guard")
    for name in (V1, LATEST):
        with pytest.raises(PolicyDenied, match="a coin miner"):
            await resolve(world.registry, READER, ACME, API, name=name)
    with pytest.raises(PolicyDenied, match="a coin miner"):
        await resolve(world.registry, ADMINISTRATOR, ACME, API, digest=BAD.digest)
    with pytest.raises(PolicyDenied, match="a coin miner"):
        await find_blob(world.registry, READER, ACME, API, Digest.of(b"malware"))
    assert [each.name for each in await list_references(world.registry, READER, ACME, API, limit=9)] == ["2.0"]
    assert [each.digest for each in await list_artifacts(world.registry, READER, ACME, API, limit=9)] == [GOOD.digest]
    for text in ("1.0", str(BAD.digest)):
        assert await search(world.registry, READER, text, limit=9) == []
    assert await check(world.registry) == []


async def test_what_is_shared_with_something_readable_stays_readable(world: World) -> None:
    await world.push("acme/api", BAD, "1.0")
    await block(world.registry, GUARD, API, V1, reason="a coin miner")
    with pytest.raises(PolicyDenied):
        await find_blob(world.registry, READER, ACME, API, Digest.of(BASE))

    await world.push("acme/api", GOOD, "2.0")

    assert (await find_blob(world.registry, READER, ACME, API, Digest.of(BASE))).size == len(BASE)
    with pytest.raises(PolicyDenied):
        await find_blob(world.registry, READER, ACME, API, Digest.of(b"malware"))
    await block(world.registry, GUARD, API, ReferenceName("2.0"), reason="too")
    with pytest.raises(PolicyDenied):
        await find_blob(world.registry, READER, ACME, API, Digest.of(BASE))
    assert await check(world.registry) == []


async def test_what_is_released_is_as_it_was(world: World) -> None:
    await world.push("acme/api", index(BAD), "1.0")
    await world.clear("acme/api", index(BAD).digest)
    await block(world.registry, GUARD, API, V1, reason="unclear", kind=BlockKind.QUARANTINED)
    with pytest.raises(Quarantined, match="unclear"):
        await resolve(world.registry, READER, View.parse("acme.prod"), API, name=V1)

    await release(world.registry, GUARD, API, V1, reason="it was nothing")

    assert (await resolve(world.registry, READER, View.parse("acme.prod"), API, name=V1)).digest == index(BAD).digest
    assert (await resolve(world.registry, READER, ACME, API, digest=BAD.digest)).content == BAD.content
    assert await find_blob(world.registry, READER, ACME, API, Digest.of(b"malware"))
    assert (await world.events())[-2:] == ["artifact.blocked", "artifact.released"]
    with pytest.raises(BlockUnknown):
        await release(world.registry, GUARD, API, V1)
    assert await check(world.registry) == []


async def test_what_is_released_while_somebody_asks_for_it_is_not_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process: between the question what is there, and the one what is in its way."""
    await world.push("acme/api", BAD, "1.0")
    find = world.catalog.blocks.find

    async def find_later(*arguments: Any) -> Any:
        await release(world.registry, GUARD, API, V1, reason="it was nothing")
        return await find(*arguments)

    monkeypatch.setattr(world.catalog.blocks, "find", find_later)
    await block(world.registry, GUARD, API, V1, reason="unclear", kind=BlockKind.QUARANTINED)
    artifact = await resolve(world.registry, READER, ACME, API, name=V1)
    await block(world.registry, GUARD, API, V1, reason="unclear", kind=BlockKind.QUARANTINED)
    blob = await find_blob(world.registry, READER, ACME, API, Digest.of(b"malware"))

    assert (artifact.digest, blob.size) == (BAD.digest, len(b"malware"))


async def test_what_an_index_contains_is_blocked_with_it_unless_another_contains_it_too(world: World) -> None:
    await world.push("acme/api", index(BAD, GOOD), "1.0")
    await world.push("acme/api", index(GOOD), "2.0")
    await world.push("acme/api", BAD, "bad-amd64")

    await block(world.registry, GUARD, API, V1, reason="no")

    for name in ("1.0", "bad-amd64"):
        with pytest.raises(PolicyDenied):
            await resolve(world.registry, READER, ACME, API, name=ReferenceName(name))
    assert await resolve(world.registry, READER, ACME, API, digest=GOOD.digest)
    assert await find_blob(world.registry, READER, ACME, API, Digest.of(BASE))
    with pytest.raises(PolicyDenied):
        await find_blob(world.registry, READER, ACME, API, Digest.of(b"malware"))


async def test_what_refers_to_it_stays_readable(world: World) -> None:
    await world.push("acme/api", BAD, "1.0")
    said = await world.push("acme/api", referrer(BAD))

    await block(world.registry, GUARD, API, V1, reason="no")

    assert await resolve(world.registry, READER, ACME, API, digest=said.digest)


async def test_what_was_blocked_does_not_come_back(world: World) -> None:
    await world.push("acme/api", BAD, "1.0")
    await block(world.registry, GUARD, API, V1, reason="a coin miner")

    for again, name in ((BAD, "1.0"), (BAD, "9.9"), (index(BAD), "9.9")):
        with pytest.raises(PolicyDenied, match="a coin miner"):
            await world.push("acme/api", again, name)
    await delete_artifact(world.registry, ADMINISTRATOR, API, BAD.digest)
    for again, name in ((BAD, "1.0"), (BAD, "9.9"), (GOOD, "1.0")):
        with pytest.raises(PolicyDenied, match="a coin miner"):
            await world.push("acme/api", again, name)
    (remembered,) = await list_blocks(world.registry, READER, API.namespace, API, limit=9)
    assert remembered.reason == "a coin miner"

    await release(world.registry, GUARD, API, BAD.digest)

    await world.push("acme/api", BAD, "1.0")
    assert await check(world.registry) == []


async def test_a_file_does_not_come_back_under_another_version(world: World) -> None:
    tool = package("acme/tool", format="generic")
    old = await _publish_files(world, "1.0", b"wheel", b"readme")
    await block(world.registry, GUARD, tool, old.digest, reason="a coin miner")

    with pytest.raises(PolicyDenied, match="a coin miner"):
        await _publish_files(world, "1.1", b"wheel", b"other")
    await _publish_files(world, "1.2", b"another wheel")


async def test_a_version_is_blocked_with_what_it_grew_out_of(world: World) -> None:
    tool = package("acme/tool", format="generic")
    first = await _publish_files(world, "1.0", b"sdist", sealed=False)
    await _publish_files(world, "1.0", b"sdist", b"wheel", sealed=False)

    await block(world.registry, GUARD, tool, V1, reason="no")

    with pytest.raises(PolicyDenied):
        await resolve(world.registry, READER, ACME, tool, digest=first.digest)
    with pytest.raises(PolicyDenied):
        await find_blob(world.registry, READER, ACME, tool, Digest.of(b"sdist"))
    with pytest.raises(PolicyDenied):
        await _publish_files(world, "1.0", b"sdist", b"wheel", b"more", sealed=False)
    await release(world.registry, GUARD, tool, V1)
    assert await find_blob(world.registry, READER, ACME, tool, Digest.of(b"sdist"))
    assert await check(world.registry) == []


async def test_through_a_channel_only_what_was_cleared_says_why(world: World) -> None:
    await world.push("acme/api", BAD, "1.0")
    await world.push("acme/api", GOOD, "2.0")
    await world.clear("acme/api", GOOD.digest)
    await block(world.registry, GUARD, API, V1, reason="secret plans")
    consumer, prod = caller("reader", "acme.prod"), View.parse("acme.prod")

    with pytest.raises(ReferenceUnknown):
        await resolve(world.registry, consumer, prod, API, name=V1)
    with pytest.raises(BlobUnknown):
        await find_blob(world.registry, consumer, prod, API, Digest.of(b"malware"))
    await block(world.registry, GUARD, API, ReferenceName("2.0"), reason="recalled")
    with pytest.raises(PolicyDenied, match="recalled"):
        await resolve(world.registry, consumer, prod, API, name=ReferenceName("2.0"))


async def test_blocking_again_is_no_event_and_another_reason_is(world: World) -> None:
    await world.push("acme/api", BAD, "1.0")
    await block(world.registry, GUARD, API, V1, reason="one")
    before = await world.events()

    await block(world.registry, GUARD, API, BAD.digest, reason="one")

    assert await world.events() == before
    await block(world.registry, GUARD, API, V1, reason="two")
    history = await list_blocks(world.registry, READER, API.namespace, history=True, limit=9)
    assert [(each.reason, each.until_position is None) for each in history] == [("one", False), ("two", True)]
    assert await check(world.registry) == []


@pytest.mark.parametrize(
    ("by", "error"),
    [(ANONYMOUS, Unauthenticated), (READER, Denied), (caller("publisher"), Denied), (caller("approver"), Denied)],
)
async def test_who_may_not_block_neither_blocks_nor_releases(world: World, by: object, error: type[Exception]) -> None:
    await world.push("acme/api", BAD, "1.0")

    with pytest.raises(error):
        await block(world.registry, by, API, V1, reason="no")  # type: ignore[arg-type]  # parametrised
    with pytest.raises(error):
        await release(world.registry, by, API, V1)  # type: ignore[arg-type]  # parametrised


async def test_a_block_is_on_something_that_is_there_and_has_a_reason(world: World) -> None:
    await world.push("acme/api", BAD, "1.0")

    with pytest.raises(Invalid, match="why"):
        await block(world.registry, GUARD, API, V1, reason=" ")
    with pytest.raises(ReferenceUnknown):
        await block(world.registry, GUARD, API, ReferenceName("9.9"), reason="no")
    with pytest.raises(ArtifactUnknown):
        await block(world.registry, GUARD, API, Digest.of(b"malware"), reason="no")


async def _publish_files(world: World, version: str, *files: bytes, sealed: bool = True) -> Artifact:
    tool = package("acme/tool", format="generic")
    for content in (*files, b"{}"):
        await world.push_blob(tool, content)
    built = image(*files)
    draft = Draft(built.artifact, version=ReferenceName(version), sealed=sealed)
    return await publish(world.registry, ADMINISTRATOR, tool, draft)
