"""What stays and what was planned to go: the area of retention.

A plan is drafted in pages and cannot be seen until it is whole; then it does not change any more, except that its items
say what became of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.position import Position
    from entrepot.model.retention import Retention, RetentionRule, Stored


class PlanState(StrEnum):
    """How far a plan is."""

    PLANNED = "planned"
    BEGUN = "begun"
    """It is being carried out; whoever does it may be interrupted, and somebody goes on."""
    APPLIED = "applied"


class ItemState(StrEnum):
    """What became of something in a plan."""

    PLANNED = "planned"
    KEPT = "kept"
    """The rules would let it go, and something keeps it: it never goes by this plan."""
    DELETED = "deleted"
    MOVED = "moved"
    """It was not any more as it had been planned, so it stayed."""


class Candidate(msgspec.Struct, frozen=True, gc=False):  # one of a million, as `Stored` is
    """An artifact that rules are asked about, as it stands for itself in its package."""

    stored: Stored
    position: Position
    """Since when it is there."""
    row: int
    """What tells it from what came by the same change; the catalog's own."""
    rows: tuple[int, int] = (0, 0)
    """Of the package and of the bytes; the catalog's own."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A package, before its artifacts are looked at."""

    package: PackageId
    row: int
    """The catalog's own."""
    count: int
    """How many artifacts are in it, as far as they are few."""
    protected: bool
    """Whether anything in it runs, ran, is leased or held."""


class PlannedItem(msgspec.Struct, frozen=True, gc=False):  # one of a million
    """Something that would go, or that only what keeps it lets stay."""

    ordinal: int
    package: PackageId
    digest: Digest
    names: tuple[ReferenceName, ...]
    parts: tuple[Digest, ...]
    """What goes with it: what it contains and what refers to it."""
    rule: str
    reason: str
    at: datetime
    """Since when it is there."""
    pulled_at: datetime | None
    pulled_by: str
    keeper: str | None
    """What keeps it."""
    rows: tuple[int, int] = (0, 0)
    """The candidate's that it was."""
    size: int = 0
    """Bytes that are free once it and all before it in the plan have gone; shared ones count where the last goes."""
    state: ItemState = ItemState.PLANNED


@dataclass(frozen=True, slots=True)
class Measured:
    """What becomes free with some items of a draft."""

    sizes: Mapping[int, int]
    """Bytes that nothing else needs, by the item's ordinal."""
    shared: Sequence[int]
    """What something else may need too, in order; the catalog's own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules of a namespace let go at a time."""

    name: str
    namespace: NamespaceName
    state: PlanState
    rules: tuple[RetentionRule, ...]
    digest: str
    """Of all that it says: the rules, and each item in its order."""
    actor: str
    at: datetime
    looked_at: int
    """How many artifacts were looked at."""
    size: int
    """Bytes that are free once all of it has gone, and the collector was there."""
    counts: Mapping[ItemState, int]
    """Of its items."""
    begun_by: str | None = None


class Retentions(Protocol):
    """What is asked."""

    async def find(self, namespace: NamespaceName) -> Retention:
        """What a namespace keeps; no rules, where it never said."""

    async def list_ruled(self, *, automatic: bool = False) -> Sequence[NamespaceName]:
        """The namespaces that have rules; with *automatic*, those where what goes by them goes by itself."""

    async def list_candidates(
        self, package: PackageId, *, after: Candidate | None = None, limit: int
    ) -> Sequence[Candidate]:
        """A page of a package's artifacts that stand for themselves: no other contains them, nor do they refer to one."""

    async def survey(
        self, namespace: NamespaceName, *, after: PackageId | None, most: int, limit: int
    ) -> Sequence[Surveyed]:
        """A page of a namespace's packages, by format and name; of each, its artifacts are counted up to *most*."""

    async def list_candidates_of(self, packages: Sequence[Surveyed]) -> Sequence[Sequence[Candidate]]:
        """All artifacts that stand for themselves of some packages, in which few are, as of one moment; the oldest first."""

    async def list_having_parts(self, candidates: Sequence[Candidate]) -> Collection[int]:
        """The rows of those that may contain others, or to which others may refer."""

    async def find_revision(self, package: PackageId) -> Position:
        """The position of the last event that touched a package."""

    async def is_protected(self, package: PackageId) -> bool:
        """Whether anything in a package runs, ran, is leased or held, so that it has to be asked what that keeps."""

    async def is_subject_here(self, package: PackageId, tag: ReferenceName) -> bool:
        """Whether the artifact is in the package that a tag was made of the digest of (`is_fallback`)."""

    async def list_parts(self, package: PackageId, digest: Digest, *, now: datetime) -> Sequence[Digest]:
        """What goes with an artifact: what it contains and what refers to it, unless something else needs that."""

    async def measure(self, plan: str, *, after: int, upto: int) -> Measured:
        """Bytes that nothing but one of some items needs, and what of theirs something else may need too."""

    async def measure_shared(self, plan: str, shared: Sequence[int]) -> Mapping[int, int]:
        """Bytes that are free once the last that needs them has gone, by the ordinal of that.

        To be asked once the draft has all that would go, once of each.
        """

    async def find_plan(self, name: str) -> Plan | None:
        """A plan that is whole."""

    async def list_plans(self, namespace: NamespaceName, *, limit: int) -> Sequence[Plan]:
        """The plans of a namespace, the newest first."""

    async def list_begun(self, *, limit: int) -> Sequence[Plan]:
        """Those that are being carried out, the newest first."""

    async def list_outdated(self, *, before: datetime, limit: int) -> Sequence[str]:
        """Plans made before then that nobody carries out, drafts among them."""

    async def list_items(
        self, plan: str, *, state: ItemState | None = None, after: int = 0, limit: int
    ) -> Sequence[PlannedItem]:
        """A page of a plan's items, in their order."""


class RetentionChanges(Protocol):
    """What a change may do."""

    def set(self, namespace: NamespaceName, retention: Retention, actor: str) -> bool:
        """Keep by these rules from now on; False when it is so already. Raises `NamespaceUnknown`."""

    def find(self, namespace: NamespaceName) -> Retention:
        """What a namespace keeps."""

    def draft(self, plan: Plan) -> None:
        """Begin a plan."""

    def add_items(self, plan: str, items: Sequence[PlannedItem]) -> None:
        """Add a page of items to a draft."""

    def add_sizes(self, plan: str, sizes: Mapping[int, int]) -> None:
        """Say of items of a draft what more becomes free with them."""

    def finish(self, plan: Plan) -> None:
        """Let a draft be a plan, with its digest and all its sums."""

    def begin(self, plan: Plan, actor: str) -> bool:
        """Let a plan be carried out; False when it is already, or was."""

    def end(self, plan: Plan) -> bool:
        """Let a plan have been carried out; False when it was already."""

    def forget(self, plan: str, *, limit: int) -> bool:
        """Forget some items of a plan, in the end the plan itself; False once nothing is left."""

    def find_state(self, plan: str, ordinal: int) -> ItemState | None:
        """What has become of an item."""

    def mark(self, plan: str, ordinal: int, state: ItemState) -> None:
        """Say what has become of an item."""

    def find_revision(self, package: PackageId) -> Position:
        """The position of the last event that touched a package."""

    def count(self, plan: str) -> Mapping[ItemState, int]:
        """How many items of a plan became what."""
