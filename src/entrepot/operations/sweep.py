"""Throw away what has run out: what uploads left behind, leases, and the tokens of trusted publishers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.operations.hold import close_expired

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def sweep(registry: Registry) -> int:
    """Discard stages that nobody will need: how many there were.

    That is what nobody wrote to for longer than an upload may rest, and what is left of uploads that have ended.
    Raises `TurnOver` once another process does this.
    """
    horizon = (registry.clock.now() - registry.limits.upload_lease).timestamp()
    count = 0
    for store in (registry.blobs, registry.cold):
        if store is None:
            continue
        stale = [
            stage
            async for stage, written_at in store.stages()
            if written_at < horizon or await registry.catalog.upload_has_ended(stage)
        ]
        for stage in stale:
            await registry.catalog.confirm_turn()
            await store.discard(stage)
        count += len(stale)
    await registry.catalog.write(_forget)
    await close_expired(registry)
    return count


def _forget(transaction: Transaction) -> None:
    transaction.forget_uploads()
    transaction.federation.forget_expired()
