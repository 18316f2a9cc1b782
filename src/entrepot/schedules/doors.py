"""Every minute, ask the doors whose policies say something else as time passes; every hour, and at the start, all."""

from __future__ import annotations

from functools import partial

from entrepot.operations.doors import settle_everything
from entrepot.schedules.schedule import Schedule

DOORS = Schedule(name="doors", every_seconds=60, run=partial(settle_everything, asks_time=True))
ALL_DOORS = Schedule(name="all-doors", every_seconds=3_600, run=settle_everything)
