"""What a schedule is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class Schedule:
    """An operation, and how often it is done."""

    name: str
    every_seconds: float
    run: Callable[[Registry], Awaitable[object]]
