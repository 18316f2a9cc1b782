"""What is known to be bad, and which of what is here it is: the advisory area of the catalog.

A rule is what `entrepot.scanning` compiled of an advisory for one package; here it is bytes.
A component that an advisory clears has no match; one that was never compared has no subject yet, and `list_pending`
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from entrepot.model.advisory import Notice, State, Subject, Verdict
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.model.purl import Purl


@dataclass(frozen=True, slots=True)
class SourceOrigin:
    """Where a source has its advisories from, when it is another registry that hands them on."""

    name: str
    """As it is called there; ``central/pypi`` when it came there through another one."""
    read_at: datetime | None
    """When it was last read where it was read first, or asked and had nothing new."""
    through: tuple[str, ...] = ()
    """The instances that it came through, the nearest first."""
    advisories: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """Where advisories come from."""

    name: str
    url: str | None = None
    """None: they were given to us as files."""
    private: bool = False
    etag: str | None = None
    last_modified: str | None = None
    imported_at: datetime | None = None
    """When something of it was read last."""
    checked_at: datetime | None = None
    """When it was last asked whether there is something new."""
    problem: str | None = None
    """Why it could not be read the last time."""
    advisories: int = 0
    newest: datetime | None = None
    """When the youngest of its advisories was changed."""
    cursor: str | None = None
    """Where reading goes on, of another registry: it says what has changed since."""
    has_credentials: bool = False
    origins: tuple[SourceOrigin, ...] = ()
    """Where it has them from, by name; nothing for what is read at first hand."""

    @property
    def read_at(self) -> datetime | None:
        """When it was last known to be up to date; of what is handed on, when it was there."""
        own = self.checked_at or self.imported_at
        there = [each.read_at for each in self.origins if each.advisories and each.read_at is not None]
        return own if own is None or not there else min(own, max(there))


@dataclass(frozen=True, slots=True)
class Known:
    """An advisory as it is stored."""

    notice: Notice
    source: str
    imported_at: datetime | None
    epss: float | None = None
    """The probability that somebody uses the flaw within 30 days (EPSS)."""
    exploited_since: str | None = None
    """The day since when it is known to be used (KEV)."""


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A component, as advisories call it."""

    component: int
    subject: Subject
    version: str | None


class KnownRule(NamedTuple):
    """What one advisory says of a package; a tuple, for an SBOM may meet thousands of them."""

    advisory: int
    subject: Subject
    rule: bytes


@dataclass(frozen=True, slots=True)
class Match:
    """What came of comparing a component with an advisory."""

    component: int
    advisory: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Found:
    """An advisory that something in an artifact has, or may have."""

    known: Known
    component: Purl
    state: State
    fixed: str | None
    artifact: Digest
    """What has the component: the artifact that was asked for, or one that it contains."""
    relation: str


@dataclass(frozen=True, slots=True)
class Holder:
    """An artifact of a package that has a component, all by their numbers."""

    package: int
    artifact: int
    component: Purl
    relation: str
    number: int
    """The component's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an artifact is, and what it is called there."""

    holder: tuple[int, int]
    """The numbers of the package, and of what has the component: the artifact itself, or one that it contains."""
    artifact: int
    """The artifact's number."""
    package: PackageId
    digest: Digest
    holds: Digest
    public: bool
    names: tuple[ReferenceName, ...]
    channels: tuple[View, ...]


class Change(NamedTuple):
    """What became of an advisory."""

    number: int
    id: str
    content: bytes | None
    """The record as it was sent; None when it was forgotten."""
    source: str
    """Who says it, as `Known.source`; nothing for what was forgotten."""


class Advisories(Protocol):
    """What is asked of the advisories."""

    async def list_sources(self) -> Sequence[Source]:
        """All sources, by name."""

    async def find_source_secret(self, name: str) -> str | None:
        """What a source is asked with, as it was put."""

    async def read_feed(self) -> tuple[str, int]:
        """What this set of advisories is called, unlike any other, and the number of its last change."""

    async def list_changes(self, *, after: int, limit: int, size: int) -> Sequence[Change]:
        """What changed after a number, in order, each advisory as it is now; all of them after 0.

        The records together are no more than *size* bytes, or one.
        """

    async def list_names_of(self, source: str) -> Sequence[str]:
        """What a source's advisories are called."""

    async def find_known(self, names: Collection[str]) -> Sequence[Known]:
        """The advisories that have one of *names*, or a name of one that has: one flaw has many names."""

    async def find_content(self, id: str) -> bytes | None:
        """A record as it was sent."""

    async def list_rules(self, subjects: Collection[Subject]) -> Sequence[tuple[KnownRule, Known]]:
        """All that is said of packages, of any release of theirs."""

    async def list_findings(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Found]:
        """What an artifact of a package has, and what is in it has."""

    async def count_components(self, package: PackageId, digest: Digest) -> tuple[int, int]:
        """How many components an artifact has, with what is in it; and how many of them were not compared yet."""

    async def count_unread(self, package: PackageId, digest: Digest) -> int:
        """How many documents about an artifact, and what is in it, could not be read, or say that something was not."""

    async def list_versions(self, purl: Purl) -> Sequence[tuple[int, Purl]]:
        """The components that are versions of a package, with their numbers."""

    async def list_affected(self, advisories: Collection[str]) -> Mapping[int, State]:
        """The components that some of these advisories mean, or may mean."""

    async def list_holders(self, components: Collection[int], *, limit: int) -> Sequence[Holder]:
        """Artifacts that have one of these components."""

    async def count_holders(self, components: Collection[int]) -> int:
        """How many artifacts have one of these components; of very many, how often they have one."""

    async def list_places(self, holders: Collection[tuple[int, int]], *, limit: int) -> Sequence[Place]:
        """What these artifacts are, each by the number of its package and its own, and those that contain them there."""

    async def find_first_without(
        self, packages: Mapping[int, Collection[int]], components: Collection[int]
    ) -> Mapping[int, ReferenceName]:
        """Of each package the first version after all of these that has an inventory, and none of *components* in it.

        Packages and artifacts are called by their numbers. A package that has no such version is left out.
        """


class AdvisoryChanges(Protocol):
    """What a change may do to them."""

    def put_source(self, source: Source) -> None:
        """Add a source, or say what is new of it; not of its origins, nor what it is asked with."""

    def put_source_secret(self, name: str, secret: str | None) -> None:
        """Say what a source is asked with."""

    def put_origins(self, source: str, origins: Iterable[SourceOrigin]) -> None:
        """Say where a source has its advisories from; others are forgotten when nothing of theirs is left."""

    def remove_source(self, name: str) -> int | None:
        """Forget a source and its advisories; how many there were, or None when there is no such source.

        Other sources are asked for everything the next time: they may have had the same.
        """

    def remove(self, ids: Collection[str], source: str) -> int:
        """Forget those of these advisories that the source says, as `remove_source` does; how many."""

    def find_hash(self, id: str) -> bytes | None:
        """The hash of an advisory's record, as it was put."""

    def put(
        self,
        notice: Notice,
        source: str,
        *,
        content: bytes,
        hash: bytes,
        rules: Mapping[Subject, bytes],
        origin: str | None = None,
    ) -> int:
        """Keep an advisory in place of what it said before, without its matches; its number.

        *origin* is one of those that the source has.

        One that another source has in a younger form is not replaced: then the number of that is returned negative.
        """

    def put_exploitation(self, rows: Iterable[tuple[str, float | None, float | None, str | None]]) -> None:
        """Say of flaws how likely they are to be used (score and percentile), and since when they are known to be."""

    def list_components(self, subject: Subject) -> Sequence[Unmatched]:
        """The components that were compared and are of this package, of any release."""

    def list_unnamed(self, *, limit: int) -> Sequence[tuple[int, Purl | None]]:
        """Components that nobody has compared with anything yet; None for one whose name is none."""

    def name(self, component: int, subject: Subject, version: str | None) -> None:
        """Say what advisories call a component."""

    def list_rules(self, subjects: Collection[Subject]) -> Sequence[KnownRule]:
        """All that is said of packages, of any release of theirs."""

    def match(self, matches: Iterable[Match]) -> None:
        """Keep what came of comparing; what is cleared is not kept."""
