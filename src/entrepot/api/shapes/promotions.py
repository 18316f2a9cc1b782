"""What the management API reads and writes about policies, promotions and blocks (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from entrepot.api.shapes.basics import PageQuery
from entrepot.api.shapes.deployments import Protection
from entrepot.api.shapes.texts import (
    MAX_TEXT,
    TIME,
    YEAR_SECONDS,
    ChannelText,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    PatternText,
    PolicyText,
    Position,
    PrincipalText,
    PromotionId,
    Reason,
    ReferenceText,
    ViewText,
)
from entrepot.model.block import BlockKind
from entrepot.model.policy import Door, Mode
from entrepot.model.promotion import ChannelRules as Rules
from entrepot.model.promotion import PromotionState
from entrepot.policy.bounds import LONGEST_EXPRESSION

if TYPE_CHECKING:
    from entrepot.model import block, policy, promotion
    from entrepot.operations import why
    from entrepot.operations.policies import Replayed
    from entrepot.operations.promote import Plan
    from entrepot.operations.scan import Finding
    from entrepot.policy import rules
    from entrepot.policy.facts import Fact

_MOST = 32

Condition = Annotated[
    str,
    Meta(
        description="A CEL expression over the facts: true lets it through.",
        examples=["findings.critical == 0"],
        max_length=LONGEST_EXPRESSION,
    ),
]
Message = Annotated[
    str,
    Meta(
        description="A CEL expression that says why not.",
        examples=["string(findings.critical) + ' critical vulnerabilities'"],
        max_length=LONGEST_EXPRESSION,
    ),
]
Texts = Annotated[list[str], Meta(examples=[["no-criticals: 2 critical vulnerabilities"]])]
Facts = Annotated[
    dict[str, Any], Meta(description="What was known, by the names of the facts.", examples=[{"findings.critical": 2}])
]
At = Annotated[datetime | None, Meta(examples=[TIME])]


# --- policies ---


class NewPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """What a namespace shall demand at one of its doors."""

    door: Door
    condition: Condition
    mode: Annotated[Mode, Meta(description="What a no means.")] = Mode.ENFORCE
    channels: Annotated[
        list[ChannelText], Meta(description="Which channels; none: all but the first.", max_length=_MOST)
    ] = []
    formats: Annotated[list[FormatText], Meta(description="Of which formats; none: all.", max_length=_MOST)] = []
    packages: PatternText = "*"
    message: Message | None = None
    description: Annotated[str, Meta(description="Why not, in general.", max_length=500)] = ""


class Policy(Struct, frozen=True):
    """What a namespace demands."""

    name: PolicyText
    namespace: Annotated[str | None, Meta(description="Null for one that came with the program.", examples=["acme"])]
    door: Door
    mode: Mode
    condition: Condition
    channels: list[ChannelText]
    formats: list[FormatText]
    packages: PatternText
    message: Message | None
    description: str
    version: Annotated[int, Meta(description="How often it was set.", examples=[3])]
    digest: Annotated[str, Meta(description="The name of exactly these words.", examples=["sha256:" + 64 * "a"])]
    actor: Annotated[str, Meta(description="Who set it.", examples=["pat"])]
    at: At
    from_position: Position | None
    until_position: Position | None

    @staticmethod
    def of(found: policy.Policy) -> Policy:
        """How a policy is shown."""
        return Policy(
            name=found.name,
            namespace=found.namespace,
            door=found.door,
            mode=found.mode,
            condition=found.condition,
            channels=list(found.channels),
            formats=list(found.formats),
            packages=str(found.packages),
            message=found.message,
            description=found.description,
            version=found.version,
            digest=found.digest,
            actor=found.actor,
            at=found.at,
            from_position=found.from_position,
            until_position=found.until_position,
        )


class PoliciesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which policies are asked for."""

    history: Annotated[bool, Meta(description="Whether what they were before is wanted, too.")] = False


class NewPolicyTrial(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be tried on an artifact."""

    door: Door = Door.PROMOTION
    channel: ChannelText | None = None
    name: Annotated[PolicyText | None, Meta(description="Under which name the draft is tried.")] = None
    draft: Annotated[NewPolicy | None, Meta(description="A policy that is not set yet.")] = None


class Said(Struct, frozen=True):
    """What one policy says."""

    policy: PolicyText
    version: int
    mode: Mode
    allowed: bool
    text: Annotated[str, Meta(description="In words.", examples=["2 critical vulnerabilities"])]
    missing: Annotated[str | None, Meta(description="The fact that nobody knows yet.", examples=[None])]


class Decision(Struct, frozen=True):
    """What all policies of a door say together."""

    allowed: bool
    waits: Annotated[bool, Meta(description="Whether what is in the way may go away by itself, or by approvals.")]
    refusals: Texts
    warnings: Texts
    policies: list[Said]

    @staticmethod
    def of(found: rules.Decision) -> Decision:
        """How a decision is shown."""
        return Decision(
            found.allowed,
            found.waits,
            list(found.refusals),
            list(found.warnings),
            [
                Said(each.policy.name, each.policy.version, each.policy.mode, each.allowed, each.text, each.missing)
                for each in found.reasons
            ],
        )


class TriedPolicies(Struct, frozen=True):
    """What came of a trial."""

    digest: DigestText
    decision: Decision
    facts: Facts


class NewPolicyReplay(Struct, frozen=True, forbid_unknown_fields=True):
    """What a policy is held against."""

    policy: NewPolicy
    days: Annotated[int, Meta(description="How far back.", ge=1, le=3_650)] = 91


class ReplayedPromotion(Struct, frozen=True):
    """What a policy would have said of what came to its door."""

    promotion: Annotated[PromotionId | None, Meta(description="Which promotion that was; null at the other doors.")]
    format: FormatText
    package: PackageText
    version: str
    digest: DigestText
    channel: Annotated[str | None, Meta(description="Null where no channel is asked about.", examples=["prod"])]
    state: Annotated[
        str,
        Meta(
            description="What became of it: `proposed`, `applied` or `refused`; of what came in, `readable`, `awaiting`, "
            "`quarantined` or `blocked`.",
            examples=["applied"],
        ),
    ]
    at: At
    allowed: bool
    text: str

    @staticmethod
    def of(found: Replayed) -> ReplayedPromotion:
        """How it is shown."""
        return ReplayedPromotion(
            found.promotion,
            found.package.format,
            found.package.name,
            found.version,
            str(found.digest),
            found.channel,
            found.was,
            found.at,
            found.allowed,
            found.text,
        )


class PolicyReplay(Struct, frozen=True):
    """What a policy would have said."""

    items: list[ReplayedPromotion]
    refused: Annotated[int, Meta(description="How many it would have refused.")]


class KnownFact(Struct, frozen=True):
    """Something that a policy can ask."""

    name: str
    type: str
    meaning: str
    at_once: Annotated[bool, Meta(description="Whether it is known as soon as something is published.")]

    @staticmethod
    def of(found: Fact) -> KnownFact:
        """How a fact is shown."""
        return KnownFact(found.name, found.kind, found.meaning, found.at_once)


# --- promotions ---


class ChannelRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What a channel asks of whoever comes in, beside the policies."""

    approvals: Annotated[int, Meta(description="How many people must approve.", ge=0, le=20)] = 0
    self_approval: Annotated[bool, Meta(description="Whether who proposes it may be one of them.")] = False
    soak_seconds: Annotated[
        int, Meta(description="How long it must have been in the channel before.", ge=0, le=YEAR_SECONDS)
    ] = 0
    ordered: Annotated[bool, Meta(description="Whether it must be in the channel before at all.")] = False
    automatic: Annotated[
        bool, Meta(description="Whether what is in the channel before comes by itself, once nothing is in the way.")
    ] = False

    @property
    def rules(self) -> Rules:
        """What they are in the model."""
        soak = timedelta(seconds=self.soak_seconds)
        return Rules(self.approvals, self.self_approval, soak, self.ordered, self.automatic)

    @staticmethod
    def of(found: Rules) -> ChannelRules:
        """How rules are shown."""
        return ChannelRules(
            found.approvals, found.self_approval, int(found.soak.total_seconds()), found.ordered, found.automatic
        )


class RuledChannel(Struct, frozen=True):
    """A channel, and what it asks."""

    channel: ChannelText
    view: ViewText
    rules: ChannelRules


class Approval(Struct, frozen=True):
    """Somebody who stands for a promotion."""

    principal: PrincipalText
    at: Annotated[datetime, Meta(examples=[TIME])]
    note: str


class Promotion(Struct, frozen=True):
    """An artifact's way into a channel."""

    id: PromotionId
    namespace: NamespaceText
    format: FormatText
    package: PackageText
    version: Annotated[str, Meta(description="The name that was promoted; empty for a digest.", examples=["1.0"])]
    digest: DigestText
    channel: ChannelText
    state: PromotionState
    actor: PrincipalText
    reason: Reason
    refusals: Texts
    facts: Facts
    policies: Annotated[
        dict[str, str],
        Meta(
            description="Those that were asked, with the digests of their words.",
            examples=[{"no-criticals@3": "sha256:" + 64 * "a"}],
        ),
    ]
    approvals: list[Approval]
    statement: Annotated[str | None, Meta(description="The signed summary, beside the artifact.", examples=[None])]
    at: At
    decided_at: At
    from_position: Position | None
    until_position: Position | None

    @staticmethod
    def of(found: promotion.Promotion) -> Promotion:
        """How a promotion is shown."""
        return Promotion(
            id=found.id,
            namespace=found.package.namespace,
            format=found.package.format,
            package=found.package.name,
            version=found.version,
            digest=str(found.digest),
            channel=found.channel,
            state=found.state,
            actor=found.actor,
            reason=found.reason,
            refusals=list(found.refusals),
            facts=dict(found.facts),
            policies=dict(found.policies),
            approvals=[Approval(each.principal, each.at, each.note) for each in found.approvals],
            statement=None if found.statement is None else str(found.statement),
            at=found.at,
            decided_at=found.decided_at,
            from_position=found.from_position,
            until_position=found.until_position,
        )


class PromotionsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which promotions are asked for, the newest first."""

    after: Annotated[str, Meta(description="`next` of the page before.", max_length=MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100
    open: Annotated[bool, Meta(description="Whether only those that wait are wanted.")] = False


class PromotionPlan(Struct, frozen=True):
    """What would come of promoting an artifact now."""

    digest: DigestText
    version: str
    channel: ChannelText
    cleared: Annotated[bool, Meta(description="Whether it is in the channel already.")]
    decision: Decision
    facts: Facts
    token: Annotated[str, Meta(description="To apply exactly this plan, or nothing.", examples=[64 * "a"])]
    promotion: Annotated[PromotionId | None, Meta(description="The one that is on its way.", examples=[None])]

    @staticmethod
    def of(found: Plan) -> PromotionPlan:
        """How a plan is shown."""
        return PromotionPlan(
            digest=str(found.digest),
            version=found.version,
            channel=found.channel,
            cleared=found.cleared,
            decision=Decision.of(found.decision),
            facts=found.facts.text(),
            token=found.token,
            promotion=None if found.proposed is None else found.proposed.id,
        )


class NewPromotion(Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is promoted, and perhaps after which plan."""

    reason: Reason = ""
    plan: Annotated[str, Meta(description="The token of the plan.", max_length=100)] | None = None


class Unpromoted(Struct, frozen=True):
    """What was taken out of a channel."""

    digest: DigestText
    channel: ChannelText
    warnings: Annotated[
        list[str],
        Meta(description="As what it runs all the same.", examples=[["deployed as payments in prod since …"]]),
    ]


class Note(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody who approves has to say."""

    note: Annotated[str, Meta(max_length=MAX_TEXT, examples=["tested on staging"])] = ""


# --- blocks ---


class NewBlock(Struct, frozen=True, forbid_unknown_fields=True):
    """Why an artifact is not to be served any more."""

    reason: Annotated[
        str, Meta(description="Why, for people.", examples=["a coin miner"], min_length=1, max_length=MAX_TEXT)
    ]
    quarantine: Annotated[bool, Meta(description="Whether it is only until more is known.")] = False


class Block(Struct, frozen=True):
    """An artifact that is kept, and not served."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    digest: DigestText
    kind: BlockKind
    reason: Reason
    actor: str
    policy: PolicyText | None
    at: At
    from_position: Position | None
    until_position: Position | None

    @staticmethod
    def of(found: block.Block) -> Block:
        """How a block is shown."""
        return Block(
            namespace=found.package.namespace,
            format=found.package.format,
            package=found.package.name,
            digest=str(found.digest),
            kind=found.kind,
            reason=found.reason,
            actor=found.actor,
            policy=found.policy,
            at=found.at,
            from_position=found.from_position,
            until_position=found.until_position,
        )


class BlocksQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which blocks are asked for, the oldest first."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100
    history: Annotated[bool, Meta(description="Whether those that were taken back are wanted, too.")] = False


# --- why ---


class Standing(Struct, frozen=True):
    """How an artifact stands in one view."""

    view: ViewText
    visible: bool
    text: Annotated[str, Meta(description="Why, in words.", examples=["it is not cleared"])]


class WhySigned(Struct, frozen=True):
    """What somebody says of it."""

    kind: str
    predicate_type: str | None
    signers: Annotated[list[str], Meta(description="Those whose signature counts.")]
    reason: Annotated[str | None, Meta(description="Why nobody's does.")]


class WhyFound(Struct, frozen=True):
    """What was found in it."""

    complete: Annotated[bool, Meta(description="Whether that is all: only then is nothing found a good sign.")]
    components: int
    findings: Annotated[dict[str, int], Meta(description="How many, by severity.", examples=[{"high": 2}])]
    worst: Annotated[list[str], Meta(description="Some of them, the worst first.")]
    suppressed: Annotated[list[str], Meta(description="Some that do not count, with who says so, why, and until when.")]


def _suppressed(finding: Finding) -> str:
    said = finding.suppressed
    if said is None:
        return ""
    until = "" if said.until is None else f" until {said.until.isoformat(timespec='seconds')}"
    return f"{finding.id} in {finding.component}, by {said.by}{until}: {said.why}"


class WhyDoor(Struct, frozen=True):
    """What is asked of it, and what comes of that."""

    door: Door
    channel: Annotated[str | None, Meta(description="Through whose view; null for the namespace.", examples=["prod"])]
    decision: Decision


class WhySecrets(Struct, frozen=True):
    """Which secrets are in it."""

    searched: Annotated[
        bool, Meta(description="Whether all of it was searched: only then is nothing found a good sign.")
    ]
    counts: Annotated[dict[str, int], Meta(description="How many, by state.", examples=[{"certain": 1}])]
    unread: Annotated[int, Meta(description="In how many places nobody could look.", examples=[0])]
    places: Annotated[
        list[str], Meta(description="Some of them with their places: for who may publish or govern there.")
    ]

    @staticmethod
    def of(known: why.Why) -> WhySecrets:
        """How it is shown."""
        leaks = known.leaks
        shown = leaks.secrets[:10] if known.shows_places else []
        return WhySecrets(
            leaks.searched,
            {str(state): count for state, count in leaks.counts.items()},
            leaks.unread,
            [f"{each.found.name} ({each.state}) in {each.place}" for each in shown],
        )


class Why(Struct, frozen=True):
    """Why an artifact stands as it does."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    digest: DigestText
    references: list[ReferenceText]
    views: list[Standing]
    block: Block | None
    kept: Annotated[list[str], Meta(description="What it is kept by.")]
    protections: Annotated[
        list[Protection], Meta(description="Why it cannot be deleted: who, since when, until when.", examples=[[]])
    ]
    promotable: Annotated[list[PromotionPlan], Meta(description="For each channel that it is not in.")]
    promotions: list[Promotion]
    signed: list[WhySigned]
    found: WhyFound
    doors: Annotated[list[WhyDoor], Meta(description="What is asked of it beside promotion.")]
    secrets: WhySecrets

    @staticmethod
    def of(known: why.Why) -> Why:
        """How it is shown."""
        counts: dict[str, int] = {}
        for finding in known.scan.open:
            counts[finding.severity.level] = counts.get(finding.severity.level, 0) + 1
        return Why(
            namespace=known.package.namespace,
            format=known.package.format,
            package=known.package.name,
            digest=str(known.digest),
            references=[each.name for each in known.references],
            views=[Standing(str(each.view), each.visible, each.text) for each in known.standings],
            block=None if known.block is None else Block.of(known.block),
            kept=list(known.kept),
            protections=[Protection.of(each) for each in known.protections],
            promotable=[PromotionPlan.of(each) for each in known.plans],
            promotions=[Promotion.of(each) for each in known.promotions],
            signed=[
                WhySigned(
                    row.attestation.kind,
                    row.attestation.predicate_type,
                    [each.signer for each in row.verifications if each.reason is None],
                    row.attestation.reason,
                )
                for row in known.evidence
            ],
            found=WhyFound(
                known.scan.is_complete,
                known.scan.components,
                counts,
                [f"{each.id} in {each.component}" for each in known.scan.open[:10]],
                [_suppressed(each) for each in known.scan.findings if each.suppressed is not None][:10],
            ),
            doors=[WhyDoor(each.door, each.channel, Decision.of(each.decision)) for each in known.doors],
            secrets=WhySecrets.of(known),
        )
