"""Versions that are numbers and nothing else: CRAN (which also takes dashes) and Hackage."""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

_VERSION: Final = re.compile(r"[0-9]+(?:[.-][0-9]+)*")
_DIGITS: Final = re.compile(r"[0-9]+")


def order(version: str) -> tuple[int, ...]:
    """The key of such a version. Raises `InvalidReference`."""
    text = checked(version)
    if _VERSION.fullmatch(text) is None:
        raise InvalidReference(version, expected="numbers with dots between them")
    return tuple(int(each) for each in _DIGITS.findall(text))
