from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.api.world import World, open_world


@pytest.fixture(scope="session")
def blobs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the bytes of every world are: making its many folders takes longer than most tests."""
    return tmp_path_factory.mktemp("blobs")


@pytest.fixture
async def world(tmp_path: Path, blobs_folder: Path) -> AsyncIterator[World]:
    """An empty registry."""
    async for opened in open_world(tmp_path, blobs_folder):
        yield opened
