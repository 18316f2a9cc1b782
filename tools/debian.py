"""Finds programs on the machine and installs Debian packages where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from tools.catalog import DebianProgram
from tools.golang import PATIENCE_SECONDS

# Servers live in the administrator's directories, which a user's PATH often lacks.
_ALSO = ("/usr/local/sbin", "/usr/sbin", "/sbin")
# RUNLEVEL=1 keeps a package's service from being started by its installation.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}


class InstallFailed(Exception):
    """A Debian package could not be installed."""


def find(command: str) -> Path | None:
    """The program called *command* on this machine, or `None`."""
    # Debian keeps each release of PostgreSQL in a folder of its own.
    releases = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    places = (os.environ.get("PATH", os.defpath), *_ALSO, *map(str, releases))
    found = shutil.which(command, path=os.pathsep.join(places))
    if found is None:
        return None
    return _behind_rustup(command, Path(found).resolve()) if Path(found).resolve().name == "rustup" else Path(found)


@cache
def _behind_rustup(command: str, rustup: Path) -> Path | None:
    """The program that rustup's stand-in would run: the stand-in itself runs only in its owner's home."""
    # It acts by the name that it is called by, so it is called by its own.
    result = subprocess.run([rustup, "which", command], capture_output=True, text=True, check=False)
    return None if result.returncode else Path(result.stdout.strip())


def install(program: DebianProgram) -> None:
    """Install the Debian package of *program*.

    Raises `InstallFailed`.
    """
    if shutil.which("apt-get") is None:
        raise InstallFailed(f"install {program.package} with this machine's package manager")
    if os.geteuid() != 0:
        raise InstallFailed(f"needs root: apt-get install {program.package}")
    _refresh()
    _apt_get("install", "--yes", "--no-install-recommends", program.package)
    if find(program.name) is None:
        raise InstallFailed(f"package {program.package} brought no command {program.name}")


def version(program: DebianProgram) -> str:
    """The installed version of the package, or a dash where the command came some other way."""
    if shutil.which("dpkg-query") is None:
        return "-"
    query = ["dpkg-query", "--show", "--showformat", "${Version}", program.package]
    result = subprocess.run(query, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "-"


@cache
def _refresh() -> None:
    _apt_get("update")


def _apt_get(*arguments: str) -> None:
    result = subprocess.run(
        ["nice", "apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=300", *arguments],
        env={**os.environ, **_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    if result.returncode:
        raise InstallFailed((result.stderr.strip() or result.stdout.strip() or "apt-get failed").splitlines()[-1])
