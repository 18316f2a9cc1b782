"""A small file system of its own, to be filled up, taken away and given back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    root: Path

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
        run("mount", "-o", ",".join(("remount", *options)), str(self.root))


@dataclass(frozen=True, slots=True)
class Image(Disk):
    """An ext4 in a file, without a journal of its own."""

    file: Path

    def mount(self, options: str) -> None:
        """Mount it at its root; skips the test where that is not for us to do."""
        _run_or_skip("mount", "-o", f"loop,{options}", str(self.file), str(self.root))

    def unmount(self) -> None:
        """Take it away, whoever uses it."""
        run("umount", "--lazy", str(self.root))

    def fail(self) -> None:
        """Let the kernel find an error in it, and do about that what the mount options say."""
        device = Path(run("findmnt", "-no", "SOURCE", str(self.root)).strip()).name
        try:
            Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")
        except OSError as error:
            skip(error)

    def mend(self) -> None:
        """Check it and correct it; to be done when it is not mounted."""
        subprocess.run(["e2fsck", "-fy", self.file], check=False, capture_output=True)


@contextmanager
def in_memory(home: Path, *, size: int, name: str = "disk") -> Iterator[Disk]:
    """A tmpfs of *size* bytes."""
    root = home / name
    root.mkdir(parents=True)
    _run_or_skip("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(root))
    try:
        yield Disk(root)
    finally:
        run("umount", "--lazy", str(root))


@contextmanager
def on_ext4(home: Path, *, size: int, options: str = "errors=continue") -> Iterator[Image]:
    """An ext4 of *size* bytes in a file, with nothing reserved for root."""
    image = Image(home / "disk", home / "disk.img")
    with image.file.open("wb") as file:
        file.truncate(size)
    image.root.mkdir()
    _run_or_skip("mkfs.ext4", "-q", "-b", "4096", "-m", "0", "-O", "^has_journal", str(image.file))
    image.mount(options)
    try:
        yield image
    finally:
        image.unmount()


Mount = Callable[..., AbstractContextManager[Disk]]
"""`in_memory` or `on_ext4`."""


def _run_or_skip(*command: str) -> None:
    """Run a program that only root may run, and not in every container; without it the test is skipped."""
    try:
        run(*command)
    except (OSError, subprocess.CalledProcessError) as error:
        skip(error)


def skip(error: Exception) -> None:
    """Say what is missing; with ENTREPOT_TEST_REQUIRE_ALL=1 that is a failure."""
    if os.environ.get("ENTREPOT_TEST_REQUIRE_ALL") == "1":
        raise error
    reason = getattr(error, "stderr", None) or error
    pytest.skip(f"needs a file system of its own, which takes root and e2fsprogs: {str(reason).strip()}")


def run(*command: str) -> str:
    """Run a program of the system's, and return what it says."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
