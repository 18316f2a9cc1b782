"""Two inventories side by side: what came, what went, what became another version or another licence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from entrepot.model.component import Relation

if TYPE_CHECKING:
    from entrepot.inventory.inventory import Inventory
    from entrepot.model.component import Component


class ChangeKind(StrEnum):
    """What became of a component."""

    ADDED = "added"
    REMOVED = "removed"
    VERSION = "version"
    LICENCE = "licence"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference."""

    kind: ChangeKind
    component: Component
    """As it is now; what was removed, as it was."""
    before: Component | None = None
    """What it was, when it is something else now."""


def diff(before: Inventory, after: Inventory) -> tuple[Change, ...]:
    """The differences, in the order of names. What the inventories are about is not compared."""
    old, new = _packages(before), _packages(after)
    found: list[Change] = []
    for key in sorted(old.keys() | new.keys()):
        found += _compare(old.get(key, {}), new.get(key, {}))
    return tuple(found)


def _packages(inventory: Inventory) -> dict[str, dict[str, Component]]:
    """The components of each package, by version."""
    packages: dict[str, dict[str, Component]] = {}
    for each in inventory.components:
        if each.relation is not Relation.SUBJECT:
            key = each.name if each.purl is None else str(each.purl.package)
            packages.setdefault(key, {}).setdefault(each.version or each.constraint or "", each)
    return packages


def _compare(old: dict[str, Component], new: dict[str, Component]) -> Iterator[Change]:
    gone = [old[version] for version in sorted(old.keys() - new.keys())]
    come = [new[version] for version in sorted(new.keys() - old.keys())]
    # One that went and one that came are one that changed; of more nobody knows which became which.
    if len(gone) == len(come) == 1:
        yield Change(ChangeKind.VERSION, come[0], gone[0])
    else:
        for each in gone:
            yield Change(ChangeKind.REMOVED, each)
        for each in come:
            yield Change(ChangeKind.ADDED, each)
    for version in sorted(old.keys() & new.keys()):
        if old[version].licence != new[version].licence:
            yield Change(ChangeKind.LICENCE, new[version], old[version])
