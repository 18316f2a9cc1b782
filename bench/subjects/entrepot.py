"""Entrepot, from this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import entrepot
from bench import processes
from bench.connection import request_head
from bench.packages import Crate, Module
from bench.subjects.npm import NodeRegistry
from bench.subjects.pypi import PythonIndex
from bench.subjects.subject import Registry

NAMESPACE = "bench"

SCRIPT = str(Path(sys.executable).with_name("entrepot"))
_READY = "ready http://"
_LOOK_SECONDS = 0.05


class Entrepot(Registry, PythonIndex, NodeRegistry):
    """The server as ``entrepot serve`` starts it: authentication, authorisation, metrics and its request log on.

    A *data* directory that is given is served as it is; its namespace must exist.
    Through an *upstream* that is given, a format and its address, it reads what it does not have.
    """

    def __init__(
        self,
        home: Path,
        workers: int = 1,
        data: Path | None = None,
        upstream: tuple[str, str] | None = None,
        *,
        followers: bool = True,
    ) -> None:
        super().__init__(home)
        self._followers = followers
        self.name = "entrepot" if followers else "entrepot without followers"
        self._workers = workers
        self._filled = data is not None
        self.data = data or self.data
        self._upstream = upstream
        self._token = ""

    def version(self) -> str:
        return f"{entrepot.__version__}, {self._workers} worker(s), token"

    def command(self) -> list[str]:
        return [SCRIPT, "serve", "--listen", "127.0.0.1:0", "--data", str(self.data), "--workers", str(self._workers)]

    def environment(self) -> dict[str, str]:
        return {"ENTREPOT_FOLLOWERS": str(self._followers).lower()}

    def settle(self) -> None:
        """Wait until all that follows from what happened has happened."""
        while self._followers and any(each["behind"] for each in self._list_followers()):
            time.sleep(_LOOK_SECONDS)

    def _list_followers(self) -> list[dict[str, int]]:
        token = (self.data / "admin-token").read_text().strip()
        request = urllib.request.Request(
            f"{self.url}/api/v1/journal/followers", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: list[dict[str, int]] = json.load(answer)
        return found

    def headers(self, repository: str) -> dict[str, str]:
        del repository  # one token for the namespace
        return {"Authorization": f"Bearer {self._token}"}

    @property
    def account(self) -> tuple[str, str]:
        return "__token__", self._token

    def project_page(self, project: str) -> str:
        return f"/pypi/{NAMESPACE}/simple/{project}/"

    @property
    def upload_target(self) -> str:
        return f"/pypi/{NAMESPACE}/legacy/"

    @property
    def registry_path(self) -> str:
        return f"/npm/{NAMESPACE}/"

    @property
    def npm_token(self) -> str:
        return self._token

    def store_crate(self, crate: Crate) -> str:
        """Make a crate readable, and return where its index file is."""
        self._put(f"/cargo/{NAMESPACE}/api/v1/crates/new", crate.body())
        return f"/cargo/{NAMESPACE}/{crate.name[:2]}/{crate.name[2:4]}/{crate.name}"

    def store_module(self, module: Module) -> str:
        """Make a module's version readable, and return where its versions are."""
        place = f"/go/{NAMESPACE}/{module.path}/@v"
        self._put(f"{place}/{module.version}.zip", module.zip())
        return place

    def _put(self, target: str, content: bytes) -> None:
        with self.connect() as connection:
            connection.exchange(request_head("PUT", target, self.headers(""), len(content)) + content, 200, 201)

    def prepare(self) -> None:
        if not self._filled:
            self._administer("namespace", "create", NAMESPACE)
        if self._upstream is not None:
            kind, url = self._upstream
            self._administer("upstream", "add", NAMESPACE, "elsewhere", url, "--format", kind, "--private")
        self._token = self._administer("token", "create", "bench", "--role", "publisher", "--namespace", NAMESPACE)

    def _answers(self) -> bool:
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith(_READY):
                host, _, port = line.removeprefix(_READY).strip().rpartition(":")
                self.address = (host, int(port))
                return True
        return False

    def _administer(self, *command: str) -> str:
        environment = {"ENTREPOT_URL": self.url, "ENTREPOT_TOKEN": (self.data / "admin-token").read_text().strip()}
        done = subprocess.run(
            [SCRIPT, *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise processes.ServerFailed(f"entrepot {' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout.strip()
