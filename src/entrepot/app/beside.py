"""What runs beside the workers: the followers of the journal and the schedules, in one process of all nodes at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from entrepot import followers, schedules
from entrepot.app.parts import open_registry
from entrepot.drivers.turn import FileTurn
from entrepot.model.errors import Unavailable
from entrepot.wire.logs import configure_logs

if TYPE_CHECKING:
    from entrepot.ports.turn import Term, Turn
    from entrepot.settings import Settings

_TURN_FILE: Final = "followers.lock"
_PAUSE_SECONDS: Final = 1.0

_log = structlog.stdlib.get_logger("entrepot.app")


async def run_beside(settings: Settings) -> None:
    """Run the followers of the journal and the schedules, whenever it is this process's turn."""
    configure_logs(settings.log_format, settings.log_level)
    turn = _open_turn(settings)
    try:
        while True:
            try:
                term = await turn.take()
                await _run_until_lost(settings, turn, term)
            except (Unavailable, OSError) as error:
                # A disk that takes nothing may again. And somebody else may reach what this node does not: after a
                # while nothing was heard of it.
                _log.warning("followers and schedules cannot run here", reason=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        await turn.close()


async def _run_until_lost(settings: Settings, turn: Turn, term: Term | None) -> None:
    async with open_registry(settings, term) as registry:
        _log.info("followers and schedules run here", term=term)
        runners = (followers.Runner(registry), schedules.Runner(registry))
        for runner in runners:
            runner.start()
        try:
            await turn.lost()
        finally:
            for runner in runners:
                await runner.stop()


def _open_turn(settings: Settings) -> Turn:
    if not settings.database:
        return FileTurn(settings.data_path / _TURN_FILE)
    from entrepot.drivers.catalog.postgresql.turn import PostgresTurn  # noqa: PLC0415 - with its library

    return PostgresTurn(settings.database)
