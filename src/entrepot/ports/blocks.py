"""What is kept and not served: the area of blocks.

A block is on an artifact of a package. What only it contains or links is not served either, nowhere: no name resolves
to it, no index shows it, no blob of it is read, unless the blob is shared with something that may be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.block import Block
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position


class Blocks(Protocol):
    """What is blocked, and why."""

    async def find(self, package: PackageId, digest: Digest) -> Block | None:
        """The open block on an artifact, or on an index that contains it; or on all that link a blob."""

    async def list(
        self,
        namespace: NamespaceName,
        package: PackageId | None = None,
        *,
        history: bool = False,
        after: Position,
        limit: int,
    ) -> Sequence[Block]:
        """A page of blocks, the oldest first: the open ones, or all that ever were."""

    async def list_around(self, package: PackageId, digest: Digest) -> Sequence[Digest]:
        """An artifact, what it is about and what contains these, the oldest first.

        As far as they are in the package and stand for themselves: have a name, or are contained in nothing else.
        """

    async def list_awaiting(
        self, package: PackageId | None = None, *, before: Position | None = None, limit: int
    ) -> Sequence[Block]:
        """A page of what waits to be let in, in one package or everywhere, the newest first."""


class BlockChanges(Protocol):
    """What a change may do to them."""

    def find(self, package: PackageId, digest: Digest) -> Block | None:
        """The open block on just this artifact."""

    def has_any(self, package: PackageId) -> bool:
        """Whether anything of a package is blocked."""

    def find_refusal(self, package: PackageId, digest: Digest) -> Block | None:
        """The final block on an artifact or on an index that contains it, also of what is no longer in the package."""

    def find_file_refusal(self, package: PackageId, digests: Sequence[Digest]) -> Block | None:
        """The final block on an artifact that has one of these as a file, when nothing else in the package has it."""

    def open(self, block: Block) -> bool:
        """Block an artifact, replacing a block that is open; False when it is the same already."""

    def close(self, package: PackageId, digest: Digest) -> bool:
        """Unblock an artifact; False when it is not blocked."""

    def admit(self, package: PackageId, digest: Digest) -> bool:
        """Let an artifact, and all that it contains, await nothing any more; False when nothing of it did."""

    def supersede(self, package: PackageId, digest: Digest) -> bool:
        """Let what a version was before it grew into this artifact await nothing any more; False when it did not."""

    def apply(self, package: PackageId, digest: Digest) -> None:
        """Let the blocks count for an artifact that has just come into the package, and for what it shares."""
