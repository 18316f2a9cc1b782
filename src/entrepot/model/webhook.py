"""Webhooks: where events are sent, which of them, and how far it has come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import Invalid
from entrepot.model.names import NamespaceName
from entrepot.model.position import Position

if TYPE_CHECKING:
    from entrepot.model.events import Event

ACTOR: Final = "webhook:"
"""What the journal calls the sending of events: ``webhook:<id>``. No principal is called so."""

_PATTERN: Final = re.compile(r"[a-z0-9.*-]{1,200}")
_MOST_PATTERNS: Final = 50


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told of events, in their order, each at least once."""

    id: str
    url: str
    source: str
    """How its owner calls this registry: the ``source`` of the events that are sent."""
    namespace: NamespaceName | None = None
    """It is told of what happens there and of nothing else; None is everything."""
    types: tuple[str, ...] = ("*",)
    """Patterns of event types: ``dev.entrepot.artifact.*``."""
    private: bool = False
    """Whether it may be at a private address: an administrator says so."""
    created_at: datetime | None = None
    disabled: str | None = None
    """Why nothing is sent; None when something is."""
    position: Position = Position(0)  # noqa: RUF009 (a number)
    """The last entry of the journal that was dealt with."""
    attempts: int = 0
    """How often the entry after that was tried."""
    due_at: datetime | None = None
    """When it is tried again; None is at once."""
    failing_since: datetime | None = None
    """Since when nothing has arrived; None when the last thing has."""

    def wants(self, event: Event) -> bool:
        """Whether it is told of the event."""
        if self.namespace is not None and event.namespace != self.namespace:
            return False
        return any(fnmatchcase(event.type, pattern) for pattern in self.types)


class Outcome(StrEnum):
    """What became of an attempt to tell somebody."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It will be tried again."""
    DEAD = "dead"
    """It was tried often enough; `replay` sends it again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last attempt to tell a webhook of an event."""

    position: Position
    type: str
    outcome: Outcome
    attempts: int
    status: int | None
    """What the receiver answered; None when there was no answer."""
    problem: str | None
    at: datetime


def parse_types(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Read patterns of event types. Raises `Invalid`."""
    if not 0 < len(patterns) <= _MOST_PATTERNS:
        raise Invalid("types", expected=f"one to {_MOST_PATTERNS} patterns", actual=len(patterns))
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern):
            raise Invalid(pattern[:200], expected="an event type, perhaps with *: dev.entrepot.artifact.*")
    return patterns
