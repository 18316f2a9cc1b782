"""Which version of a package is newer, as its ecosystem has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from entrepot.scanning import ecosystems
from entrepot.scanning.versions import ORDERS, semver

if TYPE_CHECKING:
    from collections.abc import Callable


def order_of(ecosystem: str | None) -> Callable[[str], Any]:
    """The order of an ecosystem's versions: keys that compare, `InvalidReference` for what is no version there.

    What is of none is ordered by Semantic Versioning, as npm, Cargo and Helm are.
    """
    name = None if ecosystem is None else ecosystems.order_of(ecosystems.parse_subject(ecosystem, "any").ecosystem)
    return semver.order if name is None else ORDERS[name]
