"""Fetch a file from an upstream: streamed to whoever waits for it while it is verified, looked into and stored.

There is one fetch for all who want the same file, and its pace is the upstream's, not the slowest client's: everybody
reads from the stage as it grows.
The end of a file is held back until the whole is verified and published, so nobody ever has a whole file that is wrong;
of one that turns out to be, everybody gets a cut connection.
What is as long as something that was erased here is passed on only then, whatever the upstream says that it is.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, Generic, TypeVar

from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind, Rights, Role
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    DigestMismatch,
    Erased,
    ErasedForGood,
    FileUnknown,
    InvalidArchive,
    InvalidMetadata,
    UploadUnknown,
    UpstreamInvalid,
)
from entrepot.model.names import PackagePattern, PrincipalName, View
from entrepot.model.upload import Upload, UploadId
from entrepot.operations.doors import is_guarded, require_admitted
from entrepot.operations.receive_file import look_into
from entrepot.operations.upload import receive
from entrepot.operations.upstreams import FindOrigin, last_modified, origin_of, refusal

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.names import PackageId
    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

T = TypeVar("T")

_OK: Final = 200
_ABSENT: Final = (404, 410)
_PIECE: Final = 1024 * 1024
_HELD_BACK: Final = 1
"""Bytes at the end that nobody gets before the whole is known to be right."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, as an upstream's metadata tells of it."""

    url: str
    """Absolute, or below the upstream's address."""
    name: str
    """What to call it in errors."""
    size: int | None = None
    hashes: Mapping[str, bytes] = field(default_factory=dict)
    """By hashlib's names. A file without any is what the upstream sends, whatever that is."""
    digest: Digest | None = None
    """What the file is to be called here, where its protocol says so; else its sha256."""
    claims: Callable[[Mapping[str, str]], Mapping[str, bytes]] | None = None
    """Reads further hashes from the headers that come with the file."""
    origin: FindOrigin = origin_of
    """Where to ask, with what."""
    limit: int | None = None
    """Bytes that it may have at most, where its format has such a rule."""


@dataclass(frozen=True, slots=True)
class Landing(Generic[T]):
    """What is to be done with a file that came: its format's business."""

    examine: Callable[[BinaryIO], T]
    """Looks into it, in a thread; raises `InvalidArchive` or `InvalidMetadata` for what is not as it should be."""
    publish: Callable[[Caller, StoredBlob, T], Awaitable[object]]
    """Makes it part of the package, for the upstream as the caller."""


def caller_of(upstream: Upstream) -> Caller:
    """The upstream as an actor: it publishes what is fetched from it, in its namespace."""
    principal = Principal(PrincipalName(upstream.actor), PrincipalKind.ROBOT)
    allowance = Allowance(Role.PUBLISHER, View(upstream.namespace), PackagePattern())
    return Caller(principal, Rights(((allowance,),)))


class Arrival:
    """A file that is being fetched."""

    def __init__(self, registry: Registry, upload: Upload) -> None:
        """Follow what comes into *upload*."""
        self._registry = registry
        self.upload = upload
        self._waiters: set[asyncio.Future[None]] = set()
        self.size: int | None = None
        """How long it will be; None while that is not known."""
        self.may_be_erased = False
        """Whether it is as long as something that may not come; known with the size."""
        self.modified_at: datetime | None = None
        """When the upstream says that it was changed last; known with the size."""
        self.blob: asyncio.Future[StoredBlob] = asyncio.get_running_loop().create_future()
        """The whole file, once it is published; or why it will not be."""

    @property
    def failed(self) -> bool:
        """Whether it is known that the file will not come."""
        return self.blob.done() and self.blob.exception() is not None

    def tell(self) -> None:
        """Wake everybody who waits for more."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def begun(self) -> None:
        """Wait until the size is known, or all is over. Raises what the fetch raises."""
        while self.size is None and not self.blob.done():
            await self._more()
        if self.blob.done():
            self.blob.result()

    async def _more(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes, as they come. Raises what the fetch raises."""
        at = 0
        while not self.blob.done():
            left = _PIECE if self.size is None else min(_PIECE, self.size - _HELD_BACK - at)
            piece = await self._peek(at, left) if left > 0 else b""
            if piece:
                at += len(piece)
                yield piece
            elif not self.blob.done():
                await self._more()
        blob = self.blob.result()
        if blob.content is not None:
            yield blob.content[at:]
            return
        async for piece in self._registry.blobs.read(blob.digest, at, generation=blob.generation):
            yield piece

    async def _peek(self, at: int, size: int) -> bytes:
        try:
            return await self._registry.blobs.peek(self.upload.id, at, size)
        except UploadUnknown:
            return b""  # Nothing is staged yet, or it has been kept this moment.


async def fetch_file(
    registry: Registry, upstream: Upstream, package: PackageId, wanted: Wanted, landing: Landing[T]
) -> Arrival:
    """Begin to fetch a file, or join those who wait for it already; and return when it is known how long it is.

    What *landing* refuses is `UpstreamInvalid` to who waits.

    Raises `FileUnknown`, `Erased`, `UpstreamUnavailable`, `UpstreamInvalid`, `PolicyDenied`, `Quarantined`.
    """
    for promised in _promised(wanted):
        if await registry.catalog.erasures.find(promised) is not None:
            raise Erased(promised)
    key = ("fetch", upstream.namespace, upstream.format, upstream.name, wanted.url)
    arrival: Arrival | None = registry.flights.find(key)
    if arrival is None or arrival.failed:
        upload = Upload(
            id=UploadId(registry.clock.new_id()),
            package=package,
            principal=upstream.actor,
            expires_at=registry.clock.now() + registry.limits.upload_lease,
        )
        arrival = Arrival(registry, upload)
        registry.flights.begin(key, arrival, partial(_fetch, registry, upstream, wanted, arrival, landing))
    await arrival.begun()
    if arrival.may_be_erased or await is_guarded(registry, package):
        # Whether it may come in is known at its end: who asks gets the whole file, or the reason.
        await asyncio.shield(arrival.blob)
    return arrival


async def _fetch(registry: Registry, upstream: Upstream, wanted: Wanted, arrival: Arrival, landing: Landing[T]) -> None:
    upload = arrival.upload
    found: list[T] = []

    async def look(small: bytes | None) -> None:
        found.append(await look_into(registry, upload, small, landing.examine))

    try:
        async with registry.fetcher.stream(await wanted.origin(registry, upstream), wanted.url, headers={}) as stream:
            if stream.status in _ABSENT:
                raise FileUnknown(wanted.name)
            if stream.status != _OK:
                raise refusal(wanted.name, stream.status)
            if wanted.claims is not None:
                wanted = replace(wanted, hashes={**wanted.claims(stream.headers), **wanted.hashes})
            if None not in (wanted.size, stream.size) and wanted.size != stream.size:
                raise UpstreamInvalid(wanted.name, expected=f"{wanted.size} bytes", actual=stream.size)
            arrival.modified_at = last_modified(stream.headers)
            size = stream.size if wanted.size is None else wanted.size
            _require_room(wanted, size or 0)
            arrival.may_be_erased = await registry.catalog.erasures.may_be(size)
            arrival.size = size
            arrival.tell()
            content = _verified(wanted, stream.content, arrival)
            blob = await receive(registry, upload, expected=_expected(wanted), content=content, size=None, examine=look)
        await landing.publish(caller_of(upstream), blob, found[0])
        await require_admitted(registry, upload.package, blob.digest)
    except BaseException as error:
        arrival.blob.set_exception(_told(wanted, error))
        if not isinstance(error, Exception):
            raise
    else:
        arrival.blob.set_result(blob)
    finally:
        arrival.blob.exception()  # Perhaps nobody is left to be told.
        arrival.tell()
        await registry.blobs.discard(upload.id)


def _told(wanted: Wanted, error: BaseException) -> Exception:
    """What those who wait are told of a fetch that failed."""
    if isinstance(error, (DigestMismatch, InvalidArchive, InvalidMetadata)):
        return UpstreamInvalid(wanted.name, expected=str(error))
    if isinstance(error, ErasedForGood):
        return Erased(error.subject)
    return error if isinstance(error, Exception) else UpstreamInvalid(wanted.name)


def _require_room(wanted: Wanted, size: int) -> None:
    if wanted.limit is not None and size > wanted.limit:
        raise UpstreamInvalid(wanted.name, expected=f"at most {wanted.limit} bytes", actual=size)


def _expected(wanted: Wanted) -> Digest | None:
    if wanted.digest is not None:
        return wanted.digest
    known = wanted.hashes.get("sha256")
    return None if known is None else Digest("sha256", known.hex())


def _promised(wanted: Wanted) -> tuple[Digest, ...]:
    """What the upstream says that it is: bytes that were erased are so under each of their digests."""
    hashes = (Digest(name, wanted.hashes[name].hex()) for name in ("sha256", "sha512") if name in wanted.hashes)
    return tuple(hashes) if wanted.digest is None else tuple(dict.fromkeys((wanted.digest, *hashes)))


async def _verified(wanted: Wanted, content: AsyncIterator[bytes], arrival: Arrival) -> AsyncIterator[bytes]:
    """The same bytes. Raises `UpstreamInvalid` at their end when they are not what was promised."""
    running = {name: hashlib.new(name) for name in wanted.hashes if name != "sha256"}
    size = 0
    async for piece in content:
        size += len(piece)
        _require_room(wanted, size)
        for each in running.values():
            each.update(piece)
        yield piece
        arrival.tell()
    if wanted.size is not None and size != wanted.size:
        raise UpstreamInvalid(wanted.name, expected=f"{wanted.size} bytes", actual=size)
    for name, each in running.items():
        if each.digest() != wanted.hashes[name]:
            raise UpstreamInvalid(wanted.name, expected=f"{name} {wanted.hashes[name].hex()}", actual=each.hexdigest())
