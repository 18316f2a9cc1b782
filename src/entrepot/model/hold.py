"""What keeps an artifact, whatever its names mean: leases, which end by themselves, and holds, which somebody lifts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.position import Position


class HoldKind(StrEnum):
    """How long something is kept, and who ends it."""

    LEASE = "lease"
    """Until a time that its holder may put off: a replica, a build, a roll-out."""
    MANUAL = "manual"
    """Until somebody lifts it who may."""
    LEGAL = "legal"
    """The same, and placed only by who may lift it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason to keep an artifact of a package, with all that it contains and its referrers."""

    id: str
    package: PackageId
    digest: Digest
    kind: HoldKind
    holder: str
    """For whom it is kept, such as ``replica-eu-2``."""
    reason: str
    actor: str
    """Who took or placed it."""
    expires_at: datetime | None = None
    """When a lease protects no more, whether or not anybody has noticed."""
    from_position: Position | None = None
    until_position: Position | None = None
    at: datetime | None = None
    """When it began."""
    ended_at: datetime | None = None
    """When it was released, lifted, or found to have run out."""

    def is_live(self, now: datetime) -> bool:
        """Whether it protects."""
        return self.until_position is None and (self.expires_at is None or self.expires_at > now)
