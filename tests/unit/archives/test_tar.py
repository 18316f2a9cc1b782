"""Tar archives: what is read in one pass, and what is refused because readers would not agree about it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc

import pytest

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_tar, read_members
from entrepot.model.errors import InvalidArchive
from tests.unit.archives.packing import (
    COMPRESSIONS,
    Compression,
    extended,
    header,
    padded,
    raw_tar,
    record,
    tar_member,
    tar_of,
)

KIBI = 1024
MEBI = 1024 * KIBI
FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


def contents(data: bytes, limits: ArchiveLimits | None = None) -> dict[str, bytes]:
    """Every file of the archive, read to its end."""
    walk = open_tar(io.BytesIO(data), limits or ArchiveLimits()).walk()
    return {entry.path: content.read() for entry, content in walk if entry.is_file}


def refusal(data: bytes, limits: ArchiveLimits | None = None) -> str:
    with pytest.raises(InvalidArchive) as refused:
        for _ in open_tar(io.BytesIO(data), limits or ArchiveLimits()).walk():
            pass
    return str(refused.value)


# --- what is read ---


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("form", FORMS)
def test_what_was_packed_is_read(form: int, compression: Compression) -> None:
    files = {"a/b.txt": b"hello", "empty": b"", "large": bytes(range(256)) * 2000, "f/" * 40 + "g" * 40: b"far"}

    assert contents(tar_of(files, compression, form)) == files


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_read(form: int) -> None:
    files = {"/".join(["segment"] * 60) + "/é": b"long", "日本": b"foreign"}

    assert contents(tar_of(files, "gz", form)) == files


def test_a_git_archive_is_read_past_its_comment() -> None:
    data = raw_tar(extended(record(b"comment", b"0" * 40), kind=b"g"), tar_member(b"a", b"hello"))

    assert contents(data) == {"a": b"hello"}


def test_times_owners_and_other_records_are_passed_over() -> None:
    said = extended(record(b"mtime", b"1.5"), record(b"uname", b"\xff"), record(b"SCHILY.xattr.user.x", b"a\nb=\x00"))

    assert contents(raw_tar(said, tar_member(b"a", b"hello"))) == {"a": b"hello"}


def test_the_folder_that_everything_is_in_is_no_member() -> None:
    data = raw_tar(tar_member(b"./", kind=b"5"), tar_member(b"./a/", kind=b"5"), tar_member(b"./a/b", b"hello"))

    assert [entry.path for entry, _ in open_tar(io.BytesIO(data)).walk()] == ["a", "a/b"]


def test_folders_links_and_devices_are_told_apart() -> None:
    kinds = {b"file": b"0", b"old": b"\x00", b"folder/": b"5", b"former/": b"\x00", b"hard": b"1", b"soft": b"2"}
    kinds |= {b"character": b"3", b"block": b"4", b"pipe": b"6"}
    data = raw_tar(*(tar_member(name, kind=kind) for name, kind in kinds.items()))

    found = {e.path: (e.is_file, e.is_folder, e.is_link) for e, _ in open_tar(io.BytesIO(data)).walk()}

    file, folder, link, device = (True, False, False), (False, True, False), (False, False, True), (False,) * 3
    assert found == {
        "file": file, "old": file, "folder": folder, "former": folder, "hard": link, "soft": link,
        "character": device, "block": device, "pipe": device,
    }  # fmt: skip


def test_content_that_nobody_reads_is_passed_over() -> None:
    data = tar_of({"a": b"x" * 100_000, "b": b"y" * 100_000, "c": b"z"}, "gz")

    walk = open_tar(io.BytesIO(data)).walk()
    _, first = next(walk)
    piece = next(first.chunks())
    rest = {entry.path: content.read() for entry, content in walk if entry.path == "c"}

    assert piece == b"x" * len(piece)
    assert rest == {"c": b"z"}
    with pytest.raises(RuntimeError):
        first.read()


def test_a_size_in_binary_is_read() -> None:
    data = raw_tar(header(b"a", b"\x80" + (5).to_bytes(11, "big")) + padded(b"hello"))

    assert contents(data) == {"a": b"hello"}


def test_streams_behind_one_another_and_zeros_behind_them_are_read() -> None:
    data = tar_of({"a": b"hello" * 1000})

    for compress in (gzip.compress, bz2.compress, lzma.compress):
        assert contents(compress(data[:700]) + compress(data[700:]) + bytes(100 * KIBI)) == {"a": b"hello" * 1000}


# --- wanted members ---


def test_wanted_members_are_read_and_missing_ones_left_out() -> None:
    data = io.BytesIO(tar_of({"p/PKG-INFO": b"Name: p", "p/a.py": b"a", "p/b.py": b"b"}, "gz"))

    assert read_members(data, {"p/PKG-INFO", "p/missing"}) == {"p/PKG-INFO": b"Name: p"}
    assert read_members(data, lambda path: path.endswith(".py")) == {"p/a.py": b"a", "p/b.py": b"b"}
    assert read_members(data, ["p/a.py", "p/a.py"]) == {"p/a.py": b"a"}
    assert read_members(data, ()) == {}


def test_reading_stops_when_everything_wanted_is_there_unless_all_is_to_be_checked() -> None:
    spoilt = io.BytesIO(raw_tar(tar_member(b"a", b"hello"), tar_member(b"../b"), tar_member(b"a", b"other")))

    assert read_members(spoilt, {"a"}) == {"a": b"hello"}
    with pytest.raises(InvalidArchive):
        read_members(spoilt, {"a"}, whole=True)
    with pytest.raises(InvalidArchive):
        read_members(spoilt, lambda path: path == "a")


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"6"])
def test_a_link_or_device_at_a_wanted_path_is_refused(kind: bytes) -> None:
    with pytest.raises(InvalidArchive, match="a file, no link"):
        read_members(io.BytesIO(raw_tar(tar_member(b"a", kind=kind))), {"a"})


def test_all_wanted_members_together_are_held_to_the_limit() -> None:
    data = io.BytesIO(tar_of({str(each): b"x" * 100 for each in range(10)}))

    assert len(read_members(data, str.isdigit, ArchiveLimits(entry_size=1000))) == 10
    with pytest.raises(InvalidArchive, match="9"):
        read_members(data, str.isdigit, ArchiveLimits(entry_size=999))


# --- what does not fit ---


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_bomb_is_refused_once_it_has_unpacked_to_what_is_allowed(compression: Compression) -> None:
    zeros = tar_of({"zeros": bytes(16 * MEBI)}, compression)
    limits = ArchiveLimits(ratio_floor=4 * MEBI)

    tracemalloc.start()
    message = refusal(zeros, limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"at most {4 * MEBI} bytes unpacked" in message
    assert peak < 10 * MEBI  # xz keeps a dictionary of 8
    assert contents(zeros, ArchiveLimits(ratio=10**6)) == {"zeros": bytes(16 * MEBI)}


def test_a_member_larger_than_the_limit_is_not_read_into_memory() -> None:
    walk = open_tar(io.BytesIO(tar_of({"zeros": bytes(32 * MEBI)}, "gz"))).walk()
    entry, content = next(walk)

    tracemalloc.start()
    for limit in (None, 1000):
        with pytest.raises(InvalidArchive, match="zeros"):
            content.read(limit)
    size = sum(map(len, content.chunks()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == entry.size == 32 * MEBI
    assert peak < MEBI


def test_an_extended_header_that_declares_a_gigabyte_is_refused_before_it_is_read() -> None:
    for kind in (b"x", b"g", b"L", b"K"):
        bomb = gzip.compress(raw_tar(header(b"x", 1024 * MEBI, kind=kind), bytes(8 * MEBI)))

        tracemalloc.start()
        message = refusal(bomb)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert f"at most {MEBI} bytes, got {1024 * MEBI}" in message
        assert peak < MEBI


def test_more_headers_than_allowed_are_refused_whatever_they_are() -> None:
    comments = extended(record(b"comment", b"x"), kind=b"g") * 11

    for data in (comments, tar_member(b"a/", kind=b"5") * 11):
        assert "at most 10 members" in refusal(raw_tar(data), ArchiveLimits(entries=10))


def test_more_streams_than_allowed_are_refused() -> None:
    assert "fewer compressed streams" in refusal(gzip.compress(b"") * 11, ArchiveLimits(streams=10))


def test_an_uncompressed_archive_is_held_to_the_size_as_well() -> None:
    assert "at most 100 bytes" in refusal(tar_of({"a": b""}), ArchiveLimits(unpacked_size=100))


def test_a_compressor_that_asks_for_much_memory_is_refused() -> None:
    greedy = lzma.compress(tar_of({"a": b""}), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 512 * MEBI}])

    assert "xz" in refusal(greedy)


# --- what readers disagree about ---


@pytest.mark.parametrize(
    "name", [b"/etc/passwd", b"../up", b"a/../../up", b"C:/x", b"a\\b", b"a\nb", b"", b"a//b", b"a/"]
)
def test_a_member_that_would_leave_its_folder_is_refused(name: bytes) -> None:
    refusal(raw_tar(tar_member(name, b"x")))
    refusal(raw_tar(extended(record(b"path", name)), tar_member(b"fine", b"x")))
    refusal(raw_tar(tar_member(b"long", name + b"\x00", b"L"), tar_member(b"fine", b"x")))


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    assert "caf\\xe9" in refusal(raw_tar(tar_member(b"caf\xe9")))


def test_two_members_of_one_path_are_refused() -> None:
    for first, second in ((b"0", b"0"), (b"0", b"5"), (b"5", b"0"), (b"2", b"0")):
        data = raw_tar(tar_member(b"a", kind=first), tar_member(b"./a", kind=second))
        assert "one member of each path" in refusal(data)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((tar_member(b"a", kind=b"S"),), "not sparse"),
        ((extended(record(b"GNU.sparse.major", b"1")), tar_member(b"a")), "not sparse"),
        ((tar_member(b"a", kind=b"V"),), "type 0x56"),
        ((tar_member(b"a", b"content", b"2"),), "no content"),
        ((tar_member(b"a/", b"content", b"5"),), "no content"),
        ((header(b"a", magic=b"evilmagi"),), "POSIX, GNU"),
        ((header(b"a", magic=b"ustar  \x00", prefix=b"p"),), "prefix"),
        ((header(b"a", b"\xff" * 12),), "not negative"),
        ((header(b"a", b"-1".ljust(12, b"\x00")),), "octal"),
        ((header(b"a", b"1_0".ljust(12, b"\x00")),), "octal"),
        ((header(b"a", b"9" * 11 + b"\x00"),), "octal"),
        ((header(b"a", b"\x00" + b"0" * 9 + b"5\x00"),), "octal"),
        ((extended(record(b"path", b"a")), tar_member(b"a/", kind=b"\x00")), "a file or a folder"),
        ((extended(record(b"path", b"a/")), tar_member(b"a", kind=b"\x00")), "a file or a folder"),
        ((header(b"a", mode=b"0o644\x00\x00\x00"),), "mode of a member"),
        ((header(b"a", checksum=b"000000\x00 "),), "checksum"),
        ((extended(record(b"path", b"a")), extended(record(b"path", b"b")), tar_member(b"c")), "one of each kind"),
        ((extended(record(b"path", b"a"), record(b"path", b"b")), tar_member(b"c")), "one value"),
        ((extended(record(b"path", b"")), tar_member(b"c")), "one value"),
        ((tar_member(b"n", b"a\x00", b"L"), extended(record(b"path", b"b")), tar_member(b"c")), "one long name"),
        ((extended(record(b"path", b"b")), tar_member(b"n", b"a\x00", b"L"), tar_member(b"c")), "one long name"),
        ((extended(record(b"path", b"a"), kind=b"g"), tar_member(b"c")), "for all members"),
        ((extended(record(b"size", b"0"), kind=b"g"), tar_member(b"c")), "for all members"),
        ((extended(record(b"path", b"a")),), "behind its extended header"),
        ((extended(b"path=a\n"), tar_member(b"c")), "records of the form"),
        ((extended(b"99 path=a\n"), tar_member(b"c")), "records of the form"),
        ((extended(b"8 path=a\n"), tar_member(b"c")), "records of the form"),
        ((extended(b"0 path=a\n"), tar_member(b"c")), "records of the form"),
        ((extended(b"3 =\n"), tar_member(b"c")), "records of the form"),
        ((extended(record(b"size", b"-1")), tar_member(b"c")), "decimal digits"),
        ((extended(record(b"size", b"9" * 30)), tar_member(b"c")), "decimal digits"),
    ],
)  # fmt: skip
def test_a_header_that_readers_take_differently_is_refused(parts: tuple[bytes, ...], reason: str) -> None:
    assert reason in refusal(raw_tar(*parts))


def test_a_size_that_hides_members_from_readers_without_extended_headers_is_refused() -> None:
    hidden = raw_tar(tar_member(b"hidden", b"evil"))
    data = raw_tar(extended(record(b"size", b"%d" % len(hidden))), header(b"shown"), hidden)

    assert "one size" in refusal(data)


def test_a_size_that_agrees_with_the_header_is_taken() -> None:
    assert contents(raw_tar(extended(record(b"size", b"5")), tar_member(b"a", b"hello"))) == {"a": b"hello"}


def test_a_size_is_not_taken_for_another_extended_header() -> None:
    data = raw_tar(extended(record(b"size", b"512")), tar_member(b"n", b"a\x00", b"L"), tar_member(b"c"))

    assert "sizes in the last" in refusal(data)


# --- what is not whole ---


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_truncation_is_refused(compression: Compression) -> None:
    data = tar_of({"a": b"hello", "b/c": bytes(range(256)) * 4}, compression)
    # An uncompressed archive is whole from the first block of zeros on.
    whole = 512 + 512 + 512 + 1024 + 512 if not compression else len(data)

    for size in [*range(0, whole, 97), whole - 1]:
        refusal(data[:size])


def test_what_stands_behind_the_end_is_refused() -> None:
    data = tar_of({"a": b"hello"})

    assert "behind its end" in refusal(data + b"x")
    assert "behind its end" in refusal(data + tar_member(b"hidden"))
    assert "behind its end" in refusal(gzip.compress(data + tar_member(b"hidden")))
    assert "gzip" in refusal(gzip.compress(data) + b"junk")
    assert "behind padding" in refusal(gzip.compress(data) + bytes(20 * KIBI) + b"junk")


def test_spoilt_compressed_bytes_are_refused() -> None:
    for compression in ("gz", "bz2", "xz"):
        data = bytearray(tar_of({"a": bytes(range(256)) * 40}, compression))  # type: ignore[arg-type]
        data[len(data) // 2] ^= 0xFF
        refusal(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"not a tar" * 100, b"PK\x03\x04" * 200])
def test_what_is_no_tar_is_refused(data: bytes) -> None:
    refusal(data)


def test_zstd_is_refused_by_its_name() -> None:
    assert "got zstd" in refusal(b"\x28\xb5\x2f\xfd" + bytes(100))
