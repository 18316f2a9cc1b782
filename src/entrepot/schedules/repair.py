"""Every minute, repair what was found damaged; what cannot be is tried again every day."""

from __future__ import annotations

from entrepot.operations.repair import repair_due
from entrepot.schedules.schedule import Schedule

REPAIR = Schedule(name="repair", every_seconds=60, run=repair_due)
