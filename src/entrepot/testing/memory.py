"""A blob store that keeps everything in memory: for tests that are not about storage."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, TypeVar

from entrepot.drivers.blobs.writers import Writers
from entrepot.drivers.clock import SystemClock
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    BlobUnknown,
    DigestMismatch,
    InvalidContentRange,
    TooLarge,
    UploadBusy,
    UploadUnknown,
)
from entrepot.ports.blobs import Kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import BinaryIO

    from entrepot.model.upload import UploadId
    from entrepot.ports.clock import Clock

T = TypeVar("T")

_PIECE = 64 * 1024


@dataclass(slots=True)
class _Stage:
    content: bytearray = field(default_factory=bytearray)
    written_at: float = 0.0
    busy: bool = False


class MemoryBlobStore:
    """Implements `entrepot.ports.blobs.BlobStore`. What it holds ends with it."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Tell the times of stages by *clock*."""
        self._clock = clock or SystemClock()
        self._stages: dict[UploadId, _Stage] = {}
        self._writers = Writers()
        self._kept: dict[tuple[Digest, int], tuple[bytes, float]] = {}

    # --- staging ---

    async def append(
        self, stage: UploadId, content: AsyncIterator[bytes], *, at: int, limit: int, algorithm: str = "sha256"
    ) -> int:
        """Write *content* behind the *at* bytes that the stage holds, and return how many it holds then."""
        del algorithm  # Naming what is in memory costs the same later.
        if at == 0:
            self._stages.setdefault(stage, _Stage(written_at=self._clock.now().timestamp()))
        with self._locked(stage) as locked:
            held = len(locked.content)
            if held != at:
                raise InvalidContentRange(expected=f"a chunk that starts at {held}", actual=at)
            async with self._writers.writing(stage):
                async for piece in content:
                    if len(locked.content) + len(piece) > limit:
                        raise TooLarge(expected=f"at most {limit} bytes")
                    locked.content += piece
                    locked.written_at = self._clock.now().timestamp()
            return len(locked.content)

    async def staged_size(self, stage: UploadId) -> int:
        """How many bytes the stage holds; 0 when there is none."""
        return len(self._stages[stage].content) if stage in self._stages else 0

    async def settle(self, stage: UploadId) -> int:
        """How many bytes the stage holds, once nobody writes to it any more; 0 when there is none."""
        await self._writers.stop(stage)
        return await self.staged_size(stage)

    async def keep(self, stage: UploadId, expected: Digest, *, generation: int = 0, name: Digest | None = None) -> int:
        """Make the staged content durable under its digest, or another *name*, end the stage, and return its size."""
        with self._locked(stage) as locked:
            content = bytes(locked.content)
            actual = Digest.of(content, expected.algorithm)
            if actual != expected:
                raise DigestMismatch(expected=expected, actual=actual)
            self._kept[name or expected, generation] = content, self._clock.now().timestamp()
            del self._stages[stage]
            return len(content)

    async def take(self, stage: UploadId, *, limit: int) -> bytes | None:
        """The staged bytes themselves, when they are no more than *limit*; the stage stays."""
        with self._locked(stage) as locked:
            return None if len(locked.content) > limit else bytes(locked.content)

    async def digest(self, stage: UploadId) -> Digest:
        """What the staged bytes are called by their sha256."""
        with self._locked(stage) as locked:
            return Digest.of(bytes(locked.content))

    async def peek(self, stage: UploadId, start: int, size: int) -> bytes:
        """At most *size* bytes of a stage from *start*, as far as they have come."""
        if stage not in self._stages:
            raise UploadUnknown(stage)
        return bytes(self._stages[stage].content[start : start + size])

    async def examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        """What *read* makes of the staged bytes."""
        with self._locked(stage) as locked:
            return await asyncio.to_thread(read, BytesIO(bytes(locked.content)))

    async def discard(self, stage: UploadId) -> None:
        """Forget a stage. No error when there is none."""
        if stage in self._stages and not self._stages[stage].busy:
            del self._stages[stage]

    async def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """Every stage, with the time of its last write in seconds since the epoch."""
        for stage, held in list(self._stages.items()):
            yield stage, held.written_at

    @contextmanager
    def _locked(self, stage: UploadId) -> Iterator[_Stage]:
        held = self._stages.get(stage)
        if held is None:
            raise UploadUnknown(stage)
        if held.busy:
            raise UploadBusy(stage)
        held.busy = True
        try:
            yield held
        finally:
            held.busy = False

    # --- what is kept ---

    async def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, in pieces."""
        content = self._content(digest, generation)[start:stop]
        for at in range(0, len(content), _PIECE):
            yield content[at : at + _PIECE]

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """How many bytes are kept under *digest*; None when there are none."""
        return len(self._kept[digest, generation][0]) if (digest, generation) in self._kept else None

    async def verify(self, digest: Digest, *, generation: int = 0) -> bool:
        """Whether the bytes that are kept still have their name."""
        return Digest.of(self._content(digest, generation), digest.algorithm) == digest

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """Delete the bytes. No error when there are none."""
        self._kept.pop((digest, generation), None)

    async def kept(self) -> AsyncIterator[Kept]:
        """Everything that is kept, in no order."""
        for (digest, generation), (_, written_at) in list(self._kept.items()):
            yield Kept(digest, generation, written_at)

    async def probe(self) -> None:
        """Raise unless content can be written and read just now: it always can."""

    def _content(self, digest: Digest, generation: int) -> bytes:
        try:
            return self._kept[digest, generation][0]
        except KeyError:
            raise BlobUnknown(digest) from None

    # --- for tests alone ---

    def damage(self, digest: Digest) -> None:
        """Change a byte of what is kept, as a disk may."""
        first, *rest = self._content(digest, 0)
        self.replace(digest, bytes((first ^ 1, *rest)))

    def replace(self, digest: Digest, content: bytes) -> None:
        """Keep something else under a name, whatever it is called by right."""
        self._kept[digest, 0] = content, self._clock.now().timestamp()
