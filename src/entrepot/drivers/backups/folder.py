"""Backups in a folder.

::

    <root>/manifests/<position>-<digest>    a backup: signed, written last
    <root>/blobs/sha256/ab/abcdef…          what manifests name, shared by all
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from entrepot.drivers.blobs.disk import translated_disk_errors
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.private_file import make_private_file
from entrepot.model.errors import BackupUnknown, Conflict, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

_MANIFESTS: Final = "manifests"
NEW_DISK: Final = "lost+found"
"""What is in the root of a new file system, and is nobody's."""


class FolderBackups:
    """Implements `entrepot.ports.backups.BackupStore`."""

    def __init__(self, root: Path, *, new: bool = False) -> None:
        """Use the folder at *root*; *new* makes it, or takes an empty one.

        Raises `BackupUnknown`, and `Conflict` for a folder that has something else in it.
        """
        self._manifests = root / _MANIFESTS
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

    def close(self) -> None:
        """Finish what is being written."""
        self.blobs.close()
