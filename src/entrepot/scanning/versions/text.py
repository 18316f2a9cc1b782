"""What every order asks of a version before it looks closer: that it is short, and plain."""

from __future__ import annotations

from typing import Final

from entrepot.model.errors import InvalidReference

_LONGEST: Final = 256


def checked(version: str) -> str:
    """The version without white space around it. Raises `InvalidReference`.

    Digits of other scripts are digits to Python, and to no ecosystem.
    """
    text = version.strip(" \t\r\n")
    if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        raise InvalidReference(ascii(version[:80]), expected=f"a version of 1 to {_LONGEST} plain characters")
    return text
