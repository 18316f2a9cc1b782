"""Promotions: how an artifact comes into a channel, and what was decided on what grounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, PackageId
    from entrepot.model.position import Position


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What a channel asks of whoever comes in, beside the policies."""

    approvals: int = 0
    """How many people must have approved."""
    self_approval: bool = False
    """Whether who proposes it may be one of them."""
    soak: timedelta = timedelta(0)
    """How long it must have been in the channel before."""
    ordered: bool = False
    """Whether it must be in the channel before at all."""
    automatic: bool = False
    """Whether what is cleared for the channel before is promoted by itself once nothing is in the way."""


class PromotionState(StrEnum):
    """Where a promotion stands."""

    PROPOSED = "proposed"
    """What is in its way may go away by itself or by approvals."""
    APPLIED = "applied"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody who stands for a promotion."""

    principal: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """An artifact's way into a channel."""

    id: str
    package: PackageId
    digest: Digest
    version: str
    """The name that was promoted; empty when it was a digest."""
    channel: ChannelName
    state: PromotionState
    actor: str
    """Who proposed it."""
    reason: str = ""
    refusals: tuple[str, ...] = ()
    """Why not, or not yet."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was known, as JSON."""
    policies: Mapping[str, str] = field(default_factory=dict)
    """Which policies were asked: ``name@version`` with the digest of their words."""
    approvals: tuple[Approval, ...] = ()
    statement: Digest | None = None
    """The signed summary of the decision, beside the artifact."""
    from_position: Position | None = None
    until_position: Position | None = None
    """When it was applied or refused."""
    at: datetime | None = None
    """When it was proposed."""
    decided_at: datetime | None = None
