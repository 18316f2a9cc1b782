"""Lengths of time, as people write them: ``90s``, ``15m``, ``1h``, ``30d`` or ``2w``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

import click

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class Duration(click.ParamType[timedelta]):
    """A length of time; none at all only where *zero* has a meaning."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read what somebody wrote."""
        match = re.fullmatch(r"(\d{1,6})([smhdw])", str(value))
        if match is None or (int(match[1]) == 0 and not self._zero):
            self.fail(f"{value!r} is no length of time: write 90s, 15m, 1h, 30d or 2w.", param, ctx)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})


def print_duration(seconds: int) -> str:
    """A length of time, in the largest unit that says it exactly."""
    unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0) if seconds else "s"
    return f"{seconds // _SECONDS[unit]}{unit}"
