"""What a proxy says of a module's versions: the list, one version's time, the latest. Data apart from rendering."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.formats.go.rules import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.operations.read_package import StoredVersion

_ZERO: Final = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Release:
    """What is known of one version, wherever it comes from."""

    version: Version
    time: datetime | None
    """None when nobody said it, as a proxy need not."""
    yanked: bool


def releases(versions: Iterable[StoredVersion]) -> list[Release]:
    """What is stored. A version's time is what was said with it; or its commit's; or when it was published."""
    found = []
    for stored in versions:
        version = Version.parse(stored.metadata["version"])
        said = stored.metadata.get("time")
        time = datetime.fromisoformat(said) if said else version.pseudo_time or stored.published_at
        found.append(Release(version, time, stored.yanked is not None))
    return found


def encode_releases(found: Sequence[Release]) -> bytes:
    """What `decode_releases` reads."""
    return msgspec.json.encode([(str(release.version), release.time, release.yanked) for release in found])


def decode_releases(content: bytes, *, only: Version | None = None) -> list[Release]:
    """The releases that a worker remembers; or the one of a version, which takes less time."""
    rows = msgspec.json.decode(content, type=list[tuple[str, datetime | None, bool]])
    wanted = None if only is None else str(only)
    return [
        Release(Version.parse(version), time, yanked) for version, time, yanked in rows if wanted in (None, version)
    ]


def render_list(found: Iterable[Release]) -> bytes:
    """``@v/list``: what may be picked, from the lowest to the highest; no pseudo-versions, by the protocol."""
    picked = [release.version for release in found if not release.yanked and not release.version.is_pseudo]
    return "".join(f"{version}\n" for version in sorted(picked, key=lambda version: version.order)).encode()


def render_info(release: Release) -> bytes:
    """``@v/<version>.info`` and ``@latest``."""
    said = {"Version": str(release.version)}
    if release.time is not None:
        time = release.time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        said["Time"] = f"{time}Z"
    return msgspec.json.encode(said)


def find_latest(found: Sequence[Release]) -> Release | None:
    """The highest release; or the highest pre-release; or the newest pseudo-version; yanked ones last of all."""
    return max(found, key=_preference, default=None)


def _preference(release: Release) -> tuple[object, ...]:
    version = release.version
    return (
        not release.yanked,
        not version.is_pseudo,
        not version.is_prerelease,
        (release.time if version.is_pseudo else None) or _ZERO,
        version.order,
    )
