"""Where the settings say that blobs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from entrepot.drivers.blobs.object_store import ObjectBlobStore
    from entrepot.ports.blobs import BlobStore
    from entrepot.settings import Settings

_log = structlog.stdlib.get_logger("entrepot.app")


def open_blobs(settings: Settings) -> FileBlobStore | ObjectBlobStore:
    """The blob store of the settings. Raises `Invalid` when they name one that is no address."""
    if not settings.blobs:
        return FileBlobStore(settings.data_path / "blobs")
    # Much is behind it, and who keeps files need not have it.
    from entrepot.drivers.blobs.hedging import HedgedObjects  # noqa: PLC0415
    from entrepot.drivers.blobs.object_store import ObjectBlobStore  # noqa: PLC0415
    from entrepot.drivers.blobs.retrying import RetryingObjects  # noqa: PLC0415

    try:
        from entrepot.drivers.blobs.s3 import S3Address, S3Objects, connect  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise Invalid("blobs", expected="the extra: pip install 'entrepot[s3]'", actual=f"no {error.name}") from error

    address = S3Address.parse(settings.blobs)
    return ObjectBlobStore(
        RetryingObjects(HedgedObjects(S3Objects(address, connect(address)))),
        settings.data_path / "spool",
        redirect_seconds=settings.blob_redirect_seconds if settings.blob_redirects else None,
    )


async def look_at_blobs(blobs: BlobStore) -> None:
    """Say what is to be known of an object store before it is used."""
    from entrepot.drivers.blobs.object_store import ObjectBlobStore  # noqa: PLC0415 - as above

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
