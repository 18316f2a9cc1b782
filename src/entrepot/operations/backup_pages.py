"""The catalog's file in a backup: pages, of which a later backup writes those alone that no earlier one has.

The pages that are new go into one *pack*. The *index* has a record for each page of the file, in order: a hash of the
page, the number of its pack, and its place there. After `_MOST_PACKS` backups one begins anew, so that reading one
takes no more than so many packs.
"""

from __future__ import annotations

import hashlib
import struct
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import BlobUnknown, DigestMismatch, InvalidBackup, TooLarge
from entrepot.model.upload import UploadId
from entrepot.trust.backup import SealedCatalog, StoredPart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from typing import BinaryIO

    from entrepot.model.digest import Digest
    from entrepot.ports.blobs import BlobStore
    from entrepot.ports.clock import Clock

PAGE: Final = 4096
"""As SQLite has them."""
_HASH: Final = 20
_RECORD: Final = struct.Struct(f">{_HASH}sII")
_MOST_PACKS: Final = 30
_READ: Final = 256 * PAGE

_Place = tuple[int, int]
"""A pack's number, and a page's in it."""


@dataclass(slots=True)
class _Paging:
    """What is found out while the file is read once."""

    known: dict[bytes, _Place]
    """Where each page is that a backup has."""
    pack: int
    index: bytearray
    whole: hashlib._Hash
    size: int = 0
    added: int = 0

    def split(self, file: BinaryIO) -> Iterator[bytes]:
        """The pages that are new, in pieces for the pack."""
        while content := file.read(_READ):
            self.whole.update(content)
            self.size += len(content)
            new = []
            for start in range(0, len(content), PAGE):
                page = content[start : start + PAGE]
                name = hashlib.blake2b(page, digest_size=_HASH).digest()
                place = self.known.get(name)
                if place is None:
                    place = self.known[name] = (self.pack, self.added)
                    self.added += 1
                    new.append(page)
                self.index += _RECORD.pack(name, *place)
            yield b"".join(new)


async def add_catalog(
    blobs: BlobStore, clock: Clock, file: BinaryIO, schema: int, before: SealedCatalog | None
) -> tuple[SealedCatalog, int]:
    """Add a catalog's file to a store that has *before*; what the store has of it now, and how many bytes are new."""
    packs: tuple[StoredPart, ...] = ()
    known: dict[bytes, _Place] = {}
    if before is not None and len(before.packs) < _MOST_PACKS and await _has_all(blobs, before):
        packs, known = before.packs, {name: place async for name, place in _places(blobs, before)}
    paging = _Paging(known, len(packs), bytearray(), hashlib.sha256())
    pack = await _add(blobs, clock, _stream(paging.split(file)))
    index = await _add(blobs, clock, _stream(iter((bytes(paging.index),))))
    sealed = SealedCatalog(
        digest=f"sha256:{paging.whole.hexdigest()}",
        size=paging.size,
        schema=schema,
        index=index,
        packs=(*packs, pack) if paging.added else packs,
    )
    return sealed, (pack.size if paging.added else 0) + index.size


async def _has_all(blobs: BlobStore, catalog: SealedCatalog) -> bool:
    return all([await blobs.size(part.name) == part.size for part in (catalog.index, *catalog.packs)])


async def _places(blobs: BlobStore, catalog: SealedCatalog) -> AsyncIterator[tuple[bytes, _Place]]:
    async for record in _records(blobs, catalog):
        name, pack, page = _RECORD.unpack(record)
        yield name, (pack, page)


async def _records(blobs: BlobStore, catalog: SealedCatalog) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in verified(blobs, catalog.index):
        content = rest + piece
        end = len(content) - len(content) % _RECORD.size
        for start in range(0, end, _RECORD.size):
            yield content[start : start + _RECORD.size]
        rest = content[end:]


async def write_catalog(blobs: BlobStore, catalog: SealedCatalog, file: BinaryIO) -> None:
    """Put a catalog's file together again, in a new *file* that can be sought and read.

    Each pack is read once, from its beginning to its end. Raises `InvalidBackup`.
    """
    pages = -(-catalog.size // PAGE)
    wanted: list[list[int]] = [[] for _ in catalog.packs]
    number = 0
    async for record in _records(blobs, catalog):
        _, pack, page = _RECORD.unpack(record)
        if pack >= len(wanted) or number >= pages:
            raise InvalidBackup("the catalog's index", expected=f"{pages} pages in {len(wanted)} packs")
        wanted[pack].append(page << 32 | number)
        number += 1
    if number != pages:
        raise InvalidBackup("the catalog's index", expected=f"{pages} pages", actual=number)
    file.truncate(catalog.size)
    for part, targets in zip(catalog.packs, wanted, strict=True):
        await _scatter(blobs, part, sorted(targets), file)
    file.seek(0)
    actual = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it is one
    if f"sha256:{actual}" != catalog.digest:
        raise InvalidBackup("the catalog", expected=catalog.digest, actual=f"sha256:{actual}")


async def _scatter(blobs: BlobStore, part: StoredPart, targets: Sequence[int], file: BinaryIO) -> None:
    """Write the pages of a pack to where they belong: *targets* are its pages, in order, each with one of the file's."""
    at, next_ = 0, 0
    rest = b""
    async for piece in verified(blobs, part):
        content = rest + piece
        # A file's last page may be shorter, and so a pack's.
        whole = len(content) if at * PAGE + len(content) == part.size else len(content) - len(content) % PAGE
        end = at + -(-whole // PAGE)
        while next_ < len(targets) and targets[next_] >> 32 < end:
            page, target = targets[next_] >> 32, targets[next_] & 0xFFFF_FFFF
            file.seek(target * PAGE)
            file.write(content[(page - at) * PAGE : min(whole, (page - at + 1) * PAGE)])
            next_ += 1
        at, rest = end, content[whole:]
    if next_ < len(targets):
        raise InvalidBackup(f"the pack {part.digest}", expected=f"page {targets[next_] >> 32}", actual=f"{at} pages")


async def verified(blobs: BlobStore, part: StoredPart) -> AsyncIterator[bytes]:
    """A part's bytes, in pieces; raises `InvalidBackup` behind the last one where they are not what they were."""
    digest: Digest = part.name
    actual, size = hashlib.new(digest.algorithm), 0
    try:
        async for piece in blobs.read(digest):
            actual.update(piece)
            size += len(piece)
            if size > part.size:
                break
            yield piece
    except BlobUnknown:
        raise InvalidBackup(part.digest, expected=f"{part.size} bytes", actual="nothing") from None
    if size != part.size or actual.hexdigest() != digest.hex:
        raise InvalidBackup(part.digest, expected=f"{part.size} bytes of that name", actual=f"{size} others")


async def _add(blobs: BlobStore, clock: Clock, content: AsyncIterator[bytes]) -> StoredPart:
    """Keep bytes whose digest is known when they have come."""
    stage = UploadId(clock.new_id())
    size = await blobs.append(stage, content, at=0, limit=2**63)
    digest = await blobs.digest(stage)
    await blobs.keep(stage, digest)
    return StoredPart(digest=str(digest), size=size)


async def add_bytes(blobs: BlobStore, clock: Clock, content: bytes) -> StoredPart:
    """Keep a few bytes."""
    return await _add(blobs, clock, _stream(iter((content,))))


async def add_blob(
    blobs: BlobStore, clock: Clock, digest: Digest, content: AsyncIterator[bytes], *, size: int, generation: int = 0
) -> None:
    """Keep a blob that comes from another store.

    Raises `DigestMismatch`, also when it is longer than *size*, and what *content* raises; then nothing is kept.
    """
    stage = UploadId(clock.new_id())
    try:
        try:
            # Every store's reader is a generator: it lets go of what it has open.
            async with aclosing(content) as pieces:  # type: ignore[type-var]
                held = await blobs.append(stage, pieces, at=0, limit=size, algorithm=digest.algorithm)
        except TooLarge:
            raise DigestMismatch(expected=f"{size} bytes", actual="more") from None
        if held != size:
            raise DigestMismatch(expected=f"{size} bytes", actual=f"{held} bytes")
        await blobs.keep(stage, digest, generation=generation)
    except BaseException:
        await blobs.discard(stage)
        raise


async def _stream(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if piece:
            yield piece
