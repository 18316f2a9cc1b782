"""What the catalog can see broken by itself: each invariant that is a matter of rows, as a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog.rows import time_text
from entrepot.drivers.catalog.statements import load

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

CHECKS: Final = vars(load("integrity"))
"""By name, ``I<number>_<what holds>``."""


def violations(connection: sqlite3.Connection, now: datetime) -> Iterator[tuple[str, str]]:
    """Every row of every check at a time: the invariant, and what is wrong."""
    parameters = {"now": time_text(now)}
    for table, row, other, _ in connection.execute("PRAGMA foreign_key_check"):
        yield "I2", f"row {row} of {table} has no other end in {other}"
    for name, statement in CHECKS.items():
        for (problem,) in connection.execute(statement, parameters):
            yield name.partition("_")[0], problem
