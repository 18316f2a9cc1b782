"""Every hour, throw away what abandoned uploads left behind."""

from __future__ import annotations

from entrepot.operations.sweep import sweep
from entrepot.schedules.schedule import Schedule

SWEEP = Schedule(name="sweep", every_seconds=3600, run=sweep)
