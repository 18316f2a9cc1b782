"""Files that are asked for again: they are read into memory once, for the front cache to answer with.

What is asked for once, as most layers are, takes nobody's room there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entrepot.wire.reply import FileSlice

_REMEMBERED: Final = 4096


class AskedFiles:
    """The files that were asked for last."""

    def __init__(self) -> None:
        """Begin with none."""
        self._paths: OrderedDict[str, None] = OrderedDict()

    async def read_again(self, content: FileSlice) -> FileSlice | bytes:
        """The bytes of a file that was asked for before; of another one, and of one that cannot be read, the file."""
        if content.path in self._paths:
            self._paths.move_to_end(content.path)
            read = await asyncio.to_thread(_read, content)
            return content if read is None else read
        self._paths[content.path] = None
        if len(self._paths) > _REMEMBERED:
            self._paths.popitem(last=False)
        return content


def _read(content: FileSlice) -> bytes | None:
    """None for what is not all there: whoever sends the file finds out, and says so."""
    try:
        with open(content.path, "rb") as file:  # noqa: PTH123 (a path is text here)
            file.seek(content.offset)
            read = file.read(content.count)
    except OSError:
        return None
    return read if len(read) == content.count else None
