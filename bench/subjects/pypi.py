"""Indexes of Python packages, all filled through the upload form that twine sends."""

from __future__ import annotations

import base64
import subprocess
from abc import abstractmethod

import tools
from bench import processes
from bench.connection import request_head
from bench.content import FORM_TYPE, Wheel
from bench.subjects.subject import Subject

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
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

    def headers(self, repository: str) -> dict[str, str]:
        del repository
        return {"Authorization": "Basic " + base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()}

    @property
    def upload_target(self) -> str:
        return "/legacy/"

    def project_page(self, project: str) -> str:
        return f"/simple/{project}/"


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
