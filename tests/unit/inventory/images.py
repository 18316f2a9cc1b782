"""Layers, databases and programs for tests, each made as its specification says."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from entrepot.inventory.images.stock import IMAGE_LIMITS, ImageLimits, Stock
from entrepot.inventory.inventory import Inventory

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

OS_RELEASE = b'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n'


def layer(files: Mapping[str, bytes | None], compression: str = "") -> bytes:
    """A tar; None makes a folder, and a link is a path that begins with ->."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            if content is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            elif content.startswith(b"->"):
                member.type, member.linkname = tarfile.SYMTYPE, content[2:].decode()
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    plain = packed.getvalue()
    if compression == "zstd":
        return zstd.compress(plain)
    return plain if not compression else zlib.compress(plain, wbits=31)


def stock_of(*layers: bytes, limits: ImageLimits = IMAGE_LIMITS) -> Inventory:
    """What is in an image of these layers."""
    stock = Stock(tempfile.TemporaryFile, limits)
    for each in layers:
        stock.add_layer(io.BytesIO(each))
    return stock.inventory()


def purls(inventory: Inventory) -> set[str]:
    return {str(each.purl) for each in inventory.components if each.purl is not None}


def dist_info(name: str, version: str, more: str = "") -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\nThe description: is no field\n".encode()


def package_json(name: str, version: str, **more: object) -> bytes:
    return json.dumps({"name": name, "version": version, **more}).encode()


def rpm_header(strings: Mapping[int, str], epoch: int | None = None) -> bytes:
    """https://rpm-software-management.github.io/rpm/manual/format_header.html, as the database has it."""
    index, data = b"", b""
    if epoch is not None:
        index += struct.pack(">4I", 1003, 4, len(data), 1)
        data += struct.pack(">I", epoch)
    for tag, text in strings.items():
        index += struct.pack(">4I", tag, 6, len(data), 1)
        data += text.encode() + b"\x00"
    return struct.pack(">2I", len(index) // 16, len(data)) + index + data


def rpm_database(headers: list[bytes], page_size: int = 4096) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rpmdb.sqlite"
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        connection.execute("CREATE TABLE Name (key TEXT NOT NULL, hnum INTEGER NOT NULL)")
        connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(header,) for header in headers])
        connection.commit()
        connection.close()
        return path.read_bytes()


def ndb_database(headers: list[bytes]) -> bytes:
    """What rpm keeps in Packages.db; of the second slot the package was removed."""
    pages = -(-(32 + 16 * (len(headers) + 1)) // 4096)
    slots, body = b"", b""
    for number, header in enumerate(headers, 1):
        size = -(-(16 + len(header) + 12) // 16)
        slots += struct.pack("<4s3I", b"Slot", number, (pages * 4096 + len(body)) // 16, size)
        head = struct.pack("<4s3I", b"BlbS", number, 1, len(header)) + header
        body += head.ljust(16 * size - 12, b"\x00") + struct.pack("<2I4s", zlib.adler32(head), len(header), b"BlbE")
        slots += struct.pack("<4s12x", b"Slot") if number == 1 else b""
    slots += struct.pack("<4s12x", b"Slot") * ((pages * 4096 - 32 - len(slots)) // 16)
    return struct.pack("<4s3I16x", b"RpmP", 0, 1, pages) + slots + body


def hash_database(headers: list[bytes], page_size: int = 4096, order: str = "<") -> bytes:
    """What rpm kept in Packages: a hash table of Berkeley DB, each value on pages of its own unless it is small."""
    meta = struct.pack(f"{order}8x4IBB", 0, 0x061561, 9, page_size, 0, 8).ljust(page_size, b"\x00")
    values = [b"\x2a\x00\x00\x00", *headers]
    tables: list[bytes] = []
    more: list[bytes] = []
    for number, value in enumerate(values):
        if len(value) < page_size // 4:
            item = b"\x01" + value
        else:
            room = page_size - 26
            first = 1 + len(values) + len(more)
            pieces = [value[at : at + room] for at in range(0, len(value), room)]
            for index, piece in enumerate(pieces):
                following = first + index + 1 if index + 1 < len(pieces) else 0
                head = struct.pack(f"{order}8x3I2HBB", first + index, 0, following, 1, len(piece), 0, 7)
                more.append((head + piece).ljust(page_size, b"\x00"))
            item = struct.pack(f"{order}B3xII", 3, first, len(value))
        key = b"\x01" + struct.pack(f"{order}I", number)
        places = struct.pack(f"{order}2H", page_size - len(key), page_size - len(key) - len(item))
        head = struct.pack(f"{order}8x3I2HBB", 1 + number, 0, 0, 2, page_size - len(key + item), 0, 13)
        tables.append((head + places).ljust(page_size - len(key + item), b"\x00") + item + key)
    return meta + b"".join(tables) + b"".join(more)


MARK = bytes(range(16))


def go_information(version: str, modules: str) -> bytes:
    """Build information as Go has written it since 1.18."""
    framed = MARK + modules.encode() + MARK if modules else b""
    texts = b"".join(_varint(len(text)) + text for text in (version.encode(), framed))
    return (b"\xff Go buildinf:" + bytes([8, 2])).ljust(32, b"\x00") + texts


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def older_go_program(version: str, modules: str) -> bytes:
    """Build information as Go wrote it before 1.18: pointers into the program's memory."""
    base, start = 0x400000, 64 + 56
    framed = MARK + modules.encode() + MARK
    place = start + -start % 16
    headers_at, texts_at = place + 32, place + 32 + 32
    information = b"\xff Go buildinf:" + bytes([8, 0]) + struct.pack("<QQ", base + headers_at, base + headers_at + 16)
    headers = struct.pack("<QQQQ", base + texts_at, len(version), base + texts_at + len(version), len(framed))
    data = information + headers + version.encode() + framed
    segment = struct.pack("<IIQQQQQQ", 1, 6, place, base + place, 0, len(data), len(data), 16)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\x00") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return ((header + segment).ljust(place, b"\x00") + data).ljust(2048, b"\x00")


def elf(sections: Mapping[str, bytes]) -> bytes:
    """A program with these sections and no code."""
    names = b"\x00"
    offsets = {}
    for name in (*sections, ".shstrtab"):
        offsets[name] = len(names)
        names += name.encode() + b"\x00"
    body = b""
    table = bytes(64)
    for name, content in (*sections.items(), (".shstrtab", names)):
        body += bytes(-(64 + len(body)) % 16)
        table += struct.pack("<IIQQQQIIQQ", offsets[name], 1, 0, 0, 64 + len(body), len(content), 0, 0, 16, 0)
        body += content
    count = len(sections) + 2
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\x00") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 64 + len(body), 0, 64, 56, 0, 64, count, count - 1
    )
    return (header + body + table).ljust(2048, b"\x00")


def pe(data: bytes, *, base: int = 0x140000000) -> bytes:
    """A program for Windows with one section that can be written to."""
    optional = (b"\x0b\x02" + bytes(22) + struct.pack("<Q", base)).ljust(112, b"\x00")
    coff = b"PE\x00\x00" + struct.pack("<HHIIIHH", 0x8664, 2, 0, 0, 0, len(optional), 0x22)
    start, place = 0x80, 0x400
    table = struct.pack("<8sIIIIIIHHI", b".text", 16, 0x1000, 16, 0x300, 0, 0, 0, 0, 0x60000020)
    table += struct.pack("<8sIIIIIIHHI", b".data", len(data), 0x2000, len(data), place, 0, 0, 0, 0, 0xC0000040)
    head = (b"MZ".ljust(60, b"\x00") + struct.pack("<I", start)).ljust(start, b"\x00")
    return ((head + coff + optional + table).ljust(place, b"\x00") + data).ljust(2048, b"\x00")


def mach(data: bytes, *, order: str = "<", section: bytes = b"__go_buildinfo") -> bytes:
    """A program for macOS with one segment of one section."""
    place, address = 0x400, 0x100004000
    segment = struct.pack(
        f"{order}II16sQQQQiiII", 0x19, 72 + 80, b"__DATA", address, len(data), place, len(data), 3, 3, 1, 0
    )
    segment += struct.pack(
        f"{order}16s16sQQIIIIIIII", section, b"__DATA", address, len(data), place, 4, 0, 0, 0, 0, 0, 0
    )
    other = struct.pack(f"{order}II", 0x1B, 24) + bytes(16)
    head = struct.pack(f"{order}IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 2, 2, len(other + segment), 0, 0)
    return ((head + other + segment).ljust(place, b"\x00") + data).ljust(2048, b"\x00")
