"""A package as npm's clients read it: the packument, full and abbreviated, and the manifest of one version. Pure.

`Packument` is data, whoever knows it; how it is said is the business of `Renderer` alone.
https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.npm.metadata import sums_of
from entrepot.formats.npm.rules import LATEST, precedence
from entrepot.model.names import ReferenceName

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from entrepot.formats.npm.signatures import Signer
    from entrepot.model.names import PackageName

FULL_TYPE: Final = "application/json"
ABBREVIATED_TYPE: Final = "application/vnd.npm.install-v1+json"

_ABBREVIATED: Final = (
    "name",
    "version",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "bundleDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "bin",
    "directories",
    "dist",
    "engines",
    "os",
    "cpu",
    "libc",
    "funding",
    "_hasShrinkwrap",
    "hasInstallScript",
)
_OF_LATEST: Final = ("description", "homepage", "keywords", "repository", "author", "bugs", "license")
"""What a full packument says of the package as its latest version does."""


@dataclass(frozen=True, slots=True)
class Release:
    """One version."""

    version: ReferenceName
    read_manifest: Callable[[], Mapping[str, Any]]
    """Its ``package.json``, less what the registry says itself; of thousands, not all are held at once."""
    file: str
    shasum: str | None
    integrity: str | None
    unpacked_size: int | None
    file_count: int | None
    published_at: datetime | None
    publisher: str
    deprecated: str | None = None
    provenance: str | None = None
    """The predicate type of its attestation."""
    readme: str | None = None
    readme_name: str | None = None
    signatures: Sequence[Mapping[str, str]] = ()
    """Those of another registry; where there are none, this one signs."""
    written: str | None = None
    """How the version was written when the grammar was looser (``1.0.0beta``), and is still said to clients."""

    @property
    def said(self) -> str:
        """The version as clients are told it."""
        return self.version if self.written is None else self.written

    @property
    def sums(self) -> Mapping[str, bytes]:
        """What the file hashes to, by hashlib's names."""
        return sums_of(self.shasum, self.integrity)


@dataclass(frozen=True, slots=True)
class Packument:
    """A package at one revision."""

    name: PackageName
    revision: str
    releases: Sequence[Release]
    """In the order in which they were published."""
    tags: Mapping[ReferenceName, ReferenceName]
    maintainers: Sequence[str] | None = None
    """Who looks after it, as another registry says; None where it is whoever has published."""
    readme: str | None = None
    """Where the latest release has none of its own."""

    def find(self, version: str) -> Release | None:
        """The release called *version*."""
        return next((release for release in self.releases if release.version == version), None)

    @property
    def latest(self) -> Release | None:
        """What is meant when nothing is said: the tag ``latest``, or else the highest version, if it can be a stable one."""
        tagged = self.find(self.tags.get(LATEST, ""))
        if tagged is not None or not self.releases:
            return tagged
        return max(self.releases, key=lambda release: ("-" not in release.version, precedence(release.version)))

    @property
    def complete_tags(self) -> dict[str, str]:
        """The dist-tags; there is always a ``latest``, because clients look for it."""
        tags: dict[str, str] = dict(sorted(self.tags.items()))
        if self.latest is not None:
            tags[LATEST] = self.latest.version
        return tags


def substitute(version: ReferenceName, shown: Collection[ReferenceName]) -> ReferenceName | None:
    """What a tag means whose version is not shown: the highest below it, as npm understands ``<=version``.

    That is a pre-release only where the tag's own version is one of the same release (node-semver, "Prerelease Tags").
    """
    limit = precedence(version)
    below = [
        (key, each)
        for each in shown
        if (key := precedence(each)) < limit and (key[1] or (not limit[1] and key[0] == limit[0]))
    ]
    return max(below)[1] if below else None


@dataclass(frozen=True, slots=True)
class Renderer:
    """Says a packument to the clients of one registry address."""

    registry_url: str
    """``https://host/npm/<view>``, where its clients ask."""
    signer: Signer

    def full(self, package: Packument) -> bytes:
        """All that is known."""
        latest, people = package.latest, _people(package)
        document: dict[str, object] = {
            "_id": package.name,
            "_rev": package.revision,
            "name": package.name,
            "dist-tags": _tags(package),
            "versions": {release.said: self._whole(package, release) for release in package.releases},
            "time": _times(package),
            "maintainers": people,
            "users": {},
        }
        if latest is not None:
            manifest = latest.read_manifest()
            document.update({key: manifest[key] for key in _OF_LATEST if key in manifest})
            document["readme"] = latest.readme or package.readme or ""
            document["readmeFilename"] = latest.readme_name or ""
        return msgspec.json.encode(document)

    def abbreviated(self, package: Packument) -> bytes:
        """What an installation needs."""
        return msgspec.json.encode(
            {
                "name": package.name,
                "modified": _modified(package),
                "dist-tags": _tags(package),
                "versions": {release.said: self._abbreviated(package, release) for release in package.releases},
            }
        )

    def manifest(self, package: Packument, release: Release) -> bytes:
        """One version."""
        return msgspec.json.encode(self._version(package, release) | {"maintainers": _people(package)})

    def _whole(self, package: Packument, release: Release) -> msgspec.Raw:
        # Encoded one by one: of a package of thousands, no more than the text is held.
        version = self._version(package, release)
        if package.maintainers is None:
            version["maintainers"] = _people(package)
        return msgspec.Raw(msgspec.json.encode(version))

    def _abbreviated(self, package: Packument, release: Release) -> msgspec.Raw:
        version = self._version(package, release)
        return msgspec.Raw(msgspec.json.encode({key: version[key] for key in _ABBREVIATED if key in version}))

    def _version(self, package: Packument, release: Release) -> dict[str, Any]:
        version: dict[str, Any] = {
            "name": package.name,
            "version": release.said,
            **release.read_manifest(),
            "_id": f"{package.name}@{release.said}",
            "_npmUser": _person(release.publisher),
            "dist": self._dist(package.name, release),
        }
        if release.deprecated is not None:
            version["deprecated"] = release.deprecated
        return version

    def _dist(self, name: PackageName, release: Release) -> dict[str, Any]:
        dist: dict[str, Any] = {
            "tarball": f"{self.registry_url}/{quote(name, safe='@/')}/-/{quote(release.file)}",
        }
        if release.shasum is not None:
            dist["shasum"] = release.shasum
        if release.integrity is not None:
            own = () if release.signatures else (self.signer.sign(name, release.said, release.integrity),)
            dist["integrity"], dist["signatures"] = release.integrity, [*release.signatures, *own]
        if release.file_count is not None:
            dist["fileCount"] = release.file_count
        if release.unpacked_size is not None:
            dist["unpackedSize"] = release.unpacked_size
        if release.provenance is not None:
            identity = f"{quote(name, safe='@')}@{release.version}"
            dist["attestations"] = {
                "url": f"{self.registry_url}/-/npm/v1/attestations/{identity}",
                "provenance": {"predicateType": release.provenance},
            }
        return dist


def _tags(package: Packument) -> dict[str, str]:
    said = {release.version: release.said for release in package.releases}
    return {tag: said.get(ReferenceName(version), version) for tag, version in package.complete_tags.items()}


def _people(package: Packument) -> list[dict[str, str]]:
    """What clients show as maintainers."""
    publishers = [release.publisher for release in package.releases]
    return [_person(name) for name in dict.fromkeys(publishers if package.maintainers is None else package.maintainers)]


def _person(name: str) -> dict[str, str]:
    """Clients print what is missing as ``undefined``."""
    return {"name": name, "email": ""}


def _times(package: Packument) -> dict[str, str | None]:
    times: dict[str, str] = {
        release.said: print_time(release.published_at)
        for release in package.releases
        if release.published_at is not None
    }
    created, modified = min(times.values(), default=None), max(times.values(), default=None)
    return {"created": created, "modified": modified, **times}


def _modified(package: Packument) -> str | None:
    times = [release.published_at for release in package.releases if release.published_at is not None]
    return print_time(max(times)) if times else None


def print_time(time: datetime) -> str:
    """A time as JavaScript writes it."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
