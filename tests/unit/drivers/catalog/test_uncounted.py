"""SQLite counts no memory, for whatever begins to use it through the catalog."""

from __future__ import annotations

import subprocess
import sys

import pytest

_BEGIN = """
import ctypes
from importlib.util import find_spec
{first}
from entrepot.drivers.catalog.sqlite import connect
from entrepot.drivers.catalog.uncounted import count_no_memory
from pathlib import Path

connection = connect(Path("{path}"), synchronous="OFF")
connection.execute("CREATE TABLE one (name TEXT)")
found = find_spec("_sqlite3")
library = ctypes.CDLL(found.origin if found.has_location else None)
if not hasattr(library, "sqlite3_memory_used"):
    print("hidden")
else:
    library.sqlite3_memory_used.restype = ctypes.c_int64
    print("counted" if library.sqlite3_memory_used() else "uncounted", count_no_memory())
"""


def _begin(path: object, first: str) -> str:
    """What a process says that begins with something."""
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN.format(path=path, first=first)], capture_output=True, text=True, check=True
    )
    if done.stdout == "hidden\n":
        pytest.skip("SQLite is built into this interpreter, and not to be reached")
    return done.stdout


def test_a_server_s_sqlite_counts_no_memory(tmp_path: object) -> None:
    assert _begin(f"{tmp_path}/one.sqlite", "import entrepot.cli, entrepot.app.parts") == "uncounted False\n"


def test_where_somebody_has_begun_to_use_it_it_counts_and_works(tmp_path: object) -> None:
    assert _begin(f"{tmp_path}/one.sqlite", "import sqlite3; sqlite3.connect(':memory:')") == "counted False\n"
