"""Upstreams: other registries that a namespace reads through to, and what of theirs it lets in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NewType

from entrepot.model.errors import Invalid, InvalidName
from entrepot.model.names import FormatName, PackagePattern

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Self

    from entrepot.model.names import NamespaceName

UpstreamName = NewType("UpstreamName", str)

ACTOR: Final = "upstream:"
"""What the journal calls an upstream whose versions were fetched: ``upstream:<name>``. No principal is called so."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_LENGTH: Final = 63
_PURL: Final = re.compile(r"pkg:(?P<format>[a-z0-9]+)/(?P<name>[^@]+|@[^@]+)(?:@(?P<version>[^@]+))?")
_PURL_LENGTH: Final = 512


def parse_upstream_name(text: str) -> UpstreamName:
    """Read what an upstream is called in its namespace. Raises `InvalidName`."""
    if len(text) > _NAME_LENGTH or _NAME.fullmatch(text) is None:
        raise InvalidName(
            text[:200],
            expected=f"an upstream's name: lower-case letters, digits and dashes, at most {_NAME_LENGTH} characters",
        )
    return UpstreamName(text)


@dataclass(frozen=True, slots=True)
class PurlPattern:
    """Packages and versions of one format, as a package URL with wildcards: ``pkg:npm/@acme/*``, ``pkg:pypi/x@1.*``.

    The name is the package's as this registry normalises it, and not percent-encoded; ``*`` is any run of characters.
    Without a version it stands for all of them.
    """

    format: FormatName
    name: PackagePattern
    version: PackagePattern | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises `Invalid`."""
        found = _PURL.fullmatch(text) if len(text) <= _PURL_LENGTH and text.isprintable() else None
        if found is None:
            raise Invalid(
                text[:200], expected="a package URL that may have wildcards: pkg:npm/@acme/* or pkg:pypi/name@1.*"
            )
        version = found["version"]
        return cls(
            FormatName(found["format"]),
            PackagePattern.parse(found["name"]),
            None if version is None else PackagePattern.parse(version),
        )

    def matches(self, format: FormatName, name: str, version: str | None) -> bool:
        """Whether it covers a version; or, without *version*, every version of the package."""
        return (
            self.format == format
            and self.name.matches(name)
            and (self.version is None or (version is not None and self.version.matches(version)))
        )

    def __str__(self) -> str:
        return f"pkg:{self.format}/{self.name}" + ("" if self.version is None else f"@{self.version}")


@dataclass(frozen=True, slots=True)
class UpstreamRules:
    """What of an upstream is let in."""

    allow: tuple[PurlPattern, ...] = ()
    """Only these, when there are any."""
    block: tuple[PurlPattern, ...] = ()
    """None of these."""
    cooldown: timedelta = timedelta(0)
    """How long a version that is new to us stays hidden."""
    exempt: tuple[PurlPattern, ...] = ()
    """These need no cooldown."""
    refresh: timedelta = timedelta(minutes=5)
    """How old an index may be before the upstream is asked whether it has changed."""

    def lets_in(self, format: FormatName, name: str, version: str | None = None) -> bool:
        """Whether a version may come from there at all; or, without *version*, whether any of the package may."""
        if any(pattern.matches(format, name, version) for pattern in self.block):
            return False
        if not self.allow:
            return True
        return any(
            pattern.matches(format, name, version)
            or (version is None and pattern.format == format and pattern.name.matches(name))
            for pattern in self.allow
        )

    def hidden_until(self, format: FormatName, name: str, version: str, first_seen: datetime) -> datetime:
        """When a version's cooldown ends; in the past when it has, or needs none."""
        if any(pattern.matches(format, name, version) for pattern in self.exempt):
            return first_seen
        return first_seen + self.cooldown


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another registry that a namespace reads through to, for one format."""

    namespace: NamespaceName
    format: FormatName
    name: UpstreamName
    url: str
    private: bool = False
    """Whether it may be at an address of a private network."""
    rules: UpstreamRules = field(default_factory=UpstreamRules)
    has_credentials: bool = False
    """Whether it is asked with credentials; what they are, nobody is told."""

    @property
    def actor(self) -> str:
        """What the journal calls it."""
        return f"{ACTOR}{self.name}"


def is_reserved(reserved: Iterable[PurlPattern], format: FormatName, name: str) -> bool:
    """Whether a name belongs to the namespace alone, so that no upstream is asked for it."""
    return any(pattern.matches(format, name, None) for pattern in reserved)
