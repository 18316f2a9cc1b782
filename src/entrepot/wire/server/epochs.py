"""Numbers in a file that every process maps, by which a change made in one ends what another has cached.

Each slot holds one 64-bit number. What a process computed after reading a slot at *n* is good while the slot still
says *n*. Slot `ACCESS` stands for who may do what; every namespace has one of the other slots, and two namespaces may
share one, which costs a cache entry now and then and never an answer.

Whoever changes what is true does so under one lock of all processes (the catalog's write lock) and in this order::

    make the slots odd  →  commit  →  make them even, at a number never used before

- A reader that finds an odd number neither fills its cache nor answers from it.
- A reader that read *n* before the change holds *n*, which never comes back.
- A reader that reads the new number reads it after the commit, so what it then computes includes the change,
  provided that it reads the number *before* it opens its snapshot of the data.
- A writer that dies between the two leaves its slots odd: slow, never wrong. The next writer of the slot, or `recover`
  at the next start, makes them even.

The numbers need not survive a crash of the machine, because no cache does. The file must not be deleted or shortened
while a process uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ACCESS: Final = 0
"""The slot that changes with every principal, grant, token and visibility."""

Observation = tuple[tuple[int, int], ...]
"""Slots, each with the (even) number it had."""

_HEADER: Final = struct.Struct("=8sQ")
_MAGIC: Final = b"EPOCHS\x00\x01"
_NUMBER: Final = struct.Struct("=Q")


class Epochs:
    """The numbers, mapped from the file at *path*, which is made if it is not there.

    The file says how many slots there are; *count* is for making it. Reading a slot costs some 50 ns.
    """

    def __init__(self, path: Path, count: int = 4096) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._count = _prepare(self._file, count, path)
            size = _HEADER.size + self._count * _NUMBER.size
            self._map = mmap.mmap(self._file, size, prot=mmap.PROT_READ)
        except BaseException:
            os.close(self._file)
            raise
        self.slots: Final[memoryview] = memoryview(self._map)[_HEADER.size :].cast("Q")
        """The numbers themselves, for whoever must read them as fast as can be."""

    def slot_of(self, namespace: str) -> int:
        """The slot that changes with *namespace*; never `ACCESS`. Namespaces may share one."""
        return 1 + zlib.crc32(namespace.encode()) % (self._count - 1)

    def all(self) -> range:
        """Every slot."""
        return range(self._count)

    def read(self, slot: int) -> int:
        """The slot's number now; odd while a change is being committed."""
        number: int = self.slots[slot]
        return number

    def observe(self, *slots: int) -> Observation | None:
        """Read `ACCESS` and *slots*, for a ticket; `None` if one of them is being changed.

        To be called before the snapshot is opened from which the answer is computed.
        """
        seen = [(ACCESS, self.slots[ACCESS])]
        seen += [(slot, self.slots[slot]) for slot in slots if slot != ACCESS]
        return None if any(number & 1 for _, number in seen) else tuple(seen)

    def begin(self, slots: Iterable[int]) -> None:
        """Make *slots* odd, before a commit, under the lock of all writers.

        A slot that is odd already was left so by a writer that died; it is taken over. Raises `OSError` if the disk
        is full, and then nothing may be committed.
        """
        for slot in slots:
            self._write(slot, (self.slots[slot] + 1) | 1)

    def end(self, slots: Iterable[int]) -> None:
        """Make *slots* even and new, after the commit or its failure, still under the lock."""
        for slot in slots:
            self._write(slot, (self.slots[slot] | 1) + 1)

    @contextlib.contextmanager
    def changing(self, slots: Iterable[int]) -> Iterator[None]:
        """Surround a commit: `begin`, the block, and `end` whatever the block did."""
        touched = sorted(set(slots))
        try:
            self.begin(touched)
            yield
        finally:
            self.end(touched)

    def recover(self, slots: Iterable[int] | None = None) -> list[int]:
        """Mend *slots*, or all, that a writer which died left odd, and return them; under the lock of all writers."""
        wanted = self.all() if slots is None else slots
        left = [slot for slot in wanted if self.slots[slot] & 1]
        self.end(left)
        return left

    def close(self) -> None:
        """Let go of the file."""
        self.slots.release()
        self._map.close()
        os.close(self._file)

    def _write(self, slot: int, number: int) -> None:
        # By pwrite and not through the map: on a full disk a store to the map kills the process with SIGBUS, while
        # pwrite raises. Both are the same page of the page cache. A reader that catches such a write half done sees a
        # number that is neither the old one nor one that will ever be current again: the number only grows, and the
        # step from even to odd changes one byte.
        os.pwrite(self._file, _NUMBER.pack(number), _HEADER.size + slot * _NUMBER.size)


def _prepare(file: int, count: int, path: Path) -> int:
    """Make the file of *count* zeros unless it is one already, and return how many it has."""
    if count < 2:  # noqa: PLR2004 - one for access, one for the namespaces
        raise ValueError("there must be a slot for access and one for the namespaces")
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        size = os.fstat(file).st_size
        header = os.pread(file, _HEADER.size, 0)
        if len(header) == _HEADER.size and header != bytes(_HEADER.size):
            magic, found = _HEADER.unpack(header)
            if magic != _MAGIC or size != _HEADER.size + found * _NUMBER.size:
                raise ValueError(f"{path} is not a file of epochs; with every server stopped it can be deleted")
            return int(found)
        # Zeros are written, not skipped, so that the space is there; the header comes last, so that a file whose
        # maker died is made again.
        os.pwrite(file, bytes(_HEADER.size + count * _NUMBER.size), 0)
        os.pwrite(file, _HEADER.pack(_MAGIC, count), 0)
        return count
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
