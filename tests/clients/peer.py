"""Runs another registry's server on loopback, at a port that the system chooses, as long as a block lasts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 60
_STOP_SECONDS = 20
_LISTENS = "0A"  # proc_pid_net(5): the state of a socket
_POLL_SECONDS = 0.01


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, *, cwd: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A process that is told to end when the block does; it says in *log* what went wrong."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        watchdog = threading.Timer(_START_SECONDS * 10, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def listening(command: Sequence[str | Path], log: Path, *, cwd: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of a server that was told to listen at port 0 of 127.0.0.1."""
    with running(command, log, cwd=cwd, environment=environment) as process:
        # It is let talk: who does not read a pipe stops who writes into it.
        threading.Thread(target=_read_on, args=(process,), daemon=True).start()
        yield f"http://127.0.0.1:{_port(process, log)}"


def _read_on(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for _ in process.stdout:
        pass


def _port(process: subprocess.Popen[str], log: Path) -> int:
    """Where it listens, which not everybody says: Linux knows."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        sockets = {
            link.removeprefix("socket:[").removesuffix("]")
            for file in Path(f"/proc/{process.pid}/fd").iterdir()
            if (link := _target(file)).startswith("socket:[")
        }
        for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENS and fields[9] in sockets:
                return int(fields[1].rpartition(":")[2], 16)
        time.sleep(_POLL_SECONDS)
    raise AssertionError(f"{process.args!r} does not listen:\n{log.read_text(errors='replace')[-4000:]}")


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""
