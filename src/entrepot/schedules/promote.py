"""Every ten seconds, promote what waits for nothing any more."""

from __future__ import annotations

from entrepot.operations.promote_due import promote_due
from entrepot.schedules.schedule import Schedule

PROMOTE = Schedule(name="promote", every_seconds=10, run=promote_due)
