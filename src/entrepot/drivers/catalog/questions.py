"""Questions to the catalog outside of any change, each answered from one consistent state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entrepot.drivers.catalog.failures import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


class Questions:
    """The connection that only reads. What each area of the catalog is asked goes through it.

    SQLite answers inline: these coroutines never wait (0002).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def one(self, statement: str, **parameters: object) -> tuple[Any, ...] | None:
        """The first row, or None."""
        with translated():
            row: tuple[Any, ...] | None = self._connection.execute(statement, parameters).fetchone()
        return row

    async def all(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows: the statement has a limit, or its rows are few."""
        with translated():
            return self._connection.execute(statement, parameters).fetchall()

    def define(self, name: str, arguments: int, function: Callable[..., str | int | float | None]) -> None:
        """Let the statements that follow call *function*, until it is defined anew."""
        with translated():
            self._connection.create_function(name, arguments, function)
