"""Where the settings say that blobs are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from entrepot.app.object_storage import open_objects
from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.drivers.blobs.object_store import ObjectBlobStore
from entrepot.drivers.blobs.packed import PackedStore
from entrepot.model.errors import Unavailable
from entrepot.settings import OBJECT_STORAGE

if TYPE_CHECKING:
    from entrepot.ports.blobs import BlobStore
    from entrepot.settings import Settings

_log = structlog.stdlib.get_logger("entrepot.app")


def open_blobs(settings: Settings) -> FileBlobStore | ObjectBlobStore:
    """The blob store of the settings. Raises `Invalid` when they name one that is no address."""
    if not settings.blobs:
        return FileBlobStore(settings.data_path / "blobs")
    return _open_objects(settings, settings.blobs, settings.data_path / "spool")


def open_cold(settings: Settings) -> PackedStore | None:
    """The cold tier of the settings; None where they name none. Raises `Invalid` when it is no address."""
    return PackedStore(_open_other(settings, settings.cold_blobs, "cold-spool")) if settings.cold_blobs else None


def open_replicas(settings: Settings) -> list[FileBlobStore | ObjectBlobStore]:
    """The copies of the blob store that the settings name. Raises `Invalid` when one is no address."""
    return [_open_other(settings, address, "replica-spool") for address in settings.replica_blobs]


def _open_other(settings: Settings, address: str, spool: str) -> FileBlobStore | ObjectBlobStore:
    if address.startswith(OBJECT_STORAGE):
        return _open_objects(settings, address, settings.data_path / spool)
    return FileBlobStore(Path(address).absolute())


def _open_objects(settings: Settings, address: str, spool: Path) -> ObjectBlobStore:
    redirect_seconds = settings.blob_redirect_seconds if settings.blob_redirects else None
    return ObjectBlobStore(open_objects(address), spool, redirect_seconds=redirect_seconds)


async def look_at_blobs(blobs: BlobStore) -> None:
    """Say what is to be known of an object store before it is used."""
    if not isinstance(blobs, ObjectBlobStore):
        return
    try:
        if await blobs.honours_conditions():
            _log.info("the object store writes on condition")
        else:
            _log.warning(
                "the object store ignores the condition of a write (If-None-Match): "
                "blobs are safe, as all who write one write the same bytes; a bucket's versions may pile up"
            )
    except Unavailable as error:
        _log.error("the object store is away", reason=str(error))
