"""How much an archive may ask of who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_KIBI: Final = 1024
_MEBI: Final = 1024 * _KIBI
_GIBI: Final = 1024 * _MEBI


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds on what is read, held in memory and unpacked; beyond them an archive is not valid."""

    entries: int = 100_000
    """Members, and headers that only describe a member."""
    unpacked_size: int = 16 * _GIBI
    """Bytes of all members together, or of the whole stream inside a compressed tar."""
    ratio: int = 200
    """Unpacked bytes for each packed one."""
    ratio_floor: int = 64 * _MEBI
    """What may be unpacked whatever the ratio: a small archive of zeros is no bomb."""
    entry_size: int = 16 * _MEBI
    """Bytes that are read into memory at once: a member, or all members that one call asks for."""
    directory_size: int = 32 * _MEBI
    """Bytes of a zip's central directory: its entries' names are held in memory."""
    header_size: int = 1 * _MEBI
    """Bytes of one extended header of a tar: a long name, or records of POSIX."""
    path_size: int = 4096
    """Bytes of a path, in UTF-8."""
    depth: int = 100
    """Segments of a path."""
    streams: int = 10_000
    """Compressed streams that one file may be put together from."""

    def unpacked(self, packed: int) -> int:
        """How many bytes may come out of *packed* ones."""
        return min(self.unpacked_size, max(self.ratio_floor, packed * self.ratio))


LIMITS: Final = ArchiveLimits()
"""What holds where nobody says otherwise."""
