"""What this registry is, and how much it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot import __version__
from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.shapes import registry as shapes
from entrepot.operations.browse import measure_storage
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def read_status(call: Call) -> Reply:
    """Say what this registry is, and, to who may audit it, how much it holds."""
    storage = await measure_storage(call.registry, call.caller)
    return json_reply(shapes.Status(__version__, sorted(call.registry.formats), storage))


STATUS = Subject(
    "Status",
    "What this registry is.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/status",
            handler=read_status,
            answers={200: Answer("The registry.", shapes.Status)},
        ),
    ),
)
