"""Throw away what uploads left behind: stages whose lease has run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry


async def sweep(registry: Registry) -> int:
    """Discard stages that nobody wrote to for longer than an upload may rest; how many there were."""
    horizon = (registry.clock.now() - registry.limits.upload_lease).timestamp()
    stale = [stage async for stage, written_at in registry.blobs.stages() if written_at < horizon]
    for stage in stale:
        await registry.blobs.discard(stage)
    await registry.catalog.write(lambda transaction: transaction.forget_uploads())
    return len(stale)
