"""Lines that are cut, hang, drag or garble: toxiproxy, between a server and what it stands on.

https://github.com/Shopify/toxiproxy: it listens for each line, and has an interface over HTTP.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.clients.programs import program
from tests.object_servers import free_port

_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ToxicLine:
    """A line through it."""

    name: str
    port: int
    """Where it listens, on 127.0.0.1."""
    control: httpx.Client

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Inside of this block every connection is refused, and what was open has ended."""
        self._tell("POST", f"/proxies/{self.name}", enabled=False)
        try:
            yield
        finally:
            self._tell("POST", f"/proxies/{self.name}", enabled=True)

    @contextmanager
    def toxic(self, kind: str, *, stream: str = "downstream", **attributes: int) -> Iterator[None]:
        """Inside of this block what comes back (or goes there, *upstream*) suffers from it."""
        name = f"{kind}-{stream}"
        toxic = {"name": name, "type": kind, "stream": stream, "attributes": attributes}
        self._tell("POST", f"/proxies/{self.name}/toxics", **toxic)
        try:
            yield
        finally:
            self._tell("DELETE", f"/proxies/{self.name}/toxics/{name}")

    def _tell(self, method: str, path: str, **document: object) -> None:
        self.control.request(method, path, json=document or None).raise_for_status()


class Toxiproxy:
    """The running program."""

    def __init__(self, control: httpx.Client) -> None:
        """It is told what to do by *control*."""
        self._control = control

    def line(self, name: str, port: int) -> ToxicLine:
        """A line to what listens at *port* of this machine."""
        chosen = free_port()
        proxy = {"name": name, "listen": f"127.0.0.1:{chosen}", "upstream": f"127.0.0.1:{port}", "enabled": True}
        self._control.post("/proxies", json=proxy).raise_for_status()
        return ToxicLine(name, chosen, self._control)


@contextmanager
def toxiproxy(folder: Path) -> Iterator[Toxiproxy]:
    """Run it; skips the test where it is missing."""
    port = free_port()
    command = [program("toxiproxy"), "-host", "127.0.0.1", "-port", str(port)]
    with (folder / "toxiproxy.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as control:
            _wait_for(control, process)
            yield Toxiproxy(control)
    finally:
        process.kill()
        process.wait()


def _wait_for(control: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    patience = time.monotonic() + _START_SECONDS
    while True:
        try:
            control.get("/version").raise_for_status()
        except httpx.HTTPError:
            assert process.poll() is None, "toxiproxy has ended"
            assert time.monotonic() < patience, "toxiproxy does not answer"
            time.sleep(0.05)
        else:
            return
