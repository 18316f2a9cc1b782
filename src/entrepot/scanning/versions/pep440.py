"""Python's versions (https://packaging.python.org/specifications/version-specifiers/).

Advisories have bounds that were never valid, such as ``0.2.0-n653``: these sort right behind the longest beginning that
is a version, as a local version does, and among themselves by their words and numbers.
"""

from __future__ import annotations

import re
from typing import Final

from packaging.version import InvalidVersion, Version

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Key = tuple[tuple[object, ...], tuple[tuple[int, int, str], ...]]
"""Of plain tuples, which compare far faster than versions do: an inventory is held against thousands of bounds."""

_BEGINNING: Final = re.compile(r"v?(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*", re.IGNORECASE)
_WORD: Final = re.compile(r"[0-9]+|[a-z]+")


def order(version: str) -> Key:
    """The key of a release, also of one that is older than PEP 440. Raises `InvalidReference`."""
    text = checked(version)
    try:
        return _flat(Version(text)), ()
    except InvalidVersion:
        return _legacy(text)


def _legacy(text: str) -> Key:
    match = _BEGINNING.match(text)
    if match is None:
        raise InvalidReference(text, expected="a version that begins with a number, such as 1.2.3")
    begin, end = match.end(), len(text)
    # What follows the numbers may still be known, such as ``rc1``: the longest such beginning counts.
    for at in range(end - 1, begin, -1):
        try:
            return _flat(Version(text[:at])), _words(text[at:])
        except InvalidVersion:
            continue
    return _flat(Version(match[0])), _words(text[begin:])


def _flat(version: Version) -> tuple[object, ...]:
    """The order of releases as a tuple: 1.0.dev1 < 1.0a1 < 1.0rc1 < 1.0 < 1.0+local < 1.0.post1; 1.0 is 1.0.0."""
    release = version.release
    length = len(release)
    while length > 1 and release[length - 1] == 0:
        length -= 1
    if version.pre is not None:
        before: tuple[object, ...] = (0, *version.pre)
    else:
        # A development release of nothing but itself comes before all that have a phase.
        before = (-1,) if version.post is None and version.dev is not None else (1,)
    local = (
        ()
        if version.local is None
        else tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in version.local.split("."))
    )
    return (
        version.epoch,
        release[:length],
        before,
        -1 if version.post is None else version.post,
        (1,) if version.dev is None else (0, version.dev),
        local,
    )


def _words(rest: str) -> tuple[tuple[int, int, str], ...]:
    """Numbers above words, as in local versions; never empty, so that it is not the version that it begins with."""
    words = tuple((1, int(word), "") if word.isdigit() else (0, 0, word) for word in _WORD.findall(rest.lower()))
    return ((-1, 0, ""), *words)
