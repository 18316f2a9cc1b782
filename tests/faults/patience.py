"""Waiting for what will be true: looked at again and again until a deadline, never slept for."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, seconds: float = 120.0) -> T:
    """What *look* returns, once that is neither None nor False."""
    deadline = monotonic() + seconds
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert monotonic() < deadline, "it does not happen"
        sleep(0.01)
