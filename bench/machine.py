"""Where and with what a run was made, and what this machine could do at best."""

from __future__ import annotations

import hashlib
import mmap
import os
import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path

from bench.scale import MIB

_WRITE_SIZE = 8 * MIB


def describe() -> dict[str, str | int]:
    """The facts about this machine that figures depend on."""
    model = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+) kB", _read("/proc/meminfo"))
    system = re.search(r'PRETTY_NAME="(.+)"', _read("/etc/os-release"))
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory[1]) * 1024 if memory else 0,
        "kernel": platform.release(),
        "system": system[1] if system else platform.system(),
        "python": platform.python_version(),
    }


def load_average() -> float:
    """How many processes wanted a core during the last minute."""
    return round(os.getloadavg()[0], 2)


def module_version(binary: Path, module: str) -> str:
    """The version of *module* that a Go program says it was built from."""
    pattern = rb"\n(?:mod|dep)\t%s\t(v[^\t\n]+)" % re.escape(module.encode())
    with binary.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = re.search(pattern, content)
        return found[1].decode() if found else "of unknown version"


def hashing_rate(size: int) -> float:
    """Bytes a second that one core hashes with sha256."""
    block = bytes(MIB)
    hasher = hashlib.sha256()
    start = time.perf_counter()
    for _ in range(size // len(block)):
        hasher.update(block)
    return size / (time.perf_counter() - start)


def writing_rate(source: Path, directory: Path) -> float:
    """Bytes a second that *source* is copied into a new file of *directory*, until it is on disk.

    The disk begins while there is still something to write, as a server can have it, too.
    """
    place = directory / "written"
    buffer = memoryview(bytearray(_WRITE_SIZE))
    size = 0
    elapsed = 0.0
    try:
        with source.open("rb", buffering=0) as reader, place.open("wb", buffering=0) as writer:
            while count := reader.readinto(buffer):
                start = time.perf_counter()
                writer.write(buffer[:count])
                os.posix_fadvise(writer.fileno(), size, count, os.POSIX_FADV_DONTNEED)  # which starts writing it out
                elapsed += time.perf_counter() - start
                size += count
            start = time.perf_counter()
            os.fsync(writer.fileno())
            elapsed += time.perf_counter() - start
    finally:
        place.unlink(missing_ok=True)
    return size / elapsed


def flush(directory: Path) -> None:
    """Return when the large files below *directory* are on disk."""
    for descriptor in _large_files(directory):
        os.fsync(descriptor)


def drop_cache(directory: Path) -> None:
    """Give back the page cache of the large files below *directory*, which must be flushed.

    Without it each upload would go into memory that this machine has not touched yet,
    and be charged for the host's finding it.
    """
    for descriptor in _large_files(directory):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _large_files(directory: Path) -> Iterator[int]:
    """A descriptor of each file of some size, open until the next is asked for."""
    for folder, _, names in os.walk(directory):
        for name in names:
            path = Path(folder, name)
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # gone since the directory was read
            try:
                if os.fstat(descriptor).st_size >= MIB:
                    yield descriptor
            finally:
                os.close(descriptor)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
