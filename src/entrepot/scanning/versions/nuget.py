"""NuGet's versions: semantic ones with up to four numbers, in which case does not count.

https://learn.microsoft.com/nuget/concepts/package-versioning
"""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions import semver
from entrepot.scanning.versions.text import checked

Key = tuple[tuple[int, ...], bool, tuple[tuple[int, int, str], ...]]

_NUMBERS: Final = 4
_VERSION: Final = re.compile(
    r"[vV]?(?P<numbers>[0-9]+(?:\.[0-9]+){0,3})(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]*)?"
)


def order(version: str) -> Key:
    """The key of a NuGet version. Raises `InvalidReference`."""
    match = _VERSION.fullmatch(checked(version))
    if match is None:
        raise InvalidReference(version, expected="a NuGet version, such as 1.2.3.4-rc.1")
    numbers = [int(each) for each in match["numbers"].split(".")]
    pre = match["pre"]
    return (
        (*numbers, *[0] * (_NUMBERS - len(numbers))),
        pre is None,
        semver.identifiers((pre or "").lower()),
    )
