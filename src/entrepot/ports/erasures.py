"""What was erased: the area of erasures.

From the change on that erases some bytes they are not here, in the catalog nor for whoever asks it, and are not taken in
again. The names and memberships that they had end after that, package by package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.digest import Digest
    from entrepot.model.erasure import Erasure, Extent
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.model.position import Position
    from entrepot.model.reference import Reference
    from entrepot.ports.collection import Garbage


class Erasures(Protocol):
    """What was erased, and what would be."""

    async def measure(self, digest: Digest) -> Extent:
        """What would go with some bytes.

        Of an artifact all that only it consists of, and every state of the versions that it is one of; always what
        contains or links it, with its config, and what refers to any of that.
        Raises `TooMany`.
        """

    async def find(self, digest: Digest) -> Erasure | None:
        """The erasure that some bytes went with; None when they were not erased, or may come again."""

    async def find_told(
        self, view: View, package: PackageId, *, name: ReferenceName | None = None, digest: Digest | None = None
    ) -> Digest | None:
        """What a name of a package meant last, or a digest, if it was there as the view shows it and was erased."""

    async def list(self, *, after: Position, limit: int) -> Sequence[Erasure]:
        """A page of erasures, the oldest first."""

    async def list_unfinished(self, *, limit: int) -> Sequence[Erasure]:
        """Those that are not sealed, the oldest first."""

    async def list_erased(self, *, after: str = "", limit: int) -> Sequence[Digest]:
        """A page of all that may not come again, in the order of digests."""

    async def may_be(self, size: int | None) -> bool:
        """Whether bytes of this size, or of one that nobody knows, could be some that may not come again."""

    async def list_left(self, erasure: Erasure) -> Sequence[PackageId]:
        """The packages that still have something of it."""

    async def list_bytes(self, erasure: Erasure) -> Sequence[Garbage]:
        """Where the bytes of it were, and may have been brought since by who had begun before."""


class ErasureChanges(Protocol):
    """What a change may do."""

    def measure(self, digest: Digest) -> Extent:
        """What would go with some bytes, as it stands now. Raises `TooMany`."""

    def find(self, digest: Digest) -> Erasure | None:
        """The erasure that some bytes went with; None when they were not erased, or may come again."""

    def erase(self, erasure: Erasure) -> None:
        """Have all of an erasure's extent here no more, and never again; what is in a blob store may be deleted at once."""

    def list_names(self, package: PackageId, erasure: Erasure) -> Sequence[Reference]:
        """What in a package still means something of it."""

    def list_members(self, package: PackageId, erasure: Erasure) -> Sequence[Digest]:
        """What of it a package still has."""

    def drop(self, package: PackageId, erasure: Erasure) -> None:
        """Let a package have, name and clear nothing of it."""

    def forget(self, erasure: Erasure) -> None:
        """Know nothing any more of what was found out by reading it."""

    def seal(self, erasure: Erasure, tombstone: bytes | None) -> bool:
        """Let an erasure be finished; False when it is already."""

    def lift(self, digest: Digest) -> bool:
        """Let some bytes be brought again; False when they may be."""
