"""The transparency log as it is kept: the tiles of its tree, its last checkpoint, and what a witness has seen.

An area of the catalog (`entrepot.ports.cursors` says what that is). The entries themselves are the journal's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

TileKey = tuple[int, int]
"""A tile's level and number. What is kept of it is all that the last checkpoint's tree has of it."""


@dataclass(frozen=True, slots=True)
class LogHead:
    """The last checkpoint, and where the journal stood."""

    size: int
    root: bytes
    note: bytes
    """The signed checkpoint, as it is published."""
    journal_hash: bytes
    """The journal's running hash after the last entry that is in the tree."""
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """The last checkpoint of another log that this registry, as its witness, has signed."""

    origin: str
    size: int
    root: bytes
    note: bytes
    """The checkpoint as the log sent it, to show whoever doubts it."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The last checkpoint that witnesses have signed, too: where much happens, the last one has none of theirs yet."""

    size: int
    note: bytes
    at: datetime


class Log(Protocol):
    """Questions about the log, and about those that are witnessed."""

    async def head(self) -> LogHead | None:
        """The last checkpoint; None before the first."""

    async def find_tiles(self, keys: Collection[TileKey]) -> Mapping[TileKey, bytes]:
        """The hashes of those of the tiles that there are."""

    async def cosigned(self) -> Cosigned | None:
        """The last checkpoint with signatures of witnesses; None before the first."""

    async def list_seen(self) -> list[Seen]:
        """What was seen of every log that is witnessed, by origin."""


class LogChanges(Protocol):
    """What a change may do to it: no event, for it follows from events that there are."""

    def head(self) -> LogHead | None:
        """The last checkpoint; None before the first."""

    def extend(self, head: LogHead, tiles: Mapping[TileKey, bytes]) -> None:
        """Let *head* be the last checkpoint, of a tree that has these tiles new or longer."""

    def cosigned(self) -> Cosigned | None:
        """The last checkpoint with signatures of witnesses; None before the first."""

    def set_cosigned(self, cosigned: Cosigned) -> None:
        """Let that be the last checkpoint with signatures of witnesses."""

    def seen(self, origin: str) -> Seen | None:
        """What was seen of a log last; None before the first time."""

    def see(self, seen: Seen) -> None:
        """Remember what was seen of a log."""
