"""Programs that say what they were built from: Go's build information, and what ``cargo auditable`` leaves.

Both are in a program's file itself, in ELF (https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html).
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

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
        if not first.startswith(_ELF):
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
    elf = Elf(file)
    found: list[Component] = []
    information = _build_information(elf)
    if information is not None:
        found += _go_modules(*information, path)
    if (packed := elf.section(".dep-v0")) is not None:
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


_LOADED: Final = 1
_NO_BITS: Final = 8
_MOST_HEADERS: Final = 4_096
_LARGEST_SECTION: Final = 64 * _MEBI


class Elf:
    """The headers of a file in ELF, 32 or 64 bits, of either byte order."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
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

    def at_address(self, address: int, size: int) -> bytes:
        """What is in memory at an address once the program is loaded; empty where there is nothing."""
        for each in self.segments:
            if each.address <= address < each.address + each.size:
                size = min(size, each.address + each.size - address)
                return self._at(each.offset + address - each.address, size)
        return b""

    def beginning_of(self, segment: _Segment, size: int) -> bytes:
        """The first bytes of a segment."""
        return self._at(segment.offset, min(size, segment.size))

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
        if section.size > _LARGEST_SECTION:
            raise InvalidMetadata("program", expected=f"sections of at most {_LARGEST_SECTION} bytes here")
        return self._at(section.offset, section.size)

    def _at(self, offset: int, size: int) -> bytes:
        if offset > self._size:
            return b""
        self._file.seek(offset)
        return self._file.read(min(size, self._size - offset))


# --- Go ---

_MARK: Final = b"\xff Go buildinf:"
_ALIGNED: Final = 16
_HEADER: Final = 32
_SEARCHED: Final = 64 * 1024
_LONGEST: Final = 8 * _MEBI


def _build_information(elf: Elf) -> tuple[str, str] | None:
    """Go's version and the modules, as ``debug/buildinfo`` of Go's own library reads them."""
    data = elf.section(".go.buildinfo")
    if data is None:
        # Programs without a table of sections have it at the beginning of what can be written to.
        data = next((elf.beginning_of(each, _SEARCHED) for each in elf.segments if each.is_writable), b"")
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
        version = _pointed(elf, struct.unpack_from(form, data, at + 16)[0], form)
        modules = _pointed(elf, struct.unpack_from(form, data, at + 16 + size)[0], form)
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


def _pointed(elf: Elf, address: int, form: str) -> bytes:
    """A text as Go has it in memory: where it is, and how long."""
    size = struct.calcsize(form)
    header = elf.at_address(address, 2 * size)
    if len(header) < 2 * size:
        return b""
    place, length = struct.unpack_from(form, header)[0], struct.unpack_from(form, header, size)[0]
    return elf.at_address(place, min(length, _LONGEST))


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
