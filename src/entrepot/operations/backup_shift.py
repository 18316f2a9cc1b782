"""Who makes backups in a place, and who removes old ones there: never both at once.

A backup that is being made counts on what the place has already, and nothing says so before its manifest is there.
So whoever works says so first and then looks who else does: of two who begin at once one goes away, or both, and never
none. Who was killed is not waited for for longer than ten minutes; who was stopped for so long has to begin anew.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import RegistryError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from entrepot.ports.backups import BackupStore
    from entrepot.ports.clock import Clock

_GONE: Final = timedelta(minutes=10)
"""Who was not heard of for so long does not work any more."""
_DOUBTFUL: Final = _GONE / 2
"""Who was not heard of for so long removes nothing before it has said that it is there."""
_RENEWED_SECONDS: Final = 120


class Work(Enum):
    """What is done in a place for backups."""

    BACKUP = "backup"
    PRUNE = "prune"


@dataclass(slots=True)
class Shift:
    """Somebody who works in a place for backups, as the others know of it."""

    store: BackupStore
    clock: Clock
    worker: str
    heard_at: datetime

    async def renew(self) -> None:
        """Say that we are still at work. Raises `Unavailable` when others may have taken us for dead."""
        known = await self.store.announced()
        now = self.clock.now()
        if self.worker not in known or now - self.heard_at >= _GONE:
            raise Unavailable("this was stopped for so long that others may have gone to work: begin anew")
        await self.store.announce(self.worker, now)
        self.heard_at = now

    async def require(self) -> None:
        """Make sure that nobody takes us for dead in the next minutes. Raises `Unavailable`."""
        if self.clock.now() - self.heard_at >= _DOUBTFUL:
            await self.renew()


@asynccontextmanager
async def at_work(store: BackupStore, clock: Clock, work: Work) -> AsyncIterator[Shift]:
    """Work in a place for backups, and let nobody remove anything meanwhile. Raises `Unavailable`."""
    shift = Shift(store, clock, f"{work.value}-{clock.new_id()}", clock.now())
    await store.announce(shift.worker, shift.heard_at)
    try:
        await _require_alone(shift, work)
        renewing = asyncio.create_task(_keep_renewed(shift))
        try:
            yield shift
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
    finally:
        with suppress(RegistryError):  # Then nobody hears of it any more.
            await store.withdraw(shift.worker)


async def _require_alone(shift: Shift, work: Work) -> None:
    for worker, heard_at in (await shift.store.announced()).items():
        if worker == shift.worker:
            continue
        if shift.clock.now() - heard_at >= _GONE:
            await shift.store.withdraw(worker)
        elif work is Work.PRUNE or worker.startswith(Work.PRUNE.value):
            raise Unavailable(
                f"{worker} was at work here at {heard_at:%Y-%m-%d %H:%M:%SZ}: try again when it has ended"
            )


async def _keep_renewed(shift: Shift) -> None:
    while True:
        await asyncio.sleep(_RENEWED_SECONDS)
        await shift.renew()
