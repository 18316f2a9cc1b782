"""The two tiers of storage, and which artifacts of a namespace stay in the hot one.

What stays hot is said in the words of retention (`entrepot.model.retention`): the first rule that speaks of a name
decides about it, whatever the rule names is a reason to stay hot, and what no rule speaks of stays hot. Nothing is lost
by going cold: it takes less room, and longer to be had.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from entrepot.model.errors import InvalidRetention
from entrepot.model.retention import Retention, RetentionRule


class Tier(StrEnum):
    """In which blob store bytes lie."""

    HOT = "hot"
    COLD = "cold"


class Recall(StrEnum):
    """How what is cold comes back to who asks for it."""

    STREAM = "stream"
    """Its bytes are sent from the cold tier, and it is hot from then on."""
    REQUEST = "request"
    """It is made hot first, and whoever asks is told when to ask again."""


class Stays(StrEnum):
    """Why an artifact may stay hot whatever the rules say: it is cleared for a channel, or protected."""

    CLEARED = "cleared"
    DEPLOYED = "deployed"
    ROLLBACK = "rollback"
    LEASE = "lease"
    MANUAL = "manual"
    LEGAL = "legal"


IN_USE: Final = frozenset({Stays.CLEARED, Stays.DEPLOYED, Stays.ROLLBACK, Stays.LEASE})
"""What stays hot where nobody says otherwise; what is held for years need not be quick to be had."""


@dataclass(frozen=True, slots=True)
class TierRule:
    """A rule of retention that says what stays hot, and how the rest comes back."""

    hot: RetentionRule
    recall: Recall = Recall.STREAM

    @property
    def document(self) -> dict[str, object]:
        """The rule as JSON has it."""
        return self.hot.document | ({} if self.recall is Recall.STREAM else {"recall": self.recall})


@dataclass(frozen=True, slots=True)
class Tiering:
    """What a namespace keeps hot."""

    rules: tuple[TierRule, ...] = ()
    stays: frozenset[Stays] = field(default=IN_USE)
    """What stays hot whatever the rules say."""
    automatic: bool = False
    """Whether what does not stay hot goes by itself, every day."""

    def check(self) -> None:
        """Raise `InvalidRetention`."""
        Retention(tuple(rule.hot for rule in self.rules)).check()
        if self.automatic and not self.rules:
            raise InvalidRetention("automatic", expected="rules that say what goes")

    def recall_of(self, rule: str) -> Recall:
        """How what a rule let go comes back."""
        return next((each.recall for each in self.rules if each.hot.name == rule), Recall.STREAM)
