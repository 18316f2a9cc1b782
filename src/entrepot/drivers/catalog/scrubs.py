"""How far the reading of all blobs again has come: the area of scrubs of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.statements import load
from entrepot.ports.scrubs import ScrubRound

if TYPE_CHECKING:
    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session

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
