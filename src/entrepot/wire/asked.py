"""Files that are asked for again: they are read into memory once, for the front cache to answer with.

What is asked for once, as most layers are, takes nobody's room there.
Clients who are slow, or ask in a thousand ways for the same file, cost no memory of their own: they share what was
read, and when too much of it is on its way, files go out as files.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entrepot.wire.reply import FileSlice

_REMEMBERED: Final = 4096
_SIZE: Final = 32 * 1024 * 1024
"""Bytes that are kept, and as many that may be on their way to clients."""


class AskedFiles:
    """The files that were asked for last, and what those hold that were asked for again."""

    def __init__(self, size: int = _SIZE) -> None:
        """Keep at most *size* bytes, and let as many be on their way."""
        self._size = size
        self._kept = 0
        self._lent = 0
        self._asked: OrderedDict[FileSlice, bytes | None] = OrderedDict()

    async def borrow(self, content: FileSlice) -> FileSlice | bytes:
        """The bytes of a file that was asked for before, until `give_back`; else the file itself.

        That is so for one that cannot be read, too: whoever sends it finds out, and says so.
        """
        if content not in self._asked:
            self._asked[content] = None
            self._forget()
            return content
        self._asked.move_to_end(content)
        if self._lent + content.count > self._size:
            return content
        self._lent += content.count
        read: bytes | None = None
        try:
            read = self._asked[content] or await asyncio.to_thread(_read, content)
        finally:
            if read is None:  # It cannot be read, or its client went away meanwhile.
                self._lent -= content.count
        if read is None:
            return content
        if self._asked.get(content) is None:
            self._asked[content] = read
            self._kept += content.count
            self._forget()
        return read

    def give_back(self, size: int) -> None:
        """So many bytes are with their client."""
        self._lent -= size

    def _forget(self) -> None:
        while len(self._asked) > _REMEMBERED or self._kept > self._size:
            oldest, read = self._asked.popitem(last=False)
            self._kept -= 0 if read is None else oldest.count


def _read(content: FileSlice) -> bytes | None:
    try:
        with open(content.path, "rb") as file:  # noqa: PTH123 (a path is text here)
            file.seek(content.offset)
            read = file.read(content.count)
    except OSError:
        return None
    return read if len(read) == content.count else None
