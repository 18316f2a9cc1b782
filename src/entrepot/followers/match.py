"""Compares what is in new artifacts with what is known to be bad, as soon as it is known what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.operations.match import match_new_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.events import Entry
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class Match:
    """Implements `entrepot.followers.follower.Follower`.

    Whatever happened may have brought components: those that nobody compared yet are found by their numbers.
    """

    name: str = "match"

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:  # noqa: ARG002 (that they came is enough)
        """Compare all components that are new."""
        await match_new_components(registry)
