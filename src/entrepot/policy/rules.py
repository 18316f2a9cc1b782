"""Policies, where each applies, and what they come to together.

A policy is named and versioned; its digest says exactly which words decided. It guards one of three *doors*:

- *admission*: may it come in? Asked when it is published, and again once it is examined.
- *promotion*: may it enter a channel?
- *reading*: may it still be read? Asked when something about it changes, never by whoever reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.errors import InvalidName, InvalidPolicy
from entrepot.model.names import EVERY_PACKAGE, ChannelName, FormatName, NamespaceName, PackagePattern
from entrepot.policy.engine import CelEngine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.model.names import PackageId
    from entrepot.policy.engine import Outcome, PolicyEngine
    from entrepot.policy.facts import Facts

_LONGEST_NAME: Final = 63
_LONGEST_DESCRIPTION: Final = 500
_MOST_SCOPES: Final = 32
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
ENGINE: Final[PolicyEngine] = CelEngine()


class Door(StrEnum):
    """Where a policy is asked."""

    ADMISSION = "admission"
    PROMOTION = "promotion"
    READING = "reading"


class Mode(StrEnum):
    """What a no means."""

    ENFORCE = "enforce"
    """It is refused."""
    WARN = "warn"
    """It is let through, and whoever asked is told."""
    DRY_RUN = "dry-run"
    """It is let through, and only the record says so."""
    OFF = "off"
    """It is not asked."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A condition that must hold at a door, and what to say when it does not."""

    name: str
    door: Door
    condition: str
    """A CEL expression over the facts (`entrepot.policy.facts`): true lets it through."""
    namespace: NamespaceName | None = None
    """Whose it is; None for one that holds until a namespace has its own of this name."""
    mode: Mode = Mode.ENFORCE
    channels: tuple[ChannelName, ...] = ()
    """Which channels it guards; none means all of them but the first, which is where work begins."""
    formats: tuple[FormatName, ...] = ()
    """Of which formats; none means all."""
    packages: PackagePattern = EVERY_PACKAGE
    message: str | None = None
    """A CEL expression that says, of these facts, why not."""
    description: str = ""
    """Why not, in general."""
    version: int = 0
    """How often it has been set; 0 for one that came with the program."""

    @property
    def digest(self) -> str:
        """The name of exactly these words."""
        words = [
            self.name,
            self.door,
            self.condition,
            self.mode,
            list(self.channels),
            list(self.formats),
            str(self.packages),
            self.message,
            self.description,
        ]
        return f"sha256:{sha256(msgspec.json.encode(words)).hexdigest()}"

    @property
    def uri(self) -> str:
        """How a statement refers to it."""
        return f"entrepot:policy/{self.namespace or 'default'}/{self.name}@{self.version}"

    @property
    def asks_approvals(self) -> bool:
        """Whether somebody's approval may change what it says."""
        return "approvals." in self.condition

    def check(self) -> None:
        """Raise `InvalidPolicy` or `InvalidName` unless it can be asked."""
        if not 0 < len(self.name) <= _LONGEST_NAME or not _LETTERS.issuperset(self.name) or self.name.startswith("-"):
            raise InvalidName(
                self.name[:80], expected=f"a policy: lower-case letters, digits and -, at most {_LONGEST_NAME}"
            )
        if len(self.description) > _LONGEST_DESCRIPTION:
            raise InvalidPolicy(self.name, expected=f"a description of at most {_LONGEST_DESCRIPTION} characters")
        if max(len(self.channels), len(self.formats)) > _MOST_SCOPES:
            raise InvalidPolicy(self.name, expected=f"at most {_MOST_SCOPES} channels and formats")
        ENGINE.condition(self.condition)
        if self.message is not None:
            ENGINE.message(self.message)

    def guards(self, package: PackageId, door: Door, channel: ChannelName | None, *, first: bool = False) -> bool:
        """Whether it is asked at a door, of a package; *first* says that *channel* is the namespace's first."""
        if self.mode is Mode.OFF or self.door is not door or (self.formats and package.format not in self.formats):
            return False
        if not self.packages.matches(package.name):
            return False
        if channel is None:
            # Nothing is asked of all that there is in the name of one channel.
            return not self.channels
        if door is Door.READING and not self.channels:
            return False
        return channel in self.channels if self.channels else not first


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
