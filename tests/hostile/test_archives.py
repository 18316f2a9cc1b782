"""Archives made up and spoilt: the only answer is the content or `InvalidArchive`, soon, and in little memory."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.archives.entry import check_path, folded_duplicates
from entrepot.archives.tar import open_tar, read_members
from entrepot.archives.zip import open_zip
from entrepot.model.errors import InvalidArchive
from tests.hostile.effort import fuzz
from tests.unit.archives.packing import (
    COMPRESSIONS,
    Member,
    end_record,
    extended,
    header,
    padded,
    raw_tar,
    raw_zip,
    record,
    tar_member,
    tar_of,
    wide_zip,
    zip_of,
)

KIBI: Final = 1024
MEBI: Final = 1024 * KIBI
LONG: Final = 20
"""Seconds of the processor that nothing here may take: many times what it takes, for machines that are busy."""

Read = Callable[[bytes], dict[str, bytes] | None]


def read_zip(data: bytes) -> dict[str, bytes] | None:
    """Every file by both ways of reading; None where the archive is refused."""
    try:
        reader = open_zip(io.BytesIO(data))
        folded_duplicates(reader.entries())
        files = [entry for entry in reader.entries() if entry.is_file]
        whole = {entry.path: reader.read(entry.path) for entry in files}
        assert whole == {entry.path: reader.open(entry.path).read() for entry in files}
        assert all(len(whole[entry.path]) == entry.size for entry in files)
    except InvalidArchive as refused:
        assert_sayable(refused)
        return None
    return whole


def read_tar(data: bytes) -> dict[str, bytes] | None:
    """Every file by both ways of reading; None where the archive is refused."""
    try:
        whole = {}
        for entry, content in open_tar(io.BytesIO(data)).walk():
            assert check_path(entry.path) == entry.path
            if entry.is_file:
                whole[entry.path] = content.read()
                assert len(whole[entry.path]) == entry.size
        assert read_members(io.BytesIO(data), set(whole)) == whole
    except InvalidArchive as refused:
        assert_sayable(refused)
        return None
    return whole


def assert_sayable(refused: InvalidArchive) -> None:
    """A message is short and printable, and says where and what was expected."""
    assert refused.subject is not None
    assert refused.expected is not None
    assert str(refused).isprintable()
    assert len(str(refused)) < 4 * KIBI


# --- spoilt ---

_FILES: Final = {
    "pkg/PKG-INFO": b"Name: pkg\n" * 20,
    "pkg/é.py": bytes(range(256)),
    "pkg/empty": b"",
    "d" * 90 + "/f" * 40: b"x",
}


def _without_fill(tar: bytes) -> bytes:
    """The archive with no more zeros at its end than it needs."""
    return padded(tar.rstrip(b"\x00")) + bytes(1024)


FORMS: Final = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
_LINKED: Final = raw_tar(
    extended(record(b"comment", b"0" * 40), kind=b"g"),
    extended(record(b"path", b"long/" * 60 + b"name"), record(b"mtime", b"1.5")),
    tar_member(b"short", b"content"),
    tar_member(b"././@LongLink", b"other/" * 50 + b"name\x00", b"L"),
    tar_member(b"short", b"content"),
    tar_member(b"folder/", kind=b"5"),
    tar_member(b"link", kind=b"2"),
)
_ZIPS: Final = [
    zip_of(_FILES),
    zip_of(_FILES, zipfile.ZIP_STORED),
    wide_zip(Member(b"hello", b"hello" * 50)),
    raw_zip(Member(b"a/"), Member(b"a/b", b"b" * 100), comment=b"a comment"),
]
_PLAIN_TARS: Final = [*(_without_fill(tar_of(_FILES, "", form)) for form in FORMS), _LINKED]
_TARS: Final = [*_PLAIN_TARS, gzip.compress(_LINKED), *(tar_of(_FILES, each) for each in COMPRESSIONS[1:])]

_PLACES: Final = st.floats(0, 1, exclude_max=True)
_PIECES: Final = st.one_of(
    st.binary(max_size=24),
    st.sampled_from([b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"]),
    st.sampled_from([b"\x00" * 8, b"\xff" * 2, b"\xff" * 4, b"\xff" * 8, b"\x00" * 512, b"../", b"\x1f\x8b\x08\x00"]),
    st.integers(0, 2**64 - 1).map(lambda number: struct.pack("<Q", number)),
)


@st.composite
def spoilt(draw: st.DrawFn, sound: list[bytes]) -> bytes:
    """A sound archive with pieces overwritten, put in, cut out, doubled, or its end cut off."""
    data = draw(st.sampled_from(sound))
    for _ in range(draw(st.integers(1, 4))):
        at = int(draw(_PLACES) * len(data))
        match draw(st.sampled_from(["overwrite", "put in", "cut out", "double", "cut off"])):
            case "overwrite":
                piece = draw(_PIECES)
                data = data[:at] + piece + data[at + len(piece) :]
            case "put in":
                data = data[:at] + draw(_PIECES) + data[at:]
            case "cut out":
                data = data[:at] + data[at + draw(st.integers(1, 600)) :]
            case "double":
                data = data[:at] + data[at : at + draw(st.integers(1, 600))] * 2 + data[at:]
            case _:
                data = data[:at]
    return data


@st.composite
def spoilt_headers(draw: st.DrawFn) -> bytes:
    """A tar with a header spoilt and its checksum put right, so that what follows is looked at."""
    data = bytearray(draw(st.sampled_from(_PLAIN_TARS)))
    blocks = [at for at in range(0, len(data), 512) if data[at + 257 : at + 262] == b"ustar"]
    for _ in range(draw(st.integers(1, 3))):
        block = draw(st.sampled_from(blocks))
        at = draw(st.sampled_from([0, 1, 50, 99, 100, 124, 130, 135, 156, 157, 257, 262, 345, 499]))
        piece = draw(st.one_of(_PIECES, st.sampled_from([b"x", b"g", b"L", b"K", b"S", b"1", b"5", b"\x80", b"7"])))[
            :12
        ]
        data[block + at : block + at + len(piece)] = piece
        data[block + 148 : block + 156] = b" " * 8
        data[block + 148 : block + 156] = b"%06o\x00 " % sum(data[block : block + 512])
    return bytes(data)


@fuzz
@given(spoilt(_ZIPS))
def test_a_spoilt_zip_is_read_as_its_other_readers_read_it_or_refused(data: bytes) -> None:
    found = read_zip(data)

    if found is not None:
        with zipfile.ZipFile(io.BytesIO(data)) as reference:
            for path, content in found.items():
                assert reference.read(path) == content


@fuzz
@given(spoilt(_TARS))
def test_a_spoilt_tar_is_read_as_its_other_readers_read_it_or_refused(data: bytes) -> None:
    _assert_agrees(data, read_tar(data))


@fuzz
@given(spoilt_headers())
def test_a_spoilt_header_with_the_right_checksum_is_read_as_others_read_it_or_refused(data: bytes) -> None:
    _assert_agrees(data, read_tar(data))


def _assert_agrees(data: bytes, found: dict[str, bytes] | None) -> None:
    """The standard library finds the same files with the same content, if it does not refuse for its own reasons."""
    if found is None:
        return
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(data)) as reference:
        files = {member.name.removeprefix("./"): member for member in reference if member.isreg()}
        assert files.keys() == found.keys()
        for path, content in found.items():
            extracted = reference.extractfile(files[path])
            assert extracted is not None
            assert extracted.read() == content


@fuzz
@given(st.binary(max_size=2000), st.sampled_from([b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"BZh9", b"\xfd7zXZ\x00"]))
def test_any_bytes_are_read_or_refused(data: bytes, magic: bytes) -> None:
    read_zip(magic + data)
    read_zip(data + end_record(1, len(data), 0))
    read_tar(magic + data)
    read_tar(raw_tar(header(b"a", len(data)), padded(data)))
    read_tar(raw_tar(extended(data), tar_member(b"a")))


@fuzz
@given(st.dictionaries(st.text(max_size=30), st.binary(max_size=100), max_size=5))
def test_names_of_any_text_are_read_back_or_refused(files: dict[str, bytes]) -> None:
    encodable = {path: content for path, content in files.items() if path.isprintable() and "\x00" not in path}
    for found in (read_zip(zip_of(encodable)), read_tar(tar_of(encodable))):
        if found is not None:
            assert {path: content for path, content in encodable.items() if not path.endswith("/")} == found


# --- bombs ---


def _mebis_of_zeros(count: int) -> bytes:
    """A gzipped tar of that many MiB of zeros, made without holding them."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(header(b"zeros", count * MEBI))
        for _ in range(count):
            file.write(bytes(MEBI))
        file.write(bytes(1024))
    return packed.getvalue()


def _overlapping() -> bytes:
    kernel = Member(b"kernel", bytes(20 * MEBI))
    data = kernel.local_header() + kernel.packed
    directory = b"".join(Member(b"%05d" % each, method=0).central_header(0) for each in range(20_000))
    return data + directory + end_record(20_000, len(directory), len(data))


BOMBS: Final[dict[str, tuple[Callable[[], bytes], Read, int]]] = {
    "a thousand to one, in gzip": (lambda: _mebis_of_zeros(256), read_tar, 2 * MEBI),
    "a million members": (lambda: bytes(10 * MEBI) + wide_zip(Member(b"a"), count=10**6), read_zip, MEBI),
    "overlapping members": (_overlapping, read_zip, 20 * MEBI),
    "end records in a comment": (lambda: raw_zip(Member(b"a"), comment=b"PK\x05\x06" * 16_000), read_zip, MEBI),
    "many records": (
        lambda: raw_tar(extended(record(b"a", b"") * 200_000, b"x"), tar_member(b"a")),
        read_tar,
        6 * MEBI,
    ),
    "extended headers without end": (lambda: extended(record(b"a", b"b"), kind=b"g") * 100_001, read_tar, MEBI),
    "streams without end": (lambda: gzip.compress(b"") * 500_000, read_tar, MEBI),
    "a gigabyte of name": (lambda: raw_tar(header(b"x", 1024 * MEBI, kind=b"L"), bytes(MEBI)), read_tar, MEBI),
    "a gigabyte of content": (lambda: raw_tar(header(b"x", 1024 * MEBI), bytes(MEBI)), read_tar, MEBI),
}
"""How each is made, what reads it, and how much memory that may take."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_in_little_memory(name: str) -> None:
    make, read, most = BOMBS[name]
    bomb = make()

    began = time.process_time()
    assert read(bomb) is None
    assert time.process_time() - began < LONG

    tracemalloc.start()
    read(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most


def test_time_and_memory_grow_with_the_archive_and_no_faster() -> None:
    def cost(count: int) -> tuple[float, int]:
        archive = raw_zip(*(Member(b"%06d" % each, method=0) for each in range(count)))
        began = time.process_time()
        open_zip(io.BytesIO(archive))
        took = time.process_time() - began
        tracemalloc.start()
        open_zip(io.BytesIO(archive))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return took, peak

    small_time, small_memory = cost(1_000)
    large_time, large_memory = cost(16_000)

    # Sixteen times as much, with room for chance; what is quadratic would take 256 times.
    assert large_time < 100 * max(small_time, 0.01)
    assert large_memory < 24 * small_memory
