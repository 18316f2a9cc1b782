"""Advisories in the Open Source Vulnerability format (https://ossf.github.io/osv-schema/, 1.7), for hostile input.

What is read is what decides: who is affected, how bad it is, where it is repaired, what else it is called. The record
itself is kept as it was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeAlias

import msgspec

from entrepot.model.advisory import Notice, Severity, State, Subject
from entrepot.model.errors import InvalidMetadata, InvalidName, InvalidReference, TooLarge
from entrepot.model.nul import without_nul
from entrepot.scanning.ecosystems import order_of, parse_subject
from entrepot.scanning.rules import Compiled, Interval, Rule
from entrepot.scanning.severity import judge_severity
from entrepot.scanning.versions import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LONGEST: Final = 16 * 1024 * 1024
"""The longest records that are published list every version of large projects, and are below 4 MiB."""

_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
_MOST_ALIASES: Final = 1_000
_MOST_AFFECTED: Final = 20_000
_MOST_RANGES: Final = 10_000
_MOST_VERSIONS: Final = 200_000
_MOST_EVENTS: Final = 20_000
_MOST_INTERVALS: Final = 1_000
_MOST_COMPARED: Final = 1_000_000
"""Pairs of a version and an interval, to make a rule shorter."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = "0"
_NO_LIMIT: Final = "*"


class _Event(msgspec.Struct, frozen=True):
    introduced: _Text | None = None
    fixed: _Text | None = None
    last_affected: _Text | None = None
    limit: _Text | None = None


class _Range(msgspec.Struct, frozen=True):
    type: str
    events: Annotated[list[_Event], msgspec.Meta(max_length=_MOST_EVENTS)] = msgspec.field(default_factory=list)


class _Package(msgspec.Struct, frozen=True):
    ecosystem: str = ""
    name: str = ""


class _Vector(msgspec.Struct, frozen=True):
    type: str
    score: str


class _Affected(msgspec.Struct, frozen=True):
    package: _Package | None = None
    ranges: Annotated[list[_Range], msgspec.Meta(max_length=_MOST_RANGES)] | None = None
    versions: Annotated[list[str], msgspec.Meta(max_length=_MOST_VERSIONS)] | None = None
    severity: list[_Vector] | None = None
    ecosystem_specific: Any = None
    database_specific: Any = None


class _Reference(msgspec.Struct, frozen=True):
    url: str = ""


class _Record(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:+~-]{0,127}$")]
    modified: datetime
    published: datetime | None = None
    withdrawn: datetime | None = None
    aliases: Annotated[list[_Name], msgspec.Meta(max_length=_MOST_ALIASES)] | None = None
    upstream: Annotated[list[_Name], msgspec.Meta(max_length=_MOST_ALIASES)] | None = None
    summary: str | None = None
    details: str | None = None
    severity: list[_Vector] | None = None
    affected: Annotated[list[_Affected], msgspec.Meta(max_length=_MOST_AFFECTED)] | None = None
    references: list[_Reference] | None = None
    database_specific: Any = None


_DECODER: Final = msgspec.json.Decoder(_Record)


@dataclass(frozen=True, slots=True)
class Advisory:
    """What one record says."""

    notice: Notice
    rules: Mapping[Subject, Rule]
    """What is affected; nothing of an advisory that was withdrawn."""


def parse_advisory(content: bytes) -> Advisory:
    """Read a record. Raises `InvalidMetadata`, `TooLarge`."""
    if len(content) > LONGEST:
        raise TooLarge("the advisory", expected=f"at most {LONGEST} bytes", actual=len(content))
    try:
        record = _DECODER.decode(without_nul(content))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        # Nesting ends where Python's own does.
        raise InvalidMetadata("the advisory", expected="a record of the OSV schema", actual=str(error)[:200]) from error
    notice = Notice(
        id=record.id,
        modified=_aware(record.modified) or _EPOCH,
        published=_aware(record.published),
        withdrawn=_aware(record.withdrawn),
        aliases=tuple(sorted(set(record.aliases or ()) - {record.id})),
        upstream=tuple(sorted(set(record.upstream or ()) - {record.id})),
        summary=_summary(record),
        severity=_severity(record),
    )
    return Advisory(notice, {} if notice.withdrawn is not None else _rules(record.affected or []))


def _aware(time: datetime | None) -> datetime | None:
    """Times are in UTC, says the schema, and some databases do not say it again; some say the year 1 for not at all."""
    if time is None:
        return None
    if time.year < _EPOCH.year:
        return _EPOCH
    return time.replace(tzinfo=UTC) if time.tzinfo is None else _in_utc(time)


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return _EPOCH


def _summary(record: _Record) -> str:
    """One line for a table."""
    text = record.summary or (record.details or "").strip()
    line = text.strip().partition("\n")[0]
    return line[:300]


def _severity(record: _Record) -> Severity:
    affected = record.affected or []
    vectors = [(each.type, each.score) for each in record.severity or ()]
    if not vectors:
        vectors = [(each.type, each.score) for entry in affected for each in entry.severity or ()]
    words = [each.score for each in record.severity or () if not each.type.startswith("CVSS")]
    places = [record.database_specific]
    for entry in affected:
        places += (entry.ecosystem_specific, entry.database_specific)
    for place in places:
        if isinstance(place, dict):
            words += [value for key in ("severity", "urgency") if isinstance(value := place.get(key), str)]
            if isinstance(vector := place.get("cvss"), str):
                vectors.append((_kind_of(vector), vector))
    return judge_severity(vectors, words)


def _kind_of(vector: str) -> str:
    return "CVSS_V4" if vector.startswith("CVSS:4") else "CVSS_V3" if vector.startswith("CVSS:3") else "CVSS_V2"


def _rules(affected: Sequence[_Affected]) -> dict[Subject, Rule]:
    """One rule for each package: what several entries say of it counts together."""
    rules: dict[Subject, list[Rule]] = {}
    for entry in affected:
        if entry.package is None:
            continue  # It is about a source repository: no package has it.
        try:
            subject = parse_subject(entry.package.ecosystem, entry.package.name)
        except InvalidName as error:
            raise InvalidMetadata("affected.package", expected="an ecosystem and a name") from error
        rules.setdefault(subject, []).append(_compile(subject, entry))
    return {subject: _joined(found) for subject, found in rules.items()}


def _joined(rules: Sequence[Rule]) -> Rule:
    """All at once: one after the other would take time by the square of their number."""
    intervals = tuple(dict.fromkeys(interval for rule in rules for interval in rule.intervals))
    unclear = any(rule.unclear for rule in rules)
    if len(intervals) > _MOST_INTERVALS:
        # Every version would be compared with all of them; nobody who means well writes so many.
        intervals, unclear = (), True
    return Rule(
        order=next((rule.order for rule in rules if rule.order is not None), None),
        intervals=intervals,
        versions=tuple(sorted({version for rule in rules for version in rule.versions})),
        unclear=unclear,
    )


def _compile(subject: Subject, entry: _Affected) -> Rule:
    # Commits say nothing of versions.
    ranges = [each for each in entry.ranges or () if each.type != "GIT"]
    name = order_of(subject.ecosystem)
    if name is None and ranges and all(each.type == "SEMVER" for each in ranges):
        name = "semver"
    if name is None:
        return Rule(None, versions=tuple(sorted(set(entry.versions or ()))), unclear=bool(ranges) or not entry.versions)
    order = ORDERS[name]
    intervals: list[Interval] = []
    unclear = not ranges and not entry.versions
    for each in ranges:
        try:
            intervals += _intervals(each.events, order)
        except InvalidReference:
            unclear = True
    return _without_what_is_covered(
        Rule(name, tuple(dict.fromkeys(intervals)), tuple(sorted(set(entry.versions or ()))), unclear)
    )


def _without_what_is_covered(rule: Rule) -> Rule:
    """Most lists repeat what the ranges say."""
    if not rule.intervals or len(rule.intervals) * len(rule.versions) > _MOST_COMPARED or not rule.versions:
        return rule
    ranges = Compiled(Rule(rule.order, rule.intervals))
    rest = tuple(version for version in rule.versions if ranges.judge(version).state is not State.AFFECTED)
    return Rule(rule.order, rule.intervals, rest, rule.unclear)


class _Mark(NamedTuple):
    """An event at its place in the order of versions."""

    key: Any
    turn: int
    text: str

    @property
    def is_introduction(self) -> bool:
        return self.turn == _INTRODUCED


# A repair of what is introduced at the same version is of what was there before; the last affected is affected.
_FIXED, _INTRODUCED, _LAST = range(3)


def _intervals(events: Sequence[_Event], order: Callable[[str], Any]) -> list[Interval]:
    """The intervals between events, in the order of versions, whatever order they are listed in.

    Raises `InvalidReference` for a bound that nobody can compare with.
    """
    marks = _marks(events, order)
    # The schema wants an introduction: without one nobody says that the first versions are well.
    introduced = any(mark.is_introduction for mark in marks)
    opened = any(event.introduced == _FIRST for event in events) or (bool(marks) and not introduced)
    since: str | None = None
    found: list[Interval] = []
    void: Any = None
    for mark in marks:
        if mark.is_introduction:
            # Introduced and fixed at one version, with nothing before that it could repair, is nowhere.
            if not opened and (void is None or void < mark.key):
                opened, since = True, mark.text
        elif not opened:
            void = mark.key if mark.turn == _FIXED else void
        else:
            found.append(Interval(since, mark.text, inclusive=mark.turn == _LAST, repaired=mark.turn == _FIXED))
            opened = False
    if opened:
        found.append(Interval(since))
    limits = [event.limit for event in events if event.limit is not None]
    return found if not limits or _NO_LIMIT in limits else _limited(found, limits, order)


def _marks(events: Iterable[_Event], order: Callable[[str], Any]) -> list[_Mark]:
    marks: list[_Mark] = []
    for event in events:
        if event.introduced is not None and event.introduced != _FIRST:
            marks.append(_Mark(order(event.introduced), _INTRODUCED, event.introduced))
        if event.fixed is not None:
            marks.append(_Mark(order(event.fixed), _FIXED, event.fixed))
        if event.last_affected is not None:
            marks.append(_Mark(order(event.last_affected), _LAST, event.last_affected))
    return sorted(marks, key=lambda mark: mark[:2])


def _limited(intervals: Iterable[Interval], limits: Sequence[str], order: Callable[[str], Any]) -> list[Interval]:
    """Versions from the highest limit on are not what the record speaks of."""
    limit = max(limits, key=order)
    bound = order(limit)
    found = []
    for interval in intervals:
        if interval.introduced is not None and not order(interval.introduced) < bound:
            continue
        beyond = interval.end is None or not order(interval.end) < bound
        found.append(Interval(interval.introduced, limit) if beyond else interval)
    return found
