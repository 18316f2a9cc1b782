"""Let the disk begin with what was written, while more is coming.

Linux keeps written pages in memory for seconds, so that the sync at the end of a large file finds all of its work
still to do. Asking for it every few megabytes (``sync_file_range``) made a durable write of 512 MiB twice as fast
where it was measured. It is a hint: nothing is durable before the sync.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SYNC_FILE_RANGE_WRITE: Final = 2


def _find() -> Callable[[int, int, int, int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        function = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    function.restype = ctypes.c_int
    return function


_sync_file_range: Final = _find()


def begin_writeback(descriptor: int, offset: int, size: int) -> None:
    """Ask the kernel to begin writing that part of a file. Its refusal changes nothing, so it is not looked at."""
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, size, _SYNC_FILE_RANGE_WRITE)
