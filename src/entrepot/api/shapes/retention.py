"""What the management API reads and writes about what stays and what goes (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field

from entrepot.api.shapes.texts import (
    DIGEST,
    MAX_PATTERNS,
    MAX_SECONDS,
    TIME,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    PatternText,
    PlanId,
    ReferenceText,
    text,
)
from entrepot.model import retention as model
from entrepot.model.names import FormatName, PackagePattern
from entrepot.model.retention import Line, NameKind
from entrepot.ports.retention import ItemState, PlanState

if TYPE_CHECKING:
    from entrepot.operations import judge_retention, replay_retention
    from entrepot.ports import retention as ports

_GIB = 1024**3

RuleText = Annotated[str, text("What the rule is called.", "releases", "^[a-z0-9]+(-[a-z0-9]+)*$", 64)]
Seconds = Annotated[int, Meta(ge=1, le=MAX_SECONDS, examples=[2_592_000])]
ReasonText = Annotated[
    str, Meta(description="Why, in words.", examples=["version 1.0: number 3 from the newest, the last 2 stay"])
]


class RetentionRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What stays of the names that a rule speaks of: each condition is a reason to stay by itself."""

    name: RuleText
    kinds: Annotated[list[NameKind], Meta(description="Of what it speaks; versions and tags.", max_length=3)] = field(
        default_factory=lambda: [NameKind.VERSION, NameKind.TAG]
    )
    formats: Annotated[list[FormatText], Meta(description="Of which formats; none: all.", max_length=MAX_PATTERNS)] = []
    packages: PatternText = "*"
    names: Annotated[PatternText, Meta(description="Of which versions and tags.")] = "*"
    everything: Annotated[bool, Meta(description="Whether all of it stays.")] = False
    last: Annotated[int, Meta(description="How many stay, from the newest.", ge=0, examples=[5])] | None = None
    per: Annotated[Line, Meta(description="Of what the last ones are counted.")] = Line.PACKAGE
    younger_than_seconds: Annotated[Seconds, Meta(description="What came since then stays.")] | None = None
    pulled_within_seconds: Annotated[Seconds, Meta(description="What was pulled since then stays.")] | None = None
    cleared: Annotated[bool, Meta(description="Whether what a channel shows stays by this rule.")] = False

    def read(self) -> model.RetentionRule:
        """The rule that is meant. Raises `InvalidName`."""
        return model.RetentionRule(
            name=self.name,
            kinds=tuple(self.kinds),
            formats=tuple(FormatName(each) for each in self.formats),
            packages=PackagePattern.parse(self.packages),
            names=PackagePattern.parse(self.names),
            everything=self.everything,
            last=self.last,
            per=self.per,
            younger_than=_span(self.younger_than_seconds),
            pulled_within=_span(self.pulled_within_seconds),
            cleared=self.cleared,
        )

    @staticmethod
    def of(rule: model.RetentionRule) -> RetentionRule:
        """How a rule is shown."""
        return RetentionRule(
            name=rule.name,
            kinds=list(rule.kinds),
            formats=list(rule.formats),
            packages=str(rule.packages),
            names=str(rule.names),
            everything=rule.everything,
            last=rule.last,
            per=rule.per,
            younger_than_seconds=_seconds(rule.younger_than),
            pulled_within_seconds=_seconds(rule.pulled_within),
            cleared=rule.cleared,
        )


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """What a namespace keeps: the first rule that speaks of a name decides; what none speaks of stays."""

    rules: Annotated[list[RetentionRule], Meta(max_length=model.MOST_RULES)]
    automatic: Annotated[bool, Meta(description="Whether what the rules let go goes by itself, every day.")] = False

    def read(self) -> model.Retention:
        """The rules that are meant. Raises `InvalidName`."""
        return model.Retention(tuple(rule.read() for rule in self.rules), automatic=self.automatic)

    @staticmethod
    def of(found: model.Retention) -> Retention:
        """How the rules are shown."""
        return Retention([RetentionRule.of(rule) for rule in found.rules], found.automatic)


class RetentionPlan(Struct, frozen=True):
    """What the rules of a namespace let go at a time."""

    plan: PlanId
    namespace: NamespaceText
    state: PlanState
    digest: Annotated[str, Meta(description="Of all that the plan says.", examples=[DIGEST])]
    actor: Annotated[str, Meta(description="Who had it made.", examples=["alice"])]
    at: Annotated[datetime, Meta(examples=[TIME])]
    rules: list[RetentionRule]
    looked_at: Annotated[int, Meta(description="How many artifacts were looked at.", examples=[1_200])]
    planned: Annotated[int, Meta(description="How many are still to go.", examples=[300])]
    kept: Annotated[int, Meta(description="How many the rules would let go, and something keeps.", examples=[4])]
    deleted: Annotated[int, Meta(description="How many went.", examples=[0])]
    moved: Annotated[int, Meta(description="How many stayed because something changed meanwhile.", examples=[0])]
    size: Annotated[int, Meta(description="Bytes that are free once all of it has gone, shared ones counted once.")]
    monthly_cost: Annotated[
        float | None,
        Meta(description="What these bytes cost in a month; null where nobody said a price.", examples=[0.46]),
    ]
    begun_by: Annotated[str | None, Meta(description="Who had it applied.", examples=[None])]

    @staticmethod
    def of(found: ports.Plan, price: float) -> RetentionPlan:
        """How a plan is shown, where a GiB costs *price* in a month."""
        return RetentionPlan(
            plan=found.name,
            namespace=found.namespace,
            state=found.state,
            digest=found.digest,
            actor=found.actor,
            at=found.at,
            rules=[RetentionRule.of(rule) for rule in found.rules],
            looked_at=found.looked_at,
            planned=found.counts.get(ItemState.PLANNED, 0),
            kept=found.counts.get(ItemState.KEPT, 0),
            deleted=found.counts.get(ItemState.DELETED, 0),
            moved=found.counts.get(ItemState.MOVED, 0),
            size=found.size,
            monthly_cost=round(found.size / _GIB * price, 6) if price else None,
            begun_by=found.begun_by,
        )


class PlanItemsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a plan is asked for."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class PlannedItem(Struct, frozen=True):
    """Something that the rules let go."""

    ordinal: Annotated[int, Meta(description="When it would go: 1 first.", examples=[1])]
    format: FormatText
    package: PackageText
    digest: DigestText
    names: list[ReferenceText]
    parts: Annotated[list[DigestText], Meta(description="What goes with it: what it contains and what refers to it.")]
    rule: RuleText
    reason: ReasonText
    at: Annotated[datetime, Meta(description="Since when it is there.", examples=[TIME])]
    pulled_at: Annotated[datetime | None, Meta(description="When it was pulled last, to the hour.", examples=[TIME])]
    pulled_by: Annotated[str, Meta(description="By whom.", examples=["cluster"])]
    keeper: Annotated[str | None, Meta(description="What keeps it all the same; it does not go then.", examples=[None])]
    size: Annotated[int, Meta(description="Bytes that are free once it and all before it have gone.", examples=[4096])]
    state: ItemState

    @staticmethod
    def of(found: ports.PlannedItem) -> PlannedItem:
        """How it is shown."""
        return PlannedItem(
            ordinal=found.ordinal,
            format=found.package.format,
            package=found.package.name,
            digest=str(found.digest),
            names=list(found.names),
            parts=[str(part) for part in found.parts],
            rule=found.rule,
            reason=found.reason,
            at=found.at,
            pulled_at=found.pulled_at,
            pulled_by=found.pulled_by,
            keeper=found.keeper,
            size=found.size,
            state=found.state,
        )


class PlanReviewed(Struct, frozen=True, forbid_unknown_fields=True):
    """Which plan was looked at."""

    digest: Annotated[str, Meta(description="The plan's digest.", examples=[DIGEST], max_length=200)] | UnsetType = (
        UNSET
    )


class JudgedArtifact(Struct, frozen=True):
    """What the rules say of an artifact."""

    digest: DigestText
    names: list[ReferenceText]
    goes: Annotated[bool, Meta(description="Whether it would be in a plan, to go.")]
    rule: Annotated[str, Meta(description="Which rule decided; empty where none speaks of it.", examples=["releases"])]
    reason: ReasonText
    keeper: Annotated[str | None, Meta(description="What keeps it though the rules would not.", examples=[None])]

    @staticmethod
    def of(found: judge_retention.Judged) -> JudgedArtifact:
        """How it is shown."""
        stored = found.candidate.stored
        return JudgedArtifact(
            digest=str(stored.digest),
            names=[name.text for name in stored.names if name.text],
            goes=found.goes,
            rule=found.verdict.rule,
            reason=found.verdict.reason,
            keeper=found.keeper,
        )


class NewRetentionReplay(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rules are held against the past."""

    rules: Annotated[
        list[RetentionRule], Meta(description="None: those of the namespace.", max_length=model.MOST_RULES)
    ] = []
    days: Annotated[int, Meta(description="How far back.", ge=1, le=366)] = 91


class Regretted(Struct, frozen=True):
    """Something that would have been deleted, and was pulled later."""

    format: FormatText
    package: PackageText
    digest: DigestText
    names: list[ReferenceText]
    gone_at: Annotated[datetime, Meta(description="When the rules would have let it go.", examples=[TIME])]
    pulled_at: Annotated[
        datetime, Meta(description="The first day after that on which it was pulled.", examples=[TIME])
    ]
    pulled_by: Annotated[str, Meta(description="Who pulled it last.", examples=["cluster"])]
    reason: ReasonText

    @staticmethod
    def of(found: replay_retention.Regretted) -> Regretted:
        """How it is shown."""
        return Regretted(
            format=found.package.format,
            package=found.package.name,
            digest=str(found.digest),
            names=[name.text for name in found.names if name.text],
            gone_at=found.gone_at,
            pulled_at=found.pulled_at,
            pulled_by=found.pulled_by,
            reason=found.reason,
        )


class RetentionReplay(Struct, frozen=True):
    """What the rules would have done in the past."""

    looked_at: Annotated[int, Meta(description="How many artifacts were looked at.", examples=[1_200])]
    gone: Annotated[int, Meta(description="How many of them would have been deleted.", examples=[300])]
    regretted: Annotated[list[Regretted], Meta(description="Those of them that were pulled later; not all of many.")]
    known_since: Annotated[
        datetime | None, Meta(description="Before then nobody wrote down what was pulled.", examples=[None])
    ]

    @staticmethod
    def of(found: replay_retention.Replay) -> RetentionReplay:
        """How it is shown."""
        return RetentionReplay(
            looked_at=found.looked_at,
            gone=found.gone,
            regretted=[Regretted.of(each) for each in found.regretted],
            known_since=found.known_since,
        )


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())
