"""A part of content is what a slice would be, and a chunk is where its client says."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from entrepot.model.errors import InvalidContentRange, InvalidRange
from entrepot.wire.call import Headers
from entrepot.wire.conditionals import is_unchanged, names
from entrepot.wire.ranges import parse_chunk, parse_range

SIZES = st.integers(0, 30)
ETAG = '"sha256:abc"'


def headers(**fields: str) -> Headers:
    return Headers([(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in fields.items()])


@given(SIZES, st.integers(0, 40), st.integers(0, 40) | st.none())
def test_a_range_is_a_slice(size: int, first: int, last: int | None) -> None:
    content = bytes(range(size))
    asked = headers(range=f"bytes={first}-{'' if last is None else last}")
    expected = content[first:] if last is None else content[first : last + 1]

    try:
        part = parse_range(asked, size, ETAG)
    except InvalidRange as refused:
        part, actual = None, refused.actual

    if part is None:
        assert (expected, actual) == (b"", size)
        return
    assert content[part[0] : part[1]] == expected
    assert 0 <= part[0] < part[1] <= size


@given(SIZES, st.integers(0, 40))
def test_a_suffix_is_the_end(size: int, length: int) -> None:
    content = bytes(range(size))

    try:
        part = parse_range(headers(range=f"bytes=-{length}"), size, ETAG)
    except InvalidRange:
        assert content[-length:] == b"" or length == 0
        return

    assert part is not None
    assert content[part[0] : part[1]] == content[-length:]


@given(st.text(st.characters(codec="latin-1"), max_size=20) | st.text("bytes=0123-, ", max_size=20), SIZES)
@example("bytes=-", 5)
@example("bytes= - ", 5)
@example("bytes=0-0,2-3", 5)
@example("lines=0-1", 5)
def test_any_other_range_means_the_whole_or_is_refused(text: str, size: int) -> None:
    try:
        part = parse_range(headers(range=text), size, ETAG)
    except InvalidRange:
        return
    assert part is None or 0 <= part[0] < part[1] <= size


@given(SIZES)
def test_a_range_of_what_has_changed_means_the_whole(size: int) -> None:
    assert parse_range(headers(range="bytes=0-0", if_range='"other"'), size, ETAG) is None
    assert parse_range(headers(range="bytes=0-0", if_range=f"W/{ETAG}"), size, ETAG) is None
    assert parse_range(headers(), size, ETAG) is None
    if size:
        assert parse_range(headers(range="bytes=0-0", if_range=ETAG), size, ETAG) == (0, 1)


@given(st.integers(0, 10**18), st.integers(1, 10**6), st.sampled_from(["{}-{}", "bytes {}-{}/*", "bytes {}-{}/99"]))
def test_a_chunk_begins_where_it_says(first: int, size: int, form: str) -> None:
    asked = headers(content_range=form.format(first, first + size - 1))

    assert parse_chunk(asked, size) == first
    assert parse_chunk(asked, None) == first
    for other in (size - 1, size + 1):
        with pytest.raises(InvalidContentRange):
            parse_chunk(asked, other)


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_chunk_does_not_end_before_it_begins(first: int, last: int) -> None:
    assume(last + 1 < first)

    for size in (None, 0, 5):
        with pytest.raises(InvalidContentRange):
            parse_chunk(headers(content_range=f"{first}-{last}"), size)


@given(st.text(st.characters(codec="latin-1"), max_size=20), st.integers(0, 9) | st.none())
def test_any_other_chunk_is_refused(text: str, size: int | None) -> None:
    try:
        first = parse_chunk(headers(content_range=text), size)
    except InvalidContentRange:
        return
    assert first is not None
    assert first >= 0


TAGS = st.from_regex(r'(W/)?"[!#-~]*"', fullmatch=True).filter(lambda tag: "," not in tag)


@given(st.lists(TAGS, max_size=4), TAGS)
def test_a_list_of_tags_names_those_in_it(listed: list[str], tag: str) -> None:
    strong = tag.removeprefix("W/")

    assert names(", ".join(listed), strong) == (strong in [each.removeprefix("W/") for each in listed])
    assert names("*", strong)


def test_what_a_client_has_already_is_unchanged() -> None:
    assert is_unchanged(headers(if_none_match=f'"x", W/{ETAG}'), ETAG)
    assert not is_unchanged(headers(if_none_match='"x"'), ETAG)
    assert not is_unchanged(headers(), ETAG)
