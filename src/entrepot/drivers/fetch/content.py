"""Bodies: measured against what was announced, and decompressed within limits."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import UpstreamInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_FRAMING: Final = 64 * 1024
"""How much longer compressed content may be than what it stands for."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_LONGEST_NUMBER: Final = 18
_NO_BODY: Final = (204, 304)


def announced_size(status: int, headers: Mapping[str, str]) -> int | None:
    """How many bytes the answer's head promises; None when it does not say. Raises `UpstreamInvalid`."""
    if status in _NO_BODY:
        return 0
    text = headers.get("content-length")
    if text is None or "transfer-encoding" in headers:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise UpstreamInvalid("content-length", expected="a number", actual=text[:100])
    return int(text)


class Gathering:
    """A document that comes in pieces, never larger than its limit, whatever it unfolds to."""

    def __init__(self, where: str, encoding: str, *, limit: int) -> None:
        """Gather what is at *where*. Raises `UpstreamInvalid` for an encoding that was not asked for."""
        if encoding.lower() not in ("", "identity", "gzip", "x-gzip"):
            raise UpstreamInvalid(where, expected="an answer as it is or compressed by gzip", actual=encoding)
        self._where = where
        self._limit = limit
        self._raw_size = 0
        self._content = bytearray()
        self._gzip = zlib.decompressobj(_GZIP) if encoding.lower() in ("gzip", "x-gzip") else None

    def refuse_size(self, size: int | None) -> None:
        """Raise `UpstreamInvalid` when the body is announced to be too large."""
        if size is not None and size > (self._limit if self._gzip is None else self._limit + _FRAMING):
            raise self._too_large()

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises `UpstreamInvalid`."""
        self._raw_size += len(piece)
        if self._gzip is None:
            self._content += piece
        else:
            if self._raw_size > self._limit + _FRAMING:
                raise self._too_large()
            self._unfold(piece)
        if len(self._content) > self._limit:
            raise self._too_large()

    def _unfold(self, piece: bytes) -> None:
        assert self._gzip is not None  # noqa: S101 - its caller asked
        try:
            while piece and len(self._content) <= self._limit:
                if self._gzip.eof:  # a file of gzip may have several members
                    self._gzip = zlib.decompressobj(_GZIP)
                self._content += self._gzip.decompress(piece, self._limit + 1 - len(self._content))
                piece = self._gzip.unconsumed_tail or self._gzip.unused_data
        except zlib.error as error:
            raise UpstreamInvalid(self._where, expected="content compressed by gzip", actual=error) from error

    def finish(self) -> bytes:
        """All of it. Raises `UpstreamInvalid` when the compressed content ends too early."""
        if self._gzip is not None and self._raw_size and not self._gzip.eof:
            raise UpstreamInvalid(self._where, expected="compressed content that has an end")
        return bytes(self._content)

    def _too_large(self) -> UpstreamInvalid:
        return UpstreamInvalid(self._where, expected=f"at most {self._limit} bytes")
