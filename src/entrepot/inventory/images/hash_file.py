"""The values in a hash table of Berkeley DB, read as a file.

It is where rpm kept packages before 2020 (``Packages``), and CentOS 7 and Amazon Linux 2 still do. The file comes from an
image that anybody may have made, and the library that wrote it is not maintained any more. Names are those of its own
header ``db_page.h`` (https://github.com/berkeleydb/libdb/blob/v5.3.28/src/dbinc/db_page.h); numbers are in the byte order
of the machine that wrote the file.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from entrepot.model.errors import InvalidMetadata

_MAGIC: Final = 0x061561
"""DB_HASHMAGIC."""
_META: Final = 512
_HASH_META: Final = 8
"""P_HASHMETA, P_HASH (and as it was before 4.6), P_OVERFLOW: types of pages."""
_HASHES: Final = frozenset({13, 2})
_OVERFLOW: Final = 7
_HEAD: Final = 26
"""SIZEOF_PAGE: the bytes of a page's own header."""
_KEY_DATA: Final = 1
"""H_KEYDATA, H_OFFPAGE: types of items."""
_OFF_PAGE: Final = 3
_OFF_PAGE_SIZE: Final = 12
_KEY: Final = 64
"""So much of a key is given."""
_LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one value."""
_MOST_VALUES: Final = 200_000


def read_hash(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The keys (as far as they are short) and values, in the order in which they lie in the file.

    Raises `InvalidMetadata`.
    """
    table = _Table(file)
    values = 0
    for number in range(1, table.pages):
        page = table.page(number)
        if page[25] not in _HASHES:
            continue
        for key, value in table.pairs(page):
            values += 1
            if values > _MOST_VALUES:
                raise InvalidMetadata("database", expected=f"at most {_MOST_VALUES} values")
            yield key, value


class _Table:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = file.seek(0, io.SEEK_END)
        """Every byte of the file is one value's at most: who says otherwise has values without end."""
        meta = self._at(0, _META)
        orders = [order for order in "<>" if meta[12:16] == struct.pack(f"{order}I", _MAGIC)]
        if len(meta) < _META or not orders or meta[25] != _HASH_META:
            raise InvalidMetadata("database", expected="a hash table of Berkeley DB")
        self._order = orders[0]
        self._page_size: int = self._number("I", meta, 20)
        # DB_MIN_PGSIZE, DB_MAX_PGSIZE
        if not 512 <= self._page_size <= 65536 or self._page_size & (self._page_size - 1):  # noqa: PLR2004
            raise InvalidMetadata("database", expected="a size of pages that it has", actual=self._page_size)
        if meta[24]:
            raise InvalidMetadata("database", expected="one that is not encrypted")
        self.pages = self._left // self._page_size
        self._more = self.pages
        """So is every page a part of one value at most."""

    def page(self, number: int) -> bytes:
        """A page by its number."""
        if not 0 < number < self.pages:
            raise InvalidMetadata("database", expected=f"one of {self.pages} pages", actual=number)
        return self._at(number * self._page_size, self._page_size)

    def pairs(self, page: bytes) -> Iterator[tuple[bytes, bytes]]:
        """What a page has: keys and values take turns, and lie from its end towards its beginning."""
        count = self._number("H", page, 20)
        if count % 2 or _HEAD + 2 * count > len(page):
            raise InvalidMetadata("database", expected="pairs that fit a page", actual=count)
        places = struct.unpack_from(f"{self._order}{count}H", page, _HEAD)
        end = len(page)
        for key, value in zip(places[::2], places[1::2], strict=True):
            if not _HEAD <= value < key < end:
                raise InvalidMetadata("database", expected="items that follow each other", actual=(value, key, end))
            yield page[key + 1 : min(end, key + 1 + _KEY)], self._value(page, value, key)
            end = value

    def _value(self, page: bytes, place: int, end: int) -> bytes:
        kind = page[place]
        if kind == _KEY_DATA:
            self._take(end - place)
            return page[place + 1 : end]
        if kind != _OFF_PAGE or end - place < _OFF_PAGE_SIZE:
            raise InvalidMetadata("database", expected="a value", actual=f"an item of type {kind}")
        following, size = self._number("I", page, place + 4), self._number("I", page, place + 8)
        self._take(size)
        pieces: list[bytes] = []
        left = size
        while left > 0:
            more = self.page(following)
            piece = more[_HEAD : _HEAD + min(left, self._number("H", more, 22))]
            self._more -= 1
            if more[25] != _OVERFLOW or not piece or self._more < 0:
                raise InvalidMetadata("database", expected="a page with more of a value", actual=f"page {following}")
            pieces.append(piece)
            left -= len(piece)
            following = self._number("I", more, 16)
        return b"".join(pieces)

    def _take(self, size: int) -> None:
        self._left -= size
        if size > _LARGEST or self._left < 0:
            raise InvalidMetadata(
                "database", expected=f"values of at most {_LARGEST} bytes that fit the file", actual=size
            )

    def _number(self, kind: str, content: bytes, at: int) -> int:
        found: int = struct.unpack_from(f"{self._order}{kind}", content, at)[0]
        return found

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)
