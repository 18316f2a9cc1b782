"""How far the followers of the journal have read.

An *area* of the catalog: a few tables that only some operations know, with a protocol for questions
(`entrepot.ports.catalog.Catalog` has it as an attribute) and one for changes (`Transaction` has that).
So the catalog grows by files, and what changes together is still one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.model.position import Position


class Cursors(Protocol):
    """Where each follower is."""

    async def find(self, follower: str) -> Position:
        """The position of the last entry that the follower has dealt with."""

    async def list(self) -> Mapping[str, Position]:
        """All of them, by the follower's name."""


class CursorChanges(Protocol):
    """What a change may do to them: no event, for nothing that anybody sees is changed."""

    def move(self, follower: str, position: Position) -> None:
        """Let the follower have dealt with all entries up to *position*; back, to let it read them again."""
