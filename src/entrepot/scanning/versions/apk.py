"""Alpine's versions (apk-package(5), "pkgver"): ``1.2.3b_rc1_p2~c0ffee-r4``."""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidReference
from entrepot.scanning.versions.text import checked

Key = tuple[tuple[int, int, int, str], ...]

_SUFFIXES: Final = ("alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p")
_RELEASE: Final = _SUFFIXES.index("cvs")
"""Suffixes before this one are of what is older than the release."""
_VERSION: Final = re.compile(
    r"(?P<first>[0-9]+)(?P<numbers>(?:\.[0-9]+)*)(?P<letter>[a-z])?"
    rf"(?P<suffixes>(?:_(?:{'|'.join(_SUFFIXES)})[0-9]*)*)(?:~(?P<commit>[0-9a-f]+))?(?:-r(?P<revision>[0-9]+))?"
)
_SUFFIX: Final = re.compile(r"_([a-z]+)([0-9]*)")

# What comes next decides when all before was equal: a pre-release is before the end, a further number behind everything.
_BEFORE, _END, _REVISION, _COMMIT, _COUNT, _BEHIND, _LETTER, _NUMBER = range(8)


def order(version: str) -> Key:
    """The key of an Alpine version. Raises `InvalidReference`."""
    match = _VERSION.fullmatch(checked(version))
    if match is None:
        raise InvalidReference(version, expected="an Alpine version, such as 3.1.4_rc1-r5")
    key = [(_NUMBER, 1, int(match["first"]), "")]
    key += (_number(each) for each in match["numbers"].split(".")[1:])
    if match["letter"]:
        key.append((_LETTER, 0, 0, match["letter"]))
    for name, count in _SUFFIX.findall(match["suffixes"]):
        rank = _SUFFIXES.index(name)
        key.append((_BEFORE if rank < _RELEASE else _BEHIND, 0, rank, ""))
        if count:
            key.append((_COUNT, 0, int(count), ""))
    if match["commit"]:
        key.append((_COMMIT, 0, 0, match["commit"]))
    if match["revision"]:
        key.append((_REVISION, 0, int(match["revision"]), ""))
    return (*key, (_END, 0, 0, ""))


def _number(text: str) -> tuple[int, int, int, str]:
    """With a leading zero it is compared as text: ``1.05`` is before ``1.5``."""
    return (_NUMBER, 0, 0, text) if text[0] == "0" else (_NUMBER, 1, int(text), "")
