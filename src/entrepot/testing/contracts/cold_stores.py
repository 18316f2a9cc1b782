"""What every cold tier promises (`entrepot.ports.blobs.ColdStore`)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import pytest

from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown, DigestMismatch
from entrepot.testing.builders import stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.ports.blobs import ColdStore

TEXT: Final = b"the same words again and again, " * 100_000
"""Three megabytes that take up little room."""
NOISE: Final = random.Random(7).randbytes(3_000_000)
FRAME: Final = b"\x28\xb5\x2f\xfd" + NOISE[:100_000]
"""What begins like something compressed, and is not."""
CONTENTS: Final = {"text": TEXT, "noise": NOISE, "frame": FRAME, "tiny": b"ab"}


async def pieces(content: bytes, size: int = 300_000) -> AsyncIterator[bytes]:
    """Some content as it is read."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def _read(store: ColdStore, digest: Digest, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in store.read(digest, start, stop, generation=3)])


class ColdStoreContract:
    """To be inherited by a test class that has the fixture ``store``."""

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    async def test_what_is_added_is_had_back_whole_and_in_parts(self, store: ColdStore, content: bytes) -> None:
        digest = Digest.of(content)

        await store.add(digest, pieces(content), size=len(content), generation=3)

        assert await _read(store, digest) == content
        middle = len(content) // 2
        assert await _read(store, digest, middle) == content[middle:]
        assert await _read(store, digest, 1, middle) == content[1:middle]
        assert await _read(store, digest, middle, middle) == b""
        assert await store.size(digest, generation=3) == len(content)
        assert await store.verify(digest, generation=3)

    async def test_what_can_be_smaller_takes_less_room_and_what_cannot_no_more(self, store: ColdStore) -> None:
        sizes = [
            await store.add(Digest.of(content), pieces(content), size=len(content), generation=3)
            for content in (TEXT, NOISE, FRAME)
        ]

        assert sizes[0] < len(TEXT) / 100
        assert sizes[1] == len(NOISE)
        assert len(FRAME) <= sizes[2] < len(FRAME) * 1.01

    async def test_content_that_does_not_match_leaves_nothing(self, store: ColdStore) -> None:
        digest = Digest.of(TEXT)

        with pytest.raises(DigestMismatch):
            await store.add(digest, pieces(TEXT[:-1] + b"!"), size=len(TEXT), generation=3)

        assert await store.size(digest, generation=3) is None
        assert [each async for each in store.kept()] == []
        assert [each async for each in store.stages()] == []

    async def test_content_that_fails_on_its_way_leaves_nothing(self, store: ColdStore) -> None:
        async def cut() -> AsyncIterator[bytes]:
            yield TEXT[:1000]
            raise BlobUnknown(Digest.of(TEXT))

        with pytest.raises(BlobUnknown):
            await store.add(Digest.of(TEXT), cut(), size=len(TEXT), generation=3)

        assert [each async for each in store.kept()] == []

    async def test_adding_it_again_is_no_error(self, store: ColdStore) -> None:
        digest = Digest.of(TEXT)

        for _ in range(2):
            await store.add(digest, pieces(TEXT), size=len(TEXT), generation=3)

        assert await _read(store, digest) == TEXT
        assert [(each.digest, each.generation) async for each in store.kept()] == [(digest, 3)]

    async def test_what_is_removed_is_gone_and_no_other_generation(self, store: ColdStore) -> None:
        digest = Digest.of(TEXT)
        for generation in (3, 4):
            await store.add(digest, pieces(TEXT), size=len(TEXT), generation=generation)

        await store.remove(digest, generation=3)
        await store.remove(digest, generation=3)

        assert await store.size(digest, generation=3) is None
        assert await store.verify(digest, generation=4)
        with pytest.raises(BlobUnknown):
            await _read(store, digest)
        with pytest.raises(BlobUnknown):
            await store.verify(digest, generation=3)

    async def test_sha512_is_a_name_too(self, store: ColdStore) -> None:
        digest = Digest.of(TEXT, "sha512")

        await store.add(digest, stream(TEXT), size=len(TEXT), generation=3)

        assert await _read(store, digest) == TEXT
        assert await store.verify(digest, generation=3)
