"""The machine's clock and its random numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4


class SystemClock:
    """Implements `entrepot.ports.clock.Clock`."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def new_id(self) -> str:
        """A random UUID (version 4)."""
        return str(uuid4())
