"""A publication's body, however it is cut and whatever it is: bounded, and never taken for something else."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entrepot.formats.npm.body import Begin, Data, End, Splitter
from entrepot.model.errors import InvalidMetadata, TooLarge
from tests.formats.npm.packages import attached, publication

LIMIT = 1_000_000


def split(pieces: Iterable[bytes], *, limit: int = LIMIT) -> tuple[dict[str, bytes], bytes]:
    """The attachments, and the rest."""
    splitter = Splitter(limit=limit)
    found: dict[str, bytearray] = {}
    current: bytearray | None = None
    for piece in pieces:
        for event in splitter.feed(piece):
            match event:
                case Begin(name):
                    assert current is None
                    assert name not in found
                    current = found[name] = bytearray()
                case Data(content):
                    assert current is not None
                    current += content
                case End():
                    assert current is not None
                    current = None
    rest = splitter.finish()
    assert current is None
    return {name: bytes(content) for name, content in found.items()}, rest


def cut(content: bytes, places: Iterable[int]) -> Iterator[bytes]:
    ends = sorted({place % (len(content) + 1) for place in places} | {len(content)})
    start = 0
    for end in ends:
        yield content[start:end]
        start = end


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64, 100_000])
def test_an_attachment_is_taken_out_however_the_body_is_cut(size: int) -> None:
    content = bytes(range(256)) * 3
    document = publication(content=content)
    body = json.dumps(document).encode()

    found, rest = split(body[start : start + size] for start in range(0, len(body), size))

    assert found == {"tool-1.0.0.tgz": content}
    document["_attachments"]["tool-1.0.0.tgz"]["data"] = ""
    assert json.loads(rest) == document


_KEYS = st.sampled_from(["_attachments", "data", "a.tgz", "b.sigstore", 'q"', "\\", "é", ""]) | st.text(max_size=4)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(
    document=st.dictionaries(_KEYS, _JSON, max_size=5),
    places=st.lists(st.integers(0, 500), max_size=6),
    plain=st.booleans(),
)
@example(document={"_attachments": {"é.tgz": {"data": "QQ=="}}}, places=[20, 21, 22, 23], plain=True)
@example(document={"a": {"_attachments": {"x": {"data": "no base64"}}}}, places=[], plain=True)
def test_any_document_means_what_a_json_parser_says(document: dict[str, Any], places: list[int], plain: bool) -> None:
    body = json.dumps(document, ensure_ascii=not plain).encode("utf-8", "replace")
    attachments = document.get("_attachments")
    expected: dict[str, bytes] = {}
    sound = True
    for name, attachment in attachments.items() if isinstance(attachments, dict) else ():
        if isinstance(attachment, dict) and isinstance(attachment.get("data"), str) and not name.endswith(".sigstore"):
            try:
                expected[name] = base64.b64decode(attachment["data"], validate=True)
            except ValueError:
                sound = False

    try:
        found, _ = split(cut(body, places))
    except InvalidMetadata:
        assert not sound
        return

    assert found == expected


@given(
    body=st.binary(max_size=200) | st.text('{}[]",:\\ \n_attachmentsdQ=', max_size=200).map(str.encode),
    places=st.lists(st.integers(0, 200)),
)
def test_any_bytes_are_split_or_refused_the_same_however_they_are_cut(body: bytes, places: list[int]) -> None:
    def outcome(pieces: Iterable[bytes]) -> object:
        try:
            return split(pieces)
        except InvalidMetadata:
            return "refused"

    assert outcome([body]) == outcome(cut(body, places))


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a", "name": "b"}',
        b'{"name": "a", "na\\u006de": "b"}',
        b'{"_attachments": {}, "_attachments": {}}',
        b'{"_attachments": {"a.tgz": {"data": "QQ=="}, "a.tgz": {"data": "Qg=="}}}',
        b'{"_attachments": {"a.tgz": {"data": "QQ==", "data": "Qg=="}}}',
        b'{"_attachments": {"a.tgz": {"data": "QQ==", "d\\u0061ta": "Qg=="}}}',
    ],
)
def test_what_two_readers_could_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMetadata, match="each key once"):
        split([body])


@pytest.mark.parametrize(
    "data", ["Q", "QQ", "QQ=", "QQ==QQ==", "Q Q==", "QQ==\\n", "Q\\u0000Q=", "====", "é", "QQ==,", "QU\\\\="]
)
def test_base64_that_is_not_sound_is_refused(data: str) -> None:
    body = f'{{"_attachments": {{"a.tgz": {{"data": "{data}"}}}}}}'.encode()

    for size in (1, len(body)):
        with pytest.raises(InvalidMetadata):
            split(body[start : start + size] for start in range(0, len(body), size))


def test_base64_may_be_written_with_escapes() -> None:
    content = b"\xff\xfe\xfb" * 5 + b"x"
    data = base64.b64encode(content).decode().replace("/", "\\/").replace("+", "\\u002B").replace("=", "\\u003d")
    body = f'{{"_attachments": {{"a.tgz": {{"data": "{data}"}}}}}}'.encode()

    for size in range(1, len(body)):
        assert split(body[start : start + size] for start in range(0, len(body), size))[0] == {"a.tgz": content}


@pytest.mark.parametrize("body", [b"[" * 200, b'{"a":' * 200, b"[[" * 500_000], ids=["lists", "objects", "many"])
def test_nesting_has_an_end(body: bytes) -> None:
    with pytest.raises(InvalidMetadata, match="levels"):
        split([body])


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a', b'{"a": "b\\', b'{"_attachments": {"a.tgz": {"data": "QQ=="', b"}", b"]"]
)
def test_a_body_that_ends_too_early_is_none(body: bytes) -> None:
    if not body:
        assert split([body]) == ({}, b"")
        return
    with pytest.raises(InvalidMetadata):
        split([body])


@pytest.mark.parametrize("body", [b"{" + b",:" * 20_000, b"{" + b'"a' * 20_000, b"{}" * 20_000, b"]"])
def test_what_is_no_document_is_not_read_to_its_end(body: bytes) -> None:
    with pytest.raises(InvalidMetadata):
        split([body])


def test_many_keys_are_none_of_a_packages_document() -> None:
    body = b"{" + b",".join(b'"%d":0' % number for number in range(10_000)) + b"}"

    with pytest.raises(InvalidMetadata, match="fewer keys"):
        split([body])


def test_what_is_no_attachment_has_a_limit() -> None:
    with pytest.raises(TooLarge):
        split([b'{"name": "', b"x" * 2_000, b'"}'], limit=1_000)


def test_a_bundle_of_signatures_stays_in_the_document() -> None:
    document = {"_attachments": {"a.sigstore": {"data": '{"a": "b"}'}, "a.tgz": attached(b"content")}}

    found, rest = split([json.dumps(document).encode()])

    assert found == {"a.tgz": b"content"}
    assert json.loads(rest)["_attachments"]["a.sigstore"]["data"] == '{"a": "b"}'


def test_memory_does_not_grow_with_the_attachment() -> None:
    piece = base64.b64encode(bytes(range(256)) * 3 * 64)
    splitter = Splitter(limit=1_000)
    size = 0
    tracemalloc.start()

    for sent in (b'{"name": "tool", "_attachments": {"tool.tgz": {"data": "', *[piece] * 4_000, b'"}}}'):
        for event in splitter.feed(sent):
            size += len(event.content) if isinstance(event, Data) else 0

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 4_000 * 256 * 3 * 64 > 190_000_000
    assert peak < 2_000_000
    assert len(splitter.finish()) < 100
