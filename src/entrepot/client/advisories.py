"""What is known to be bad, and who has it: the part of the management API that is about advisories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from entrepot.client.connection import Connection

_SOURCES = "/api/v1/advisories/sources"


@dataclass(frozen=True, slots=True)
class AdvisoryOrigin:
    """Where a source has its advisories from, when it is another Entrepot."""

    name: str
    read_at: datetime | None
    advisories: int


@dataclass(frozen=True, slots=True)
class AdvisorySource:
    """Where advisories come from, and how old they are."""

    name: str
    url: str | None = None
    private: bool = False
    imported_at: datetime | None = None
    checked_at: datetime | None = None
    problem: str | None = None
    advisories: int = 0
    newest: datetime | None = None
    credentials: bool = False
    origins: tuple[AdvisoryOrigin, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedAdvisories:
    """What came of an import."""

    source: str
    records: int
    changed: int
    withdrawn: int = 0
    older: int = 0
    matches: int = 0
    removed: int = 0
    refused: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangedAdvisory:
    """An advisory that is new, or says something else than before."""

    id: str
    source: str
    record: Mapping[str, object]
    """As OSV's schema has it."""


@dataclass(frozen=True, slots=True)
class AdvisoryChanges:
    """What changed, and where to go on."""

    cursor: str
    complete: bool
    more: bool
    records: tuple[ChangedAdvisory, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding does not count: by whom, why, until when."""

    by: str
    reason: str
    status: str
    at: datetime | None = None
    until: datetime | None = None
    through: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A flaw that a component of an artifact has, or may have (`state` is ``unknown``)."""

    id: str
    names: tuple[str, ...]
    component: str
    state: str
    severity: str
    score: float | None = None
    vector: str | None = None
    fixed: str | None = None
    summary: str = ""
    source: str = ""
    imported_at: datetime | None = None
    artifacts: tuple[str, ...] = ()
    relation: str = ""
    epss: float | None = None
    exploited_since: str | None = None
    reported_by: tuple[str, ...] = ()
    suppressed: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known to be bad of an artifact. Nothing found is a good sign only if it is `complete`."""

    digest: str
    complete: bool
    components: int
    pending: int
    findings: tuple[Finding, ...]
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Running:
    """As what, and where, an artifact runs."""

    environment: str
    service: str
    cluster: str = ""
    region: str = ""
    version: str = ""
    since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.service} in {self.environment}" + (f" on {self.cluster}" if self.cluster else "")


@dataclass(frozen=True, slots=True)
class ImpactHit:
    """An artifact that has it, where it is."""

    namespace: str
    format: str
    name: str
    digest: str
    references: tuple[str, ...]
    views: tuple[str, ...]
    components: tuple[str, ...]
    state: str
    through: str | None = None
    first_without: str | None = None
    deployments: tuple[Running, ...] = ()
    suppressed: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Impact:
    """Who has it."""

    asked: str
    names: tuple[str, ...]
    components: tuple[str, ...]
    artifacts: int
    truncated: bool
    hits: tuple[ImpactHit, ...]


@dataclass(frozen=True, slots=True)
class Advisories:
    """What is known to be bad. Every method raises `ClientError`."""

    _connection: Connection

    def sources(self) -> Iterator[AdvisorySource]:
        """Where advisories come from, by name."""
        return self._connection.pages(_SOURCES, AdvisorySource)

    def add_source(self, name: str, url: str, *, private: bool = False, token: str | None = None) -> AdvisorySource:
        """Let advisories come from an address, or from another Entrepot; nothing is read yet."""
        document = {"name": name, "url": url, "private": private}
        if token is not None:
            document["credentials"] = {"token": token}
        return self._connection.call("POST", _SOURCES, document=document, repeatable=True).read(AdvisorySource)

    def remove_source(self, name: str) -> None:
        """Forget a source and its advisories."""
        self._connection.call("DELETE", f"{_SOURCES}/{escape(name)}")

    def refresh(self, name: str) -> ImportedAdvisories:
        """Ask a source's address now for what is new."""
        return self._connection.once("POST", f"{_SOURCES}/{escape(name)}/refresh").read(ImportedAdvisories)

    def take_in(self, source: str, content: Iterable[bytes]) -> ImportedAdvisories:
        """Send OSV records: a zip of them, one a line, or a single one."""
        answer = self._connection.once("POST", "/api/v1/advisories/import", query={"source": source}, content=content)
        return answer.read(ImportedAdvisories)

    def changes(self, since: str = "", *, limit: int = 1_000) -> AdvisoryChanges:
        """A page of what changed since the `cursor` of an earlier one, or of everything."""
        query: dict[str, str | int] = {"since": since, "limit": limit}
        return self._connection.call("GET", "/api/v1/advisories/changes", query=query).read(AdvisoryChanges)

    def records(self) -> Iterator[ChangedAdvisory]:
        """Every advisory."""
        page = self.changes()
        yield from page.records
        while page.more:
            page = self.changes(page.cursor)
            yield from page.records

    def take_in_scores(self, content: bytes) -> None:
        """Send EPSS scores or the catalogue of known exploited vulnerabilities."""
        self._connection.call("POST", "/api/v1/advisories/exploitation", content=content, repeatable=True)

    def impact(self, asked: str, *, limit: int = 1_000) -> Impact:
        """Who has a package (``pkg:pypi/requests@<2.31``), or what an advisory means (``CVE-2021-44228``)."""
        return self._connection.call("GET", "/api/v1/impact", query={"q": asked, "limit": limit}).read(Impact)
