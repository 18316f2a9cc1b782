"""Retention: which versions of a package stay, by rules that a namespace sets, and why each of them does.

Rules are asked in order, of every name that an artifact has; the first that speaks of a name decides about it, and a
name that no rule speaks of stays. Whatever a rule names is a reason to stay: a version goes only when none holds, so age
and count together keep the last ones of a package that has been quiet for years. An artifact stays while one of its
names does.
What is decided here is a wish: what runs, is leased, held or cleared stays in any case (I9).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.model.errors import InvalidReference, InvalidRetention
from entrepot.model.names import EVERY_PACKAGE, FormatName, PackagePattern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, PackageId

MOST_RULES: Final = 100
_MOST_KEPT: Final = 1_000_000
_LONGEST: Final = timedelta(days=36_500)
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME: Final = 64
_NUMBERS: Final = re.compile(r"[vV=]?(?P<epoch>[0-9]+!)?(?P<major>[0-9]{1,18})(?:\.(?P<minor>[0-9]{1,18}))?")


class NameKind(StrEnum):
    """What an artifact is called by."""

    VERSION = "version"
    TAG = "tag"
    UNNAMED = "unnamed"
    """Nothing at all: its tags have moved on, or it never had any."""


class Line(StrEnum):
    """Of what the last ones are counted."""

    PACKAGE = "package"
    MAJOR = "major"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """What stays of the names that a rule speaks of; each condition is a reason to stay by itself."""

    name: str
    kinds: tuple[NameKind, ...] = (NameKind.VERSION, NameKind.TAG)
    """Of what it speaks."""
    formats: tuple[FormatName, ...] = ()
    """Of which formats; none means all."""
    packages: PackagePattern = EVERY_PACKAGE
    names: PackagePattern = EVERY_PACKAGE
    """Of which versions and tags."""
    everything: bool = False
    """Whether all that it speaks of stays."""
    last: int | None = None
    """How many stay, counted from the newest: versions by their format's order, tags and what has no name by time."""
    per: Line = Line.PACKAGE
    younger_than: timedelta | None = None
    pulled_within: timedelta | None = None
    cleared: bool = False
    """Whether what a channel shows is said to stay by this rule; it stays in any case."""

    def check(self) -> None:
        """Raise `InvalidRetention` for what says nothing, or more than can be meant."""
        if len(self.name) > _LONGEST_NAME or _NAME.fullmatch(self.name) is None:
            raise InvalidRetention(f"rule {self.name[:80]!r}", expected="a name of lower-case letters, digits and -")
        if not self.kinds:
            raise InvalidRetention(self.name, expected=f"kinds among {', '.join(NameKind)}")
        if self.last is not None and not 0 <= self.last <= _MOST_KEPT:
            raise InvalidRetention(self.name, expected=f"0 to {_MOST_KEPT} that are kept", actual=self.last)
        for span in (self.younger_than, self.pulled_within):
            if span is not None and not timedelta(0) < span <= _LONGEST:
                raise InvalidRetention(self.name, expected=f"more than nothing, at most {_LONGEST.days} days")
        conditions = (self.last, self.younger_than, self.pulled_within, self.cleared or None, self.everything or None)
        if all(condition is None for condition in conditions):
            # Whoever wants all of it gone says that none is kept.
            raise InvalidRetention(self.name, expected="something that stays; last = 0 for nothing at all")

    @property
    def document(self) -> dict[str, object]:
        """The rule as JSON has it; times in seconds, and nothing that is said by saying nothing."""
        said: dict[str, object] = {
            "kinds": list(self.kinds),
            "formats": list(self.formats),
            "packages": str(self.packages),
            "names": str(self.names),
            "everything": self.everything,
            "last": self.last,
            "per": self.per,
            "younger_than": None if self.younger_than is None else self.younger_than.total_seconds(),
            "pulled_within": None if self.pulled_within is None else self.pulled_within.total_seconds(),
            "cleared": self.cleared,
        }
        # To keep the last 0 says something.
        unsaid = ("None", "False", "[]", "*")
        return {"name": self.name} | {key: value for key, value in said.items() if str(value) not in unsaid}

    def speaks_of(self, package: PackageId) -> bool:
        """Whether it may speak of anything in a package."""
        return (not self.formats or package.format in self.formats) and self.packages.matches(package.name)


@dataclass(frozen=True, slots=True)
class Retention:
    """What a namespace keeps, and whether what it does not keep goes by itself."""

    rules: tuple[RetentionRule, ...] = ()
    automatic: bool = False
    """Whether the plans that are made every day are applied, too; else somebody looks at them first."""

    def check(self) -> None:
        """Raise `InvalidRetention`."""
        if len(self.rules) > MOST_RULES:
            raise InvalidRetention("rules", expected=f"at most {MOST_RULES}", actual=len(self.rules))
        for rule in self.rules:
            rule.check()
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise InvalidRetention("rules", expected="each with a name of its own")


# Values of which a plan makes a million are structs from here on: to make a data class takes ten times as long.


class Name(msgspec.Struct, frozen=True, gc=False):
    """One name of an artifact."""

    kind: NameKind
    text: str = ""


UNNAMED: Final = (Name(NameKind.UNNAMED),)

# A million artifacts are judged in one go, and to look a member of an enumeration up takes as long as all the rest.
_VERSION: Final = NameKind.VERSION
_PACKAGE: Final = Line.PACKAGE
_MAJOR: Final = Line.MAJOR


class Stored(msgspec.Struct, frozen=True, gc=False):
    """An artifact of a package, with what rules ask of it."""

    digest: Digest
    names: tuple[Name, ...]
    """`UNNAMED` for none."""
    at: datetime
    """Since when it is there."""
    pulled_at: datetime | None = None
    pulled_by: str = ""
    channel: ChannelName | None = None
    """One that shows it."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the rules say of an artifact."""

    stays: bool
    rule: str
    """Which rule decided; empty where none speaks of it."""
    reason: str
    """Why, in words."""


def judge(
    package: PackageId,
    rules: Sequence[RetentionRule],
    stored: Sequence[Stored],
    *,
    order: Callable[[str], Any],
    now: datetime,
    pulls_since: datetime | None = None,
) -> list[Verdict]:
    """What the rules say of every artifact of a package, in the order of *stored*.

    *order* is the format's own: the key of a version, `InvalidReference` for what is none. Before *pulls_since* nobody wrote down what was pulled: what was there by then counts as pulled at that time.
    """
    speaking = [rule for rule in rules if rule.speaks_of(package)]
    decided = [[(name, _first(speaking, name)) for name in each.names] for each in stored]
    places = _rank(stored, decided, order)
    verdicts = []
    for number, each in enumerate(stored):
        goes: list[Verdict] = []
        for which, (name, rule) in enumerate(decided[number]):
            said = _ask(name, rule, _Seen(each, places.get((number, which)), now, pulls_since))
            if said.stays:
                verdicts.append(said)
                break
            goes.append(said)
        else:
            verdicts.append(goes[0] if len(goes) == 1 else _joined(goes))
    return verdicts


class _Place(msgspec.Struct, frozen=True, gc=False):
    number: int
    """1 for the newest."""
    line: str


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """All that is looked at when a rule is asked."""

    stored: Stored
    place: _Place | None
    now: datetime
    pulls_since: datetime | None


def _first(rules: Sequence[RetentionRule], name: Name) -> RetentionRule | None:
    for rule in rules:
        if name.kind in rule.kinds and (not name.text or rule.names.matches(name.text)):
            return rule
    return None


def _rank(
    stored: Sequence[Stored],
    decided: Sequence[Sequence[tuple[Name, RetentionRule | None]]],
    order: Callable[[str], Any],
) -> dict[tuple[int, int], _Place]:
    """Where each name stands among those that it is counted with: of one rule, one kind and one line."""
    lines: dict[tuple[str, str, str], list[tuple[Any, int, int]]] = {}
    for number, names in enumerate(decided):
        for which, (name, rule) in enumerate(names):
            if rule is None or rule.last is None:
                continue
            kind, line, key = _key(name, rule.per, stored[number].at, order)
            lines.setdefault((rule.name, kind, line), []).append((key, number, which))
    places = {}
    for (_, _, line), members in lines.items():
        members.sort(key=lambda member: member[0], reverse=True)
        for place, (_, number, which) in enumerate(members, start=1):
            places[number, which] = _Place(place, line)
    return places


def _key(name: Name, per: Line, at: datetime, order: Callable[[str], Any]) -> tuple[str, str, Any]:
    """With what a name is counted, in which line of it, and where it stands there."""
    if name.kind is not _VERSION:
        return name.kind, "", at
    try:
        key = order(name.text)
    except InvalidReference:
        # What has no place in the order is counted by itself: it pushes nothing out, and nothing pushes it out.
        return "unordered", "", at
    return "ordered", _line_of(name.text, per), (key, at)


def _line_of(version: str, per: Line) -> str:
    if per is _PACKAGE:
        return ""
    match = _NUMBERS.match(version)
    if match is None:
        return ""
    major = f"{match['epoch'] or ''}{int(match['major'])}"
    return major if per is _MAJOR else f"{major}.{int(match['minor'] or 0)}"


def _ask(name: Name, rule: RetentionRule | None, seen: _Seen) -> Verdict:
    who = f"{name.kind} {name.text}" if name.text else "it has no name"
    if rule is None:
        return Verdict(stays=True, rule="", reason=f"{who}: no rule speaks of it")
    if rule.everything:
        return Verdict(stays=True, rule=rule.name, reason=f"{who}: all that the rule speaks of stays")
    against: list[str] = []
    for holds, text in _conditions(rule, seen):
        if holds:
            return Verdict(stays=True, rule=rule.name, reason=f"{who}: {text}")
        against.append(text)
    return Verdict(stays=False, rule=rule.name, reason=f"{who}: {', '.join(against)}")


def _conditions(rule: RetentionRule, seen: _Seen) -> Iterator[tuple[bool, str]]:
    """Each reason to stay that a rule names: whether it holds, and how that is said."""
    if rule.last is not None and seen.place is not None:
        of = f" of {seen.place.line}" if seen.place.line else ""
        kept = f"the last {rule.last} {'stays' if rule.last == 1 else 'stay'}" if rule.last else "none stays"
        yield seen.place.number <= rule.last, f"number {seen.place.number}{of} from the newest, {kept}"
    if rule.younger_than is not None:
        age = seen.now - seen.stored.at
        yield age < rule.younger_than, f"here for {_days(age)}, {_days(rule.younger_than)} count"
    if rule.pulled_within is not None:
        yield _pulled(seen, rule.pulled_within)
    if rule.cleared:
        channel = seen.stored.channel
        yield (False, "not cleared") if channel is None else (True, f"cleared for {channel}")


def _pulled(seen: _Seen, within: timedelta) -> tuple[bool, str]:
    stored, since = seen.stored, seen.pulls_since
    age = seen.now - stored.at
    if age < within:
        # Nobody can have left it alone for longer than it is there.
        return True, f"here for {_days(age)}, {_days(within)} without a pull count"
    if stored.pulled_at is not None:
        ago = seen.now - stored.pulled_at
        return ago < within, f"pulled {_days(ago)} ago by {stored.pulled_by}, {_days(within)} count"
    if since is not None and stored.at < since:
        return seen.now - since < within, f"not pulled since {since:%Y-%m-%d}, and nobody knows what was before"
    return False, "never pulled"


def _joined(goes: Sequence[Verdict]) -> Verdict:
    return Verdict(stays=False, rule=goes[0].rule, reason="; ".join(dict.fromkeys(each.reason for each in goes)))


def _days(span: timedelta) -> str:
    """A time as people say it: no more precise than anybody decides by."""
    hours = max(0, int(span.total_seconds() // 3600))
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004 (two days in hours)
