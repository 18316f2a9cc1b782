"""Receive a file that belongs to a package, and look into it before anything is said of it.

Names, versions and metadata that a client sends are checked against what is inside the file; so it is staged, read by a
pure function, and only then kept.
Nothing of a refused file stays.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING, Final, TypeVar

from entrepot.archives.zip import LOCAL_MARK, could_unpack_to
from entrepot.model.errors import LinkUnknown, TooLarge
from entrepot.model.names import View
from entrepot.model.upload import UploadId
from entrepot.operations.read_blob import read_blob
from entrepot.operations.upload import begin_upload, receive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import BinaryIO

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.upload import Upload
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

T = TypeVar("T")

_SOON_READ: Final = 16 * 1024
_SOON_READ_UNPACKED: Final = 64 * 1024
"""Packed and unpacked: to look into so little takes less time than to hand it to a thread and back."""


async def receive_file(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    content: AsyncIterator[bytes],
    examine: Callable[[BinaryIO], T],
    *,
    size: int | None = None,
    expected: Digest | None = None,
) -> tuple[StoredBlob, T]:
    """Take a file in, and return its bytes as a change may announce them, with what *examine* found in it.

    *examine* gets a file that can be read and sought, runs in a thread unless the file is very small, and raises a
    `RegistryError` to refuse it.
    *size* is None when it is not known beforehand; *expected* is what the client says that the file is called.

    Raises `DigestMismatch`, `TooLarge`, or what `begin_upload` or *examine* raises.
    """
    upload = await begin_upload(registry, caller, package, least=0)
    try:
        return await receive_upload(registry, upload, content, examine, size=size, expected=expected, held=0)
    finally:
        if size is None or size > registry.limits.inline_size:  # else nothing was staged
            await registry.blobs.discard(upload.id)


async def receive_upload(
    registry: Registry,
    upload: Upload,
    content: AsyncIterator[bytes],
    examine: Callable[[BinaryIO], T],
    *,
    size: int | None = None,
    expected: Digest | None = None,
    held: int | None = None,
) -> tuple[StoredBlob, T]:
    """The same for an upload that holds the beginning of the file, or all of it; who opened it discards it.

    *size* is that of *content* alone. Raises what `receive` or *examine* raises.
    """
    found: list[T] = []

    async def look(small: bytes | None) -> None:
        found.append(await look_into(registry, upload, small, examine))

    blob = await receive(registry, upload, expected=expected, content=content, size=size, held=held, examine=look)
    return blob, found[0]


async def look_into_blob(
    registry: Registry,
    package: PackageId,
    digest: Digest,
    examine: Callable[[BinaryIO], T],
    *,
    limit: int,
    barred: bool = False,
) -> T:
    """What *examine* finds, in a thread, in content that is in a package already, of at most *limit* bytes.

    With *barred* also in what is blocked.

    Raises `LinkUnknown` for what is not there, `TooLarge`, or what *examine* raises.
    """
    found = await registry.catalog.find_blob(View(package.namespace), package, digest, barred=barred)
    if found is None:
        raise LinkUnknown(digest)
    if found.size > limit:
        raise TooLarge(digest, expected=f"at most {limit} bytes", actual=found.size)
    if found.content is not None:
        return await asyncio.to_thread(examine, BytesIO(found.content))
    # What is kept is read from its beginning to its end; what is staged can be moved about in.
    stage = UploadId(registry.clock.new_id())
    try:
        content = read_blob(registry, found)
        await registry.blobs.append(stage, content, at=0, limit=limit)
        return await registry.blobs.examine(stage, examine)
    finally:
        await registry.blobs.discard(stage)


async def look_into(registry: Registry, upload: Upload, small: bytes | None, examine: Callable[[BinaryIO], T]) -> T:
    """What *examine* finds in content that is *small*, or staged: in a thread, unless that would take longer."""
    if small is None:
        return await registry.blobs.examine(upload.id, examine)
    if _is_soon_read(small):
        return examine(BytesIO(small))
    return await asyncio.to_thread(examine, BytesIO(small))


def _is_soon_read(content: bytes) -> bool:
    """Whether this is a zip archive that holds so little that nobody can make its reader take long."""
    return (
        len(content) <= _SOON_READ
        and content.startswith(LOCAL_MARK)
        and could_unpack_to(content) <= _SOON_READ_UNPACKED
    )
