"""What was deleted of packages that come from upstreams, so that it does not come again: the area of tombstones.

A tombstone is of a version's name or of an artifact's digest.
Of packages that somebody here has published to there are none: nothing of these comes from upstreams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.model.digest import Digest
    from entrepot.model.names import FormatName, NamespaceName, PackageId, PackageName, ReferenceName


class Tombstones(Protocol):
    """What is withheld, whoever has it: what was deleted, and the versions that are blocked."""

    async def list_withheld(self, package: PackageId) -> frozenset[str]:
        """The versions of a package, by their references' names, and the digests of artifacts that were deleted."""

    async def list_all_withheld(
        self, namespace: NamespaceName, format: FormatName
    ) -> Mapping[PackageName, frozenset[str]]:
        """The same for all packages of a format; those of which nothing is withheld are left out."""


class TombstoneChanges(Protocol):
    """What a change may do to them."""

    def keep(self, package: PackageId, target: ReferenceName | Digest) -> None:
        """Let a version or an artifact not come from upstreams again; nothing where the package is hosted."""

    def lift(self, package: PackageId, target: ReferenceName | Digest) -> bool:
        """Let it come again; False when nothing kept it from coming."""

    def holds(self, package: PackageId, target: ReferenceName | Digest) -> bool:
        """Whether something keeps it from coming."""
