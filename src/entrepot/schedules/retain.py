"""What rules let go: every day it is planned, and where a namespace says so, it goes; what was begun is gone on with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from entrepot.model.errors import PlanOutdated
from entrepot.operations.retain import ACTOR, begin_plan, carry_on, forget_plans, make_plan
from entrepot.schedules.schedule import Schedule

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry

_DAY: Final = timedelta(days=1)
_MANY: Final = 1_000

_log = structlog.stdlib.get_logger("entrepot.schedule")


async def retain_daily(registry: Registry) -> None:
    """Make a plan for every namespace that has rules and none of today; apply it where that is wanted."""
    retentions = registry.catalog.retentions
    automatic = set(await retentions.list_ruled(automatic=True))
    for namespace in await retentions.list_ruled():
        last = [plan for plan in await retentions.list_plans(namespace, limit=_MANY) if plan.actor == ACTOR]
        if last and registry.clock.now() - last[0].at < _DAY:
            continue
        try:
            plan = await make_plan(registry, namespace, ACTOR)
            if namespace in automatic:
                await begin_plan(registry, plan, ACTOR)
        except PlanOutdated as error:
            _log.warning("put off", schedule="retain", namespace=namespace, reason=str(error))
    await forget_plans(registry)


async def go_on(registry: Registry) -> None:
    """Go on with what was begun, whoever was interrupted."""
    for plan in await registry.catalog.retentions.list_begun(limit=_MANY):
        await carry_on(registry, plan.name)


RETAIN = Schedule(name="retain", every_seconds=3600, run=retain_daily)
GO_ON = Schedule(name="retain-on", every_seconds=30, run=go_on)
