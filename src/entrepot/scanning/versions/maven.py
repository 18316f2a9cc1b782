"""Which version is newer, as Maven has it.

https://maven.apache.org/pom.html#version-order-specification: numbers are compared as numbers, words by what they mean
(``alpha`` < ``beta`` < ``milestone`` < ``rc`` < ``SNAPSHOT`` < nothing at all < ``sp`` < any other), a dash opens a part
of its own, and what means nothing at the end of a part is left away.
"""

from __future__ import annotations

import re
from functools import cmp_to_key
from typing import TYPE_CHECKING, Final, NamedTuple

from entrepot.scanning.versions.text import checked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import SupportsRichComparison

_QUALIFIERS: Final = ("alpha", "beta", "milestone", "rc", "snapshot", "", "sp")
_ALIASES: Final = {"ga": "", "final": "", "release": "", "cr": "rc"}
_SHORT: Final = {"a": "alpha", "b": "beta", "m": "milestone"}
"""What one letter stands for where a number follows it."""
_SEPARATORS: Final = frozenset(".-")
_PIECE: Final = re.compile(r"[0-9]+|[^0-9.-]+|[.-]")


class _Word(NamedTuple):
    rank: int
    text: str


_Item = int | _Word | list["_Item"]
_RELEASE: Final = _Word(_QUALIFIERS.index(""), "")


def order(version: str) -> SupportsRichComparison:
    """The key of a version: every short text is one. Raises `InvalidReference`."""
    return _order(_parse(checked(version)))


def sort_versions(versions: Iterable[str]) -> list[str]:
    """The versions, oldest first; the text decides between those that Maven holds for equal."""
    return sorted(sorted(versions), key=lambda version: _order(_parse(version)))


def _parse(version: str) -> list[_Item]:
    """The parts of a version, each a number, a word, or a list of further ones."""
    whole: list[_Item] = []
    part = whole
    opened = [whole]

    def begin() -> list[_Item]:
        inner: list[_Item] = []
        part.append(inner)
        opened.append(inner)
        return inner

    pieces = _PIECE.findall(version.lower())
    previous = "."
    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if piece in _SEPARATORS:
            if previous in _SEPARATORS:
                part.append(0)
            if piece == "-":
                part = begin()
        elif piece.isdecimal():
            if previous not in _SEPARATORS:
                part = begin()
            part.append(int(piece))
        else:
            # A word behind a number opens a part, and so does one at the end or before a number.
            if previous not in _SEPARATORS or (part and following not in (".", "-")):
                part = begin()
            part.append(_word(piece, followed_by_number=following.isdecimal()))
        previous = piece
    for each in reversed(opened):
        _normalize(each)
    return whole


def _word(text: str, *, followed_by_number: bool) -> _Word:
    meant = _SHORT.get(text, text) if followed_by_number else text
    meant = _ALIASES.get(meant, meant)
    return _Word(_QUALIFIERS.index(meant), "") if meant in _QUALIFIERS else _Word(len(_QUALIFIERS), meant)


def _normalize(part: list[_Item]) -> None:
    for at in range(len(part) - 1, -1, -1):
        if part[at] in (0, _RELEASE, []):
            del part[at]
        elif not isinstance(part[at], list):
            break


def _compare(left: _Item | None, right: _Item | None) -> int:
    if left is None:
        return 0 if right is None else -_compare_with_nothing(right)
    if right is None:
        return _compare_with_nothing(left)
    if isinstance(left, list) and isinstance(right, list):
        for at in range(max(len(left), len(right))):
            result = _compare(left[at] if at < len(left) else None, right[at] if at < len(right) else None)
            if result:
                return result
        return 0
    if _kind(left) != _kind(right):
        return _sign(_kind(left), _kind(right))
    return _sign(left, right)


def _kind(item: _Item) -> int:
    """``1.1`` is newer than ``1-1``, and that is newer than ``1-sp``."""
    return 2 if isinstance(item, int) else 1 if isinstance(item, list) else 0


def _compare_with_nothing(item: _Item) -> int:
    if isinstance(item, list):
        return next((result for each in item if (result := _compare_with_nothing(each))), 0)
    return int(item != 0) if isinstance(item, int) else _sign(item, _RELEASE)


def _sign(left: object, right: object) -> int:
    return int(left > right) - int(left < right)  # type: ignore[operator]


_order: Final = cmp_to_key(_compare)
