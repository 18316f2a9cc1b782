"""What another registry says: its packuments, keys and attestations, read with mistrust.

A packument is read as far as it must be understood; what a version's manifest says beyond that stays text until it is
rendered, so that thousands of versions cost little more than their text.
"""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from entrepot.formats.npm.metadata import foreign, sums_of
from entrepot.formats.npm.packument import Release
from entrepot.formats.npm.rules import is_plain, parse_loose, parse_tag, tarball_name
from entrepot.model.errors import InvalidKey, InvalidReference, UpstreamInvalid
from entrepot.trust.keys import PublicKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from entrepot.model.names import PackageName, ReferenceName

T = TypeVar("T")

_MOST_VERSIONS: Final = 50_000
_MOST_PEOPLE: Final = 100
_MOST_SIGNATURES: Final = 10
_MOST_KEYS: Final = 100
_LONGEST: Final = 2_000
"""Characters of an address, a signature or a reason."""
_README_SIZE: Final = 64 * 1024
_FIRST_YEAR: Final = 2009
"""When there was no npm yet, nothing was published in it."""
_LONG: Final = 256 * 1024
"""Bytes of a packument that are read at once; more of them are read beside what else is to be done."""
_LEFT: Final = frozenset({"maintainers", "readme", "readmeFilename", "_id", "_npmOperationalInternal", "_attachments"})
"""What of a version's manifest nobody here has a use for."""
_REMEMBERED: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RemoteRelease:
    """A version as another registry lists it."""

    version: ReferenceName
    written: str | None
    """How it is written there, where that is not how it is called here."""
    manifest: msgspec.Raw
    tarball: str
    """Where it is; perhaps relative to the packument."""
    sums: Mapping[str, bytes]
    """What its tarball must hash to, by hashlib's names; never none."""
    integrity: str | None
    published_at: datetime | None
    publisher: str | None
    deprecated: str | None
    signatures: Sequence[Mapping[str, str]]
    provenance: str | None
    """The predicate type of its attestation."""
    attestations: str | None
    """Where they are."""
    unpacked_size: int | None
    file_count: int | None

    def read_manifest(self) -> Mapping[str, Any]:
        """All that is said of it, in our words."""
        return foreign(self.read_original())

    def read_original(self) -> dict[str, Any]:
        """All that is said of it, as it is said."""
        return _MANIFESTS.decode(self.manifest)

    def listed(self, package: PackageName, publisher: str) -> Release:
        """The same as our packument lists it."""
        shasum = self.sums.get("sha1")
        return Release(
            version=self.version,
            read_manifest=self.read_manifest,
            file=tarball_name(package, self.version),
            shasum=None if shasum is None else shasum.hex(),
            integrity=self.integrity,
            unpacked_size=self.unpacked_size,
            file_count=self.file_count,
            published_at=self.published_at,
            publisher=self.publisher or publisher,
            deprecated=self.deprecated,
            provenance=None if self.attestations is None else self.provenance,
            written=self.written,
        )


@dataclass(frozen=True, slots=True)
class RemotePackument:
    """A package as another registry has it."""

    releases: Mapping[ReferenceName, RemoteRelease]
    times: Mapping[str, datetime | None]
    """When each version was published, as far as it is said."""
    tags: Mapping[ReferenceName, ReferenceName]
    maintainers: Sequence[str]
    readme: str | None
    signed: bool
    """Whether any version has a signature."""


# --- packuments ---


class _Packument(msgspec.Struct):
    name: msgspec.Raw = msgspec.Raw()
    versions: dict[str, msgspec.Raw] = {}
    time: msgspec.Raw = msgspec.Raw()
    tags: msgspec.Raw = msgspec.field(name="dist-tags", default=msgspec.Raw())
    maintainers: msgspec.Raw = msgspec.Raw()
    readme: msgspec.Raw = msgspec.Raw()


class _OddDist(msgspec.Struct):
    tarball: str
    shasum: msgspec.Raw = msgspec.Raw()
    integrity: msgspec.Raw = msgspec.Raw()
    signatures: msgspec.Raw = msgspec.Raw()
    attestations: msgspec.Raw = msgspec.Raw()
    unpacked_size: msgspec.Raw = msgspec.field(name="unpackedSize", default=msgspec.Raw())
    file_count: msgspec.Raw = msgspec.field(name="fileCount", default=msgspec.Raw())


class _Person(msgspec.Struct):
    name: str


class _OddVersion(msgspec.Struct):
    """A version of which some part is not what it should be."""

    dist: _OddDist
    deprecated: msgspec.Raw = msgspec.Raw()
    user: msgspec.Raw = msgspec.field(name="_npmUser", default=msgspec.Raw())


class _Signature(msgspec.Struct):
    keyid: str
    sig: str


class _Provenance(msgspec.Struct):
    predicate_type: str = msgspec.field(name="predicateType")


class _Attestations(msgspec.Struct):
    url: str
    provenance: _Provenance


class _Dist(msgspec.Struct):
    tarball: str
    shasum: str | None = None
    integrity: str | None = None
    signatures: list[_Signature] | None = None
    attestations: _Attestations | None = None
    unpacked_size: int | None = msgspec.field(name="unpackedSize", default=None)
    file_count: int | None = msgspec.field(name="fileCount", default=None)


class _Version(msgspec.Struct):
    dist: _Dist
    deprecated: str | bool | None = None
    user: _Person | None = msgspec.field(name="_npmUser", default=None)


_MANIFESTS: Final = msgspec.json.Decoder(dict[str, Any])
_VERSIONS: Final = msgspec.json.Decoder(_Version)
_ODD_VERSIONS: Final = msgspec.json.Decoder(_OddVersion)
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Known:
    """What was read last, by the text that it was read from, up to some bytes of text in all."""

    def __init__(self, size: int) -> None:
        self._room = size
        self._known: OrderedDict[tuple[PackageName, bytes], RemotePackument] = OrderedDict()

    def find(self, key: tuple[PackageName, bytes]) -> RemotePackument | None:
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
        return found

    def keep(self, key: tuple[PackageName, bytes], packument: RemotePackument) -> None:
        if key in self._known:
            return
        self._known[key] = packument
        self._room -= len(key[1])
        # The newest stays however large it is: it is about to be asked for again.
        while self._room < 0 and len(self._known) > 1:
            (_, content), _ = self._known.popitem(last=False)
            self._room += len(content)


_KNOWN: Final = _Known(_REMEMBERED)


async def recall_packument(content: bytes, package: PackageName) -> RemotePackument:
    """What `read_remote_packument` reads of what was condensed, once for each text that is asked for again.

    Raises `UpstreamInvalid`.
    """
    found = _KNOWN.find((package, content))
    if found is None:
        found = await beside(len(content) > _LONG, partial(read_remote_packument, content, package, condensed=True))
        _KNOWN.keep((package, content), found)
    return found


async def beside(long: bool, work: Callable[[], T]) -> T:  # noqa: FBT001
    """What *work* returns; in a thread if it is *long*, so that others need not wait for it."""
    return await asyncio.to_thread(work) if long else work()


def condense(content: bytes, package: PackageName) -> tuple[bytes, Mapping[str, datetime | None]]:
    """What is kept of a packument, and when each of its versions was published.

    That is what is read of it, without what changes all the time, or is said of each version again. What is passed over
    as text later on is looked into here, so that all of what is kept can be read. Raises `UpstreamInvalid`.
    """
    said = _decode(content, package)
    times = _read(said.time, dict[str, Any]) or {}
    kept: dict[str, msgspec.Raw] = {}
    published: dict[str, datetime | None] = {}
    for text, manifest in said.versions.items():
        release = _read_release(text, manifest, times.get(text))
        whole = None if release is None else _read_manifest(manifest)
        if release is None or whole is None:
            continue
        kept[text] = msgspec.Raw(msgspec.json.encode({key: value for key, value in whole.items() if key not in _LEFT}))
        if release.written is None or release.version not in published:
            published[release.version] = release.published_at
    people = _read(said.maintainers, list[_Person]) or []
    condensed = msgspec.json.encode(
        {
            "name": package,
            "versions": kept,
            "time": {text: times[text] for text in kept if text in times},
            "dist-tags": _read(said.tags, dict[str, Any]) or {},
            "maintainers": people[:_MOST_PEOPLE],
            "readme": (_read(said.readme, str) or "")[:_README_SIZE],
        }
    )
    return condensed, published


def _decode(content: bytes, package: PackageName) -> _Packument:
    try:
        said = msgspec.json.decode(content, type=_Packument)
    except _UNREADABLE as error:
        raise UpstreamInvalid(f"the packument of {package}: {error}", expected="JSON with its versions") from error
    name = _read(said.name, str)
    if name not in (None, package):
        raise UpstreamInvalid(f"the packument of {package}", expected=f'the name "{package}"', actual=ascii(name)[:300])
    if len(said.versions) > _MOST_VERSIONS:
        raise UpstreamInvalid(
            f"the packument of {package}", expected=f"at most {_MOST_VERSIONS} versions", actual=len(said.versions)
        )
    return said


def read_remote_packument(content: bytes, package: PackageName, *, condensed: bool = False) -> RemotePackument:
    """Read a packument; versions and tags that are none, or whose tarballs nobody could verify, are passed over.

    What was *condensed* is known to be readable in all its parts. Raises `UpstreamInvalid`.
    """
    said = _decode(content, package)
    times = _read(said.time, dict[str, Any]) or {}
    releases: dict[ReferenceName, RemoteRelease] = {}
    for text, manifest in said.versions.items():
        release = _read_release(text, manifest, times.get(text))
        if release is not None and not condensed and _read_manifest(manifest) is None:
            continue
        # Of several spellings of one version the plain one counts, as clients prefer it.
        if release is not None and (release.written is None or release.version not in releases):
            releases[release.version] = release
    people = _read(said.maintainers, list[_Person]) or []
    return RemotePackument(
        releases,
        {version: release.published_at for version, release in releases.items()},
        _read_tags(said.tags),
        [person.name[:_LONGEST] for person in people[:_MOST_PEOPLE]],
        (_read(said.readme, str) or "")[:_README_SIZE] or None,
        signed=any(release.signatures for release in releases.values()),
    )


def _read(raw: msgspec.Raw, kind: type[T]) -> T | None:
    """What there is, when it is of that kind: older registries have lists where there should be text, and so on."""
    try:
        return msgspec.json.decode(raw, type=kind) if raw else None
    except _UNREADABLE:
        return None


def _read_manifest(manifest: msgspec.Raw) -> dict[str, Any] | None:
    """All that is said of a version; None when some of it cannot be read."""
    try:
        return _MANIFESTS.decode(manifest)
    except _UNREADABLE:
        return None


def _read_release(text: str, manifest: msgspec.Raw, time: object) -> RemoteRelease | None:
    try:
        version = parse_loose(text)
        said = _read_version(manifest)
    except (InvalidReference, *_UNREADABLE):
        return None
    dist, attested = said.dist, said.dist.attestations
    sums = sums_of(dist.shasum, dist.integrity)
    if not sums or not 0 < len(dist.tarball) <= _LONGEST:
        return None
    if attested is not None and max(len(attested.url), len(attested.provenance.predicate_type)) > _LONGEST:
        attested = None
    return RemoteRelease(
        version=version,
        written=None if text == version or is_plain(text) else text,
        manifest=manifest,
        tarball=dist.tarball,
        sums=sums,
        integrity=dist.integrity if sums.keys() - {"sha1"} else None,
        published_at=_read_time(time),
        publisher=None if said.user is None else said.user.name[:_LONGEST] or None,
        deprecated=_read_reason(said.deprecated),
        signatures=[
            {"keyid": each.keyid, "sig": each.sig}
            for each in (dist.signatures or [])[:_MOST_SIGNATURES]
            if max(len(each.keyid), len(each.sig)) <= _LONGEST
        ],
        provenance=None if attested is None else attested.provenance.predicate_type,
        attestations=None if attested is None else attested.url,
        unpacked_size=dist.unpacked_size,
        file_count=dist.file_count,
    )


def _read_version(manifest: msgspec.Raw) -> _Version:
    """In one go when all is as it should be, as of nearly all versions; else part by part, without the odd ones."""
    try:
        return _VERSIONS.decode(manifest)
    except msgspec.ValidationError:
        odd = _ODD_VERSIONS.decode(manifest)
    dist = _Dist(
        odd.dist.tarball,
        shasum=_read(odd.dist.shasum, str),
        integrity=_read(odd.dist.integrity, str),
        signatures=_read(odd.dist.signatures, list[_Signature]),
        attestations=_read(odd.dist.attestations, _Attestations),
        unpacked_size=_read(odd.dist.unpacked_size, int),
        file_count=_read(odd.dist.file_count, int),
    )
    reason = _read(odd.deprecated, bool)
    return _Version(dist, _read(odd.deprecated, str) if reason is None else reason, _read(odd.user, _Person))


def _read_reason(said: str | bool | None) -> str | None:  # noqa: FBT001 - what clients write
    """Clients write text, and nothing or ``false`` to take it back."""
    if said is True:
        return "deprecated"
    return (said or "")[:_LONGEST] or None


def _read_time(said: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(said) if isinstance(said, str) else None
        if time is None or time.tzinfo is None or time.year < _FIRST_YEAR:
            return None
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read_tags(raw: msgspec.Raw) -> dict[ReferenceName, ReferenceName]:
    tags: dict[ReferenceName, ReferenceName] = {}
    for text, value in (_read(raw, dict[str, Any]) or {}).items():
        try:
            tags[parse_tag(text)] = parse_loose(value if isinstance(value, str) else "")
        except InvalidReference:
            continue
    return tags


# --- keys and attestations ---


class Key(msgspec.Struct, frozen=True):
    """A public key, as a registry lists it."""

    keyid: str
    key: str
    keytype: str = ""
    scheme: str = ""
    expires: str | None = None

    def made(self, signature: str, message: str) -> bool:
        """Whether it made a signature, in base64; never where it is no key that npm signs with."""
        try:
            key = PublicKey.parse(base64.b64decode(self.key, validate=True))
            return isinstance(key.key, EllipticCurvePublicKey) and key.verify(
                base64.b64decode(signature, validate=True), message.encode()
            )
        except (InvalidKey, ValueError):
            return False

    def had_ended(self, at: datetime | None) -> bool:
        """Whether it signed nothing any more by that time."""
        end = _read_time(self.expires)
        return end is not None and (at is None or at > end)


class _Keys(msgspec.Struct):
    keys: list[Key] = []


def check_signatures(name: PackageName, release: RemoteRelease, keys: Sequence[Key]) -> None:
    """Raise `UpstreamInvalid` where a signature says that it is by one of the registry's keys, and is not.

    https://docs.npmjs.com/about-registry-signatures: over ``name@version:integrity``. Those of other keys say nothing.
    """
    known = {key.keyid: key for key in keys}
    message = f"{name}@{release.version}:{release.integrity}"
    for signature in release.signatures:
        key = known.get(signature["keyid"])
        if key is None:
            continue
        if release.integrity is None or not key.made(signature["sig"], message):
            raise UpstreamInvalid(
                f"{name}@{release.version} does not have the integrity that the registry signed",
                expected=f"a signature by its key {key.keyid} of {release.integrity}",
            )
        if key.had_ended(release.published_at):
            raise UpstreamInvalid(
                f"{name}@{release.version} is signed by the key {key.keyid} after its end", expected=key.expires
            )


def read_keys(content: bytes) -> list[Key]:
    """Read what is at ``/-/npm/v1/keys``. Raises `UpstreamInvalid`."""
    try:
        return msgspec.json.decode(content, type=_Keys).keys[:_MOST_KEYS]
    except _UNREADABLE as error:
        raise UpstreamInvalid(f"the registry's keys: {error}", expected="JSON with keys") from error


class _Bundles(msgspec.Struct):
    attestations: list[dict[str, Any]]


def check_attestations(content: bytes) -> None:
    """Raise `UpstreamInvalid` for what is no list of attestations; whether they are good, clients find out."""
    try:
        msgspec.json.decode(content, type=_Bundles)
    except _UNREADABLE as error:
        raise UpstreamInvalid(f"the attestations: {error}", expected="JSON with attestations") from error
