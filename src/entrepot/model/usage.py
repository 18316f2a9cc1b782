"""How much of the registry a namespace takes up, and how much it may.

A namespace is *charged* for a blob once, however many of its packages and versions refer to it: from when the first of
its packages has it until nobody can have it back from the trash. What no other namespace is charged for is *unique* to
it, all else is *shared*; both are charged in full, so that nobody's bill depends on what others do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import Invalid, QuotaExceeded

if TYPE_CHECKING:
    from datetime import date

    from entrepot.model.names import NamespaceName

_MOST: Final = 2**60
_DAYS: Final = 30
"""Over how many days a trend is found."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a namespace may take up; None for as much as there is."""

    size: int | None = None
    """Bytes, the trash included."""
    versions: int | None = None

    def __post_init__(self) -> None:
        """Raise `Invalid` for what limits nothing, or is no number of things."""
        if self.size is None and self.versions is None:
            raise Invalid("quota", expected="bytes, a number of versions, or both")
        for name, value in (("bytes", self.size), ("versions", self.versions)):
            if value is not None and not 0 <= value <= _MOST:
                raise Invalid(f"quota of {name}", expected=f"a number from 0 to {_MOST}", actual=value)


@dataclass(frozen=True, slots=True)
class Account:
    """What a namespace is charged with, as of now."""

    namespace: NamespaceName
    blobs: int = 0
    size: int = 0
    """Bytes of all of them."""
    unique_size: int = 0
    """Bytes that no other namespace is charged for."""
    trash_size: int = 0
    """Bytes that none of its packages has any more, and that can still be had back. Part of *size*."""
    versions: int = 0
    quota: Quota | None = None

    @property
    def shared_size(self) -> int:
        """Bytes that another namespace is charged for as well."""
        return self.size - self.unique_size

    @property
    def room(self) -> int | None:
        """How many bytes more fit; None for as many as there are."""
        if self.quota is None or self.quota.size is None:
            return None
        return max(0, self.quota.size - self.size)

    def require_room(self, size: int) -> None:
        """Raise `QuotaExceeded` unless *size* bytes more fit."""
        if self.room is not None and size > self.room:
            raise QuotaExceeded(
                self.namespace, expected=f"at most {self.room} bytes more", actual=f"at least {size} bytes"
            )

    def require_within(self, before: Account) -> None:
        """Raise `QuotaExceeded` when there is more than the quota allows, and more than there was *before*."""
        if self.quota is None:
            return
        if self.quota.size is not None and self.quota.size < self.size > before.size:
            expected = f"at most {before.room} bytes more"
            raise QuotaExceeded(self.namespace, expected=expected, actual=f"{self.size - before.size} bytes")
        if self.quota.versions is not None and self.quota.versions < self.versions > before.versions:
            expected = f"at most {self.quota.versions} versions"
            raise QuotaExceeded(self.namespace, expected=expected, actual=self.versions)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a namespace came to at the end of a day, or so far today."""

    day: date
    size: int
    unique_size: int
    trash_size: int
    versions: int


@dataclass(frozen=True, slots=True)
class Trend:
    """How much more a namespace takes up from day to day, as the last month has it."""

    daily_size: float
    """Bytes a day; below zero where it becomes less."""
    days_left: int | None
    """Until the quota is reached, if it goes on like that; None where it never will be."""


def find_trend(samples: list[Sample], account: Account) -> Trend | None:
    """The straight line that comes closest to the last month's days; None before there are two of them."""
    if not samples:
        return None
    last = max(sample.day for sample in samples)
    points = [(-(last - sample.day).days, sample.size) for sample in samples if (last - sample.day).days <= _DAYS]
    if len(points) <= 1:
        return None
    middle, mean = sum(day for day, _ in points) / len(points), sum(size for _, size in points) / len(points)
    spread = sum((day - middle) ** 2 for day, _ in points)
    daily = sum((day - middle) * (size - mean) for day, size in points) / spread
    if account.room is None or (daily <= 0 and account.room > 0):
        return Trend(daily, None)
    return Trend(daily, 0 if account.room == 0 else int(account.room / daily))
