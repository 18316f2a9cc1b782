"""Turns: what one process at a time may do, of all that share a catalog."""

from __future__ import annotations

from typing import Protocol


class Turn(Protocol):
    """Whoever has it keeps it until it is given back, or its process ends, however that ends."""

    async def take(self) -> None:
        """Return once it is ours."""

    async def lost(self) -> None:
        """Return once it is ours no more, because nobody can say so: another process may have it then, or take it."""

    async def close(self) -> None:
        """Give it back."""
