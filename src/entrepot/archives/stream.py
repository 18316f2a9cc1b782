"""The bytes inside a compressed file, unpacked a piece at a time and never beyond what the limits allow."""

from __future__ import annotations

import bz2
import io
import lzma
import sys
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from entrepot.model.errors import InvalidArchive

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.archives.limits import ArchiveLimits

CHUNK: Final = 64 * 1024
_PACKED_CHUNK: Final = 16 * 1024
_XZ_MEMORY: Final = 80 * 1024 * 1024
"""Decoding what the highest preset made takes 65 MiB; a header may ask for gigabytes."""
_ZSTD_WINDOW: Final = 27
"""As a power of two: 128 MiB, which is what its own command decodes unless it is told to take more."""


class Unpacked(Protocol):
    """A source of bytes, from the first to the last."""

    def read(self, size: int) -> bytes:
        """The next *size* bytes; fewer, and in the end none, only where the source ends. Raises `InvalidArchive`."""

    def skip(self, size: int) -> None:
        """Pass over *size* bytes. Raises `InvalidArchive`, also where the source ends before."""


def open_unpacked(file: BinaryIO, limits: ArchiveLimits, *, zstd: bool = False) -> Unpacked:
    """Whatever *file* is compressed with, by its first bytes: gzip, bzip2, xz or nothing, and zstd where it is asked for.

    Raises `InvalidArchive`.
    """
    file_size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(max(map(len, _COMPRESSIONS)))
    file.seek(0)
    for magic, (name, begin) in _COMPRESSIONS.items():
        if head.startswith(magic):
            return _Compressed(file, name, begin, limits=limits, limit=limits.unpacked(file_size))
    if head.startswith(_ZSTD):
        # Clients of packages do not read it: what they could not unpack is not taken.
        if not zstd:
            raise InvalidArchive("archive", expected="gzip, bzip2, xz or no compression", actual="zstd")
        return _Compressed(file, "zstd", _begin_zstd, limits=limits, limit=limits.unpacked(file_size))
    if file_size > limits.unpacked_size:
        raise InvalidArchive("archive", expected=f"at most {limits.unpacked_size} bytes", actual=file_size)
    return _Plain(file, file_size)


class _Plain:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._at = 0

    def read(self, size: int) -> bytes:
        # Where somebody else moved in the file meanwhile, this is still where we were.
        self._file.seek(self._at)
        data = self._file.read(size)
        self._at += len(data)
        return data

    def skip(self, size: int) -> None:
        if size > self._size - self._at:
            raise InvalidArchive("archive", expected=f"{size} more bytes", actual=f"{self._size - self._at}")
        self._at += size


class _Decompressor(Protocol):
    """What the decompressors of bzip2 and xz have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """Zlib's decompressor in the form of the other two. It verifies the checksum and size that end a stream."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked = self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)
        # All that was asked for: there may be more of it inside, though no input is left.
        self.needs_input = not self._inflater.unconsumed_tail and len(unpacked) < max_length
        return unpacked


_COMPRESSIONS: Final[dict[bytes, tuple[str, Callable[[], _Decompressor]]]] = {
    b"\x1f\x8b": ("gzip", _Gzip),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\x00": ("xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)),
}


_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def _begin_zstd() -> _Decompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW})


class _Compressed:
    """Compressed streams, one behind the other, as all formats allow; behind the last only zeros."""

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        begin: Callable[[], _Decompressor],
        *,
        limits: ArchiveLimits,
        limit: int,
    ) -> None:
        self._file = file
        self._name = name
        self._begin = begin
        self._limit = limit
        self._streams_left = limits.streams - 1
        self._stream = begin()
        self._packed = b""
        self._packed_at = 0
        self._unpacked_size = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        pieces = []
        missing = size
        while missing and not self._ended:
            piece = self._next(missing)
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def skip(self, size: int) -> None:
        while size:
            piece = self.read(min(size, CHUNK))
            if not piece:
                raise InvalidArchive("archive", expected=f"{size} more bytes", actual="its end")
            size -= len(piece)

    def _next(self, most: int) -> bytes:
        """Some of the next bytes; none where the stream says nothing new, or has ended."""
        if self._stream.eof:
            self._next_stream()
            return b""
        packed = self._packed
        if self._stream.needs_input and not packed and not (packed := self._read_packed()):
            raise InvalidArchive("archive", expected=f"a whole {self._name} stream", actual="its end")
        self._packed = b""
        try:
            piece = self._stream.decompress(packed if self._stream.needs_input else b"", min(most, CHUNK))
        except (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, ValueError) as error:
            raise InvalidArchive("archive", expected=f"a sound {self._name} stream", actual=str(error)) from None
        self._unpacked_size += len(piece)
        if self._unpacked_size > self._limit:
            raise InvalidArchive("archive", expected=f"at most {self._limit} bytes unpacked", actual="more")
        return piece

    def _next_stream(self) -> None:
        """Begin the stream behind the one that has ended, if there is one."""
        packed = self._stream.unused_data or self._read_packed()
        while packed and not packed.strip(b"\x00"):
            packed = self._read_packed()
            if packed.strip(b"\x00"):
                raise InvalidArchive("archive", expected="nothing but zeros behind padding")
        if not packed:
            self._ended = True
            return
        if not self._streams_left:
            raise InvalidArchive("archive", expected="fewer compressed streams behind one another")
        self._streams_left -= 1
        self._stream = self._begin()
        self._packed = packed

    def _read_packed(self) -> bytes:
        self._file.seek(self._packed_at)
        packed = self._file.read(_PACKED_CHUNK)
        self._packed_at += len(packed)
        return packed
