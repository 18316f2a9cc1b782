"""Semantic Versioning 2.0.0, read as kindly as advisories are written: npm, crates, Hex, Pub and others.

https://semver.org/#spec-item-11. ``v1.2.3`` is 1.2.3, ``1.2`` is 1.2.0, and what follows ``+`` does not count.
"""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Key = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]

_VERSION: Final = re.compile(
    r"[vV=]?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+)(?:\.(?P<patch>[0-9]+))?)?"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]*)?"
)


def order(version: str) -> Key:
    """The key of a semantic version. Raises `InvalidReference`."""
    match = _VERSION.fullmatch(checked(version))
    if match is None:
        raise InvalidReference(version, expected="a semantic version, such as 1.2.3-rc.1")
    pre = match["pre"]
    return int(match["major"]), int(match["minor"] or 0), int(match["patch"] or 0), pre is None, identifiers(pre or "")


def identifiers(prerelease: str) -> tuple[tuple[int, int, str], ...]:
    """What the parts of a pre-release are compared by: numbers as numbers, and below words (11.4)."""
    return tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in prerelease.split(".") if word)
