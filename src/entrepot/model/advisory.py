"""What is known to be bad: advisories, what they are about, how bad it is, and what is known of a version."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """What an advisory is about: a package of an ecosystem, perhaps of one release of a distribution."""

    ecosystem: str
    """A purl's type, such as ``pypi``; of distributions their name, such as ``debian``."""
    name: str
    """As package URLs have it, with the namespace before a slash: ``org.acme/lib``, ``@acme/lib``."""
    release: str = ""
    """Of a distribution: ``12``, ``3.20``; nothing when it is not said, or there are none."""

    def covers(self, other: Subject) -> bool:
        """Whether what is said of this one is said of the other: of every release, or of that one."""
        return (self.ecosystem, self.name) == (other.ecosystem, other.name) and self.release in ("", other.release)


class Level(StrEnum):
    """The qualitative severity ratings (CVSS v4.0 specification, 6), and `unknown` where nobody rated."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """0 is the worst: what lists are sorted by. What nobody rated may be bad, and comes before what is low."""
        return _RANKS[self]


_RANKS: Final = {
    Level.CRITICAL: 0,
    Level.HIGH: 1,
    Level.MEDIUM: 2,
    Level.UNKNOWN: 3,
    Level.LOW: 4,
    Level.NONE: 5,
}


@dataclass(frozen=True, slots=True)
class Severity:
    """A level, with the score and vector that it comes from."""

    level: Level = Level.UNKNOWN
    score: float | None = None
    vector: str | None = None


class State(StrEnum):
    """What is known of a version and an advisory."""

    AFFECTED = "affected"
    UNKNOWN = "unknown"
    """It cannot be told: never to be taken for `unaffected`."""
    UNAFFECTED = "unaffected"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known, and where it is repaired."""

    state: State
    fixed: str | None = None
    """The first version after this one that is not affected, if the advisory says one."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An advisory, without saying what it is about."""

    id: str
    """As its database calls it: ``GHSA-…``, ``PYSEC-…``."""
    modified: datetime
    published: datetime | None = None
    withdrawn: datetime | None = None
    aliases: tuple[str, ...] = ()
    """Other names of the same flaw."""
    upstream: tuple[str, ...] = ()
    """The flaws that a distribution's notice is about."""
    summary: str = ""
    severity: Severity = field(default_factory=Severity)

    @property
    def names(self) -> frozenset[str]:
        """All that this one flaw is called; a notice about several is none of them."""
        return frozenset((self.id, *self.aliases, *(self.upstream if len(self.upstream) == 1 else ())))
