"""Programs that say what they were built from: Go's build information, and what ``cargo auditable`` leaves.

Both are in a program's file itself: in ELF (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html), in PE
(https://learn.microsoft.com/en-us/windows/win32/debug/pe-format) or in Mach-O (as ``mach-o/loader.h`` has it). Images
also carry programs for machines that are not their own.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

import msgspec

from entrepot.inventory.images.finding import Finding
from entrepot.model.component import Component
from entrepot.model.errors import InvalidMetadata, InvalidName
from entrepot.model.purl import Purl

if TYPE_CHECKING:
    from entrepot.archives.tar import Content
    from entrepot.inventory.images.finding import Scratch

_MEBI: Final = 1024 * 1024
_SIZE: Final = 1024 * _MEBI
_SMALLEST: Final = 1024
_ELF: Final = b"\x7fELF"
_LIBRARY: Final = re.compile(r"\.so(?:\.[0-9.]+)?$")
_OTHER: Final = (".py", ".js", ".json", ".html", ".txt", ".gz", ".png", ".svg", ".h", ".c", ".mo", ".pyc", ".md", ".o")
"""What is no program by its name, and there are many of."""
_TEXT: Final = 400
_MOST_MODULES: Final = 20_000


class ProgramReader:
    """Reads programs."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch

    def wants(self, path: str, size: int) -> bool:
        """Anything that may be a program; its first bytes tell."""
        return size >= _SMALLEST and not path.endswith(_OTHER) and _LIBRARY.search(path) is None

    def read(self, path: str, content: Content) -> Finding | None:
        """The modules that it was built from; None where it does not say."""
        chunks = content.chunks()
        first = next(chunks, b"")
        if not first.startswith((_ELF, _PE, *_MACH)):
            return None
        if content.size > _SIZE:
            return Finding(unread=f"{path}: a program of more than {_SIZE} bytes")
        with self._scratch() as file:
            file.write(first)
            for chunk in chunks:
                file.write(chunk)
            return read_program(file, path)


def read_program(file: BinaryIO, path: str) -> Finding | None:
    """What a program in *file* was built from. Raises `InvalidMetadata`."""
    file.seek(0)
    beginning = file.read(4)
    program: Program = Elf(file) if beginning == _ELF else Pe(file) if beginning[:2] == _PE else MachO(file)
    found: list[Component] = []
    information = _build_information(program)
    if information is not None:
        found += _go_modules(*information, path)
    if (packed := program.section(".dep-v0")) is not None:
        found += _rust_packages(packed, path)
    return Finding(tuple(found)) if found else None


# --- ELF ---


@dataclass(frozen=True, slots=True)
class _Section:
    name_at: int
    kind: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class _Segment:
    is_writable: bool
    offset: int
    address: int
    size: int


class Program(Protocol):
    """A program's file, of whatever form."""

    def section(self, name: str) -> bytes | None:
        """The content of a section; None where there is none of that name."""

    def data(self) -> bytes:
        """The beginning of what can be written to."""

    def at_address(self, address: int, size: int) -> bytes:
        """What is in memory at an address once the program is loaded; empty where there is nothing."""


class _File:
    """What the forms share: parts of the file, and where they are in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self.segments: list[_Segment] = []

    def data(self) -> bytes:
        """The beginning of what can be written to."""
        first = next((each for each in self.segments if each.is_writable), None)
        return b"" if first is None else self._at(first.offset, min(_SEARCHED, first.size))

    def at_address(self, address: int, size: int) -> bytes:
        """What is in memory at an address once the program is loaded; empty where there is nothing."""
        for each in self.segments:
            if each.address <= address < each.address + each.size:
                size = min(size, each.address + each.size - address)
                return self._at(each.offset + address - each.address, size)
        return b""

    def _read(self, offset: int, size: int) -> bytes:
        if size > _LARGEST_SECTION:
            raise InvalidMetadata("program", expected=f"sections of at most {_LARGEST_SECTION} bytes here")
        return self._at(offset, size)

    def _at(self, offset: int, size: int) -> bytes:
        if offset > self._size:
            return b""
        self._file.seek(offset)
        return self._file.read(min(size, self._size - offset))


_LOADED: Final = 1
_NO_BITS: Final = 8
_MOST_HEADERS: Final = 4_096
_LARGEST_SECTION: Final = 64 * _MEBI


class Elf(_File):
    """The headers of a file in ELF, 32 or 64 bits, of either byte order."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        head = self._at(0, 64)
        if len(head) < 52 or not head.startswith(_ELF):  # noqa: PLR2004 - the smaller of the two headers
            raise InvalidMetadata("program", expected="a whole header of ELF")
        self.wide = head[4] == 2  # noqa: PLR2004 - EI_CLASS
        self.order = "<" if head[5] == 1 else ">"
        form = f"{self.order}HHI{'QQQ' if self.wide else 'III'}IHHHHHH"
        if 16 + struct.calcsize(form) > len(head):
            raise InvalidMetadata("program", expected="a whole header of ELF")
        _, _, _, _, segments, sections, _, _, segment_size, segment_count, size, count, names = struct.unpack_from(
            form, head, 16
        )
        self.segments = list(self._segments(segments, segment_size, segment_count))
        self._sections = list(self._read_sections(sections, size, count))
        self._names = self._content(self._sections[names]) if names < len(self._sections) else b""

    def section(self, name: str) -> bytes | None:
        """The content of a section; None where there is none of that name."""
        wanted = name.encode() + b"\x00"
        for each in self._sections:
            if self._names[each.name_at : each.name_at + len(wanted)] == wanted:
                return self._content(each)
        return None

    def _segments(self, at: int, size: int, count: int) -> Iterator[_Segment]:
        form = f"{self.order}{'IIQQQQ' if self.wide else 'IIIIIII'}"
        for header in self._headers(at, size, count, form=form):
            if self.wide:
                kind, flags, offset, address, _, length = header
            else:
                kind, offset, address, _, length, _, flags = header
            if kind == _LOADED:
                yield _Segment(bool(flags & 2), offset, address, length)

    def _read_sections(self, at: int, size: int, count: int) -> Iterator[_Section]:
        form = f"{self.order}{'IIQQQQ' if self.wide else 'IIIIII'}"
        for name, kind, _, _, offset, length in self._headers(at, size, count, form=form):
            yield _Section(name, kind, offset, length)

    def _headers(self, at: int, size: int, count: int, *, form: str) -> Iterator[tuple[int, ...]]:
        if not at or not count:
            return
        if count > _MOST_HEADERS or size < struct.calcsize(form):
            raise InvalidMetadata("program", expected=f"at most {_MOST_HEADERS} headers of ELF", actual=count)
        data = self._at(at, size * count)
        for number in range(len(data) // size):
            yield struct.unpack_from(form, data, number * size)

    def _content(self, section: _Section) -> bytes:
        if section.kind == _NO_BITS:
            return b""
        return self._read(section.offset, section.size)


# --- PE ---

_PE: Final = b"MZ"
_PE_WRITABLE: Final = 0x80000000


class Pe(_File):
    """The headers of a file in PE, as Windows has its programs."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        head = self._at(0, 64)
        if len(head) < 64:  # noqa: PLR2004 - the header of DOS
            raise InvalidMetadata("program", expected="a whole header of PE")
        start = int.from_bytes(head[60:64], "little")
        coff = self._at(start, 24)
        if len(coff) < 24 or not coff.startswith(b"PE\x00\x00"):  # noqa: PLR2004 - signature and header
            raise InvalidMetadata("program", expected="a whole header of PE")
        count, optional_size = struct.unpack_from("<H", coff, 6)[0], struct.unpack_from("<H", coff, 20)[0]
        optional = self._at(start + 24, optional_size)
        base = 0
        if len(optional) >= 32:  # noqa: PLR2004 - as far as the address that it is loaded at
            wide = optional[:2] == b"\x0b\x02"
            (base,) = struct.unpack_from("<Q" if wide else "<I", optional, 24 if wide else 28)
        if count > _MOST_HEADERS:
            raise InvalidMetadata("program", expected=f"at most {_MOST_HEADERS} sections", actual=count)
        table = self._at(start + 24 + optional_size, 40 * count)
        self._sections: dict[bytes, tuple[int, int]] = {}
        for number in range(len(table) // 40):
            name, virtual, address, size, offset = struct.unpack_from("<8sIIII", table, 40 * number)
            (flags,) = struct.unpack_from("<I", table, 40 * number + 36)
            size = min(size, virtual) if virtual else size
            self._sections.setdefault(name.rstrip(b"\x00"), (offset, size))
            self.segments.append(_Segment(bool(flags & _PE_WRITABLE), offset, base + address, size))

    def section(self, name: str) -> bytes | None:
        """The content of a section; None where there is none of that name."""
        found = self._sections.get(name.encode()[:8])
        return None if found is None else self._read(*found)


# --- Mach-O ---

_MACH: Final = (b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xfe\xed\xfa\xce")
_MACH_SEGMENTS: Final = {0x19: True, 0x1: False}
"""The commands that load a segment, and whether it is of 64 bits."""
_LARGEST_COMMANDS: Final = 4 * _MEBI
_MACH_NAMES: Final = {".go.buildinfo": b"__go_buildinfo", ".dep-v0": b".dep-v0"}


class MachO(_File):
    """The headers of a file in Mach-O, as macOS has its programs; of one architecture."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        head = self._at(0, 32)
        if len(head) < 32 or not head.startswith(_MACH):  # noqa: PLR2004 - the larger of the two headers
            raise InvalidMetadata("program", expected="a whole header of Mach-O")
        self._order = "<" if head[0] != _MACH[2][0] else ">"
        wide = head[:4] in (_MACH[0], _MACH[2])
        count, size = struct.unpack_from(f"{self._order}II", head, 16)
        if count > _MOST_HEADERS or size > _LARGEST_COMMANDS:
            raise InvalidMetadata("program", expected=f"at most {_MOST_HEADERS} commands", actual=count)
        self._sections: dict[bytes, tuple[int, int]] = {}
        commands, at = self._at(32 if wide else 28, size), 0
        for _ in range(count):
            if len(commands) < at + 8:
                break
            command, length = struct.unpack_from(f"{self._order}II", commands, at)
            if command in _MACH_SEGMENTS:
                self._take(commands[at : at + length], wide=_MACH_SEGMENTS[command])
            at += max(length, 8)

    def _take(self, command: bytes, *, wide: bool) -> None:
        head = struct.Struct(f"{self._order}8x16s{'QQQQ' if wide else 'IIII'}iiII")
        part = struct.Struct(f"{self._order}16s16s{'QQI' if wide else 'III'}{'28x' if wide else '24x'}")
        if len(command) < head.size:
            return
        _, address, _, offset, size, _, writable, count, _ = head.unpack_from(command)
        self.segments.append(_Segment(bool(writable & 2), offset, address, size))
        for number in range(min(count, (len(command) - head.size) // part.size)):
            name, _, _, length, place = part.unpack_from(command, head.size + number * part.size)
            self._sections.setdefault(name.rstrip(b"\x00"), (place, length))

    def section(self, name: str) -> bytes | None:
        """The content of a section; None where there is none of that name."""
        found = self._sections.get(_MACH_NAMES.get(name, name.encode()))
        return None if found is None else self._read(*found)


# --- Go ---

_MARK: Final = b"\xff Go buildinf:"
_ALIGNED: Final = 16
_HEADER: Final = 32
_SEARCHED: Final = 64 * 1024
_LONGEST: Final = 8 * _MEBI


def _build_information(program: Program) -> tuple[str, str] | None:
    """Go's version and the modules, as ``debug/buildinfo`` of Go's own library reads them."""
    data = program.section(".go.buildinfo")
    if data is None:
        # Programs without a table of sections, and those in PE, have it at the beginning of what can be written to.
        data = program.data()
    at = data.find(_MARK)
    while at >= 0 and at % _ALIGNED:
        at = data.find(_MARK, at + 1)
    if at < 0 or len(data) < at + _HEADER:
        return None
    if data[at + 15] & 2:
        # Since 1.18 both texts are right behind.
        version, behind = _text(data, at + _HEADER)
        modules, _ = _text(data, behind)
    else:
        size = data[at + 14]
        order = ">" if data[at + 15] & 1 else "<"
        form = {4: f"{order}I", 8: f"{order}Q"}.get(size)
        if form is None:
            return None
        version = _pointed(program, struct.unpack_from(form, data, at + 16)[0], form)
        modules = _pointed(program, struct.unpack_from(form, data, at + 16 + size)[0], form)
    # The modules are between two marks of sixteen bytes.
    if len(modules) < 33 or modules[-17:-16] != b"\n":  # noqa: PLR2004 - both marks and a line feed
        modules = bytes(32)
    return version.decode("utf-8", "replace"), modules[16:-16].decode("utf-8", "replace")


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """A text behind its length, in groups of seven bits, and where the next one is."""
    length = shift = 0
    while at < len(data) and shift < 63:  # noqa: PLR2004 - 64 bits
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that there is more
            break
    end = min(at + length, len(data), at + _LONGEST)
    return data[at:end], end


def _pointed(program: Program, address: int, form: str) -> bytes:
    """A text as Go has it in memory: where it is, and how long."""
    size = struct.calcsize(form)
    header = program.at_address(address, 2 * size)
    if len(header) < 2 * size:
        return b""
    place, length = struct.unpack_from(form, header)[0], struct.unpack_from(form, header, size)[0]
    return program.at_address(place, min(length, _LONGEST))


_RELEASE: Final = re.compile(r"(?:devel )?go(?P<version>\d+(?:\.\d+)*(?:(?:rc|beta)\d+)?)")


def _go_modules(version: str, modules: str, path: str) -> Iterator[Component]:
    release = _RELEASE.match(version)
    if release is not None:
        yield _go_module("stdlib", release["version"], path)
    found: list[tuple[str, str]] = []
    for line in modules.split("\n")[:_MOST_MODULES]:
        kind, *fields = line.split("\t")
        if kind in ("mod", "dep") and len(fields) >= 2:  # noqa: PLR2004 - module and version
            found.append((fields[0], fields[1]))
        elif kind == "=>" and len(fields) >= 2 and found:  # noqa: PLR2004 - likewise
            found[-1] = (fields[0], fields[1])  # What was built is what the module was replaced by.
    for module, number in found:
        yield _go_module(module, number, path)


def _go_module(module: str, version: str, path: str) -> Component:
    namespace, _, name = module.rpartition("/")
    # Go does not know the version of what it was built in.
    known = None if version in ("", "(devel)") else version[:_TEXT]
    try:
        purl = Purl.of("golang", name[:_TEXT], known, namespace=namespace[:_TEXT] or None)
    except InvalidName:
        purl = None
    return Component(module[:_TEXT], known, purl, found_in=(path,))


# --- Rust ---


def _rust_packages(packed: bytes, path: str) -> Iterator[Component]:
    """https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md."""
    unpacker = zlib.decompressobj()
    try:
        said: Any = msgspec.json.decode(unpacker.decompress(packed, _LONGEST))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidMetadata(path, expected="JSON of cargo auditable", actual=str(error)[:200]) from error
    packages = said.get("packages") if isinstance(said, dict) else None
    for each in packages[:_MOST_MODULES] if isinstance(packages, list) else ():
        name, version = (each.get("name"), each.get("version")) if isinstance(each, dict) else (None, None)
        # What was only needed to build it is not in it.
        if isinstance(name, str) and isinstance(version, str) and name and each.get("kind") != "build":
            try:
                purl = Purl.of("cargo", name[:_TEXT], version[:_TEXT])
            except InvalidName:
                continue
            yield Component(name[:_TEXT], version[:_TEXT], purl, found_in=(path,))
