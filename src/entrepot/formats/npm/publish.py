"""``PUT`` of a package: a new version with its tarball, or what is said of versions that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.formats.npm.body import Attachments
from entrepot.formats.npm.hosted import parse_revision, print_revision, to_packument
from entrepot.formats.npm.metadata import BUNDLE_TYPE, KIND, TARBALL_TYPE, Claim, bundle_name, describe, verify
from entrepot.formats.npm.rules import RULES, parse_loose, parse_tag, tarball_name
from entrepot.formats.npm.tarball import examine
from entrepot.model.access import Action
from entrepot.model.contents import FilePath
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidMetadata, InvalidName, ReferenceUnknown, StaleRevision, TooLarge, VersionExists
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.browse import find_package
from entrepot.operations.mark import deprecate, undeprecate
from entrepot.operations.read_package import is_as_read, read_package
from entrepot.operations.receive_file import receive_upload
from entrepot.operations.upload import StoredBlob, begin_upload, stage
from entrepot.wire.call import decode_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import BinaryIO

    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.upload import Upload
    from entrepot.operations.add_files import Metadata
    from entrepot.wire.call import Call

_DOCUMENT_SIZE: Final = 16 * 1024 * 1024
"""Of what is no tarball: packuments of thousands of versions are sent back whole to deprecate one."""
_BUNDLE_SIZE: Final = 64 * 1024
_MAX_REASON: Final = 4_096


class Document(msgspec.Struct):
    """What clients send; what else there is in it is theirs."""

    name: str
    rev: str | None = msgspec.field(name="_rev", default=None)
    versions: dict[str, dict[str, Any]] | None = None
    tags: dict[str, str] = msgspec.field(name="dist-tags", default_factory=dict)
    attachments: dict[str, dict[str, Any]] = msgspec.field(name="_attachments", default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """A new version as it came: the document, and the upload that holds its tarball."""

    document: Document
    upload: Upload
    file: str
    """What the tarball's attachment is called."""


async def put(call: Call, package: PackageId) -> None:
    """Publish a version, or change what is said of versions.

    Raises `InvalidMetadata`, `InvalidName`, `InvalidArchive`, `DigestMismatch`, `SizeMismatch`, `TooLarge`,
    `VersionExists`, or what `begin_upload` and `deprecate` raise.
    """
    await _require_right(call, package)
    upload: Upload | None = None
    attachments = Attachments(call.body, limit=_DOCUMENT_SIZE)
    try:
        file = ""
        async for name, content in attachments:
            if upload is not None:
                raise InvalidMetadata("_attachments", expected="one tarball", actual=ascii(name[:200]))
            file, upload = name, await begin_upload(call.registry, call.caller, package)
            await stage(call.registry, upload, content, at=0)
        document = read_document(attachments.finish(), package)
        if upload is not None:
            await _publish(call, package, Sent(document, upload, file))
        elif document.attachments:
            raise InvalidMetadata("_attachments", expected="a tarball with its data")
        else:
            await _mark(call, package, document)
    finally:
        attachments.release()
        if upload is not None:
            await call.registry.blobs.discard(upload.id)


async def _require_right(call: Call, package: PackageId) -> None:
    """Before anything is read: whoever may do neither thing that the body may ask for sends in vain."""
    if not call.caller.rights.allows(Action.DEPRECATE, View(package.namespace), package.name):
        await access.require(call.registry, call.caller, Action.PUBLISH, package)


def read_document(content: bytes, package: PackageId) -> Document:
    """Read a body without its tarball. Raises `Invalid`, `InvalidName`."""
    document = decode_json(content, Document)
    if document.name != package.name:
        raise InvalidName(ascii(document.name[:300]), expected=f'"{package.name}", as the address says')
    return document


# --- a new version ---


async def _publish(call: Call, package: PackageId, sent: Sent) -> None:
    claim, tags = _read_claim(call, package, sent)

    def look(file: BinaryIO) -> Metadata:
        tarball = examine(file)
        verify(claim, tarball)
        return describe(claim, tarball)

    blob, metadata = await receive_upload(call.registry, sent.upload, _nothing(), look, size=0)

    def metadata_of(_: Metadata | None) -> Metadata:
        return metadata

    files = [NewFile(FilePath(tarball_name(package.name, claim.version)), TARBALL_TYPE, blob)]
    if claim.bundle is not None:
        content = claim.bundle.encode()
        bundle = StoredBlob(Digest.of(content), len(content), content)
        files.append(NewFile(bundle_name(package.name, claim.version), BUNDLE_TYPE, bundle))
    addition = Addition(claim.version, files=tuple(files), describe=metadata_of, sealed=True, tags=tags)
    try:
        added = await add_files(call.registry, call.caller, package, KIND, addition)
    except VersionExists as error:
        raise VersionExists(claim.version, expected=error.expected, actual=error.actual) from error
    call.facts["digest"] = str(added.artifact)
    call.facts["size"] = blob.size


async def _nothing() -> AsyncIterator[bytes]:
    """All has come."""
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


def _read_claim(call: Call, package: PackageId, sent: Sent) -> tuple[Claim, tuple[ReferenceName, ...]]:
    """What is said of the new version, and the tags that it gets. Raises `Invalid`."""
    document = sent.document
    if document.versions is None or len(document.versions) != 1:
        raise InvalidMetadata("versions", expected="the one version whose tarball is attached")
    [(key, manifest)] = document.versions.items()
    version = RULES.parse_version(key)
    if manifest.get("name", package.name) != package.name:
        raise InvalidMetadata(f"versions.{version}.name", expected=f'"{package.name}"')
    if manifest.get("version", key) not in (key, version):
        raise InvalidMetadata(f"versions.{version}.version", expected=f'"{version}"')
    wrong = next((tag for tag, value in document.tags.items() if value not in (key, version)), None)
    if wrong is not None:
        raise InvalidMetadata("dist-tags", expected=f"tags of {version}, which is published", actual=ascii(wrong[:200]))
    claim = Claim(
        package.name,
        version,
        manifest,
        length=document.attachments.get(sent.file, {}).get("length"),
        bundle=_read_bundle(document, sent.file),
        publisher=call.caller.name,
    )
    return claim, tuple(parse_tag(tag) for tag in document.tags)


def _read_bundle(document: Document, file: str) -> str | None:
    others = {name: attachment for name, attachment in document.attachments.items() if name != file}
    if not others:
        return None
    if len(others) > 1:
        raise InvalidMetadata("_attachments", expected="one tarball and perhaps one .sigstore")
    [(name, attachment)] = others.items()
    data = attachment.get("data")
    if not name.endswith(".sigstore") or not isinstance(data, str):
        raise InvalidMetadata(f"_attachments: {name[:200]!a}", expected="a .sigstore with its data")
    if len(data) > _BUNDLE_SIZE:
        raise TooLarge(ascii(name[:200]), expected=f"at most {_BUNDLE_SIZE} characters", actual=len(data))
    return data


# --- what is said of versions ---


async def _mark(call: Call, package: PackageId, document: Document) -> None:
    """``npm deprecate``; ``npm star`` sends the same with other users, which are not kept."""
    if document.versions is None:
        return
    stored = await read_package(call.registry, call.caller, View(package.namespace), package, KIND)
    await require_revision(call, package, document.rev)
    # Compared with what clients were told: they send it back for the versions that they do not change.
    present = {release.version: release.deprecated for release in to_packument(package.name, stored).releases}
    wanted = {parse_loose(key): _read_reason(key, said) for key, said in document.versions.items()}
    if unknown := wanted.keys() - present.keys():
        raise InvalidMetadata("_attachments", expected=f"the tarball of {min(unknown)}, which is new")
    for version, reason in wanted.items():
        if reason == present[version]:
            continue
        if reason is None:
            await undeprecate(call.registry, call.caller, package, version)
        else:
            await deprecate(call.registry, call.caller, package, version, reason=reason)


def _read_reason(key: str, manifest: Mapping[str, Any]) -> str | None:
    reason = manifest.get("deprecated")
    if reason is None or reason is False or reason == "":
        return None
    if reason is True:
        return "deprecated"
    if not isinstance(reason, str) or len(reason) > _MAX_REASON:
        raise InvalidMetadata(
            f"versions: {key[:100]!a}.deprecated", expected=f"at most {_MAX_REASON} characters of text"
        )
    return reason


async def require_revision(call: Call, package: PackageId, revision: str | None) -> None:
    """Raise `StaleRevision` when a version or a tag is another than the client has read, if it says what it has read."""
    if revision is None:
        return
    row = await find_package(call.registry, call.caller, View(package.namespace), package)
    read = parse_revision(revision)
    if read == row.revision:
        return
    if read is None or read > row.revision or not await is_as_read(call.registry, package, read):
        raise StaleRevision("_rev", expected=print_revision(row.revision), actual=ascii(revision)[:80])


# --- tags ---


async def move_tag(call: Call, package: PackageId, tag: ReferenceName, version: ReferenceName) -> None:
    """Let a dist-tag mean a version that is there. Raises `ReferenceUnknown`, or what `add_files` raises."""

    def unchanged(before: Metadata | None) -> Metadata:
        if before is None:
            raise ReferenceUnknown(version)
        return before

    addition = Addition(version, files=(), describe=unchanged, tags=(tag,))
    await add_files(call.registry, call.caller, package, KIND, addition)
