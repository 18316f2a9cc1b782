"""Debian's versions (deb-version(7)): ``[epoch:]upstream-version[-debian-revision]``."""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Part = tuple[tuple[int, ...] | int, ...]
Key = tuple[int, Part, Part]

_VERSION: Final = re.compile(
    r"(?:(?P<epoch>[0-9]{1,10}):)?(?P<upstream>[0-9A-Za-z][0-9A-Za-z.+~:-]*?)(?:-(?P<revision>[0-9A-Za-z.+~]*))?"
)
_STRETCH: Final = re.compile(r"(?P<words>[^0-9]*)(?P<number>[0-9]*)")
_END: Final = 0
_TILDE: Final = -1
_OTHERS: Final = 256


def order(version: str) -> Key:
    """The key of a Debian version. Raises `InvalidReference`."""
    match = _VERSION.fullmatch(checked(version))
    if match is None:
        raise InvalidReference(version, expected="a Debian version, such as 1:2.36-9+deb12u4")
    # A revision that is not there, or empty, is equal to 0.
    return int(match["epoch"] or 0), _part(match["upstream"]), _part(match["revision"] or "0")


def _part(text: str) -> Part:
    """Stretches of what is no digit, and numbers, by turns; ends so that ``1~`` is before ``1``, and that before ``1a``."""
    key: list[tuple[int, ...] | int] = []
    for match in _STRETCH.finditer(text):
        if match[0]:
            key += [(*(_weight(each) for each in match["words"]), _END), int(match["number"] or 0)]
    return (*key, (_END,))


def _weight(character: str) -> int:
    """A tilde is before the end, letters are before everything else."""
    if character == "~":
        return _TILDE
    return ord(character) if character.isalpha() else ord(character) + _OTHERS
