"""Time and chance, from outside, so that tests decide both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """What time it is, and an identifier that nobody has used."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def new_id(self) -> str:
        """A random UUID (version 4)."""
