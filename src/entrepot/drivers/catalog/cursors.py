"""How far the followers have read: the cursor area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog.statements import load
from entrepot.model.position import START, Position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session

CURSORS: Final = load("cursors")


class SqlCursors:
    """Implements `entrepot.ports.cursors.Cursors`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, follower: str) -> Position:
        """The position of the last entry that the follower has dealt with."""
        row = await self._questions.one(CURSORS.find_cursor, follower=follower)
        return START if row is None else Position(row[0])

    async def list(self) -> Mapping[str, Position]:
        """All of them, by the follower's name."""
        return {follower: Position(position) for follower, position in await self._questions.all(CURSORS.list_cursors)}


class SqlCursorChanges:
    """Implements `entrepot.ports.cursors.CursorChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def move(self, follower: str, position: Position) -> None:
        """Let the follower have dealt with all entries up to *position*."""
        self._session.run(CURSORS.move_cursor, follower=follower, position=position)
