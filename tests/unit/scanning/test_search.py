"""Secrets are found wherever they lie in what was published, and what cannot be opened is never taken for clean."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping

import pytest

from entrepot.archives.limits import ArchiveLimits
from entrepot.model.access import TokenKind, TokenSecret
from entrepot.scanning.search import Located, Searched, SearchLimits, search

TOKEN = TokenSecret.generate(TokenKind.ROBOT).text
PLANTED = f"first line\nkey = '{TOKEN}'\n".encode()


def looked(content: bytes, limits: SearchLimits | None = None) -> Searched:
    return search(io.BytesIO(content), tempfile.TemporaryFile, lambda _: None, limits or SearchLimits())


def places(found: Searched) -> list[tuple[str, int]]:
    return [(each.path, each.secret.line) for each in found.secrets]


def zipped(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return file.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{mode}") as archive:  # type: ignore[call-overload]  # the mode is not literal
        for path, content in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (PLANTED, ("", 2)),
        (gzip.compress(PLANTED), ("", 2)),
        (zipped({"a/b.py": PLANTED}), ("a/b.py", 2)),
        (tarred({"a/b.py": PLANTED}), ("a/b.py", 2)),
        (tarred({"a/b.py": PLANTED}, "gz"), ("a/b.py", 2)),
        (tarred({"a/b.py": PLANTED}, "xz"), ("a/b.py", 2)),
        (tarred({"a/b.py": PLANTED}, "bz2"), ("a/b.py", 2)),
        (zipped({"lib/in.jar": zipped({"a/b.py": PLANTED})}), ("lib/in.jar!/a/b.py", 2)),
        (tarred({"a.tgz": tarred({"c.zip": zipped({"b": PLANTED})}, "gz")}), ("a.tgz!/c.zip!/b", 2)),
        (tarred({"man.gz": gzip.compress(PLANTED)}, "gz"), ("man.gz", 2)),
    ],
    ids=["file", "gzip", "zip", "tar", "tar.gz", "tar.xz", "tar.bz2", "jar in zip", "zip in tgz in tar", "gz in tgz"],
)
def test_a_secret_is_found_in_whatever_it_is_packed_in(content: bytes, place: tuple[str, int]) -> None:
    found = looked(content)

    assert places(found) == [place]
    assert found.is_complete
    assert TOKEN not in repr(found)


def test_nothing_is_found_where_nothing_is() -> None:
    found = looked(tarred({"a": b"nothing", "b.zip": zipped({"c": b"at all"})}, "gz"))

    assert found == Searched((), (), 0)


def test_the_same_secret_in_two_places_is_found_in_both_under_one_name() -> None:
    found = looked(zipped({"a": PLANTED + PLANTED, "b": PLANTED}))

    assert places(found) == [("a", 2), ("b", 2)]
    assert len({each.secret.name for each in found.secrets}) == 1


def test_a_secret_in_a_member_s_name_is_found_and_not_shown() -> None:
    found = looked(zipped({f"keys/{TOKEN}.txt": b""}))

    assert places(found) == [("keys/ent_… (44 characters).txt", 1)]
    assert TOKEN not in repr(found)


@pytest.mark.parametrize("part", [0.2, 0.4])
@pytest.mark.parametrize("make", [zipped, tarred, lambda members: tarred(members, "gz")])
def test_what_is_broken_is_unread_and_its_bytes_are_searched(make: object, part: float) -> None:
    content = make({"a": b"x" * 4_000, "b": b"y"})  # type: ignore[operator]  # one of the three above

    found = looked(content[: int(len(content) * part)])

    assert not found.is_complete
    assert found.unread


def test_a_secret_in_a_tar_that_breaks_off_is_found_once() -> None:
    content = tarred({"a": PLANTED, "b": b"x" * 4_000})

    found = looked(content[:2_000])

    assert places(found) == [("a", 2)]
    assert not found.is_complete


def test_a_member_that_is_not_what_the_archive_says_hides_no_other() -> None:
    content = bytearray(zipped({"a": b"x" * 40, "b": PLANTED}))
    content[32] ^= 0xFF

    found = looked(bytes(content))

    assert places(found) == [("b", 2)]
    assert not found.is_complete


def test_archives_within_archives_are_opened_only_so_deep() -> None:
    content = PLANTED
    for depth in range(6):
        content = tarred({str(depth): content})

    found = looked(content)

    assert [each.secret.own for each in found.secrets] == [True]  # A tar without compression hides nothing.
    assert not found.is_complete


@pytest.mark.parametrize(
    "limits",
    [
        SearchLimits(unpacked_size=100_000),
        SearchLimits(archives=1),
        SearchLimits(inner_size=1_000),
        SearchLimits(archive=ArchiveLimits(entries=1)),
        SearchLimits(archive=ArchiveLimits(ratio_floor=10_000, ratio=1)),
    ],
    ids=["unpacked", "archives", "inner", "entries", "ratio"],
)
def test_beyond_a_limit_it_is_unread(limits: SearchLimits) -> None:
    content = tarred({"a.gz": gzip.compress(b"x" * 200_000), "b.zip": zipped({"c": bytes(range(256)) * 2_000})}, "gz")

    found = looked(content, limits)

    assert not found.is_complete


def test_what_only_looks_like_secrets_ends_the_search_and_is_not_clean() -> None:
    found = looked(b"AKIA0000000000000000 " * 250_000)

    assert not found.is_complete
    assert "look like secrets" in found.unread[0]


def test_very_many_secrets_are_not_all_told() -> None:
    tokens = b"\n".join(TokenSecret.generate(TokenKind.USER).text.encode() for _ in range(1_500))

    found = looked(tokens)

    assert len(found.secrets) == 1_000
    assert not found.is_complete
    assert found.secrets[-1] == Located(found.secrets[-1].secret, "")


def test_the_pace_is_told_of_all_that_is_searched() -> None:
    told: list[int] = []

    search(io.BytesIO(zipped({"a": b"x" * 100_000})), tempfile.TemporaryFile, told.append)

    assert sum(told) == 100_000
