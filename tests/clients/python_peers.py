"""Other indexes of Python packages: pypiserver, which has HTML alone, and devpi, which has JSON too. Real peers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import httpx

from tests.clients.peer import listening
from tests.clients.programs import Shell, program
from tests.formats.pypi.building import Built

_PASSWORD = "a long secret"
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Index:
    """An index that runs."""

    simple: str
    """Its address."""
    delete: Callable[[Built], None]
    """Lets it have a file no more."""


Start = Callable[[Path, tuple[Built, ...]], AbstractContextManager[Index]]
"""Runs an index with its data in a new folder, filled with files, as long as the context lasts."""


@contextmanager
def pypiserver(home: Path, files: tuple[Built, ...]) -> Iterator[Index]:
    """It shows what is in a folder, with the hash that it is told to make."""
    folder = home / "packages"
    folder.mkdir(parents=True)
    for built in files:
        (folder / built.filename).write_bytes(built.content)
    command = [
        *(program("pypiserver"), "run", "--interface", "127.0.0.1", "--port", "0", "--authenticate", "."),
        *("--passwords", ".", "--disable-fallback", "--hash-algo", "sha256", folder),
    ]
    with listening(command, home / "log", cwd=home, environment=Shell(home).variables()) as address:
        yield Index(f"{address}/simple", lambda built: (folder / built.filename).unlink())


@contextmanager
def devpi(home: Path, files: tuple[Built, ...]) -> Iterator[Index]:
    """It takes uploads, and is told over HTTP to delete a release."""
    home.mkdir(parents=True)
    server, environment = Path(program("devpi")).resolve(), Shell(home).variables()
    place = ("--serverdir", home / "data")
    subprocess.run(
        [server.with_name("devpi-init"), *place, "--no-root-pypi", "--root-passwd", _PASSWORD],
        env=environment,
        capture_output=True,
        check=True,
    )
    secret = home / "secret"
    secret.touch(mode=0o600)
    secret.write_text(os.urandom(32).hex())
    command = [
        *(server, *place, "--host", "127.0.0.1", "--port", "0", "--secretfile", secret),
        # It stretches its secret when it starts: for half a minute, unless it is told to make less of that.
        *("--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1"),
    ]
    with (
        listening(command, home / "log", cwd=home, environment=environment) as address,
        httpx.Client(base_url=address, timeout=_PATIENCE, trust_env=False) as http,
    ):
        http.put("/me", json={"password": _PASSWORD}).raise_for_status()
        said = http.post("/+login", json={"user": "me", "password": _PASSWORD}).raise_for_status()
        http.auth = ("me", said.json()["result"]["password"])
        http.put("/me/dev", json={"type": "stage", "bases": [], "volatile": True}).raise_for_status()
        for built in files:
            content = {"content": (built.filename, built.content)}
            http.post("/me/dev/", data={**built.fields, **_release(built)}, files=content).raise_for_status()

        def delete(built: Built) -> None:
            http.delete("/me/dev/{name}/{version}".format_map(_release(built))).raise_for_status()

        yield Index(f"{address}/me/dev/+simple", delete)


def _release(built: Built) -> dict[str, str]:
    said = message_from_bytes(built.metadata)
    return {"name": said["Name"], "version": said["Version"]}
