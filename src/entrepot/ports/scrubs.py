"""How far the reading of all blobs again has come, and what was found: the area of scrubs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.tier import Tier


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


@dataclass(frozen=True, slots=True)
class Damaged:
    """A blob whose bytes are not what they were: it is not served."""

    digest: Digest
    size: int
    tier: Tier
    generation: int
    inline: bool
    """Whether its bytes are in the catalog."""
    problem: str
    found_at: datetime | None = None
    tries: int = 0
    """How often it was tried to have it repaired, in vain."""
    tried_at: datetime | None = None
    outcome: str = ""
    """What came of that the last time."""


class Scrubs(Protocol):
    """What is known of it."""

    async def find(self) -> ScrubRound | None:
        """The round that runs, or ran last; None before the first."""

    async def list_damaged(self, *, after: str = "", limit: int) -> Sequence[Damaged]:
        """A page of what is damaged, in the order of digests."""

    async def find_damaged(self, digest: Digest) -> Damaged | None:
        """What is known of damage to a blob; None for a sound one."""

    async def count_unrepaired(self) -> int:
        """How many damaged blobs it was tried in vain to repair."""

    async def is_damaged(self, package: PackageId, digest: Digest) -> bool:
        """Whether a package has the blob, and its bytes are not what they were."""


class ScrubChanges(Protocol):
    """What a change may do to it."""

    def keep(self, scrub: ScrubRound) -> None:
        """Know how far it is."""

    def note_damage(self, digest: Digest, problem: str) -> None:
        """Know what is wrong with a blob."""

    def note_attempt(self, digest: Digest, outcome: str) -> None:
        """Know that it was tried to repair a blob, in vain."""

    def forget_damage(self, digest: Digest) -> None:
        """Know that nothing is wrong with it any more."""
