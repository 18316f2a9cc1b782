"""Real object stores for tests: a process each, on a port of its own, with one empty bucket or container."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from entrepot.drivers.blobs.objects import Objects
from entrepot.drivers.blobs.s3 import S3Address, S3Objects, connect
from tests.clients.programs import program

BUCKET: Final = "goods"
KEY: Final = "entrepot-tests"
SECRET: Final = "not-a-secret-of-anybody"
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a process needs to have in its environment to use a server of these."""
_START_SECONDS: Final = 90
_STOP_SECONDS: Final = 20


class ObjectServer(ABC):
    """A store that runs."""

    secret: str
    """What nobody must see."""
    failures: tuple[type[Exception], ...]
    """Of the client, while nobody answers."""
    copies_parts = True

    def __init__(self, command: Sequence[str], folder: Path, endpoint: str, variables: Mapping[str, str]) -> None:
        """Start it, and make its bucket."""
        self.endpoint = endpoint
        self._command = command
        self._folder = folder
        self._variables = variables
        self._process = self._start()
        # One for all tests: making it takes longer than most of them.
        self.client = self.connect()
        self._wait_for(self.make)

    @abstractmethod
    def connect(self) -> Any:
        """A client of the protocol."""

    @abstractmethod
    def make(self) -> object:
        """Make the bucket."""

    @abstractmethod
    def find(self) -> object:
        """Ask for the bucket."""

    @abstractmethod
    def address(self, prefix: str = "") -> str:
        """What ENTREPOT_BLOBS says to use it."""

    @abstractmethod
    def objects(self, prefix: str) -> Objects:
        """What the driver has of it, below a prefix."""

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Inside of this block nobody is there; what it stored is there again afterwards."""
        self._stop()
        try:
            yield
        finally:
            self._process = self._start()
            self._wait_for(self.find)

    def close(self) -> None:
        """End it."""
        self.client.close()
        self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "TMPDIR": str(self._folder)}
        with self._log.open("ab") as output:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment, **self._variables},
                cwd=self._folder,
            )

    def _wait_for(self, request: Callable[[], object]) -> None:
        patience = time.monotonic() + _START_SECONDS
        while True:
            try:
                request()
            except self.failures as error:
                if self._process.poll() is not None or time.monotonic() > patience:
                    self._stop()
                    raise AssertionError(f"{error}\n{self._log.read_text(errors='replace')[-4000:]}") from error
                time.sleep(0.1)
            else:
                return

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"


class S3Server(ObjectServer):
    """One that speaks S3."""

    secret = SECRET
    failures = (BotoCoreError, ClientError)

    def connect(self) -> Any:
        return connect(S3Address(BUCKET, endpoint=self.endpoint, addressing="path"))

    def make(self) -> object:
        return self.client.create_bucket(Bucket=BUCKET)

    def find(self) -> object:
        return self.client.head_bucket(Bucket=BUCKET)

    def address(self, prefix: str = "") -> str:
        return address_of(self.endpoint, prefix)

    def objects(self, prefix: str) -> Objects:
        return S3Objects(S3Address.parse(self.address(prefix)), self.client)


def address_of(endpoint: str, prefix: str = "") -> str:
    """What ENTREPOT_BLOBS says to use the store that answers at *endpoint*."""
    # By a name: there are clients that follow no redirect to an address of the machine itself.
    return f"s3://{BUCKET}/{prefix}?endpoint={endpoint.replace('127.0.0.1', 'localhost')}"


@contextmanager
def versitygw(folder: Path) -> Iterator[ObjectServer]:
    """Files behind S3, done well."""
    (folder / "buckets").mkdir()
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [program("versitygw"), "--quiet", "--port", address, "posix", str(folder / "buckets")]
    variables = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with _running(command, folder, f"http://{address}", variables=variables) as server:
        yield server


@contextmanager
def rclone(folder: Path) -> Iterator[ObjectServer]:
    """Files behind S3, without conditions: it writes whatever it is asked to, whoever was there before."""
    (folder / "buckets").mkdir()
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("rclone"),
        *("serve", "s3", "--config", "", "--addr", address, "--auth-key", f"{KEY},{SECRET}"),
        str(folder / "buckets"),
    ]
    with _running(command, folder, f"http://{address}") as server:
        yield server


@contextmanager
def seaweedfs(folder: Path) -> Iterator[ObjectServer]:
    """A distributed store, on one machine."""
    (folder / "data").mkdir()
    ports = iter([free_port() for _ in range(12)])
    names = (
        *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"),
        *("s3.port", "s3.port.grpc"),
    )
    chosen = {name: next(ports) for name in names}
    command = [
        program("weed"),
        *("mini", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-admin.ui=false", "-webdav=false", "-master.telemetry=false"),
        *(f"-{name}={port}" for name, port in chosen.items()),
    ]
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    with _running(command, folder, f"http://127.0.0.1:{chosen['s3.port']}", variables=variables) as server:
        yield server


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(
    command: Sequence[str], folder: Path, endpoint: str, *, variables: Mapping[str, str] | None = None
) -> Iterator[ObjectServer]:
    with closing(S3Server(command, folder, endpoint, variables or {})) as server:
        yield server
