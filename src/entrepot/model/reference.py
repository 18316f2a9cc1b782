"""Names for artifacts: versions, which never move, and tags, which may."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from entrepot.model.names import EVERY_PACKAGE, PackagePattern, ReferenceName

if TYPE_CHECKING:
    from entrepot.model.digest import Digest
    from entrepot.model.position import Position


class ReferenceKind(StrEnum):
    """Whether a name may ever mean something else."""

    VERSION = "version"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a name means in a package, from one journal position until another."""

    kind: ReferenceKind
    name: ReferenceName
    digest: Digest
    from_position: Position
    until_position: Position | None = None
    sealed: bool = False
    """A sealed version never changes; an open one may gain files (I4)."""
    yanked: str | None = None
    """Why new users should not pick it; None when they may."""
    deprecated: str | None = None


_LOOKS_LIKE_VERSION: Final = re.compile(r"v?\d+(\.\d+)+([-_+.][0-9A-Za-z._+-]*)?")
_FALLBACK: Final = re.compile(r"(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{64,128})(\.[a-z0-9]+)?")


def fallback_of(digest: Digest) -> ReferenceName:
    """The tag under which clients keep what refers to *digest*: no more than 64 digits (sha512 has 128)."""
    return ReferenceName(f"{digest.algorithm}-{digest.hex[:64]}")


def is_fallback(name: str) -> bool:
    """Whether *name* is a tag that clients keep for a digest, such as ``sha256-9f86….sig``.

    OCI distribution 1.1, "Referrers Tag Schema", and cosign's older ``.sig``, ``.att`` and ``.sbom``.
    Clients rewrite these as referrers come, so they always may move.
    """
    return _FALLBACK.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class TagRules:
    """A namespace's rules for the names of OCI artifacts.

    A name that looks like a version (``1.4``, ``v2.0.1-rc1``) or matches *versions* is a Version and never moves.
    Any other is a Tag; it moves freely if it matches *movable*, and else only for who may overwrite.
    """

    movable: tuple[PackagePattern, ...] = (EVERY_PACKAGE,)
    versions: tuple[PackagePattern, ...] = ()

    def kind_of(self, name: ReferenceName) -> ReferenceKind:
        """Tell a version from a tag."""
        if is_fallback(name):
            return ReferenceKind.TAG
        if _LOOKS_LIKE_VERSION.fullmatch(name) or any(pattern.matches(name) for pattern in self.versions):
            return ReferenceKind.VERSION
        return ReferenceKind.TAG

    def lets_move(self, name: ReferenceName) -> bool:
        """Whether a publisher may move the tag *name*."""
        return is_fallback(name) or any(pattern.matches(name) for pattern in self.movable)


DEFAULT_RULES: Final = TagRules()
"""What a new namespace has: versions never move, everything else does."""
