"""Turns: what one process at a time may do, of all that share a catalog."""

from __future__ import annotations

from typing import Protocol


class Turn(Protocol):
    """Whoever has it keeps it until it is given back, or its process ends, however that ends."""

    async def take(self) -> None:
        """Return once it is ours."""

    def give_back(self) -> None:
        """Let another process have it."""
