"""Crash at every call of a port, once each; whether the world is sound then is for `entrepot.operations.check` to say.

::

    async for crashed in every_crash(tmp_path, prepare=an_image, act=tag_it):
        assert await check(crashed.world.registry) == [], crashed
        await tag_it(crashed.world)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.testing.builders import StoppedClock, World, open_world

if TYPE_CHECKING:
    from typing import BinaryIO

    from entrepot.model.digest import Digest
    from entrepot.model.upload import UploadId
    from entrepot.ports.blobs import BlobStore, Kept
    from entrepot.ports.catalog import Catalog, Transaction

T = TypeVar("T")

Act = Callable[[World], Awaitable[object]]


class Crash(BaseException):
    """The process is killed here. No handler can tidy up: it is no `Exception`, and every later call crashes too."""


@dataclass(slots=True)
class Faults:
    """Counts the calls of ports, each before and after, and kills the process at one of them."""

    at: int | None = None
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    def reach(self, call: str) -> None:
        """Be there. Raises `Crash` where it is time, and ever after."""
        if not self.dead:
            self.calls.append(call)
            self.dead = len(self.calls) == self.at
        if self.dead:
            raise Crash(call)

    async def pass_by(self, call: str) -> None:
        """Be there in the middle of a call that takes a while. Raises `Crash`."""
        self.reach(call)

    async def around(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Do a call, which may be the last."""
        self.reach(f"before {name}")
        result = await call()
        self.reach(f"after {name}")
        return result


class FaultyBlobStore:
    """A blob store whose every call may be the last."""

    def __init__(self, blobs: BlobStore, faults: Faults) -> None:
        """Do what *blobs* does."""
        self._blobs = blobs
        self._faults = faults

    async def append(
        self, stage: UploadId, content: AsyncIterator[bytes], *, at: int, limit: int, algorithm: str = "sha256"
    ) -> int:
        """The same; it may also end between two pieces."""

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in content:
                yield piece
                await self._faults.pass_by("between pieces")

        return await self._faults.around(
            "append", lambda: self._blobs.append(stage, pieces(), at=at, limit=limit, algorithm=algorithm)
        )

    async def staged_size(self, stage: UploadId) -> int:
        """The same."""
        return await self._faults.around("staged_size", lambda: self._blobs.staged_size(stage))

    async def settle(self, stage: UploadId) -> int:
        """The same."""
        return await self._faults.around("settle", lambda: self._blobs.settle(stage))

    async def keep(self, stage: UploadId, expected: Digest, *, generation: int = 0, name: Digest | None = None) -> int:
        """The same; with *name*, of a store that keeps bytes under others' digests."""
        blobs: Any = self._blobs
        more = {} if name is None else {"name": name}
        return await self._faults.around("keep", lambda: blobs.keep(stage, expected, generation=generation, **more))

    async def take(self, stage: UploadId, *, limit: int) -> bytes | None:
        """The same."""
        return await self._faults.around("take", lambda: self._blobs.take(stage, limit=limit))

    async def digest(self, stage: UploadId) -> Digest:
        """The same."""
        return await self._faults.around("digest", lambda: self._blobs.digest(stage))

    async def peek(self, stage: UploadId, start: int, size: int) -> bytes:
        """The same."""
        return await self._faults.around("peek", lambda: self._blobs.peek(stage, start, size))

    async def examine(self, stage: UploadId, read: Callable[[BinaryIO], T]) -> T:
        """The same."""
        return await self._faults.around("examine", lambda: self._blobs.examine(stage, read))

    async def discard(self, stage: UploadId) -> None:
        """The same."""
        await self._faults.around("discard", lambda: self._blobs.discard(stage))

    async def stages(self) -> AsyncIterator[tuple[UploadId, float]]:
        """The same."""
        await self._faults.pass_by("before stages")
        async for stage in self._blobs.stages():
            yield stage

    async def read(
        self, digest: Digest, start: int = 0, stop: int | None = None, *, generation: int = 0
    ) -> AsyncIterator[bytes]:
        """The same."""
        await self._faults.pass_by("before read")
        async for piece in self._blobs.read(digest, start, stop, generation=generation):
            yield piece

    async def size(self, digest: Digest, *, generation: int = 0) -> int | None:
        """The same."""
        return await self._faults.around("size", lambda: self._blobs.size(digest, generation=generation))

    async def verify(self, digest: Digest, *, generation: int = 0) -> bool:
        """The same."""
        return await self._faults.around("verify", lambda: self._blobs.verify(digest, generation=generation))

    async def remove(self, digest: Digest, *, generation: int = 0) -> None:
        """The same."""
        await self._faults.around("remove", lambda: self._blobs.remove(digest, generation=generation))

    async def kept(self) -> AsyncIterator[Kept]:
        """The same."""
        await self._faults.pass_by("before kept")
        async for kept in self._blobs.kept():
            yield kept

    async def probe(self) -> None:
        """The same."""
        await self._faults.around("probe", self._blobs.probe)

    def close(self) -> None:
        """Nothing: whoever opened it closes it."""


_AREAS: Final = "entrepot.drivers.catalog."


class FaultyCatalog:
    """A catalog whose every change, and every step of a change, may be the last; questions only end with the process."""

    def __init__(self, catalog: Catalog, faults: Faults) -> None:
        """Do what *catalog* does."""
        self._catalog = catalog
        self._faults = faults

    async def write(self, change: Callable[[Transaction], T], *, aside: bool = False) -> T:
        """The same."""

        def faulty(transaction: Transaction) -> T:
            return change(cast("Transaction", _FaultyTransaction(transaction, self._faults)))

        return await self._faults.around("write", lambda: self._catalog.write(faulty, aside=aside))

    def __getattr__(self, name: str) -> Any:
        if self._faults.dead:
            raise Crash(name)
        return getattr(self._catalog, name)


class _FaultyTransaction:
    def __init__(self, transaction: Transaction, faults: Faults) -> None:
        self._transaction = transaction
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._transaction, name)
        if type(found).__module__.startswith(_AREAS):
            # What a change does in an area of the catalog may be its last step too.
            return _FaultyTransaction(found, self._faults)
        if not callable(found):
            return found

        def call(*arguments: Any, **more: Any) -> Any:
            self._faults.reach(f"before {name}")
            result = found(*arguments, **more)
            self._faults.reach(f"after {name}")
            return result

        return call


@dataclass(frozen=True, slots=True)
class Crashed:
    """What is there after a crash: the world as the next process finds it."""

    number: int
    call: str
    world: World

    def __str__(self) -> str:
        return f"crash at call {self.number}, {self.call}"


async def every_crash(folder: Path, *, prepare: Act, act: Act) -> AsyncIterator[Crashed]:
    """Let *act* crash at its first call of a port, its second, and so on until it gets through.

    Each time the world is as *prepare* left it, and is opened again after the crash.
    """
    clock = StoppedClock()
    async with _opened(folder, clock) as world:
        await prepare(world)
    prepared = _Snapshot.of(folder)
    for number in count(1):
        faults = Faults(at=number)
        async with _opened(folder, clock, faults) as world:
            try:
                await act(_faulty(world, faults))
            except Crash:
                pass
            else:
                return
        async with _opened(folder, clock) as world:
            yield Crashed(number, faults.calls[-1], world)
        prepared.restore(folder)


@asynccontextmanager
async def _opened(folder: Path, clock: StoppedClock, faults: Faults | None = None) -> AsyncIterator[World]:
    blobs, cold = (FileBlobStore(folder / name, threads=1) for name in ("blobs", "cold"))
    try:
        store = PackedStore(FaultyBlobStore(cold, faults or Faults()))
        async with open_world(folder, clock=clock, blobs=blobs, cold=store) as world:
            yield world
    finally:
        blobs.close()
        cold.close()


def _faulty(world: World, faults: Faults) -> World:
    registry = replace(
        world.registry,
        blobs=FaultyBlobStore(world.registry.blobs, faults),
        catalog=cast("Catalog", FaultyCatalog(world.registry.catalog, faults)),
    )
    return replace(world, registry=registry)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """All files of a folder. Few have changed when it is restored, and the folders in it stay."""

    files: dict[Path, bytes]

    @classmethod
    def of(cls, folder: Path) -> _Snapshot:
        return cls({path: path.read_bytes() for path in folder.rglob("*") if path.is_file()})

    def restore(self, folder: Path) -> None:
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            if path not in self.files:
                path.unlink()
        for path, content in self.files.items():
            path.write_bytes(content)
