"""In which of the two blob stores bytes lie, and how they come into the other one: the area of tiers.

A blob lies in one place: a tier, and the generation that it is kept under there. Whoever moves it reserves a new place,
fills it, and lets the blob lie there in one change that also gives the old place up; no place is ever used twice, so
neither a mover that slept nor a collector that did can do harm (docs/decisions/0024-collection.md). A reservation that
nobody renews may be taken over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.blob import BlobState
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.tier import Recall, Tier, Tiering
    from entrepot.ports.collection import Amount


@dataclass(frozen=True, slots=True)
class Placement:
    """Where some bytes lie."""

    digest: Digest
    size: int
    state: BlobState
    tier: Tier
    generation: int
    inline: bool = False
    """Whether they are in the catalog itself, so that no tier has them."""
    stored: int | None = None
    """Bytes that they take up in the cold tier, where they may be compressed."""
    recall: Recall | None = None
    """How they come back from the cold tier."""
    rule: str = ""
    """Which rule let them go there; empty when somebody said so by himself."""
    since: datetime | None = None
    """Since when they are there."""
    moving_to: Tier | None = None
    """Where somebody is copying them."""


@dataclass(frozen=True, slots=True)
class Move:
    """A blob that was copied into a reserved place, and how it is to lie there."""

    digest: Digest
    tier: Tier
    generation: int
    """The reserved one."""
    source: tuple[Tier, int]
    """Where it was copied from."""
    stored: int = 0
    """Bytes that it takes up in the cold tier."""
    recall: Recall | None = None
    """How it comes back from there."""
    rule: str = ""


class Tiers(Protocol):
    """What is asked."""

    async def find(self, digest: Digest) -> Placement | None:
        """Where some bytes lie; None when their name never came up."""

    async def measure(self) -> Mapping[Tier, Amount]:
        """How much lies in each tier, as it is stored there; bytes in the catalog are not counted."""

    async def list_cold(
        self, namespace: NamespaceName | None = None, *, after: str = "", limit: int
    ) -> Sequence[Placement]:
        """A page of what is cold, of a namespace or at all, in the order of digests."""

    async def list_users(self, digest: Digest, *, limit: int) -> Sequence[tuple[PackageId, Digest]]:
        """The artifacts that need some bytes, each with a package that has it; no more than *limit*."""

    async def list_blobs(self, package: PackageId, artifact: Digest) -> Sequence[Placement]:
        """The blobs in the blob store that an artifact of a package consists of."""

    async def find_tiering(self, namespace: NamespaceName) -> Tiering:
        """What a namespace keeps hot."""

    async def list_tiered(self) -> Sequence[NamespaceName]:
        """The namespaces where what does not stay hot goes by itself."""


class TierChanges(Protocol):
    """What a change may do."""

    def find_tiering(self, namespace: NamespaceName) -> Tiering:
        """What a namespace keeps hot."""

    def set(self, namespace: NamespaceName, tiering: Tiering, actor: str) -> bool:
        """Keep that hot from now on; False when it is so already. Raises `NamespaceUnknown`."""

    def reserve(self, digest: Digest, tier: Tier, *, idle_since: datetime | None = None) -> int | None:
        """A place in a tier where nothing was ever, to copy a blob to: its generation there.

        None when somebody else copies it, unless he has not said so since *idle_since*; without that, his reservation
        is taken over in any case.
        """

    def renew(self, digest: Digest, generation: int) -> bool:
        """Say that the blob is still being copied there; False when somebody else does that now."""

    def release(self, digest: Digest, tier: Tier, generation: int, size: int) -> None:
        """Give a reserved place up, with whatever is there. It may be somebody else's by now, and stays so."""

    def move(self, move: Move) -> bool:
        """Let a blob lie where it was copied to, and give up the place where it lay.

        False when it does not lie where it was copied from any more, is not present, or the place is not reserved.
        """
