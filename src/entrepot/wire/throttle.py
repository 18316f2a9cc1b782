"""Slow down who tries credentials: failed logins per client address, counted by all workers together."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SLOT: Final = struct.Struct("=II")
_SLOTS: Final = 4096


class Throttle:
    """Counts in a small file that the workers map; addresses that share a slot share its patience.

    Only failures are counted and refused: secrets are too long to be guessed, and who shares an address with a job
    whose token is wrong goes on working.
    """

    def __init__(self, path: Path, now: Callable[[], float], *, failures: int = 30, window_seconds: int = 60) -> None:
        """Use the file *path*, made when it is new; let each address fail *failures* times in each window."""
        self._now = now
        self._failures = failures
        self._window_seconds = window_seconds
        size = _SLOT.size * _SLOTS
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size != size:
                # Written, not only extended: a store to a page that the disk has no room for would kill the process.
                os.pwrite(descriptor, bytes(size), 0)
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    def check(self, address: str) -> None:
        """Raise `RateLimited` when *address* has failed too often in this window."""
        window, slot = self._window(), self._slot(address)
        then, failures = _SLOT.unpack_from(self._map, slot)
        if then == window and failures >= self._failures:
            after = self._window_seconds - int(self._now()) % self._window_seconds
            raise RateLimited("too many failed logins", after=after)

    def record_failure(self, address: str) -> None:
        """Count one more. Two workers at once may count once; the limit need not be exact."""
        window, slot = self._window(), self._slot(address)
        then, failures = _SLOT.unpack_from(self._map, slot)
        _SLOT.pack_into(self._map, slot, window, failures + 1 if then == window else 1)

    def _window(self) -> int:
        return int(self._now()) // self._window_seconds & 0xFFFFFFFF

    @staticmethod
    def _slot(address: str) -> int:
        return zlib.crc32(address.encode()) % _SLOTS * _SLOT.size
