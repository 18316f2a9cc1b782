"""The transparency log: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog.rows import parse_time, time_text
from entrepot.drivers.catalog.statements import load
from entrepot.ports.log import Cosigned, LogHead, Seen, TileKey

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session

LOG: Final = load("log")


class SqlLog:
    """Implements `entrepot.ports.log.Log`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def head(self) -> LogHead | None:
        """The last checkpoint; None before the first."""
        return read_head(await self._questions.one(LOG.find_head))

    async def find_tiles(self, keys: Collection[TileKey]) -> Mapping[TileKey, bytes]:
        """The hashes of those of the tiles that there are."""
        found = {key: await self._questions.one(LOG.find_tile, level=key[0], number=key[1]) for key in keys}
        return {key: row[0] for key, row in found.items() if row is not None}

    async def cosigned(self) -> Cosigned | None:
        """The last checkpoint with signatures of witnesses; None before the first."""
        return _cosigned(await self._questions.one(LOG.find_cosigned))

    async def list_seen(self) -> list[Seen]:
        """What was seen of every log that is witnessed, by origin."""
        return [_seen(row) for row in await self._questions.all(LOG.list_seen)]


class SqlLogChanges:
    """Implements `entrepot.ports.log.LogChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def head(self) -> LogHead | None:
        """The last checkpoint; None before the first."""
        return read_head(self._session.one(LOG.find_head))

    def extend(self, head: LogHead, tiles: Mapping[TileKey, bytes]) -> None:
        """Let *head* be the last checkpoint, of a tree that has these tiles new or longer."""
        for (level, number), hashes in tiles.items():
            self._session.run(LOG.set_tile, level=level, number=number, hashes=hashes)
        self._session.run(
            LOG.set_head,
            size=head.size,
            root=head.root,
            note=head.note,
            journal_hash=head.journal_hash,
            signed_at=time_text(head.signed_at),
        )

    def cosigned(self) -> Cosigned | None:
        """The last checkpoint with signatures of witnesses; None before the first."""
        return _cosigned(self._session.one(LOG.find_cosigned))

    def set_cosigned(self, cosigned: Cosigned) -> None:
        """Let that be the last checkpoint with signatures of witnesses."""
        self._session.run(LOG.set_cosigned, size=cosigned.size, note=cosigned.note, at=time_text(cosigned.at))

    def seen(self, origin: str) -> Seen | None:
        """What was seen of a log last; None before the first time."""
        row = self._session.one(LOG.find_seen, origin=origin)
        return None if row is None else _seen(row)

    def see(self, seen: Seen) -> None:
        """Remember what was seen of a log."""
        self._session.run(
            LOG.see,
            origin=seen.origin,
            size=seen.size,
            root=seen.root,
            note=seen.note,
            at=time_text(seen.at),
        )


def read_head(row: tuple[Any, ...] | None) -> LogHead | None:
    """A row of the checkpoint's table."""
    if row is None:
        return None
    size, root, note, journal_hash, signed_at = row
    return LogHead(size, root, note, journal_hash, parse_time(signed_at))


def _seen(row: tuple[Any, ...]) -> Seen:
    origin, size, root, note, at = row
    return Seen(origin, size, root, note, parse_time(at))


def _cosigned(row: tuple[Any, ...] | None) -> Cosigned | None:
    return None if row is None else Cosigned(row[0], row[1], parse_time(row[2]))
