"""The cold tier: what is kept takes up less room where that can be, in files or in a bucket.

Whether content can be made smaller is tried on its beginning. What can becomes one zstd frame (RFC 8878) that says its
size; what cannot stays as it is, unless it begins like such a frame itself. So what lies here says by its first bytes
what it is, and can be read with `zstd -d`. It is kept under the digest of the content, never of what was made of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown, Corrupt, DigestMismatch
from entrepot.model.upload import UploadId

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from entrepot.ports.blobs import Kept

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
"""RFC 8878, 3.1.1."""
_HEAD: Final = 18
"""Bytes that the header of a frame has at most, its magic number included."""
_SAMPLE: Final = 1024 * 1024
_WORTH: Final = 0.9
"""Of its size: what is made no smaller than that is read faster as it is."""
_LEVEL: Final = 9
_NO_LEVEL: Final = 1
"""For what only has to be told from a frame of ours."""
_PIECE: Final = 1024 * 1024
_WINDOW: Final = 23
"""Of what is unpacked, as a power of two: what was made with `_LEVEL` needs no more."""
_ROOM: Final = 1024 * 1024
"""What a frame may be larger than its content; one of what cannot be made smaller is, by some thousandths."""


class Store(Protocol):
    """Where it is kept: a `BlobStore` that also keeps bytes under a digest that is not theirs."""

    async def append(
        self, stage: UploadId, content: AsyncIterator[bytes], *, at: int, limit: int, algorithm: str = "sha256"
    ) -> int:
        """Receive bytes."""

    async def keep(self, stage: UploadId, expected: Digest, *, generation: int = 0, name: Digest | None = None) -> int:
        """Keep them, under another digest when *name* says so."""

    async def discard(self, stage: UploadId) -> None:
        """Forget them."""

    def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """All that are not kept."""

    def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """What is kept."""

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """Its size."""

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """Delete it."""

    def kept(self) -> AsyncIterator[Kept]:
        """All that is."""

    async def probe(self) -> None:
        """Raise unless it can be written to."""

    def close(self) -> None:
        """Let go."""


class PackedStore:
    """Implements `entrepot.ports.blobs.ColdStore`."""

    def __init__(self, store: Store) -> None:
        """Keep everything in *store*."""
        self._store = store

    async def add(self, digest: Digest, content: AsyncIterator[bytes], *, size: int, generation: int) -> int:
        """Make *content* durable under its digest, and return how many bytes it takes up."""
        stage = UploadId(str(uuid4()))
        passing = _Passing(digest, content)
        try:
            await self._store.append(stage, passing.packed(size), at=0, limit=size + size // 100 + _ROOM)
            passing.check()
            stored = await self._store.keep(stage, passing.made, generation=generation, name=digest)
        finally:
            await self._store.discard(stage)
        if not await self.verify(digest, generation=generation):
            raise Corrupt(digest)
        return stored

    async def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """The bytes of the content from *start* up to *stop*. Raises `Corrupt` where they cannot be unpacked."""
        if _frame_size(await self._head(digest, generation)) is None:
            async for piece in self._store.read(digest, start, stop, generation=generation):
                yield piece
            return
        at = 0
        async for piece in self._unpacked(digest, generation):
            first = max(start - at, 0)
            last = len(piece) if stop is None else min(stop - at, len(piece))
            at += len(piece)
            if first < last:
                yield piece[first:last]
            if stop is not None and at >= stop:
                return

    async def _unpacked(self, digest: Digest, generation: int) -> AsyncIterator[bytes]:
        unpacking = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})
        try:
            async for packed in self._store.read(digest, generation=generation):
                if unpacking.eof:
                    raise Corrupt(digest)  # Nothing follows the frame.
                piece = await asyncio.to_thread(unpacking.decompress, packed, _PIECE)
                while piece:
                    yield piece
                    piece = b""
                    if not unpacking.needs_input and not unpacking.eof:
                        piece = await asyncio.to_thread(unpacking.decompress, b"", _PIECE)
        except zstd.ZstdError as error:
            raise Corrupt(digest) from error
        if not unpacking.eof or unpacking.unused_data:
            raise Corrupt(digest)

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """How many bytes the content has, as what is kept says it; None when nothing is."""
        try:
            size = _frame_size(await self._head(digest, generation))
        except BlobUnknown:
            return None
        return await self._store.size(digest, generation=generation) if size is None else size

    async def verify(self, digest: Digest, *, generation: int = 0) -> bool:
        """Whether what is kept is still the content."""
        hashing = hashlib.new(digest.algorithm)
        try:
            async for piece in self.read(digest, generation=generation):
                await asyncio.to_thread(hashing.update, piece)
        except Corrupt:
            return False
        return hashing.hexdigest() == digest.hex

    async def _head(self, digest: Digest, generation: int) -> bytes:
        return b"".join([piece async for piece in self._store.read(digest, 0, _HEAD, generation=generation)])

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """Delete it. No error when there is nothing."""
        await self._store.remove(digest, generation=generation)

    def kept(self) -> AsyncIterator[Kept]:
        """Everything that is kept, in no order."""
        return self._store.kept()

    def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """What somebody began to add, with the time of its last write."""
        return self._store.stages()

    async def discard(self, stage: UploadId) -> None:
        """Forget what somebody began to add."""
        await self._store.discard(stage)

    async def probe(self) -> None:
        """Raise unless content can be written and read just now."""
        await self._store.probe()

    def close(self) -> None:
        """Finish what is being written."""
        self._store.close()


class _Passing:
    """Content on its way into the store, hashed as it comes and as it goes."""

    def __init__(self, digest: Digest, content: AsyncIterator[bytes]) -> None:
        self._digest = digest
        self._content = content
        self._hash = hashlib.new(digest.algorithm)
        self._made = hashlib.sha256()

    @property
    def made(self) -> Digest:
        """What was made of it is called so."""
        return Digest("sha256", self._made.hexdigest())

    def check(self) -> None:
        """Raise `DigestMismatch` unless it was what it is called."""
        if self._hash.hexdigest() != self._digest.hex:
            raise DigestMismatch(expected=self._digest, actual=Digest(self._digest.algorithm, self._hash.hexdigest()))

    async def packed(self, size: int) -> AsyncIterator[bytes]:
        """What is to be stored of it."""
        sample, rest = await self._begin()
        pack = await asyncio.to_thread(_choose, sample, size)
        for_sample = await asyncio.to_thread(pack, sample)
        if for_sample:
            yield self._counted(for_sample)
        async for piece in rest:
            self._hash.update(piece)
            if made := await asyncio.to_thread(pack, piece):
                yield self._counted(made)
        if made := await asyncio.to_thread(pack, b""):
            yield self._counted(made)

    async def _begin(self) -> tuple[bytes, AsyncIterator[bytes]]:
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < _SAMPLE:
            try:
                piece = await anext(self._content)
            except StopAsyncIteration:
                break
            self._hash.update(piece)
            pieces.append(piece)
        return b"".join(pieces), self._content

    def _counted(self, made: bytes) -> bytes:
        self._made.update(made)
        return made


def _choose(sample: bytes, size: int) -> Callable[[bytes], bytes]:
    """What makes the stored bytes of the content that begins so: given a piece of it each time, and nothing at its end."""
    tried = sample[:_SAMPLE]
    if len(zstd.compress(tried, _LEVEL)) < len(tried) * _WORTH:
        level = _LEVEL
    elif _frame_size(sample[:_HEAD]) is None:
        return lambda piece: piece
    else:
        level = _NO_LEVEL
    compressor = zstd.ZstdCompressor(
        options={zstd.CompressionParameter.compression_level: level, zstd.CompressionParameter.checksum_flag: 1}
    )
    compressor.set_pledged_input_size(size)
    return lambda piece: compressor.compress(piece) if piece else compressor.flush()


def _frame_size(head: bytes) -> int | None:
    """Of how many bytes a frame is that begins so; None for what is stored as it is."""
    if not head.startswith(_MAGIC):
        return None
    try:
        return zstd.get_frame_info(head).decompressed_size or 0
    except zstd.ZstdError:
        return 0  # It begins like a frame, and nobody can say more of it: not what was put here.
