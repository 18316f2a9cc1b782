"""Names that people choose, each parsed once at the edge and trusted inside.

``str(x)`` is always what ``parse`` reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NewType

from entrepot.model.errors import InvalidName, InvalidReference

if TYPE_CHECKING:
    from typing import Self

NamespaceName = NewType("NamespaceName", str)
ChannelName = NewType("ChannelName", str)
PackageName = NewType("PackageName", str)
"""A package's name, normalised by the rules of its format."""
FormatName = NewType("FormatName", str)
ReferenceName = NewType("ReferenceName", str)
"""The name of a tag or a version."""
PrincipalName = NewType("PrincipalName", str)

_LABEL: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LABEL_LENGTH: Final = 63
_PATTERN_LENGTH: Final = 256
_REFERENCE: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._+-]{0,127}")
_NOBODY: Final = frozenset(
    {"anonymous", "collect", "entrepot", "operator", "recall", "repair", "retain", "scrub", "tier"}
)
"""What the journal calls those who act and are no principals."""
_PRINCIPAL: Final = re.compile(r"[a-z0-9](?:[a-z0-9._@-]{0,62}[a-z0-9])?")


def _parse_label(text: str, what: str) -> str:
    if len(text) > _LABEL_LENGTH or _LABEL.fullmatch(text) is None:
        raise InvalidName(
            text, expected=f"a {what}: lower-case letters, digits and single dashes, at most {_LABEL_LENGTH} characters"
        )
    return text


def parse_namespace(text: str) -> NamespaceName:
    """Read a namespace's name: no dots, they separate a channel. Raises `InvalidName`."""
    return NamespaceName(_parse_label(text, "namespace"))


def parse_channel(text: str) -> ChannelName:
    """Read a channel's name. Raises `InvalidName`."""
    return ChannelName(_parse_label(text, "channel"))


def parse_reference(text: str) -> ReferenceName:
    """Read a tag or version as any protocol may write it. Raises `InvalidReference`.

    OCI's own grammar is narrower (no ``+``); its format checks that.
    """
    if _REFERENCE.fullmatch(text) is None:
        raise InvalidReference(text, expected="letters, digits and . _ + -, at most 128 characters")
    return ReferenceName(text)


def parse_principal(text: str) -> PrincipalName:
    """Read the name of a user or robot. Raises `InvalidName`."""
    if text in _NOBODY:
        raise InvalidName(text, expected="a name that the journal does not give to the registry itself or to nobody")
    if _PRINCIPAL.fullmatch(text) is None:
        raise InvalidName(text, expected="lower-case letters, digits and . _ @ -, at most 64 characters")
    return PrincipalName(text)


@dataclass(frozen=True, slots=True, order=True)
class View:
    """What a client reads through: ``acme`` (everything) or ``acme.prod`` (what is cleared for prod; read-only)."""

    namespace: NamespaceName
    channel: ChannelName | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a view, the first segment of every protocol's URL. Raises `InvalidName`."""
        namespace, dot, channel = text.partition(".")
        return cls(parse_namespace(namespace), parse_channel(channel) if dot else None)

    @property
    def writable(self) -> bool:
        """Whether content can be pushed through this view."""
        return self.channel is None

    def covers(self, other: View) -> bool:
        """Whether whoever may look through this view may look through *other*."""
        return self.namespace == other.namespace and self.channel in (None, other.channel)

    def __str__(self) -> str:
        return self.namespace if self.channel is None else f"{self.namespace}.{self.channel}"


@dataclass(frozen=True, slots=True, order=True)
class PackageId:
    """A package's identity: whose, of which format, and its normalised name. Prints as ``acme/pypi/requests``."""

    namespace: NamespaceName
    format: FormatName
    name: PackageName

    @property
    def path(self) -> str:
        """Where it is inside its namespace: ``pypi/requests``."""
        return f"{self.format}/{self.name}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.path}"


@dataclass(frozen=True, slots=True)
class PackagePattern:
    """Which packages a right covers: a glob over package names, ``*`` for all of them.

    ``*`` stands for any run of characters (``/`` too), ``?`` for one.
    """

    text: str = "*"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises `InvalidName`."""
        if not 0 < len(text) <= _PATTERN_LENGTH or not text.isprintable():
            raise InvalidName(text[:300], expected=f"a pattern of 1 to {_PATTERN_LENGTH} printable characters")
        return cls(text)

    def matches(self, name: str) -> bool:
        """Whether *name* is among the packages that this pattern names."""
        return self.text == "*" or _compile(self.text).fullmatch(name) is not None

    def covers(self, other: PackagePattern) -> bool:
        """Whether every name that *other* matches is surely matched by this pattern.

        Sound, not complete: with wildcards on both sides only a literal prefix is compared.
        """
        if self.text in ("*", other.text):
            return True
        if "*" not in other.text and "?" not in other.text:
            return self.matches(other.text)
        prefix, star, rest = self.text.partition("*")
        return bool(star) and not rest and "?" not in prefix and other.text.startswith(prefix)

    def __str__(self) -> str:
        return self.text


EVERY_PACKAGE: Final = PackagePattern()


@lru_cache(maxsize=1024)
def _compile(glob: str) -> re.Pattern[str]:
    """Translate a glob so that matching takes linear time whatever the pattern.

    Each piece between two stars is found at its first place and never given back (an atomic group): were a later
    place needed for the rest, the first one serves as well.
    """
    head, *pieces = (re.escape(piece).replace(r"\?", ".") for piece in re.split(r"\*+", glob))
    if not pieces:
        return re.compile(head, re.DOTALL)
    *middle, tail = pieces
    return re.compile(head + "".join(f"(?>.*?{piece})" for piece in middle) + f".*{tail}", re.DOTALL)
