"""Add a file to a version: how versions of formats without a publishing step of their own come to be, and grow.

A version grows file by file until it is sealed (I4).
What it will be is composed inside the transaction from what it is, so of several writers each adds its file, whatever
their order; and the same file again changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from entrepot.model.digest import Digest
from entrepot.model.errors import (
    DigestMismatch,
    TooLarge,
    UploadUnknown,
    VersionExists,
    VersionSealed,
)
from entrepot.model.names import View
from entrepot.operations.grow import Stored, grow_version
from entrepot.operations.publish import Draft
from entrepot.operations.upload import StoredBlob, begin_upload, receive, received_size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.model.access import Caller
    from entrepot.model.artifact import Artifact
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.upload import Upload
    from entrepot.operations.registry import Registry

Demand = Callable[[Digest | None], None]
"""Raises when the client does not want what is there already; None stands for nothing."""

Verify = Callable[[StoredBlob], Awaitable[None]]
"""Raises `DigestMismatch` when the file is not what the client says it is."""


_NOTHING = Digest.of(b"")


@dataclass(frozen=True, slots=True)
class Growth:
    """What a version becomes by a file."""

    artifact: Artifact
    blobs: tuple[StoredBlob, ...]
    """What the artifact links beside its files: its config."""
    is_new: bool
    """Whether the file was not there before."""


class Addition(Protocol):
    """A file on its way into a version, as its format sees it: pure rules."""

    @property
    def version(self) -> ReferenceName:
        """The version."""

    @property
    def path(self) -> str:
        """Where the file shall be in it."""

    def find(self, before: Stored | None) -> Digest | None:
        """What the version has there already. Raises `VersionExists` when it is not made of files."""

    def grow(self, before: Stored | None, blob: StoredBlob) -> Growth:
        """The version with *blob* in it; None begins one. Raises `Conflict` when it cannot be."""


def _accept(_: Digest | None) -> None:
    """Take whatever is there."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """The bytes of a file, or the last of them, as a request brings them."""

    content: AsyncIterator[bytes]
    size: int | None
    """None when it is not known beforehand."""
    at: int | None = None
    """Where the client says that *content* begins."""
    expected: Digest | None = None
    """What the whole file is called, if the client says so."""
    verify: Verify | None = None
    """What else is to be asked of the whole file before it is announced."""
    demand: Demand = _accept
    """Asked before the bytes are received, to spare them, and again when it counts."""


@dataclass(frozen=True, slots=True)
class AddedFile:
    """What became of it."""

    digest: Digest
    size: int
    artifact: Digest
    """The version's, with the file."""
    is_new: bool


async def add_file(
    registry: Registry, caller: Caller, package: PackageId, addition: Addition, incoming: Incoming
) -> AddedFile:
    """Receive a file in one piece, and add it.

    Raises `DigestMismatch`, `VersionExists`, `VersionSealed`, `NameTaken`, `PreconditionFailed`, `TooLarge`, or what
    `publish` raises.
    """
    upload = await begin_upload(registry, caller, package, least=0)
    try:
        return await _add(registry, caller, upload, addition, incoming, ends=None)
    finally:
        await registry.blobs.discard(upload.id)


async def add_uploaded_file(
    registry: Registry, caller: Caller, upload: Upload, addition: Addition, incoming: Incoming
) -> AddedFile:
    """Receive the last piece of an upload, and add the whole as a file.

    No bytes at all are a file only if the client says so: else some came and were lost since, as in a crash after they
    were kept and before they were announced.

    Raises like `add_file`, and `InvalidContentRange`, `UploadBusy`, `UploadUnknown`.
    """
    if incoming.size == 0 and incoming.expected != _NOTHING and not await received_size(registry, upload):
        raise UploadUnknown(upload.id)
    added = await _add(registry, caller, upload, addition, incoming, ends=upload)
    await registry.blobs.discard(upload.id)
    return added


async def _add(
    registry: Registry, caller: Caller, upload: Upload, addition: Addition, incoming: Incoming, *, ends: Upload | None
) -> AddedFile:
    present = await _look(registry, upload.package, addition, incoming)
    blob = await _receive(registry, upload, addition, incoming, present=present)
    growth: Growth | None = None

    def grow(before: Stored | None) -> Draft:
        nonlocal growth
        incoming.demand(addition.find(before))
        growth = addition.grow(before, blob)
        _check_files(registry, addition, growth)
        return Draft(growth.artifact, version=addition.version, blobs=(blob, *growth.blobs), sealed=False)

    artifact = await grow_version(registry, caller, upload.package, addition.version, grow, ends=ends)
    return AddedFile(blob.digest, blob.size, artifact.digest, is_new=growth is not None and growth.is_new)


async def _look(registry: Registry, package: PackageId, addition: Addition, incoming: Incoming) -> Digest | None:
    """What is there already; raise before any byte is received when it is clear that the file will not be taken."""
    found = await registry.catalog.find_artifact(View(package.namespace), package, name=addition.version)
    present = addition.find(None if found is None else Stored(found.digest, found.content))
    incoming.demand(present)
    if found is not None and found.sealed and present is None:
        raise VersionSealed(addition.version, expected=found.digest)
    if present is not None and incoming.expected is not None and present != incoming.expected:
        raise VersionExists(addition.path, expected=present, actual=incoming.expected)
    return present


async def _receive(
    registry: Registry, upload: Upload, addition: Addition, incoming: Incoming, *, present: Digest | None
) -> StoredBlob:
    """Take the bytes in, and keep none that will not be announced: where a file is, only the same bytes are wanted."""
    try:
        blob = await receive(
            registry,
            upload,
            expected=incoming.expected or present,
            content=incoming.content,
            size=incoming.size,
            at=incoming.at,
        )
    except DigestMismatch as error:
        if incoming.expected is None and error.expected == present:
            raise VersionExists(addition.path, expected=present, actual=error.actual) from error
        raise
    if incoming.verify is not None:
        await incoming.verify(blob)
    return blob


def _check_files(registry: Registry, addition: Addition, growth: Growth) -> None:
    limit = registry.limits.files_per_version
    if growth.is_new and len(growth.artifact.links) - len(growth.blobs) > limit:
        raise TooLarge(addition.version, expected=f"at most {limit} files")
