"""Which version of a package is newer, as its format has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.scanning.versions import golang, maven, pep440, semver

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.model.names import FormatName

_ORDERS: Final[dict[str, Callable[[str], Any]]] = {"go": golang.order, "maven": maven.order, "pypi": pep440.order}


def order_of(format: FormatName) -> Callable[[str], Any]:
    """The order of a format's versions: keys that compare, `InvalidReference` for what is no version there.

    What has no order of its own is ordered by Semantic Versioning, as npm, Cargo and Helm are.
    """
    return _ORDERS.get(format, semver.order)
