"""A package as npm's clients read it: the packument, full and abbreviated, and the manifest of one version. Pure.

`Packument` is data, whoever knows it; how it is said is the business of `Renderer` alone.
https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.npm.rules import LATEST, precedence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.formats.npm.signatures import Signer
    from entrepot.model.names import PackageName, ReferenceName

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
    manifest: Mapping[str, Any]
    """Its ``package.json``, less what the registry says itself."""
    file: str
    shasum: str
    integrity: str
    unpacked_size: int | None
    file_count: int | None
    published_at: datetime
    publisher: str
    deprecated: str | None = None
    provenance: str | None = None
    """The predicate type of its attestation."""
    readme: str | None = None
    readme_name: str | None = None


@dataclass(frozen=True, slots=True)
class Packument:
    """A package at one revision."""

    name: PackageName
    revision: str
    releases: Sequence[Release]
    """In the order in which they were published."""
    tags: Mapping[ReferenceName, ReferenceName]

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
            "dist-tags": package.complete_tags,
            "versions": {
                release.version: self._version(package, release) | {"maintainers": people}
                for release in package.releases
            },
            "time": _times(package),
            "maintainers": people,
            "users": {},
        }
        if latest is not None:
            document.update({key: latest.manifest[key] for key in _OF_LATEST if key in latest.manifest})
            document["readme"], document["readmeFilename"] = latest.readme or "", latest.readme_name or ""
        return msgspec.json.encode(document)

    def abbreviated(self, package: Packument) -> bytes:
        """What an installation needs."""
        return msgspec.json.encode(
            {
                "name": package.name,
                "modified": _modified(package),
                "dist-tags": package.complete_tags,
                "versions": {
                    release.version: _abbreviated(self._version(package, release)) for release in package.releases
                },
            }
        )

    def manifest(self, package: Packument, release: Release) -> bytes:
        """One version."""
        return msgspec.json.encode(self._version(package, release) | {"maintainers": _people(package)})

    def _version(self, package: Packument, release: Release) -> dict[str, Any]:
        version: dict[str, Any] = {
            "name": package.name,
            "version": release.version,
            **release.manifest,
            "_id": f"{package.name}@{release.version}",
            "_npmUser": _person(release.publisher),
            "dist": self._dist(package.name, release),
        }
        if release.deprecated is not None:
            version["deprecated"] = release.deprecated
        return version

    def _dist(self, name: PackageName, release: Release) -> dict[str, Any]:
        dist: dict[str, Any] = {
            "tarball": f"{self.registry_url}/{quote(name, safe='@/')}/-/{quote(release.file)}",
            "shasum": release.shasum,
            "integrity": release.integrity,
            "signatures": [self.signer.sign(name, release.version, release.integrity)],
        }
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


def _abbreviated(version: Mapping[str, Any]) -> dict[str, Any]:
    return {key: version[key] for key in _ABBREVIATED if key in version}


def _people(package: Packument) -> list[dict[str, str]]:
    """Whoever has published; what clients show as maintainers."""
    return [_person(name) for name in dict.fromkeys(release.publisher for release in package.releases)]


def _person(name: str) -> dict[str, str]:
    """Clients print what is missing as ``undefined``."""
    return {"name": name, "email": ""}


def _times(package: Packument) -> dict[str, str | None]:
    times: dict[str, str] = {release.version: print_time(release.published_at) for release in package.releases}
    return {"created": min(times.values(), default=None), "modified": _modified(package), **times}


def _modified(package: Packument) -> str | None:
    return max((print_time(release.published_at) for release in package.releases), default=None)


def print_time(time: datetime) -> str:
    """A time as JavaScript writes it."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
