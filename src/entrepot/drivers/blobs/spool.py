"""A part of an upload on its way to an object store: in a file without a name, that ends with its last user.

A store wants to know how long a part is before it comes, and memory is for more than slow uploads. What is lost
with the process was not acknowledged.
"""

from __future__ import annotations

import io
import os
import tempfile
from typing import TYPE_CHECKING

from entrepot.drivers.blobs.disk import translated_disk_errors

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from _typeshed import WriteableBuffer


class Spool:
    """Bytes that are written at the end, and read anywhere, from several threads."""

    def __init__(self, folder: Path) -> None:
        """Make an empty one, on the file system of *folder*."""
        self.size = 0
        with translated_disk_errors():
            self._descriptor, name = tempfile.mkstemp(dir=folder)
            os.unlink(name)  # noqa: PTH108 (the name is text)

    def write(self, piece: bytes) -> None:
        """Append to it."""
        view = memoryview(piece)
        while view:
            with translated_disk_errors():
                written = os.pwrite(self._descriptor, view, self.size)
            self.size += written
            view = view[written:]

    def read(self, start: int, size: int) -> bytes:
        """At most *size* bytes from *start*, as far as they have come."""
        return os.pread(self._descriptor, size, start)

    def open(self) -> BinaryIO:
        """All of it, as a file of its own from the beginning."""
        return io.BufferedReader(_Reader(self))

    def read_into(self, buffer: WriteableBuffer, start: int) -> int:
        """Fill *buffer* from *start*, as far as they have come; how many bytes that were."""
        return os.preadv(self._descriptor, [buffer], start)

    def __del__(self) -> None:
        os.close(self._descriptor)


class _Reader(io.RawIOBase):
    """A place in a spool: copies of a descriptor share theirs, and many may finish an upload at once."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Also back, for who sends it once more."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill *buffer* from here."""
        count = self._spool.read_into(buffer, self._place)
        self._place += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go on elsewhere."""
        self._place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._spool.size}[whence]
        return self._place
