"""Every minute, go on with what was being erased when somebody was interrupted."""

from __future__ import annotations

from entrepot.operations.erase import continue_erasures
from entrepot.schedules.schedule import Schedule

ERASE = Schedule(name="erase", every_seconds=60, run=continue_erasures)
