"""Real object stores for tests: a process each, on a port of its own, with one empty bucket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from entrepot.drivers.blobs.s3 import S3Address, connect
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


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """A store that runs."""

    endpoint: str
    process: subprocess.Popen[bytes]
    client: Any
    """One for all tests: making it takes longer than most of them."""

    def address(self, prefix: str = "") -> str:
        """What ENTREPOT_BLOBS says to use it."""
        return f"s3://{BUCKET}/{prefix}?endpoint={self.endpoint}"

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside of this block it takes connections and says nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def versitygw(folder: Path) -> Iterator[ObjectServer]:
    """Files behind S3, done well."""
    (folder / "buckets").mkdir()
    port = _free_port()
    address = f"127.0.0.1:{port}"
    command = [program("versitygw"), "--quiet", "--port", address, "posix", str(folder / "buckets")]
    variables = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with _running(command, folder, f"http://{address}", variables=variables) as server:
        yield server


@contextmanager
def rclone(folder: Path) -> Iterator[ObjectServer]:
    """Files behind S3, without conditions: it writes whatever it is asked to, whoever was there before."""
    (folder / "buckets").mkdir()
    address = f"127.0.0.1:{_free_port()}"
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
    ports = iter([_free_port() for _ in range(12)])
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(
    command: Sequence[str], folder: Path, endpoint: str, *, variables: Mapping[str, str] | None = None
) -> Iterator[ObjectServer]:
    log = folder / "server.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **(variables or {})}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=folder
        ) as process,
    ):
        try:
            with closing(_connected(endpoint, process, log)) as client:
                yield ObjectServer(endpoint, process, client)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _connected(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> Any:
    """Make the bucket as soon as the server lets us."""
    client = connect(S3Address(BUCKET, endpoint=endpoint, addressing="path"))
    patience = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > patience:
                raise AssertionError(f"{error}\n{log.read_text(errors='replace')[-4000:]}") from error
            time.sleep(0.1)
        else:
            return client
