"""How Cargo names crates and versions, and where in a sparse index a crate stands."""

from __future__ import annotations

import re
from typing import Final, NewType

from entrepot.formats.cargo.semver import Version
from entrepot.model.errors import InvalidName
from entrepot.model.names import FormatName, PackageName, ReferenceName, parse_reference

CARGO: Final = FormatName("cargo")

CrateName = NewType("CrateName", str)
"""A crate's name as its author writes it."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
"""What Windows takes for devices: Cargo keeps the index in files of the crates' names."""


class CargoRules:
    """A crate has one name, however it is spelled: case does not tell two apart, nor do ``-`` and ``_``."""

    format = CARGO

    def normalize(self, name: str) -> PackageName:
        """The spelling that stands for all: lower case, with dashes. Raises `InvalidName`."""
        return PackageName(parse_crate_name(name).lower().replace("_", "-"))

    def parse_version(self, text: str) -> ReferenceName:
        """Read a version; its build metadata is left out, as it tells no two versions apart.

        Raises `InvalidReference`.
        """
        return parse_reference(Version.parse(text).release)


RULES: Final = CargoRules()


def parse_crate_name(text: str) -> CrateName:
    """Read a crate's name. Raises `InvalidName`."""
    if _NAME.fullmatch(text) is None or _RESERVED.fullmatch(text) is not None:
        raise InvalidName(
            text[:200],
            expected="a crate's name: letters, digits, - and _, first a letter, at most 64, no device of Windows",
        )
    return CrateName(text)


def index_path(name: str) -> str:
    """Where a crate of this name stands: ``1/a``, ``2/ab``, ``3/a/abc``, ``ab/cd/abcdef``."""
    name = name.lower()
    match len(name):
        case 1 | 2:
            return f"{len(name)}/{name}"
        case 3:
            return f"3/{name[0]}/{name}"
        case _:
            return f"{name[:2]}/{name[2:4]}/{name}"
