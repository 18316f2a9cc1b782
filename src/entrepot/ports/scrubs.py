"""How far the reading of all blobs again has come: the area of scrubs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class ScrubRound:
    """One round over all blobs, in the order of their digests."""

    began_at: datetime
    after: str = ""
    """The digest of the last blob that was read."""
    blobs: int = 0
    size: int = 0
    """Bytes that were read so far."""
    damaged: int = 0
    ended_at: datetime | None = None
    last_ended_at: datetime | None = None
    """When a round came to its end last, this one or one before it."""


class Scrubs(Protocol):
    """What is known of it."""

    async def find(self) -> ScrubRound | None:
        """The round that runs, or ran last; None before the first."""


class ScrubChanges(Protocol):
    """What a change may do to it."""

    def keep(self, scrub: ScrubRound) -> None:
        """Know how far it is."""
