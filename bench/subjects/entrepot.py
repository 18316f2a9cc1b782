"""Entrepot, from this checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import entrepot
from bench import processes
from bench.connection import Connection, request_head
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
    *variables* say where its catalog and blobs are, unless these are in its data directory; it may share them with
    another, which it *joins*.
    """

    def __init__(
        self,
        home: Path,
        workers: int = 1,
        data: Path | None = None,
        upstream: tuple[str, str] | None = None,
        *,
        followers: bool = True,
        variables: Mapping[str, str] | None = None,
        joins: Entrepot | None = None,
    ) -> None:
        super().__init__(home)
        self._variables = dict(variables or {})
        self._joins = joins
        if joins is not None:
            self._variables["ENTREPOT_SIGNING_KEY"] = f"file:{joins.data / 'signing-key.pem'}"
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
        return {"ENTREPOT_FOLLOWERS": str(self._followers).lower(), **self._variables}

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
        if self._joins is not None:
            _, self._token = self._joins.account
            return
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


class Nodes(Registry):
    """Several servers of ours, each with a data directory of its own, over one database and one bucket; clients take turns."""

    def __init__(self, home: Path, workers: int, count: int, variables: Mapping[str, str]) -> None:
        super().__init__(home)
        self.name = f"{count} nodes" if count > 1 else "one node"
        self._workers = workers
        self._count = count
        self._variables = variables
        self._stack = ExitStack()
        self.nodes: list[Entrepot] = []

    def version(self) -> str:
        return f"{entrepot.__version__}, {self._workers} worker(s) each, token"

    def command(self) -> list[str]:
        raise NotImplementedError  # each has its own

    def headers(self, repository: str) -> dict[str, str]:
        return self.nodes[0].headers(repository)

    def cpu_seconds(self) -> float:
        return sum(node.cpu_seconds() for node in self.nodes)

    def connect(self) -> Connection:
        node = self.nodes.pop(0)
        self.nodes.append(node)
        return node.connect()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for number in range(self._count):
                home = self.home / str(number)
                home.mkdir()
                first = self.nodes[0] if self.nodes else None
                node = Entrepot(home, self._workers, variables=self._variables, joins=first)
                self.nodes.append(stack.enter_context(node))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
