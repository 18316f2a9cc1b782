"""An inventory: what an SBOM says, whatever it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.component import Relation

if TYPE_CHECKING:
    from entrepot.model.component import Component


@dataclass(frozen=True, slots=True)
class Edge:
    """One component depends on another; each is a place among an inventory's components."""

    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is in something, or needed by it."""

    components: tuple[Component, ...]
    """The subject among them, if it is said what the inventory is about."""
    edges: tuple[Edge, ...] = ()
    tools: tuple[str, ...] = ()
    """What wrote it: ``syft 1.18.1``."""
    created: str | None = None
    """When, as it is written."""
    unread: tuple[str, ...] = ()
    """What could not be looked into, and why: what is in it is not known."""

    @property
    def subject(self) -> Component | None:
        """What it is about."""
        return next((each for each in self.components if each.relation is Relation.SUBJECT), None)
