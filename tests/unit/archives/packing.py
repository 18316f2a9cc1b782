"""Archives for tests: sound ones from the standard library, spoilt ones a header at a time."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from typing import Literal

Compression = Literal["", "gz", "bz2", "xz"]
COMPRESSIONS: tuple[Compression, ...] = ("", "gz", "bz2", "xz")


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content, method)
    return packed.getvalue()


def tar_of(files: dict[str, bytes], compression: Compression = "", form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{compression}", format=form) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


# --- zip, a header at a time ---


@dataclass(frozen=True)
class Member:
    """A member of a zip, with each thing that its headers may lie about."""

    name: bytes
    content: bytes = b""
    method: int = 8
    flags: int = 0x800
    size: int | None = None
    packed_size: int | None = None
    checksum: int | None = None
    mode: int = 0
    extra: bytes = b""
    disk: int = 0
    local: dict[str, object] = field(default_factory=dict)
    """What the local header says otherwise."""
    behind: bytes = b""

    @property
    def packed(self) -> bytes:
        if self.method != 8:
            return self.content
        deflater = zlib.compressobj(9, wbits=-15)
        return deflater.compress(self.content) + deflater.flush()

    def _facts(self) -> tuple[int, int, int]:
        return (
            zlib.crc32(self.content) if self.checksum is None else self.checksum,
            len(self.packed) if self.packed_size is None else self.packed_size,
            len(self.content) if self.size is None else self.size,
        )

    def local_header(self) -> bytes:
        said = replace(self, **self.local)  # type: ignore[arg-type]
        sizes = struct.pack("<3L2H", *said._facts(), len(said.name), len(said.extra))
        return b"PK\x03\x04" + struct.pack("<5H", 20, said.flags, said.method, 0, 33) + sizes + said.name + said.extra

    def central_header(self, offset: int) -> bytes:
        return (
            b"PK\x01\x02"
            + struct.pack("<6H", 0x31E, 20, self.flags, self.method, 0, 33)
            + struct.pack("<3L", *self._facts())
            + struct.pack("<5H2L", len(self.name), len(self.extra), 0, self.disk, 0, self.mode << 16, offset)
            + self.name
            + self.extra
        )


def end_record(count: int, size: int, offset: int, *, comment: bytes = b"", disk: int = 0) -> bytes:
    return b"PK\x05\x06" + struct.pack("<4H2LH", disk, disk, count, count, size, offset, len(comment)) + comment


def raw_zip(*members: Member, comment: bytes = b"", before: bytes = b"") -> bytes:
    """The members as they are, with a directory that lists them."""
    data = bytearray(before)
    directory = bytearray()
    for member in members:
        directory += member.central_header(len(data))
        data += member.local_header() + member.packed + member.behind
    return bytes(data + directory) + end_record(len(members), len(directory), len(data), comment=comment)


def overlapping_zip(count: int, content: bytes) -> bytes:
    """The bomb of a single kernel of content that every member of the directory points to."""
    member = Member(b"kernel", content)
    data = member.local_header() + member.packed
    directory = b"".join(replace(member, name=b"%06d" % each).central_header(0) for each in range(count))
    return data + directory + end_record(count, len(directory), len(data))


def wide_zip(member: Member, **lies: int) -> bytes:
    """An archive whose end record leaves everything to the ZIP64 record."""
    data = member.local_header() + member.packed
    directory = member.central_header(0)
    said = {"count": 1, "size": len(directory), "offset": len(data), "at": len(data) + len(directory)} | lies
    wide = b"PK\x06\x06" + struct.pack(
        "<Q2H2L4Q", 44, 45, 45, 0, 0, said["count"], said["count"], said["size"], said["offset"]
    )
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, said["at"], 1)
    return data + directory + wide + locator + end_record(said.get("narrow", 0xFFFF), 0xFFFFFFFF, 0xFFFFFFFF)


# --- tar, a header at a time ---


def header(
    name: bytes,
    size: int | bytes = 0,
    *,
    kind: bytes = b"0",
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
    mode: bytes = b"0000644\x00",
    checksum: bytes | None = None,
) -> bytes:
    said = size if isinstance(size, bytes) else b"%011o\x00" % size
    front = name.ljust(100, b"\x00") + mode + b"0000000\x00" * 2 + said + b"%011o\x00" % 0
    back = kind + bytes(100) + magic + bytes(80) + prefix.ljust(155, b"\x00")
    block = (front + b" " * 8 + back).ljust(512, b"\x00")
    said = b"%06o\x00 " % sum(block) if checksum is None else checksum
    return block[:148] + said + block[156:]


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def tar_member(name: bytes, content: bytes = b"", kind: bytes = b"0") -> bytes:
    return header(name, len(content), kind=kind) + padded(content)


def record(keyword: bytes, value: bytes) -> bytes:
    rest = b" " + keyword + b"=" + value + b"\n"
    size = len(rest)
    while len(b"%d" % size) + len(rest) != size:
        size = len(b"%d" % size) + len(rest)
    return b"%d" % size + rest


def extended(*records: bytes, kind: bytes = b"x") -> bytes:
    return tar_member(b"PaxHeaders/x", b"".join(records), kind)


def raw_tar(*parts: bytes) -> bytes:
    return b"".join(parts) + bytes(1024)
