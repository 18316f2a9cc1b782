"""Add a file to a version: how a version of a format without a publishing step of its own comes to be, and grows.

A version grows file by file until it is sealed (I4).
What it will be is composed inside the transaction from what it is, so of several writers each adds its file, whatever
their order; and the same file again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from entrepot.model.errors import DigestMismatch, NameTaken, TooLarge, VersionExists, VersionSealed
from entrepot.model.names import View
from entrepot.model.reference import ReferenceKind
from entrepot.operations.publish import Draft, publish_composed
from entrepot.operations.upload import begin_upload, receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from entrepot.model.access import Caller
    from entrepot.model.artifact import Artifact
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.upload import Upload
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob
    from entrepot.ports.catalog import Transaction


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

    def find(self, digest: Digest, manifest: bytes) -> Digest | None:
        """What the version has already where the file shall be. Raises `VersionExists` for a foreign manifest."""

    def grow(self, digest: Digest | None, manifest: bytes | None, blob: StoredBlob) -> Growth:
        """The version with *blob* in it; without *manifest* it begins with it. Raises `Conflict` when it cannot be."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """The bytes of a file, or the last of them, as a request brings them."""

    content: AsyncIterator[bytes]
    size: int | None
    """None when it is not known beforehand."""
    expected: Digest | None = None
    """What the whole file is called, if the client says so."""
    verify: Callable[[StoredBlob], Awaitable[None]] | None = None
    """What else is to be asked of the whole file before it is announced."""
    at: int | None = None
    """Where the client says that *content* begins."""


@dataclass(frozen=True, slots=True)
class AddedFile:
    """What became of it."""

    digest: Digest
    size: int
    artifact: Digest
    """The version's, with the file."""
    is_new: bool


async def add_file(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    version: ReferenceName,
    addition: Addition,
    incoming: Incoming,
    *,
    demand: Callable[[Digest | None], None],
) -> AddedFile:
    """Receive a file in one piece, and add it.

    *demand* raises when it does not like what is there already (None: nothing); it is asked before the bytes are
    received, and again when it counts.

    Raises `DigestMismatch`, `VersionExists`, `VersionSealed`, `NameTaken`, `TooLarge`, or what `publish` raises.
    """
    upload = await begin_upload(registry, caller, package)
    try:
        return await _add(registry, caller, upload, version, addition, incoming, demand=demand, ends=None)
    finally:
        await registry.blobs.discard(upload.id)


async def add_uploaded_file(
    registry: Registry,
    caller: Caller,
    upload: Upload,
    version: ReferenceName,
    addition: Addition,
    incoming: Incoming,
    *,
    demand: Callable[[Digest | None], None],
) -> AddedFile:
    """Receive the last piece of an upload, and add the whole as a file. Without success the upload stays.

    Raises like `add_file`, and `InvalidContentRange`, `UploadBusy`.
    """
    added = await _add(registry, caller, upload, version, addition, incoming, demand=demand, ends=upload)
    await registry.blobs.discard(upload.id)
    return added


async def _add(
    registry: Registry,
    caller: Caller,
    upload: Upload,
    version: ReferenceName,
    addition: Addition,
    incoming: Incoming,
    *,
    demand: Callable[[Digest | None], None],
    ends: Upload | None,
) -> AddedFile:
    package = upload.package
    present = await _look(registry, package, version, addition, incoming, demand)
    blob = await _receive(registry, upload, incoming, present)
    growth: Growth | None = None

    def compose(transaction: Transaction) -> Draft:
        nonlocal growth
        digest, manifest, sealed = _stand(transaction, package, version)
        demand(None if digest is None or manifest is None else addition.find(digest, manifest))
        growth = addition.grow(digest, manifest, blob)
        if growth.is_new and len(growth.artifact.links) > registry.limits.files_per_version:
            raise TooLarge(version, expected=f"at most {registry.limits.files_per_version} files")
        if ends is not None:
            transaction.end_upload(ends)
        return Draft(growth.artifact, version=version, blobs=(blob, *growth.blobs), sealed=sealed)

    artifact = await publish_composed(registry, caller, package, compose)
    return AddedFile(blob.digest, blob.size, artifact.digest, is_new=growth is not None and growth.is_new)


async def _look(
    registry: Registry,
    package: PackageId,
    version: ReferenceName,
    addition: Addition,
    incoming: Incoming,
    demand: Callable[[Digest | None], None],
) -> Digest | None:
    """What is there already; raise before any byte is received when it is clear that the file will not be taken."""
    found = await registry.catalog.find_artifact(View(package.namespace), package, name=version)
    present = None if found is None else addition.find(found.digest, found.content)
    demand(present)
    if found is not None and found.sealed and present is None:
        raise VersionSealed(version, expected=found.digest)
    if present is not None and incoming.expected is not None and present != incoming.expected:
        raise VersionExists(version, expected=present, actual=incoming.expected)
    return present


async def _receive(registry: Registry, upload: Upload, incoming: Incoming, present: Digest | None) -> StoredBlob:
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
            raise VersionExists(upload.package.name, expected=present, actual=error.actual) from error
        raise
    if incoming.verify is not None:
        await incoming.verify(blob)
    return blob


def _stand(
    transaction: Transaction, package: PackageId, version: ReferenceName
) -> tuple[Digest | None, bytes | None, bool]:
    """What the version is now, and whether what comes of it is sealed at once."""
    reference = transaction.find_reference(package, version)
    if reference is None:
        # A version that was deleted comes back as it was (I4), and as sealed as it was.
        history = transaction.list_history(package, version)
        return None, None, any(old.sealed for old in history)
    if reference.kind is not ReferenceKind.VERSION:
        raise NameTaken(version, expected="a name that is not a tag's")
    return reference.digest, transaction.find_content(reference.digest), reference.sealed
