"""What was deleted and can be had back: the area of the trash.

Nothing is moved there. An interval that has ended says what was in a package and what it was called; and the bytes are
still here until they are given up (`entrepot.ports.collection`). So the trash is a way of looking at both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.position import Position
    from entrepot.model.reference import Reference


@dataclass(frozen=True, slots=True)
class Deleted:
    """An artifact that left its package, and is still here."""

    package: PackageId
    digest: Digest
    names: tuple[ReferenceName, ...]
    """What it was called when it left, in byte order."""
    position: Position
    """When it left."""
    at: datetime
    actor: str
    condemned_at: datetime | None
    """Since when its bytes wait to be given up; None when they do not yet, or somebody else has them."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that an artifact is made of."""

    digest: Digest
    is_artifact: bool
    size: int = 0
    """Bytes, where these are asked for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an artifact is."""

    media_type: str
    artifact_type: str | None
    subject: Digest | None


class Trash(Protocol):
    """What was deleted, and can be had back."""

    async def list(
        self, namespace: NamespaceName, package: PackageId | None = None, *, before: Position | None = None, limit: int
    ) -> Sequence[Deleted]:
        """A page of what left a namespace, or one of its packages, and is still here: the last first.

        With *before*, what left before that.
        """


class TrashChanges(Protocol):
    """What a change may do."""

    def find_last(self, package: PackageId, name: ReferenceName) -> Reference | None:
        """What a name means, or meant last."""

    def list_names(self, package: PackageId, digest: Digest) -> Sequence[Reference]:
        """What an artifact was called when it last left the package, as far as the names are free now.

        A tag's name that has been a version's since is not: it means what that was, or nothing.
        """

    def was_there(self, package: PackageId, digest: Digest) -> bool:
        """Whether an artifact ever was in the package."""

    def list_companions(self, package: PackageId, digest: Digest) -> Sequence[Digest]:
        """What left a package by the same change as an artifact did when it last left, in the order in which it came."""

    def list_referring(self, package: PackageId, digest: Digest) -> Sequence[Digest]:
        """What goes with an artifact that a person deletes: what refers to it, unless something else needs that."""

    def is_purged(self, package: PackageId, digest: Digest) -> bool:
        """Whether an artifact was taken out of the trash for good since it last left the package."""

    def purge(self, package: PackageId, digest: Digest) -> None:
        """Let an artifact that left a package never be had back."""

    def is_needed(self, digest: Digest) -> bool:
        """Whether some bytes are in a package, or may come back to one."""

    def list_content(self, digest: Digest) -> Sequence[Part]:
        """What an artifact links that is still here."""

    def list_missing(self, digest: Digest) -> Sequence[Digest]:
        """What of an artifact, and of all that it contains, is not here any more."""

    def describe(self, digest: Digest) -> Kind:
        """What an artifact is that is or was in a package."""

    def revive(self, digest: Digest) -> Sequence[Part]:
        """Let an artifact, and all that it contains, be condemned no more; what it is made of, the innermost first."""
