"""Who hears what other nodes change (`entrepot.drivers.catalog.postgresql.listening`), on a real server."""

from __future__ import annotations

import asyncio
import random
from contextlib import nullcontext

import pytest

from entrepot.drivers.catalog.postgresql import listening
from entrepot.drivers.catalog.postgresql.listening import Listener
from entrepot.wire.server.epochs import Epochs


async def test_a_listener_stops_at_whatever_moment_it_is_told_to(
    migrated: str, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Most moments are then those around an answer, of which one made a node deaf to its end.
    monkeypatch.setattr(listening, "_BEAT_SECONDS", 0.001)
    chance = random.Random(1)

    async def listen_and_stop() -> None:
        listener = Listener(migrated, epochs, nullcontext, origin="this")
        await listener.start()
        await asyncio.sleep(chance.random() / 50)
        await listener.stop()

    async with asyncio.timeout(60):
        for _ in range(20):
            await asyncio.gather(*(listen_and_stop() for _ in range(10)))
