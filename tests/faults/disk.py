"""A small file system of its own, to be filled up, taken away and given back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    root: Path
    device: str | None = None
    """The loop device, when it is not in memory."""

    @property
    def _ballast(self) -> Path:
        return self.root / "ballast"

    def fill(self, *, leave: int = 0) -> None:
        """Take all room but about *leave* bytes."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            piece = bytes(256 * _BLOCK)
            while len(piece) >= _BLOCK:
                try:
                    while file.write(piece) == len(piece):
                        os.fsync(file.fileno())  # a file system that allocates late would say it too late
                except OSError:
                    pass
                piece = piece[: len(piece) // 2]
        size = self._ballast.stat().st_size
        os.truncate(self._ballast, max(0, size - leave))

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def remount(self, *options: str) -> None:
        """Mount it differently."""
        _run("mount", "-o", ",".join(("remount", *options)), str(self.root))


@contextmanager
def in_memory(home: Path, *, size: int) -> Iterator[Disk]:
    """A tmpfs of *size* bytes."""
    root = home / "disk"
    root.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(root))
    try:
        yield Disk(root)
    finally:
        _run("umount", "--lazy", str(root))


@contextmanager
def on_ext4(home: Path, *, size: int, options: str = "errors=continue") -> Iterator[Disk]:
    """An ext4 of *size* bytes in a file, with nothing reserved for root."""
    image, root = home / "disk.img", home / "disk"
    with image.open("wb") as file:
        file.truncate(size)
    root.mkdir()
    _run("mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-O", "^has_journal", str(image))
    _mount("-o", f"loop,{options}", str(image), str(root))
    try:
        found = subprocess.run(["findmnt", "-no", "SOURCE", root], capture_output=True, text=True, check=True)
        yield Disk(root, found.stdout.strip())
    finally:
        _run("umount", "--lazy", str(root))


def _mount(*arguments: str) -> None:
    """Mount, or skip where that is not for us to do."""
    try:
        _run("mount", *arguments)
    except (OSError, subprocess.CalledProcessError) as error:
        if os.environ.get("ENTREPOT_TEST_REQUIRE_ALL") == "1":
            raise
        reason = getattr(error, "stderr", None) or error
        pytest.skip(f"needs to mount a file system, as root: {str(reason).strip()}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
