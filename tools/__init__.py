"""The clients, peers and suites that prove Entrepot: real programs, at pinned versions.

``python -m tools [NAME...]`` installs them; `path` finds one.
"""

from __future__ import annotations

import os
from pathlib import Path

from tools import debian, golang, nodejs, python
from tools.catalog import DebianProgram, GoProgram, NpmProgram, PythonProgram, SuppliedProgram, find_program


class ToolMissing(Exception):
    """A program that a test or benchmark needs is not on this machine."""


class ToolNotSupplied(ToolMissing):
    """One that no package registry offers: nobody can be asked to install it, only to say where it is."""


def path(name: str) -> Path:
    """Where the program called *name* is.

    Raises `ToolMissing` or `ToolNotSupplied`, with one line that says what to do.
    """
    match find_program(name):
        case None:
            raise ToolMissing(f"{name}: no such tool; tools/catalog.py lists them")
        case GoProgram() as program:
            found: Path | None = golang.binary(program)
            remedy = f"not built: python -m tools {name}"
        case NpmProgram() as program:
            found = nodejs.command(program)
            remedy = f"not installed: python -m tools {name}"
        case PythonProgram() as program:
            found = python.command(program)
            remedy = f"not installed: python -m tools {name}"
        case DebianProgram() as program:
            found = debian.find(name)
            remedy = f"not installed: python -m tools {name}"
        case SuppliedProgram() as program:
            chosen = os.environ.get(program.variable)
            found = Path(chosen) if chosen else debian.find(name)
            if found is None or not os.access(found, os.X_OK):
                place = f"put it on the PATH or its file into {program.variable}"
                raise ToolNotSupplied(f"{name}: {program.what}, comes from no package registry: {place}")
            return found
    if found is None or not os.access(found, os.X_OK):
        raise ToolMissing(f"{name}: {remedy}")
    return found
