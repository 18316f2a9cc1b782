from __future__ import annotations

import pytest

from entrepot.archives.entry import Entry, check_path, folded_duplicates, shown
from entrepot.archives.limits import ArchiveLimits
from entrepot.model.errors import InvalidArchive


@pytest.mark.parametrize("path", ["a", "a/b.txt", "..a/b..", "...", ".hidden", "é/日本", "a b", "con", "ab:c"])
def test_a_path_that_means_the_same_everywhere_is_taken_as_it_is(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/passwd", "//host/share", "..", "../a", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/",
        "C:/a", "c:a", "a\\b", "\\\\host\\a", "a\x00b", "a\nb", "\x1b[2J", "a\x7f", "a\x85b", "a\u2028b", "a\udcffb",
    ],
)  # fmt: skip
def test_a_path_that_leaves_its_folder_or_means_two_things_is_refused(path: str) -> None:
    with pytest.raises(InvalidArchive) as refused:
        check_path(path)

    assert refused.value.expected
    assert str(refused.value).isprintable()


def test_a_path_may_be_as_long_and_as_deep_as_the_limits_say_and_no_more() -> None:
    limits = ArchiveLimits(path_size=8, depth=3)

    assert check_path("a/b/ccc", limits) == "a/b/ccc"
    assert check_path("éééé", limits) == "éééé"
    for path in ("éééé/", "a/b/cccccc", "a/b/c/d"):
        with pytest.raises(InvalidArchive):
            check_path(path, limits)


def test_a_character_heaped_with_marks_is_refused_because_sorting_them_takes_long() -> None:
    assert check_path("e" + "\u0301" * 30)
    with pytest.raises(InvalidArchive, match="30 marks"):
        check_path("e" + "\u0301\u0323" * 16)


def test_paths_that_differ_in_case_or_form_alone_are_found() -> None:
    paths = ["README", "a/b", "readme", "A/b", "straße", "STRASSE", "é", "e\u0301", "other"]

    pairs = folded_duplicates(Entry(path, 0, is_file=True, is_folder=False, is_link=False) for path in paths)

    assert pairs == [("README", "readme"), ("a/b", "A/b"), ("straße", "STRASSE"), ("é", "e\u0301")]


def test_a_message_shows_a_hostile_path_short_and_printable() -> None:
    assert shown("a/b") == "a/b"
    for hostile in ("\x1b[2J" * 1000, "\u202egnp.exe", b"\xff\xfe" * 1000):
        assert shown(hostile).isascii()
        assert shown(hostile).isprintable()
        assert len(shown(hostile)) < 2100
