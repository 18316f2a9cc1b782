"""RubyGems' versions (Gem::Version): numbers above words, and what is missing is 0."""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Key = tuple[tuple[int, int, int, str], ...]

_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
_SEGMENT: Final = re.compile(r"[0-9]+|[A-Za-z]+")

_WORD: Final = 0
_ZEROS: Final = 1
_NUMBER: Final = 2
_FOREVER: Final = (_ZEROS, 0, 0, "")
"""What every version ends with."""


def order(version: str) -> Key:
    """The key of a gem's version. Raises `InvalidReference`."""
    text = checked(version)
    if _VERSION.fullmatch(text) is None:
        raise InvalidReference(version, expected="a gem's version, such as 1.2.3.rc1")
    segments = _SEGMENT.findall(text.replace("-", ".pre."))
    first_word = next((at for at, segment in enumerate(segments) if not segment.isdigit()), len(segments))
    # Zeros before the first word do not count: 1.0.a is 1.a.
    release = segments[:first_word]
    while release and not int(release[-1]):
        release.pop()
    return _key([*release, *segments[first_word:]])


def _key(segments: list[str]) -> Key:
    """Zeros that follow each other are one entry, which says whether what follows is below or above more of them."""
    key: list[tuple[int, int, int, str]] = []
    zeros = 0
    for segment in segments:
        number = int(segment) if segment.isdigit() else None
        if number == 0:
            zeros += 1
            continue
        if zeros:
            key.append((_ZEROS, -1, zeros, "") if number is None else (_ZEROS, 1, -zeros, ""))
            zeros = 0
        key.append((_WORD, 0, 0, segment) if number is None else (_NUMBER, number, 0, ""))
    return (*key, _FOREVER)
