"""What a benchmark needs of a server: start it, fill it, ask it, count what it costs, stop it."""

from __future__ import annotations

import http.client
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import processes
from bench.connection import Connection, request_head, target_of
from bench.content import MANIFEST_TYPE, Blob, Image


class Subject(ABC):
    """A server with a home directory of its own, running between ``__enter__`` and ``__exit__``."""

    name: str
    probe = "/v2/"
    """What it answers when it is there, with whatever status."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.log = home / "log"
        self.address = ("127.0.0.1", 0)
        self.start_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def version(self) -> str:
        """What is measured, with the settings that matter."""

    @abstractmethod
    def command(self) -> list[str]:
        """Write the configuration and return the command; sets `address` if the port is chosen here."""

    def environment(self) -> dict[str, str]:
        """Variables that the process needs besides those of this one."""
        return {}

    def headers(self, repository: str) -> dict[str, str]:
        """What a client sends with each request, its credentials above all."""
        del repository
        return {}

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time that the whole server has used so far."""
        return processes.cpu_seconds(self.pid)

    def connect(self) -> Connection:
        return Connection(self.address)

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        self._process = processes.spawn(self.command(), self.log, self.environment())
        try:
            processes.wait_until(self._answers, self._process, self.log)
            self.start_seconds = time.perf_counter() - start
            self.prepare()
        except BaseException:
            processes.stop(self._process)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None
        processes.stop(self._process)
        self._process = None

    def prepare(self) -> None:  # noqa: B027 (most need nothing)
        """Make what a fresh server lacks, accounts above all."""

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            connection.request("GET", self.probe)
            connection.getresponse().read()
        except OSError:
            return False
        finally:
            connection.close()
        return True


class ImageStore(Subject):
    """One that has blobs and images."""

    @abstractmethod
    def store_blob(self, repository: str, blob: Blob) -> None:
        """Make *blob* readable at its place in *repository*."""

    @abstractmethod
    def store_image(self, repository: str, tag: str, image: Image) -> None:
        """Make *image* readable by digest and by *tag*."""


class Registry(ImageStore):
    """A server that is filled through the OCI distribution API."""

    def store_blob(self, repository: str, blob: Blob) -> None:
        with self.connect() as connection:
            put_blob(connection, repository, self.headers(repository), blob)

    def store_image(self, repository: str, tag: str, image: Image) -> None:
        with self.connect() as connection:
            for blob in image.blobs:
                put_blob(connection, repository, self.headers(repository), blob)
            headers = self.headers(repository) | {"Content-Type": MANIFEST_TYPE}
            head = request_head("PUT", f"/v2/{repository}/manifests/{tag}", headers, len(image.manifest))
            connection.exchange(head + image.manifest, 201)


def put_blob(connection: Connection, repository: str, headers: dict[str, str], blob: Blob) -> None:
    """Upload *blob* as clients do when they know its digest: POST for a session, then one PUT with the bytes."""
    session = connection.exchange(request_head("POST", f"/v2/{repository}/blobs/uploads/", headers, 0), 202)
    target = with_digest(target_of(session.headers[b"location"]), blob.digest)
    head = request_head("PUT", target, headers | {"Content-Type": "application/octet-stream"}, blob.size)
    connection.upload(head, blob, 201)


def with_digest(target: str, digest: str) -> str:
    """The upload session *target* with the parameter that ends it."""
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"
