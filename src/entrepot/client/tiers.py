"""Where bytes lie: in the hot tier or in the cold one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from entrepot.client.connection import escape
from entrepot.client.packages import path_of
from entrepot.client.retention import RetentionRule
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages

_AGAIN: Final = 2.0
"""Seconds to wait for what somebody else is moving."""
_PATIENCE: Final = 300
"""How often it is asked for."""


@dataclass(frozen=True, slots=True)
class TierRule(RetentionRule):
    """What stays hot of the names that a rule speaks of, and how the rest comes back."""

    recall: str = "stream"
    """``stream`` or ``request``."""

    @property
    def document(self) -> dict[str, object]:
        """The rule as it is sent."""
        return {**RetentionRule.document.fget(self), "recall": self.recall}  # type: ignore[attr-defined] # a property


@dataclass(frozen=True, slots=True)
class Tiering:
    """What a namespace keeps hot: the first rule that speaks of a name decides; what none speaks of stays hot."""

    rules: tuple[TierRule, ...] = ()
    stays: tuple[str, ...] = ("cleared", "deployed", "lease", "rollback")
    """What stays hot whatever the rules say."""
    automatic: bool = False
    """Whether what does not stay hot goes by itself, every day."""


@dataclass(frozen=True, slots=True)
class GoingArtifact:
    """An artifact that the rules let go, or would let go if nothing kept it hot."""

    format: str
    package: str
    digest: Digest
    names: tuple[str, ...]
    rule: str
    reason: str
    keeper: str | None
    recall: str
    blobs: int
    size: int
    shared: int


@dataclass(frozen=True, slots=True)
class TierPlan:
    """What the rules of a namespace let go now."""

    namespace: str
    looked_at: int
    artifacts: int
    blobs: int
    size: int
    monthly_saving: float | None
    items: tuple[GoingArtifact, ...]


@dataclass(frozen=True, slots=True)
class Tiered:
    """What came of moving blobs."""

    moved: int
    size: int
    left: int


@dataclass(frozen=True, slots=True)
class PlacedBlob:
    """Where a blob lies."""

    digest: Digest
    size: int
    state: str
    tier: str
    stored: int | None
    recall: str | None
    rule: str
    since: datetime | None
    moving_to: str | None


@dataclass(frozen=True, slots=True)
class Tiers:
    """Where things lie. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def read(self, namespace: str) -> Tiering:
        """What a namespace keeps hot."""
        return self._connection.call("GET", _of(namespace)).read(Tiering)

    def set(self, namespace: str, tiering: Tiering) -> Tiering:
        """Keep that hot from now on."""
        document = {
            "rules": [rule.document for rule in tiering.rules],
            "stays": list(tiering.stays),
            "automatic": tiering.automatic,
        }
        return self._connection.call("PUT", _of(namespace), document=document).read(Tiering)

    def plan(self, namespace: str, *, limit: int = 100) -> TierPlan:
        """What the rules let go now; of the artifacts no more than *limit* are told."""
        return self._connection.call("GET", f"{_of(namespace)}/plan?limit={limit}").read(TierPlan)

    def apply(self, namespace: str) -> Tiered:
        """Let go what the rules let go now, all of it."""
        return self._until_done(f"{_of(namespace)}/plan", {})

    def placements(self, address: Address | str) -> Iterator[PlacedBlob]:
        """Where the blobs of an artifact lie."""
        return self._connection.pages(self._path(address), PlacedBlob)

    def move(self, address: Address | str, tier: str) -> Tiered:
        """Let an artifact lie in a tier, ``hot`` or ``cold``; returns when it does."""
        return self._until_done(self._path(address), {"tier": tier})

    def _until_done(self, path: str, document: dict[str, object]) -> Tiered:
        moved = size = 0
        for attempt in range(_PATIENCE):
            done = self._connection.call("POST", path, document=document, repeatable=True).read(Tiered)
            moved, size = moved + done.moved, size + done.size
            if not done.left:
                break
            if not done.moved and attempt:
                time.sleep(_AGAIN)
        return Tiered(moved, size, done.left)

    def _path(self, address: Address | str) -> str:
        found = self._packages.locate(address)
        return f"{path_of(found)}/-/tiers/{escape(found.reference)}"


def _of(namespace: str) -> str:
    return f"/api/v1/namespaces/{escape(namespace)}/tiers"
