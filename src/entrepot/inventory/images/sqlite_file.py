"""One table of a database file of SQLite, read as a file (https://www.sqlite.org/fileformat2.html).

The file comes from an image that anybody may have made. It is not given to SQLite, which trusts what it opens with more
than its content; and of all that such a file can say, only the rows of a table are wanted.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from entrepot.model.errors import InvalidMetadata

_MAGIC: Final = b"SQLite format 3\x00"
_INTERIOR: Final = 0x05
_LEAF: Final = 0x0D
_LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one row."""
_MOST_ROWS: Final = 200_000
_BLOB: Final = 12
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}
"""How many bytes a value of each type takes (2.1)."""


def read_blobs(file: BinaryIO, table: str) -> Iterator[bytes]:
    """The first BLOB of each row of *table*, in the order of the rows. Raises `InvalidMetadata`."""
    database = _Database(file)
    root = next((root for name, root in database.tables() if name == table), None)
    if root is None:
        raise InvalidMetadata("database", expected=f"a table {table}")
    for payload in database.rows(root):
        blob = next((value for kind, value in _values(payload) if kind >= _BLOB and kind % 2 == 0), None)
        if blob is not None:
            yield blob


class _Database:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        size = file.seek(0, io.SEEK_END)
        header = self._at(0, 100)
        if len(header) < 100 or not header.startswith(_MAGIC):  # noqa: PLR2004 - 1.3: the header's size
            raise InvalidMetadata("database", expected="a file of SQLite 3")
        said = int.from_bytes(header[16:18], "big")
        self._page_size = 65536 if said == 1 else said
        self._usable = self._page_size - header[20]
        # 1.3.2, 1.3.4
        if self._page_size < 512 or self._page_size & (self._page_size - 1) or self._usable < 480:  # noqa: PLR2004
            raise InvalidMetadata("database", expected="a size of pages that SQLite has", actual=said)
        self._pages = size // self._page_size
        self._left = size
        """Every byte of the file is one row's at most: who says otherwise has rows without end."""

    def tables(self) -> Iterator[tuple[str, int]]:
        """Each table with its first page (2.6)."""
        for payload in self.rows(1):
            values = [value for _, value in _values(payload)]
            if len(values) >= 4 and values[0] == b"table":  # noqa: PLR2004 - type, name, tbl_name, rootpage
                yield values[1].decode("utf-8", "replace"), int.from_bytes(values[3], "big")

    def rows(self, root: int) -> Iterator[bytes]:
        """The payload of each row below a page, from left to right (1.6)."""
        waiting = [root]
        seen: set[int] = set()
        rows = 0
        while waiting:
            number = waiting.pop()
            if number in seen:
                raise InvalidMetadata("database", expected="a tree", actual=f"page {number} twice")
            seen.add(number)
            page = self._page(number)
            head = 100 if number == 1 else 0
            kind, count = page[head], int.from_bytes(page[head + 3 : head + 5], "big")
            if kind not in (_INTERIOR, _LEAF):
                raise InvalidMetadata("database", expected="a page of a table", actual=f"type {kind}")
            pointers = head + (12 if kind == _INTERIOR else 8)
            if pointers + 2 * count > len(page):
                raise InvalidMetadata("database", expected="cells that fit a page", actual=count)
            cells = struct.unpack_from(f">{count}H", page, pointers)
            if kind == _INTERIOR:
                children = [int.from_bytes(page[cell : cell + 4], "big") for cell in cells]
                waiting += [int.from_bytes(page[head + 8 : head + 12], "big"), *reversed(children)]
                continue
            for cell in cells:
                rows += 1
                if rows > _MOST_ROWS:
                    raise InvalidMetadata("database", expected=f"at most {_MOST_ROWS} rows")
                yield self._payload(page, cell)

    def _payload(self, page: bytes, at: int) -> bytes:
        """1.6, "B-tree Cell Format": what does not fit the page is in a chain of further ones."""
        size, at = _varint(page, at)
        _, at = _varint(page, at)
        self._left -= size
        if size > _LARGEST or self._left < 0:
            raise InvalidMetadata(
                "database", expected=f"rows of at most {_LARGEST} bytes that fit the file", actual=size
            )
        most, least = self._usable - 35, (self._usable - 12) * 32 // 255 - 23
        if size <= most:
            local = size
        else:
            local = least + (size - least) % (self._usable - 4)
            local = local if local <= most else least
        pieces = [page[at : at + local]]
        left = size - local
        following = int.from_bytes(page[at + local : at + local + 4], "big") if left else 0
        while left > 0:
            more = self._page(following)
            piece = more[4 : min(4 + left, self._usable)]
            pieces.append(piece)
            left -= len(piece)
            following = int.from_bytes(more[:4], "big")
        return b"".join(pieces)

    def _page(self, number: int) -> bytes:
        if not 1 <= number <= self._pages:
            raise InvalidMetadata("database", expected=f"one of {self._pages} pages", actual=number)
        return self._at((number - 1) * self._page_size, self._page_size)

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size)


def _values(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """The values of a row with their types (2.1)."""
    size, at = _varint(payload, 0)
    place = size
    while at < size:
        kind, at = _varint(payload, at)
        length = (kind - _BLOB) // 2 if kind >= _BLOB else _INTEGERS.get(kind, 0)
        if place + length > len(payload):
            raise InvalidMetadata("database", expected="values that fit their row")
        yield kind, payload[place : place + length]
        place += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where the next thing is (1.6)."""
    value = 0
    for step in range(9):
        if at >= len(data):
            raise InvalidMetadata("database", expected="a number", actual="the end of a page")
        byte = data[at]
        at += 1
        if step == 8:  # noqa: PLR2004 - of the ninth byte all bits count
            return value << 8 | byte, at
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that there is more
            break
    return value, at
