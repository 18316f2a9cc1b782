"""Backups as objects in a bucket, by the same names that `entrepot.drivers.backups.folder` gives to files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from entrepot.drivers.blobs.object_store import ObjectBlobStore
from entrepot.drivers.blobs.objects import ObjectMissing
from entrepot.model.errors import BackupUnknown, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from entrepot.drivers.blobs.objects import Objects

_MANIFESTS: Final = "manifests/"


class ObjectBackups:
    """Implements `entrepot.ports.backups.BackupStore`. The blobs are beside the manifests."""

    def __init__(self, objects: Objects, spool: Path) -> None:
        """Keep backups in *objects*, with the folder *spool* for parts that are on their way."""
        self._objects = objects
        self.blobs = ObjectBlobStore(objects, spool)

    async def add(self, name: str, manifest: bytes) -> None:
        """Keep a manifest, durably, whole or not at all."""
        await asyncio.to_thread(self._objects.put, f"{_MANIFESTS}{name}", manifest, new=True)

    async def list(self) -> Sequence[str]:
        """The names of all manifests, in byte order."""
        return await asyncio.to_thread(self._list)

    def _list(self) -> Sequence[str]:
        names = []
        after = ""
        while True:
            page = self._objects.list(_MANIFESTS, after=after)
            names += [each.key.removeprefix(_MANIFESTS) for each in page.objects]
            if page.is_last:
                return names
            after = page.objects[-1].key

    async def read(self, name: str, *, limit: int) -> bytes:
        """A manifest."""
        return await asyncio.to_thread(self._read, name, limit)

    def _read(self, name: str, limit: int) -> bytes:
        try:
            reader = self._objects.open(f"{_MANIFESTS}{name}")
        except ObjectMissing:
            raise BackupUnknown(name) from None
        content = b""
        try:
            while len(content) <= limit and (piece := reader.read(limit + 1)):
                content += piece
        finally:
            reader.close()
        if len(content) > limit:
            raise TooLarge(f"the manifest {name}", expected=f"at most {limit} bytes")
        return content

    def close(self) -> None:
        """Finish what is being written."""
        self.blobs.close()
