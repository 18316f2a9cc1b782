"""What is kept whatever happens to its names: the area of leases and holds.

A lease that has run out protects nothing, at once and by itself; its row is closed when somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.hold import Hold
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position


class Holds(Protocol):
    """What is leased or held, and why."""

    async def find(self, id: str) -> Hold | None:
        """A lease or a hold, also one that has ended."""

    async def list(
        self,
        namespace: NamespaceName,
        package: PackageId | None = None,
        *,
        leases: bool,
        digest: Digest | None = None,
        now: datetime | None,
        after: Position,
        limit: int,
    ) -> Sequence[Hold]:
        """A page of leases, or of holds, the oldest first: those that protect at a time, or (None) all that ever were."""

    async def list_expired(self, now: datetime, *, limit: int) -> Sequence[Hold]:
        """Leases that have run out and are not closed, those first that ran out first."""


class HoldChanges(Protocol):
    """What a change may do to them."""

    def find(self, id: str) -> Hold | None:
        """A lease or a hold, also one that has ended."""

    def open(self, hold: Hold) -> None:
        """Keep an artifact from this position on."""

    def renew(self, id: str, expires_at: datetime) -> None:
        """Let an open lease last until another time."""

    def close(self, id: str) -> bool:
        """Keep it no more; False when that is so already."""

    def count(self, package: PackageId, digest: Digest | None = None) -> int:
        """How many protect now: an artifact of the package, or (without one) anything in its namespace."""
