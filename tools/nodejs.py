"""Installs pinned Node programs into a cache, once.

Each is pinned by the ``package.json`` and ``package-lock.json`` of its folder beside this file, with the integrity
hash of everything that is installed. No script of a package is run.
An installation that is interrupted leaves nothing under its final name.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.catalog import NpmProgram
from tools.golang import PATIENCE_SECONDS, cache, locked

_HERE = Path(__file__).parent
_PINS = ("package.json", "package-lock.json")
_FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class InstallFailed(Exception):
    """A Node program could not be installed."""


def command(program: NpmProgram) -> Path:
    """Where the installed command of *program* is, or would be."""
    return _folder(program) / "node_modules" / ".bin" / program.command


def version(program: NpmProgram) -> str:
    """The pinned version of the package that has the command."""
    lock = json.loads((_HERE / program.folder / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{program.package}"]["version"])


def install(program: NpmProgram) -> None:
    """Make `command` exist; waits if another process is installing the same program.

    Raises `InstallFailed`.
    """
    target = _folder(program)
    with locked(cache() / f"{program.name}.lock"):
        if command(program).exists():
            return
        if shutil.which("npm") is None:
            raise InstallFailed("needs Node 20 or newer with its npm on the PATH")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{program.name}-") as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            for name in _PINS:
                shutil.copy(_HERE / program.folder / name, made)
            result = subprocess.run(
                ["nice", "npm", "ci", *_FLAGS],
                cwd=made,
                env=os.environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )
            if result.returncode:
                raise InstallFailed((result.stderr.strip() or "npm ci failed").splitlines()[-1])
            made.replace(target)


def _folder(program: NpmProgram) -> Path:
    return cache() / program.name / _key(program)


def _key(program: NpmProgram) -> str:
    digest = hashlib.sha256()
    for name in _PINS:
        digest.update((_HERE / program.folder / name).read_bytes())
    digest.update(repr((program.package, _FLAGS, platform.machine())).encode())
    return digest.hexdigest()[:16]
