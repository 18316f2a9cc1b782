from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.formats.pypi.index import Index, open_index


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    async with open_index(tmp_path) as opened:
        yield opened
