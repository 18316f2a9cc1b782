"""What is inside a ``.crate``: a gzipped tar of one folder, whose ``Cargo.toml`` says what the crate is.

The whole archive is read once, so that what is kept can be unpacked; the manifest is held against what was announced.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import msgspec

from entrepot.archives.entry import shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_tar
from entrepot.formats.cargo.announcement import check_features
from entrepot.formats.cargo.semver import canonical_requirement
from entrepot.model.errors import InvalidArchive, InvalidMetadata
from entrepot.wire.call import misshapen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.archives.entry import Entry
    from entrepot.archives.tar import Content
    from entrepot.formats.cargo.announcement import Announcement, Dependency

LIMITS: Final = ArchiveLimits(entries=50_000, unpacked_size=2 * 1024 * 1024 * 1024)
_GZIP: Final = b"\x1f\x8b"
_MANIFEST: Final = "Cargo.toml"
_MANIFEST_SIZE: Final = 512 * 1024
_MOST_PARTS: Final = 20
_SOURCE: Final = ".cargo_vcs_info.json"
_SOURCE_SIZE: Final = 64 * 1024
_REVISION: Final = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True)
class Crate:
    """What a crate says of itself."""

    description: str | None = None
    documentation: str | None = None
    homepage: str | None = None
    repository: str | None = None
    license: str | None = None
    license_file: str | None = None
    rust_version: str | None = None
    edition: str | None = None
    keywords: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    revision: str | None = None
    """The commit that it was packed from."""


def examine(file: BinaryIO, said: Announcement) -> Crate:
    """Read a crate that was announced, and hold it against that. Raises `InvalidArchive`, `InvalidMetadata`."""
    manifest, found = _read(file, said.name, said.vers)
    _compare(manifest, said)
    return found


def examine_remote(file: BinaryIO, name: str, version: str) -> Crate:
    """Read a crate from another registry: what its index says of the rest is as that registry checked it.

    Raises `InvalidArchive`, `InvalidMetadata`.
    """
    manifest, found = _read(file, name, version)
    _require("package.name", manifest.package.name, name)
    _require("package.version", manifest.package.version, version)
    return found


def _read(file: BinaryIO, name: str, version: str) -> tuple[_Manifest, Crate]:
    folder = f"{name}-{version}"
    if file.read(2) != _GZIP:
        raise InvalidArchive(f"{folder}.crate", expected="a gzipped tar")
    found: dict[str, bytes] = {}
    for entry, content in open_tar(file, LIMITS).walk():
        _examine_member(entry, content, folder, found)
    if _MANIFEST not in found:
        raise InvalidArchive(f"{folder}/{_MANIFEST}", expected="a manifest in the crate")
    manifest = _read_manifest(found[_MANIFEST])
    package = manifest.package
    return manifest, Crate(
        description=package.description,
        documentation=package.documentation,
        homepage=package.homepage,
        repository=package.repository,
        license=package.license,
        license_file=package.license_file,
        rust_version=package.rust_version,
        edition=package.edition,
        keywords=package.keywords,
        categories=package.categories,
        revision=_revision(found.get(_SOURCE)),
    )


def _examine_member(entry: Entry, content: Content, folder: str, found: dict[str, bytes]) -> None:
    head, _, path = entry.path.partition("/")
    if head != folder:
        raise InvalidArchive(shown(entry.path), expected=f"a path in {folder}/")
    if not (entry.is_file or entry.is_folder):
        raise InvalidArchive(shown(entry.path), expected="a file or folder, no link or device")
    if path.lower() == _MANIFEST.lower():
        # Another case of the name is the manifest where file systems ignore case.
        if path != _MANIFEST or not entry.is_file:
            raise InvalidArchive(shown(entry.path), expected=f"one file called {_MANIFEST}")
        found[path] = content.read(_MANIFEST_SIZE)
    elif path == _SOURCE and entry.size <= _SOURCE_SIZE:
        found[path] = content.read()


# --- the manifest -------------------------------------------------------------------------------------------------


class _Package(msgspec.Struct, rename="kebab"):
    name: str
    version: str
    description: str | None = None
    documentation: str | None = None
    homepage: str | None = None
    repository: str | None = None
    license: str | None = None
    license_file: str | None = None
    rust_version: str | None = None
    edition: str | None = None
    links: str | None = None
    keywords: list[str] = []
    categories: list[str] = []


class _Detail(
    msgspec.Struct, rename={"default_features": "default-features", "default_features_before": "default_features"}
):
    version: str | None = None
    package: str | None = None
    optional: bool = False
    default_features: bool | None = None
    default_features_before: bool | None = None
    """How Cargo spelled it once."""
    features: list[str] = []


_Section = dict[str, str | _Detail]


class _Platform(msgspec.Struct, rename="kebab"):
    dependencies: _Section = {}
    dev_dependencies: _Section = {}
    build_dependencies: _Section = {}


class _Manifest(_Platform, rename="kebab", kw_only=True):
    package: _Package
    target: dict[str, _Platform] = {}
    features: dict[str, list[str]] = {}


def _read_manifest(content: bytes) -> _Manifest:
    # What the standard library does with a key grows with the square of its parts.
    if any(line.partition(b"=")[0].count(b".") > _MOST_PARTS for line in content.splitlines()):
        raise InvalidMetadata(_MANIFEST, expected=f"keys of at most {_MOST_PARTS} parts")
    try:
        document: dict[str, Any] = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidMetadata(_MANIFEST, expected="TOML in UTF-8", actual=str(error)[:200]) from error
    # Deprecated since 2015, and still read by Cargo.
    if "project" in document and "package" not in document:
        document["package"] = document.pop("project")
    try:
        return msgspec.convert(document, _Manifest)
    except msgspec.ValidationError as error:
        found = misshapen(_MANIFEST, error)
        raise InvalidMetadata(found.subject, expected=found.expected, actual=found.actual) from error


def _revision(content: bytes | None) -> str | None:
    """The commit in what Cargo writes of version control; None when it does not say one."""
    try:
        revision = msgspec.json.decode(content or b"{}", type=_Vcs).git.sha1
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return revision if _REVISION.fullmatch(revision) else None


class _Git(msgspec.Struct, frozen=True):
    sha1: str = ""


class _Vcs(msgspec.Struct):
    git: _Git = _Git()


# --- held against what was announced --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Need:
    """A dependency, as both sides say it."""

    alias: str
    kind: Literal["normal", "build", "dev"]
    target: str
    name: str
    requirement: str
    optional: bool
    default_features: bool
    features: frozenset[str]


def _compare(manifest: _Manifest, said: Announcement) -> None:
    _require("package.name", manifest.package.name, said.name)
    _require("package.version", manifest.package.version, said.vers)
    _require("package.links", manifest.package.links, said.links)
    check_features(manifest.features)
    for feature in sorted(manifest.features.keys() | said.features.keys()):
        _require(f"features.{feature}", _sorted(manifest.features, feature), _sorted(said.features, feature))
    inside = set(_needs(manifest))
    announced = {_announced(dependency) for dependency in said.deps}
    if inside != announced:
        differing = min(inside ^ announced, key=lambda need: (need.alias, need.kind, need.target))
        raise InvalidMetadata(
            f"dependency {differing.alias}",
            expected=f"what {_MANIFEST} in the crate says and what is announced to agree",
        )


def _require(what: str, inside: object, announced: object) -> None:
    if inside != announced:
        raise InvalidMetadata(f"{what} in {_MANIFEST}", expected=announced, actual=inside)


def _sorted(features: Mapping[str, list[str]], name: str) -> list[str] | None:
    return sorted(features[name]) if name in features else None


def _needs(manifest: _Manifest) -> list[_Need]:
    needs: list[_Need] = []
    for target, platform in [("", manifest), *manifest.target.items()]:
        sections: tuple[tuple[Literal["normal", "build", "dev"], _Section], ...] = (
            ("normal", platform.dependencies),
            ("build", platform.build_dependencies),
            ("dev", platform.dev_dependencies),
        )
        needs += [
            _need(alias, kind, target, detail=detail) for kind, section in sections for alias, detail in section.items()
        ]
    return needs


def _need(alias: str, kind: Literal["normal", "build", "dev"], target: str, *, detail: str | _Detail) -> _Need:
    if isinstance(detail, str):
        detail = _Detail(version=detail)
    said = detail.default_features if detail.default_features is not None else detail.default_features_before
    return _Need(
        alias=alias,
        kind=kind,
        target=_platform(target),
        name=detail.package or alias,
        requirement=canonical_requirement(detail.version or "*"),
        optional=detail.optional,
        default_features=said is not False,
        features=frozenset(detail.features),
    )


def _announced(dependency: Dependency) -> _Need:
    return _Need(
        alias=dependency.explicit_name_in_toml or dependency.name,
        kind=dependency.kind or "normal",
        target=_platform(dependency.target or ""),
        name=dependency.name,
        requirement=canonical_requirement(dependency.version_req),
        optional=dependency.optional,
        default_features=dependency.default_features,
        features=frozenset(dependency.features),
    )


def _platform(text: str) -> str:
    """``cfg(any(unix, windows,))`` without what Cargo takes out when it prints it."""
    return "".join(text.split()).replace(",)", ")")
