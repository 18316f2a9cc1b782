"""Read a backup again, and say what of it is not there, or not what it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import BlobUnknown, InvalidBackup
from entrepot.operations.backup_pages import verified

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.ports.backups import BackupStore, CatalogSnapshot, SnapshotBlob
    from entrepot.trust.backup import SealedBackup

_PAGE: Final = 1_000
_AT_ONCE: Final = 8


async def find_problems(store: BackupStore, backup: SealedBackup, snapshot: CatalogSnapshot) -> AsyncIterator[str]:
    """All that is wrong with a backup whose catalog could be put together."""
    manifest = backup.manifest
    position, hash_ = snapshot.head()
    if (position, hash_.hex()) != (manifest.position, manifest.hash):
        yield f"the catalog is of position {position}, the manifest of {manifest.position}"
    if manifest.keys is not None:
        try:
            async for _ in verified(store.blobs, manifest.keys):
                pass
        except InvalidBackup as error:
            yield str(error)
    expected = {each.digest for each in manifest.missing}
    after = ""
    while page := snapshot.list_blobs(after=after, limit=_PAGE):
        for start in range(0, len(page), _AT_ONCE):
            some = page[start : start + _AT_ONCE]
            for blob, problem in zip(some, await asyncio.gather(*(_read(store, each) for each in some)), strict=True):
                if problem is not None and str(blob.digest) not in expected:
                    yield f"{blob.digest}: {problem}"
        after = str(page[-1].digest)
    for missing in manifest.missing:
        yield f"{missing.digest}: {missing.reason}, already when the backup was made"


async def _read(store: BackupStore, blob: SnapshotBlob) -> str | None:
    try:
        if await store.blobs.size(blob.digest) == blob.size and await store.blobs.verify(blob.digest):
            return None
    except BlobUnknown:
        return "is not in the backup"
    return "is not what it was"
