"""The transparency log, as the registry tells of it: what is proved has to be checked by whoever asks.

``entrepot log verify`` does so, and remembers what it saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.client.answers import LogConsistency, LogInclusion, LogState

if TYPE_CHECKING:
    from entrepot.client.connection import Connection


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a registry's journal. Every method raises `ClientError`."""

    _connection: Connection

    def state(self) -> LogState:
        """Its last checkpoint, and the keys that it says it signs with."""
        return self._connection.call("GET", "/api/v1/log").read(LogState)

    def prove_inclusion(self, position: int) -> LogInclusion:
        """That the journal's entry at *position* is in it."""
        return self._connection.call("GET", "/api/v1/log/inclusion", query={"position": position}).read(LogInclusion)

    def prove_consistency(self, old: int, size: int) -> LogConsistency:
        """That its tree of *size* entries begins with that of *old*."""
        query: dict[str, str | int] = {"old": old, "size": size}
        return self._connection.call("GET", "/api/v1/log/consistency", query=query).read(LogConsistency)
