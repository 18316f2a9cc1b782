from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.formats.npm.served import Npm, serve


@pytest.fixture(scope="session")
def blob_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blob store's folders: to make and remove its five hundred takes longer than a test."""
    return tmp_path_factory.mktemp("blobs")


@pytest.fixture
async def npm(tmp_path: Path, blob_folder: Path) -> AsyncIterator[Npm]:
    async with serve(tmp_path, blob_folder=blob_folder) as npm:
        yield npm
