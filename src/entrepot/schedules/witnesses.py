"""Have the witnesses sign the log's last checkpoint, once a second where there is a new one.

All are asked about the same checkpoint, so that there are checkpoints with the signatures of all; one that is slow is
not waited for, and asked again when it has answered; one that fails, later and later.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from entrepot.model.errors import RegistryError, UpstreamUnavailable
from entrepot.operations.be_witnessed import ask_witness, has_signed
from entrepot.operations.log import identity_of
from entrepot.schedules.schedule import Schedule

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.operations.registry import Registry
    from entrepot.ports.log import LogHead
    from entrepot.trust.log.identity import Witness

_ROUND_SECONDS: Final = 1.0
_WAIT_SECONDS: Final = 2.0
_LONGEST_DELAY_SECONDS: Final = 300

_log = structlog.stdlib.get_logger("entrepot.witness")


@dataclass(slots=True)
class _Asked:
    """What is known of a witness between two rounds."""

    witness: Witness
    size: int = 0
    """How many entries the last checkpoint had that it has signed."""
    failures: int = 0
    not_before: datetime | None = None
    running: asyncio.Task[None] | None = None


async def be_witnessed(registry: Registry) -> None:
    """Ask them round by round, until cancelled; at once nothing where there are none."""
    if registry.log is None or not registry.log.witnesses:
        return
    asked = [_Asked(witness) for witness in identity_of(registry).witnesses]
    async with asyncio.TaskGroup() as tasks:
        while True:
            head = await registry.catalog.log.head()
            if head is not None:
                now = registry.clock.now()
                for each in asked:
                    if _is_due(each, head, now):
                        each.running = tasks.create_task(_ask(registry, each, head))
                if running := [each.running for each in asked if each.running is not None]:
                    await asyncio.wait(running, timeout=_WAIT_SECONDS)
            await asyncio.sleep(_ROUND_SECONDS)


def _is_due(asked: _Asked, head: LogHead, now: datetime) -> bool:
    free = asked.running is None or asked.running.done()
    return free and (asked.not_before is None or asked.not_before <= now) and not has_signed(head, asked.witness)


async def _ask(registry: Registry, asked: _Asked, head: LogHead) -> None:
    try:
        await ask_witness(registry, asked.witness, head, min(asked.size, head.size))
    except Exception as error:  # noqa: BLE001 (a runner: whatever it was, the other witnesses are asked)
        asked.failures += 1
        delay = min(_LONGEST_DELAY_SECONDS, 2**asked.failures)
        asked.not_before = registry.clock.now() + timedelta(seconds=delay)
        facts = {"witness": asked.witness.key.name, "again_in": delay}
        if isinstance(error, UpstreamUnavailable):
            _log.warning("witness is away", **facts, reason=str(error))
        elif isinstance(error, RegistryError):
            # For the operator to look at: keys, addresses, or a log that is not what the witness has seen.
            _log.error("witness does not sign", **facts, reason=str(error))
        else:
            _log.error("witness does not sign", **facts, exc_info=error)
    else:
        asked.size, asked.failures, asked.not_before = head.size, 0, None


WITNESSES = Schedule(name="witnesses", every_seconds=60, run=be_witnessed)
