"""The upload form ("legacy" API): one file, and what its client says of it.

The fields that a client copies out of the file's metadata are passed over, because the file itself is read.
What it says of the file's name, version, kind and digests is checked; so are its attestations.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from entrepot.formats.pypi import attestations as attesting
from entrepot.formats.pypi.distributions import read_distribution
from entrepot.formats.pypi.release import (
    KIND,
    FileFacts,
    describing,
    media_type,
    metadata_path,
    signature_path,
)
from entrepot.formats.pypi.rules import PYPI, RULES, parse_filename, parse_version
from entrepot.formats.pypi.status import read_status
from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    Conflict,
    Denied,
    DigestMismatch,
    Invalid,
    InvalidDigest,
    InvalidMetadata,
    PackageUnknown,
    Unauthenticated,
    VersionExists,
    VersionSealed,
)
from entrepot.model.names import PackageId, View
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.browse import list_references
from entrepot.operations.receive_file import receive_file
from entrepot.operations.upload import StoredBlob
from entrepot.wire.multipart import read_form

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import BinaryIO

    from entrepot.formats.pypi.distributions import Distribution
    from entrepot.formats.pypi.rules import Filename
    from entrepot.model.access import Caller
    from entrepot.model.contents import FilePath
    from entrepot.operations.registry import Registry
    from entrepot.wire.call import Call
    from entrepot.wire.multipart import Part

_ACTION: Final = ":action"
_UPLOAD: Final = "file_upload"
GONE: Final = frozenset({"submit", "submit_pkg_info", "doc_upload"})
"""Actions of old, which nobody does any more (410)."""

_DIGESTS: Final = {"sha256_digest": "sha256", "blake2_256_digest": "blake2b_256", "md5_digest": "md5"}
_SIZES: Final = {"sha256": 32, "blake2b_256": 32, "md5": 16}
_FIELD_SIZE: Final = 4096
_SIGNATURE_SIZE: Final = 16 * 1024
_READ: Final = {
    _ACTION: _FIELD_SIZE,
    "protocol_version": _FIELD_SIZE,
    "name": _FIELD_SIZE,
    "version": _FIELD_SIZE,
    "filetype": _FIELD_SIZE,
    **dict.fromkeys(_DIGESTS, _FIELD_SIZE),
    "gpg_signature": _SIGNATURE_SIZE,
    "attestations": attesting.FIELD_SIZE,
}
"""The fields that are read, and how long each may be."""
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_PAGE: Final = 1_000


class ActionGone(Exception):
    """The form asks for something that nobody does any more."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has come, and was looked into."""

    filename: Filename
    package: PackageId
    blob: StoredBlob
    distribution: Distribution
    digests: Mapping[str, bytes]


async def receive_upload(call: Call, view: View) -> Filename:
    """Take the form's file into its release, and return what it is called.

    Raises `ActionGone`, `Unauthenticated`, `Denied`, `Invalid`, `Conflict`, or what `add_files` raises.
    """
    access.require_writable(view)
    if call.caller.principal is None:
        # Before anything is read: nobody may publish without saying who they are.
        raise Unauthenticated
    fields: dict[str, str] = {}
    received: Received | None = None
    async for part in read_form(call):
        if part.name == "content":
            if received is not None:
                raise Invalid("form field content", expected="one file")
            received = await _receive(call, view, part, fields)
        elif part.name in _READ:
            if part.name in fields:
                raise Invalid(f"form field {part.name}", expected="it once")
            fields[part.name] = await part.text(_READ[part.name])
            _check_action(fields)
    if fields.get(_ACTION) != _UPLOAD:
        raise Invalid("form field :action", expected=_UPLOAD, actual=fields.get(_ACTION, "nothing")[:100])
    if received is None:
        raise Invalid("form", expected="a file in the field content")
    # Fields may have come behind the file.
    _check_fields(fields, received.filename)
    claims = _claims(fields)
    if not claims:
        raise Invalid("form", expected=f"one of {', '.join(_DIGESTS)}")
    _verify(claims, received.digests)
    await _publish(call, received, fields)
    return received.filename


def _check_action(fields: Mapping[str, str]) -> None:
    if fields.get(_ACTION) in GONE:
        raise ActionGone
    if fields.get("protocol_version", "1") != "1":
        raise Invalid("form field protocol_version", expected="1", actual=fields["protocol_version"][:100])


def _check_fields(fields: Mapping[str, str], filename: Filename) -> None:
    """Raise unless what the form says agrees with the file's name. Raises `InvalidMetadata`, `InvalidName`."""
    said = (
        ("name", filename.project, RULES.normalize),
        ("version", str(filename.version), lambda text: str(parse_version(text))),
        ("filetype", str(filename.kind), str),
    )
    for name, expected, read in said:
        text = fields.get(name)
        if text is not None and read(text) != expected:
            raise InvalidMetadata(f"form field {name}", expected=f"{expected} as in {filename.text}", actual=text[:200])


# --- the file ---


async def _receive(call: Call, view: View, part: Part, fields: Mapping[str, str]) -> Received:
    filename = parse_filename(part.filename or "")
    _check_fields(fields, filename)
    package = PackageId(view.namespace, PYPI, filename.project)
    await _require_room(call, view, package, filename)
    hashing = Hashing()
    content, size = hashing.verified(part.stream(), _claims(fields)), None
    if call.body.size is not None and call.body.size <= call.registry.limits.inline_size:
        # So small a form has a file that lives in the catalog: to stage it would take half of the time.
        small = b"".join([piece async for piece in content])
        content, size = _one(small), len(small)
    blob, distribution = await receive_file(
        call.registry, call.caller, package, content, partial(read_distribution, filename=filename), size=size
    )
    return Received(filename, package, blob, distribution, hashing.digests())


async def _require_room(call: Call, view: View, package: PackageId, filename: Filename) -> None:
    """Raise unless the project takes files, and has no release that is this one spelt otherwise.

    Raises `Denied`, `Conflict`, or what `access.require` raises.
    """
    await access.require(call.registry, call.caller, Action.PUBLISH, package)
    status = (await read_status(call.registry, package)).status
    if not status.takes_files:
        raise Denied(f"{package.name} is {status} and takes no files")
    try:
        await _require_one_spelling(call, view, package, filename)
    except PackageUnknown:
        # It is new; or the caller may publish it and not know it, and then cannot be told of its versions.
        return


async def _require_one_spelling(call: Call, view: View, package: PackageId, filename: Filename) -> None:
    """For PEP 440, 1.0 and 1.0.0 are one version, and installers would take either for both.

    Raises `Conflict`, `PackageUnknown`.
    """
    after = ""
    while True:
        page = await list_references(
            call.registry, call.caller, view, package, kind=ReferenceKind.VERSION, after=after, limit=_PAGE
        )
        for reference in page:
            known = parse_version(reference.name.replace("_", "!"))
            if known == filename.version and str(known) != str(filename.version):
                raise Conflict(filename.text, expected=f"the spelling of the release that is there, {known}")
        if len(page) < _PAGE:
            return
        after = page[-1].name


class _Hash(Protocol):
    """What hashes of all algorithms have in common."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class Hashing:
    """The digests of what passes by: the JSON API has three of them."""

    def __init__(self) -> None:
        self._hashes: dict[str, _Hash] = {
            "sha256": hashlib.sha256(),
            "blake2b_256": hashlib.blake2b(digest_size=_SIZES["blake2b_256"]),
            "md5": hashlib.md5(usedforsecurity=False),
        }

    def update(self, piece: bytes) -> None:
        """Let some bytes pass by."""
        for each in self._hashes.values():
            each.update(piece)

    async def verified(self, content: AsyncIterator[bytes], claims: Mapping[str, bytes]) -> AsyncIterator[bytes]:
        """The same content; it ends with `DigestMismatch` when it is not what was said."""
        async for piece in content:
            self.update(piece)
            yield piece
        _verify(claims, self.digests())

    def digests(self) -> dict[str, bytes]:
        """What has passed by."""
        return {name: each.digest() for name, each in self._hashes.items()}


def _claims(fields: Mapping[str, str]) -> dict[str, bytes]:
    """The digests that the form has. Raises `InvalidDigest`."""
    return {
        algorithm: _read_digest(name, algorithm, fields[name])
        for name, algorithm in _DIGESTS.items()
        if fields.get(name)
    }


def _read_digest(name: str, algorithm: str, text: str) -> bytes:
    """Hexadecimal; md5 also in URL-safe base64, with or without its padding."""
    size = _SIZES[algorithm]
    if len(text) == 2 * size and _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if algorithm == "md5":
        try:
            value = base64.b64decode(text.rstrip("=") + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            value = b""
        if len(value) == size:
            return value
    raise InvalidDigest(f"form field {name}: {text[:200]}", expected=f"{2 * size} hexadecimal digits")


def _verify(claims: Mapping[str, bytes], digests: Mapping[str, bytes]) -> None:
    for algorithm, value in claims.items():
        if digests[algorithm] != value:
            raise DigestMismatch(
                expected=f"{algorithm}:{value.hex()}", actual=f"{algorithm}:{digests[algorithm].hex()}"
            )


# --- the release ---


async def _publish(call: Call, received: Received, fields: Mapping[str, str]) -> None:
    filename = received.filename
    beside: dict[FilePath, bytes] = {}
    if fields.get("gpg_signature"):
        beside[signature_path(filename.text)] = fields["gpg_signature"].encode()
    if fields.get("attestations"):
        found = attesting.parse_attestations(fields["attestations"])
        attesting.check_subjects(found, filename, Digest("sha256", received.digests["sha256"].hex()))
        beside |= {attesting.path_of(filename.text, each): each for each in found}
    await publish_file(call.registry, call.caller, received, beside, hosted=True)
    call.facts["digest"] = str(received.blob.digest)
    call.facts["size"] = received.blob.size


async def publish_file(
    registry: Registry,
    caller: Caller,
    received: Received,
    beside: Mapping[FilePath, bytes] | None = None,
    *,
    hosted: bool = False,
) -> None:
    """Take a file that was looked into into its release, with its metadata and what else lies *beside* it.

    What is *hosted* here is held to rules that releases of other indexes are older than.
    Raises `Conflict`, or what `add_files` raises.
    """
    filename, distribution = received.filename, received.distribution
    files = [NewFile(filename.text, media_type(filename.text), received.blob)]
    for path, content in {metadata_path(filename.text): distribution.content, **(beside or {})}.items():
        files.append(NewFile(path, media_type(path), await _store(registry, caller, received.package, content)))
    core = distribution.metadata
    facts = FileFacts(
        filetype=filename.kind,
        python_version=filename.python,
        md5=received.digests["md5"].hex(),
        blake2b_256=received.digests["blake2b_256"].hex(),
        requires_python=core.requires_python or None,
    )
    addition = Addition(filename.release, tuple(files), describing(filename, core, facts, hosted=hosted))
    try:
        await add_files(registry, caller, received.package, KIND, addition)
    except VersionSealed:
        raise
    except VersionExists as error:
        if error.subject == filename.release:
            raise Conflict(
                filename.text, expected="a version that was never used: this one is deleted and stays used up"
            ) from error
        raise


async def _store(registry: Registry, caller: Caller, package: PackageId, content: bytes) -> StoredBlob:
    """Small content goes with the change that announces it; other content is stored before (I1)."""
    if len(content) <= registry.limits.inline_size:
        return StoredBlob(Digest.of(content), len(content), content)
    blob, _ = await receive_file(registry, caller, package, _one(content), _take, size=len(content))
    return blob


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _take(_: BinaryIO) -> None:
    """It was looked at as a part of its file."""
