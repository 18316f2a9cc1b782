"""Read everything again, and say what is no longer what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown
from entrepot.model.events import BlobDamaged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import BlobRow, Transaction

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """One blob that was read again."""

    digest: Digest
    size: int
    problem: str | None
    """What is wrong with it; None for a sound one."""


async def read_blobs(registry: Registry) -> AsyncIterator[Scrubbed]:
    """Every blob, read whole and compared with its digest (I1), in the order of digests."""
    after = ""
    while page := await registry.catalog.iter_blobs(after=after, limit=_PAGE):
        for blob in page:
            yield Scrubbed(blob.digest, blob.size, await _problem(registry, blob))
        after = str(page[-1].digest)


async def scrub(registry: Registry, actor: str = "scrub") -> AsyncIterator[Scrubbed]:
    """Do `read_blobs`, and let the registry know what it finds.

    What is damaged is journaled, and not served from then on; pushing it again mends it.
    """
    async for blob in read_blobs(registry):
        if blob.problem is not None:
            await registry.catalog.write(_damaged(actor, blob.digest, blob.problem))
        yield blob


def _damaged(actor: str, digest: Digest, problem: str) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        if transaction.damage_blob(digest):
            transaction.append(actor, BlobDamaged(digest=str(digest), problem=problem))

    return change


async def _problem(registry: Registry, blob: BlobRow) -> str | None:
    if blob.content is not None:
        if len(blob.content) != blob.size or Digest.of(blob.content, blob.digest.algorithm) != blob.digest:
            return "its bytes in the catalog are not what they were"
        return None
    try:
        sound = await registry.blobs.verify(blob.digest, generation=blob.generation)
    except BlobUnknown:
        return "its bytes are not in the blob store"
    return None if sound else "its bytes in the blob store are not what they were"
