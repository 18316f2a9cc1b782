"""What several of these tests start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import Server
from tests.hostile.raw import Raw

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of this folder is about faults."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker("faults")


Dial = Callable[..., Raw]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Opens connections to a server on which anything can be sent; they are closed at the end."""
    with ExitStack() as stack:

        def connect(server: Server, **options: Any) -> Raw:
            return stack.enter_context(Raw(server.address, **options))

        yield connect
