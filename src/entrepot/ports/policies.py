"""The policies of namespaces, with all that they ever were: an area of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, NamespaceName, PackageId
    from entrepot.model.policy import Policy
    from entrepot.model.position import Position


@dataclass(frozen=True, slots=True)
class Entered:
    """An artifact that is asked about at the doors by itself: one with a name, or that nothing else contains."""

    package: PackageId
    digest: Digest
    position: Position
    """Since when it is in the package."""
    at: datetime
    row: int
    """What tells it from what came by the same change; the catalog's own."""


class Policies(Protocol):
    """What is asked of them."""

    async def list(self, namespace: NamespaceName, *, history: bool = False) -> Sequence[Policy]:
        """A namespace's own policies by name; with *history* also what they were before, the oldest first."""

    async def list_entered(
        self, namespace: NamespaceName, *, after: Entered | None = None, limit: int
    ) -> Sequence[Entered]:
        """A page of what is asked about in a namespace, by format and package, the oldest first."""

    async def list_recent(self, namespace: NamespaceName, *, since: datetime, limit: int) -> Sequence[Entered]:
        """What came into a namespace since then, the newest first."""

    async def find_doubts(self, package: PackageId, digest: Digest, channel: ChannelName | None) -> tuple[str, ...]:
        """Which policies that do not enforce said no last when they were asked who may read an artifact."""


class PolicyChanges(Protocol):
    """What a change may do to them."""

    def list(self, namespace: NamespaceName) -> Sequence[Policy]:
        """A namespace's own policies by name."""

    def set(self, policy: Policy, actor: str) -> Policy | None:
        """Set a policy of a namespace, and return it with its version; None when it is so already."""

    def remove(self, namespace: NamespaceName, name: str) -> bool:
        """Take a policy away; False when there is none."""

    def doubt(self, package: PackageId, digest: Digest, channel: ChannelName | None, policies: Sequence[str]) -> bool:
        """Remember which policies that do not enforce say no; False when they did already."""
