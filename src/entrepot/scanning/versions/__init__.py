"""Which version is newer, as each ecosystem has it.

Every order is a function from a version to a key: keys of one order can be compared with each other, and a text that is
no version of the ecosystem raises `InvalidReference`.
That is never taken for an answer: who asks whether such a version is affected is told that nobody knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from entrepot.scanning.versions import apk, composer, dotted, dpkg, gem, golang, maven, nuget, pep440, rpm, semver

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERS: Final[dict[str, Callable[[str], Any]]] = {
    "apk": apk.order,
    "composer": composer.order,
    "dotted": dotted.order,
    "dpkg": dpkg.order,
    "gem": gem.order,
    "golang": golang.order,
    "maven": maven.order,
    "nuget": nuget.order,
    "pep440": pep440.order,
    "rpm": rpm.order,
    "semver": semver.order,
}
"""By name: what an `Ecosystem` says its versions are ordered by."""
