"""The body of a publish request: a length and as much JSON, a length and as much of a crate.

"Publish" in The Cargo Book's "Registry Web API": both lengths are 32 bits, little-endian.
The JSON is held in memory, the crate is not.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import SizeMismatch, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.wire.call import Body

ANNOUNCEMENT_SIZE: Final = 2 * 1024 * 1024
"""What the JSON may have: it carries the whole README."""
CRATE_SIZE: Final = 512 * 1024 * 1024
_LENGTH: Final = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """What was read so far: all of the JSON, and that a crate of some size follows."""

    announcement: bytes
    crate: AsyncIterator[bytes]
    """Ends with `SizeMismatch` when there is less or more than was said."""
    crate_size: int


@asynccontextmanager
async def reading_frame(body: Body) -> AsyncIterator[Frame]:
    """Read the body up to its crate, and hold the JSON until the block ends.

    Raises `SizeMismatch`, `TooLarge`, `Unavailable`, `Disconnected`.
    """
    source = _Source(body.stream())
    announcement_size = await source.length("the JSON's length")
    if announcement_size > ANNOUNCEMENT_SIZE:
        raise TooLarge("the JSON of a crate", expected=f"at most {ANNOUNCEMENT_SIZE} bytes", actual=announcement_size)
    body.hold(announcement_size)
    try:
        announcement = await source.exactly(announcement_size, "the JSON of a crate")
        crate_size = await source.length("the crate's length")
        if crate_size > CRATE_SIZE:
            raise TooLarge("a crate", expected=f"at most {CRATE_SIZE} bytes", actual=crate_size)
        framed = 2 * _LENGTH + announcement_size + crate_size
        if body.size is not None and body.size != framed:
            raise SizeMismatch("body", expected=f"{framed} bytes, by the lengths in it", actual=body.size)
        yield Frame(announcement, source.rest(crate_size), crate_size)
    finally:
        body.release(announcement_size)


class _Source:
    """Pieces of any size, taken in sizes that are asked for."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    async def length(self, what: str) -> int:
        return int.from_bytes(await self.exactly(_LENGTH, what), "little")

    async def exactly(self, size: int, what: str) -> bytes:
        taken = [self._held]
        missing = size - len(self._held)
        while missing > 0:
            piece = await anext(self._pieces, None)
            if piece is None:
                raise SizeMismatch(what, expected=f"{size} bytes", actual=size - missing)
            taken.append(piece)
            missing -= len(piece)
        whole = b"".join(taken)
        self._held = whole[size:]
        return whole[:size]

    async def rest(self, size: int) -> AsyncIterator[bytes]:
        left = size
        piece: bytes | None = self._held
        while piece is not None:
            left -= len(piece)
            if left < 0:
                raise SizeMismatch("a crate", expected=f"{size} bytes and nothing behind them")
            if piece:
                yield piece
            piece = await anext(self._pieces, None)
        if left:
            raise SizeMismatch("a crate", expected=f"{size} bytes", actual=size - left)
