"""Backups as objects in a bucket, by the same names that `entrepot.drivers.backups.folder` gives to files."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from entrepot.drivers.blobs.object_store import ObjectBlobStore
from entrepot.drivers.blobs.objects import ObjectMissing
from entrepot.model.errors import BackupUnknown, TooLarge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from entrepot.drivers.blobs.objects import Objects

_MANIFESTS: Final = "manifests/"
_WORKING: Final = "working/"
_MOST_WORKING: Final = 100
"""Bytes that say when somebody was heard of; a moment has a third of that."""


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
        return await asyncio.to_thread(self._list, _MANIFESTS)

    def _list(self, folder: str) -> Sequence[str]:
        names = []
        after = ""
        while True:
            page = self._objects.list(folder, after=after)
            names += [each.key.removeprefix(folder) for each in page.objects]
            if page.is_last:
                return names
            after = page.objects[-1].key

    async def read(self, name: str, *, limit: int) -> bytes:
        """A manifest."""
        return await asyncio.to_thread(self._read, f"{_MANIFESTS}{name}", limit)

    async def remove(self, name: str) -> None:
        """Forget a manifest, durably: from then on there is no such backup."""
        await asyncio.to_thread(self._objects.delete, f"{_MANIFESTS}{name}")

    async def announce(self, worker: str, at: datetime) -> None:
        """Let everybody who works in this place know that *worker* does, as late as *at*."""
        await asyncio.to_thread(self._objects.put, f"{_WORKING}{worker}", at.isoformat().encode())

    async def withdraw(self, worker: str) -> None:
        """Let everybody know that *worker* has ended."""
        await asyncio.to_thread(self._objects.delete, f"{_WORKING}{worker}")

    async def announced(self) -> Mapping[str, datetime]:
        """Who works in this place, or was killed there, and when each was heard of last."""
        return await asyncio.to_thread(self._announced)

    def _announced(self) -> Mapping[str, datetime]:
        found = {}
        for worker in self._list(_WORKING):
            with suppress(BackupUnknown):  # It has ended meanwhile.
                said = self._read(f"{_WORKING}{worker}", _MOST_WORKING)
                found[worker] = datetime.fromisoformat(said.decode())
        return found

    def _read(self, key: str, limit: int) -> bytes:
        try:
            reader = self._objects.open(key)
        except ObjectMissing:
            raise BackupUnknown(key) from None
        content = b""
        try:
            while len(content) <= limit and (piece := reader.read(limit + 1)):
                content += piece
        finally:
            reader.close()
        if len(content) > limit:
            raise TooLarge(key, expected=f"at most {limit} bytes")
        return content

    def close(self) -> None:
        """Finish what is being written."""
        self.blobs.close()
