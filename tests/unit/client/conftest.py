"""What the tests of the SDK start from: a client that does not wait, and whose home is empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from entrepot.client import Client, Retry

TOKEN = "ent_bot_secret"

Open = Callable[..., Client]


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client would have waited."""
    return []


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}


@pytest.fixture
def connect(waits: list[float], environment: dict[str, str]) -> Iterator[Open]:
    """Opens clients, which are closed after the test."""
    with ExitStack() as opened:

        def connect(url: str, token: str | None = TOKEN, **options: Any) -> Client:
            retry = Retry(first_seconds=1, sleep=waits.append, random=lambda: 1.0)
            usual: dict[str, Any] = {"retry": retry, "environment": environment, "timeout_seconds": 5}
            client = Client(url, token, **(usual | options))
            return opened.enter_context(client)

        yield connect
