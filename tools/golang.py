"""Builds pinned Go programs into a cache, once.

The cache key covers everything that decides the result: the module's two files, the sources that are our own, the package, the flags and the
machine's architecture. A build that is interrupted leaves nothing under its final name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools.catalog import GoProgram

_HERE = Path(__file__).parent
# Two compilers at a time, and politely: the machine may be a laptop with a browser open.
_FLAGS = ("-p", "2", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
# GOFLAGS replaces whatever the machine has configured; readonly makes go.sum binding.
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


PATIENCE_SECONDS: Final = 2_400
"""How long the installation of one tool may take, whatever it waits for: what hangs is said, and the rest goes on."""


class BuildFailed(Exception):
    """A Go program could not be built."""


def cache() -> Path:
    """The directory of built programs; it outlives a checkout."""
    if chosen := os.environ.get("ENTREPOT_TOOLS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "entrepot" / "tools"


def binary(program: GoProgram) -> Path:
    """Where the built *program* is, or would be."""
    return cache() / program.name / _key(program) / program.name


def version(program: GoProgram) -> str:
    """The pinned version of the module that holds *program*."""
    pins = (_HERE / program.folder / "go.mod").read_text()
    required: dict[str, str] = dict(re.findall(r"^(?:require )?\t?(\S+) (v\S+)", pins, re.MULTILINE))
    return required[max((module for module in required if f"{program.around or program.package}/".startswith(f"{module}/")), key=len)]


def build(program: GoProgram) -> None:
    """Make `binary` exist; waits if another process is building the same program.

    Raises `BuildFailed`.
    """
    target = binary(program)
    with locked(cache() / f"{program.name}.lock"):
        if target.exists():
            return
        if shutil.which("go") is None:
            raise BuildFailed("needs Go 1.24 or newer on the PATH")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{program.name}-") as scratch:
            made = Path(scratch) / program.name
            result = subprocess.run(
                ["nice", "go", "build", *_FLAGS, "-o", str(made), program.package],
                cwd=_HERE / program.folder,
                env={**os.environ, **_ENVIRONMENT},
                capture_output=True,
                text=True,
                check=False,
                timeout=PATIENCE_SECONDS,
            )
            if result.returncode:
                raise BuildFailed((result.stderr.strip() or "go build failed").splitlines()[-1])
            made.replace(target)


def _key(program: GoProgram) -> str:
    digest = hashlib.sha256()
    folder = _HERE / program.folder
    for path in (folder / "go.mod", folder / "go.sum", *sorted(folder.glob("*.go"))):
        digest.update(path.read_bytes())
    digest.update(repr((program.package, _FLAGS, sorted(_ENVIRONMENT.items()), platform.machine())).encode())
    return digest.hexdigest()[:16]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep out whoever else installs under the same lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
