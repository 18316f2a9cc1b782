from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.formats.generic.served import Served, serve


@pytest.fixture(scope="session")
def blob_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blob store's folders: to make and remove its five hundred takes longer than a test."""
    return tmp_path_factory.mktemp("blobs")


@pytest.fixture
async def served(tmp_path: Path, blob_folder: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path, blob_folder=blob_folder) as served:
        yield served
