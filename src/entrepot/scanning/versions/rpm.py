"""RPM's versions (rpm-version(7)): ``[epoch:]version[-release]``, each compared by words and numbers."""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Part = tuple[tuple[int, int, str], ...]
Key = tuple[int, Part, Part]

_VERSION: Final = re.compile(
    r"(?:(?P<epoch>[0-9]{1,10}):)?(?P<version>[0-9A-Za-z._+~^%{}]+)(?:-(?P<release>[0-9A-Za-z._+~^%{}]+))?"
)
_SEGMENT: Final = re.compile(r"[0-9]+|[A-Za-z]+|[~^]")

_TILDE: Final = (0, 0, "")
_END: Final = (1, 0, "")
_CARET: Final = (2, 0, "")
_WORD: Final = 3
_NUMBER: Final = 4
"""Before the end is what a tilde opens; a caret is behind it; any number is newer than any word."""


def order(version: str) -> Key:
    """The key of an RPM's epoch, version and release. Raises `InvalidReference`."""
    match = _VERSION.fullmatch(checked(version))
    if match is None:
        raise InvalidReference(version, expected="an RPM version, such as 1:3.0.7-25.el9_3")
    return int(match["epoch"] or 0), _part(match["version"]), _part(match["release"] or "")


def _part(text: str) -> Part:
    return (*(_segment(each) for each in _SEGMENT.findall(text)), _END)


def _segment(text: str) -> tuple[int, int, str]:
    if text == "~":
        return _TILDE
    if text == "^":
        return _CARET
    return (_NUMBER, int(text), "") if text.isdigit() else (_WORD, 0, text)
