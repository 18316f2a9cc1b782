"""How far the reading of all blobs again has come: the area of scrubs of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.tier import Tier
from entrepot.ports.scrubs import Damaged, ScrubRound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId

SCRUBS: Final = load("scrubs")


class SqlScrubs:
    """Implements `entrepot.ports.scrubs.Scrubs`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self) -> ScrubRound | None:
        """The round that runs, or ran last; None before the first."""
        row = await self._questions.one(SCRUBS.find_round)
        if row is None:
            return None
        began_at, after, blobs, size, damaged, ended_at, last_ended_at = row
        return ScrubRound(
            began_at=rows.parse_time(began_at),
            after=after,
            blobs=blobs,
            size=size,
            damaged=damaged,
            ended_at=None if ended_at is None else rows.parse_time(ended_at),
            last_ended_at=None if last_ended_at is None else rows.parse_time(last_ended_at),
        )

    async def list_damaged(self, *, after: str = "", limit: int) -> Sequence[Damaged]:
        """A page of what is damaged, in the order of digests."""
        return [_damaged(row) for row in await self._questions.all(SCRUBS.list_damaged, after=after, limit=limit)]

    async def find_damaged(self, digest: Digest) -> Damaged | None:
        """What is known of damage to a blob; None for a sound one."""
        row = await self._questions.one(SCRUBS.find_damaged, digest=str(digest))
        return None if row is None else _damaged(row)

    async def count_unrepaired(self) -> int:
        """How many damaged blobs it was tried in vain to repair."""
        row = await self._questions.one(SCRUBS.count_unrepaired)
        return 0 if row is None else int(row[0])

    async def is_damaged(self, package: PackageId, digest: Digest) -> bool:
        """Whether a package has the blob, and its bytes are not what they were."""
        asked = {**identity(package), "digest": str(digest)}
        return await self._questions.one(SCRUBS.is_damaged_member, **asked) is not None


class SqlScrubChanges:
    """Implements `entrepot.ports.scrubs.ScrubChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, scrub: ScrubRound) -> None:
        """Know how far it is."""
        self._session.run(
            SCRUBS.keep_round,
            began_at=rows.time_text(scrub.began_at),
            after=scrub.after,
            blobs=scrub.blobs,
            bytes=scrub.size,
            damaged=scrub.damaged,
            ended_at=None if scrub.ended_at is None else rows.time_text(scrub.ended_at),
            last_ended_at=None if scrub.last_ended_at is None else rows.time_text(scrub.last_ended_at),
        )

    def note_damage(self, digest: Digest, problem: str) -> None:
        """Know what is wrong with a blob."""
        now = rows.time_text(self._session.now)
        self._session.run(SCRUBS.note_damage, digest=str(digest), problem=problem, now=now)

    def note_attempt(self, digest: Digest, outcome: str) -> None:
        """Know that it was tried to repair a blob, in vain."""
        now = rows.time_text(self._session.now)
        self._session.run(SCRUBS.note_attempt, digest=str(digest), outcome=outcome, now=now)

    def forget_damage(self, digest: Digest) -> None:
        """Know that nothing is wrong with it any more."""
        self._session.run(SCRUBS.forget_damage, digest=str(digest))


def _damaged(row: tuple[Any, ...]) -> Damaged:
    digest, size, tier, generation, inline, problem, at, tries, tried_at, outcome = row
    return Damaged(
        digest=Digest.parse(digest),
        size=size,
        tier=Tier(tier),
        generation=generation,
        inline=bool(inline),
        problem=problem or "its bytes are not what they were",
        found_at=None if at is None else rows.parse_time(at),
        tries=tries or 0,
        tried_at=None if tried_at is None else rows.parse_time(tried_at),
        outcome=outcome or "",
    )
