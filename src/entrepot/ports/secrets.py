"""Secrets that were found in what was published: an area of the catalog (`entrepot.ports.cursors` says what that is).

What was found is kept by the digest of the bytes that have it, so the same bytes are searched once, wherever they are;
the secrets themselves are never kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName


@dataclass(frozen=True, slots=True)
class FoundSecret:
    """A secret, and where in some bytes it lies."""

    name: str
    """``<rule>-<a few letters of its hash>``: the same wherever it is found."""
    rule: str
    path: str
    """Within the bytes; empty where they are no archive."""
    line: int
    excerpt: str
    """What may be shown of it."""
    token: str | None = None
    """The id of the token of this registry that it is."""


@dataclass(frozen=True, slots=True)
class Search:
    """What came of searching some bytes."""

    detector: int
    """The version of what searched."""
    secrets: tuple[FoundSecret, ...] = ()
    unread: int = 0
    """In how many places it could not be looked."""
    notes: tuple[str, ...] = ()
    """Why, of the first of them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that an artifact consists of: its manifest, its files and layers, and those of what it contains."""

    digest: Digest
    size: int
    present: bool
    """Whether they are here: layers that may not be distributed are not."""
    detector: int | None = None
    """The version of what searched them last; None when nothing did."""
    found: int = 0
    unread: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Somebody's word that a secret is none, or is meant to be there."""

    package: PackageId
    name: str
    reason: str
    actor: str
    expires_at: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Bytes of a package that have secrets."""

    id: tuple[int, int]
    """Its place in the list."""
    package: PackageId
    holder: Digest
    references: tuple[ReferenceName, ...]
    """What means them, or the artifact that has them."""
    secrets: tuple[FoundSecret, ...]


class Secrets(Protocol):
    """What was found."""

    async def list_parts(self, artifact: Digest, *, least: int) -> Sequence[Part]:
        """The bytes that an artifact consists of, without those of less than *least* bytes."""

    async def list_found(self, artifact: Digest) -> Sequence[tuple[Digest, FoundSecret]]:
        """The secrets in them, each with the bytes that have it."""

    async def list_places(
        self, namespace: NamespaceName, *, after: tuple[int, int], limit: int
    ) -> Sequence[SecretPlace]:
        """A page of all that is in a namespace and has secrets, package by package."""

    async def list_outdated(self, detector: int, *, limit: int) -> Sequence[tuple[PackageId, Digest]]:
        """Bytes that were searched by something older, each with a package that has them."""

    async def list_acceptances(self, package: PackageId) -> Sequence[Acceptance]:
        """Which secrets are accepted in a package, by name; also those whose time is over."""

    async def find_token(self, secret_hash: bytes) -> str | None:
        """The id of the token of this registry that has this hash, whether or not it still works."""


class SecretChanges(Protocol):
    """What a change may do to that."""

    def keep(self, searches: Mapping[Digest, Search]) -> None:
        """Know what came of searching some bytes, in place of what was known before."""

    def tell(self, package: PackageId, digest: Digest, detector: int) -> bool:
        """Remember that it was told of a package what these bytes in it have; False when it was told before."""

    def accept(self, acceptance: Acceptance) -> bool:
        """Let a secret be accepted in a package, in place of what was said of it before; False when that is the same."""

    def unaccept(self, package: PackageId, name: str) -> bool:
        """Let it be accepted no more; False when it is not."""
