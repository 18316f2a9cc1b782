"""How often we ask, how long we wait, and when we ask again."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_A_DAY: Final = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Pace:
    """The numbers of a fetcher. Time-outs are in seconds."""

    connect: float = 10.0
    """Until a connection stands, its name resolved and its TLS agreed on."""
    answer: float = 30.0
    """Until the head of an answer is here, counted from the question; connecting is part of it."""
    piece: float = 30.0
    """From one piece of a body to the next."""
    document: float = 120.0
    """For a whole document, all attempts and redirects together."""
    turn: float = 30.0
    """Until a host that we ask much already has room for one question more."""
    attempts: int = 3
    """How often in all."""
    first_delay: float = 0.25
    longest_delay: float = 10.0
    """Who asks to be left alone longer is not waited for; the error says how long that is."""
    failures: int = 5
    """How many in a row, until a host is left alone."""
    cool_down: float = 30.0
    """How long."""
    at_once: int = 16
    """How many questions one host gets at the same time."""
    chance: Callable[[], float] = random.random

    def delay(self, failures: int, after: int | None) -> float | None:
        """The seconds to wait after so many failures; None to give up."""
        if failures >= self.attempts or (after is not None and after > self.longest_delay):
            return None
        backoff: float = min(self.longest_delay, self.first_delay * 2 ** (failures - 1))
        # Half of it is left to chance, so that those who failed together do not come back together.
        return (after or 0) + backoff * (1 + self.chance()) / 2


def retry_after(headers: Mapping[str, str], now: datetime) -> int | None:
    """The seconds that an answer asks to wait (RFC 9110, 10.2.3), a day at most: a number, or a date by its own clock.

    None when it does not say, or says nonsense.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(_A_DAY, int(text[:9]))
    try:
        then = parsedate_to_datetime(text)
        since = parsedate_to_datetime(headers["date"]) if "date" in headers else now
        return min(_A_DAY, max(0, math.ceil((_aware(then) - _aware(since)).total_seconds())))
    except (ValueError, TypeError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
