"""The packages in a database of rpm of the kind ``ndb``, read as a file.

It is what SUSE's distributions have (``Packages.db``). Its only description is the program that writes it
(https://github.com/rpm-software-management/rpm/blob/rpm-4.18.x/lib/backend/ndb/rpmpkg.c): a header, pages of slots that
each say where a package is, and the packages, each between a head and a tail. All numbers are little-endian.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from entrepot.model.errors import InvalidMetadata

_HEADER: Final = struct.Struct("<4s3I16x")
_SLOT: Final = struct.Struct("<4s3I")
_BLOB: Final = struct.Struct("<4s3I")
_PAGE: Final = 4096
_BLOCK: Final = 16
"""Places are counted in blocks."""
_LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one package."""
_MOST_PAGES: Final = 2048
"""Of slots; each has 256."""


def read_ndb(file: BinaryIO) -> Iterator[bytes]:
    """What is kept of each package, in the order of the slots. Raises `InvalidMetadata`."""
    left = file.seek(0, io.SEEK_END)
    magic, version, _, pages = _HEADER.unpack(_at(file, 0, _HEADER.size))
    if magic != b"RpmP" or version != 0:
        raise InvalidMetadata("database", expected="one of rpm's, of the kind ndb and version 0")
    if not 0 < pages <= _MOST_PAGES or pages * _PAGE > left:
        raise InvalidMetadata("database", expected="pages of slots that fit the file", actual=pages)
    slots = _at(file, 0, pages * _PAGE)[_HEADER.size :]
    for magic, package, block, blocks in _SLOT.iter_unpack(slots):
        if magic != b"Slot":
            raise InvalidMetadata("database", expected="a slot")
        if not package:
            continue  # It is free.
        head, its, _, size = _BLOB.unpack(_at(file, block * _BLOCK, _BLOB.size))
        if head != b"BlbS" or its != package:
            raise InvalidMetadata("database", expected=f"package {package} where its slot says that it is")
        # What several slots share would be read as often: all packages together fit the file.
        left -= size
        if size > min(_LARGEST, blocks * _BLOCK) or left < 0:
            raise InvalidMetadata("database", expected="packages that fit their places", actual=size)
        yield _at(file, block * _BLOCK + _BLOB.size, size)


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    content = file.read(size)
    if len(content) < size:
        raise InvalidMetadata("database", expected=f"{size} bytes at {offset}", actual=len(content))
    return content
