"""What runs beside the workers: the followers of the journal and the schedules, in one process at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from entrepot import followers, schedules
from entrepot.app.parts import open_registry
from entrepot.drivers.turn import FileTurn
from entrepot.wire.logs import configure_logs

if TYPE_CHECKING:
    from entrepot.settings import Settings

_TURN_FILE: Final = "followers.lock"


async def run_beside(settings: Settings) -> None:
    """Run the followers of the journal and the schedules, while it is this process's turn."""
    configure_logs(settings.log_format, settings.log_level)
    turn = FileTurn(settings.data_path / _TURN_FILE)
    await turn.take()
    async with open_registry(settings) as registry:
        runners = (followers.Runner(registry), schedules.Runner(registry))
        for runner in runners:
            runner.start()
        try:
            await asyncio.Event().wait()
        finally:
            for runner in runners:
                await runner.stop()
            turn.close()
