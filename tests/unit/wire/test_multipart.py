"""Forms as clients send them, and as nobody should."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.model.errors import Invalid, TooLarge
from entrepot.wire.call import Call, Headers
from entrepot.wire.multipart import Part, read_form

BOUNDARY = b"5c1d9bb1"


def form(*parts: tuple[bytes, bytes], end: bytes = b"--\r\n") -> bytes:
    """Parts of headers and content, between boundaries."""
    return b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY, *part) for part in parts) + b"--" + BOUNDARY + end


def named(name: str, content: bytes, more: str = "") -> tuple[bytes, bytes]:
    return f'Content-Disposition: form-data; name="{name}"{more}'.encode(), content


def call(body: bytes, *, pieces: int = 7, kind: bytes = b"multipart/form-data; boundary=5c1d9bb1") -> Call:
    """A request with *body*, which comes a few bytes at a time."""

    async def stream() -> AsyncIterator[bytes]:
        for start in range(0, len(body), pieces):
            yield body[start : start + pieces]

    return cast(
        "Call", SimpleNamespace(headers=Headers([(b"content-type", kind)]), body=SimpleNamespace(stream=stream))
    )


async def fields(request: Call) -> dict[str, tuple[str | None, bytes]]:
    return {part.name: (part.filename, await part.read(1 << 20)) async for part in read_form(request)}


@pytest.mark.parametrize("pieces", [1, 7, 10_000])
async def test_fields_and_files_come_as_they_were_sent(pieces: int) -> None:
    content = random.Random(1).randbytes(5_000) + b"\r\n--" + BOUNDARY[:-1] + b"\r\n"
    body = form(
        named("name", "é".encode()),
        named("content", content, '; filename="a b.whl"\r\nContent-Type: application/zip'),
        named("empty", b""),
    )

    assert await fields(call(body, pieces=pieces)) == {
        "name": (None, "é".encode()),
        "content": ("a b.whl", content),
        "empty": (None, b""),
    }


async def test_a_part_says_what_it_is() -> None:
    body = form(named("a", b"x", '; filename="f"\r\nContent-Type: application/json'), named("b", b"y"))

    kinds = [part.media_type async for part in read_form(call(body))]

    assert kinds == ["application/json", "text/plain"]


async def test_what_is_not_read_is_skipped() -> None:
    body = form(named("large", b"x" * 10_000), named("small", b"1"))

    names = [part.name async for part in read_form(call(body))]

    assert names == ["large", "small"]


async def test_a_file_is_streamed_and_never_held() -> None:
    size = 64 << 20
    head, tail = form(named("content", b"|", '; filename="f"')).split(b"|")
    pulled = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal pulled
        yield head
        for _ in range(size >> 16):
            pulled += 1 << 16
            yield bytes(1 << 16)
        yield tail

    request = cast(
        "Call",
        SimpleNamespace(
            headers=Headers([(b"content-type", b"multipart/form-data; boundary=5c1d9bb1")]),
            body=SimpleNamespace(stream=stream),
        ),
    )
    received = 0
    async for part in read_form(request):
        async for piece in part.stream():
            received += len(piece)
            assert pulled - received <= 1 << 17, "no more is asked for than is taken"

    assert received == size


async def test_what_follows_the_end_means_nothing() -> None:
    assert await fields(call(form(named("a", b"1")) + b"epilogue")) == {"a": (None, b"1")}


async def test_a_field_is_read_up_to_a_limit() -> None:
    [part] = [part async for part in _first(call(form(named("a", b"12345"))))]

    with pytest.raises(TooLarge):
        await part.read(4)


async def _first(request: Call) -> AsyncIterator[Part]:
    async for part in read_form(request):
        yield part
        return


async def test_text_is_utf_8() -> None:
    with pytest.raises(Invalid, match="UTF-8"):
        [await part.text(10) async for part in read_form(call(form(named("a", b"\xff"))))]


@pytest.mark.parametrize(
    "kind",
    [
        b"application/json",
        b"multipart/form-data",
        b"multipart/mixed; boundary=5c1d9bb1",
        b"",
        b"multipart/form-data; boundary=" + b"x" * 300,
    ],
)
async def test_another_body_is_no_form(kind: bytes) -> None:
    with pytest.raises(Invalid, match="multipart/form-data"):
        await fields(call(form(named("a", b"1")), kind=kind))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        form(named("a", b"1"), end=b""),
        form(named("a", b"1"))[:30],
        form((b"Content-Type: text/plain", b"no name")),
        form((b'Content-Disposition: attachment; name="a"', b"")),
        form((b"Content-Disposition: form-data", b"")),
        form((b'Content-Disposition: form-data; name="\xff"', b"")),
        form(named("a" * 20_000, b"1")),
        form(named("a", b"1", "\r\nX: " + "y" * 20_000)),
    ],
)
async def test_a_damaged_form_is_refused(body: bytes) -> None:
    with pytest.raises((Invalid, TooLarge)):
        await fields(call(body))


async def test_a_form_has_so_many_fields() -> None:
    parts: Iterable[tuple[bytes, bytes]] = itertools.repeat(named("a", b""), 2_001)

    with pytest.raises(Invalid, match="at most"):
        await fields(call(form(*parts), pieces=10_000))


@settings(max_examples=200)
@given(data=st.data())
async def test_no_form_is_worse_than_refused(data: Any) -> None:
    body = bytearray(form(named("a", b"1"), named("content", b"x" * 50, '; filename="f"')))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=6))

    with contextlib.suppress(Invalid, TooLarge):
        await fields(call(bytes(body), pieces=data.draw(st.integers(1, 50))))
