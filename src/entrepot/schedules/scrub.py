"""Every minute, read some blobs again, so that all of them are read within the time that the settings say."""

from __future__ import annotations

from entrepot.operations.scrub import SCRUB_EVERY, scrub_due
from entrepot.schedules.schedule import Schedule

SCRUB = Schedule(name="scrub", every_seconds=SCRUB_EVERY.total_seconds(), run=scrub_due)
