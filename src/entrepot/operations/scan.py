"""What is known to be bad of an artifact, with all that it contains: from the catalog alone, so always today's answer.

One flaw is one finding, however many databases describe it and whatever each calls it; and whichever other scanners
report it. What somebody says does not matter stays among the findings, with who says so, why, and until when.
What was not compared, or could not be, is said beside it: nothing found is not yet clean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import Level, Severity, State
from entrepot.model.component import Relation
from entrepot.model.errors import InvalidName
from entrepot.model.purl import Purl
from entrepot.operations.resolve import resolve
from entrepot.operations.suppress import read_judgements
from entrepot.scanning.groups import group

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.assessment import Reported, Suppression
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.operations.registry import Registry
    from entrepot.operations.suppress import Judgements
    from entrepot.ports.advisories import Found
    from entrepot.ports.assessments import ReportRow

MOST: Final = 20_000
"""Matches that are looked at of one artifact, and findings of other scanners'."""
_MOST_REPORTS: Final = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """A flaw that one component of an artifact has, or may have."""

    id: str
    """The name that most people know it by: its CVE, if it has one."""
    names: tuple[str, ...]
    component: Purl | str
    """A package URL; or what another scanner calls it, empty where it does not say."""
    state: State
    severity: Severity
    fixed: str | None
    summary: str
    source: str
    imported_at: datetime | None
    """When the source was read last: how old the answer may be."""
    artifacts: tuple[Digest, ...]
    """What has the component."""
    relation: str
    epss: float | None = None
    exploited_since: str | None = None
    reported_by: tuple[str, ...] = ()
    """Other scanners that report it, with their versions."""
    compared: bool = True
    """Whether it was found here; else only others report it."""
    suppressed: Suppression | None = None
    """Why it does not count; None when it does."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of an artifact."""

    digest: Digest
    findings: Sequence[Finding]
    """The worst first; those of what is only declared behind all others."""
    components: int
    """How many packages are known to be in it; 0 when nobody knows what is in it."""
    pending: int
    """How many of them were not compared with anything yet."""
    truncated: bool
    """Whether there were more matches than are looked at."""
    unread: int = 0
    """How many documents about it could not be read, or say that something in it was not."""

    @property
    def open(self) -> Sequence[Finding]:
        """The findings that count: those that nobody says do not matter."""
        return [each for each in self.findings if each.suppressed is None]

    @property
    def is_complete(self) -> bool:
        """Whether that is all: only then is nothing found a good sign."""
        return self.components > 0 and not (self.pending or self.unread or self.truncated)


async def scan(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
) -> Scan:
    """What is known to be bad of an artifact that the caller may read. Raises like `resolve`."""
    found = await resolve(registry, caller, view, package, name=name, digest=digest)
    return await scan_digest(registry, package, found.digest)


async def scan_digest(registry: Registry, package: PackageId, digest: Digest) -> Scan:
    """The same of any artifact of a package: for who has asked already whether the caller may."""
    advisories = registry.catalog.advisories
    matches = await advisories.list_findings(package, digest, limit=MOST + 1)
    components, pending = await advisories.count_components(package, digest)
    unread = await advisories.count_unread(package, digest)
    reports = await read_reports(registry, package, digest)
    findings = add_reported(merge(matches[:MOST]), reports.findings, reports.names)
    judgements = await read_judgements(registry, package, digest)
    return Scan(
        digest,
        sorted((_judged(each, judgements) for each in findings), key=_order),
        components,
        pending,
        len(matches) > MOST or reports.truncated,
        unread + reports.unread,
    )


def _judged(finding: Finding, judgements: Judgements) -> Finding:
    component = finding.component if isinstance(finding.component, Purl) else None
    found = judgements.find(finding.names, component, finding.artifacts)
    return finding if found is None else replace(finding, suppressed=found)


def _order(finding: Finding) -> tuple[object, ...]:
    """The worst first; last what is only declared, and perhaps not there."""
    severity = finding.severity
    return (
        finding.relation == Relation.DECLARED,
        severity.level.rank,
        -(severity.score or 0),
        finding.id,
        str(finding.component),
    )


def merge(matches: Sequence[Found]) -> list[Finding]:
    """One finding for each flaw and component."""
    by_component: dict[Purl, list[Found]] = {}
    for match in matches:
        by_component.setdefault(match.component, []).append(match)
    return [
        _finding([each for each in found if each.known.notice.id in ids])
        for found in by_component.values()
        for ids in group(each.known.notice for each in found)
    ]


def _finding(same: Sequence[Found]) -> Finding:
    """What several advisories about one flaw say together: affected by one is affected, and the worst rating counts."""
    affected = [each for each in same if each.state is State.AFFECTED] or same
    names = tuple(sorted({name for each in same for name in each.known.notice.names}))
    rated = [each.known.notice.severity for each in same if each.known.notice.severity.level is not Level.UNKNOWN]
    first = affected[0]
    return Finding(
        id=next((name for name in names if name.startswith("CVE-")), first.known.notice.id),
        names=names,
        component=first.component,
        state=first.state,
        severity=min(rated, key=lambda each: (each.level.rank, -(each.score or 0)), default=Severity()),
        fixed=next((each.fixed for each in affected if each.fixed is not None), None),
        summary=next((each.known.notice.summary for each in affected if each.known.notice.summary), ""),
        source=first.known.source,
        imported_at=first.known.imported_at,
        artifacts=tuple(sorted({each.artifact for each in same}, key=str)),
        relation=first.relation,
        epss=max((each.known.epss for each in same if each.known.epss is not None), default=None),
        exploited_since=min(
            (each.known.exploited_since for each in same if each.known.exploited_since is not None), default=None
        ),
    )


# --- what others report ---


@dataclass(frozen=True, slots=True)
class Reports:
    """What other scanners say of an artifact, by their latest reports."""

    findings: Sequence[tuple[ReportRow, Reported]]
    names: Mapping[str, frozenset[str]]
    """All that the reported flaws are called, as far as advisories say."""
    unread: int
    truncated: bool


async def read_reports(registry: Registry, package: PackageId, digest: Digest) -> Reports:
    """The reports that count: of each tool, for each artifact, the last one that each sender has sent."""
    assessments = registry.catalog.assessments
    rows = await assessments.list_reports(package, digest, limit=_MOST_REPORTS + 1)
    latest: dict[tuple[Digest, str, str], ReportRow] = {}
    for row in rows[:_MOST_REPORTS]:
        if row.problem is None:
            latest.setdefault((row.subject, row.report.tool, row.actor), row)
    by_number = {row.id: row for row in latest.values()}
    found = await assessments.list_reported(list(by_number), limit=MOST + 1) if by_number else []
    reported = [(by_number[number], each) for number, each in found[:MOST]]
    names = await _aliases(registry, {each.id for _, each in reported})
    unread = sum(row.problem is not None for row in rows)
    return Reports(reported, names, unread, len(found) > MOST or len(rows) > _MOST_REPORTS)


async def _aliases(registry: Registry, ids: Collection[str]) -> dict[str, frozenset[str]]:
    """By each name, all names of the flaw that one of these is a name of."""
    known = await registry.catalog.advisories.find_known(ids) if ids else []
    names: dict[str, frozenset[str]] = {}
    for each in known:
        for name in each.notice.names:
            names[name] = names.get(name, frozenset()) | each.notice.names
    return names


def add_reported(
    findings: Sequence[Finding], reported: Sequence[tuple[ReportRow, Reported]], names: Mapping[str, frozenset[str]]
) -> list[Finding]:
    """The findings, with who else reports each; and what only others report.

    How bad a flaw is that was found here too, is what the advisories say: a report takes nothing away and adds nothing.
    """
    merged = _Merged(findings)
    seen: set[tuple[int, str, str | None, str | None]] = set()
    # What says most exactly what it is about comes first.
    for row, each in sorted(reported, key=lambda said: _vagueness(said[1])):
        once = (row.id, each.id, each.component, each.version)
        if once not in seen:  # A tool may find one thing in many places.
            seen.add(once)
            merged.add(row, each, names.get(each.id, frozenset()) | {each.id})
    return merged.findings


class _Merged:
    """Findings, found by a flaw's name, and by that and a component."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings: list[Finding] = []
        self._by_name: dict[str, list[int]] = {}
        self._by_component: dict[tuple[str, object], int] = {}
        for each in findings:
            self._append(each)

    def _append(self, finding: Finding) -> None:
        number, keys = len(self.findings), _keys(finding.component)
        self.findings.append(finding)
        for name in finding.names:
            self._by_name.setdefault(name, []).append(number)
            for key in keys:
                self._by_component.setdefault((name, key), number)

    def add(self, row: ReportRow, reported: Reported, names: frozenset[str]) -> None:
        """Let one more report a flaw; one that is about no component is about whichever has it."""
        tool = f"{reported.tool} {row.report.version}".strip()
        if reported.component is None:
            same = {number for name in names for number in self._by_name.get(name, ())}
        else:
            key = _keys(_component(reported))[0]
            same = {self._by_component[name, key] for name in names if (name, key) in self._by_component}
        for number in same:
            self.findings[number] = _also_reported(self.findings[number], reported, tool, row.subject)
        if not same:
            self._append(_reported(row, reported, tool, names))


def _keys(component: Purl | str) -> tuple[object, ...]:
    """What a component is found by: other tools leave qualifiers away, or have a name and a version alone."""
    if isinstance(component, str):
        return (component,)
    return (component.type, component.namespace, component.name, component.version), (
        f"{component.name} {component.version or ''}".strip()
    )


def _vagueness(reported: Reported) -> int:
    return 2 if reported.component is None else int(isinstance(_component(reported), str))


def _component(reported: Reported) -> Purl | str:
    if reported.component is None:
        return ""
    try:
        return Purl.parse(reported.component)
    except InvalidName:
        return f"{reported.component} {reported.version or ''}".strip()


def _also_reported(finding: Finding, reported: Reported, tool: str, subject: Digest) -> Finding:
    tools = tuple(sorted({*finding.reported_by, tool}))
    if finding.compared:
        return replace(finding, reported_by=tools)
    severity = min(finding.severity, reported.severity, key=lambda each: (each.level.rank, -(each.score or 0)))
    artifacts = tuple(sorted({*finding.artifacts, subject}, key=str))
    return replace(finding, reported_by=tools, severity=severity, artifacts=artifacts)


def _reported(row: ReportRow, reported: Reported, tool: str, names: frozenset[str]) -> Finding:
    return Finding(
        id=next((name for name in sorted(names) if name.startswith("CVE-")), reported.id),
        names=tuple(sorted(names)),
        component=_component(reported),
        state=State.AFFECTED,
        severity=reported.severity,
        fixed=reported.fixed,
        summary=reported.message,
        source=tool,
        imported_at=row.report.at,
        artifacts=(row.subject,),
        relation=str(Relation.CONTAINED),
        reported_by=(tool,),
        compared=False,
    )
