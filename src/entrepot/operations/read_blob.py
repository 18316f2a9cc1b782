"""Read a blob from wherever its bytes lie, and bring one back that lies in the cold tier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.errors import BlobUnknown
from entrepot.model.tier import Tier
from entrepot.operations.move import move_blob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.model.digest import Digest
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import FoundBlob
    from entrepot.ports.tiers import Placement

_MOVES: Final = 10
"""How often a blob may go elsewhere while it is read: each takes longer than its reading."""

RECALL: Final = "recall"
"""Who brings back what is asked for."""


async def read_blob(
    registry: Registry, blob: FoundBlob | Placement, start: int = 0, stop: int | None = None
) -> AsyncIterator[bytes]:
    """The bytes of a blob that are in a blob store, from *start* up to *stop*; also when it is moved meanwhile.

    Raises `BlobUnknown` for what is not where the catalog says, `Corrupt` and `Unavailable`.
    """
    at, stop = start, blob.size if stop is None else stop
    tier, generation = blob.tier, blob.generation
    for _ in range(_MOVES):
        try:
            async for piece in registry.store(tier).read(blob.digest, at, stop, generation=generation):
                at += len(piece)
                yield piece
        except BlobUnknown:
            now = await registry.catalog.tiers.find(blob.digest)
            if now is None or (now.tier, now.generation) == (tier, generation):
                raise
            tier, generation = now.tier, now.generation
        else:
            return
    raise BlobUnknown(blob.digest)


async def read_whole(registry: Registry, blob: FoundBlob | Placement) -> bytes:
    """All of a small blob. Raises like `read_blob`."""
    return b"".join([piece async for piece in read_blob(registry, blob)])


def recall(registry: Registry, digest: Digest) -> None:
    """Let a blob be brought back into the hot tier, unless somebody does it already; nobody waits for it."""
    key = (RECALL, digest)
    if not registry.flights.runs(key):
        registry.flights.begin(key, None, lambda: move_blob(registry, RECALL, digest, Tier.HOT))
