"""Where backups are kept, and what they are made of: a copy of the catalog, as it was at one position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.model.blob import BlobState
    from entrepot.model.digest import Digest
    from entrepot.model.position import Position
    from entrepot.model.tier import Tier
    from entrepot.ports.blobs import BlobStore
    from entrepot.ports.log import LogHead


class BackupStore(Protocol):
    """A place for several backups, which share what they have in common."""

    @property
    def blobs(self) -> BlobStore:
        """Everything that manifests name."""

    async def add(self, name: str, manifest: bytes) -> None:
        """Keep a manifest, durably, whole or not at all: from then on there is a backup."""

    async def list(self) -> Sequence[str]:
        """The names of all manifests, in byte order."""

    async def read(self, name: str, *, limit: int) -> bytes:
        """A manifest. Raises `BackupUnknown`, `TooLarge` when it has more than *limit* bytes."""

    async def remove(self, name: str) -> None:
        """Forget a manifest, durably: from then on there is no such backup. No error when there is none."""

    async def announce(self, worker: str, at: datetime) -> None:
        """Let everybody who works in this place know that *worker* does, as late as *at*."""

    async def withdraw(self, worker: str) -> None:
        """Let everybody know that *worker* has ended. No error when nobody knows of it."""

    async def announced(self) -> Mapping[str, datetime]:
        """Who works in this place, or was killed there, and when each was heard of last."""


@dataclass(frozen=True, slots=True)
class SnapshotBlob:
    """A blob whose bytes are beside the catalog."""

    digest: Digest
    size: int
    generation: int
    state: BlobState
    tier: Tier


class CatalogSnapshot(Protocol):
    """A catalog as it was at one position: one SQLite file, whatever database it came from."""

    @property
    def schema(self) -> int:
        """The number of its last migration."""

    def open(self) -> BinaryIO:
        """The file's bytes."""

    def head(self) -> tuple[Position, bytes]:
        """Where its journal ends, and the running hash there."""

    def log_head(self) -> LogHead | None:
        """Its log's last checkpoint."""

    def list_blobs(self, *, after: str, limit: int) -> Sequence[SnapshotBlob]:
        """The blobs whose bytes are needed and are not in the file, by digest."""


class Snapshots(Protocol):
    """What can be copied while it is written to."""

    def take(self) -> AbstractAsyncContextManager[CatalogSnapshot]:
        """A copy of the catalog as it is now, for as long as the block lasts. Raises `Unavailable`, `StorageFull`."""
