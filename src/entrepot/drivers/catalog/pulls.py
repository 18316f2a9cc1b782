"""What was pulled, when and by whom: the area of pulls of the catalog."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.ports.pulls import Pulled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.ports.pulls import Pull

PULLS: Final = load("pulls")
_HOUR: Final = timedelta(hours=1)
_DAYS: Final = 400
_MOST: Final = 1_000
"""Artifacts that one file may belong to and that all count as pulled."""


class SqlPulls:
    """Implements `entrepot.ports.pulls.Pulls`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, package: PackageId, digest: Digest) -> Pulled | None:
        """What is known of an artifact's pulls; None where there were none."""
        row = await self._questions.one(PULLS.find_pull, **identity(package), digest=str(digest))
        if row is None:
            return None
        at, actor, days = row
        mask = int.from_bytes(days)
        return Pulled(rows.parse_time(at), actor, tuple(day for day in range(_DAYS) if mask >> day & 1))

    async def find_start(self) -> datetime | None:
        """Since when pulls are written down; None for as long as there has been anything to pull."""
        row = await self._questions.one(PULLS.find_start)
        return None if row is None else rows.parse_time(row[0])


class SqlPullChanges:
    """Implements `entrepot.ports.pulls.PullChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_last(self, package: PackageId, digest: Digest) -> datetime | None:
        """When an artifact was pulled last; None where it was not."""
        row = self._session.one(
            PULLS.last_pull,
            package=self._session.find_package_id(package),
            blob=self._session.find_blob_id(digest),
        )
        return None if row is None else rows.parse_time(row[0])

    def keep(self, pulls: Sequence[Pull]) -> None:
        """Write down what was pulled: of an artifact, of what contains it, and of those that a file belongs to."""
        for pull in pulls:
            package, blob = self._session.find_package_id(pull.package), self._session.find_blob_id(pull.digest)
            for (artifact,) in self._session.all(PULLS.meant, package=package, blob=blob, limit=_MOST):
                self._keep(package, artifact, pull)

    def _keep(self, package: int | None, artifact: int, pull: Pull) -> None:
        known = self._session.one(PULLS.last_pull, package=package, blob=artifact)
        mask = 1
        if known is not None:
            last = rows.parse_time(known[0])
            if pull.at - last < _HOUR:
                return  # By the hour is near enough, and the most wanted is written once an hour.
            mask |= int.from_bytes(known[1]) << (pull.at.date() - last.date()).days
        self._session.run(
            PULLS.keep_pull,
            package=package,
            blob=artifact,
            at=rows.time_text(pull.at),
            actor=pull.actor,
            days=(mask & (1 << _DAYS) - 1).to_bytes(_DAYS // 8).lstrip(b"\0"),
        )
