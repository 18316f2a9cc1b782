"""How artifacts came into channels, and what the channels ask: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.digest import Digest
    from entrepot.model.names import ChannelName, NamespaceName, PackageId
    from entrepot.model.position import Position
    from entrepot.model.promotion import ChannelRules, Promotion


class Promotions(Protocol):
    """What is asked of them."""

    async def find(self, id: str) -> Promotion | None:
        """One promotion."""

    async def find_proposed(self, package: PackageId, channel: ChannelName, digest: Digest) -> Promotion | None:
        """The one that is on its way."""

    async def list(
        self,
        namespace: NamespaceName,
        package: PackageId | None = None,
        *,
        digest: Digest | None = None,
        open_only: bool = False,
        before: Position | None = None,
        limit: int,
    ) -> Sequence[Promotion]:
        """A page of promotions, the newest first."""

    async def list_rules(self, namespace: NamespaceName) -> Mapping[ChannelName, ChannelRules]:
        """What each channel asks; one that asks nothing is not there."""

    async def list_waiting(self, *, limit: int) -> Sequence[Promotion]:
        """Those that are on their way, everywhere, the oldest first."""

    async def list_due(self, *, limit: int) -> Sequence[tuple[PackageId, Digest, ChannelName]]:
        """What is in the channel before one that promotes by itself, and never was in that: the newest first."""

    async def first_seen(self, package: PackageId, digest: Digest) -> tuple[datetime, str] | None:
        """When an artifact came into the package first, and who brought it."""

    async def cleared_since(self, package: PackageId, digest: Digest) -> Mapping[ChannelName, datetime]:
        """The channels that an artifact is cleared for, each with when it was."""

    async def is_cleared(self, package: PackageId, channel: ChannelName, digest: Digest) -> bool:
        """Whether an artifact itself, and not what contains it, is cleared for a channel."""

    async def measure(self, digest: Digest) -> int:
        """Bytes of an artifact and of all that it links."""


class PromotionChanges(Protocol):
    """What a change may do to them."""

    def find_proposed(self, package: PackageId, channel: ChannelName, digest: Digest) -> Promotion | None:
        """The one that is on its way."""

    def keep(self, promotion: Promotion) -> None:
        """Know of a promotion, or what has become of one."""

    def approve(self, id: str, principal: str, note: str) -> bool:
        """Add an approval; False when that principal has approved already."""

    def set_rules(self, namespace: NamespaceName, channel: ChannelName, rules: ChannelRules) -> bool:
        """Say what a channel asks; False when it does so already. Raises `ChannelUnknown`."""

    def find_rules(self, namespace: NamespaceName, channel: ChannelName) -> ChannelRules:
        """What a channel asks. Raises `ChannelUnknown`."""

    def first_seen(self, package: PackageId, digest: Digest) -> tuple[datetime, str] | None:
        """When an artifact came into the package first, and who brought it; None for what this change brings."""

    def cleared_since(self, package: PackageId, digest: Digest) -> Mapping[ChannelName, datetime]:
        """The channels that an artifact is cleared for, each with when it was."""

    def measure(self, digest: Digest) -> int:
        """Bytes of an artifact and of all that it links."""

    def revision(self, package: PackageId) -> Position | None:
        """The position of the last event that touched the package."""
