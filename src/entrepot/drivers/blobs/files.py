"""Blobs as files in a local directory.

::

    <root>/staging/<upload id>           being received
    <root>/sha256/ab/abcdef…             kept: written, synced, then renamed into place
    <root>/sha256/ab/abcdef….1           the same name, after the first were given up

A file appears under its digest by one rename, after its bytes are on the disk; the folder is synced before `keep`
returns. So whatever kills the process or the machine, a name under ``sha256/`` holds all of its bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from entrepot.drivers.blobs.disk import translated_disk_errors
from entrepot.drivers.blobs.writeback import begin_writeback
from entrepot.drivers.blobs.writers import Writers
from entrepot.drivers.threads import finished
from entrepot.model.digest import ALGORITHMS, Digest
from entrepot.model.errors import (
    BlobUnknown,
    DigestMismatch,
    InvalidContentRange,
    TooLarge,
    UploadBusy,
    UploadUnknown,
)
from entrepot.model.upload import UploadId
from entrepot.ports.blobs import Kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from hashlib import _Hash
    from typing import BinaryIO

T = TypeVar("T")

_BATCH: Final = 1024 * 1024
"""Received bytes are hashed and written in pieces of about this size: large enough for one thread hop each."""

_WRITEBACK: Final = 8 * 1024 * 1024

_REMEMBERED_HASHES: Final = 1024

_APPENDING: Final = os.O_RDWR | os.O_APPEND

_PATIENCE: Final = 1.0
_RETRY: Final = 0.02
"""Seconds, for a stage that another process is writing to: it can only be asked again."""


_Mark = tuple[int, int, int]


@dataclass(slots=True)
class _Progress:
    """A hash over what a stage holds; it cannot be stored, so another process reads the stage again."""

    hash: _Hash
    mark: _Mark | None = None
    """Of the file when it was hashed: another one under the same name has other bytes."""


@dataclass(slots=True)
class _Writer:
    """Appends to a stage, in a thread."""

    descriptor: int
    size: int
    progress: _Progress | None
    flushed: int = 0
    """Up to where the disk has been asked to begin."""

    def write(self, batch: list[bytes]) -> None:
        """Write and hash some received pieces."""
        for piece in batch:
            view = memoryview(piece)
            while view:
                written = os.write(self.descriptor, view)
                self.size += written
                view = view[written:]
            if self.progress is not None:
                self.progress.hash.update(piece)
        if self.size - self.flushed >= _WRITEBACK:
            begin_writeback(self.descriptor, self.flushed, self.size - self.flushed)
            self.flushed = self.size


class FileBlobStore:
    """Implements `entrepot.ports.blobs.BlobStore` and `Locates`."""

    def __init__(self, root: Path, *, threads: int = 4) -> None:
        """Use the directory *root*, made when it is new."""
        self._root = root
        self._staging = root / "staging"
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="blobs")
        self._progress: OrderedDict[UploadId, _Progress] = OrderedDict()
        self._writers = Writers()
        with translated_disk_errors():
            self._make_folders()

    def _make_folders(self) -> None:
        self._staging.mkdir(parents=True, exist_ok=True)
        for algorithm in ALGORITHMS:
            folder = self._root / algorithm
            # They are made in order, so the last one says that all are there, whatever was killed meanwhile.
            if not (folder / "ff").exists():
                for number in range(256):
                    (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)
                _sync_folder(folder)
        _sync_folder(self._root)

    # --- staging ---

    async def append(
        self, stage: UploadId, content: AsyncIterator[bytes], *, at: int, limit: int, algorithm: str = "sha256"
    ) -> int:
        """Write *content* behind the *at* bytes that the stage holds, and return how many it holds then."""
        with self._locked(stage, flags=_APPENDING | (os.O_CREAT if at == 0 else 0)) as descriptor:
            held = os.fstat(descriptor).st_size
            if held != at:
                raise InvalidContentRange(expected=f"a chunk that starts at {held}", actual=at)
            progress = self._resume(stage, descriptor, at, algorithm)
            writer = _Writer(descriptor, at, progress, flushed=at)
            async with self._writers.writing(stage):
                await self._write(writer, content, limit)
            if progress is not None:
                self._remember(stage, descriptor, progress)
            return writer.size

    async def _write(self, writer: _Writer, content: AsyncIterator[bytes], limit: int) -> None:
        """Receive the next batch while the one before is being written."""
        writing: asyncio.Future[None] | None = None
        batch: list[bytes] = []
        batched, size = 0, writer.size
        try:
            async for piece in content:
                size += len(piece)
                if size > limit:
                    raise TooLarge(expected=f"at most {limit} bytes")
                batch.append(piece)
                batched += len(piece)
                if batched >= _BATCH:
                    if writing is not None:
                        await finished(writing)
                    writing = self._in_thread(writer.write, batch)
                    batch, batched = [], 0
        finally:
            # What was received stays, also when the client went away: it may come back for the rest.
            if writing is not None:
                await finished(writing)
            if batch:
                await finished(self._in_thread(writer.write, batch))

    async def staged_size(self, stage: UploadId) -> int:
        """How many bytes the stage holds; 0 when there is none."""
        try:
            # Asked for each upload: making a Path takes longer than the answer.
            return os.stat(f"{self._staging}/{stage}").st_size  # noqa: PTH116
        except FileNotFoundError:
            return 0

    async def settle(self, stage: UploadId) -> int:
        """How many bytes the stage holds, once nobody writes to it any more; 0 when there is none."""
        await self._writers.stop(stage)
        loop = asyncio.get_running_loop()
        patience = loop.time() + _PATIENCE
        while True:
            try:
                with self._locked(stage, flags=os.O_RDONLY) as descriptor:
                    return os.fstat(descriptor).st_size
            except UploadUnknown:
                return 0
            except UploadBusy:  # Of another process, which sees for itself when its line is dead.
                if loop.time() > patience:
                    return await self.staged_size(stage)
                await asyncio.sleep(_RETRY)

    async def digest(self, stage: UploadId) -> Digest:
        """What the staged bytes are called by their sha256."""
        with self._locked(stage) as descriptor:
            return await finished(self._in_thread(self._digest, stage, descriptor, ALGORITHMS[0]))

    def _digest(self, stage: UploadId, descriptor: int, algorithm: str) -> Digest:
        """Name a stage: from the hash that was made in passing, or by reading it again."""
        progress = self._progress.get(stage)
        if progress is not None and progress.mark == _mark(descriptor) and progress.hash.name == algorithm:
            return Digest(algorithm, progress.hash.hexdigest())
        with self._stage(stage).open("rb", buffering=0) as file:
            return Digest(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    async def keep(self, stage: UploadId, expected: Digest, *, generation: int = 0, name: Digest | None = None) -> int:
        """Make the staged content durable under its digest, or under *name*; end the stage, and return its size."""
        with self._locked(stage) as descriptor:
            size = await finished(
                self._in_thread(self._keep, stage, descriptor, expected, self._path(name or expected, generation))
            )
        self._progress.pop(stage, None)
        return size

    def _keep(self, stage: UploadId, descriptor: int, expected: Digest, path: Path) -> int:
        actual = self._digest(stage, descriptor, expected.algorithm)
        if actual != expected:
            raise DigestMismatch(expected=expected, actual=actual)
        _sync(descriptor)
        # Also when it is there already: sound bytes may take the place of damaged ones.
        self._stage(stage).rename(path)
        _sync_folder(path.parent)
        return os.fstat(descriptor).st_size

    async def take(self, stage: UploadId, *, limit: int) -> bytes | None:
        """The staged bytes themselves, when they are no more than *limit*; the stage stays."""
        with self._locked(stage) as descriptor:
            size = os.fstat(descriptor).st_size
            return None if size > limit else os.pread(descriptor, size, 0)

    async def peek(self, stage: UploadId, start: int, size: int) -> bytes:
        """At most *size* bytes of a stage from *start*, as far as they have come."""
        return await self._in_thread(self._peek, stage, start, size)

    def _peek(self, stage: UploadId, start: int, size: int) -> bytes:
        try:
            with self._stage(stage).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), size, start)
        except FileNotFoundError:
            raise UploadUnknown(stage) from None

    async def examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        """What *read* makes of the staged bytes."""
        with self._locked(stage):
            return await finished(self._in_thread(self._examine, stage, read))

    def _examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        with self._stage(stage).open("rb") as file:
            return read(file)

    async def discard(self, stage: UploadId) -> None:
        """Forget a stage. No error when there is none."""
        try:
            with self._locked(stage):
                self._stage(stage).unlink()
        except UploadUnknown:
            pass
        except UploadBusy:
            return  # Whoever writes may be about to keep it; what is left of it grows old, and is discarded then.
        self._progress.pop(stage, None)

    async def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """Every stage, with the time of its last write in seconds since the epoch."""
        with os.scandir(self._staging) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    yield UploadId(entry.name), entry.stat().st_mtime

    def _stage(self, stage: UploadId) -> Path:
        return self._staging / stage

    @contextmanager
    def _locked(self, stage: UploadId, *, flags: int = _APPENDING) -> Iterator[int]:
        """Open a stage for one writer among all processes; the lock goes with the descriptor.

        Who has the lock also has the name: nobody else renames the file or unlinks it.
        """
        with translated_disk_errors():
            try:
                descriptor = os.open(self._stage(stage), flags | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                raise UploadUnknown(stage) from None
            try:
                self._lock(stage, descriptor)
                yield descriptor
            finally:
                os.close(descriptor)

    def _lock(self, stage: UploadId, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the opening and the lock somebody may have kept it: then this is the kept file, not to be touched.
            if os.path.samestat(os.fstat(descriptor), self._stage(stage).stat()):
                return
        except BlockingIOError:
            raise UploadBusy(stage) from None
        except FileNotFoundError:
            pass
        raise UploadUnknown(stage)

    def _resume(self, stage: UploadId, descriptor: int, at: int, algorithm: str) -> _Progress | None:
        """The hash over what the stage holds, if this process has it; else `keep` reads the stage again."""
        known = self._progress.pop(stage, None)
        if at == 0:
            return _Progress(hashlib.new(algorithm))
        return known if known is not None and known.mark == _mark(descriptor) else None

    def _remember(self, stage: UploadId, descriptor: int, progress: _Progress) -> None:
        progress.mark = _mark(descriptor)
        self._progress[stage] = progress
        if len(self._progress) > _REMEMBERED_HASHES:
            self._progress.popitem(last=False)

    # --- what is kept ---

    async def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, in pieces."""
        with translated_disk_errors():
            try:
                file = self._path(digest, generation).open("rb", buffering=0)
            except FileNotFoundError:
                raise BlobUnknown(digest) from None
        with file:
            file.seek(start)
            left = None if stop is None else stop - start
            while left is None or left > 0:
                size = _BATCH if left is None else min(_BATCH, left)
                piece = await finished(self._in_thread(file.read, size))
                if not piece:
                    return
                if left is not None:
                    left -= len(piece)
                yield piece

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """How many bytes are kept under *digest*; None when there are none."""
        try:
            return self._path(digest, generation).stat().st_size
        except FileNotFoundError:
            return None

    async def verify(self, digest: Digest, *, generation: int = 0) -> bool:
        """Whether the bytes that are kept still have their name."""
        return await self._in_thread(self._verify, digest, generation)

    def _verify(self, digest: Digest, generation: int) -> bool:
        try:
            with self._path(digest, generation).open("rb", buffering=0) as file:
                return hashlib.file_digest(file, digest.algorithm).hexdigest() == digest.hex
        except FileNotFoundError:
            raise BlobUnknown(digest) from None

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """Delete the bytes. No error when there are none."""
        with translated_disk_errors():
            self._path(digest, generation).unlink(missing_ok=True)

    async def kept(self) -> AsyncIterator[Kept]:
        """Everything that is kept, in no order."""
        for algorithm in ALGORITHMS:
            folders = iter(await self._in_thread(os.listdir, self._root / algorithm))
            while found := await self._in_thread(self._list_next, algorithm, folders):
                for kept in found:
                    yield kept

    def _list_next(self, algorithm: str, folders: Iterator[str]) -> list[Kept]:
        """What is in the first of the *folders* that has anything; nothing behind the last one."""
        for folder in folders:
            if found := _list_folder(algorithm, self._root / algorithm / folder):
                return found
        return []

    def locate(self, digest: Digest, *, generation: int = 0) -> str:
        """The path of the file that holds exactly the bytes of *digest*, whether or not it exists."""
        path = f"{self._root}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"
        return f"{path}.{generation}" if generation else path

    def _path(self, digest: Digest, generation: int) -> Path:
        return Path(self.locate(digest, generation=generation))

    async def probe(self) -> None:
        """Raise unless content can be written and read just now."""
        await self._in_thread(self._probe)

    def _probe(self) -> None:
        path = self._staging / f".probe-{os.getpid()}"
        path.write_bytes(b"probe")
        path.unlink(missing_ok=True)  # Another probe of this process may have been faster.

    def close(self) -> None:
        """Finish what is being written."""
        self._threads.shutdown()

    def _in_thread(self, function: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        def translated() -> T:
            with translated_disk_errors():
                return function(*arguments)

        return asyncio.get_running_loop().run_in_executor(self._threads, translated)


def _mark(descriptor: int) -> _Mark:
    """What tells a file from a later one of the same name and size."""
    status = os.fstat(descriptor)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _list_folder(algorithm: str, folder: Path) -> list[Kept]:
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            hexadecimal, _, generation = entry.name.partition(".")
            with contextlib.suppress(FileNotFoundError):
                written_at = entry.stat().st_mtime
                found.append(Kept(Digest.parse(f"{algorithm}:{hexadecimal}"), int(generation or 0), written_at))
    return found


def _sync(descriptor: int) -> None:
    """Wait until its bytes are on the disk, and not for its times where the system tells them apart."""
    (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
