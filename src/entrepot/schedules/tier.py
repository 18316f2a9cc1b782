"""Every day, let what is old and not in use go to the cold tier, where a namespace says that it goes by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from entrepot.operations.tier import ACTOR, go_cold
from entrepot.schedules.schedule import Schedule

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry

_log = structlog.stdlib.get_logger("entrepot.schedule")


async def tier_daily(registry: Registry) -> None:
    """Apply the rules of every namespace that is tiered by itself."""
    if registry.cold is None:
        return
    for namespace in await registry.catalog.tiers.list_tiered():
        done = await go_cold(registry, ACTOR, namespace)
        if done.moved:
            _log.info("went cold", schedule="tier", namespace=namespace, blobs=done.moved, bytes=done.size)


TIER = Schedule(name="tier", every_seconds=86_400, run=tier_daily)
