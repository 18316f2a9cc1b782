"""What the management API reads and writes about where bytes lie (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct, field

from entrepot.api.shapes.retention import ReasonText, RetentionRule
from entrepot.api.shapes.texts import DIGEST, TIME, DigestText, FormatText, NamespaceText, PackageText
from entrepot.model import tier as model
from entrepot.model.blob import BlobState
from entrepot.model.retention import MOST_RULES
from entrepot.model.tier import IN_USE, Recall, Stays, Tier

if TYPE_CHECKING:
    from entrepot.operations import tier as operations
    from entrepot.ports.tiers import Placement


class TierRule(RetentionRule, frozen=True, forbid_unknown_fields=True):
    """What stays in the hot tier of the names that a rule speaks of; each condition is a reason to stay by itself."""

    recall: Annotated[
        Recall,
        Meta(
            description="How what goes comes back: its bytes are sent from the cold tier (stream), or whoever asks is told "
            "to ask again once it is hot (request)."
        ),
    ] = Recall.STREAM

    def read_tier(self) -> model.TierRule:
        """The rule that is meant. Raises `InvalidName`."""
        return model.TierRule(self.read(), self.recall)

    @staticmethod
    def of_tier(rule: model.TierRule) -> TierRule:
        """How a rule is shown."""
        hot = RetentionRule.of(rule.hot)
        return TierRule(**{name: getattr(hot, name) for name in hot.__struct_fields__}, recall=rule.recall)


class Tiering(Struct, frozen=True, forbid_unknown_fields=True):
    """What a namespace keeps hot: the first rule that speaks of a name decides; what none speaks of stays hot."""

    rules: Annotated[list[TierRule], Meta(max_length=MOST_RULES)]
    stays: Annotated[list[Stays], Meta(description="What stays hot whatever the rules say.", max_length=len(Stays))] = (
        field(default_factory=lambda: sorted(IN_USE))
    )
    automatic: Annotated[bool, Meta(description="Whether what does not stay hot goes by itself, every day.")] = False

    def read(self) -> model.Tiering:
        """The rules that are meant. Raises `InvalidName`."""
        rules = tuple(rule.read_tier() for rule in self.rules)
        return model.Tiering(rules, frozenset(self.stays), automatic=self.automatic)

    @staticmethod
    def of(found: model.Tiering) -> Tiering:
        """How the rules are shown."""
        return Tiering([TierRule.of_tier(rule) for rule in found.rules], sorted(found.stays), found.automatic)


class GoingArtifact(Struct, frozen=True):
    """An artifact that the rules let go, or would let go if nothing kept it hot."""

    format: FormatText
    package: PackageText
    digest: DigestText
    names: list[str]
    rule: Annotated[str, Meta(description="Which rule decided.", examples=["releases"])]
    reason: ReasonText
    keeper: Annotated[str | None, Meta(description="What keeps it hot.", examples=[None])]
    recall: Recall
    blobs: Annotated[int, Meta(description="How many blobs go that were not told of before.", examples=[3])]
    size: Annotated[int, Meta(description="Bytes that go with these.", examples=[1_048_576])]
    shared: Annotated[int, Meta(description="Bytes that stay hot because something that stays needs them.")]

    @staticmethod
    def of(found: operations.Going) -> GoingArtifact:
        """How it is shown."""
        return GoingArtifact(
            format=found.package.format,
            package=found.package.name,
            digest=str(found.digest),
            names=list(found.names),
            rule=found.rule,
            reason=found.reason,
            keeper=found.keeper,
            recall=found.recall,
            blobs=len(found.blobs),
            size=found.size,
            shared=found.shared,
        )


class TierPlan(Struct, frozen=True):
    """What the rules of a namespace let go now."""

    namespace: NamespaceText
    looked_at: Annotated[int, Meta(description="How many artifacts were looked at.", examples=[1_200])]
    artifacts: Annotated[int, Meta(description="How many go.", examples=[300])]
    blobs: Annotated[int, Meta(description="How many blobs that is.", examples=[900])]
    size: Annotated[int, Meta(description="How many bytes, before they are compressed.", examples=[10_737_418_240])]
    monthly_saving: Annotated[
        float | None,
        Meta(description="What that saves in a month, at least; null where nobody said a price.", examples=[0.2]),
    ]
    items: Annotated[list[GoingArtifact], Meta(description="The first of them, and of those that something keeps hot.")]

    @staticmethod
    def of(plan: operations.TierPlan) -> TierPlan:
        """How it is shown."""
        return TierPlan(
            namespace=plan.namespace,
            looked_at=plan.looked_at,
            artifacts=plan.artifacts,
            blobs=plan.blobs,
            size=plan.size,
            monthly_saving=plan.monthly_saving,
            items=[GoingArtifact.of(item) for item in plan.items],
        )


class TierPlanQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """How much of a plan is told."""

    limit: Annotated[int, Meta(description="Artifacts that are told of.", ge=0, le=1_000)] = 100


class TierMove(Struct, frozen=True, forbid_unknown_fields=True):
    """Where something is to lie."""

    tier: Tier


class Tiered(Struct, frozen=True):
    """What came of moving blobs."""

    moved: Annotated[int, Meta(description="How many blobs lie there now that did not.", examples=[3])]
    size: Annotated[int, Meta(description="How many bytes they have.", examples=[1_048_576])]
    left: Annotated[
        int, Meta(description="How many are still to be moved, by the next request or by who does it already.")
    ]

    @staticmethod
    def of(found: operations.Tiered) -> Tiered:
        """How it is shown."""
        return Tiered(found.moved, found.size, found.left)


class PlacedBlob(Struct, frozen=True):
    """Where a blob lies."""

    digest: Annotated[str, Meta(examples=[DIGEST])]
    size: Annotated[int, Meta(description="Bytes.", examples=[1_048_576])]
    state: BlobState
    tier: Tier
    stored: Annotated[
        int | None, Meta(description="Bytes that it takes up in the cold tier, compressed where that helps.")
    ]
    recall: Annotated[Recall | None, Meta(description="How it comes back from there.")]
    rule: Annotated[str, Meta(description="Which rule let it go there; empty when somebody did.")]
    since: Annotated[datetime | None, Meta(description="Since when it is there.", examples=[TIME])]
    moving_to: Annotated[Tier | None, Meta(description="Where somebody is copying it just now.")]

    @staticmethod
    def of(found: Placement) -> PlacedBlob:
        """How it is shown."""
        return PlacedBlob(
            digest=str(found.digest),
            size=found.size,
            state=found.state,
            tier=found.tier,
            stored=found.stored,
            recall=found.recall,
            rule=found.rule,
            since=found.since,
            moving_to=found.moving_to,
        )
