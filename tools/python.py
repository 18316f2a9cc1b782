"""Installs pinned Python programs into a cache, once, each in a virtual environment of its own.

Each is pinned by the ``requirements.lock`` of its folder beside this file, with the hashes of everything that is
installed; ``requirements.in`` says what was asked for.
Only wheels are taken, so nothing of a package runs while it is installed.
An installation that is interrupted leaves nothing under the program's name.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.catalog import PythonProgram
from tools.golang import PATIENCE_SECONDS, cache, locked

_HERE = Path(__file__).parent
_FLAGS = ("--require-hashes", "--only-binary=:all:", "--no-deps", "--disable-pip-version-check", "--quiet")


class InstallFailed(Exception):
    """A Python program could not be installed."""


def command(program: PythonProgram) -> Path:
    """Where the installed command of *program* is, or would be."""
    return _folder(program) / program.name


def version(program: PythonProgram) -> str:
    """The pinned version of the package that has the command."""
    lock = (_HERE / program.folder / "requirements.lock").read_text()
    pin = re.search(rf"^{re.escape(program.package)}==(\S+)", lock, re.MULTILINE)
    if pin is None:
        raise InstallFailed(f"tools/{program.folder}/requirements.lock has no {program.package}")
    return pin[1]


def install(program: PythonProgram) -> None:
    """Make `command` exist; waits if another process is installing the same program.

    Raises `InstallFailed`.
    """
    target = command(program)
    with locked(cache() / f"{program.name}.lock"):
        if target.exists():
            return
        # An environment cannot be moved: it is made where it stays, and the link to its command comes last.
        environment = _folder(program) / "environment"
        shutil.rmtree(environment, ignore_errors=True)
        _run(sys.executable, "-m", "venv", environment)
        lock = _HERE / program.folder / "requirements.lock"
        _run(environment / "bin" / "python", "-m", "pip", "install", *_FLAGS, "--requirement", lock)
        target.symlink_to(Path("environment") / "bin" / program.command)


def _run(*arguments: str | Path) -> None:
    result = subprocess.run(
        ["nice", *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    if result.returncode:
        raise InstallFailed((result.stderr.strip() or result.stdout.strip() or "pip failed").splitlines()[-1])


def _folder(program: PythonProgram) -> Path:
    return cache() / program.name / _key(program)


def _key(program: PythonProgram) -> str:
    digest = hashlib.sha256((_HERE / program.folder / "requirements.lock").read_bytes())
    digest.update(repr((program.command, _FLAGS, sys.version_info[:2], platform.machine())).encode())
    return digest.hexdigest()[:16]
