"""Why an artifact cannot be deleted: deployments, leases and holds put together.

Most packages have nothing that is kept, and most artifacts little that they are kept for, so that is asked for first.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.deployments import place_of
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import Statement, load
from entrepot.model.digest import Digest
from entrepot.model.namespace import ROLLBACK_TARGETS, ROLLBACK_TIME
from entrepot.model.protection import Protection, ProtectionKind

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId

PROTECTIONS: Final = load("protections")


T = TypeVar("T")

_Asking = Generator[tuple[Statement, dict[str, Any]], list[tuple[Any, ...]], T]
_Dialogue = _Asking[Sequence[Protection]]
"""Asks one statement after another, and is sent the rows of each: of a question, or inside a change."""


class SqlProtections:
    """Implements `entrepot.ports.protections.Protections`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, package: PackageId, digest: Digest, *, now: datetime, limit: int) -> Sequence[Protection]:
        """What protects an artifact."""
        return await self.find_any(package, [digest], now=now, limit=limit)

    async def find_any(
        self, package: PackageId, digests: Collection[Digest], *, now: datetime, limit: int
    ) -> Sequence[Protection]:
        """What protects any of some artifacts."""
        dialogue = _find(package, digests, now=now, limit=limit)
        try:
            statement, parameters = next(dialogue)
            while True:
                statement, parameters = dialogue.send(await self._questions.all(statement, **parameters))
        except StopIteration as end:
            found: Sequence[Protection] = end.value
            return found


class SqlProtectionQuestions:
    """Implements `entrepot.ports.protections.ProtectionQuestions`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Protection]:
        """What protects an artifact now."""
        return self._ask(_find(package, [digest], now=self._session.now, limit=limit))

    def find_hold(self, package: PackageId, digests: Collection[Digest]) -> Protection | None:
        """A hold that any of some artifacts is under, however much else protects them."""
        return next(iter(self._ask(_find_hold(package, digests))), None)

    def _ask(self, dialogue: _Dialogue) -> Sequence[Protection]:
        try:
            statement, parameters = next(dialogue)
            while True:
                statement, parameters = dialogue.send(self._session.all(statement, **parameters))
        except StopIteration as end:
            found: Sequence[Protection] = end.value
            return found


def _find(package: PackageId, digests: Collection[Digest], *, now: datetime, limit: int) -> _Dialogue:
    asked = yield from _above(package, digests)
    if asked is None:
        return ()
    asked |= {"limit": limit}
    horizon = rows.time_text(now - ROLLBACK_TIME)
    running = yield PROTECTIONS.running, asked
    rollbacks = yield PROTECTIONS.rollbacks, {**asked, "rollbacks": ROLLBACK_TARGETS, "horizon": horizon}
    held = yield PROTECTIONS.held, {**asked, "now": rows.time_text(now)}
    found = [*map(_running, running), *map(_rollback, rollbacks), *map(_held, held)]
    return found[:limit]


def _find_hold(package: PackageId, digests: Collection[Digest]) -> _Dialogue:
    asked = yield from _above(package, digests)
    if asked is None:
        return ()
    return [_held(row) for row in (yield PROTECTIONS.hold, asked)]


def _above(package: PackageId, digests: Collection[Digest]) -> _Asking[dict[str, Any] | None]:
    """What some artifacts are kept for, as other statements ask for it; None where nothing is kept."""
    names = msgspec.json.encode([str(digest) for digest in digests]).decode()
    ids = yield PROTECTIONS.ids_of_many, {**identity(package), "digests": names}
    if not ids:
        return None
    package_id = ids[0][0]
    (kept,) = yield PROTECTIONS.any, {"package": package_id}
    if not kept[0]:
        return None
    seeds = msgspec.json.encode([blob for _, blob in ids]).decode()
    above = yield PROTECTIONS.above, {"package": package_id, "seeds": seeds}
    return {"package": package_id, "blobs": msgspec.json.encode([each for (each,) in above]).decode()}


def _running(row: tuple[Any, ...]) -> Protection:
    id, digest, actor, since, *place = row
    return Protection(
        ProtectionKind.DEPLOYED,
        str(id),
        Digest.parse(digest),
        actor,
        rows.parse_time(since),
        place=place_of(*place),
    )


def _rollback(row: tuple[Any, ...]) -> Protection:
    id, digest, actor, since, *place, until = row
    return Protection(
        ProtectionKind.ROLLBACK,
        str(id),
        Digest.parse(digest),
        actor,
        rows.parse_time(since),
        until=rows.parse_time(until),
        place=place_of(*place),
    )


def _held(row: tuple[Any, ...]) -> Protection:
    id, digest, actor, since, kind, holder, reason, expires_at = row
    return Protection(
        ProtectionKind(kind),
        id,
        Digest.parse(digest),
        actor,
        rows.parse_time(since),
        until=None if expires_at is None else rows.parse_time(expires_at),
        holder=holder,
        reason=reason,
    )
