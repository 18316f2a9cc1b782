"""Questions to the catalog outside of any change, each answered from one consistent state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from entrepot.drivers.catalog.statements import Statement


class Questions(Protocol):
    """What only reads. What each area of the catalog is asked goes through it."""

    async def one(self, statement: Statement, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""

    async def all(self, statement: Statement, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows: the statement has a limit, or its rows are few."""
