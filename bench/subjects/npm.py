"""Registries of npm's clients, all filled with the document that ``npm publish`` sends."""

from __future__ import annotations

import json
import subprocess
from abc import abstractmethod
from pathlib import Path

import tools
from bench import processes
from bench.connection import request_head
from bench.packages import Tarball
from bench.subjects.subject import Subject

FULL = "application/json"
ABBREVIATED = "application/vnd.npm.install-v1+json"
_USER, _PASSWORD = "bench", "bench-password"  # of servers that live for a minute, on loopback


class NodeRegistry(Subject):
    """A server with packuments."""

    @property
    @abstractmethod
    def registry_path(self) -> str:
        """Where the registry is, with a slash at the end."""

    @property
    @abstractmethod
    def npm_token(self) -> str:
        """What clients say who they are with."""

    def packument(self, name: str) -> str:
        """Where a package is described."""
        return self.registry_path + name

    def store_tarballs(self, tarballs: list[Tarball]) -> None:
        """Publish versions."""
        headers = {"Authorization": f"Bearer {self.npm_token}", "Content-Type": "application/json"}
        with self.connect() as connection:
            for tarball in tarballs:
                document = tarball.document()
                head = request_head("PUT", self.packument(tarball.name), headers, len(document))
                connection.exchange(head + document, 200, 201)


# Its own command keeps a port of its own when it is given none; so it is started as a library.
_START = """
const { runServer } = require(process.argv[1]);
runServer(process.argv[2]).then((server) => server.listen(Number(process.argv[3]), '127.0.0.1'));
"""


class Verdaccio(NodeRegistry):
    """Reading and publishing with a signed token, an access line a request.

    Through an *upstream* that is given it reads what it does not have.
    """

    name = "verdaccio"
    probe = "/-/ping"

    def __init__(self, home: Path, upstream: str | None = None) -> None:
        super().__init__(home)
        self._upstream = upstream
        self._token = ""

    def version(self) -> str:
        done = subprocess.run([tools.path("verdaccio"), "--version"], capture_output=True, text=True, check=True)
        return f"{done.stdout.strip().removeprefix('v')}, token, access log"

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        rights: dict[str, object] = {"access": "$authenticated", "publish": "$authenticated"}
        configuration = {
            "storage": str(self.data),
            "auth": {"htpasswd": {"file": str(self.home / "htpasswd"), "max_users": 10}},
            # Else a token is the password, enciphered, and each request means one bcrypt.
            "security": {"api": {"legacy": False, "jwt": {"sign": {"expiresIn": "1d"}}}},
            "packages": {"**": rights},
            "web": {"enable": False},
            "max_body_size": "100mb",
            "log": {"type": "file", "path": str(self.home / "access.log"), "format": "json", "level": "http"},
        }
        if self._upstream is not None:
            configuration["uplinks"] = {"elsewhere": {"url": self._upstream, "maxage": "5m"}}
            rights["proxy"] = "elsewhere"
        path = self.home / "config.json"  # JSON is YAML
        path.write_text(json.dumps(configuration))
        library = tools.path("verdaccio").parents[1] / "verdaccio"
        return ["node", "-e", _START, str(library), str(path), str(self.address[1])]

    def prepare(self) -> None:
        body = json.dumps({"name": _USER, "password": _PASSWORD}).encode()
        headers = {"Content-Type": "application/json"}
        with self.connect() as connection:
            head = request_head("PUT", f"/-/user/org.couchdb.user:{_USER}", headers, len(body))
            self._token = json.loads(connection.exchange(head + body, 201).body)["token"]

    def headers(self, repository: str) -> dict[str, str]:
        del repository
        return {"Authorization": f"Bearer {self._token}"}

    @property
    def registry_path(self) -> str:
        return "/"

    @property
    def npm_token(self) -> str:
        return self._token
