"""An installation as an administrator has it: a server's process, its data, and the command line beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from tests.stores import variables_of

PROGRAM = Path(sys.executable).with_name("entrepot")
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(slots=True)
class Installation:
    """A data directory, and the server that runs over it."""

    home: Path
    url: str = ""
    token: str = ""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        return self.home / "data"

    def environment(self, token: str | None = None, url: str | None = None) -> dict[str, str]:
        """Of a command: nothing of the machine's but its path, and an empty home."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "ENTREPOT_URL": url or self.url,
            "ENTREPOT_TOKEN": self.token if token is None else token,
            **variables_of(self.data),
        }

    def start(self, **settings: str) -> None:
        """Run the server, until it says that it is ready; *settings* are its environment."""
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", "--listen", "localhost:0", "--data", self.data],
                cwd=self.home,
                env={"PATH": os.environ["PATH"], "HOME": str(self.home)} | variables_of(self.data) | settings,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.url = _ready(self._process, self.home / "server.log")
        self.token = (self.data / "admin-token").read_text().strip()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the server, and say how it ended."""
        assert self._process is not None
        self._process.send_signal(how)
        try:
            return self._process.wait(_SECONDS)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def run(
        self, *words: str | Path, token: str | None = None, url: str | None = None, cwd: Path | None = None, **more: Any
    ) -> Done:
        """Run a command, as whoever has *token*: by default the administrator."""
        environment = self.environment(token, url) | more.pop("variables", {})
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=cwd or self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            **more,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def must(self, *words: str | Path, **more: Any) -> Done:
        """Run a command that has to work."""
        done = self.run(*words, **more)
        assert done.code == 0, f"entrepot {' '.join(map(str, words))}\n{done.out}{done.err}"
        return done


@contextmanager
def install(home: Path, **settings: str) -> Iterator[Installation]:
    """A new installation, whose server runs; *settings* are its environment."""
    home.mkdir(parents=True, exist_ok=True)
    installation = Installation(home)
    try:
        installation.start(**settings)
        yield installation
    finally:
        installation.stop()


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    """What the server says it can be called by."""
    lines: Queue[str] = Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("it ended")

    # A pipe that nobody reads would stop the server once it is full, so the thread reads to the end.
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    line = lines.get(timeout=_SECONDS)
    assert line.startswith("ready http"), f"{line}\n{log.read_text()[-2000:]}"
    return line.split()[1]
