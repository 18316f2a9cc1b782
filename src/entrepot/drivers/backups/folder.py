"""Backups in a folder.

::

    <root>/manifests/<position>-<digest>    a backup: signed, written last
    <root>/blobs/sha256/ab/abcdef…          what manifests name, shared by all
    <root>/working/<worker>                 who works here, and when that was heard of last
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from entrepot.drivers.blobs.disk import translated_disk_errors
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.private_file import make_private_file
from entrepot.model.errors import BackupUnknown, Conflict, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MANIFESTS: Final = "manifests"
_WORKING: Final = "working"
NEW_DISK: Final = "lost+found"
"""What is in the root of a new file system, and is nobody's."""


class FolderBackups:
    """Implements `entrepot.ports.backups.BackupStore`."""

    def __init__(self, root: Path, *, new: bool = False) -> None:
        """Use the folder at *root*; *new* makes it, or takes an empty one.

        Raises `BackupUnknown`, and `Conflict` for a folder that has something else in it.
        """
        self._manifests = root / _MANIFESTS
        self._working = root / _WORKING
        if not self._manifests.is_dir():
            if not new:
                raise BackupUnknown(f"{root} is no folder of backups")
            with translated_disk_errors():
                # Everything that was ever published is in it, and tokens for upstreams.
                root.mkdir(mode=0o700, parents=True, exist_ok=True)
                if any(path.name != NEW_DISK for path in root.iterdir()):
                    raise Conflict(f"{root} has something else in it: backups need a folder of their own")
                self._manifests.mkdir(mode=0o700)
        self.blobs = FileBlobStore(root / "blobs", threads=8)

    async def add(self, name: str, manifest: bytes) -> None:
        """Keep a manifest, durably, whole or not at all."""
        with translated_disk_errors():
            make_private_file(self._manifests / name, manifest)

    async def list(self) -> Sequence[str]:
        """The names of all manifests, in byte order."""
        # What begins with a point is being written, or was when its writer was killed.
        return sorted(path.name for path in self._manifests.iterdir() if not path.name.startswith("."))

    async def read(self, name: str, *, limit: int) -> bytes:
        """A manifest."""
        try:
            with (self._manifests / name).open("rb") as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            raise BackupUnknown(name) from None
        if len(content) > limit:
            raise TooLarge(f"the manifest {name}", expected=f"at most {limit} bytes")
        return content

    async def remove(self, name: str) -> None:
        """Forget a manifest, durably: from then on there is no such backup."""
        with translated_disk_errors():
            (self._manifests / name).unlink(missing_ok=True)
            folder = os.open(self._manifests, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    async def announce(self, worker: str, at: datetime) -> None:
        """Let everybody who works in this place know that *worker* does, as late as *at*."""
        with translated_disk_errors():
            self._working.mkdir(mode=0o700, exist_ok=True)
            # Not synced: when the machine dies, so does who works.
            with tempfile.NamedTemporaryFile("w", dir=self._working, prefix=".", delete=False) as file:
                file.write(at.isoformat())
            os.replace(file.name, self._working / worker)  # noqa: PTH105 - nothing else waits

    async def withdraw(self, worker: str) -> None:
        """Let everybody know that *worker* has ended."""
        with translated_disk_errors():
            (self._working / worker).unlink(missing_ok=True)

    async def announced(self) -> Mapping[str, datetime]:
        """Who works in this place, or was killed there, and when each was heard of last."""
        found = {}
        with translated_disk_errors():
            for path in self._working.glob("[!.]*"):
                with suppress(FileNotFoundError):  # It has ended meanwhile.
                    found[path.name] = datetime.fromisoformat(path.read_text())
        return found

    def close(self) -> None:
        """Finish what is being written."""
        self.blobs.close()
