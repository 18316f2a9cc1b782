from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Denied,
    DigestMismatch,
    InvalidContentRange,
    NamespaceUnknown,
    PackageUnknown,
    TooLarge,
    Unauthenticated,
    UploadBusy,
    UploadUnknown,
)
from entrepot.model.names import View
from entrepot.model.upload import Upload, UploadId
from entrepot.operations.check import check
from entrepot.operations.registry import Limits, Registry
from entrepot.operations.sweep import sweep
from entrepot.operations.upload import (
    add_blob,
    add_chunk,
    begin_upload,
    cancel_upload,
    find_upload,
    finish_upload,
    receive,
    received_size,
)
from entrepot.testing.builders import ADMINISTRATOR, TIGHT, World, caller, open_world, package, stream
from entrepot.testing.memory import MemoryBlobStore

API, ALL = package("acme/api"), View.parse("acme")
PUBLISHER = caller("publisher")
SMALL, LARGE = b"small", b"large " * 1000


async def begin(world: World, by: Caller = PUBLISHER, **more: str) -> Upload:
    return await begin_upload(world.registry, by, API, **more)


class Unasked(MemoryBlobStore):
    """A blob store that nobody may ask for what is staged."""

    async def staged_size(self, stage: UploadId) -> int:
        raise AssertionError(stage)


async def finish(
    world: World,
    upload: Upload,
    content: bytes,
    *rest: bytes,
    expected: Digest | None = None,
    size: int | None = None,
    at: int | None = None,
) -> None:
    """Send the last pieces of an upload whose whole is *content*."""
    await finish_upload(
        world.registry,
        PUBLISHER,
        upload,
        expected=expected or Digest.of(content),
        content=stream(*rest),
        size=sum(map(len, rest)) if size is None else size,
        at=at,
    )


async def stored(world: World, content: bytes, algorithm: str = "sha256") -> bytes | None:
    """What is served under the name of *content*, from wherever it is."""
    digest = Digest.of(content, algorithm)
    found = await world.catalog.find_blob(ALL, API, digest)
    if found is None:
        return None
    if found.content is not None:
        return found.content
    return b"".join([piece async for piece in world.registry.blobs.read(digest)])


async def stages(world: World) -> list[str]:
    return [stage async for stage, _ in world.registry.blobs.stages()]


# --- ways to send ---


@pytest.mark.parametrize("content", [b"", SMALL, bytes(TIGHT.inline_size), bytes(TIGHT.inline_size + 1), LARGE])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "of unknown length"])
async def test_a_blob_comes_in_one_piece(world: World, content: bytes, announced: bool) -> None:
    upload = await begin(world)

    await finish_upload(
        world.registry,
        PUBLISHER,
        upload,
        expected=Digest.of(content),
        content=stream(content),
        size=len(content) if announced else None,
    )

    assert await stored(world, content) == content
    assert await stages(world) == []
    assert (await world.events())[-1] == "blob.added"
    assert await check(world.registry, read_bytes=True) == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("empty_end", [True, False])
async def test_a_blob_comes_in_chunks(world: World, content: bytes, empty_end: bool) -> None:
    upload = await begin(world)
    parts = [content[:2], content[2:4], content[4:]]
    rest = [] if empty_end else [parts.pop()]

    at = 0
    for part in parts:
        at = await add_chunk(world.registry, upload, stream(part), at=at)
        assert await received_size(world.registry, upload) == at
    await finish(world, upload, content, *rest)

    assert await stored(world, content) == content
    assert await stages(world) == []


async def test_small_blobs_live_in_the_catalog_and_large_ones_in_the_blob_store(world: World) -> None:
    for content in (SMALL, LARGE):
        await world.push_blob(API, content, by=PUBLISHER)

    assert [kept.digest async for kept in world.registry.blobs.kept()] == [Digest.of(LARGE)]


async def test_of_a_small_blob_that_comes_whole_the_blob_store_is_not_asked(tmp_path: Path) -> None:
    """It may be a bucket: to list what is staged there was a third of the processor time of a push."""
    async with open_world(tmp_path, blobs=Unasked()) as world:
        await world.namespace()
        await finish(world, await begin(world), SMALL, SMALL)

        assert await stored(world, SMALL) == SMALL


async def test_a_small_end_of_what_has_come_is_not_taken_for_the_whole(world: World) -> None:
    upload = await begin(world)
    await add_chunk(world.registry, upload, stream(LARGE))
    await finish(world, upload, LARGE + SMALL, SMALL)

    assert await stored(world, LARGE + SMALL) == LARGE + SMALL
    assert await stored(world, SMALL) is None


async def test_without_room_in_the_catalog_every_blob_lives_in_the_blob_store(world: World) -> None:
    registry = replace(world.registry, limits=Limits(inline_size=0))

    for content in (b"", b"x"):
        await add_blob(
            registry, PUBLISHER, API, expected=Digest.of(content), content=stream(content), size=len(content)
        )

    assert [kept.digest async for kept in registry.blobs.kept()] == [Digest.of(b"x")]
    assert await stored(world, b"") == b""
    assert await check(registry, read_bytes=True) == []


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("announced", ["sha256", "sha512"])
async def test_a_blob_is_called_by_any_algorithm(world: World, content: bytes, announced: str) -> None:
    upload = await begin(world, algorithm=announced)

    await finish(world, upload, content, content, expected=Digest.of(content, "sha512"))

    assert await stored(world, content, "sha512") == content


async def test_adding_what_the_package_has_is_no_event(world: World) -> None:
    for content in (SMALL, LARGE):
        await world.push_blob(API, content)
    before = await world.events()

    for content in (SMALL, LARGE):
        await world.push_blob(API, content)

    assert await world.events() == before


async def test_the_same_bytes_in_another_package_are_another_event_and_no_second_copy(world: World) -> None:
    await world.push_blob(API, LARGE)
    await world.push_blob("acme/other", LARGE)

    assert (await world.events()).count("blob.added") == 2
    assert (await world.catalog.storage())["blobs"] == 1


async def test_without_a_name_bytes_are_called_by_their_sha256(world: World) -> None:
    for content in (SMALL, LARGE):
        upload = await begin(world)
        blob = await receive(world.registry, upload, expected=None, content=stream(content), size=None)

        assert blob.digest == Digest.of(content)


# --- what goes wrong ---


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_content_of_another_name_is_refused_and_can_be_named_again(world: World, content: bytes) -> None:
    upload = await begin(world)
    await add_chunk(world.registry, upload, stream(content))

    with pytest.raises(DigestMismatch):
        await finish(world, upload, b"other")

    assert await stored(world, content) is None
    assert await received_size(world.registry, upload) == len(content)
    await finish(world, upload, content)
    assert await stored(world, content) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
async def test_one_request_that_fails_leaves_nothing(world: World, content: bytes) -> None:
    with pytest.raises(DigestMismatch):
        await add_blob(
            world.registry,
            PUBLISHER,
            API,
            expected=Digest.of(b"other"),
            content=stream(content),
            size=len(content),
        )

    assert await stages(world) == []
    assert [kept.digest async for kept in world.registry.blobs.kept()] == []
    assert await world.catalog.find_package(ALL, API) is None


@pytest.mark.parametrize("at", [0, 1, 4, 6, 2**40])
async def test_a_chunk_begins_where_the_upload_stands(world: World, at: int) -> None:
    upload = await begin(world)
    await add_chunk(world.registry, upload, stream(SMALL))

    with pytest.raises(InvalidContentRange):
        await add_chunk(world.registry, upload, stream(b"more"), at=at)
    with pytest.raises(InvalidContentRange):
        await finish(world, upload, SMALL, b"more", at=at)

    assert await received_size(world.registry, upload) == 5


async def test_a_body_that_is_longer_than_announced_is_too_large(world: World) -> None:
    upload = await begin(world)

    with pytest.raises(TooLarge):
        await finish(world, upload, LARGE, LARGE, size=5)

    assert await stages(world) == []


async def test_a_blob_has_a_limit(world: World) -> None:
    registry = replace(world.registry, limits=Limits(blob_size=100, inline_size=10))
    upload = await begin(world)
    await add_chunk(registry, upload, stream(bytes(60)))

    with pytest.raises(TooLarge):
        await add_chunk(registry, upload, stream(bytes(60)))
    with pytest.raises(TooLarge):
        await add_blob(registry, PUBLISHER, API, expected=Digest.of(b""), content=stream(bytes(101)), size=101)


async def test_a_cut_upload_goes_on(world: World) -> None:
    class Cut(Exception):
        pass

    async def cut() -> AsyncIterator[bytes]:
        yield LARGE[:1000]
        raise Cut

    upload = await begin(world)
    with pytest.raises(Cut):
        await add_chunk(world.registry, upload, cut())

    held = await received_size(world.registry, upload)
    await finish(world, upload, LARGE, LARGE[held:], at=held)

    assert held == 1000
    assert await stored(world, LARGE) == LARGE


async def test_an_upload_has_one_writer(world: World) -> None:
    upload = await begin(world)

    async def content() -> AsyncIterator[bytes]:
        yield SMALL
        with pytest.raises(UploadBusy):
            await add_chunk(world.registry, upload, stream(b"more"), at=5)

    await add_chunk(world.registry, upload, content())

    assert await received_size(world.registry, upload) == 5


# --- sessions ---


async def again(world: World, upload: Upload, by: Caller = PUBLISHER, registry: Registry | None = None) -> Upload:
    registry = registry or world.registry
    return await find_upload(registry, by, API, upload.seal(registry.upload_secret))


async def test_a_session_is_found_by_its_name_alone(world: World) -> None:
    upload = await begin(world, algorithm="sha512")

    found = await again(world, upload)

    assert found == upload
    assert found.algorithm == "sha512"


async def test_each_answer_renews_the_lease(world: World) -> None:
    upload = await begin(world)
    for _ in range(5):
        world.clock.advance(hours=23)
        upload = await again(world, upload)

    world.clock.advance(hours=24)
    upload = await again(world, upload)
    world.clock.advance(hours=24, seconds=1)
    with pytest.raises(UploadUnknown):
        await again(world, upload)


async def test_a_session_belongs_to_who_began_it_and_where(world: World) -> None:
    upload = await begin(world)
    session = upload.seal(world.registry.upload_secret)

    with pytest.raises(UploadUnknown):
        await find_upload(world.registry, ADMINISTRATOR, API, session)
    with pytest.raises(UploadUnknown):
        await find_upload(world.registry, PUBLISHER, package("acme/other"), session)
    with pytest.raises(UploadUnknown):
        await find_upload(world.registry, PUBLISHER, package("acme/api", format="generic"), session)
    with pytest.raises(UploadUnknown):
        await find_upload(replace(world.registry, upload_secret=b"another"), PUBLISHER, API, session)


@pytest.mark.parametrize("end", ["finished", "cancelled"])
async def test_a_session_that_ended_is_unknown(world: World, end: str) -> None:
    upload = await begin(world)
    if end == "finished":
        await finish(world, upload, LARGE, LARGE)
    else:
        await add_chunk(world.registry, upload, stream(LARGE))
        await cancel_upload(world.registry, upload)

    with pytest.raises(UploadUnknown):
        await again(world, upload)
    assert await stages(world) == []


@pytest.mark.parametrize(
    ("by", "error"),
    [(ANONYMOUS, Unauthenticated), (caller("reader"), Denied), (caller("publisher", "zeta"), PackageUnknown)],
)
async def test_who_may_not_publish_begins_nothing(world: World, by: Caller, error: type[Exception]) -> None:
    with pytest.raises(error):
        await begin(world, by)
    with pytest.raises(error):
        await again(world, await begin(world), by)


async def test_nothing_begins_in_a_namespace_that_is_not_there(world: World) -> None:
    with pytest.raises(NamespaceUnknown):
        await begin_upload(world.registry, ADMINISTRATOR, package("nobody/api"))


# --- sweeping ---


async def test_what_nobody_went_on_with_is_swept(world: World) -> None:
    old = await begin(world)
    await add_chunk(world.registry, old, stream(LARGE))
    done = await begin(world)
    await finish(world, done, SMALL, SMALL)
    world.clock.advance(hours=24, seconds=1)
    new = await begin(world)
    await add_chunk(world.registry, new, stream(LARGE))

    assert await sweep(world.registry) == 1

    assert await stages(world) == [new.id]
    assert not await world.catalog.upload_has_ended(done.id)
    await finish(world, new, LARGE)


async def test_what_an_upload_leaves_that_ended_with_a_piece_that_was_all_it_announced_is_swept(world: World) -> None:
    """Of a small blob that comes whole nobody asks what came before: much may have, and it must not rest for a day."""
    upload, other = await begin(world), await begin(world)
    await add_chunk(world.registry, upload, stream(LARGE))
    await add_chunk(world.registry, other, stream(LARGE))
    await finish(world, upload, SMALL, SMALL)

    assert await stored(world, SMALL) == SMALL
    account = await world.catalog.usage.find(API.namespace)
    assert account is not None
    assert account.size == len(SMALL)
    assert await sweep(world.registry) == 1
    assert await stages(world) == [other.id]


async def test_what_was_cancelled_while_it_was_written_is_swept_later(world: World) -> None:
    upload = await begin(world)

    async def content() -> AsyncIterator[bytes]:
        yield SMALL
        await cancel_upload(world.registry, upload)
        yield SMALL

    await add_chunk(world.registry, upload, content())
    with pytest.raises(UploadUnknown):
        await again(world, upload)

    assert await sweep(world.registry) == 1
    assert await stages(world) == []


async def test_a_lease_is_as_long_as_the_registry_says(world: World) -> None:
    registry = replace(world.registry, limits=Limits(upload_lease=timedelta(minutes=5)))
    upload = await begin_upload(registry, PUBLISHER, API)
    await add_chunk(registry, upload, stream(SMALL))

    world.clock.advance(minutes=5, seconds=1)

    with pytest.raises(UploadUnknown):
        await again(world, upload, registry=registry)
    assert await sweep(registry) == 1
