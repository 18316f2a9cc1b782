"""Policies, promotions and blocks: the part of the management API that decides what is let through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.deployments import Protection
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace demands."""

    name: str
    door: str
    condition: str
    mode: str = "enforce"
    namespace: str | None = None
    """None for one that came with the registry."""
    channels: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    packages: str = "*"
    message: str | None = None
    description: str = ""
    version: int = 0
    digest: str = ""
    actor: str = ""
    at: datetime | None = None
    until_position: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """Something that a policy can ask."""

    name: str
    type: str
    meaning: str
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class PolicySaid:
    """What one policy says."""

    policy: str
    version: int
    mode: str
    allowed: bool
    text: str
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What all policies of a door say together."""

    allowed: bool
    waits: bool = False
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    policies: tuple[PolicySaid, ...] = ()


@dataclass(frozen=True, slots=True)
class TriedPolicies:
    """What came of a trial."""

    digest: Digest
    decision: Decision
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ReplayedPromotion:
    """What a policy would have said of what came to its door."""

    format: str
    package: str
    version: str
    digest: Digest
    state: str
    """What became of it: of a promotion, or of what came in."""
    allowed: bool
    text: str
    promotion: str | None = None
    channel: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    """What a policy would have said of the past."""

    items: tuple[ReplayedPromotion, ...]
    refused: int


@dataclass(frozen=True, slots=True)
class PromotionPlan:
    """What would come of promoting an artifact now."""

    digest: Digest
    channel: str
    decision: Decision
    token: str
    version: str = ""
    cleared: bool = False
    facts: Mapping[str, object] | None = None
    promotion: str | None = None


@dataclass(frozen=True, slots=True)
class PromotionApproval:
    """Somebody who stands for a promotion."""

    principal: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """An artifact's way into a channel."""

    id: str
    namespace: str
    format: str
    package: str
    digest: Digest
    channel: str
    state: str
    """``applied``, ``proposed`` or ``refused``."""
    actor: str
    version: str = ""
    reason: str = ""
    refusals: tuple[str, ...] = ()
    facts: Mapping[str, object] | None = None
    policies: Mapping[str, str] | None = None
    approvals: tuple[PromotionApproval, ...] = ()
    statement: str | None = None
    at: datetime | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unpromoted:
    """What was taken out of a channel."""

    digest: Digest
    channel: str
    warnings: tuple[str, ...] = ()
    """As what it runs all the same."""


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What a channel asks, beside the policies."""

    approvals: int = 0
    self_approval: bool = False
    soak_seconds: int = 0
    ordered: bool = False
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, and what it asks."""

    channel: str
    view: str
    rules: ChannelRules


@dataclass(frozen=True, slots=True)
class Block:
    """An artifact that is kept, and not served."""

    namespace: str
    format: str
    package: str
    digest: Digest
    kind: str
    reason: str
    actor: str
    policy: str | None = None
    at: datetime | None = None
    until_position: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an artifact stands in one view."""

    view: str
    visible: bool
    text: str


@dataclass(frozen=True, slots=True)
class WhySigned:
    """What somebody says of it."""

    kind: str
    predicate_type: str | None = None
    signers: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WhyFound:
    """What was found in it."""

    complete: bool
    components: int = 0
    findings: Mapping[str, int] | None = None
    worst: tuple[str, ...] = ()
    suppressed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WhyDoor:
    """What is asked of it, and what comes of that."""

    door: str
    decision: Decision
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class WhySecrets:
    """Which secrets are in it; the places only for who may publish or govern there."""

    searched: bool
    counts: Mapping[str, int]
    unread: int = 0
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """Why an artifact stands as it does."""

    namespace: str
    format: str
    package: str
    digest: Digest
    references: tuple[str, ...]
    views: tuple[Standing, ...]
    kept: tuple[str, ...]
    promotable: tuple[PromotionPlan, ...]
    promotions: tuple[Promotion, ...]
    signed: tuple[WhySigned, ...]
    found: WhyFound
    secrets: WhySecrets
    doors: tuple[WhyDoor, ...] = ()
    protections: tuple[Protection, ...] = ()
    """Why it cannot be deleted."""
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class Policies:
    """What namespaces demand at their doors. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def facts(self) -> Iterator[PolicyFact]:
        """All that a policy can ask."""
        return self._connection.pages("/api/v1/policy-facts", PolicyFact)

    def iter(self, namespace: str, *, history: bool = False) -> Iterator[Policy]:
        """A namespace's policies by name, with the defaults that hold; or its own with what they were before."""
        query = {"history": 1} if history else {}
        return self._connection.pages(_policies(namespace), Policy, query=query)

    def set(self, namespace: str, name: str, policy: Policy) -> Policy:
        """Demand something from now on."""
        path = f"{_policies(namespace)}/{escape(name)}"
        return self._connection.call("PUT", path, document=_policy(policy)).read(Policy)

    def remove(self, namespace: str, name: str) -> None:
        """Demand it no more."""
        self._connection.call("DELETE", f"{_policies(namespace)}/{escape(name)}")

    def replay(self, namespace: str, name: str, policy: Policy, *, days: int = 91) -> PolicyReplay:
        """What a policy would have said of what came to its door in the past, or would take away."""
        path = f"{_policies(namespace)}/{escape(name)}/replay"
        document = {"policy": _policy(policy), "days": days}
        return self._connection.call("POST", path, document=document, repeatable=True).read(PolicyReplay)

    def test(
        self,
        address: Address | str,
        *,
        door: str = "promotion",
        channel: str | None = None,
        name: str | None = None,
        draft: Policy | None = None,
    ) -> TriedPolicies:
        """What the policies of a door say of one artifact, and perhaps a draft among them."""
        path = f"{_place(self._packages, address, 'policies')}"
        document: dict[str, object] = {"door": door, "channel": channel, "name": name}
        if draft is not None:
            document["draft"] = _policy(draft)
        return self._connection.call("POST", path, document=document, repeatable=True).read(TriedPolicies)


@dataclass(frozen=True, slots=True)
class Promotions:
    """How artifacts come into channels, and what keeps them out. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def plan(self, address: Address | str, channel: str) -> PromotionPlan:
        """What would come of promoting it now."""
        return self._connection.call("GET", self._path(address, channel)).read(PromotionPlan)

    def promote(self, address: Address | str, channel: str, *, reason: str = "", plan: str | None = None) -> Promotion:
        """Promote it, after a *plan* by its token if there is one: applied, proposed or refused."""
        document = {"reason": reason, "plan": plan}
        return self._connection.call("POST", self._path(address, channel), document=document).read(Promotion)

    def unpromote(self, address: Address | str, channel: str, *, reason: str = "") -> Unpromoted:
        """Take it out of the channel; the answer says as what it runs all the same."""
        query = {"reason": reason} if reason else None
        return self._connection.call("DELETE", self._path(address, channel), query=query).read(Unpromoted)

    def read(self, promotion: str) -> Promotion:
        """One promotion."""
        return self._connection.call("GET", f"/api/v1/promotions/{escape(promotion)}").read(Promotion)

    def approve(self, promotion: str, *, note: str = "") -> Promotion:
        """Stand for what somebody proposed."""
        path = f"/api/v1/promotions/{escape(promotion)}/approve"
        return self._connection.call("POST", path, document={"note": note}).read(Promotion)

    def refuse(self, promotion: str, *, reason: str = "") -> Promotion:
        """Refuse what somebody proposed."""
        path = f"/api/v1/promotions/{escape(promotion)}/refuse"
        return self._connection.call("POST", path, document={"reason": reason}).read(Promotion)

    def iter(self, namespace: str, *, waiting: bool = False) -> Iterator[Promotion]:
        """A namespace's promotions, the newest first; or those that wait."""
        query = {"open": 1} if waiting else {}
        return self._connection.pages(f"/api/v1/namespaces/{escape(namespace)}/promotions", Promotion, query=query)

    def channels(self, namespace: str) -> Iterator[Channel]:
        """A namespace's channels in order, with what each asks."""
        return self._connection.pages(f"/api/v1/namespaces/{escape(namespace)}/channels", Channel)

    def set_rules(
        self,
        namespace: str,
        channel: str,
        *,
        approvals: int = 0,
        self_approval: bool = False,
        soak: timedelta | None = None,
        ordered: bool = False,
        automatic: bool = False,
    ) -> Channel:
        """Say what a channel asks of whoever comes in."""
        document = {
            "approvals": approvals,
            "self_approval": self_approval,
            "soak_seconds": 0 if soak is None else int(soak.total_seconds()),
            "ordered": ordered,
            "automatic": automatic,
        }
        path = f"/api/v1/namespaces/{escape(namespace)}/channels/{escape(channel)}"
        return self._connection.call("PUT", path, document=document).read(Channel)

    def block(self, address: Address | str, reason: str, *, quarantine: bool = False) -> Block:
        """Serve it no more."""
        path = _place(self._packages, address, "blocks")
        return self._connection.call("PUT", path, document={"reason": reason, "quarantine": quarantine}).read(Block)

    def unblock(self, address: Address | str, *, reason: str = "") -> None:
        """Serve it again."""
        query = {"reason": reason} if reason else None
        self._connection.call("DELETE", _place(self._packages, address, "blocks"), query=query)

    def blocks(self, namespace: str, *, history: bool = False) -> Iterator[Block]:
        """What is kept in a namespace and not served."""
        query = {"history": 1} if history else {}
        return self._connection.pages(f"/api/v1/namespaces/{escape(namespace)}/blocks", Block, query=query)

    def why(self, address: Address | str) -> Why:
        """Why an artifact stands as it does."""
        return self._connection.call("GET", _place(self._packages, address, "why")).read(Why)

    def _path(self, address: Address | str, channel: str) -> str:
        return _place(self._packages, address, f"promotions/{escape(channel)}")


def _place(packages: Packages, address: Address | str, what: str) -> str:
    located = packages.locate(address)
    package = f"/api/v1/packages/{located.view}/{located.format}/{escape(located.package)}"
    return f"{package}/-/{what}/{escape(located.reference)}"


def _policies(namespace: str) -> str:
    return f"/api/v1/namespaces/{escape(namespace)}/policies"


def _policy(policy: Policy) -> dict[str, object]:
    document: dict[str, object] = {
        "door": policy.door,
        "condition": policy.condition,
        "mode": policy.mode,
        "channels": _list(policy.channels),
        "formats": _list(policy.formats),
        "packages": policy.packages,
        "description": policy.description,
    }
    if policy.message is not None:
        document["message"] = policy.message
    return document


def _list(texts: Sequence[str]) -> list[str]:
    return list(texts)
