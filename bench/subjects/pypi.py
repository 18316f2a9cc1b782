"""Indexes of Python packages, all filled through the upload form that twine sends."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
from abc import abstractmethod
from pathlib import Path
from urllib.parse import quote, urljoin

import tools
from bench import processes
from bench.connection import request_head, target_of
from bench.packages import FORM_TYPE, Wheel
from bench.subjects.subject import Subject

_RENDERED_SECONDS = 30
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
PAGE_ACCEPTED = f"{SIMPLE_JSON}, text/html;q=0.1"
_USER, _PASSWORD = "bench", "bench-password"  # of servers that live for a minute, on loopback


class PythonIndex(Subject):
    """A server with project pages (PEP 691) that takes uploads."""

    @property
    @abstractmethod
    def upload_target(self) -> str:
        """Where uploads go."""

    @abstractmethod
    def project_page(self, project: str) -> str:
        """Where a project's page is."""

    @property
    def account(self) -> tuple[str, str] | None:
        """The user and password that an installer gives, if it is to give any."""
        return None

    @property
    def index_url(self) -> str:
        """What an installer is given."""
        place = self.url + self.project_page("").removesuffix("/")
        if self.account is None:
            return place
        user, password = self.account
        return place.replace("://", f"://{user}:{quote(password, safe='')}@", 1)

    def file_target(self, wheel: Wheel) -> str:
        """Where a wheel is, as its project's page says."""
        place = self.project_page(wheel.project)
        page = self._page(wheel.project, 200).decode()
        if page.startswith("{"):
            urls = [file["url"] for file in json.loads(page)["files"]]
        else:
            urls = re.findall(r'href="([^"]+)"', page)
        found = next(url.partition("#")[0] for url in urls if wheel.filename in url)
        return target_of(urljoin(place, found).encode())

    def _page(self, project: str, *expected: int) -> bytes:
        with self.connect() as connection:
            headers = self.headers("") | {"Accept": PAGE_ACCEPTED}
            return connection.exchange(request_head("GET", self.project_page(project), headers), *expected).body

    def upload(self, wheel: Wheel) -> bytes:
        """The whole request that uploads a wheel."""
        headers = self.headers("") | {"Content-Type": FORM_TYPE}
        return request_head("POST", self.upload_target, headers, len(wheel.form)) + wheel.form

    def store_wheels(self, wheels: list[Wheel]) -> None:
        """Make wheels readable."""
        with self.connect() as connection:
            for wheel in wheels:
                connection.exchange(self.upload(wheel), 200)


class Pypiron(PythonIndex):
    """Reading and uploading with a password; an access line a request, as ours writes one."""

    name = "pypiron"
    probe = "/health"

    def version(self) -> str:
        done = subprocess.run([tools.path("pypiron"), "--version"], capture_output=True, text=True, check=True)
        return f"{done.stdout.split()[1]}, password, access log"

    def environment(self) -> dict[str, str]:
        return {
            "PYPIRON_UPLOADER_USER": _USER,
            "PYPIRON_UPLOADER_PASS": _PASSWORD,
            "PYPIRON_READ_USER": _USER,
            "PYPIRON_READ_PASS": _PASSWORD,
        }

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        place = ["--data-dir", str(self.data), "--bind-addr", f"127.0.0.1:{self.address[1]}"]
        return [str(tools.path("pypiron")), "serve", *place, "--access-log"]

    @property
    def account(self) -> tuple[str, str]:
        return _USER, _PASSWORD

    def headers(self, repository: str) -> dict[str, str]:
        del repository
        return _basic(*self.account)

    @property
    def upload_target(self) -> str:
        return "/legacy/"

    def project_page(self, project: str) -> str:
        return f"/simple/{project}/"

    def store_wheels(self, wheels: list[Wheel]) -> None:
        """Its pages are rendered some time after the uploads were acknowledged."""
        super().store_wheels(wheels)
        deadline = time.monotonic() + _RENDERED_SECONDS
        for wheel in wheels:
            while wheel.filename.encode() not in self._page(wheel.project, 200, 404):
                if time.monotonic() > deadline:
                    raise processes.ServerFailed(f"{self.name} does not show {wheel.filename}")
                time.sleep(0.01)


class Devpi(PythonIndex):
    """Reading and uploading with a login token, an access line a request; it has no rights for reading.

    One that is given an *upstream* has an index that mirrors that, instead of one for uploads.
    """

    name = "devpi"
    probe = "/+api"

    def __init__(self, home: Path, upstream: str | None = None) -> None:
        super().__init__(home)
        self._upstream = upstream
        self._index = f"{_USER}/dev" if upstream is None else f"{_USER}/mirror"
        self._token = ""

    def version(self) -> str:
        done = subprocess.run([tools.path("devpi"), "--version"], capture_output=True, text=True, check=True)
        return f"{done.stdout.strip()}, token, access log"

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        server = tools.path("devpi").resolve()
        secret = self.home / "secret"
        secret.touch(mode=0o600)
        secret.write_text(os.urandom(32).hex())
        place = ["--serverdir", str(self.data)]
        command = [str(server.with_name("devpi-init")), *place, "--no-root-pypi", "--root-passwd", _PASSWORD]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise processes.ServerFailed(f"devpi-init: {done.stderr or done.stdout}")
        listening = ["--host", self.address[0], "--port", str(self.address[1])]
        # It stretches its secret once, when it starts: for half a minute, unless it is told to make less of that.
        stretching = ["--argon2-memory-cost", "8", "--argon2-parallelism", "1", "--argon2-time-cost", "1"]
        return [str(server), *place, *listening, "--secretfile", str(secret), *stretching]

    def prepare(self) -> None:
        self._tell("PUT", f"/{_USER}", {"password": _PASSWORD})
        login = self._tell("POST", "/+login", {"user": _USER, "password": _PASSWORD})
        self._token = json.loads(login)["result"]["password"]
        if self._upstream is None:
            index: dict[str, object] = {"type": "stage", "bases": []}
        else:
            # Else it reads the list of all projects first, and believes that for half an hour.
            index = {"type": "mirror", "mirror_url": self._upstream, "mirror_no_project_list": True}
        self._tell("PUT", f"/{self._index}", index)

    def _tell(self, method: str, target: str, document: dict[str, object]) -> bytes:
        body = json.dumps(document).encode()
        headers = (self.headers("") if self._token else {}) | {"Content-Type": "application/json"}
        with self.connect() as connection:
            return connection.exchange(request_head(method, target, headers, len(body)) + body, 200, 201).body

    @property
    def account(self) -> tuple[str, str]:
        return _USER, self._token

    def headers(self, repository: str) -> dict[str, str]:
        del repository
        return _basic(*self.account)

    @property
    def upload_target(self) -> str:
        return f"/{self._index}/"

    def project_page(self, project: str) -> str:
        return f"/{self._index}/+simple/{project}/"


class Pypiserver(PythonIndex):
    """Nobody has to say who they are, and it has pages of HTML alone."""

    name = "pypiserver"
    probe = "/"

    def version(self) -> str:
        done = subprocess.run([tools.path("pypiserver"), "--version"], capture_output=True, text=True, check=True)
        return f"{done.stdout.split()[-1]}, no authentication, HTML"

    def command(self) -> list[str]:
        self.address = ("127.0.0.1", processes.free_port())
        options = ["-i", "127.0.0.1", "-p", str(self.address[1]), "-a", ".", "-P", ".", "--disable-fallback"]
        return [str(tools.path("pypiserver")), "run", *options, str(self.data)]

    @property
    def upload_target(self) -> str:
        return "/"

    def store_wheels(self, wheels: list[Wheel]) -> None:
        """Into its folder: it closes the connection after each answer."""
        for wheel in wheels:
            (self.data / wheel.filename).write_bytes(wheel.content)

    def project_page(self, project: str) -> str:
        return f"/simple/{project}/"


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
