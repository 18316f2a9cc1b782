"""From an OCI ``<name>`` to a view and a package, of any format.

- ``acme/team/api`` is the package ``team/api`` of the namespace ``acme``; ``acme.prod/team/api`` sees only what is
  cleared for prod.
- ``acme/pypi/requests`` is the PyPI package ``requests``: the formats' names are reserved as first components.
- A name of one component belongs to the namespace ``library``.

A name of another format that OCI's grammar does not allow is escaped (`entrepot.model.oci_name`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.formats.oci.rules import OCI, RULES
from entrepot.model.names import FormatName, PackageId, View
from entrepot.model.oci_name import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.ports.formats import Rules

_DEFAULT_NAMESPACE: Final = "library"


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
