"""Tell webhooks of what happened, each at its own pace: one that is slow, or away, keeps no other waiting.

It is the clock, not the journal, that says when something is tried again; so this is no follower, and each webhook has
a place in the journal of its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from entrepot.model.errors import RegistryError
from entrepot.operations.deliver import deliver_due, is_due
from entrepot.schedules.schedule import Schedule

if TYPE_CHECKING:
    from entrepot.model.position import Position
    from entrepot.model.webhook import Webhook
    from entrepot.operations.registry import Registry

_LOOK_SECONDS: Final = 0.25
_FAILURE_SECONDS: Final = 10.0

_log = structlog.stdlib.get_logger("entrepot.webhook")


async def deliver(registry: Registry) -> None:
    """Tell all of them, until cancelled."""
    running: dict[str, asyncio.Task[None]] = {}
    seen: dict[str, tuple[Position, Webhook]] = {}
    async with asyncio.TaskGroup() as tasks:
        while True:
            try:
                end, _ = await registry.catalog.head()
                webhooks = await registry.catalog.webhooks.list()
            except (RegistryError, OSError):
                _log.exception("failed")
                await asyncio.sleep(_FAILURE_SECONDS)
                continue
            now = registry.clock.now()
            running = {id: task for id, task in running.items() if not task.done()}
            for webhook in webhooks:
                # What was looked at already, up to the journal's end, is not looked at again.
                known = seen.get(webhook.id) == (end, webhook) and webhook.due_at is None
                if webhook.position < end and not known and webhook.id not in running and is_due(webhook, now):
                    seen[webhook.id] = (end, webhook)
                    running[webhook.id] = tasks.create_task(_deliver(registry, webhook.id))
            await asyncio.sleep(_LOOK_SECONDS)


async def _deliver(registry: Registry, id: str) -> None:
    try:
        while await deliver_due(registry, id):
            pass
    except Exception:  # noqa: BLE001 (a runner: whatever it was, the others go on)
        _log.exception("failed", webhook=id)
        await asyncio.sleep(_FAILURE_SECONDS)


WEBHOOKS = Schedule(name="webhooks", every_seconds=1.0, run=deliver)
