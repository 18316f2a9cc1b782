"""Giving up bytes that nobody can reach: the area of the collection.

A membership is the only way to content (I7), so bytes that are in no package can be reached by nobody. They are
*condemned*: from then on they wait, and whoever brings them again revives them. What waited long enough is *given up*:
its generation is counted up in the same change, so that no place in the blob store is ever used again, and only then
are its bytes deleted (docs/decisions/0024-collection.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from entrepot.model.tier import Tier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.blob import BlobState
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.position import Position


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A blob that no package has."""

    digest: Digest
    size: int
    """Bytes."""
    condemned_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Loose:
    """A blob that a package has for nothing: none of its artifacts links it."""

    package: PackageId
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes in the blob store that were given up."""

    digest: Digest
    generation: int
    size: int
    tier: Tier = Tier.HOT


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of something there is."""

    count: int
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class KnownBlob:
    """What the catalog says of a blob."""

    state: BlobState
    size: int
    generation: int
    condemned_at: datetime | None = None
    tier: Tier = Tier.HOT
    erased: bool = False
    """Whether it may not come again."""


@dataclass(frozen=True, slots=True)
class Place:
    """A package that has a blob."""

    package: PackageId
    is_artifact: bool
    since: Position


class Collection(Protocol):
    """What there is to give up."""

    async def find_generation(self, digest: Digest) -> int:
        """Under which generation bytes of this name are kept, or will be."""

    async def find(self, digest: Digest) -> KnownBlob | None:
        """What is known of a blob; None when its name never came up."""

    async def list_unreachable(self, *, after: int, limit: int) -> tuple[Sequence[Unreachable], int | None]:
        """The unreachable ones among the next *limit* blobs, and where to go on; None at the end."""

    async def list_condemned(self, *, before: datetime | None = None, limit: int) -> Sequence[Unreachable]:
        """What is condemned, the longest first; with *before*, what was by then."""

    async def measure_condemned(self) -> Amount:
        """How much is condemned."""

    async def list_garbage(self, *, at: datetime, limit: int) -> Sequence[Garbage]:
        """What was given up, may not be deleted yet, and is not left alone then for those who may still be reading it."""

    async def list_places_left(self, digest: Digest) -> Sequence[Garbage]:
        """Where bytes of this name were given up that are not deleted yet."""

    async def measure_garbage(self) -> Amount:
        """How much that is."""

    async def list_loose(self, *, after: int, until: Position, limit: int) -> tuple[Sequence[Loose], int | None]:
        """The loose ones among the next *limit* memberships that began by *until*, and where to go on."""

    async def find_position(self, time: datetime) -> Position:
        """Where the journal stood at a time."""

    async def find_generations(self, digests: Sequence[Digest]) -> Mapping[Digest, KnownBlob]:
        """What is known of each of some blobs."""

    async def list_places(self, digest: Digest, *, limit: int) -> Sequence[Place]:
        """The packages that have a blob, the earliest first."""

    async def list_names(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[ReferenceName]:
        """The names that mean an artifact in a package, in byte order."""

    async def list_holders(self, package: PackageId, digest: Digest, *, limit: int) -> Sequence[Digest]:
        """The artifacts of a package that link a blob, the earliest first."""


class CollectionChanges(Protocol):
    """What a change may do."""

    def condemn(self, digest: Digest) -> bool:
        """Let a blob wait to be given up; False when somebody has it, or it waits already."""

    def give_up(self, digest: Digest, *, before: datetime) -> bool:
        """Give up a blob that was condemned by *before*.

        False when somebody has it again, or it was not, or nothing is given up just now.
        """

    def pause(self, holder: str, until: datetime) -> None:
        """Have nothing given up until then, or longer, where *holder* says so again."""

    def is_paused(self, holder: str) -> bool:
        """Whether what *holder* has asked for still holds."""

    def resume(self, holder: str | None = None) -> None:
        """End the pause of *holder*, or every one."""

    def disown(self, digest: Digest, generation: int, size: int, *, tier: Tier = Tier.HOT) -> bool:
        """Give up bytes in the blob store that no row names; False when one does, so that they may be in use."""

    def forget_garbage(self, garbage: Garbage) -> None:
        """Its bytes are deleted."""
