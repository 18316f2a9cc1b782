"""A sparse index file: one line of JSON for each version, in the order in which they were published.

"Index Format" in The Cargo Book.
What a line says never changes, but for ``yanked``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.formats.cargo.metadata import crate_path
from entrepot.formats.cargo.semver import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from entrepot.operations.add_files import Metadata
    from entrepot.operations.read_package import StoredVersion

_NEWER_LINE: Final = 2
"""The form of a line whose features say ``dep:crate`` or ``crate?/feature``: older Cargos leave such lines out."""


@dataclass(frozen=True, slots=True)
class Release:
    """What the index says of one version, wherever it comes from."""

    metadata: Metadata
    checksum: str
    """SHA-256 of the crate, in hexadecimal."""
    yanked: bool
    published_at: datetime | None
    """None when another registry does not say."""

    @property
    def name(self) -> str:
        """The crate's name, as it was published."""
        return str(self.metadata["name"])

    @property
    def version(self) -> Version:
        """The whole version, with its build metadata."""
        return Version.parse(self.metadata["version"])


def releases(versions: Iterable[StoredVersion]) -> list[Release]:
    """What is stored, as the index says it."""
    found = []
    for version in versions:
        path = crate_path(version.metadata["name"], version.metadata["version"])
        digest = version.contents.files[path].digest
        found.append(Release(version.metadata, digest.hex, version.yanked is not None, version.published_at))
    return found


def render_index(found: Iterable[Release]) -> bytes:
    """The file."""
    return b"".join(msgspec.json.encode(_line(release)) + b"\n" for release in found)


def _line(release: Release) -> dict[str, Any]:
    metadata = release.metadata
    older, newer = _split(metadata["features"])
    line = {
        "name": metadata["name"],
        "vers": metadata["version"],
        "deps": metadata["dependencies"],
        "cksum": release.checksum,
        "features": older,
        "yanked": release.yanked,
    }
    if release.published_at is not None:
        line["pubtime"] = release.published_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    if newer:
        line |= {"features2": newer, "v": _NEWER_LINE}
    for key in ("links", "rust_version"):
        if key in metadata:
            line[key] = metadata[key]
    return line


def _split(features: Mapping[str, Sequence[str]]) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """The features that every Cargo reads, and those that Cargos before 1.60 do not."""
    older: dict[str, Sequence[str]] = {}
    newer: dict[str, Sequence[str]] = {}
    for name, values in features.items():
        is_new = any(value.startswith("dep:") or "?/" in value for value in values)
        (newer if is_new else older)[name] = values
    return older, newer


def summarize(found: Sequence[Release]) -> bytes:
    """What a search shows of a crate: the highest version that may be picked, and its description."""
    # Yanked versions and pre-releases only where there is nothing else.
    newest = max(found, key=lambda release: (not release.yanked, not release.version.pre, release.version.order))
    return msgspec.json.encode(
        {
            "name": newest.name,
            "max_version": newest.metadata["version"],
            "description": newest.metadata.get("description"),
        }
    )
