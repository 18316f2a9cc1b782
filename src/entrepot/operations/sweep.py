"""Throw away what has run out: what uploads left behind, leases, and the tokens of trusted publishers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.operations.hold import close_expired

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def sweep(registry: Registry) -> int:
    """Discard stages that nobody wrote to for longer than an upload may rest; how many there were."""
    horizon = (registry.clock.now() - registry.limits.upload_lease).timestamp()
    stale = [stage async for stage, written_at in registry.blobs.stages() if written_at < horizon]
    for stage in stale:
        await registry.blobs.discard(stage)
    await registry.catalog.write(_forget)
    await close_expired(registry)
    return len(stale)


def _forget(transaction: Transaction) -> None:
    transaction.forget_uploads()
    transaction.federation.forget_expired()
