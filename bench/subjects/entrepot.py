"""Entrepot, from this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import entrepot
from bench import processes
from bench.subjects.pypi import PythonIndex
from bench.subjects.subject import Registry

NAMESPACE = "bench"

_SCRIPT = str(Path(sys.executable).with_name("entrepot"))
_READY = "ready http://"


class Entrepot(Registry, PythonIndex):
    """The server as ``entrepot serve`` starts it: authentication, authorisation, metrics and its request log on.

    A *data* directory that is given is served as it is; its namespace must exist.
    """

    name = "entrepot"

    def __init__(self, home: Path, workers: int = 1, data: Path | None = None) -> None:
        super().__init__(home)
        self._workers = workers
        self._filled = data is not None
        self.data = data or self.data
        self._token = ""

    def version(self) -> str:
        return f"{entrepot.__version__}, {self._workers} worker(s), token"

    def command(self) -> list[str]:
        return [_SCRIPT, "serve", "--listen", "127.0.0.1:0", "--data", str(self.data), "--workers", str(self._workers)]

    def headers(self, repository: str) -> dict[str, str]:
        del repository  # one token for the namespace
        return {"Authorization": f"Bearer {self._token}"}

    def project_page(self, project: str) -> str:
        return f"/pypi/{NAMESPACE}/simple/{project}/"

    @property
    def upload_target(self) -> str:
        return f"/pypi/{NAMESPACE}/legacy/"

    def prepare(self) -> None:
        if not self._filled:
            self._administer("namespace", "create", NAMESPACE)
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
            [_SCRIPT, *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise processes.ServerFailed(f"entrepot {' '.join(command)}: {done.stderr or done.stdout}")
        return done.stdout.strip()
