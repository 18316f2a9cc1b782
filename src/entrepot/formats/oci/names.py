"""From an OCI ``<name>`` to a view and a package, of any format.

- ``acme/team/api`` is the package ``team/api`` of the namespace ``acme``; ``acme.prod/team/api`` sees only what is
  cleared for prod.
- ``acme/pypi/requests`` is the PyPI package ``requests``: the formats' names are reserved as first components.
- A name of one component belongs to the namespace ``library``.

A name of another format that OCI's grammar does not allow is written with escapes: each character that may not stand
where it stands becomes ``--`` and its UTF-8 bytes in hexadecimal. A name that begins with an escape gets an ``x``
before it, and one that begins with a literal ``x`` before an escape has that ``x`` escaped too. So every name has
exactly one spelling, and every spelling at most one name: ``Tool_v2`` is ``x--54ool_v2``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.formats.oci.rules import OCI, RULES
from entrepot.model.errors import InvalidName
from entrepot.model.names import FormatName, PackageId, PackageName, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.ports.formats import Rules

_DEFAULT_NAMESPACE: Final = "library"
_PLAIN: Final = re.compile(r"[a-z0-9]")
_SEPARATOR: Final = re.compile(r"[._-]")


def parse_name(text: str, formats: Mapping[FormatName, Rules]) -> tuple[View, PackageId]:
    """Read the ``<name>`` of a URL. Raises `InvalidName`."""
    head, slash, rest = text.partition("/")
    if not slash:
        head, rest = _DEFAULT_NAMESPACE, text
    view = View.parse(head)
    first, slash, name = rest.partition("/")
    if slash and first != OCI and first in formats:
        other = FormatName(first)
        return view, PackageId(view.namespace, other, formats[other].normalize(decode(name)))
    return view, PackageId(view.namespace, OCI, RULES.normalize(rest))


def namespace_of(path: Mapping[str, str]) -> str | None:
    """The namespace of the part ``name``, before anything is checked."""
    name = path.get("name")
    if name is None:
        return None
    head, slash, _ = name.partition("/")
    return head.partition(".")[0] if slash else _DEFAULT_NAMESPACE


def print_name(view: View, package: PackageId) -> str:
    """What `parse_name` reads."""
    if package.format == OCI:
        return f"{view}/{package.name}"
    return f"{view}/{package.format}/{encode(package.name)}"


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
