"""Zip archives (PKWARE's APPNOTE 6.3.10), read so that every reader would find the same members in them.

The standard library's reader takes what it can from a damaged or ambiguous archive.
This one refuses it: the members must fill the file from its first byte to the central directory, without overlap or
gap, and say in their own headers what the directory says of them.
So an archive cannot show one content to us and another to who installs it, and cannot unpack to more than it declares.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from entrepot.archives.entry import Entry, check_path, shown
from entrepot.archives.limits import LIMITS, ArchiveLimits
from entrepot.model.errors import InvalidArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

_END: Final = struct.Struct("<4s4H2LH")  # 4.3.16
_END_64: Final = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR_64: Final = struct.Struct("<4sLQL")  # 4.3.15
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")  # 4.3.12
_LOCAL: Final = struct.Struct("<4s5H3L2H")  # 4.3.7
_FIELD: Final = struct.Struct("<2H")  # 4.5.1
_CRC: Final = struct.Struct("<L")

_END_MARK: Final = b"PK\x05\x06"
_END_64_MARK: Final = b"PK\x06\x06"
_LOCATOR_64_MARK: Final = b"PK\x06\x07"
_CENTRAL_MARK: Final = b"PK\x01\x02"
_SIZE_AT: Final = 24  # in an entry of the directory: the uncompressed size
LOCAL_MARK: Final = b"PK\x03\x04"
_DESCRIPTOR_MARK: Final = b"PK\x07\x08"

_LONGEST_COMMENT: Final = 0xFFFF
_FEW_FIELDS: Final = 64
_FULL_16: Final = 0xFFFF
_FULL_32: Final = 0xFFFFFFFF
"""What a field holds when its value stands in the ZIP64 extension (4.4.1.4)."""

_ENCRYPTED: Final = 1 << 0 | 1 << 6 | 1 << 13
_PATCHED: Final = 1 << 5
_DESCRIBED_BEHIND: Final = 1 << 3
"""Checksum and sizes stand in a descriptor behind the content (4.3.9)."""

_STORED: Final = 0
_DEFLATED: Final = 8
_ZIP64: Final = 0x0001
_UNICODE_PATH: Final = 0x7075
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Member:
    """An entry, and what is needed to find and check its content."""

    entry: Entry
    method: int
    checksum: int
    packed: int
    offset: int
    """Of its local header."""

    @property
    def name(self) -> bytes:
        """As the headers say it."""
        return self.entry.path.encode() + (b"/" if self.entry.is_folder else b"")


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory is, and what the end record says of it."""

    start: int
    size: int
    count: int
    shift: int
    """What is to be added to offsets: bytes that stand before the archive and are not counted in it."""


def open_zip(file: BinaryIO, limits: ArchiveLimits = LIMITS, *, prepended: bool = False) -> ZipReader:
    """Read the directory of the archive in *file* and check all of it, but no content yet.

    With *prepended*, bytes before the first member are skipped, as in a self-extracting archive.
    *file* must stay open and is moved about in: one reader of it at a time.

    Raises `InvalidArchive`.
    """
    file_size = file.seek(0, io.SEEK_END)
    directory = _find_directory(file, file_size, limits)
    members = _read_directory(file, directory, limits)
    entries = [member.entry for member in members]
    _check_sizes(entries, file_size, limits)
    contents = _check_layout(file, members, directory, prepended=prepended)
    files: dict[str, tuple[_Member, int]] = {}
    folders: dict[str, Entry] = {}
    for member, content in zip(members, contents, strict=True):
        path = member.entry.path
        # A folder may be said twice (some builders of jars do); what has content may not.
        if path in files or (path in folders and not member.entry.is_folder):
            raise InvalidArchive(shown(path), expected="one member of each path")
        if member.entry.is_folder:
            folders[path] = member.entry
        else:
            files[path] = (member, content)
    return ZipReader(file, list({entry.path: entry for entry in entries}.values()), files, limits)


def could_unpack_to(content: bytes) -> int:
    """So many bytes at most are in the members of the archive that *content* would be: a glance, nothing is checked.

    Whatever could be an entry of a directory counts, with the size that it declares; a reader takes no more than that.
    """
    size, at = 0, content.find(_CENTRAL_MARK)
    while at >= 0:
        size += int.from_bytes(content[at + _SIZE_AT : at + _SIZE_AT + 4], "little")
        at = content.find(_CENTRAL_MARK, at + 1)
    return size


class ZipReader:
    """An opened zip archive whose directory has been checked; made by `open_zip`."""

    def __init__(
        self, file: BinaryIO, entries: list[Entry], files: dict[str, tuple[_Member, int]], limits: ArchiveLimits
    ) -> None:
        self._file = file
        self._entries = entries
        self._files = files
        self._limits = limits

    def entries(self) -> list[Entry]:
        """Every member, in the directory's order; no path twice."""
        return list(self._entries)

    def __contains__(self, path: str) -> bool:
        """Whether there is a file of this path."""
        found = self._files.get(path)
        return found is not None and found[0].entry.is_file

    def read(self, path: str, limit: int | None = None) -> bytes:
        """The content of the file at *path*, its checksum verified.

        Raises `InvalidArchive`, also if there is no such file or it is larger than *limit* (without one, than the
        limits let an entry be).
        """
        member, offset = self._find(path)
        limit = self._limits.entry_size if limit is None else limit
        if member.entry.size > limit:
            raise InvalidArchive(shown(path), expected=f"at most {limit} bytes", actual=member.entry.size)
        return b"".join(_chunks(self._file, member, offset))

    def open(self, path: str) -> BinaryIO:
        """The content of the file at *path* as a stream that cannot seek; memory does not grow with its size.

        Reading raises `InvalidArchive` when the content is not what was declared: read to the end before you trust
        the beginning.
        """
        member, offset = self._find(path)
        return cast("BinaryIO", io.BufferedReader(_Content(_chunks(self._file, member, offset)), _CHUNK))

    def _find(self, path: str) -> tuple[_Member, int]:
        if path not in self:
            raise InvalidArchive(shown(path), expected="a file of this path in the archive")
        return self._files[path]


# --- the end record -----------------------------------------------------------------------------------------------


def _find_directory(file: BinaryIO, file_size: int, limits: ArchiveLimits) -> _Directory:
    end = _find_end(file, file_size)
    _, disk, start_disk, disk_count, count, size, offset, _ = _END.unpack(_read_at(file, end, _END.size))
    if disk or start_disk or disk_count != count:
        raise InvalidArchive("end of central directory", expected="an archive of one part")
    directory_end = end
    if (wide := _find_wide_end(file, end)) is not None:
        directory_end, wide_count, wide_size, wide_offset = wide
        # Some readers look at the ZIP64 record only where a field is full, others always: both must see the same.
        if (
            count not in (wide_count, _FULL_16)
            or size not in (wide_size, _FULL_32)
            or offset not in (wide_offset, _FULL_32)
        ):
            raise InvalidArchive("ZIP64 end of central directory", expected="what the end record says")
        count, size, offset = wide_count, wide_size, wide_offset
    # Asked before anything of that size is read.
    if count > limits.entries:
        raise InvalidArchive("central directory", expected=f"at most {limits.entries} entries", actual=count)
    if size > limits.directory_size:
        raise InvalidArchive("central directory", expected=f"at most {limits.directory_size} bytes", actual=size)
    start = directory_end - size
    if start < 0 or offset > start:
        raise InvalidArchive("central directory", expected="to stand before its end record")
    if count * _CENTRAL.size > size:
        raise InvalidArchive("central directory", expected=f"room for {count} entries", actual=f"{size} bytes")
    return _Directory(start=start, size=size, count=count, shift=start - offset)


def _find_end(file: BinaryIO, file_size: int) -> int:
    """Where the end record is: the last one in the file, and the only one that could be meant."""
    tail_start = max(0, file_size - _END.size - _LONGEST_COMMENT)
    tail = _read_at(file, tail_start, file_size - tail_start)
    last = tail.rfind(_END_MARK)
    if last < 0:
        raise InvalidArchive("end of central directory", expected="a zip archive")
    if not _ends_here(tail, last):
        raise InvalidArchive("end of central directory", expected="a whole archive and nothing behind it")
    # A second record, with the first in its comment, is an archive to readers that search from the front.
    at = tail.find(_END_MARK)
    while at < last:
        if _ends_here(tail, at):
            raise InvalidArchive("end of central directory", expected="one of them")
        at = tail.find(_END_MARK, at + 1)
    return tail_start + last


def _ends_here(tail: bytes, at: int) -> bool:
    """Whether an end record at *at* has a comment that reaches exactly to the end of the file."""
    behind = len(tail) - at - _END.size
    return behind >= 0 and int.from_bytes(tail[at + _END.size - 2 : at + _END.size], "little") == behind


def _find_wide_end(file: BinaryIO, end: int) -> tuple[int, int, int, int] | None:
    """Where the ZIP64 end record begins, and its count, size and offset; None where there is no locator."""
    locator = end - _LOCATOR_64.size
    if locator < 0:
        return None
    mark, disk, offset, disks = _LOCATOR_64.unpack(_read_at(file, locator, _LOCATOR_64.size))
    if mark != _LOCATOR_64_MARK:
        return None
    start = locator - _END_64.size
    where = "ZIP64 end of central directory"
    # The locator's offset does not count bytes that stand before the archive; it cannot point behind the record.
    if disk or disks > 1 or start < 0 or offset > start:
        raise InvalidArchive(where, expected="right before its locator")
    mark, size, _, _, disk, start_disk, disk_count, count, directory_size, directory_offset = _END_64.unpack(
        _read_at(file, start, _END_64.size)
    )
    if mark != _END_64_MARK or size != _END_64.size - 12:
        raise InvalidArchive(where, expected="right before its locator, without extensions")
    if disk or start_disk or disk_count != count:
        raise InvalidArchive(where, expected="an archive of one part")
    if offset != directory_offset + directory_size:
        raise InvalidArchive(where, expected="right behind the central directory")
    return start, count, directory_size, directory_offset


# --- the central directory ----------------------------------------------------------------------------------------


def _read_directory(file: BinaryIO, directory: _Directory, limits: ArchiveLimits) -> list[_Member]:
    data = _read_at(file, directory.start, directory.size)
    members = []
    at = 0
    for number in range(directory.count):
        member, at = _read_central(data, at, directory.shift, limits=limits, number=number)
        members.append(member)
    if at != len(data):
        raise InvalidArchive("central directory", expected=f"{directory.count} entries and nothing behind them")
    return members


def _read_central(data: bytes, at: int, shift: int, *, limits: ArchiveLimits, number: int) -> tuple[_Member, int]:
    if at + _CENTRAL.size > len(data) or not data.startswith(_CENTRAL_MARK, at):
        raise InvalidArchive(f"central directory, entry {number}", expected="a central directory header")
    (
        _, _, _, flags, method, _, _, checksum, packed, size,
        name_size, extra_size, comment_size, disk, _, attributes, offset,
    ) = _CENTRAL.unpack_from(data, at)  # fmt: skip
    name_end = at + _CENTRAL.size + name_size
    extra_end = name_end + extra_size
    end = extra_end + comment_size
    if end > len(data):
        raise InvalidArchive(f"central directory, entry {number}", expected="a whole entry")
    name = data[at + _CENTRAL.size : name_end]
    fields = _read_extra(data[name_end:extra_end], name)
    size, packed, offset, disk = _widen(
        fields.get(_ZIP64),
        ((size, 8, _FULL_32), (packed, 8, _FULL_32), (offset, 8, _FULL_32), (disk, 4, _FULL_16)),
        name,
    )
    if disk:
        raise InvalidArchive(shown(name), expected="an archive of one part")
    if flags & _ENCRYPTED:
        raise InvalidArchive(shown(name), expected="a member that is not encrypted")
    if flags & _PATCHED:
        raise InvalidArchive(shown(name), expected="a member, not a patch to one")
    if method not in (_STORED, _DEFLATED):
        raise InvalidArchive(shown(name), expected="compression method 0 (stored) or 8 (deflated)", actual=method)
    if method == _STORED and packed != size:
        raise InvalidArchive(shown(name), expected=f"{size} bytes, as it is stored", actual=packed)
    _check_unicode_path(fields.get(_UNICODE_PATH), name)
    entry = _entry(name, size, attributes >> 16, limits)
    return _Member(entry, method, checksum, packed, offset + shift), end


def _entry(name: bytes, size: int, mode: int, limits: ArchiveLimits) -> Entry:
    try:
        # Without the flag for UTF-8 some readers take names as code page 437: to ASCII that makes no difference.
        text = name.decode()
    except UnicodeDecodeError:
        raise InvalidArchive(shown(name), expected="a path in UTF-8") from None
    is_folder = text.endswith("/")
    path = check_path(text.removesuffix("/"), limits)
    kind = stat.S_IFMT(mode)
    if is_folder and (size or kind not in (0, stat.S_IFDIR)):
        raise InvalidArchive(shown(name), expected="a folder, as the / at its end says")
    if kind == stat.S_IFDIR and not is_folder:
        raise InvalidArchive(shown(name), expected="a / at the end of a folder's path")
    return Entry(
        path=path,
        size=size,
        is_file=not is_folder and kind in (0, stat.S_IFREG),
        is_folder=is_folder,
        is_link=kind == stat.S_IFLNK,
    )


def _read_extra(extra: bytes, name: bytes) -> dict[int, bytes]:
    """The fields that change what a header means."""
    fields: dict[int, bytes] = {}
    at = 0
    # Up to three bytes at the end are padding: tools align content with them.
    while at + _FIELD.size <= len(extra):
        kind, size = _FIELD.unpack_from(extra, at)
        at += _FIELD.size
        if at + size > len(extra):
            raise InvalidArchive(shown(name), expected="extra fields that fit their header")
        if kind in (_ZIP64, _UNICODE_PATH):
            if kind in fields:
                raise InvalidArchive(shown(name), expected="one extra field of a kind", actual=f"two of {kind:#06x}")
            fields[kind] = extra[at : at + size]
        at += size
    return fields


def _widen(field: bytes | None, values: tuple[tuple[int, int, int], ...], name: bytes) -> list[int]:
    """The values of a header, each that is full replaced by the next one of its ZIP64 field (4.5.3).

    A full value without a field is what it is: archives of just under 4 GiB exist.
    """
    if field is None:
        return [value for value, _, _ in values]
    widened = []
    at = 0
    for value, width, full in values:
        if value != full:
            widened.append(value)
            continue
        if at + width > len(field):
            raise InvalidArchive(shown(name), expected="a ZIP64 field with every size that the header leaves to it")
        widened.append(int.from_bytes(field[at : at + width], "little"))
        at += width
    return widened


def _check_unicode_path(field: bytes | None, name: bytes) -> None:
    """Info-ZIP's second name of a member is taken by some readers and not by others."""
    if field is not None and field[5:] != name:
        raise InvalidArchive(shown(name), expected="one name", actual=shown(field[5:]))


def _check_sizes(entries: list[Entry], file_size: int, limits: ArchiveLimits) -> None:
    unpacked = sum(entry.size for entry in entries)
    if unpacked > limits.unpacked(file_size):
        raise InvalidArchive(
            "all members together",
            expected=f"at most {limits.unpacked(file_size)} bytes unpacked from {file_size}",
            actual=unpacked,
        )


# --- the members' own headers -------------------------------------------------------------------------------------


def _check_layout(file: BinaryIO, members: list[_Member], directory: _Directory, *, prepended: bool) -> list[int]:
    """Where each member's content begins, once they are known to fill the file up to the directory.

    Who reads from the front, member by member, then finds what the directory lists and nothing else; and no bytes
    are unpacked twice, which is what a bomb of overlapping members is made of.
    """
    order = sorted(range(len(members)), key=lambda index: members[index].offset)
    first = members[order[0]].offset if order else directory.start
    if not prepended and (first or directory.shift):
        raise InvalidArchive("archive", expected="to begin with its first member", actual=f"{first} bytes before it")
    contents = [0] * len(members)
    for place, index in enumerate(order):
        following = members[order[place + 1]].offset if place + 1 < len(order) else directory.start
        contents[index] = _check_member(file, members[index], following)
    return contents


def _check_member(file: BinaryIO, member: _Member, following: int) -> int:
    """Where the content begins, once the member is known to end where the *following* one begins."""
    if member.offset + _LOCAL.size > following:
        raise _overlap(member)
    # Almost always the name is as long as in the directory and everything comes in one read.
    head = _read_at(file, member.offset, min(_LOCAL.size + len(member.name) + _FEW_FIELDS, following - member.offset))
    mark, _, flags, method, _, _, checksum, packed, size, name_size, extra_size = _LOCAL.unpack_from(head)
    if mark != LOCAL_MARK:
        raise _disagreement(member, "a local header where the central directory says")
    head_size: int = _LOCAL.size + name_size + extra_size
    if member.offset + head_size + member.packed > following:
        raise _overlap(member)
    if head_size > len(head):
        head = _read_at(file, member.offset, head_size)
    name = head[_LOCAL.size : _LOCAL.size + name_size]
    if name != member.name or method != member.method or flags & _ENCRYPTED:
        raise _disagreement(member, "a local header that agrees with the central directory")
    fields = _read_extra(head[_LOCAL.size + name_size : head_size], name)
    _check_unicode_path(fields.get(_UNICODE_PATH), name)
    size, packed = _widen(fields.get(_ZIP64), ((size, 8, _FULL_32), (packed, 8, _FULL_32)), name)
    described_behind = bool(flags & _DESCRIBED_BEHIND)
    # Who writes to a pipe knows none of the three yet and leaves them 0 (4.4.4), or full.
    unknown = (0, _FULL_32) if described_behind else ()
    right = (member.checksum, member.packed, member.entry.size)
    if any(said != known and said not in unknown for said, known in zip((checksum, packed, size), right, strict=True)):
        raise _disagreement(member, "the sizes and checksum of the central directory in the local header")
    content = member.offset + head_size
    _check_behind(file, member, content + member.packed, following, descriptor=described_behind)
    return content


def _check_behind(file: BinaryIO, member: _Member, end: int, following: int, *, descriptor: bool) -> None:
    """Nothing but its descriptor, where it has one, stands between a member and the *following* one."""
    gap = following - end
    forms = _descriptors((member.checksum, member.packed, member.entry.size)) if descriptor else [b""]
    if all(gap != len(form) for form in forms) or (gap and _read_at(file, end, gap) not in forms):
        raise InvalidArchive(
            shown(member.name), expected="the next member right behind this one", actual=f"{gap} bytes between them"
        )


def _overlap(member: _Member) -> InvalidArchive:
    return InvalidArchive(shown(member.name), expected="members that do not overlap")


def _disagreement(member: _Member, expected: str) -> InvalidArchive:
    return InvalidArchive(shown(member.name), expected=expected)


def _descriptors(values: tuple[int, int, int]) -> list[bytes]:
    """Every form of the descriptor behind a member's content (4.3.9)."""
    forms = []
    for layout in ("<L2L", "<L2Q"):
        try:
            descriptor = struct.pack(layout, *values)
        except struct.error:  # too large for the narrow form
            continue
        forms += [descriptor, _DESCRIPTOR_MARK + descriptor]
    return forms


# --- content ------------------------------------------------------------------------------------------------------


def _chunks(file: BinaryIO, member: _Member, offset: int) -> Iterator[bytes]:
    """The content of a member, a piece at a time, held to its declared size and checksum."""
    size = checksum = 0
    for chunk in _inflated(file, member, offset) if member.method == _DEFLATED else _stored(file, member, offset):
        size += len(chunk)
        if size > member.entry.size:
            break
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if size != member.entry.size:
        actual = f"more than {member.entry.size}" if size > member.entry.size else size
        raise InvalidArchive(
            shown(member.entry.path), expected=f"{member.entry.size} bytes, as declared", actual=actual
        )
    if checksum != member.checksum:
        raise InvalidArchive(
            shown(member.entry.path), expected=f"CRC-32 {member.checksum:08x}", actual=f"{checksum:08x}"
        )


def _stored(file: BinaryIO, member: _Member, offset: int) -> Iterator[bytes]:
    for at in range(0, member.packed, _CHUNK):
        yield _read_at(file, offset + at, min(_CHUNK, member.packed - at))


def _inflated(file: BinaryIO, member: _Member, offset: int) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    at = 0
    while not inflater.eof:
        packed = inflater.unconsumed_tail
        if not packed:
            packed = _read_at(file, offset + at, min(_CHUNK, member.packed - at))
            at += len(packed)
        try:
            chunk = inflater.decompress(packed, _CHUNK)
        except zlib.error as error:
            raise InvalidArchive(shown(member.entry.path), expected="deflated content", actual=str(error)) from None
        if chunk:
            yield chunk
        elif not packed:
            raise InvalidArchive(shown(member.entry.path), expected="deflated content that ends")
    if inflater.unused_data or at != member.packed:
        raise InvalidArchive(shown(member.entry.path), expected="nothing behind the deflated content")


class _Content(io.RawIOBase):
    """Pieces as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise InvalidArchive("archive", expected=f"{size} bytes at {offset}", actual=f"{len(data)}, then its end")
    return data
