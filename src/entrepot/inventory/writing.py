"""What both writers of SBOMs share: an order that does not depend on how an inventory was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from entrepot.inventory.inventory import Edge, Inventory
from entrepot.model.component import Component

TOOL: Final = "entrepot"


def ordered(inventory: Inventory) -> Inventory:
    """The same, with its components in the order in which they are written."""
    order = sorted(range(len(inventory.components)), key=lambda at: _key(inventory.components[at]))
    places = {before: after for after, before in enumerate(order)}
    return replace(
        inventory,
        components=tuple(inventory.components[at] for at in order),
        edges=tuple(
            sorted(
                {Edge(places[edge.source], places[edge.target]) for edge in inventory.edges},
                key=lambda edge: (edge.source, edge.target),
            )
        ),
    )


def _key(component: Component) -> tuple[object, ...]:
    return (
        component.relation.rank,
        "" if component.purl is None else str(component.purl),
        component.name,
        component.version or "",
        component.found_in,
        component.constraint or "",
        component.hashes,
        component.licence or "",
        component.kind,
    )
