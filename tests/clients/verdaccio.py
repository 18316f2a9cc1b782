"""Verdaccio, another registry for npm's clients: a real peer, with packages that a real npm published to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.clients.node import Client
from tests.clients.programs import Shell, program

_START_SECONDS = 60
_STOP_SECONDS = 10
# Its own command line says port 0 where it was given port 0; so it is started as a library.
_START = """
const { runServer } = require(process.argv[1]);
runServer(process.argv[2]).then((server) => {
  server.listen(0, '127.0.0.1', () => console.log('ready ' + server.address().port));
});
"""
_CONFIG = """\
storage: ./storage
auth:
  htpasswd:
    file: ./htpasswd
    max_users: 10
packages:
  '**':
    access: {access}
    publish: $authenticated
    unpublish: $authenticated
web:
  enable: false
log: {{ type: file, path: ./verdaccio.log, format: json, level: info }}
"""


@dataclass(slots=True)
class Verdaccio:
    """A registry that runs, and somebody who publishes to it."""

    home: Path
    url: str
    token: str

    def publisher(self) -> Client:
        """npm, as somebody whom it knows."""
        home = self.home / "publisher"
        home.mkdir(exist_ok=True)
        token = f"{self.url.partition(':')[2]}/:_authToken={self.token}"
        (home / ".npmrc").write_text(f"registry={self.url}/\n{token}\nupdate-notifier=false\n")
        return Client(Shell(home), "npm10")

    def publish(self, name: str, version: str = "1.0.0", **more: object) -> Path:
        """Publish a package; *more* is in its ``package.json``, or its *files*."""
        npm = self.publisher()
        folder = npm.project(name, version, **more)  # type: ignore[arg-type]
        npm.run("publish", "--tag", "next" if "-" in version else "latest", folder=folder)
        return folder


@contextmanager
def verdaccio(home: Path, *, like: Path | None = None, public: bool = True) -> Iterator[Verdaccio]:
    """Verdaccio with its data under *home*, as long as the context lasts; it begins with what one at *like* had."""
    if like is None:
        home.mkdir(parents=True)
    else:
        shutil.copytree(like, home, ignore=shutil.ignore_patterns("publisher", "htpasswd"))
    config = home / "config.yaml"
    config.write_text(_CONFIG.format(access="$all" if public else "$authenticated"))
    library = Path(program("verdaccio")).parents[1] / "verdaccio"
    with (
        (home / "errors.log").open("wb") as errors,
        subprocess.Popen(
            ["node", "-e", _START, library, config],
            cwd=home,
            env={**Shell(home).variables()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            url = f"http://localhost:{_ready(process, home / 'errors.log')}"
            user = {"name": "somebody", "password": "a long secret"}
            answer = httpx.put(f"{url}/-/user/org.couchdb.user:somebody", json=user)
            assert answer.status_code == 201, answer.text
            yield Verdaccio(home, url, json.loads(answer.text)["token"])
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _ready(process: subprocess.Popen[str], log: Path) -> int:
    assert process.stdout is not None
    # One that never says it is ended, and then its output ends too.
    watchdog = threading.Timer(_START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if line.startswith("ready "):
                return int(line.split()[1])
    finally:
        watchdog.cancel()
    raise AssertionError(f"verdaccio did not start:\n{log.read_text(errors='replace')[-4000:]}")
