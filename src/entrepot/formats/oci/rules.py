"""How OCI names packages and versions."""

from __future__ import annotations

import re
from typing import Final

from entrepot.model.errors import InvalidName, InvalidReference
from entrepot.model.names import FormatName, PackageName, ReferenceName

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_NAME_LENGTH: Final = 255

OCI: Final = FormatName("oci")


class OciRules:
    """OCI distribution 1.1, "Pulling manifests": the grammars of ``<name>`` and ``<tag>``."""

    format = OCI

    def normalize(self, name: str) -> PackageName:
        """A package's name as it is; OCI has one spelling only. Raises `InvalidName`."""
        if len(name) > _NAME_LENGTH or _NAME.fullmatch(name) is None:
            raise InvalidName(
                name[:300], expected=f"lower-case components with single separators, at most {_NAME_LENGTH} characters"
            )
        return PackageName(name)

    def parse_version(self, text: str) -> ReferenceName:
        """Read a tag. Raises `InvalidReference`."""
        if _TAG.fullmatch(text) is None:
            raise InvalidReference(text[:200], expected="letters, digits and . _ -, at most 128 characters")
        return ReferenceName(text)


RULES: Final = OciRules()
