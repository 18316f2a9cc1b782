"""Packagist's versions, as Composer normalises and PHP compares them (getcomposer.org/doc/articles/versions.md).

``dev-main`` is a branch, not a version: it is older and newer than everything.
"""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Key = tuple[tuple[int, ...], int, tuple[int, ...], bool]

_NUMBERS: Final = 4
_RANKS: Final = {"alpha": 1, "a": 1, "beta": 2, "b": 2, "rc": 3, "": 4, "stable": 4, "patch": 5, "pl": 5, "p": 5}
_DEVELOPMENT: Final = 0
_VERSION: Final = re.compile(
    r"v?(?P<numbers>[0-9]+(?:[.:_-][0-9]+)*)"
    r"(?:[._-]?(?P<stage>stable|beta|b|rc|alpha|a|patch|pl|p)(?P<counts>[.-]?[0-9]+(?:[.-][0-9]+)*)?)?"
    r"(?P<dev>[.-]?dev)?(?:\+[0-9a-z.-]*)?",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"[0-9]+")


def order(version: str) -> Key:
    """The key of a release on Packagist. Raises `InvalidReference`."""
    text = checked(version)
    match = _VERSION.fullmatch(text)
    if match is None:
        raise InvalidReference(version, expected="a version of Composer, such as 1.2.3-beta2")
    numbers = [int(each) for each in _DIGITS.findall(match["numbers"])]
    counts = tuple(int(each) for each in _DIGITS.findall(match["counts"] or ""))
    stage, dev = (match["stage"] or "").lower(), match["dev"] is not None
    rank = _DEVELOPMENT if dev and not stage else _RANKS[stage]
    return (*numbers, *[0] * (_NUMBERS - len(numbers))), rank, counts, not dev
