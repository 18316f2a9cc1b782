"""Installs tools by name, or all of them, and prints what came of each."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass

import tools
from tools import debian, golang, nodejs, python
from tools.catalog import PROGRAMS, DebianProgram, GoProgram, NpmProgram, Program, PythonProgram, SuppliedProgram


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one tool: a row of the table."""

    name: str
    version: str
    state: str
    failed: bool = False


def main() -> int:
    """Install what the command line names; 1 if something that was wanted is not there."""
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a tool; default: all of them")
    names = parser.parse_args().names
    if unknown := set(names) - {program.name for program in PROGRAMS}:
        parser.error(f"no such tool: {', '.join(sorted(unknown))}")

    outcomes = [_install(program, asked=bool(names)) for program in PROGRAMS if not names or program.name in names]

    width = {"name": max(len(row.name) for row in outcomes), "version": max(len(row.version) for row in outcomes)}
    for row in outcomes:
        print(f"{row.name:<{width['name']}}  {row.version:<{width['version']}}  {row.state}")
    return int(any(row.failed for row in outcomes))


def _install(program: Program, *, asked: bool) -> Outcome:
    """One tool's failure is a row, so that the others still come."""
    started = time.monotonic()
    present = _present(program.name)
    if not present and not isinstance(program, SuppliedProgram):
        print(f"installing {program.name} ...", file=sys.stderr, flush=True)
    try:
        match program:
            case GoProgram():
                golang.build(program)
                version = golang.version(program)
            case NpmProgram():
                nodejs.install(program)
                version = nodejs.version(program)
            case PythonProgram():
                python.install(program)
                version = python.version(program)
            case DebianProgram():
                if not present:
                    debian.install(program)
                version = debian.version(program)
            case SuppliedProgram():
                tools.path(program.name)
                version = "-"
    except tools.ToolMissing as missing:
        # Nobody can install it, so it is a failure only for whoever asked for it by name.
        return Outcome(program.name, "-", f"absent ({str(missing).partition(': ')[2]})", failed=asked)
    except (golang.BuildFailed, debian.InstallFailed, nodejs.InstallFailed, python.InstallFailed) as error:
        return Outcome(program.name, "-", f"FAILED ({error})", failed=True)
    except subprocess.TimeoutExpired as error:
        return Outcome(program.name, "-", f"FAILED (took more than {error.timeout:.0f} s)", failed=True)
    return Outcome(program.name, version, "ready" if present else f"installed in {time.monotonic() - started:.0f} s")


def _present(name: str) -> bool:
    try:
        tools.path(name)
    except tools.ToolMissing:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
