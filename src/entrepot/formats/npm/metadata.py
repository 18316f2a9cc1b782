"""A version's metadata: what its tarball says, what its publisher adds, and what is kept of it. Pure.

What decides over an installation (dependencies, scripts, engines, what is linked) is taken from the ``package.json``
inside the tarball and from nowhere else: a packument that says otherwise would show people another package than the
one they install.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.formats.npm.rules import NPM, parse_loose, tarball_name
from entrepot.model.contents import FilePath, Kind
from entrepot.model.errors import DigestMismatch, InvalidMetadata, InvalidReference, SizeMismatch, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.formats.npm.tarball import Tarball
    from entrepot.model.names import PackageName, ReferenceName

KIND: Final = Kind.of(NPM)
TARBALL_TYPE: Final = "application/gzip"
BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle+json"

_MANIFEST_SIZE: Final = 256 * 1024
_REMOTE_MANIFEST_SIZE: Final = 2 * 1024 * 1024
_INSIDE: Final = (
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "engines",
    "os",
    "cpu",
    "libc",
    "scripts",
    "directories",
)
"""What is served as the ``package.json`` inside has it, and not at all when it has it not."""
_OBJECTS: Final = frozenset(_INSIDE) - {"os", "cpu", "libc", "engines"}
_OURS: Final = frozenset(
    {
        "_id",
        "_npmUser",
        "_attachments",
        "_hasShrinkwrap",
        "bin",
        "bundleDependencies",
        "bundledDependencies",
        "deprecated",
        "dist",
        "hasInstallScript",
        "maintainers",
        "name",
        "readme",
        "readmeFilename",
        "version",
    }
)
"""What a publisher does not say of a version: the registry does."""
_NOT_REMOTE: Final = _OURS - {"_hasShrinkwrap", "bin", "bundleDependencies", "bundledDependencies", "hasInstallScript"}
"""What another registry does not say of a version: it said the others as its clients need them, and looked itself."""
_INSTALL_SCRIPTS: Final = ("preinstall", "install", "postinstall")

_LONGEST_INTEGRITY: Final = 2_000
_SHASUM: Final = re.compile(r"[0-9a-fA-F]{40}")
_SIZES: Final = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
_SRI: Final = re.compile(r"(?P<algorithm>sha[0-9]+)-(?P<value>[A-Za-z0-9+/]+={0,2})(?:\?.*)?")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a publisher says of a version."""

    package: PackageName
    version: ReferenceName
    manifest: Mapping[str, Any]
    length: object = None
    """How long the attachment is said to be."""
    bundle: str | None = None
    """A Sigstore bundle: the provenance of the tarball."""
    publisher: str = ""
    written: str | None = None
    """How another registry writes the version, where that is not how it is called here."""


def bundle_name(package: PackageName, version: ReferenceName) -> FilePath:
    """Under what name a version keeps its Sigstore bundle."""
    return FilePath(tarball_name(package, version).removesuffix(".tgz") + ".sigstore")


def verify(claim: Claim, tarball: Tarball) -> None:
    """Raise unless the tarball is what its publisher says.

    Raises `SizeMismatch`, `DigestMismatch`, `InvalidMetadata`.
    """
    if claim.length is not None and claim.length != tarball.size:
        raise SizeMismatch("_attachments", expected=f"length {tarball.size}", actual=ascii(claim.length)[:40])
    dist = claim.manifest.get("dist")
    if isinstance(dist, dict):
        _verify_sums(dist, tarball)
    name, version = tarball.manifest.get("name"), tarball.manifest.get("version")
    if name != claim.package:
        raise InvalidMetadata("package.json", expected=f'the name "{claim.package}"', actual=ascii(name)[:300])
    if not isinstance(version, str) or parse_loose(version) != claim.version:
        raise InvalidMetadata("package.json", expected=f"the version {claim.version}", actual=ascii(version)[:300])


def _verify_sums(dist: Mapping[str, Any], tarball: Tarball) -> None:
    shasum, integrity = dist.get("shasum"), dist.get("integrity")
    if shasum is not None and not (isinstance(shasum, str) and shasum.lower() == tarball.sha1):
        raise DigestMismatch("dist.shasum", expected=tarball.sha1, actual=ascii(shasum)[:100])
    if integrity is None:
        return
    present = {"sha1": bytes.fromhex(tarball.sha1), "sha512": tarball.sha512}
    for text in str(integrity)[:_LONGEST_INTEGRITY].split() or [""]:
        match = _SRI.fullmatch(text)
        known = None if match is None else present.get(match["algorithm"])
        if match is None or (known is not None and match["value"] != base64.b64encode(known).decode()):
            raise DigestMismatch("dist.integrity", expected=tarball.integrity, actual=ascii(text)[:200])


def sums_of(shasum: str | None, integrity: str | None) -> dict[str, bytes]:
    """What a tarball must hash to; what is no such sum is passed over (Subresource Integrity, 3.3)."""
    sums: dict[str, bytes] = {}
    for text in (integrity or "")[:_LONGEST_INTEGRITY].split():
        match = _SRI.fullmatch(text)
        if match is None or match["algorithm"] not in _SIZES:
            continue
        try:
            value = base64.b64decode(match["value"], validate=True)
        except binascii.Error:
            continue
        if len(value) == _SIZES[match["algorithm"]]:
            sums.setdefault(match["algorithm"], value)
    if shasum is not None and _SHASUM.fullmatch(shasum) is not None:
        sums["sha1"] = bytes.fromhex(shasum)
    return sums


def describe(claim: Claim, tarball: Tarball) -> dict[str, Any]:
    """The metadata to keep. Raises `InvalidMetadata`, `DigestMismatch`, `TooLarge`."""
    manifest = {key: value for key, value in claim.manifest.items() if key not in _OURS and key not in _INSIDE}
    manifest |= _decisive(tarball)
    if (size := len(msgspec.json.encode(manifest))) > _MANIFEST_SIZE:
        raise TooLarge(
            f"the manifest of {claim.package}@{claim.version}", expected=f"at most {_MANIFEST_SIZE} bytes", actual=size
        )
    metadata = _metadata(claim, tarball, manifest)
    if claim.bundle is not None:
        metadata["provenance"] = read_bundle(claim.bundle, tarball)
    return metadata


def describe_remote(claim: Claim, tarball: Tarball) -> dict[str, Any]:
    """The metadata to keep of a tarball from another registry, which has the sums that are promised there.

    It must have the name and the version that it is asked for by. Else it decides as far as it says things as they are
    said today; what it says as clients once did, or not at all, is what the other registry made of it.

    Raises `InvalidMetadata`.
    """
    name, version = tarball.manifest.get("name"), tarball.manifest.get("version")
    if name != claim.package:
        raise InvalidMetadata("package.json", expected=f'the name "{claim.package}"', actual=ascii(name)[:300])
    try:
        same = isinstance(version, str) and parse_loose(version) == claim.version
    except InvalidReference:
        same = False
    if not same:
        raise InvalidMetadata("package.json", expected=f"the version {claim.version}", actual=ascii(version)[:300])
    manifest = {**foreign(claim.manifest), **_decisive(tarball)}
    if (size := len(msgspec.json.encode(manifest))) > _REMOTE_MANIFEST_SIZE:
        raise InvalidMetadata(
            f"the manifest of {claim.package}@{claim.version}",
            expected=f"at most {_REMOTE_MANIFEST_SIZE} bytes",
            actual=size,
        )
    return _metadata(claim, tarball, manifest)


def foreign(said: Mapping[str, Any]) -> dict[str, Any]:
    """A version's manifest as another registry says it, in our words.

    Full packuments say nothing of install scripts but the scripts, and abbreviated ones the other way round.
    """
    manifest = {key: value for key, value in said.items() if key not in _NOT_REMOTE}
    for key, value in (("bin", _binaries(said)), ("bundleDependencies", _bundled(said))):
        manifest.pop(key, None)
        if value:
            manifest[key] = value
    manifest.pop("bundledDependencies", None)
    scripts = said.get("scripts")
    if isinstance(scripts, dict) and any(script in scripts for script in _INSTALL_SCRIPTS):
        manifest["hasInstallScript"] = True
    return manifest


def _metadata(claim: Claim, tarball: Tarball, manifest: Mapping[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "format": NPM,
        "package": claim.package,
        "version": claim.version,
        "manifest": manifest,
        "publisher": claim.publisher,
        "files": {
            tarball_name(claim.package, claim.version): {
                "shasum": tarball.sha1,
                "integrity": tarball.integrity,
                "unpackedSize": tarball.unpacked_size,
                "fileCount": tarball.file_count,
            }
        },
    }
    if claim.written is not None:
        metadata["written"] = claim.written
    if tarball.readme is not None:
        metadata |= {"readme": tarball.readme, "readmeFilename": tarball.readme_name}
    return metadata


def _decisive(tarball: Tarball) -> dict[str, Any]:
    inside = tarball.manifest
    found = {
        key: inside[key]
        for key in _INSIDE
        if inside.get(key) and (key not in _OBJECTS or isinstance(inside[key], dict))
    }
    if binaries := _binaries(inside):
        found["bin"] = binaries
    if bundled := _bundled(inside):
        found["bundleDependencies"] = bundled
    scripts = found.get("scripts", {})
    gyp = tarball.has_gyp and inside.get("gypfile") is not False
    if gyp or any(script in scripts for script in _INSTALL_SCRIPTS):
        found["hasInstallScript"] = True
    if tarball.has_shrinkwrap:
        found["_hasShrinkwrap"] = True
    return found


def _binaries(inside: Mapping[str, Any]) -> dict[str, str]:
    """Commands by name: one alone is called like the package."""
    match inside.get("bin"):
        case str() as path if path:
            return {str(inside.get("name", "")).rpartition("/")[2]: path}
        case dict() as binaries:
            return {name: path for name, path in binaries.items() if isinstance(path, str)}
        case _:
            return {}


def _bundled(inside: Mapping[str, Any]) -> list[str]:
    match inside.get("bundleDependencies", inside.get("bundledDependencies")):
        case list() as names:
            return [name for name in names if isinstance(name, str)]
        case True:
            dependencies = inside.get("dependencies")
            return list(dependencies) if isinstance(dependencies, dict) else []
        case _:
            return []


def read_bundle(text: str, tarball: Tarball) -> str:
    """The predicate type of a Sigstore bundle, which must be about the tarball.

    Whether its signature is good is found out by whoever verifies it, and not here.
    Raises `InvalidMetadata`, `DigestMismatch`.
    """
    statement = _read_statement(text)
    digests = [subject.digest.get("sha512", "").lower() for subject in statement.subject]
    if tarball.sha512.hex() not in digests:
        raise DigestMismatch(
            "sigstore bundle", expected=tarball.sha512.hex(), actual=", ".join(digests)[:300] or "no sha512"
        )
    return statement.predicate_type


def read_predicate_type(text: str) -> str:
    """What the statement in a stored bundle says. Raises `InvalidMetadata`."""
    return _read_statement(text).predicate_type


def _read_statement(text: str) -> _Statement:
    try:
        bundle = msgspec.json.decode(text, type=_Bundle)
        return msgspec.json.decode(base64.b64decode(bundle.envelope.payload, validate=True), type=_Statement)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        expected = f"a DSSE envelope with an in-toto statement: {error}"
        raise InvalidMetadata("sigstore bundle", expected=expected) from error


class _Envelope(msgspec.Struct):
    payload: str


class _Bundle(msgspec.Struct):
    """https://github.com/sigstore/protobuf-specs, as far as it says what it is about."""

    envelope: _Envelope = msgspec.field(name="dsseEnvelope")


class _Subject(msgspec.Struct):
    digest: dict[str, str]


class _Statement(msgspec.Struct):
    """https://in-toto.io/Statement."""

    predicate_type: str = msgspec.field(name="predicateType")
    subject: list[_Subject]
