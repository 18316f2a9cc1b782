"""Receive bytes: in one piece, in chunks, or with a break in between, and make a blob of them.

Small blobs go into the catalog with the change that announces them.
Larger ones are staged, verified and made durable in the blob store first (I1: bytes before rows).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    DigestMismatch,
    ErasedForGood,
    InvalidContentRange,
    NamespaceUnknown,
    QuotaExceeded,
    RegistryError,
    TooLarge,
    UploadUnknown,
)
from entrepot.model.events import BlobAdded
from entrepot.model.tier import Tier
from entrepot.model.upload import Upload, UploadId
from entrepot.operations import access
from entrepot.operations.quota import require_within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def begin_upload(
    registry: Registry, caller: Caller, package: PackageId, *, algorithm: str = "sha256", least: int = 1
) -> Upload:
    """Open an upload of at *least* so many bytes that the namespace does not have. Nothing is stored until they come.

    Raises `NamespaceUnknown`, `QuotaExceeded` or what `access.require` raises.
    """
    await access.require(registry, caller, Action.PUBLISH, package)
    account = await registry.catalog.usage.find(package.namespace)
    if account is None:
        raise NamespaceUnknown(package.namespace)
    account.require_room(least)
    return Upload(
        id=UploadId(registry.clock.new_id()),
        package=package,
        principal=caller.name,
        expires_at=registry.clock.now() + registry.limits.upload_lease,
        algorithm=algorithm,
    )


async def find_upload(registry: Registry, caller: Caller, package: PackageId, session: str) -> Upload:
    """Go on with an upload, with its lease renewed. Raises `UploadUnknown`."""
    await access.require(registry, caller, Action.PUBLISH, package)
    now = registry.clock.now()
    upload = Upload.open(session, registry.upload_secret, package=package, principal=caller.name, now=now)
    if await registry.catalog.upload_has_ended(upload.id):
        raise UploadUnknown(upload.id)
    return replace(upload, expires_at=now + registry.limits.upload_lease)


async def received_size(registry: Registry, upload: Upload) -> int:
    """How many bytes of the upload have come. Who is still sending to it is ended: this is where to go on."""
    return await registry.blobs.settle(upload.id)


async def add_chunk(
    registry: Registry, upload: Upload, content: AsyncIterator[bytes], *, at: int | None = None, size: int | None = None
) -> int:
    """Append to an upload, and return how many bytes have come by then.

    *at* is where the client says the chunk begins; None means wherever the upload stands. *size* is the chunk's.
    Raises `InvalidContentRange`, `UploadBusy`, `TooLarge`, `QuotaExceeded`.
    """
    held = await registry.blobs.staged_size(upload.id)
    if at is not None and at != held:
        raise InvalidContentRange(upload.id, expected=f"a chunk that starts at byte {held}", actual=at)
    return await stage(registry, upload, content, at=held, size=size, algorithm=upload.algorithm)


async def stage(
    registry: Registry,
    upload: Upload,
    content: AsyncIterator[bytes],
    *,
    at: int,
    size: int | None = None,
    algorithm: str = "sha256",
    expected: Digest | None = None,
) -> int:
    """Append *content* to what is staged of an upload, as far as its namespace has room, and return how much there is.

    What is known not to fit, because its *size* is, is refused before any of it is read; what the namespace is charged
    for already, because it is what is *expected*, fits. Raises `TooLarge`, `QuotaExceeded`, `UploadBusy`.
    """
    largest = registry.limits.blob_size
    account = await registry.catalog.usage.find(upload.package.namespace)
    if account is None or account.room is None or account.room >= largest:
        return await registry.blobs.append(upload.id, content, at=at, limit=largest, algorithm=algorithm)
    if expected is not None and await registry.catalog.usage.is_charged(account.namespace, expected):
        return await registry.blobs.append(upload.id, content, at=at, limit=largest, algorithm=algorithm)
    account.require_room(at + (size or 0))
    try:
        return await registry.blobs.append(upload.id, content, at=at, limit=account.room, algorithm=algorithm)
    except TooLarge as error:
        raise QuotaExceeded(account.namespace, expected=f"at most {account.room} bytes more") from error


async def finish_upload(
    registry: Registry,
    caller: Caller,
    upload: Upload,
    *,
    expected: Digest,
    content: AsyncIterator[bytes],
    size: int | None,
    at: int | None = None,
    held: int | None = None,
) -> None:
    """Make a blob of an upload and the last *content*, whose *size* is None when it is not known beforehand.

    *held* is how much has come before, where that is known.

    Adding what the package has already is not an error.
    After `DigestMismatch` the upload stays as it was before *content*, or with it: ask `received_size`.

    Raises `DigestMismatch`, `InvalidContentRange`, `UploadBusy`, `TooLarge`.
    """
    blob = await receive(registry, upload, expected=expected, content=content, size=size, at=at, held=held)

    def change(transaction: Transaction) -> None:
        transaction.end_upload(upload)
        _announce(transaction, caller, upload.package, blob)

    await registry.catalog.write(change)
    if size != blob.size:  # This request brought not all of it, so the rest was staged.
        await registry.blobs.discard(upload.id)


def _announce(transaction: Transaction, caller: Caller, package: PackageId, blob: StoredBlob) -> None:
    account = transaction.usage.find(package.namespace)
    transaction.keep_blob(blob.digest, blob.size, blob.content, generation=blob.generation)
    if transaction.add_blob_member(package, blob.digest):
        require_within(transaction, account)
        transaction.append(
            caller.name,
            BlobAdded(namespace=package.namespace, package=package.path, digest=str(blob.digest), size=blob.size),
        )


async def announce_blob(registry: Registry, caller: Caller, package: PackageId, blob: StoredBlob) -> None:
    """Make a blob that is stored already a part of the package. Raises like `begin_upload`."""
    await access.require(registry, caller, Action.PUBLISH, package)
    await registry.catalog.write(lambda transaction: _announce(transaction, caller, package, blob))


async def add_blob(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    *,
    expected: Digest,
    content: AsyncIterator[bytes],
    size: int | None,
) -> None:
    """Make a blob of one request. When that fails nobody can go on with it, so nothing of it stays.

    Raises like `begin_upload` and `finish_upload`.
    """
    upload = await begin_upload(registry, caller, package, algorithm=expected.algorithm, least=0)
    try:
        await finish_upload(registry, caller, upload, expected=expected, content=content, size=size, held=0)
    except RegistryError:
        await registry.blobs.discard(upload.id)
        raise


async def cancel_upload(registry: Registry, upload: Upload) -> None:
    """Throw away what came of an upload."""
    # The bytes first: on a full disk they are the room that the row needs, and without them nothing was promised.
    await registry.blobs.discard(upload.id)
    await registry.catalog.write(lambda transaction: transaction.end_upload(upload))


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Verified bytes that a change may announce: held here when small, durable in the blob store when not (I1)."""

    digest: Digest
    size: int
    content: bytes | None
    generation: int = 0
    """Under which they are in the blob store."""


Examine = Callable[["bytes | None"], Awaitable[None]]
"""Looks at content that has come, before it is kept: the bytes themselves, or None for what is staged."""


async def receive(
    registry: Registry,
    upload: Upload,
    *,
    expected: Digest | None,
    content: AsyncIterator[bytes],
    size: int | None,
    at: int | None = None,
    held: int | None = None,
    examine: Examine | None = None,
) -> StoredBlob:
    """Take in the last *content* of an upload, and verify the whole; without *expected*, name it by its sha256.

    Raises `DigestMismatch`, `InvalidContentRange`, `UploadBusy`, `TooLarge`, `QuotaExceeded`, and what *examine* raises.
    """
    blobs, limits = registry.blobs, registry.limits
    if held is None:
        held, content = await _look_at(registry, upload, expected, content, size=None if at is not None else size)
    if at is not None and at != held:
        raise InvalidContentRange(upload.id, expected=f"a chunk that starts at byte {held}", actual=at)
    small: bytes | None = None
    if held == 0 and size is not None and size <= limits.inline_size:
        small = await _gather(content, limits.inline_size)
    else:
        algorithm = upload.algorithm if expected is None else expected.algorithm
        if size != 0:
            held = await stage(registry, upload, content, at=held, size=size, algorithm=algorithm, expected=expected)
        small = await blobs.take(upload.id, limit=limits.inline_size)
    if small is not None:
        blob = _small(small, expected)
        if examine is not None:
            await examine(small)
        return blob
    digest = expected
    if digest is None or examine is not None:
        actual = await blobs.digest(upload.id)
        if digest is not None and digest.algorithm == actual.algorithm and digest != actual:
            raise DigestMismatch(expected=digest, actual=actual)  # Damaged on its way: no use to look into it.
        digest = digest or actual
    if examine is not None:
        await examine(None)
    return await keep(registry, upload.id, digest)


async def _look_at(
    registry: Registry, upload: Upload, expected: Digest | None, content: AsyncIterator[bytes], *, size: int | None
) -> tuple[int, AsyncIterator[bytes]]:
    """How much has come before *content*, and the content; its *size* is None for what may not be the whole."""
    if expected is not None and size and size <= registry.limits.inline_size:
        # Most blobs come whole and small. Their digest says so, and the blob store, which may be far away, is not asked.
        piece = await _gather(content, registry.limits.inline_size)
        content = _once(piece)
        if Digest.of(piece, expected.algorithm) == expected:
            return 0, content
    return await registry.blobs.staged_size(upload.id), content


async def keep(registry: Registry, stage: UploadId, digest: Digest) -> StoredBlob:
    """Make what is staged durable, where the catalog will look for it.

    Raises `DigestMismatch`, `UploadBusy`, and `ErasedForGood` for bytes that may not come again.
    """
    known = await registry.catalog.collection.find(digest)
    if known is not None and known.erased:
        await registry.blobs.discard(stage)
        raise ErasedForGood(digest)
    generation = 0 if known is None else known.generation
    if known is not None and known.tier is not Tier.HOT:
        # What is brought again is hot again, in a place of its own.
        reserved = await registry.catalog.write(lambda transaction: transaction.tiers.reserve(digest, Tier.HOT))
        generation = generation if reserved is None else reserved
    size = await registry.blobs.keep(stage, digest, generation=generation)
    return StoredBlob(digest, size, None, generation)


def _small(content: bytes, expected: Digest | None) -> StoredBlob:
    if expected is None:
        expected = Digest.of(content)
    else:
        expected.verify(content)
    return StoredBlob(expected, len(content), content)


async def _gather(content: AsyncIterator[bytes], limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in content:
        size += len(piece)
        if size > limit:
            raise TooLarge(expected=f"at most {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
