"""What is kept whatever happens to its names: the area of leases and holds of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.hold import Hold, HoldKind
from entrepot.model.position import Position

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import NamespaceName, PackageId

HOLDS: Final = load("holds")


class SqlHolds:
    """Implements `entrepot.ports.holds.Holds`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, id: str) -> Hold | None:
        """A lease or a hold, also one that has ended."""
        row = await self._questions.one(HOLDS.find_hold, id=id)
        return None if row is None else _hold(row)

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
        """A page of leases, or of holds, the oldest first."""
        where = {"namespace": namespace, "format": None, "package": None} if package is None else identity(package)
        found = await self._questions.all(
            HOLDS.list_holds,
            **where,
            leases=leases,
            digest=None if digest is None else str(digest),
            now=None if now is None else rows.time_text(now),
            after=after,
            limit=limit,
        )
        return [_hold(row) for row in found]

    async def list_expired(self, now: datetime, *, limit: int) -> Sequence[Hold]:
        """Leases that have run out and are not closed."""
        return [
            _hold(row) for row in await self._questions.all(HOLDS.list_expired, now=rows.time_text(now), limit=limit)
        ]


class SqlHoldChanges:
    """Implements `entrepot.ports.holds.HoldChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, id: str) -> Hold | None:
        """A lease or a hold, also one that has ended."""
        row = self._session.one(HOLDS.find_hold, id=id)
        return None if row is None else _hold(row)

    def open(self, hold: Hold) -> None:
        """Keep an artifact from this position on."""
        self._session.run(
            HOLDS.open_hold,
            id=hold.id,
            package=self._session.package_id(hold.package),
            blob=self._session.blob_id(hold.digest),
            kind=hold.kind,
            holder=hold.holder,
            reason=hold.reason,
            actor=hold.actor,
            expires_at=None if hold.expires_at is None else rows.time_text(hold.expires_at),
            position=self._session.position,
        )

    def renew(self, id: str, expires_at: datetime) -> None:
        """Let an open lease last until another time."""
        self._session.run(HOLDS.renew_lease, id=id, expires_at=rows.time_text(expires_at))

    def close(self, id: str) -> bool:
        """Keep it no more; False when that is so already."""
        return self._session.run(HOLDS.close_hold, id=id, position=self._session.position) > 0

    def count(self, package: PackageId, digest: Digest | None = None) -> int:
        """How many protect now."""
        where = {"package": self._session.package_id(package), "now": rows.time_text(self._session.now)}
        if digest is None:
            return int(self._session.returned(HOLDS.count_in_namespace, **where)[0])
        blob = self._session.find_blob_id(digest)
        return int(self._session.returned(HOLDS.count_on_artifact, **where, blob=blob)[0])


def _hold(row: tuple[Any, ...]) -> Hold:
    id, owner, format_, name, digest, kind, holder, reason, actor, expires_at, start, end, at, ended_at = row
    return Hold(
        id=id,
        package=rows.package_id(owner, format_, name),
        digest=Digest.parse(digest),
        kind=HoldKind(kind),
        holder=holder,
        reason=reason,
        actor=actor,
        expires_at=None if expires_at is None else rows.parse_time(expires_at),
        from_position=Position(start),
        until_position=None if end is None else Position(end),
        at=None if at is None else rows.parse_time(at),
        ended_at=None if ended_at is None else rows.parse_time(ended_at),
    )
