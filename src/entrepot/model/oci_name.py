"""How the name of a package of any format is spelled where OCI's grammar for names holds.

Each character that may not stand where it stands becomes ``--`` and its UTF-8 bytes in hexadecimal. A name that begins
with an escape gets an ``x`` before it, and one that begins with a literal ``x`` before an escape has that ``x`` escaped
too. So every name has exactly one spelling, and every spelling at most one name: ``Tool_v2`` is ``x--54ool_v2``.
"""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidName
from entrepot.model.names import PackageName

_PLAIN: Final = re.compile(r"[a-z0-9]")
_SEPARATOR: Final = re.compile(r"[._-]")


def encode(name: str) -> str:
    """Spell the name of another format in OCI's grammar."""
    return "/".join(_encode_component(component) for component in name.split("/"))


def decode(text: str) -> PackageName:
    """Read what `encode` wrote. Raises `InvalidName` for any other spelling."""
    try:
        name = "/".join(_decode_component(component) for component in text.split("/"))
    except (UnicodeDecodeError, ValueError):
        raise InvalidName(text[:300], expected="escapes as documented") from None
    if encode(name) != text:
        raise InvalidName(text[:300], expected=encode(name)[:300])
    return PackageName(name)


def _encode_component(component: str) -> str:
    kept = [_is_kept(component, at) for at in range(len(component))]
    if kept and kept[0] and component[0] == "x" and not all(kept[1:2]):
        kept[0] = False
    pieces = [
        character if keep else "".join(f"--{byte:02x}" for byte in character.encode())
        for character, keep in zip(component, kept, strict=True)
    ]
    return ("x" if kept and not kept[0] else "") + "".join(pieces)


def _is_kept(component: str, at: int) -> bool:
    """Whether a character may stand as it is: letters and digits, and one separator between two of those."""
    character = component[at]
    if _PLAIN.fullmatch(character):
        return True
    inside = 0 < at < len(component) - 1
    return (
        inside
        and _SEPARATOR.fullmatch(character) is not None
        and _PLAIN.fullmatch(component[at - 1]) is not None
        and _PLAIN.fullmatch(component[at + 1]) is not None
    )


def _decode_component(component: str) -> str:
    if component.startswith("x--"):
        component = component[1:]
    content = bytearray()
    at = 0
    while at < len(component):
        if component.startswith("--", at):
            content += bytes.fromhex(component[at + 2 : at + 4])
            at += 4
        else:
            content += component[at].encode()
            at += 1
    return content.decode()
