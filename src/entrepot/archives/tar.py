"""Tar archives (POSIX.1-2017, pax, "ustar Interchange Format"; GNU's long names), in one pass from front to back.

The standard library's reader believes sizes and reads an extended header of any size into memory, and where two
readers could take an archive for two different things it settles for one of them.
This one believes nothing, holds one header at a time, and refuses what is ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO, Final

from entrepot.archives.entry import Entry, check_path, shown
from entrepot.archives.limits import LIMITS, ArchiveLimits
from entrepot.archives.stream import CHUNK, Unpacked, open_unpacked
from entrepot.model.errors import InvalidArchive

_BLOCK: Final = 512
_ZEROS: Final = bytes(_BLOCK)
_OCTAL: Final = re.compile(rb" *([0-7]*)[ \x00]*")
_USTAR: Final = b"ustar\x00"
_MAGICS: Final = (_USTAR, b"ustar ", bytes(6))
"""POSIX, GNU, and what was before both."""

_SIZE: Final = slice(124, 136)
_OTHER_NUMBERS: Final = {
    "mode": slice(100, 108),
    "owner": slice(108, 116),
    "group": slice(116, 124),
    "time": slice(136, 148),
    "major device": slice(329, 337),
    "minor device": slice(337, 345),
}

_FILES: Final = frozenset(b"0\x007")
_HARD_LINK: Final = ord("1")
_SYMBOLIC_LINK: Final = ord("2")
_FOLDER: Final = ord("5")
_NEITHER: Final = frozenset(b"346")  # character device, block device, pipe
_SPARSE: Final = ord("S")
_LONG_NAME: Final = ord("L")
_LONG_LINK: Final = ord("K")
_RECORDS: Final = ord("x")
_RECORDS_FOR_ALL: Final = ord("g")

_RECORD: Final = re.compile(rb"([1-9][0-9]{0,9}) ")
_NEGATIVE: Final = 0xFF
_BINARY: Final = (0x80, _NEGATIVE)
"""How GNU's numbers begin, which say in binary what octal digits cannot."""
_LONGEST_SIZE: Final = 20
_FULL: Final = 8**11
"""The first size that eleven octal digits cannot say."""


@dataclass(slots=True)
class _Extended:
    """What headers before the member's own say of it."""

    said: set[int] = field(default_factory=set)
    path: bytes | None = None
    size: int | None = None


class Content:
    """The content of a member of a tar, while it is that member's turn."""

    def __init__(self, source: Unpacked, entry: Entry, limits: ArchiveLimits) -> None:
        self._source = source
        self._entry = entry
        self._limits = limits
        self._left = entry.size
        self._over = False

    @property
    def size(self) -> int:
        """How many bytes it has in all."""
        return self._entry.size

    def read(self, limit: int | None = None) -> bytes:
        """What is left of the content, whole.

        Raises `InvalidArchive`, also if it is larger than *limit* (without one, than the limits let an entry be).
        """
        limit = self._limits.entry_size if limit is None else limit
        if self._entry.size > limit:
            raise InvalidArchive(shown(self._entry.path), expected=f"at most {limit} bytes", actual=self._entry.size)
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """What is left of the content, a piece at a time; memory does not grow with its size.

        Raises `InvalidArchive`.
        """
        while self._left:
            if self._over:
                raise RuntimeError(f"the archive has moved on from {self._entry.path!r}")
            chunk = _read_exactly(self._source, min(self._left, CHUNK), self._entry.path)
            self._left -= len(chunk)
            yield chunk

    def _finish(self) -> None:
        """Pass over what nobody read, and the padding to the next header."""
        self._over = True
        self._source.skip(self._left + -self._entry.size % _BLOCK)


def open_tar(file: BinaryIO, limits: ArchiveLimits = LIMITS) -> TarReader:
    """An archive whose compression is known by its first bytes: none, gzip, bzip2 or xz.

    *file* must stay open and is moved about in: one reader of it at a time.

    Raises `InvalidArchive`.
    """
    return TarReader(open_unpacked(file, limits), limits)


def open_layer(file: BinaryIO, limits: ArchiveLimits = LIMITS) -> TarReader:
    """A layer of a container's image (OCI image specification, "Image Layer Filesystem Changeset"); zstd, too.

    Its paths are what any system may call a file, and are taken as who unpacks it takes them: below the image's root,
    whatever they say. A path may come twice; the last one counts.

    Raises `InvalidArchive`.
    """
    return TarReader(open_unpacked(file, limits, zstd=True), limits, rooted=True)


class TarReader:
    """An opened tar archive; made by `open_tar` or `open_layer`."""

    def __init__(self, source: Unpacked, limits: ArchiveLimits, *, rooted: bool = False) -> None:
        self._source = source
        self._limits = limits
        self._headers_left = limits.entries
        self._rooted = rooted

    def walk(self) -> Iterator[tuple[Entry, Content]]:
        """Each member with its content, which can be read until the next member is asked for.

        Can be done once.
        That the archive is whole is known when the iterator has ended.

        Raises `InvalidArchive`.
        """
        seen: dict[bytes, bool] = {}
        while (entry := self._next_entry()) is not None:
            content = Content(self._source, entry, self._limits)
            # The folder that everything is in is no member.
            if entry.path:
                if not self._rooted:
                    # Digests take the same room however long the paths are. A folder may be said twice.
                    mark = blake2b(entry.path.encode(), digest_size=16).digest()
                    if mark in seen and not (seen[mark] and entry.is_folder):
                        raise InvalidArchive(shown(entry.path), expected="one member of each path")
                    seen[mark] = entry.is_folder
                yield entry, content
            content._finish()  # noqa: SLF001  # the walk and its contents are one thing
        self._check_end()

    def _next_entry(self) -> Entry | None:
        """The next member; None where the archive says that it ends."""
        extended = _Extended()
        while (header := self._next_header()) is not None:
            kind = header[156]
            if kind not in (_LONG_NAME, _LONG_LINK, _RECORDS, _RECORDS_FOR_ALL):
                return _entry(header, extended, self._limits, rooted=self._rooted)
            self._extend(extended, header, kind)
        if extended.said:
            raise InvalidArchive("archive", expected="a member behind its extended header", actual="its end")
        return None

    def _next_header(self) -> bytes | None:
        header = _read_exactly(self._source, _BLOCK, "archive")
        if header == _ZEROS:
            return None
        if not self._headers_left:
            raise InvalidArchive("archive", expected=f"at most {self._limits.entries} members")
        self._headers_left -= 1
        said = _octal(header[148:156], "checksum of a header")
        without = header[:148] + b" " * 8 + header[156:]
        # Some old writers summed signed characters.
        if said != (total := sum(without)) and said != total - 256 * sum(byte >> 7 for byte in without):
            raise InvalidArchive(shown(_until_nul(header[:100])), expected="a tar header with its checksum")
        for name, place in _OTHER_NUMBERS.items():
            # They say nothing to us; but where one is no number, there are readers that take the archive to end here.
            if header[place.start] not in _BINARY:
                _octal(header[place], f"{name} of a member")
        return header

    def _extend(self, extended: _Extended, header: bytes, kind: int) -> None:
        """Read an extended header and add what it says to what was said before it."""
        name = f"extended header {chr(kind)!r}"
        size = _size(header[_SIZE], name)
        if size > self._limits.header_size:
            raise InvalidArchive(name, expected=f"at most {self._limits.header_size} bytes", actual=size)
        # Each kind once, and no size for what could be taken for the member: another extended header.
        if kind in extended.said or extended.size is not None:
            raise InvalidArchive(name, expected="one of each kind before a member, sizes in the last of them")
        data = _read_exactly(self._source, size, name)
        self._source.skip(-size % _BLOCK)
        if kind == _RECORDS_FOR_ALL:
            if _meanings(data):
                raise InvalidArchive(name, expected="no path, size or link for all members at once")
            return
        extended.said.add(kind)
        if kind == _LONG_NAME:
            if extended.path is not None:
                raise InvalidArchive(name, expected="one long name", actual=shown(extended.path))
            extended.path = _until_nul(data)
        elif kind == _RECORDS:
            _take(_meanings(data), extended)

    def _check_end(self) -> None:
        """What is behind the block of zeros that ends an archive is more zeros."""
        while chunk := self._source.read(CHUNK):
            if chunk.strip(b"\x00"):
                raise InvalidArchive("archive", expected="nothing but zeros behind its end")


def read_members(
    file: BinaryIO,
    wanted: Callable[[str], bool] | Collection[str],
    limits: ArchiveLimits = LIMITS,
    *,
    whole: bool = False,
) -> dict[str, bytes]:
    """The contents of the files whose paths are *wanted*; a path that the archive does not have is left out.

    Given paths, it stops when it has them all, unless the *whole* archive is to be checked too: only then, or with a
    function, is it known that the archive does not hold a second file of the same path further on, which is the one
    that extracting would leave.
    All contents together are held to the size that the limits let an entry be.

    Raises `InvalidArchive`, also where a link or a device stands at a path that is wanted.
    """
    wants = wanted if callable(wanted) else set(wanted).__contains__
    enough = None if whole or callable(wanted) else len(set(wanted))
    found: dict[str, bytes] = {}
    left = limits.entry_size
    for entry, content in open_tar(file, limits).walk() if enough != 0 else ():
        if entry.is_folder or not wants(entry.path):
            continue
        if not entry.is_file:
            raise InvalidArchive(shown(entry.path), expected="a file, no link or device")
        found[entry.path] = content.read(left)
        left -= entry.size
        if len(found) == enough:
            break
    return found


# --- headers ------------------------------------------------------------------------------------------------------


def _entry(header: bytes, extended: _Extended, limits: ArchiveLimits, *, rooted: bool) -> Entry:
    kind = header[156]
    raw = _path(header) if extended.path is None else extended.path
    size = _size(header[_SIZE], shown(raw))
    if extended.size is not None:
        # Readers that know no extended headers go on from where the header's own size leads them.
        if extended.size != size and extended.size < _FULL:
            raise InvalidArchive(shown(raw), expected="one size in header and extended header", actual=extended.size)
        size = extended.size
    if kind == _SPARSE:
        raise InvalidArchive(shown(raw), expected="a file that is not sparse")
    if kind not in _FILES and kind not in _NEITHER and kind not in (_HARD_LINK, _SYMBOLIC_LINK, _FOLDER):
        raise InvalidArchive(shown(raw), expected="a file, folder, link, device or pipe", actual=f"type {kind:#04x}")
    # Before there was a type for them, folders were files whose path ends with a slash.
    is_folder = kind == _FOLDER or (kind == 0 and raw.endswith(b"/"))
    # Some readers ask that of the header's own path even where an extended header gives another.
    if kind == 0 and is_folder != _path(header).endswith(b"/"):
        raise InvalidArchive(shown(raw), expected="a type that says whether this is a file or a folder")
    if size and (is_folder or kind not in _FILES):
        raise InvalidArchive(shown(raw), expected="no content, as it is not a file", actual=f"{size} bytes")
    return Entry(
        path=_below_root(raw) if rooted else _checked(raw, limits, is_folder=is_folder),
        size=size,
        is_file=kind in _FILES and not is_folder,
        is_folder=is_folder,
        is_link=kind in (_HARD_LINK, _SYMBOLIC_LINK),
    )


def _checked(raw: bytes, limits: ArchiveLimits, *, is_folder: bool) -> str:
    """The path as others say it: without the ``./`` that archives of a working directory begin with."""
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        raise InvalidArchive(shown(raw), expected="a path in UTF-8") from None
    if is_folder:
        path = path.removesuffix("/")
        if path == ".":
            return ""
    return check_path(path.removeprefix("./"), limits)


def _below_root(raw: bytes) -> str:
    """Where a runtime puts it: no path leads out of the image, and what is no Unicode is still a name."""
    segments: list[str] = []
    for segment in raw.decode("utf-8", "backslashreplace").split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return "/".join(segments)


def _path(header: bytes) -> bytes:
    magic = header[257:263]
    name = _until_nul(header[:100])
    prefix = _until_nul(header[345:500])
    if magic not in _MAGICS:
        raise InvalidArchive(shown(name), expected="a header of POSIX, GNU or the seventh edition", actual=ascii(magic))
    if not prefix:
        return name
    # In other headers there are other things there, which some readers nevertheless put before the name.
    if magic != _USTAR:
        raise InvalidArchive(shown(name), expected="a prefix of the path in headers of POSIX alone")
    return prefix + b"/" + name


def _size(text: bytes, name: str) -> int:
    if text[0] not in _BINARY:
        return _octal(text, name)
    if text[0] == _NEGATIVE:
        raise InvalidArchive(name, expected="a size that is not negative and below 2^88")
    return int.from_bytes(text[1:], "big")


def _octal(text: bytes, name: str) -> int:
    found = _OCTAL.fullmatch(text)
    if found is None:
        raise InvalidArchive(name, expected="a number in octal digits", actual=ascii(text))
    return int(found[1] or b"0", 8)


def _until_nul(text: bytes) -> bytes:
    return text.partition(b"\x00")[0]


# --- records ------------------------------------------------------------------------------------------------------


_MEANINGFUL: Final = frozenset({b"path", b"linkpath", b"size"})


def _meanings(data: bytes) -> dict[bytes, bytes]:
    """What the records of an extended header say of path, link and size; times, owners and comments are passed over.

    A record is ``22 path=some/where/far`` and a line feed, its own length first.
    """
    meanings: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        found = _RECORD.match(data, at)
        end = at + int(found[1]) if found else 0
        keyword, equals, value = data[found.end() : end - 1].partition(b"=") if found else (b"", b"", b"")
        if not keyword or not equals or end > len(data) or data[end - 1] != ord("\n"):
            raise InvalidArchive("extended header", expected='records of the form "length keyword=value"')
        if keyword.startswith(b"GNU.sparse.") or keyword == b"SCHILY.realsize":
            raise InvalidArchive("extended header", expected="a file that is not sparse", actual=shown(keyword))
        if keyword in _MEANINGFUL:
            # An empty value takes an earlier one back, to some readers; of two values they take one or the other.
            if not value or keyword in meanings:
                raise InvalidArchive("extended header", expected="one value", actual=shown(keyword))
            meanings[keyword] = value
        at = end
    return meanings


def _take(meanings: dict[bytes, bytes], extended: _Extended) -> None:
    """Add what records say to what is known of the member."""
    if (path := meanings.get(b"path")) is not None:
        if extended.path is not None:
            raise InvalidArchive(shown(path), expected="one long name", actual=shown(extended.path))
        extended.path = path
    if (size := meanings.get(b"size")) is not None:
        if len(size) > _LONGEST_SIZE or not size.isdigit():
            raise InvalidArchive("extended header", expected="a size in decimal digits", actual=shown(size))
        extended.size = int(size)


def _read_exactly(source: Unpacked, size: int, name: str) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise InvalidArchive(shown(name), expected=f"{size} more bytes", actual=f"{len(data)}, then its end")
    return data
