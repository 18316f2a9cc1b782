"""Policies: named, versioned conditions at the doors of a namespace and of its channels.

- *admission*: may it come in? Asked when it is published, and again once it is examined.
- *promotion*: may it enter a channel?
- *reading*: may it still be read? Asked when something about it changes, never by whoever reads.

What a condition may say, and what comes of asking it, is `entrepot.policy`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.names import EVERY_PACKAGE, ChannelName, FormatName, NamespaceName, PackagePattern

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.model.names import PackageId
    from entrepot.model.position import Position


_TIME: Final = re.compile(r"\b(now|age|soaked|advisories_age)\b")
"""The facts that are something else with every minute."""


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
    actor: str = ""
    """Who set it."""
    from_position: Position | None = None
    until_position: Position | None = None
    at: datetime | None = None
    """When it was set."""

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
    def is_asked(self) -> bool:
        """Whether it is asked at all."""
        return self.mode is not Mode.OFF

    @property
    def asks_time(self) -> bool:
        """Whether what it says may change by time alone."""
        return _TIME.search(self.condition) is not None

    @property
    def asks_approvals(self) -> bool:
        """Whether somebody's approval may change what it says."""
        return "approvals." in self.condition

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
