"""The collection of bytes that nobody can reach: for administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape

if TYPE_CHECKING:
    from entrepot.client.connection import Connection

_ALL = "/api/v1/collection"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of something there is."""

    count: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class CollectionPlan:
    """What a round would do now."""

    loose: Amount
    """Would be taken out of packages none of whose artifacts links them."""
    unreachable: Amount
    """Would be condemned: in no package."""
    condemned: Amount
    """Wait already."""
    due: Amount
    """As much of it as would be given up."""
    garbage: Amount
    """Given up, with bytes still to be deleted."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a round came to."""

    dropped: Amount
    condemned: Amount
    given_up: Amount
    strays: Amount
    """Bytes that were stored, and never announced."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A package that has a blob, and what of it needs the blob."""

    namespace: str
    format: str
    package: str
    since: int
    artifacts: tuple[str, ...]
    """The digests of the artifacts that link it."""
    names: tuple[str, ...]
    """What means it, when it is an artifact itself."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a blob is kept, or not."""

    digest: str
    state: str
    """``present``, ``condemned``, ``damaged`` or ``absent``."""
    size: int
    condemned_at: datetime | None
    holdings: tuple[Holding, ...]
    """Every reason; none for what nobody can reach."""


@dataclass(frozen=True, slots=True)
class Collection:
    """What goes when nobody can reach it. Every method raises `ClientError`."""

    _connection: Connection

    def plan(self) -> CollectionPlan:
        """What a round would do now."""
        return self._connection.call("GET", _ALL).read(CollectionPlan)

    def apply(self) -> Collected:
        """Do a round now."""
        return self._connection.call("POST", _ALL).read(Collected)

    def explain(self, digest: str) -> Explanation:
        """What keeps a blob."""
        return self._connection.call("GET", f"{_ALL}/{escape(digest)}").read(Explanation)
