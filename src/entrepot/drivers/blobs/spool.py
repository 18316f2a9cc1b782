"""A part of an upload on its way to an object store: in a file without a name, that ends with its last user.

A store wants to know how long a part is before it comes, and memory is for more than slow uploads. What is lost
with the process was not acknowledged.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.drivers.blobs.disk import translated_disk_errors

if TYPE_CHECKING:
    from typing import BinaryIO


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
        # Opened anew, and not a copy of the descriptor: those share one place, and many may finish an upload at once.
        with translated_disk_errors():
            return Path(f"/proc/self/fd/{self._descriptor}").open("rb", buffering=0)

    def __del__(self) -> None:
        os.close(self._descriptor)
