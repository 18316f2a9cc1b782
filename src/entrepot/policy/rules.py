"""What the policies at a door say together: the decision, with its reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import InvalidName, InvalidPolicy
from entrepot.model.policy import Door, Mode, Policy
from entrepot.policy.engine import CelEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.model.names import ChannelName, PackageId
    from entrepot.policy.engine import Outcome, PolicyEngine
    from entrepot.policy.facts import Facts

_LONGEST_NAME: Final = 63
_LONGEST_DESCRIPTION: Final = 500
_MOST_SCOPES: Final = 32
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
ENGINE: Final[PolicyEngine] = CelEngine()


def check_policy(policy: Policy) -> None:
    """Raise `InvalidPolicy` or `InvalidName` unless the policy can be asked."""
    if not 0 < len(policy.name) <= _LONGEST_NAME or not _LETTERS.issuperset(policy.name) or policy.name[0] == "-":
        raise InvalidName(
            policy.name[:80], expected=f"a policy: lower-case letters, digits and -, at most {_LONGEST_NAME}"
        )
    if len(policy.description) > _LONGEST_DESCRIPTION:
        raise InvalidPolicy(policy.name, expected=f"a description of at most {_LONGEST_DESCRIPTION} characters")
    if max(len(policy.channels), len(policy.formats)) > _MOST_SCOPES:
        raise InvalidPolicy(policy.name, expected=f"at most {_MOST_SCOPES} channels and formats")
    ENGINE.condition(policy.condition)
    if policy.message is not None:
        ENGINE.message(policy.message)


@dataclass(frozen=True, slots=True)
class Reason:
    """What one policy says."""

    policy: Policy
    allowed: bool
    text: str
    """In words: why not, or that it holds."""
    missing: str | None = None
    """The fact that nobody knows yet, where that is why not."""

    @property
    def refuses(self) -> bool:
        """Whether this alone keeps it out."""
        return not self.allowed and self.policy.mode is Mode.ENFORCE


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something besides policies that keeps an artifact out for now, such as approvals that are still to come."""

    text: str
    passes: bool
    """Whether it goes away by waiting or by somebody's approval."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What all policies of a door say together."""

    reasons: tuple[Reason, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether it may pass: nothing is in the way."""
        return not self.obstacles and not any(reason.refuses for reason in self.reasons)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why not, one sentence each."""
        return (
            *(obstacle.text for obstacle in self.obstacles),
            *(f"{reason.policy.name}: {reason.text}" for reason in self.reasons if reason.refuses),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What policies that only warn say."""
        return tuple(
            f"{reason.policy.name}: {reason.text}"
            for reason in self.reasons
            if not reason.allowed and reason.policy.mode is Mode.WARN
        )

    @property
    def unenforced(self) -> tuple[str, ...]:
        """What policies that are only tried say."""
        return tuple(
            f"{reason.policy.name}: {reason.text}"
            for reason in self.reasons
            if not reason.allowed and reason.policy.mode is Mode.DRY_RUN
        )

    @property
    def asked(self) -> dict[str, str]:
        """The policies that were asked, each with the digest of its words."""
        return {f"{reason.policy.name}@{reason.policy.version}": reason.policy.digest for reason in self.reasons}

    def refused_at(self, door: Door) -> bool:
        """Whether a policy of that door refuses, and not only for want of a fact that nobody knows yet."""
        return any(reason.refuses and reason.missing is None and reason.policy.door is door for reason in self.reasons)

    @property
    def waits(self) -> bool:
        """Whether what is in the way may go away without anything about the artifact or the policies changing."""
        return (
            not self.allowed
            and all(
                reason.missing is not None or reason.policy.asks_approvals for reason in self.reasons if reason.refuses
            )
            and all(obstacle.passes for obstacle in self.obstacles)
        )

    @property
    def undecided(self) -> bool:
        """Whether a refusal is for want of a fact that nobody knows yet, and no other is final."""
        refusing = [reason for reason in self.reasons if reason.refuses]
        return bool(refusing) and all(reason.missing is not None for reason in refusing)


def decide(policies: Iterable[Policy], facts: Facts, *, obstacles: Sequence[Obstacle] = ()) -> Decision:
    """Ask each of the policies, all of which guard the door; every one of them must hold."""
    return Decision(tuple(_ask(policy, facts) for policy in policies), tuple(obstacles))


def _ask(policy: Policy, facts: Facts) -> Reason:
    try:
        outcome = ENGINE.condition(policy.condition).ask(facts)
    except InvalidPolicy as error:  # It was checked when it was saved; a newer engine may know better.
        return Reason(policy, allowed=False, text=str(error))
    if outcome.allowed:
        return Reason(policy, allowed=True, text="holds")
    return Reason(policy, allowed=False, text=_why(policy, outcome, facts), missing=outcome.missing)


def _why(policy: Policy, outcome: Outcome, facts: Facts) -> str:
    if outcome.problem is not None:
        return outcome.problem
    said = None if policy.message is None else ENGINE.message(policy.message).say(facts)
    return said or policy.description or f"{policy.condition} does not hold"


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies of a namespace, with those that hold until it has its own."""

    policies: tuple[Policy, ...] = ()

    def at(
        self, package: PackageId, door: Door, channel: ChannelName | None = None, *, first: bool = False
    ) -> tuple[Policy, ...]:
        """Those that are asked at a door."""
        return tuple(policy for policy in self.policies if policy.guards(package, door, channel, first=first))

    @property
    def digest(self) -> str:
        """The name of exactly these policies."""
        words = "\n".join(f"{policy.name} {policy.version} {policy.digest}" for policy in self.policies)
        return f"sha256:{sha256(words.encode()).hexdigest()}"


def policy_set(own: Iterable[Policy], defaults: Iterable[Policy]) -> PolicySet:
    """A namespace's own policies, and the defaults that it has not replaced, by name."""
    known = {policy.name: policy for policy in defaults} | {policy.name: policy for policy in own}
    return PolicySet(tuple(known[name] for name in sorted(known)))
