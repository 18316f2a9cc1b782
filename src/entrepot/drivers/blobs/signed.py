"""Addresses at which a blob can be read for a while without credentials, each used for many requests.

An address that stays the same can be cached by who asks, and by what stands in between.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entrepot.drivers.blobs.objects import Objects

_REMEMBERED: Final = 10_000


class SignedAddresses:
    """What was signed, as long as at least half of its time is left."""

    def __init__(self, objects: Objects, seconds: int | None) -> None:
        """Sign for so many seconds; None: not at all."""
        self._objects = objects
        self._seconds = seconds
        self._signed: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def find(self, key: str) -> str | None:
        """An address that was signed lately."""
        address, signed_at = self._signed.get(key, ("", 0.0))
        fresh = self._seconds is not None and time.monotonic() - signed_at < self._seconds / 2
        return address if address and fresh else None

    def sign(self, key: str) -> str | None:
        """Sign one, in a thread: credentials may have to be asked for."""
        if self._seconds is None:
            return None
        signed_at = time.monotonic()
        address = self._objects.sign(key, self._seconds)
        self._signed[key] = address, signed_at
        if len(self._signed) > _REMEMBERED:
            self._signed.popitem(last=False)
        return address
