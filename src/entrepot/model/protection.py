"""Why something cannot be deleted: what runs, what may be rolled back to, what is leased or held."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.deployment import Place
    from entrepot.model.digest import Digest


class ProtectionKind(StrEnum):
    """What protects it."""

    DEPLOYED = "deployed"
    ROLLBACK = "rollback"
    LEASE = "lease"
    MANUAL = "manual"
    LEGAL = "legal"


@dataclass(frozen=True, slots=True)
class Protection:
    """One reason why an artifact stays: who, since when, until when."""

    kind: ProtectionKind
    id: str
    digest: Digest
    """What it is on: the artifact, what contains it, what it refers to, or what its version has grown out of."""
    actor: str
    since: datetime
    until: datetime | None = None
    """When a lease runs out; of a rollback target, when it ran last."""
    holder: str = ""
    reason: str = ""
    place: Place | None = None

    def __str__(self) -> str:
        """In words: ``deployed as payments in prod on eu-1 since 2026-01-31 12:00Z``."""
        since = f"since {_shown(self.since)}"
        until = "" if self.until is None else _shown(self.until)
        match self.kind:
            case ProtectionKind.DEPLOYED:
                return f"deployed as {self.place} {since}"
            case ProtectionKind.ROLLBACK:
                return f"to be rolled back to for {self.place}, where it ran until {until}"
            case ProtectionKind.LEASE:
                return f"leased by {self.holder} until {until}: {self.reason}"
            case _:
                return f"under a {self.kind} hold of {self.holder} {since}: {self.reason}"


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%MZ}"
