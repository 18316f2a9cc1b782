"""Which version of a package is newer, as its ecosystem has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from entrepot.scanning import ecosystems
from entrepot.scanning.versions import ORDERS, semver

if TYPE_CHECKING:
    from collections.abc import Callable

_BOUND: Final = r"(<=?|>=?|=)([^<>=,\s]+)"
_BOUNDS: Final = re.compile(f"{_BOUND}(?:,{_BOUND})*")


def order_of(ecosystem: str | None) -> Callable[[str], Any]:
    """The order of an ecosystem's versions: keys that compare, `InvalidReference` for what is no version there.

    What is of none is ordered by Semantic Versioning, as npm, Cargo and Helm are.
    """
    name = None if ecosystem is None else ecosystems.order_of(ecosystems.parse_subject(ecosystem, "any").ecosystem)
    return semver.order if name is None else ORDERS[name]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Versions by where they begin and end: ``<2.31``, ``>=1.2,<1.4``."""

    text: str

    @classmethod
    def find(cls, text: str) -> tuple[str, Self | None]:
        """What stands before a range, such as a package URL, and the range behind its ``@``; None when there is none."""
        subject, at, bounds = text.rpartition("@")
        return (subject, cls(bounds)) if at and _BOUNDS.fullmatch(bounds) else (text, None)

    def test(self, order: Callable[[str], Any]) -> Callable[[str], bool]:
        """What tells whether a version is inside, by an order. Both raise `InvalidReference` for what has no place in it."""
        bounds = [(sign, order(bound)) for sign, bound in re.findall(_BOUND, self.text)]

        def inside(version: str) -> bool:
            key = order(version)
            return all(_holds(key, sign, bound) for sign, bound in bounds)

        return inside

    def __str__(self) -> str:
        return self.text


def _holds(key: Any, sign: str, bound: Any) -> bool:
    below, above = bool(key < bound), bool(bound < key)
    return {"<": below, "<=": not above, ">": above, ">=": not below, "=": not (below or above)}[sign]
