"""What a server's processes cost: processor time and memory of a whole process tree, read from ``/proc``."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 20
_RESET_PEAK = "5"  # proc(5), /proc/PID/clear_refs


class ServerFailed(Exception):
    """A server did not start, or stopped before it was asked to."""


def spawn(command: list[str], log: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start *command* with its output in *log*."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End *process* politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    """Return when *ready* says so. Raises `ServerFailed` with the end of the log when it never does."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(errors="replace")[-2000:]
            raise ServerFailed(f"{' '.join(map(str, process.args))} is not ready:\n{end}")  # type: ignore[arg-type]
        time.sleep(0.005)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tree(root: int) -> list[int]:
    """The process *root* and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:  # grows while it is walked
        found.extend(children.get(pid, []))
    return found


def cpu_seconds(root: int) -> float:
    """Processor time, user and system, that the tree of *root* has used, with its children that are gone."""
    ticks = 0
    for pid in tree(root):
        if fields := _stat(pid):
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return ticks * _TICK_SECONDS


def resident_bytes(pid: int, field: str = "VmRSS") -> int:
    """Memory of one process: ``VmRSS`` now, ``VmHWM`` the most since `reset_peak`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0  # a kernel thread, or a process that is just ending


def reset_peak(pid: int) -> None:
    """Make ``VmHWM`` start again from what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` after the command's name, none when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()
