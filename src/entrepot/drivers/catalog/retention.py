"""What stays of a namespace's versions, and what was planned to go: the area of retention of the catalog."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog import rows
from entrepot.drivers.catalog.parts import MOST_PARTS, PARTS, Parts
from entrepot.drivers.catalog.protections import PROTECTIONS, SqlProtections
from entrepot.drivers.catalog.session import CHANGE, identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.digest import Digest
from entrepot.model.names import (
    ChannelName,
    FormatName,
    NamespaceName,
    PackageId,
    PackageName,
    PackagePattern,
    ReferenceName,
)
from entrepot.model.position import START, Position
from entrepot.model.retention import UNNAMED, Line, Name, NameKind, Retention, RetentionRule, Stored
from entrepot.ports.retention import Candidate, ItemState, Measured, Plan, PlannedItem, PlanState, Surveyed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.drivers.catalog.statements import Statement

RETENTION: Final = load("retention")
_NEVER: Final = 1 << 62
"""The ordinal of what does not go."""
_CROWD: Final = 10_000
"""Links that one question is about: some tens of milliseconds."""
_NONE: Final = rows.json_list(())
_NAMES: Final = msgspec.json.Decoder(tuple[str, ...])
_ROWS: Final = msgspec.json.Decoder(list[int])
_MEASURED: Final = msgspec.json.Decoder(list[tuple[int | None, int | None, int]])
_KINDS: Final = {str(kind): kind for kind in NameKind}
"""To make a member of an enumeration of a text takes as long as all the rest of a row."""


class _Rule(msgspec.Struct):
    """A rule as it is stored, and as `RetentionRule.document` has it."""

    name: str
    kinds: tuple[NameKind, ...]
    formats: tuple[str, ...] = ()
    packages: str = "*"
    names: str = "*"
    everything: bool = False
    last: int | None = None
    per: Line = Line.PACKAGE
    younger_than: float | None = None
    pulled_within: float | None = None
    cleared: bool = False


class _CandidateRow(msgspec.Struct, array_like=True, gc=False):  # one of a million
    """An artifact that stands for itself, as ``candidate`` tells it."""

    package: int
    blob: int
    digest: str
    at: str
    names: tuple[str, ...]
    """Each behind its kind."""
    pulled_at: str | None
    pulled_by: str | None
    channel: str | None
    position: int
    number: int


_CANDIDATES: Final = msgspec.json.Decoder(list[_CandidateRow])


class SqlRetentions:
    """Implements `entrepot.ports.retention.Retentions`."""

    def __init__(self, questions: Questions, aside: Questions) -> None:
        """Ask *questions*; *aside* what looks at much and tells it in one row."""
        self._questions = questions
        self._aside = aside
        self._protections = SqlProtections(questions)

    async def find(self, namespace: NamespaceName) -> Retention:
        """What a namespace keeps; no rules, where it never said."""
        return _retention(await self._questions.one(RETENTION.find_retention, namespace=namespace))

    async def list_ruled(self, *, automatic: bool = False) -> Sequence[NamespaceName]:
        """The namespaces that have rules; with *automatic*, those where what goes by them goes by itself."""
        found = await self._questions.all(RETENTION.list_ruled, automatic=automatic)
        return [NamespaceName(name) for (name,) in found]

    async def list_candidates(
        self, package: PackageId, *, after: Candidate | None = None, limit: int
    ) -> Sequence[Candidate]:
        """A page of a package's artifacts that stand for themselves."""
        row = await self._questions.one(CHANGE.package_id, **identity(package))
        place = (START, 0) if after is None else (after.position, after.row)
        found = await self._questions.all(
            RETENTION.list_candidates,
            package=None if row is None else row[0],
            position=place[0],
            row=place[1],
            limit=limit,
        )
        return [
            _candidate(msgspec.convert((*each[:4], _NAMES.decode(each[4]), *each[5:]), _CandidateRow)) for each in found
        ]

    async def survey(
        self, namespace: NamespaceName, *, after: PackageId | None, most: int, limit: int
    ) -> Sequence[Surveyed]:
        """A page of a namespace's packages, by format and name."""
        found = await self._questions.all(
            PROTECTIONS.survey,
            namespace=namespace,
            after_format="" if after is None else after.format,
            after_package="" if after is None else after.name,
            most=most,
            limit=limit,
        )
        return [
            Surveyed(PackageId(namespace, FormatName(format_), PackageName(name)), row, count, bool(protected))
            for row, format_, name, count, protected in found
        ]

    async def list_candidates_of(self, packages: Sequence[Surveyed]) -> Sequence[Sequence[Candidate]]:
        """All artifacts that stand for themselves of some packages, in which few are; the oldest first."""
        numbers = _numbers(each.row for each in packages)
        [(found,)] = await self._aside.all(RETENTION.list_candidates_of, packages=numbers)
        by_package: dict[int, list[Candidate]] = {each.row: [] for each in packages}
        for each in _CANDIDATES.decode(found):
            by_package[each.package].append(_candidate(each))
        for candidates in by_package.values():
            candidates.sort(key=_place)
        return list(by_package.values())

    async def list_having_parts(self, candidates: Sequence[Candidate]) -> Collection[int]:
        """The rows of those that may contain others, or to which others may refer."""
        if not candidates:
            return ()
        numbers = _numbers(each.row for each in candidates)
        [(found,)] = await self._aside.all(RETENTION.list_having_parts, rows=numbers)
        return set(_ROWS.decode(found))

    async def find_revision(self, package: PackageId) -> Position:
        """The position of the last event that touched a package."""
        row = await self._questions.one(RETENTION.find_revision, **identity(package))
        return START if row is None else Position(row[0])

    async def is_protected(self, package: PackageId) -> bool:
        """Whether anything in a package runs, ran, is leased or held."""
        row = await self._questions.one(CHANGE.package_id, **identity(package))
        found = None if row is None else await self._questions.one(PROTECTIONS.any, package=row[0])
        return found is not None and bool(found[0])

    async def is_subject_here(self, package: PackageId, tag: ReferenceName) -> bool:
        """Whether the artifact is in the package that a tag was made of the digest of (`is_fallback`)."""
        row = await self._questions.one(CHANGE.package_id, **identity(package))
        digest = tag.partition(".")[0].replace("-", ":", 1)
        asked = {"package": None if row is None else row[0], "digest": digest}
        return await self._questions.one(RETENTION.has_artifact, **asked) is not None

    async def list_parts(self, package: PackageId, digest: Digest, *, now: datetime) -> Sequence[Digest]:
        """What goes with an artifact: what it contains and what refers to it, unless something else needs that."""
        ids = await self._questions.one(PROTECTIONS.ids, **identity(package), digest=str(digest))
        if ids is None:
            return ()
        asked = {"package": ids[0], "blob": ids[1], "whole": True, "limit": MOST_PARTS}
        parts = Parts(ids[1], await self._questions.all(PARTS.list_parts, **asked))
        for part in parts.digests:
            if await self._protections.find(package, part, now=now, limit=1):
                parts.keep(part)
        return parts.settle()

    async def measure(self, plan: str, *, after: int, upto: int) -> Measured:
        """Bytes that nothing but one of some items needs, and what of theirs something else may need too."""
        number = await self._find_number(plan)
        [(found,)] = await self._aside.all(RETENTION.measure, plan=number, after=after, upto=upto)
        sizes: dict[int, int] = {}
        shared: list[int] = []
        for ordinal, blob, size in _MEASURED.decode(found):
            if ordinal is not None:
                sizes[ordinal] = size
            elif blob is not None:
                shared.append(blob)
        return Measured(sizes, sorted(shared))

    async def measure_shared(self, plan: str, shared: Sequence[int]) -> Mapping[int, int]:
        """Bytes that are free once the last that needs them has gone, by the ordinal of that."""
        number = await self._find_number(plan)
        crowded = await self._questions.all(RETENTION.list_crowded, blobs=_numbers(shared), most=_CROWD)
        few = set(shared).difference(blob for (blob,) in crowded)
        lasts = await self._questions.all(RETENTION.last_needed, plan=number, blobs=_numbers(few), never=_NEVER)
        lasts += [await self._find_last_of_crowd(number, blob) for (blob,) in crowded]
        freed: dict[int, int] = {}
        for size, last in lasts:
            if last < _NEVER:
                freed[last] = freed.get(last, 0) + size
        return freed

    async def _find_number(self, plan: str) -> int | None:
        row = await self._questions.one(RETENTION.plan_id, plan=plan)
        return None if row is None else row[0]

    async def _find_last_of_crowd(self, plan: int | None, blob: int) -> tuple[int, int]:
        """The size of a blob and with which item the last goes that needs it, where too many link it for one question."""
        last, after = 0, 0
        while last < _NEVER:
            row = await self._questions.one(
                RETENTION.last_needed_by, plan=plan, blob=blob, after=after, limit=_CROWD, never=_NEVER
            )
            if row is None or row[0] is None:
                return 0, _NEVER
            size, end, *lasts = row
            last = max(last, *(each or 0 for each in lasts))
            if end is None:
                return size, last
            after = end
            await asyncio.sleep(0)  # Others have their turn between pages.
        return 0, _NEVER

    async def find_plan(self, name: str) -> Plan | None:
        """A plan that is whole."""
        return next(iter(await self._list(name=name)), None)

    async def list_plans(self, namespace: NamespaceName, *, limit: int) -> Sequence[Plan]:
        """The plans of a namespace, the newest first."""
        return await self._list(namespace=namespace, limit=limit)

    async def list_begun(self, *, limit: int) -> Sequence[Plan]:
        """Those that are being carried out, the newest first."""
        return await self._list(state=PlanState.BEGUN, limit=limit)

    async def _list(
        self,
        *,
        name: str | None = None,
        namespace: NamespaceName | None = None,
        state: PlanState | None = None,
        limit: int = 1,
    ) -> list[Plan]:
        found = await self._questions.all(
            RETENTION.list_plans, name=name, namespace=namespace, state=state, limit=limit
        )
        return [_plan(row) for row in found]

    async def list_outdated(self, *, before: datetime, limit: int) -> Sequence[str]:
        """Plans made before then that nobody carries out, drafts among them."""
        found = await self._questions.all(RETENTION.list_outdated, before=rows.time_text(before), limit=limit)
        return [name for (name,) in found]

    async def list_items(
        self, plan: str, *, state: ItemState | None = None, after: int = 0, limit: int
    ) -> Sequence[PlannedItem]:
        """A page of a plan's items, in their order."""
        found = await self._questions.all(RETENTION.list_items, plan=plan, state=state, after=after, limit=limit)
        return [_item(row) for row in found]


def _values(item: PlannedItem) -> tuple[object, ...]:
    """The columns of an item, as `add_items` names them."""
    return (
        item.ordinal,
        item.rows[0],
        item.rows[1],
        rows.json_list(item.names),
        rows.json_list(map(str, item.parts)) if item.parts else _NONE,
        item.rule,
        item.reason,
        rows.time_text(item.at),
        None if item.pulled_at is None else rows.time_text(item.pulled_at),
        item.pulled_by,
        item.keeper,
        item.state,
    )


class SqlRetentionChanges:
    """Implements `entrepot.ports.retention.RetentionChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _plan_id(self, plan: str) -> int:
        return int(self._session.returned(RETENTION.plan_id, plan=plan)[0])

    def _touch(self, namespace: NamespaceName) -> None:
        namespace_id = self._session.namespace_id(namespace)
        self._session.run(CHANGE.touch_namespace, namespace=namespace_id, position=self._session.position)

    def set(self, namespace: NamespaceName, retention: Retention, actor: str) -> bool:
        """Keep by these rules from now on; False when it is so already."""
        changed = self._session.run(
            RETENTION.set_retention,
            namespace=self._session.namespace_id(namespace),
            rules=_rules_text(retention.rules),
            automatic=retention.automatic,
            actor=actor,
            position=self._session.position,
        )
        if changed:
            self._touch(namespace)
        return changed > 0

    def find(self, namespace: NamespaceName) -> Retention:
        """What a namespace keeps."""
        return _retention(self._session.one(RETENTION.find_retention, namespace=namespace))

    def draft(self, plan: Plan) -> None:
        """Begin a plan."""
        self._session.run(
            RETENTION.draft,
            name=plan.name,
            namespace=self._session.namespace_id(plan.namespace),
            rules=_rules_text(plan.rules),
            actor=plan.actor,
            at=rows.time_text(plan.at),
        )

    def add_items(self, plan: str, items: Sequence[PlannedItem]) -> None:
        """Add a page of items to a draft."""
        number = self._plan_id(plan)
        self._session.run_rows(RETENTION.add_items, [_values(item) for item in items], plan=number)
        first, last = items[0].ordinal, items[-1].ordinal
        self._session.run(RETENTION.add_roots, plan=number, first=first, last=last)
        parts = [
            (self._session.package_id(item.package), self._session.blob_id(digest), item.ordinal)
            for item in items
            if item.keeper is None
            for digest in item.parts
        ]
        self._session.run_rows(RETENTION.add_parts, parts, plan=number)

    def add_sizes(self, plan: str, sizes: Mapping[int, int]) -> None:
        """Say of items of a draft what more becomes free with them."""
        number = self._plan_id(plan)
        self._session.run_rows(RETENTION.add_sizes, [(number, *each) for each in sizes.items()])

    def finish(self, plan: Plan) -> None:
        """Let a draft be a plan, with its digest and all its sums."""
        self._session.run(
            RETENTION.finish,
            plan=self._plan_id(plan.name),
            digest=plan.digest,
            looked_at=plan.looked_at,
            size=plan.size,
            position=self._session.position,
        )
        self._touch(plan.namespace)

    def begin(self, plan: Plan, actor: str) -> bool:
        """Let a plan be carried out; False when it is already, or was."""
        return self._changed(plan, RETENTION.begin, actor=actor)

    def end(self, plan: Plan) -> bool:
        """Let a plan have been carried out; False when it was already."""
        return self._changed(plan, RETENTION.end_plan)

    def _changed(self, plan: Plan, statement: Statement, **more: object) -> bool:
        if not self._session.run(statement, plan=plan.name, **more):
            return False
        self._touch(plan.namespace)
        return True

    def forget(self, plan: str, *, limit: int) -> bool:
        """Forget some items of a plan, in the end the plan itself; False once nothing is left."""
        row = self._session.one(RETENTION.plan_id, plan=plan)
        if row is None:
            return False
        for statement in (RETENTION.forget_parts, RETENTION.forget_items):
            if self._session.run(statement, plan=row[0], limit=limit):
                return True
        self._session.run(RETENTION.forget_plan, plan=row[0])
        return False

    def find_state(self, plan: str, ordinal: int) -> ItemState | None:
        """What has become of an item."""
        row = self._session.one(RETENTION.find_item_state, plan=plan, ordinal=ordinal)
        return None if row is None else ItemState(row[0])

    def mark(self, plan: str, ordinal: int, state: ItemState) -> None:
        """Say what has become of an item."""
        self._session.run(RETENTION.mark_item, plan=plan, ordinal=ordinal, state=state)

    def find_revision(self, package: PackageId) -> Position:
        """The position of the last event that touched a package."""
        row = self._session.one(RETENTION.find_revision, **identity(package))
        return START if row is None else Position(row[0])

    def count(self, plan: str) -> Mapping[ItemState, int]:
        """How many items of a plan became what."""
        found = self._session.all(RETENTION.count_items, plan=self._plan_id(plan))
        return {ItemState(state): count for state, count in found}


def _retention(row: tuple[Any, ...] | None) -> Retention:
    return Retention() if row is None else Retention(read_rules(row[0]), automatic=bool(row[1]))


def _candidate(row: _CandidateRow) -> Candidate:
    return Candidate(
        stored=Stored(
            digest=Digest.parse(row.digest),
            names=_names(row.names),
            at=rows.parse_time(row.at),
            pulled_at=None if row.pulled_at is None else rows.parse_time(row.pulled_at),
            pulled_by=row.pulled_by or "",
            channel=None if row.channel is None else ChannelName(row.channel),
        ),
        position=Position(row.position),
        row=row.number,
        rows=(row.package, row.blob),
    )


def _place(candidate: Candidate) -> tuple[Position, int]:
    return candidate.position, candidate.row


def _numbers(rows: Iterable[int]) -> str:
    return msgspec.json.encode(sorted(rows)).decode()


def _names(kinds_and_texts: Collection[str]) -> tuple[Name, ...]:
    in_order = sorted(kinds_and_texts, key=_text) if len(kinds_and_texts) > 1 else kinds_and_texts
    return tuple(map(_name, in_order)) or UNNAMED


def _name(kind_and_text: str) -> Name:
    kind, _, text = kind_and_text.partition(" ")
    return Name(_KINDS[kind], text)


def _text(kind_and_text: str) -> str:
    return kind_and_text.partition(" ")[2]


def _rules_text(rules: Iterable[RetentionRule]) -> str:
    return msgspec.json.encode([rule.document for rule in rules]).decode()


def read_rules(text: str) -> tuple[RetentionRule, ...]:
    """Rules as they are stored; what they have beside that is left out."""
    return tuple(
        RetentionRule(
            name=rule.name,
            kinds=rule.kinds,
            formats=tuple(FormatName(each) for each in rule.formats),
            packages=PackagePattern(rule.packages),
            names=PackagePattern(rule.names),
            everything=rule.everything,
            last=rule.last,
            per=rule.per,
            younger_than=_span(rule.younger_than),
            pulled_within=_span(rule.pulled_within),
            cleared=rule.cleared,
        )
        for rule in msgspec.json.decode(text, type=list[_Rule])
    )


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _plan(row: tuple[Any, ...]) -> Plan:
    name, namespace, state, rules, digest, actor, at, looked_at, size, begun_by, counts = row
    return Plan(
        name=name,
        namespace=NamespaceName(namespace),
        state=PlanState(state),
        rules=read_rules(rules),
        digest=digest,
        actor=actor,
        at=rows.parse_time(at),
        looked_at=looked_at,
        size=size,
        counts=msgspec.json.decode(counts, type=dict[ItemState, int]),
        begun_by=begun_by,
    )


def _item(row: tuple[Any, ...]) -> PlannedItem:
    ordinal, namespace, format_, package, digest, names, parts, rule, reason, at, pulled_at, *rest = row
    pulled_by, keeper, size, state = rest
    return PlannedItem(
        ordinal=ordinal,
        package=rows.package_id(namespace, format_, package),
        digest=Digest.parse(digest),
        names=tuple(ReferenceName(name) for name in msgspec.json.decode(names, type=list[str])),
        parts=tuple(Digest.parse(part) for part in msgspec.json.decode(parts, type=list[str])),
        rule=rule,
        reason=reason,
        at=rows.parse_time(at),
        pulled_at=None if pulled_at is None else rows.parse_time(pulled_at),
        pulled_by=pulled_by,
        keeper=keeper,
        size=size,
        state=ItemState(state),
    )
