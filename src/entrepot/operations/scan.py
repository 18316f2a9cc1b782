"""What is known to be bad of an artifact, with all that it contains: from the catalog alone, so always today's answer.

One flaw is one finding, however many databases describe it and whatever each calls it.
What was not compared, or could not be, is said beside it: nothing found is not yet clean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.advisory import Level, Severity, State
from entrepot.model.component import Relation
from entrepot.operations.resolve import resolve
from entrepot.scanning.groups import group

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.model.purl import Purl
    from entrepot.operations.registry import Registry
    from entrepot.ports.advisories import Found

MOST: Final = 20_000
"""Matches that are looked at of one artifact."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A flaw that one component of an artifact has, or may have."""

    id: str
    """The name that most people know it by: its CVE, if it has one."""
    names: tuple[str, ...]
    component: Purl
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
    return Scan(digest, merge(matches[:MOST]), components, pending, len(matches) > MOST, unread)


def merge(matches: Sequence[Found]) -> list[Finding]:
    """One finding for each flaw and component, the worst first."""
    by_component: dict[Purl, list[Found]] = {}
    for match in matches:
        by_component.setdefault(match.component, []).append(match)
    findings = [
        _finding([each for each in found if each.known.notice.id in ids])
        for found in by_component.values()
        for ids in group(each.known.notice for each in found)
    ]
    return sorted(
        findings,
        key=lambda each: (
            each.relation == Relation.DECLARED,
            each.severity.level.rank,
            -(each.severity.score or 0),
            each.id,
            str(each.component),
        ),
    )


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
