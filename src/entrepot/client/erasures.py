"""What is erased: for administrators of the registry, and what is left of it for auditors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.deployments import Protection
from entrepot.model.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.client.connection import Connection

_ALL = "/api/v1/erasures"


@dataclass(frozen=True, slots=True)
class ErasedPart:
    """Bytes that go."""

    digest: Digest
    size: int
    media_type: str | None = None
    """An artifact's; None for a blob that is none."""
    artifact_type: str | None = None
    also: Digest | None = None
    """What the same bytes are called by the other algorithm."""


@dataclass(frozen=True, slots=True)
class ErasedPlace:
    """A package that has, or had, one of the parts."""

    namespace: str
    format: str
    package: str
    digest: Digest
    is_open: bool
    names: tuple[str, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """What goes with some bytes, and where all of it is."""

    parts: tuple[ErasedPart, ...]
    places: tuple[ErasedPlace, ...]
    shared: tuple[Digest, ...]
    """What of an artifact stays: something else has it, too."""
    size: int


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What would be erased."""

    plan: str
    """What it is applied by."""
    target: Digest
    fingerprint: str
    extent: Extent
    protections: tuple[Protection, ...]
    """What runs, may be rolled back to, is leased or held: only holds keep it."""
    held: bool


@dataclass(frozen=True, slots=True)
class Erasure:
    """Bytes that were erased."""

    target: Digest
    reason: str
    actor: str
    at: datetime
    position: int
    extent: Extent
    sealed: int | None = None
    """Where the journal says that all is done; None before."""
    tombstone: Mapping[str, object] | None = None
    """The signed statement, in a DSSE envelope."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """What is erased. Every method raises `ClientError`."""

    _connection: Connection

    def iter(self) -> Iterator[Erasure]:
        """What was erased, the oldest first."""
        return self._connection.pages(_ALL, Erasure)

    def read(self, digest: Digest) -> Erasure:
        """The erasure that some bytes went with."""
        return self._connection.call("GET", _path(digest)).read(Erasure)

    def plan(self, digest: Digest) -> ErasurePlan:
        """What would go with some bytes."""
        return self._connection.call("GET", f"{_path(digest)}/plan").read(ErasurePlan)

    def erase(
        self, digest: Digest, *, reason: str, fingerprint: str | None = None, despite_holds: bool = False
    ) -> Erasure:
        """Erase some bytes; with a plan's *fingerprint* just what it says."""
        document = {"reason": reason, "fingerprint": fingerprint, "despite_holds": despite_holds}
        return self._connection.call("POST", _path(digest), document=document).read(Erasure)

    def lift(self, digest: Digest, *, reason: str) -> None:
        """Let some bytes be brought again."""
        self._connection.call("POST", f"{_path(digest)}/lift", document={"reason": reason})


def _path(digest: Digest) -> str:
    return f"{_ALL}/{escape(str(digest))}"
