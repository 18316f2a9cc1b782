"""Zip archives: what is read, and what is refused because readers would not agree about it."""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib
from dataclasses import replace

import pytest

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.zip import could_unpack_to, open_zip
from entrepot.model.errors import InvalidArchive
from tests.unit.archives.packing import Member, end_record, overlapping_zip, raw_zip, wide_zip, zip_of

MEBI = 1024 * 1024
HELLO = Member(b"hello.txt", b"hello " * 100)
OTHER = Member(b"other.txt", b"other " * 100)


def refusal(data: bytes, limits: ArchiveLimits | None = None) -> str:
    with pytest.raises(InvalidArchive) as refused:
        open_zip(io.BytesIO(data), limits or ArchiveLimits())
    return str(refused.value)


# --- at a glance ---


@pytest.mark.parametrize(
    "data",
    [
        zip_of({"a": b"a" * 1000, "b": b"b" * 5}),
        raw_zip(HELLO, OTHER),
        wide_zip(HELLO),
        zip_of({"inner.zip": zip_of({"c": b"c" * 100}, zipfile.ZIP_STORED)}, zipfile.ZIP_STORED),
    ],
)
def test_a_glance_never_sees_less_than_there_is_to_unpack(data: bytes) -> None:
    declared = sum(entry.size for entry in open_zip(io.BytesIO(data)).entries())

    assert could_unpack_to(data) >= declared


def test_a_glance_sees_exactly_what_a_plain_archive_declares() -> None:
    assert could_unpack_to(zip_of({"a": b"a" * 1000, "b": b"b" * 5})) == 1005


def test_a_bomb_of_members_that_share_their_content_is_seen_at_a_glance() -> None:
    assert could_unpack_to(overlapping_zip(200, b"0" * MEBI)) == 200 * MEBI


def test_a_glance_at_what_is_no_archive_sees_nothing() -> None:
    assert could_unpack_to(b"") == 0
    assert could_unpack_to(b"PK\x01\x02") == 0


# --- what is read ---


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_was_packed_is_read(method: int) -> None:
    large = bytes(range(256)) * 4096
    reader = open_zip(io.BytesIO(zip_of({"a/b.txt": b"hello", "empty": b"", "é.bin": large}, method)))

    assert [(entry.path, entry.size) for entry in reader.entries()] == [("a/b.txt", 5), ("empty", 0), ("é.bin", MEBI)]
    assert reader.read("a/b.txt") == b"hello"
    assert reader.read("empty") == b""
    assert reader.open("é.bin").read() == large
    assert all(entry.is_file for entry in reader.entries())


def test_what_was_written_to_a_pipe_is_read() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"a" * 1000)
        with archive.open("b", "w", force_zip64=True) as member:
            member.write(b"b" * 1000)

    reader = open_zip(io.BytesIO(pipe.getvalue()))

    assert (reader.read("a"), reader.read("b")) == (b"a" * 1000, b"b" * 1000)


def test_an_archive_that_says_everything_in_zip64_is_read() -> None:
    assert open_zip(io.BytesIO(wide_zip(HELLO))).read("hello.txt") == HELLO.content


def test_an_empty_archive_has_no_entries() -> None:
    assert open_zip(io.BytesIO(zip_of({}))).entries() == []


def test_a_comment_is_no_harm() -> None:
    assert len(open_zip(io.BytesIO(raw_zip(HELLO, comment=b"made by hand"))).entries()) == 1


def test_folders_links_and_devices_are_told_apart_and_have_no_content() -> None:
    reader = open_zip(
        io.BytesIO(
            raw_zip(
                Member(b"folder/", method=0),
                Member(b"link", b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
                Member(b"device", mode=stat.S_IFCHR | 0o666),
                Member(b"file", b"x", mode=stat.S_IFREG | 0o644),
            )
        )
    )

    found = {entry.path: (entry.is_file, entry.is_folder, entry.is_link) for entry in reader.entries()}
    assert found == {
        "folder": (False, True, False),
        "link": (False, False, True),
        "device": (False, False, False),
        "file": (True, False, False),
    }
    for path in ("folder", "link", "device", "missing"):
        assert path not in reader
        with pytest.raises(InvalidArchive, match=path):
            reader.read(path)


def test_a_folder_may_be_said_twice() -> None:
    reader = open_zip(io.BytesIO(raw_zip(Member(b"META-INF/"), Member(b"META-INF/"), Member(b"META-INF/a"))))

    assert [entry.path for entry in reader.entries()] == ["META-INF", "META-INF/a"]


def test_bytes_before_the_archive_are_refused_unless_they_are_asked_for() -> None:
    counted = raw_zip(HELLO, before=b"#!/bin/sh\n")
    uncounted = b"#!/bin/sh\n" + raw_zip(HELLO)
    empty = b"#!/bin/sh\n" + raw_zip()

    for data in (counted, uncounted, empty):
        assert "10 bytes before it" in refusal(data)
    for data in (counted, uncounted):
        assert open_zip(io.BytesIO(data), prepended=True).read("hello.txt") == HELLO.content


def test_two_streams_of_one_archive_do_not_disturb_each_other() -> None:
    content = bytes(range(256)) * 2048
    reader = open_zip(io.BytesIO(raw_zip(Member(b"a", content), Member(b"b", content[::-1], method=0))))

    one, two = reader.open("a"), reader.open("b")
    read_one, read_two = bytearray(), bytearray()
    while piece := one.read(70_000):
        read_one += piece
        read_two += two.read(70_000)

    assert bytes(read_one) == content
    assert bytes(read_two) == content[::-1]


# --- what does not fit ---


def test_a_member_larger_than_the_limit_is_not_inflated() -> None:
    reader = open_zip(io.BytesIO(raw_zip(Member(b"zeros", bytes(32 * MEBI)))))

    tracemalloc.start()
    for limit in (None, 1000):
        with pytest.raises(InvalidArchive, match="zeros"):
            reader.read("zeros", limit)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEBI


def test_a_stream_holds_no_more_than_a_piece_of_a_large_member() -> None:
    reader = open_zip(io.BytesIO(raw_zip(Member(b"zeros", bytes(32 * MEBI)))))

    tracemalloc.start()
    stream = reader.open("zeros")
    size = sum(map(len, iter(lambda: stream.read(65536), b"")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 32 * MEBI
    assert peak < MEBI


@pytest.mark.parametrize("lie", [599, 1])
def test_a_member_that_unpacks_to_more_than_it_declares_is_refused(lie: int) -> None:
    reader = open_zip(io.BytesIO(raw_zip(replace(HELLO, size=lie))))

    with pytest.raises(InvalidArchive, match=f"expected {lie} bytes, as declared"):
        reader.read("hello.txt")


def test_a_member_that_unpacks_to_less_than_it_declares_is_refused() -> None:
    reader = open_zip(io.BytesIO(raw_zip(replace(HELLO, size=601))))

    with pytest.raises(InvalidArchive, match=r"hello.txt.*601"):
        reader.read("hello.txt")


def test_content_with_another_checksum_is_refused_at_its_end() -> None:
    reader = open_zip(io.BytesIO(raw_zip(replace(HELLO, checksum=1))))

    with pytest.raises(InvalidArchive, match=r"hello.txt \(expected CRC-32 00000001"):
        reader.read("hello.txt")
    with pytest.raises(InvalidArchive):
        reader.open("hello.txt").read()


@pytest.mark.parametrize("content", [b"\xff" * 20, b"", HELLO.packed[:-1]])
def test_what_is_not_a_whole_deflated_stream_is_refused(content: bytes) -> None:
    # Said to be deflated, and written as it is.
    stored = Member(b"x", content, method=0, size=len(HELLO.content))
    local, central = bytearray(stored.local_header()), bytearray(stored.central_header(0))
    local[8] = central[10] = 8
    data = bytes(local) + content + bytes(central) + end_record(1, len(central), len(local) + len(content))

    with pytest.raises(InvalidArchive, match="deflated"):
        open_zip(io.BytesIO(data)).read("x")


def test_bytes_behind_the_deflated_stream_of_a_member_are_refused() -> None:
    hiding = replace(HELLO, packed_size=len(HELLO.packed) + 4, behind=b"junk")

    with pytest.raises(InvalidArchive, match="nothing behind the deflated content"):
        open_zip(io.BytesIO(raw_zip(hiding))).read("hello.txt")


def test_a_bomb_of_members_that_share_their_content_is_refused() -> None:
    assert "do not overlap" in refusal(overlapping_zip(1000, bytes(1000)))


def test_a_bomb_that_declares_what_it_unpacks_to_is_refused_by_its_ratio() -> None:
    bomb = raw_zip(*(Member(b"%d" % each, bytes(8 * MEBI)) for each in range(9)))

    assert f"at most {64 * MEBI} bytes unpacked" in refusal(bomb)
    assert open_zip(io.BytesIO(bomb), ArchiveLimits(ratio=2000)).entries()


def test_a_small_archive_may_have_any_ratio() -> None:
    assert open_zip(io.BytesIO(raw_zip(Member(b"zeros", bytes(MEBI))))).read("zeros") == bytes(MEBI)


def test_more_members_than_allowed_are_refused_before_they_are_read() -> None:
    data = end_record(0, 0, 0)
    many = bytes(10 * MEBI) + end_record(0xFFFF, 10 * MEBI, 0)

    assert refusal(raw_zip(HELLO, OTHER), ArchiveLimits(entries=1)).endswith("(expected at most 1 entries, got 2)")
    assert "central directory header" in refusal(many)
    assert open_zip(io.BytesIO(data)).entries() == []


def test_a_million_declared_members_cost_nothing() -> None:
    bomb = bytes(10 * MEBI) + wide_zip(HELLO, count=1_000_000, narrow=0xFFFF)

    tracemalloc.start()
    message = refusal(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "at most 100000 entries, got 1000000" in message
    assert peak < 2 * MEBI


def test_a_directory_larger_than_allowed_is_refused_before_it_is_read() -> None:
    assert "at most 50 bytes" in refusal(raw_zip(HELLO), ArchiveLimits(directory_size=50))


# --- what readers disagree about ---


@pytest.mark.parametrize(
    "name", [b"/etc/passwd", b"../up", b"a/../../up", b"C:/x", b"a\\b", b"a\x00b", b"", b"/", b"./a"]
)
def test_a_member_that_would_leave_its_folder_is_refused(name: bytes) -> None:
    refusal(raw_zip(Member(name, b"x")))


def test_a_name_that_is_not_utf_8_is_refused() -> None:
    assert "caf\\xe9" in refusal(raw_zip(Member(b"caf\xe9", b"x")))


@pytest.mark.parametrize(
    "members",
    [(HELLO, HELLO), (Member(b"a/"), Member(b"a", b"x")), (Member(b"a", b"x"), Member(b"a/"))],
    ids=["twice", "folder and file", "file and folder"],
)
def test_two_members_of_one_path_are_refused(members: tuple[Member, ...]) -> None:
    assert "one member of each path" in refusal(raw_zip(*members))


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (replace(HELLO, flags=0x801), "not encrypted"),
        (replace(HELLO, flags=0x840), "not encrypted"),
        (replace(HELLO, flags=0x2800), "not encrypted"),
        (replace(HELLO, flags=0x820), "not a patch"),
        (replace(HELLO, method=12), "compression method"),
        (replace(HELLO, method=0, size=5), "as it is stored"),
        (replace(HELLO, disk=1), "one part"),
        (replace(HELLO, extra=struct.pack("<2H", 0x7075, 50)), "extra fields that fit"),
        (replace(HELLO, extra=struct.pack("<2HBL", 0x7075, 10, 1, 0) + b"evil!"), "one name"),
        (replace(HELLO, extra=struct.pack("<2H", 1, 0) * 2), "one extra field of a kind"),
        (replace(HELLO, size=0xFFFFFFFF, extra=struct.pack("<2HL", 1, 4, 0)), "ZIP64"),
        (Member(b"a/", b"content"), "a folder"),
        (Member(b"a/", mode=stat.S_IFLNK), "a folder"),
        (Member(b"a", mode=stat.S_IFDIR), "a / at the end"),
    ],
)
def test_a_member_that_says_what_readers_take_differently_is_refused(member: Member, reason: str) -> None:
    message = refusal(raw_zip(member))

    assert reason in message
    assert member.name.decode() in message


@pytest.mark.parametrize(
    "lie",
    [
        {"name": b"hallo.txt"},
        {"name": b"hello.txtx"},
        {"method": 0},
        {"size": 5},
        {"size": 0},
        {"packed_size": 5},
        {"checksum": 5},
        {"flags": 0x801},
        {"extra": struct.pack("<2HBL", 0x7075, 10, 1, 0) + b"evil!"},
    ],
    ids=str,
)
def test_a_local_header_that_disagrees_with_the_directory_is_refused(lie: dict[str, object]) -> None:
    assert "hello.txt" in refusal(raw_zip(replace(HELLO, local=lie), OTHER))


def test_a_descriptor_behind_the_content_must_say_what_the_directory_says() -> None:
    facts = (zlib.crc32(HELLO.content), len(HELLO.packed), len(HELLO.content))
    unknown = {"size": 0, "packed_size": 0, "checksum": 0, "flags": 0x808}
    described = replace(HELLO, flags=0x808, local=unknown)

    for form in ("<L2L", "<L2Q"):
        for mark in (b"", b"PK\x07\x08"):
            sound = replace(described, behind=mark + struct.pack(form, *facts))
            assert open_zip(io.BytesIO(raw_zip(sound, OTHER))).read("hello.txt") == HELLO.content
    for behind in (b"", b"PK\x07\x08" + struct.pack("<L2L", 1, 2, 3), struct.pack("<L2L", *facts) + b"x"):
        assert "right behind this one" in refusal(raw_zip(replace(described, behind=behind), OTHER))


@pytest.mark.parametrize("behind", [b"x", OTHER.local_header() + OTHER.packed, bytes(5000)])
def test_bytes_between_members_are_refused_for_they_may_be_a_member_to_others(behind: bytes) -> None:
    assert "bytes between them" in refusal(raw_zip(replace(HELLO, behind=behind), OTHER))
    assert "bytes between them" in refusal(raw_zip(OTHER, replace(HELLO, behind=behind)))


def test_a_second_end_record_in_the_comment_of_the_first_is_refused() -> None:
    inner = raw_zip(OTHER)
    outer = raw_zip(HELLO, comment=inner)

    assert "one of them" in refusal(outer)


def test_an_end_record_that_does_not_reach_the_end_is_refused() -> None:
    for data in (raw_zip(HELLO) + b"x", raw_zip(HELLO, comment=b"abc")[:-1], raw_zip(HELLO, comment=b"PK\x05\x06")):
        assert "nothing behind it" in refusal(data)


@pytest.mark.parametrize(
    "lies",
    [{"narrow": 2}, {"offset": 5}, {"size": 10}, {"at": 5}, {"at": 2**63}, {"size": 2**63}, {"count": 2}],
    ids=str,
)
def test_a_zip64_record_that_disagrees_is_refused(lies: dict[str, int]) -> None:
    refusal(wide_zip(HELLO, **lies))


def test_an_archive_of_several_parts_is_refused() -> None:
    assert "one part" in refusal(end_record(0, 0, 0, disk=1))


def test_an_archive_inside_an_archive_is_content_like_any_other() -> None:
    inner = raw_zip(OTHER, comment=b"nested")
    reader = open_zip(io.BytesIO(raw_zip(Member(b"inner.zip", inner, method=0))))

    assert open_zip(io.BytesIO(reader.read("inner.zip"))).read("other.txt") == OTHER.content


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04", b"not a zip" * 100, bytes(100_000)])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    assert "a zip archive" in refusal(data)


def test_every_truncation_is_refused() -> None:
    data = zip_of({"a": b"hello", "b/c": b"x" * 1000})

    for size in range(len(data)):
        refusal(data[:size])
