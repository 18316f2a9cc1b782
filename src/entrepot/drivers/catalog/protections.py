"""Why an artifact cannot be deleted: deployments, leases and holds put together.

Most packages have nothing that is kept, and most artifacts little that they are kept for, so that is asked for first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.deployments import place_of
from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.namespace import ROLLBACK_TARGETS, ROLLBACK_TIME
from entrepot.model.protection import Protection, ProtectionKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.names import PackageId

PROTECTIONS: Final = load("protections")


class _Connection(Protocol):
    """What questions and changes have in common."""

    def one(self, statement: str, **parameters: object) -> tuple[Any, ...] | None: ...
    def all(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]: ...


class SqliteProtections:
    """Implements `entrepot.ports.protections.Protections`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, package: PackageId, digest: Digest, *, now: datetime, limit: int) -> Sequence[Protection]:
        """What protects an artifact."""
        return _find(self._questions, package, digest, now=now, limit=limit)


class SqliteProtectionQuestions:
    """Implements `entrepot.ports.protections.ProtectionQuestions`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Protection]:
        """What protects an artifact now."""
        return _find(self._session, package, digest, now=self._session.now, limit=limit)


def _find(
    connection: _Connection, package: PackageId, digest: Digest, *, now: datetime, limit: int
) -> Sequence[Protection]:
    ids = connection.one(PROTECTIONS.ids, **identity(package), digest=str(digest))
    if ids is None or connection.one(PROTECTIONS.any, package=ids[0]) == (0,):
        return ()
    above = [blob for (blob,) in connection.all(PROTECTIONS.above, package=ids[0], blob=ids[1])]
    asked = {"package": ids[0], "blobs": msgspec.json.encode(above).decode(), "limit": limit}
    horizon = rows.time_text(now - ROLLBACK_TIME)
    found = [
        *(_running(row) for row in connection.all(PROTECTIONS.running, **asked)),
        *(
            _rollback(row)
            for row in connection.all(PROTECTIONS.rollbacks, **asked, rollbacks=ROLLBACK_TARGETS, horizon=horizon)
        ),
        *(_held(row) for row in connection.all(PROTECTIONS.held, **asked, now=rows.time_text(now))),
    ]
    return found[:limit]


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
