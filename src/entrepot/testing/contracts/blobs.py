"""What every blob store promises (`entrepot.ports.blobs.BlobStore`)."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from entrepot.model.digest import Digest
from entrepot.model.errors import (
    BlobUnknown,
    DigestMismatch,
    InvalidContentRange,
    TooLarge,
    UploadBusy,
    UploadUnknown,
)
from entrepot.model.upload import UploadId
from entrepot.testing.builders import stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from entrepot.ports.blobs import BlobStore

HELLO = b"hello"
NAME = Digest.of(HELLO)
LARGE = b"".join(number.to_bytes(8, "big") for number in range(400_000))
"""More than any driver holds back."""
PLENTY = 2**40


def new_stage() -> UploadId:
    """The name of an upload that nobody has used."""
    return UploadId(str(uuid4()))


async def keep(store: BlobStore, content: bytes = HELLO) -> Digest:
    """Store some bytes."""
    stage, digest = new_stage(), Digest.of(content)
    await store.append(stage, stream(content), at=0, limit=PLENTY)
    await store.keep(stage, digest)
    return digest


async def read(store: BlobStore, digest: Digest, start: int = 0, stop: int | None = None) -> bytes:
    """Read some bytes whole."""
    return b"".join([piece async for piece in store.read(digest, start, stop)])


class Gate:
    """Content that waits in the middle, until the test opens it."""

    def __init__(self, *pieces: bytes) -> None:
        """Give the first of *pieces*, wait, and give the others."""
        self._pieces = pieces
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def content(self) -> AsyncIterator[bytes]:
        """The pieces."""
        first, *rest = self._pieces
        yield first
        self.reached.set()
        await self.opened.wait()
        for piece in rest:
            yield piece


@pytest.mark.asyncio
class BlobStoreContract:
    """Inherit it, and give the fixture ``store``: an empty one.

    ``again`` is another instance on the same storage, as another process has it; a store that cannot have one gives
    itself. `damage` changes a byte of what is kept.
    """

    @pytest.fixture
    def store(self) -> BlobStore:
        """An empty store."""
        raise NotImplementedError

    @pytest.fixture
    def again(self, store: BlobStore) -> BlobStore:
        """The same storage, seen by another process."""
        return store

    def damage(self, store: BlobStore, digest: Digest) -> None:
        """Change a byte of what *store* keeps under *digest*."""
        raise NotImplementedError

    # --- keeping and reading ---

    @pytest.mark.parametrize("content", [b"", b"x", HELLO, LARGE], ids=["empty", "byte", "small", "large"])
    async def test_what_is_kept_is_read_back(self, store: BlobStore, content: bytes) -> None:
        stage, digest = new_stage(), Digest.of(content)
        await store.append(stage, stream(content), at=0, limit=PLENTY)

        size = await store.keep(stage, digest)

        assert size == len(content) == await store.size(digest)
        assert await read(store, digest) == content

    @pytest.mark.parametrize(
        ("start", "stop"),
        [(0, 1), (1, 3), (3, None), (0, 0), (4, 4), (5, None), (2, 99), (99, None), (1_000_000, 2_000_001)],
    )
    async def test_a_part_is_read_as_a_slice_would_be(self, store: BlobStore, start: int, stop: int | None) -> None:
        for content in (HELLO, LARGE):
            digest = await keep(store, content)

            assert await read(store, digest, start, stop) == content[start:stop]

    async def test_large_content_is_read_in_pieces(self, store: BlobStore) -> None:
        digest = await keep(store, LARGE)

        pieces = [len(piece) async for piece in store.read(digest)]

        assert len(pieces) > 1
        assert max(pieces) <= 4 * 1024 * 1024

    async def test_a_reader_may_stop_before_the_end(self, store: BlobStore) -> None:
        digest = await keep(store, LARGE)

        async with aclosing(store.read(digest)) as pieces:  # type: ignore[type-var]
            first = await anext(pieces)

        assert LARGE.startswith(first)
        assert await read(store, digest) == LARGE

    async def test_what_is_not_there_is_unknown(self, store: BlobStore) -> None:
        assert await store.size(NAME) is None
        with pytest.raises(BlobUnknown):
            await anext(aiter(store.read(NAME)))
        with pytest.raises(BlobUnknown):
            await store.verify(NAME)

    async def test_content_of_another_name_leaves_nothing(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(b"hullo"), at=0, limit=PLENTY)

        with pytest.raises(DigestMismatch) as refused:
            await store.keep(stage, NAME)

        assert (refused.value.expected, refused.value.actual) == (NAME, Digest.of(b"hullo"))
        assert await store.size(NAME) is None
        assert [kept.digest async for kept in store.kept()] == []

    async def test_after_a_wrong_name_the_stage_can_be_kept_under_its_own(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)
        with pytest.raises(DigestMismatch):
            await store.keep(stage, Digest.of(b"hullo"))

        await store.keep(stage, NAME)

        assert await read(store, NAME) == HELLO

    async def test_keeping_ends_the_stage(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)
        await store.keep(stage, NAME)

        assert await store.staged_size(stage) == 0
        assert [name async for name, _ in store.stages()] == []
        with pytest.raises(UploadUnknown):
            await store.keep(stage, NAME)

    async def test_keeping_what_is_kept_already_is_no_error(self, store: BlobStore) -> None:
        await keep(store)
        await keep(store)

        assert await read(store, NAME) == HELLO
        assert [kept.digest async for kept in store.kept()] == [NAME]

    async def test_two_stages_may_be_kept_under_one_name_at_once(self, store: BlobStore) -> None:
        await asyncio.gather(*(keep(store, LARGE) for _ in range(4)))

        assert await read(store, Digest.of(LARGE)) == LARGE
        assert [name async for name, _ in store.stages()] == []

    async def test_a_stage_that_many_keep_at_once_is_kept_whole(self, store: BlobStore) -> None:
        stage, digest = new_stage(), Digest.of(LARGE)
        await store.append(stage, stream(LARGE), at=0, limit=PLENTY)

        told = await asyncio.gather(*(store.keep(stage, digest) for _ in range(8)), return_exceptions=True)

        # Others may be told that somebody is at it, or has done it, and nobody that the store failed.
        assert len(LARGE) in told
        assert {type(each) for each in told} <= {int, UploadBusy, UploadUnknown}
        assert await read(store, digest) == LARGE
        assert [name async for name, _ in store.stages()] == []

    @pytest.mark.parametrize("announced", ["sha256", "sha512"])
    @pytest.mark.parametrize("kept", ["sha256", "sha512"])
    async def test_any_algorithm_may_name_a_stage_whatever_was_announced(
        self, store: BlobStore, announced: str, kept: str
    ) -> None:
        stage, digest = new_stage(), Digest.of(LARGE, kept)
        await store.append(stage, stream(LARGE), at=0, limit=PLENTY, algorithm=announced)

        await store.keep(stage, digest)

        assert await read(store, digest) == LARGE
        assert [kept.digest async for kept in store.kept()] == [digest]

    # --- staging ---

    async def test_content_comes_in_any_pieces(self, store: BlobStore) -> None:
        stage, digest, at = new_stage(), Digest.of(LARGE), 0
        for size in (1, 7, 65_536, 1_000_003, len(LARGE)):
            piece = LARGE[at : at + size]
            cut = len(piece) // 3
            at = await store.append(stage, stream(piece[:cut], b"", piece[cut:]), at=at, limit=PLENTY)
            assert at == await store.staged_size(stage)

        await store.keep(stage, digest)

        assert await read(store, digest) == LARGE

    async def test_another_process_may_go_on_with_a_stage(self, store: BlobStore, again: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(b"he"), at=0, limit=PLENTY)
        assert await again.staged_size(stage) == 2
        await again.append(stage, stream(b"ll"), at=2, limit=PLENTY)
        await store.append(stage, stream(b"o"), at=4, limit=PLENTY)

        assert await again.digest(stage) == NAME
        assert await store.keep(stage, NAME) == 5
        assert await read(again, NAME) == HELLO

    @pytest.mark.parametrize("at", [0, 1, 4, 6, 2**60])
    async def test_a_chunk_must_begin_where_the_stage_stands(self, store: BlobStore, at: int) -> None:
        stage = new_stage()
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)

        with pytest.raises(InvalidContentRange):
            await store.append(stage, stream(b"more"), at=at, limit=PLENTY)

        assert await store.staged_size(stage) == 5
        assert await store.keep(stage, NAME) == 5

    async def test_a_stage_begins_with_its_first_byte(self, store: BlobStore) -> None:
        with pytest.raises(UploadUnknown):
            await store.append(new_stage(), stream(b"more"), at=5, limit=PLENTY)

        assert [name async for name, _ in store.stages()] == []

    async def test_nothing_was_staged_where_nothing_came(self, store: BlobStore) -> None:
        stage = new_stage()

        assert await store.staged_size(stage) == 0
        for asked in (store.digest(stage), store.take(stage, limit=5), store.keep(stage, NAME)):
            with pytest.raises(UploadUnknown):
                await asked

    async def test_more_than_the_limit_is_too_large(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(b"he"), at=0, limit=4)

        with pytest.raises(TooLarge):
            await store.append(stage, stream(b"ll", b"o"), at=2, limit=4)

        assert await store.staged_size(stage) <= 4

    async def test_exactly_the_limit_is_not_too_large(self, store: BlobStore) -> None:
        assert await store.append(new_stage(), stream(HELLO), at=0, limit=5) == 5

    @pytest.mark.parametrize("part", [LARGE[:9], LARGE[:3_000_000]], ids=["small", "large"])
    async def test_when_the_client_goes_away_what_came_stays(self, store: BlobStore, part: bytes) -> None:
        class Cut(Exception):
            pass

        async def content() -> AsyncIterator[bytes]:
            yield part
            raise Cut

        stage = new_stage()
        with pytest.raises(Cut):
            await store.append(stage, content(), at=0, limit=PLENTY)

        assert await store.staged_size(stage) == len(part)
        await store.append(stage, stream(LARGE[len(part) :]), at=len(part), limit=PLENTY)
        assert await store.keep(stage, Digest.of(LARGE)) == len(LARGE)

    @pytest.mark.parametrize("part", [LARGE[:9], LARGE[:2_000_000]], ids=["small", "large"])
    async def test_when_the_request_is_cancelled_what_came_stays(self, store: BlobStore, part: bytes) -> None:
        stage, gate = new_stage(), Gate(part, b"never")
        appending = asyncio.ensure_future(store.append(stage, gate.content(), at=0, limit=PLENTY))
        await gate.reached.wait()

        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending

        assert await store.staged_size(stage) == len(part)
        await store.append(stage, stream(LARGE[len(part) :]), at=len(part), limit=PLENTY)
        assert await store.keep(stage, Digest.of(LARGE)) == len(LARGE)

    async def test_a_stage_has_one_writer(self, store: BlobStore, again: BlobStore) -> None:
        stage, gate = new_stage(), Gate(b"he", b"llo")
        writing = asyncio.ensure_future(store.append(stage, gate.content(), at=0, limit=PLENTY))
        await gate.reached.wait()

        for other in (store, again):
            with pytest.raises(UploadBusy):
                await other.append(stage, stream(b"x"), at=0, limit=PLENTY)
            with pytest.raises(UploadBusy):
                await other.keep(stage, NAME)
            with pytest.raises(UploadBusy):
                await other.digest(stage)

        gate.opened.set()
        assert await writing == 5
        assert await again.keep(stage, NAME) == 5

    @pytest.mark.parametrize("part", [LARGE[:9], LARGE[:2_000_000]], ids=["small", "large"])
    async def test_who_asks_where_to_go_on_takes_over_from_who_still_waits_for_bytes(
        self, store: BlobStore, part: bytes
    ) -> None:
        stage, gate = new_stage(), Gate(part, b"never")
        appending = asyncio.ensure_future(store.append(stage, gate.content(), at=0, limit=PLENTY))
        await gate.reached.wait()

        first, second = await asyncio.gather(store.settle(stage), store.settle(stage))

        assert first == second == len(part)
        with pytest.raises(UploadBusy):
            await appending
        await store.append(stage, stream(LARGE[len(part) :]), at=len(part), limit=PLENTY)
        assert await store.keep(stage, Digest.of(LARGE)) == len(LARGE)

    async def test_a_stage_can_be_read_while_it_is_written(self, store: BlobStore, again: BlobStore) -> None:
        stage, gate = new_stage(), Gate(LARGE[:2_000_000], b"rest")
        writing = asyncio.ensure_future(store.append(stage, gate.content(), at=0, limit=PLENTY))
        await gate.reached.wait()

        assert LARGE.startswith(await again.peek(stage, 0, 10))
        assert await again.peek(stage, 5_000_000, 10) == b""

        gate.opened.set()
        await writing
        assert await again.peek(stage, 1_999_990, 100) == LARGE[1_999_990:2_000_000] + b"rest"

    async def test_what_is_no_stage_cannot_be_read(self, store: BlobStore) -> None:
        with pytest.raises(UploadUnknown):
            await store.peek(new_stage(), 0, 1)
        with pytest.raises(UploadUnknown):
            await store.examine(new_stage(), lambda file: file.read())

    async def test_a_stage_is_examined_as_a_file(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(LARGE), at=0, limit=PLENTY)

        def look(file: BinaryIO) -> tuple[bytes, int]:
            file.seek(-4, 2)
            return file.read(), file.tell()

        assert await store.examine(stage, look) == (LARGE[-4:], len(LARGE))

    async def test_nothing_has_come_of_a_stage_that_is_not_there(self, store: BlobStore) -> None:
        assert await store.settle(new_stage()) == 0

    async def test_small_staged_content_can_be_taken_as_it_is(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)

        assert await store.take(stage, limit=5) == HELLO
        assert await store.take(stage, limit=4) is None
        assert await store.staged_size(stage) == 5

    @pytest.mark.parametrize("announced", ["sha256", "sha512"])
    async def test_a_stage_is_called_by_its_sha256(self, store: BlobStore, again: BlobStore, announced: str) -> None:
        stage = new_stage()
        await store.append(stage, stream(LARGE), at=0, limit=PLENTY, algorithm=announced)

        assert await store.digest(stage) == await again.digest(stage) == Digest.of(LARGE)
        assert await store.staged_size(stage) == len(LARGE)

    async def test_a_discarded_stage_is_gone(self, store: BlobStore) -> None:
        stage = new_stage()
        await store.append(stage, stream(b"other"), at=0, limit=PLENTY)

        await store.discard(stage)
        await store.discard(stage)

        assert await store.staged_size(stage) == 0
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)
        assert await store.keep(stage, NAME) == 5

    async def test_a_stage_that_is_being_written_is_not_discarded(self, store: BlobStore, again: BlobStore) -> None:
        stage, gate = new_stage(), Gate(b"he", b"llo")
        writing = asyncio.ensure_future(store.append(stage, gate.content(), at=0, limit=PLENTY))
        await gate.reached.wait()

        await again.discard(stage)

        gate.opened.set()
        assert await writing == 5
        assert await again.keep(stage, NAME) == 5

    async def test_every_stage_is_listed_with_its_time(self, store: BlobStore) -> None:
        stages = {new_stage() for _ in range(3)}
        for stage in stages:
            await store.append(stage, stream(HELLO), at=0, limit=PLENTY)

        listed = {stage: time async for stage, time in store.stages()}

        assert set(listed) == stages
        assert all(time > 0 for time in listed.values())

    # --- what is kept ---

    async def test_every_digest_is_listed(self, store: BlobStore) -> None:
        expected = {await keep(store, bytes([number])) for number in range(20)}
        stage, long = new_stage(), Digest.of(HELLO, "sha512")
        await store.append(stage, stream(HELLO), at=0, limit=PLENTY)
        await store.keep(stage, long)

        assert {kept.digest async for kept in store.kept()} == {*expected, long}

    async def test_removed_bytes_are_gone(self, store: BlobStore) -> None:
        digest = await keep(store)

        await store.remove(digest)
        await store.remove(digest)

        assert await store.size(digest) is None
        assert [kept.digest async for kept in store.kept()] == []

    async def test_damage_is_found_and_mended_by_sending_the_bytes_again(self, store: BlobStore) -> None:
        digest = await keep(store, LARGE)
        assert await store.verify(digest)

        self.damage(store, digest)
        assert not await store.verify(digest)

        await keep(store, LARGE)
        assert await store.verify(digest)
        assert hashlib.sha256(await read(store, digest)).hexdigest() == digest.hex

    async def test_it_may_be_asked_by_many_at_once_whether_it_works(self, store: BlobStore) -> None:
        await asyncio.gather(*(store.probe() for _ in range(50)))

        assert [stage async for stage, _ in store.stages() if not re.match(r"\.", stage)] == []
