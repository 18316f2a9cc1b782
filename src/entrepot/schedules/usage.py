"""Every hour, remember what namespaces take up, so that there is a trend."""

from __future__ import annotations

from entrepot.operations.usage import SAMPLE_SECONDS, sample_usage
from entrepot.schedules.schedule import Schedule

USAGE = Schedule(name="usage", every_seconds=SAMPLE_SECONDS, run=sample_usage)
