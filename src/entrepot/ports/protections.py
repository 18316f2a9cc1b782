"""Why an artifact cannot be deleted: the area that puts deployments, leases and holds together.

An artifact is protected when it runs somewhere, is one that may be rolled back to, is leased or held; so are what it
contains, its referrers, and what a version that once meant it has grown into.
Blobs need no question of their own: they stay while an artifact links them (I2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.protection import Protection


class Protections(Protocol):
    """What protects artifacts at a time."""

    async def find(self, package: PackageId, digest: Digest, *, now: datetime, limit: int) -> Sequence[Protection]:
        """What protects an artifact: what runs first, then what may be rolled back to, leases and holds."""

    async def find_any(
        self, package: PackageId, digests: Collection[Digest], *, now: datetime, limit: int
    ) -> Sequence[Protection]:
        """What protects any of some artifacts of a package, in the same order, and each once."""


class ProtectionQuestions(Protocol):
    """The same, inside of a change, as it stands then."""

    def find(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Protection]:
        """What protects an artifact now: what runs first, then what may be rolled back to, leases and holds."""

    def find_hold(self, package: PackageId, digests: Collection[Digest]) -> Protection | None:
        """A hold that any of some artifacts of a package is under, however much else protects them; a lease is none."""
