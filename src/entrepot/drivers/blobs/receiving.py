"""One request's bytes on their way into an object store: locked, hashed, and written part by part."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from entrepot.drivers.blobs.objects import StoredObject
from entrepot.drivers.blobs.parts import Part, lock_key, part_key, part_size, read_stage
from entrepot.drivers.blobs.spool import Spool
from entrepot.drivers.threads import finished
from entrepot.model.errors import InvalidContentRange, TooLarge, Unavailable, UploadBusy, UploadUnknown

if TYPE_CHECKING:
    from hashlib import _Hash
    from pathlib import Path

    from entrepot.drivers.blobs.objects import Objects
    from entrepot.drivers.blobs.parts import Lock, Stage
    from entrepot.model.upload import UploadId

PIECE: Final = 1024 * 1024
"""Received bytes are hashed and written in pieces of about this size: large enough for one thread hop each."""

_LASTS: Final = 30.0
_RENEWAL: Final = 8.0
"""Seconds for which a lock holds without being renewed, and after which it is."""

InThread = Callable[..., "asyncio.Future[Any]"]


@dataclass(frozen=True, slots=True)
class Received:
    """What this process knows of a stage that it wrote: another has to read the parts again."""

    keys: tuple[str, ...]
    hash: _Hash
    spool: Spool | None
    """All its bytes, where they are one part."""


def list_stage(objects: Objects, folder: str) -> Stage:
    """All that is known of a stage, by asking the store."""
    found: list[StoredObject] = []
    while True:
        page = objects.list(folder, after=found[-1].key if found else "")
        found += page.objects
        if page.is_last:
            return read_stage(folder, found)


class StageLock:
    """The right to append to a stage, among all nodes.

    Everybody writes his lock first and looks for others then: of two who come together, at least one sees the other.
    So there is one at most, also where a store cannot write on condition.
    """

    def __init__(self, objects: Objects, folder: str, stage: UploadId) -> None:
        """Nothing is locked yet."""
        self.objects = objects
        self.folder = folder
        self.stage = stage
        self.parts: tuple[Part, ...] = ()
        """What the stage held when it was locked."""
        self.term = 0
        self._key = lock_key(folder, uuid4().hex)
        self._renewed_at = 0.0
        self._is_broken = False

    @staticmethod
    def is_held(locks: Iterable[Lock], now: float) -> bool:
        """Whether one of them was renewed lately."""
        return any(now - lock.written_at < _LASTS for lock in locks)

    def take(self, at: int) -> int:
        """Lock the stage where it holds *at* bytes. Raises what `BlobStore.append` raises."""
        self._renewed_at = time.monotonic()
        self.objects.put(self._key, b"")
        try:
            return self._take(at)
        except BaseException:
            with suppress(Unavailable):
                self.objects.delete(self._key)
            raise

    def _take(self, at: int) -> int:
        stage = list_stage(self.objects, self.folder)
        mine = next((lock for lock in stage.locks if lock.key == self._key), None)
        others = [lock for lock in stage.locks if lock is not mine]
        # Both times are the store's: no clock of a node is asked.
        if mine is None or self.is_held(others, mine.written_at):
            raise UploadBusy(self.stage)
        if not stage.parts and at:
            raise UploadUnknown(self.stage)
        if stage.size != at:
            raise InvalidContentRange(expected=f"a chunk that starts at {stage.size}", actual=at)
        for lock in others:
            self.objects.delete(lock.key)
        self.parts, self.term = stage.parts, mine.term
        return at

    @asynccontextmanager
    async def renewed(self, in_thread: InThread) -> AsyncIterator[None]:
        """Keep it while the client is slow."""
        renewing = asyncio.create_task(self._renew_again(in_thread))
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing

    async def _renew_again(self, in_thread: InThread) -> None:
        while not self._is_broken:
            await asyncio.sleep(_RENEWAL)
            with suppress(Unavailable):
                await finished(in_thread(self._renew))

    def _renew(self) -> None:
        self._is_broken = self.objects.stat(self._key) is None
        if not self._is_broken:
            began_at = time.monotonic()
            self.objects.put(self._key, b"")
            self._renewed_at = began_at

    def check(self) -> None:
        """Raise `UploadBusy` when somebody else may have the stage by now."""
        if time.monotonic() - self._renewed_at > _LASTS:
            # This process, or the store, was away for long.
            self._is_broken = self._is_broken or self.objects.stat(self._key) is None
        if self._is_broken:
            raise UploadBusy(self.stage)

    def release(self) -> None:
        """Let others append."""
        with suppress(Unavailable):  # Then it ends by itself.
            self.objects.delete(self._key)


class Receiving:
    """The bytes of one request. Everything that is not a coroutine runs in a thread, one at a time."""

    def __init__(self, lock: StageLock, spool: Path, in_thread: InThread) -> None:
        """Nothing has come yet."""
        self.size = 0
        self.parts: tuple[Part, ...] = ()
        """What is in the store."""
        self.received: Received | None = None
        """What is known when everything has been written."""
        self._lock = lock
        self._folder = spool
        self._in_thread = in_thread
        self._hash: _Hash | None = None
        self._spools: tuple[tuple[int, Spool], ...] = ()
        """What is not in the store yet: the one that is being filled, and before it one that is being written."""
        self._last: Spool | None = None

    def begin(self, held: int, known: Received | None, algorithm: str) -> None:
        """Go on behind what is *held*, with the hash over it where this process has it."""
        self.size, self.parts = held, self._lock.parts
        if held == 0:
            self._hash = hashlib.new(algorithm)
        elif known is not None and known.keys == tuple(part.key for part in self.parts):
            self._hash = known.hash

    async def receive(self, content: AsyncIterator[bytes], limit: int) -> None:
        """Take in *content*: fill a part while the one before is being written."""
        filling: asyncio.Future[Any] | None = None
        writing: asyncio.Future[Any] | None = None
        batch: list[bytes] = []
        batched, size = 0, self.size
        try:
            async for piece in content:
                size += len(piece)
                if size > limit:
                    raise TooLarge(expected=f"at most {limit} bytes")
                batch.append(piece)
                batched += len(piece)
                if batched >= PIECE:
                    if filling is not None and await finished(filling):
                        if writing is not None:
                            await finished(writing)
                        writing = self._in_thread(self._write, *self._spools[-1])
                        filling = self._in_thread(self._fill_new, batch)
                    else:
                        filling = self._in_thread(self._fill, batch)
                    batch, batched = [], 0
        finally:
            # What was received stays, also when the client went away: it may come back for the rest.
            if filling is not None:
                await finished(filling)
            if writing is not None:
                await finished(writing)
            await finished(self._in_thread(self._finish, batch))

    def _fill(self, batch: list[bytes]) -> bool:
        """Hash and gather some received pieces; whether they make a part."""
        if not self._spools:
            self._open_spool()
        offset, spool = self._spools[-1]
        for piece in batch:
            spool.write(piece)
            if self._hash is not None:
                self._hash.update(piece)
            self.size += len(piece)
        return spool.size >= part_size(offset)

    def _fill_new(self, batch: list[bytes]) -> bool:
        self._open_spool()
        return self._fill(batch)

    def _open_spool(self) -> None:
        self._spools = (*self._spools, (self.size, Spool(self._folder)))

    def _write(self, offset: int, spool: Spool) -> None:
        """Make a part of what was gathered."""
        self._lock.check()
        key = part_key(self._lock.folder, offset, self._lock.term, uuid4().hex)
        with spool.open() as body:
            self._lock.objects.put(key, body)
        self.parts = (*self.parts, Part(key, offset, spool.size, self._lock.term))
        self._spools = tuple(each for each in self._spools if each[1] is not spool)
        self._last = spool

    def _finish(self, batch: list[bytes]) -> None:
        if batch:
            self._fill(batch)
        if not self._spools and not self.parts:
            self._open_spool()  # A stage begins to exist, also without bytes.
        for offset, spool in self._spools:
            self._write(offset, spool)
        self._lock.check()
        if self._hash is not None:
            one = self._last if len(self.parts) == 1 else None
            self.received = Received(tuple(part.key for part in self.parts), self._hash, one)

    def peek(self, start: int, size: int) -> bytes:
        """What is not in the store yet, from *start* on."""
        for offset, spool in self._spools:
            if offset <= start < offset + spool.size:
                return spool.read(start - offset, size)
        return b""
