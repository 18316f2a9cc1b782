"""Blobs as objects in a bucket, the same for every node that uses it.

::

    <prefix>staging/<upload id>/…        being received, see `entrepot.drivers.blobs.parts`
    <prefix>sha256/ab/abcdef…            kept: the same names as the files of `entrepot.drivers.blobs.files`
    <prefix>sha256/ab/abcdef….1          the same name, after the first were given up

What came is in parts, each an object of its own: it can be listed, read and continued by any node after any crash.
The hash over them cannot be stored, so who goes on with another process's upload reads its parts once more.
Keeping puts the parts together inside of the store, and the blob is seen at its name when it is complete, whole or
not at all (docs/decisions/0025-object-storage.md).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import uuid4

from entrepot.drivers.blobs.disk import translated_disk_errors
from entrepot.drivers.blobs.objects import Assembly, NotOffered, ObjectMissing
from entrepot.drivers.blobs.parts import Part, group
from entrepot.drivers.blobs.receiving import PIECE, Receiving, StageLock, list_stage
from entrepot.drivers.blobs.signed import SignedAddresses
from entrepot.drivers.blobs.writers import Writers
from entrepot.drivers.threads import finished
from entrepot.model.digest import ALGORITHMS, Digest
from entrepot.model.errors import BlobUnknown, DigestMismatch, InvalidDigest, Unavailable, UploadBusy, UploadUnknown
from entrepot.model.upload import UploadId
from entrepot.ports.blobs import Kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from entrepot.drivers.blobs.objects import Objects, StoredObject
    from entrepot.drivers.blobs.parts import Stage
    from entrepot.drivers.blobs.receiving import Received

T = TypeVar("T")

AddPart = Callable[[Assembly, int, list[Part]], str]

_STAGING: Final = "staging/"
_PROBES: Final = "probes/"
_ASSEMBLY: Final = ".assembly:"
"""What an assembly is called among stages: nobody knows it otherwise, so whatever is old there was abandoned."""

_READ: Final = 256 * 1024
"""What is on its way to one who reads: who takes it slowly has a few of these in memory."""

_REMEMBERED: Final = 64
_AT_ONCE: Final = 8
"""Parts of one blob that are copied at the same time."""

_PATIENCE: Final = 2.0
_RETRY: Final = 0.1
"""Seconds, for a stage that another process is writing to: it can only be asked again."""


class ObjectBlobStore:
    """Implements `entrepot.ports.blobs.BlobStore` and `Presigns`."""

    def __init__(
        self, objects: Objects, spool: Path, *, threads: int = 32, redirect_seconds: int | None = None
    ) -> None:
        """Keep blobs in *objects*, with the folder *spool* for parts that are on their way.

        With *redirect_seconds* addresses are signed that are good for so long.
        """
        with translated_disk_errors():
            spool.mkdir(parents=True, exist_ok=True)
        self._objects = objects
        self._spool = spool
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="blobs")
        self._copiers = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="copies")
        self._signed = SignedAddresses(objects, redirect_seconds)
        self._writers = Writers()
        self._receiving: dict[UploadId, Receiving] = {}
        self._received: OrderedDict[UploadId, Received] = OrderedDict()
        self._copies = True

    # --- staging ---

    async def append(
        self, stage: UploadId, content: AsyncIterator[bytes], *, at: int, limit: int, algorithm: str = "sha256"
    ) -> int:
        """Write *content* behind the *at* bytes that the stage holds, and return how many it holds then."""
        if stage in self._receiving:
            raise UploadBusy(stage)
        lock = StageLock(self._objects, _folder(stage), stage)
        receiving = self._receiving[stage] = Receiving(lock, self._spool, self._in_thread)
        try:
            held = await finished(self._in_thread(lock.take, at))
            try:
                receiving.begin(held, self._received.pop(stage, None), algorithm)
                async with self._writers.writing(stage), lock.renewed(self._in_thread):
                    await receiving.receive(content, limit)
            finally:
                await finished(self._in_thread(lock.release))
        finally:
            del self._receiving[stage]
            if receiving.received is not None:
                self._remember(stage, receiving.received)
        return receiving.size

    def _remember(self, stage: UploadId, received: Received) -> None:
        self._received[stage] = received
        if len(self._received) > _REMEMBERED:
            self._received.popitem(last=False)

    async def staged_size(self, stage: UploadId) -> int:
        """How many bytes the stage holds; 0 when there is none."""
        return (await self._in_thread(self._list_stage, stage)).size

    async def settle(self, stage: UploadId) -> int:
        """How many bytes the stage holds, once nobody writes to it any more; 0 when there is none."""
        await self._writers.stop(stage)
        loop = asyncio.get_running_loop()
        patience = loop.time() + _PATIENCE
        while True:
            found = await self._in_thread(self._list_stage, stage)
            if not self._alive(found):
                return found.size
            if loop.time() > patience:
                # Whoever asks where to go on has left the one who still waits: he is told so when he goes on himself.
                await self._in_thread(self._delete, [lock.key for lock in found.locks])
                return (await self._in_thread(self._list_stage, stage)).size
            await asyncio.sleep(_RETRY)

    async def digest(self, stage: UploadId) -> Digest:
        """What the staged bytes are called by their sha256."""
        return await finished(self._in_thread(self._digest, stage))

    def _digest(self, stage: UploadId) -> Digest:
        return self._name(stage, self._settled(stage), ALGORITHMS[0])

    def _name(self, stage: UploadId, found: Stage, algorithm: str) -> Digest:
        """Name what a stage holds: from the hash that was made in passing, or by reading its parts."""
        received = self._received.get(stage)
        if received is not None and received.keys == found.keys_of_parts and received.hash.name == algorithm:
            return Digest(algorithm, received.hash.hexdigest())
        hashing = hashlib.new(algorithm)
        with _of_stage(stage):
            for piece in self._pieces(found.parts):
                hashing.update(piece)
        return Digest(algorithm, hashing.hexdigest())

    async def take(self, stage: UploadId, *, limit: int) -> bytes | None:
        """The staged bytes themselves, when they are no more than *limit*; the stage stays."""
        return await finished(self._in_thread(self._take, stage, limit))

    def _take(self, stage: UploadId, limit: int) -> bytes | None:
        found = self._settled(stage)
        with _of_stage(stage):
            return None if found.size > limit else b"".join(self._pieces(found.parts))

    async def peek(self, stage: UploadId, start: int, size: int) -> bytes:
        """At most *size* bytes of a stage from *start*, as far as they have come."""
        return await self._in_thread(self._peek, stage, start, size)

    def _peek(self, stage: UploadId, start: int, size: int) -> bytes:
        receiving = self._receiving.get(stage)
        on_its_way = b"" if receiving is None else receiving.peek(start, size)
        if on_its_way:
            return on_its_way
        if receiving is not None:
            parts = receiving.parts
        else:
            found = self._list_stage(stage)
            if not found.keys:
                raise UploadUnknown(stage)
            parts = found.parts
        pieces = []
        with _of_stage(stage):
            for part in parts:
                first, last = max(start, part.offset), min(start + size, part.offset + part.size)
                if first < last:
                    pieces.append(self._read_whole(part.key, first - part.offset, last - part.offset))
        return b"".join(pieces)

    async def examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        """What *read* makes of the staged bytes."""
        return await finished(self._in_thread(self._examine, stage, read))

    def _examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        found = self._settled(stage)
        received = self._received.get(stage)
        if received is not None and received.spool is not None and received.keys == found.keys_of_parts:
            with received.spool.open() as file:
                return read(file)
        with self._scratch() as file:
            with _of_stage(stage):
                self._gather(found.parts, file)
            return read(file)

    async def discard(self, stage: UploadId) -> None:
        """Forget a stage. No error when there is none."""
        with suppress(Unavailable):
            await finished(self._in_thread(self._discard, stage))
        self._received.pop(stage, None)

    def _discard(self, stage: UploadId) -> None:
        if stage.startswith(_ASSEMBLY):
            key, _, name = stage.removeprefix(_ASSEMBLY).partition(":")
            self._objects.abort(Assembly(key, name, 0.0))
            return
        found = self._list_stage(stage)
        if not self._alive(found):
            self._delete(found.keys)

    async def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """Every stage, with the time of its last write, and every blob that was never put together to its end."""
        latest: dict[UploadId, float] = {}
        async for each in self._listed(_STAGING):
            stage = UploadId(each.key.removeprefix(_STAGING).partition("/")[0])
            latest[stage] = max(latest.get(stage, 0.0), each.written_at)
        for stage, written_at in latest.items():
            yield stage, written_at
        for assembly in await self._in_thread(self._objects.list_assemblies):
            yield UploadId(f"{_ASSEMBLY}{assembly.key}:{assembly.id}"), assembly.begun_at

    def _list_stage(self, stage: UploadId) -> Stage:
        return list_stage(self._objects, _folder(stage))

    def _alive(self, found: Stage) -> bool:
        return StageLock.is_held(found.locks, self._objects.now())

    def _settled(self, stage: UploadId) -> Stage:
        """What a stage holds that nobody is writing to. Raises `UploadUnknown`, `UploadBusy`."""
        found = self._list_stage(stage)
        if stage in self._receiving or self._alive(found):
            raise UploadBusy(stage)
        if not found.parts:
            raise UploadUnknown(stage)
        return found

    def _pieces(self, parts: Sequence[Part]) -> Iterator[bytes]:
        for part in parts:
            at = 0
            while at < part.size:
                piece = self._read_whole(part.key, at, min(at + PIECE, part.size))
                yield piece
                at += len(piece)

    def _read_whole(self, key: str, start: int, stop: int) -> bytes:
        reader = self._objects.open(key, start, stop)
        try:
            pieces = []
            left = stop - start
            while left:
                piece = reader.read(left)
                if not piece:
                    raise Unavailable("blob store", after=1)
                pieces.append(piece)
                left -= len(piece)
            return b"".join(pieces)
        finally:
            reader.close()

    # --- from staged to kept ---

    async def keep(self, stage: UploadId, expected: Digest, *, generation: int = 0, name: Digest | None = None) -> int:
        """Make the staged content durable under its digest, or under *name*; end the stage, and return its size."""
        size = await finished(self._in_thread(self._keep, stage, expected, _key(name or expected, generation)))
        self._received.pop(stage, None)
        return size

    def _keep(self, stage: UploadId, expected: Digest, key: str) -> int:
        found = self._settled(stage)
        actual = self._name(stage, found, expected.algorithm)
        if actual != expected:
            raise DigestMismatch(expected=expected, actual=actual)
        is_new = self._objects.stat(key) is None and self._write(stage, found, key, new=True)
        if not is_new and not self._is_sound(key, expected, found.size):
            # Sound bytes take the place of damaged ones.
            self._write(stage, found, key, new=False)
        there = self._objects.stat(key)
        if there is None or there.size != found.size:
            raise Unavailable("blob store", after=1)
        self._delete(found.keys)
        return found.size

    def _write(self, stage: UploadId, found: Stage, key: str, *, new: bool) -> bool:
        """Write what is staged under its name; False when something is there and the store does as it is asked."""
        with _of_stage(stage):
            if len(found.parts) > 1:
                return self._assemble(found.parts, key, new=new)
            received = self._received.get(stage)
            if received is None or received.spool is None or received.keys != found.keys_of_parts:
                return self._objects.put(key, b"".join(self._pieces(found.parts)), new=new)
            with received.spool.open() as body:
                return self._objects.put(key, body, new=new)

    def _assemble(self, parts: Sequence[Part], key: str, *, new: bool) -> bool:
        if self._copies:
            try:
                return self._assemble_of(parts, key, self._copy_or_send, new=new)
            except NotOffered:
                self._copies = False  # From now on they are read and written instead.
        return self._assemble_of(parts, key, self._send, new=new)

    def _assemble_of(self, parts: Sequence[Part], key: str, add: AddPart, *, new: bool) -> bool:
        assembly = self._objects.begin(key)
        done = False
        try:
            adding = [
                self._copiers.submit(add, assembly, number, some) for number, some in enumerate(group(parts), start=1)
            ]
            try:
                tags = [each.result() for each in adding]
            finally:
                for each in adding:
                    each.cancel()
                wait(adding)
            done = self._objects.complete(assembly, tags, new=new)
        finally:
            if not done:
                with suppress(Unavailable):  # Else `stages` lists it, and it is discarded when it has grown old.
                    self._objects.abort(assembly)
        return done

    def _copy_or_send(self, assembly: Assembly, number: int, parts: list[Part]) -> str:
        """Have a part copied inside of the store, unless several have to be joined."""
        if len(parts) == 1:
            return self._objects.add_copy(assembly, number, parts[0].key)
        return self._send(assembly, number, parts)

    def _send(self, assembly: Assembly, number: int, parts: list[Part]) -> str:
        with self._scratch() as body:
            self._gather(parts, body)
            return self._objects.add(assembly, number, body)

    @contextmanager
    def _scratch(self) -> Iterator[BinaryIO]:
        """A file of this node's own; a full disk may say so as late as when it is closed."""
        with translated_disk_errors(), TemporaryFile(dir=self._spool) as file:
            yield file

    def _gather(self, parts: Sequence[Part], file: BinaryIO) -> None:
        file.writelines(self._pieces(parts))
        file.seek(0)

    def _is_sound(self, key: str, expected: Digest, size: int) -> bool:
        there = self._objects.stat(key)
        return there is not None and there.size == size and self._hash(key, expected.algorithm) == expected

    def _hash(self, key: str, algorithm: str) -> Digest:
        hashing = hashlib.new(algorithm)
        at = 0
        while True:
            reader = self._objects.open(key, at)
            begun_at = at
            try:
                while piece := reader.read(PIECE):
                    hashing.update(piece)
                    at += len(piece)
            except Unavailable:
                if at == begun_at:
                    raise
                continue  # Cut in the middle, and on from there.
            finally:
                reader.close()
            return Digest(algorithm, hashing.hexdigest())

    def _delete(self, keys: Sequence[str]) -> None:
        for _ in self._copiers.map(self._objects.delete, keys):
            pass

    # --- what is kept ---

    async def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, in pieces. One that is cut goes on where it was."""
        key, at = _key(digest, generation), start
        if stop is not None and stop <= start:
            if await self.size(digest, generation=generation) is None:
                raise BlobUnknown(digest)
            return
        while True:
            begun_at = at
            opening = self._in_thread(self._objects.open, key, at, stop)
            try:
                reader = await finished(opening)
            except asyncio.CancelledError:
                opening.result().close()
                raise
            except ObjectMissing:
                raise BlobUnknown(digest) from None
            try:
                while piece := await finished(self._in_thread(reader.read, _READ)):
                    at += len(piece)
                    yield piece
            except Unavailable:
                if at == begun_at:
                    raise
                continue
            finally:
                reader.close()
            return

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """How many bytes are kept under *digest*; None when there are none."""
        found = await self._in_thread(self._objects.stat, _key(digest, generation))
        return None if found is None else found.size

    async def verify(self, digest: Digest, *, generation: int = 0) -> bool:
        """Whether the bytes that are kept still have their name."""
        try:
            return await self._in_thread(self._hash, _key(digest, generation), digest.algorithm) == digest
        except ObjectMissing:
            raise BlobUnknown(digest) from None

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """Delete the bytes. No error when there are none."""
        await finished(self._in_thread(self._objects.delete, _key(digest, generation)))

    async def kept(self) -> AsyncIterator[Kept]:
        """Everything that is kept, in no order."""
        for algorithm in ALGORITHMS:
            async for each in self._listed(f"{algorithm}/"):
                hexadecimal, _, generation = each.key.rpartition("/")[2].partition(".")
                with suppress(InvalidDigest, ValueError):  # Something that is not ours: it stays.
                    yield Kept(Digest.parse(f"{algorithm}:{hexadecimal}"), int(generation or 0), each.written_at)

    async def _listed(self, prefix: str) -> AsyncIterator[StoredObject]:
        after = ""
        while True:
            page = await self._in_thread(lambda after=after: self._objects.list(prefix, after=after))
            for each in page.objects:
                yield each
                after = each.key
            if page.is_last:
                return

    async def presign(self, digest: Digest, *, generation: int = 0) -> str | None:
        """Where anybody can read the bytes for a while; None where nobody is to be sent there."""
        key = _key(digest, generation)
        known = self._signed.find(key)
        return known or await self._in_thread(self._signed.sign, key)

    async def probe(self) -> None:
        """Raise unless content can be written and read just now."""
        await finished(self._in_thread(self._probe))

    def _probe(self) -> None:
        key = f"{_PROBES}{uuid4()}"
        self._objects.put(key, b"probe")
        self._objects.delete(key)

    async def honours_conditions(self) -> bool:
        """Whether the store refuses to write an object that is there when it is asked to. Raises `Unavailable`."""
        return await finished(self._in_thread(self._honours_conditions))

    def _honours_conditions(self) -> bool:
        key = f"{_PROBES}{uuid4()}"
        self._objects.put(key, b"probe")
        try:
            return not self._objects.put(key, b"again", new=True)
        finally:
            self._objects.delete(key)

    def close(self) -> None:
        """Finish what is being written."""
        self._threads.shutdown()
        self._copiers.shutdown()
        self._objects.close()

    def _in_thread(self, function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


@contextmanager
def _of_stage(stage: UploadId) -> Iterator[None]:
    """What is missing while a stage is read was discarded, or kept, by somebody else."""
    try:
        yield
    except ObjectMissing:
        raise UploadUnknown(stage) from None


def _folder(stage: UploadId) -> str:
    return f"{_STAGING}{stage}/"


def _key(digest: Digest, generation: int) -> str:
    key = f"{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"
    return f"{key}.{generation}" if generation else key
