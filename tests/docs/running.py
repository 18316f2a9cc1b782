"""A fresh server for one page of the documentation."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.patience import eventually
from tests.stores import variables_of


@dataclass(frozen=True)
class Server:
    """Where it answers, and its administrator's token."""

    host: str
    token: str
    data: Path


@contextmanager
def running_server(data: Path) -> Iterator[Server]:
    """Run ``entrepot serve`` on a free port until the block ends.

    What it does by itself has begun then, so that the first round of that does not come upon what a page does.
    """
    log = data.with_name("server.log")
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [Path(sys.executable).with_name("entrepot"), "serve", "--listen", "localhost:0", "--data", data],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            env=os.environ | variables_of(data) | {"ENTREPOT_COLD_BLOBS": str(data / "cold")},
        ) as process,
    ):
        try:
            assert process.stdout is not None
            word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "ready", f"the server did not start:\n{log.read_text()}"
            eventually(lambda: "followers and schedules run here" in log.read_text())
            yield Server(url.removeprefix("http://"), (data / "admin-token").read_text().strip(), data)
        finally:
            process.terminate()
            process.wait(120)
