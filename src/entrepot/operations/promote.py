"""Let an artifact into a channel, where the policies and the channel's rules allow it; and take it out.

First the *plan*: what is known of it, what each policy says of that, and what else is in the way. It changes nothing.
Then, if nothing is in the way, one transaction seals the version and opens the clearance, unless the package or the
policies have changed since the plan. A refusal is an event, too, and what only waits (for approvals, for time) is kept
as proposed, and applied as soon as nothing is in its way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot import __version__
from entrepot.model.access import Action
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    ClearanceUnknown,
    Denied,
    Invalid,
    NamespaceUnknown,
    NameTaken,
    PromotionUnknown,
    ReferenceUnknown,
    StaleRevision,
)
from entrepot.model.events import (
    ChannelRulesSet,
    ClearanceOpened,
    PromotionApproved,
    PromotionProposed,
    PromotionRefused,
)
from entrepot.model.names import View
from entrepot.model.policy import Door
from entrepot.model.promotion import Approval, ChannelRules, Promotion, PromotionState
from entrepot.model.protection import ProtectionKind
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access
from entrepot.operations.clear import withdraw_clearance
from entrepot.operations.facts import Asked, examined, gather, previous_channel
from entrepot.operations.publish import add_content
from entrepot.operations.state import VSA_PREDICATE, draft_statement
from entrepot.policy.defaults import DEFAULTS
from entrepot.policy.rules import Obstacle, decide, policy_set

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, NamespaceName, PackageId, ReferenceName
    from entrepot.model.namespace import Namespace
    from entrepot.model.position import Position
    from entrepot.model.protection import Protection
    from entrepot.operations.publish import Draft
    from entrepot.operations.registry import Registry
    from entrepot.policy.facts import Facts
    from entrepot.policy.rules import Decision
    from entrepot.ports.catalog import Transaction

WAIT_SECONDS: Final = 10.0
"""How long a promotion waits for the artifact to be examined, before it goes by what is known."""
_ATTEMPTS: Final = 5
MOST_APPROVALS: Final = 20
_LONGEST_SOAK_DAYS: Final = 365
_MOST_RUNNING: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What would come of promoting an artifact now."""

    package: PackageId
    digest: Digest
    version: str
    channel: ChannelName
    facts: Facts
    decision: Decision
    policies: str
    """The digest of the namespace's policies."""
    revision: Position
    """That of the package: another one means that something about it has changed."""
    trust: Position
    """That of whom the namespace believes: another one means that a signature may count no more."""
    cleared: bool
    """Whether it is in the channel already."""
    proposed: Promotion | None = None
    """The promotion that is on its way."""

    @property
    def token(self) -> str:
        """The name of what was decided on these grounds: to apply exactly this plan, or nothing."""
        words = [
            str(self.package),
            str(self.digest),
            self.channel,
            self.policies,
            self.decision.allowed,
            list(self.decision.refusals),
        ]
        return sha256(msgspec.json.encode(words)).hexdigest()

    def promotion(self, id: str, actor: str) -> Promotion:
        """The promotion that begins with this plan."""
        return Promotion(id, self.package, self.digest, self.version, self.channel, PromotionState.PROPOSED, actor)


async def plan_promotion(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    channel: ChannelName,
    *,
    seconds: float = 0,
) -> Plan:
    """What would come of promoting it; changes nothing. It waits at most *seconds* for what examines the artifact.

    Raises `ReferenceUnknown`, `ArtifactUnknown`, `ChannelUnknown`, `NamespaceUnknown`, or what `access.require_read` raises.
    """
    await access.require_read(registry, caller, View(package.namespace), package)
    namespace = await _namespace(registry, package.namespace, channel)
    digest = await _find(registry, package, target)
    await examined(registry, package, seconds=seconds)
    # Before anything is asked that depends on it.
    trust = await registry.catalog.attestations.trust_revision(package.namespace)
    row = await registry.catalog.find_package(View(package.namespace), package)
    if row is None:
        raise ArtifactUnknown(digest)
    rules = (await registry.catalog.promotions.list_rules(package.namespace)).get(channel, ChannelRules())
    proposed = await registry.catalog.promotions.find_proposed(package, channel, digest)
    requester = caller.name if proposed is None else proposed.actor
    approvals = [] if proposed is None else _counted(proposed, rules)
    version = target if isinstance(target, str) else "" if proposed is None else proposed.version
    asked = Asked(version, channel, namespace.channels, requester, approvals)
    facts = await gather(registry, package, digest, asked, now=registry.clock.now())
    own = policy_set(await registry.catalog.policies.list(package.namespace), DEFAULTS)
    policies = own.at(package, Door.PROMOTION, channel, first=namespace.channels[0] == channel)
    # What must not be read there is not let in to be thrown out.
    policies += own.at(package, Door.READING, channel)
    block = await registry.catalog.blocks.find(package, digest)
    obstacles = [*_obstacles(rules, facts, namespace.channels, channel, approvals=len(approvals))]
    if block is not None:
        obstacles.insert(0, Obstacle(f"it is {block.kind}: {block.reason}", passes=not block.kind.is_final))
    cleared = await registry.catalog.promotions.is_cleared(package, channel, digest)
    decision = decide(policies, facts, obstacles=obstacles)
    return Plan(package, digest, version, channel, facts, decision, own.digest, row.revision, trust, cleared, proposed)


async def promote(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    channel: ChannelName,
    *,
    reason: str = "",
    expected: str | None = None,
    seconds: float = WAIT_SECONDS,
) -> Promotion:
    """Promote it if nothing is in the way; else it is proposed, where that may go away, or refused.

    *expected* is the token of the plan that is to be applied. What is in the channel already stays as it is.

    Raises `StaleRevision`, and like `plan_promotion`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.PROMOTE, package)
    for remaining in reversed(range(_ATTEMPTS)):
        plan = await plan_promotion(registry, caller, package, target, channel, seconds=seconds)
        if expected is not None and expected != plan.token:
            raise StaleRevision(f"the plan for {package.name} to {channel}", expected=expected, actual=plan.token)
        try:
            return await _apply(registry, caller, plan, reason)
        except StaleRevision:
            # Something else was said of the package meanwhile; if the plan is still the same, it is applied.
            if not remaining:
                raise
    raise StaleRevision(package.name)


async def approve(
    registry: Registry, caller: Caller, promotion_id: str, *, note: str = "", seconds: float = WAIT_SECONDS
) -> Promotion:
    """Stand for what somebody proposed; it is applied at once when nothing else is in its way.

    Raises `PromotionUnknown`, `NameTaken` for who has approved already, `Denied` for who proposed it where that does not count, or what `access.require` raises.
    """
    known = await _open_promotion(registry, caller, promotion_id)
    package, channel = known.package, known.channel

    def change(transaction: Transaction) -> None:
        found = transaction.promotions.find_proposed(package, channel, known.digest)
        if found is None or found.id != known.id:
            raise PromotionUnknown(promotion_id)
        rules = transaction.promotions.find_rules(package.namespace, channel)
        if caller.name == found.actor and not rules.self_approval:
            raise Denied(f"{caller.name} proposed it", expected="somebody else's approval")
        if not transaction.promotions.approve(known.id, caller.name, note):
            raise NameTaken(f"{caller.name} has approved it already")
        transaction.append(
            caller.name,
            PromotionApproved(
                namespace=package.namespace,
                package=package.path,
                promotion=known.id,
                channel=channel,
                digest=str(known.digest),
                note=note,
            ),
        )

    await registry.catalog.write(change)
    return await settle_promotion(registry, caller, known, seconds=seconds)


async def settle_promotion(registry: Registry, caller: Caller, proposed: Promotion, *, seconds: float = 0) -> Promotion:
    """Apply what was proposed if nothing is in its way any more; what still waits stays as it is.

    Raises `StaleRevision` when something else is said of the package again and again meanwhile.
    """
    package, digest, channel = proposed.package, proposed.digest, proposed.channel
    for remaining in reversed(range(_ATTEMPTS)):
        plan = await plan_promotion(registry, caller, package, digest, channel, seconds=seconds)
        if plan.proposed is None:
            return proposed
        if not plan.decision.allowed:
            return plan.proposed
        try:
            return await _apply(registry, caller, plan, proposed.reason)
        except StaleRevision:
            if not remaining:
                raise
    raise StaleRevision(package.name)


async def refuse(registry: Registry, caller: Caller, promotion_id: str, *, reason: str) -> Promotion:
    """Refuse what somebody proposed, or take back what oneself has.

    Raises `PromotionUnknown`, or what `access.require` raises.
    """
    known = await _open_promotion(registry, caller, promotion_id)

    def change(transaction: Transaction) -> Promotion:
        found = transaction.promotions.find_proposed(known.package, known.channel, known.digest)
        if found is None or found.id != known.id:
            raise PromotionUnknown(promotion_id)
        said = f"{caller.name} refuses it" + (f": {reason}" if reason else "")
        refused = replace(found, state=PromotionState.REFUSED, refusals=(said,))
        return _refused(transaction, caller, refused)

    return await registry.catalog.write(change)


@dataclass(frozen=True, slots=True)
class Unpromoted:
    """What was taken out of a channel."""

    digest: Digest
    running: Sequence[Protection]
    """As what it runs, some of it; it goes on, but does not start again from the channel's view."""


async def unpromote(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    target: ReferenceName | Digest,
    channel: ChannelName,
    *,
    reason: str = "",
) -> Unpromoted:
    """Take an artifact out of a channel again, and return which, with as what it runs all the same.

    Raises `ClearanceUnknown`, `ReferenceUnknown`, `ChannelUnknown`, or what `access.require` raises.
    """
    await access.require(registry, caller, Action.PROMOTE, package)
    await _namespace(registry, package.namespace, channel)
    digest = await _find(registry, package, target)

    def change(transaction: Transaction) -> Unpromoted:
        kept = transaction.protections.find(package, digest, limit=_MOST_RUNNING)
        if not withdraw_clearance(transaction, caller.name, package, channel, digest, reason=reason):
            raise ClearanceUnknown(f"{digest} for {channel}")
        return Unpromoted(digest, [each for each in kept if each.kind is ProtectionKind.DEPLOYED])

    return await registry.catalog.write(change)


async def list_promotions(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName,
    package: PackageId | None = None,
    *,
    open_only: bool = False,
    before: Position | None = None,
    limit: int,
) -> Sequence[Promotion]:
    """A page of promotions, the newest first. Raises what `access.require_read` and `access.require_anywhere` raise."""
    if package is None:
        access.require_anywhere(caller, Action.READ, View(namespace))
    else:
        await access.require_read(registry, caller, View(namespace), package)
    return await registry.catalog.promotions.list(namespace, package, open_only=open_only, before=before, limit=limit)


async def list_rules(
    registry: Registry, caller: Caller, namespace: NamespaceName
) -> Mapping[ChannelName, ChannelRules]:
    """What each channel of a namespace asks beside the policies. Raises `NamespaceUnknown`, or what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.READ, View(namespace))
    known = await registry.catalog.find_namespace(namespace)
    if known is None:
        raise NamespaceUnknown(namespace)
    said = await registry.catalog.promotions.list_rules(namespace)
    return {channel: said.get(channel, ChannelRules()) for channel in known.channels}


async def set_rules(
    registry: Registry, caller: Caller, namespace: NamespaceName, channel: ChannelName, rules: ChannelRules
) -> ChannelRules:
    """Say what a channel asks. Raises `Invalid`, `ChannelUnknown`, `NamespaceUnknown`, or what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    if not 0 <= rules.approvals <= MOST_APPROVALS:
        raise Invalid("approvals", expected=f"at most {MOST_APPROVALS}", actual=rules.approvals)
    if not 0 <= rules.soak.days <= _LONGEST_SOAK_DAYS:
        raise Invalid("soak", expected=f"at most {_LONGEST_SOAK_DAYS} days", actual=rules.soak)

    def change(transaction: Transaction) -> ChannelRules:
        if transaction.promotions.set_rules(namespace, channel, rules):
            transaction.append(
                caller.name,
                ChannelRulesSet(
                    namespace=namespace,
                    channel=channel,
                    approvals=rules.approvals,
                    self_approval=rules.self_approval,
                    soak_seconds=int(rules.soak.total_seconds()),
                    ordered=rules.ordered,
                    automatic=rules.automatic,
                ),
            )
        return rules

    return await registry.catalog.write(change)


# --- what is in the way ---


def _obstacles(
    rules: ChannelRules, facts: Facts, channels: Sequence[ChannelName], channel: ChannelName, *, approvals: int
) -> list[Obstacle]:
    """What the channel itself asks, and is not so."""
    found: list[Obstacle] = []
    before = previous_channel(channels, channel)
    if before is not None and (rules.ordered or rules.soak) and not facts["previous.cleared"]:
        found.append(Obstacle(f"it is not in {before}, which comes before {channel}", passes=False))
    elif before is not None and rules.soak:
        soaked = facts["previous.soaked"]
        if not isinstance(soaked, timedelta) or soaked < rules.soak:
            so_far = _length(soaked) if isinstance(soaked, timedelta) else "nobody knows how long"
            found.append(Obstacle(f"it has been in {before} for {so_far} of {_length(rules.soak)}", passes=True))
    if approvals < rules.approvals:
        found.append(Obstacle(f"{approvals} of {rules.approvals} approvals", passes=True))
    return found


def _length(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _counted(promotion: Promotion, rules: ChannelRules) -> list[Approval]:
    """The approvals that count: those of distinct people, not of who proposed it unless the channel allows that."""
    return [each for each in promotion.approvals if rules.self_approval or each.principal != promotion.actor]


# --- applying ---


async def _apply(registry: Registry, caller: Caller, plan: Plan, reason: str) -> Promotion:
    new_id = registry.clock.new_id()
    statement = None
    decides = not plan.decision.waits and not (plan.decision.allowed and plan.cleared)
    if decides and registry.signing is not None:
        statement = await _summarise(registry, plan)

    def change(transaction: Transaction) -> Promotion:
        _require_unmoved(transaction, plan)
        promotion = replace(
            plan.proposed or plan.promotion(new_id, caller.name),
            reason=reason or ("" if plan.proposed is None else plan.proposed.reason),
            refusals=plan.decision.refusals,
            statement=None if statement is None else statement.artifact.digest,
            facts=plan.facts.text(),
            policies=plan.decision.asked,
        )
        if statement is not None:
            # Beside the artifact, before the clearance is opened that covers it.
            add_content(transaction, plan.package, statement)
        if plan.decision.allowed:
            return _applied(transaction, caller, promotion, cleared=plan.cleared)
        if plan.decision.waits:
            return _proposed(transaction, caller, promotion, known=plan.proposed)
        return _refused(transaction, caller, replace(promotion, state=PromotionState.REFUSED))

    return await registry.catalog.write(change)


async def _summarise(registry: Registry, plan: Plan) -> Draft:
    """The decision as a signed statement: https://slsa.dev/spec/v1.1/verification_summary."""
    level = plan.facts["provenance.level"] if plan.facts["provenance.verified"] else None
    version = plan.version or str(plan.digest)
    predicate = {
        "verifier": {"id": f"entrepot:{plan.package.namespace}.{plan.channel}", "version": {"entrepot": __version__}},
        "timeVerified": registry.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "resourceUri": f"{plan.package}@{version}",
        "policy": {
            "uri": f"entrepot:policies/{plan.package.namespace}",
            "digest": {"sha256": plan.policies.removeprefix("sha256:")},
        },
        "inputAttestations": [],
        "verificationResult": "PASSED" if plan.decision.allowed else "FAILED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED" if level is None else f"SLSA_BUILD_LEVEL_{level}"],
        "slsaVersion": "1.1",
        "entrepot": {
            "channel": plan.channel,
            "policies": plan.decision.asked,
            "refusals": list(plan.decision.refusals),
        },
    }
    return await draft_statement(registry, plan.package, plan.digest, predicate_type=VSA_PREDICATE, predicate=predicate)


def _require_unmoved(transaction: Transaction, plan: Plan) -> None:
    """Raise `StaleRevision` when the package, the policies or whom to believe are not what the plan was made of."""
    now = transaction.promotions.revision(plan.package)
    if transaction.attestations.trust_revision(plan.package.namespace) != plan.trust:
        raise StaleRevision(f"whom {plan.package.namespace} believes changed while a promotion was decided")
    policies = policy_set(transaction.policies.list(plan.package.namespace), DEFAULTS).digest
    if now != plan.revision or policies != plan.policies:
        raise StaleRevision(f"{plan.package.name} changed while its promotion was decided")


def _applied(transaction: Transaction, caller: Caller, promotion: Promotion, *, cleared: bool) -> Promotion:
    """Seal, clear, record, and append the event."""
    package, digest = promotion.package, promotion.digest
    applied = replace(promotion, state=PromotionState.APPLIED)
    if cleared:
        return replace(applied, from_position=promotion.from_position)
    transaction.open_clearance(package, promotion.channel, digest)
    for reference in transaction.names_of(package, digest):
        if reference.kind is ReferenceKind.VERSION and not reference.sealed:
            transaction.mark_version(package, replace(reference, sealed=True))
    transaction.promotions.keep(applied)
    position = transaction.append(
        caller.name,
        ClearanceOpened(
            namespace=package.namespace,
            package=package.path,
            channel=promotion.channel,
            digest=str(digest),
            reason=promotion.reason,
            promotion=promotion.id,
            policies=dict(promotion.policies),
            statement=None if promotion.statement is None else str(promotion.statement),
        ),
    )
    return _decided(transaction, applied, position)


def _proposed(transaction: Transaction, caller: Caller, promotion: Promotion, *, known: Promotion | None) -> Promotion:
    if known is not None and known.refusals == promotion.refusals:
        return known
    transaction.promotions.keep(promotion)
    position = transaction.append(
        caller.name,
        PromotionProposed(
            namespace=promotion.package.namespace,
            package=promotion.package.path,
            promotion=promotion.id,
            channel=promotion.channel,
            digest=str(promotion.digest),
            version=promotion.version,
            reason=promotion.reason,
            refusals=promotion.refusals,
        ),
    )
    return replace(promotion, from_position=promotion.from_position or position, at=promotion.at or transaction.now)


def _refused(transaction: Transaction, caller: Caller, promotion: Promotion) -> Promotion:
    transaction.promotions.keep(promotion)
    position = transaction.append(
        caller.name,
        PromotionRefused(
            namespace=promotion.package.namespace,
            package=promotion.package.path,
            promotion=promotion.id,
            channel=promotion.channel,
            digest=str(promotion.digest),
            version=promotion.version,
            refusals=promotion.refusals,
            policies=dict(promotion.policies),
            statement=None if promotion.statement is None else str(promotion.statement),
        ),
    )
    return _decided(transaction, promotion, position)


def _decided(transaction: Transaction, promotion: Promotion, position: Position) -> Promotion:
    """The promotion as it stands with the entry at *position*, which decided it."""
    return replace(
        promotion,
        from_position=promotion.from_position or position,
        until_position=position,
        at=promotion.at or transaction.now,
        decided_at=transaction.now,
    )


# --- finding ---


async def find_promotion(registry: Registry, caller: Caller, promotion_id: str) -> Promotion:
    """One promotion, for who may read its package. Raises `PromotionUnknown`."""
    known = await registry.catalog.promotions.find(promotion_id)
    if known is None or not caller.rights.allows(Action.READ, View(known.package.namespace), known.package.name):
        raise PromotionUnknown(promotion_id)
    return known


async def _open_promotion(registry: Registry, caller: Caller, promotion_id: str) -> Promotion:
    known = await find_promotion(registry, caller, promotion_id)
    await access.require(registry, caller, Action.APPROVE, known.package)
    if known.state is not PromotionState.PROPOSED:
        raise PromotionUnknown(promotion_id)
    return known


async def _namespace(registry: Registry, name: NamespaceName, channel: ChannelName) -> Namespace:
    namespace = await registry.catalog.find_namespace(name)
    if namespace is None:
        raise NamespaceUnknown(name)
    if channel not in namespace.channels:
        raise ChannelUnknown(f"{name}.{channel}")
    return namespace


async def _find(registry: Registry, package: PackageId, target: ReferenceName | Digest) -> Digest:
    """What a name or a digest means, also when it is blocked. Raises `ReferenceUnknown`, `ArtifactUnknown`."""
    view = View(package.namespace)
    if isinstance(target, str):
        found = await registry.catalog.find_artifact(view, package, name=target, barred=True)
    else:
        found = await registry.catalog.find_artifact(view, package, digest=target, barred=True)
    if found is None:
        raise ReferenceUnknown(target) if isinstance(target, str) else ArtifactUnknown(target)
    return found.digest
