"""SQLite without its count of the memory that it uses.

For that count every allocation takes one lock of the whole process: threads that ask at the same time, as a collection, a
plan of retention and a commit do beside the event loop, would wait for each other (`docs/decisions/0034-uncounted.md`).
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from typing import Final

_MEMSTATUS: Final = 9


def count_no_memory() -> bool:
    """Let SQLite count no memory, before `sqlite3` is imported, which starts it; whether it counts none.

    Where it has been started before, or is built into an interpreter that does not show it, it counts, and is slower.
    ``sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0)``, https://www.sqlite.org/c3ref/c_config_covering_index_scan.html
    """
    found = find_spec("_sqlite3")
    try:
        # The extension module is loaded for what it is linked with, and not run.
        configure = ctypes.CDLL(None if found is None or not found.has_location else found.origin).sqlite3_config
    except (AttributeError, OSError):
        return False
    configure.argtypes = [ctypes.c_int]  # What comes after it is passed as C passes what is variable.
    return bool(configure(_MEMSTATUS, ctypes.c_int(0)) == 0)
