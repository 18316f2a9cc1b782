"""Turns: what one process at a time may do, of all that share a catalog."""

from __future__ import annotations

from typing import NewType, Protocol

Term = NewType("Term", int)
"""Which turn it is: each that is taken has a larger one. A catalog that is opened with a term takes changes under it
only until the next one has begun (a fencing token)."""


class Turn(Protocol):
    """Whoever has it keeps it until it is given back, its process ends, or nothing is heard of that process for long."""

    async def take(self) -> Term | None:
        """Return once it is ours, with its term; None where nobody can take it away from a process that lives.

        Raises `OSError` where this node cannot ask for it now.
        """

    async def lost(self) -> None:
        """Return once it is ours no more, or nobody can say so: another process may have it then, or take it."""

    async def close(self) -> None:
        """Give it back."""
