"""When to try again: exponential back-off with jitter, no sooner than the server asks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from entrepot.client.errors import ClientError

T = TypeVar("T")


def _nowhere() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long to wait before a failed request is repeated.

    Only what may be repeated harmlessly gets here: the errors say so themselves (`ClientError.transient`).
    """

    attempts: int = 5
    """How often in all, counted anew whenever a transfer got further."""
    first_seconds: float = 0.25
    longest_seconds: float = 20.0
    patience_seconds: float = 120.0
    """Who is asked to wait longer than this gives up at once."""
    sleep: Callable[[float], object] = time.sleep
    random: Callable[[], float] = random.random

    def delay(self, failures: int, after: float | None = None) -> float | None:
        """The seconds to wait after so many failures in a row; None to give up."""
        if failures >= self.attempts or (after is not None and after > self.patience_seconds):
            return None
        backoff = min(self.longest_seconds, self.first_seconds * 2 ** (failures - 1))
        # Half of it is left to chance, so that clients that failed together do not come back together.
        jittered: float = backoff * (1 + self.random()) / 2
        return jittered if after is None else after + jittered

    def run(self, act: Callable[[int], T], *, reached: Callable[[], int] = _nowhere) -> T:
        """Do *act*, again after each transient failure; it is told how often in a row it failed.

        *reached* is how far a transfer is: one that got further has failures to spare again.

        Raises what *act* raised last.
        """
        failures, furthest = 0, reached()
        while True:
            try:
                return act(failures)
            except ClientError as error:
                failures = failures + 1 if reached() <= furthest else 1
                furthest = max(furthest, reached())
                delay = self.delay(failures, error.after) if error.transient else None
                if delay is None:
                    raise
            self.sleep(delay)
