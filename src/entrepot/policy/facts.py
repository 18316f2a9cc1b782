"""All that a policy can ask about an artifact: one table, checked when a policy is saved.

A fact that nobody has found out yet has no value: whatever asks for it is refused, so that *not examined* never looks
like *clean*. Each group that somebody has to find out has a ``known`` for those who want to ask in so many words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Self

Value = bool | int | str | tuple[str, ...] | Mapping[str, str] | tuple[Mapping[str, str], ...] | datetime | timedelta

LONGEST_LIST: Final = 100
"""Of a list so many elements are shown: evaluation is bounded, and so is what is bounded by a list's length."""
LONGEST_TEXT: Final = 1_024


class Kind(StrEnum):
    """CEL's types, as its documentation writes them."""

    BOOL = "bool"
    INT = "int"
    STRING = "string"
    STRINGS = "list(string)"
    MAP = "map(string, string)"
    MAPS = "list(map(string, string))"
    TIME = "timestamp"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a policy can ask."""

    name: str
    kind: Kind
    meaning: str
    at_once: bool = False
    """Whether it is known as soon as an artifact is published, before anything has examined it."""


FACTS: Final[tuple[Fact, ...]] = (
    Fact("owner", Kind.STRING, "The namespace that it is in.", at_once=True),
    Fact("format", Kind.STRING, "The package's format: `oci`, `pypi`, `npm` and so on.", at_once=True),
    Fact("name", Kind.STRING, "The package's name, as its format spells it.", at_once=True),
    Fact("version", Kind.STRING, "The version that is meant; empty for an artifact without one.", at_once=True),
    Fact("versions", Kind.STRINGS, "All versions that mean the artifact.", at_once=True),
    Fact("tags", Kind.STRINGS, "All tags that mean the artifact.", at_once=True),
    Fact("digest", Kind.STRING, "The artifact's digest.", at_once=True),
    Fact("media_type", Kind.STRING, "Its manifest's media type.", at_once=True),
    Fact("artifact_type", Kind.STRING, "What kind of artifact it is; empty where it does not say.", at_once=True),
    Fact("annotations", Kind.MAP, "What its manifest says of itself.", at_once=True),
    Fact("size", Kind.INT, "Bytes of its manifest and of all that this links.", at_once=True),
    Fact("files", Kind.STRINGS, "The names of its files.", at_once=True),
    Fact("published_by", Kind.STRING, "Who published it first.", at_once=True),
    Fact("now", Kind.TIME, "When the question is asked.", at_once=True),
    Fact("first_seen", Kind.TIME, "When it was first published here.", at_once=True),
    Fact("age", Kind.DURATION, "How long it has been here.", at_once=True),
    Fact("sealed", Kind.BOOL, "Whether the version takes no more files.", at_once=True),
    Fact("yanked", Kind.BOOL, "Whether nobody should newly pick the version.", at_once=True),
    Fact("deprecated", Kind.BOOL, "Whether there is something better than the version.", at_once=True),
    Fact(
        "hosted", Kind.BOOL, "Whether the package is published here, and does not come from an upstream.", at_once=True
    ),
    # --- where it goes ---
    Fact("channel", Kind.STRING, "The channel that it shall enter; empty at the other doors.", at_once=True),
    Fact("channels", Kind.STRINGS, "The channels that it is cleared for.", at_once=True),
    Fact("deployed", Kind.STRINGS, "The environments in which it runs, as whoever deploys reports."),
    Fact("previous.channel", Kind.STRING, "The channel before that one; empty for the first.", at_once=True),
    Fact("previous.cleared", Kind.BOOL, "Whether it is cleared for the channel before.", at_once=True),
    Fact("previous.soaked", Kind.DURATION, "How long it has been cleared for the channel before.", at_once=True),
    Fact("requested_by", Kind.STRING, "Who wants it in the channel.", at_once=True),
    Fact("approvals.count", Kind.INT, "How many people have approved it for the channel.", at_once=True),
    Fact("approvals.by", Kind.STRINGS, "Who they are.", at_once=True),
    # --- who says so ---
    Fact("signed.known", Kind.BOOL, "Whether its signatures have been looked for."),
    Fact("signed.registered", Kind.INT, "How many signers the namespace has that may vouch for the package."),
    Fact("signed.by", Kind.STRINGS, "The registered signers whose signature is verified."),
    Fact("signed.refused", Kind.INT, "How many signatures are there that do not verify."),
    Fact("signatures", Kind.MAPS, "Verified signatures, each with `signer`, `kind`, `predicate`, `issuer`, `subject`."),
    Fact("provenance.known", Kind.BOOL, "Whether provenance has been looked for."),
    Fact("provenance.present", Kind.BOOL, "Whether somebody says how it was built."),
    Fact("provenance.verified", Kind.BOOL, "Whether a registered signer says so."),
    Fact("provenance.builder", Kind.STRING, "Who built it; empty where nobody says."),
    Fact("provenance.repository", Kind.STRING, "From which repository; empty where nobody says."),
    Fact("provenance.commit", Kind.STRING, "From which commit; empty where nobody says."),
    Fact("provenance.level", Kind.INT, "The SLSA build level that the builder is trusted for."),
    # --- what is in it ---
    Fact("sbom.known", Kind.BOOL, "Whether there was an attempt to list what is in it."),
    Fact("sbom.present", Kind.BOOL, "Whether that is known: sent with it, or found out here."),
    Fact("sbom.generated", Kind.BOOL, "Whether it was found out here, and not sent."),
    Fact("sbom.components", Kind.INT, "How many components it has."),
    Fact("licences.known", Kind.BOOL, "Whether its licences have been read."),
    Fact("licences.categories", Kind.STRINGS, "Their categories, such as `permissive` or `strong-copyleft`."),
    Fact("licences.expressions", Kind.STRINGS, "The licences, as SPDX expressions."),
    Fact("licences.unknown", Kind.INT, "How many components have a licence that nobody can read."),
    Fact("findings.enabled", Kind.BOOL, "Whether there are any advisories to hold it against."),
    Fact("findings.known", Kind.BOOL, "Whether it was held against them."),
    Fact("findings.critical", Kind.INT, "Critical vulnerabilities that are not suppressed."),
    Fact("findings.high", Kind.INT, "High ones."),
    Fact("findings.medium", Kind.INT, "Medium ones."),
    Fact("findings.low", Kind.INT, "Low ones."),
    Fact("findings.unrated", Kind.INT, "Those whose severity nobody says."),
    Fact("findings.total", Kind.INT, "All of them, without those of what only a lockfile in an image declares."),
    Fact("findings.fixable", Kind.INT, "Those that a newer version of the component does not have."),
    Fact("findings.fixable_critical", Kind.INT, "Critical ones of those."),
    Fact("findings.fixable_high", Kind.INT, "High ones of those."),
    Fact("findings.exploited", Kind.INT, "Those that are known to be exploited."),
    Fact("findings.unknown", Kind.INT, "Components that could not be held against an advisory that is about them."),
    Fact(
        "findings.suppressed",
        Kind.INT,
        "Findings that somebody who may says do not matter, with a reason: they count for nothing else here.",
    ),
    Fact("findings.reported", Kind.INT, "Of all of them, those that only other scanners report."),
    Fact("findings.worst", Kind.STRING, "`none`, `unrated`, `low`, `medium`, `high` or `critical`."),
    Fact("findings.ids", Kind.STRINGS, "The advisories, the worst first."),
    Fact("findings.advisories_age", Kind.DURATION, "How long ago the newest advisories were read."),
    Fact("secrets.known", Kind.BOOL, "Whether it was searched for secrets."),
    Fact("secrets.count", Kind.INT, "How many secrets are in it that may be worth something: all but accepted ones."),
    Fact("secrets.certain", Kind.INT, "Those of them whose form leaves no doubt, such as tokens."),
    Fact("secrets.possible", Kind.INT, "Those of a form that public things have, too, such as the keys of tests."),
    Fact("secrets.live", Kind.INT, "Those that are tokens of this registry and work; they are certain, too."),
    Fact("secrets.accepted", Kind.INT, "Those that somebody has accepted, with a reason."),
    Fact("secrets.kinds", Kind.STRINGS, "Which kinds count, such as `aws-access-key`."),
    Fact("secrets.summary", Kind.STRING, "The same, in one line."),
    Fact("secrets.unread", Kind.INT, "In how many places nobody could look, such as damaged archives within."),
)

BY_NAME: Final[Mapping[str, Fact]] = {fact.name: fact for fact in FACTS}

_PYTHON: Final[Mapping[Kind, type | tuple[type, ...]]] = {
    Kind.BOOL: bool,
    Kind.INT: int,
    Kind.STRING: str,
    Kind.STRINGS: tuple,
    Kind.MAP: Mapping,
    Kind.MAPS: tuple,
    Kind.TIME: datetime,
    Kind.DURATION: timedelta,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an artifact, by the names of the table; what is not known is not in it."""

    values: Mapping[str, Value]

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Self:
        """These facts, with long lists and texts cut.

        Raises `TypeError` for what is not in the table, or is of another type: that is a bug of whoever found it out.
        """
        for name, value in values.items():
            fact = BY_NAME.get(name)
            right = fact is not None and isinstance(value, _PYTHON[fact.kind])
            if not right or (fact is not None and fact.kind is Kind.INT and isinstance(value, bool)):
                message = f"{name} is no fact, or not {value!r}"
                raise TypeError(message)
        return cls({name: _cut(value) for name, value in values.items()})

    @classmethod
    def read(cls, record: Mapping[str, object]) -> Self:
        """Read what `text` wrote; what is no fact any more, or was another kind of one, is left out."""
        values: dict[str, Value] = {}
        for name, told in record.items():
            fact = BY_NAME.get(name)
            value = None if fact is None else _read(fact.kind, told)
            if value is not None:
                values[name] = value
        return cls.of(values)

    def __getitem__(self, name: str) -> Value | None:
        """The fact's value; None when it is not known."""
        return self.values.get(name)

    def text(self) -> dict[str, object]:
        """The facts as JSON has them, sorted by name: what a decision was made on, for the record."""
        return {name: _plain(value) for name, value in sorted(self.values.items())}


def _cut(value: Value) -> Value:
    match value:
        case str():
            return value[:LONGEST_TEXT]
        case tuple():
            return tuple(_cut(each) for each in value[:LONGEST_LIST])  # type: ignore[return-value]  # of one kind, as before
        case Mapping():
            return {key[:LONGEST_TEXT]: text[:LONGEST_TEXT] for key, text in list(value.items())[:LONGEST_LIST]}
        case _:
            return value


def _read(kind: Kind, told: object) -> Value | None:
    match kind, told:
        case Kind.TIME, str():
            return datetime.fromisoformat(told)
        case Kind.DURATION, str():
            return timedelta(seconds=int(told.removesuffix("s")))
        case ((Kind.STRINGS | Kind.MAPS), list()):
            return tuple(told)
        case ((Kind.BOOL | Kind.INT | Kind.STRING | Kind.MAP), _) if isinstance(told, _PYTHON[kind]):
            return told  # type: ignore[return-value]  # of the kind that was just asked for
        case _:
            return None


def _plain(value: Value) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return f"{int(value.total_seconds())}s"
        case tuple():
            return [_plain(each) for each in value]
        case _:
            return value
