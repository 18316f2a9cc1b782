"""What the catalog can see broken by itself: each invariant that is a matter of rows, as a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog.rows import time_text
from entrepot.drivers.catalog.statements import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions

CHECKS: Final = vars(load("integrity"))
"""By name, ``I<number>_<what holds>``."""


async def violations(questions: Questions, now: datetime) -> Sequence[tuple[str, str]]:
    """Every row of every check: the invariant, and what is wrong."""
    return [
        (name.partition("_")[0], problem)
        for name, statement in CHECKS.items()
        for (problem,) in await questions.all(statement, now=time_text(now))
    ]
