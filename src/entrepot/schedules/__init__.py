"""Clock readers: what is done every so often. Each calls operations, and may run in every worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from entrepot.model.errors import RegistryError, Unavailable
from entrepot.schedules.advisories import ADVISORIES
from entrepot.schedules.collect import COLLECT
from entrepot.schedules.doors import ALL_DOORS, DOORS
from entrepot.schedules.erase import ERASE
from entrepot.schedules.promote import PROMOTE
from entrepot.schedules.repair import REPAIR
from entrepot.schedules.retain import GO_ON, RETAIN
from entrepot.schedules.scrub import SCRUB
from entrepot.schedules.secrets import SECRETS
from entrepot.schedules.sweep import SWEEP
from entrepot.schedules.tier import TIER
from entrepot.schedules.usage import USAGE
from entrepot.schedules.webhooks import WEBHOOKS
from entrepot.schedules.witnesses import WITNESSES

if TYPE_CHECKING:
    from entrepot.operations.registry import Registry
    from entrepot.schedules.schedule import Schedule

ALL: tuple[Schedule, ...] = (
    SWEEP,
    ADVISORIES,
    WEBHOOKS,
    PROMOTE,
    WITNESSES,
    DOORS,
    ALL_DOORS,
    COLLECT,
    SECRETS,
    SCRUB,
    RETAIN,
    GO_ON,
    USAGE,
    TIER,
    REPAIR,
    ERASE,
)

_log = structlog.stdlib.get_logger("entrepot.schedule")


class Runner:
    """Runs every schedule from `start` until `stop`; one that fails is logged, and comes round again."""

    def __init__(self, registry: Registry, schedules: tuple[Schedule, ...] = ALL) -> None:
        self._registry = registry
        self._schedules = schedules
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; each schedule runs at once for the first time."""
        self._tasks = [asyncio.create_task(self._run(schedule)) for schedule in self._schedules]

    async def stop(self) -> None:
        """End; what is running is interrupted."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, schedule: Schedule) -> None:
        while True:
            try:
                await schedule.run(self._registry)
            except (Unavailable, OSError) as error:
                _log.warning("put off", schedule=schedule.name, reason=str(error))
            except RegistryError:
                _log.exception("failed", schedule=schedule.name)
            await asyncio.sleep(schedule.every_seconds)
