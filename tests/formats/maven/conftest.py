from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from entrepot.testing.builders import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A registry with the private namespace ``acme``."""
    async with open_world(tmp_path) as opened:
        await opened.namespace("acme")
        yield opened


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever may publish and delete."""
    async with world.client(await world.token("maintainer")) as opened:
        yield opened
