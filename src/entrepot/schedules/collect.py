"""Every hour, give up what nobody can reach."""

from __future__ import annotations

from entrepot.operations.collect import collect
from entrepot.schedules.schedule import Schedule

COLLECT = Schedule(name="collect", every_seconds=3600, run=collect)
