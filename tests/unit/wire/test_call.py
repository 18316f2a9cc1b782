from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from entrepot.model.errors import Disconnected, Invalid, SizeMismatch, TooLarge, Unavailable
from entrepot.wire.call import Body, Headers, Load, Query, decode_json, misshapen


def received(*pieces: bytes, cut: bool = False) -> Callable[[], Awaitable[dict[str, Any]]]:
    """ASGI's receive, for a body in pieces."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": cut or number < len(pieces) - 1}
        for number, piece in enumerate(pieces or [b""])
    ]
    messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return receive


def body(*pieces: bytes, size: int | None = None, cut: bool = False, load: Load | None = None) -> Body:
    return Body(received(*pieces, cut=cut), size, load or Load(concurrency=10, held_size=1000))


# --- headers ---


def test_a_header_is_found_by_its_lower_case_name_without_the_space_around_it() -> None:
    headers = Headers([(b"accept", b"  text/plain\t"), (b"x-empty", b"")])

    assert headers.get("accept") == "text/plain"
    assert headers.get("x-empty") == ""
    assert headers.get("missing") is None


def test_a_repeated_header_is_one_list() -> None:
    assert Headers([(b"accept", b"a"), (b"accept", b"b")]).get("accept") == "a, b"


def test_a_header_may_hold_any_byte() -> None:
    assert Headers([(b"x", b"\xff")]).get("x") == "\xff"


# --- query ---


def test_parameters_keep_their_order() -> None:
    query = Query(b"tag=a&tag=b&empty=&plus=a+b&percent=a%2Fb%C3%A9")

    assert query.all("tag") == ["a", "b"]
    assert query.get("tag") == "a"
    assert (query.get("empty"), query.get("missing")) == ("", None)
    assert (query.get("plus"), query.get("percent")) == ("a b", "a/bé")
    assert query.names() == {"tag", "empty", "plus", "percent"}


@pytest.mark.parametrize("raw", [b"a=%ff", b"\xff=a", b"a=%ed%a0%80", b"&".join([b"a=1"] * 1001)])
def test_a_query_is_text_and_not_too_long(raw: bytes) -> None:
    with pytest.raises(Invalid):
        Query(raw)


@pytest.mark.parametrize(("raw", "expected"), [(b"n=0", 0), (b"n=100", 100), (b"", None), (b"n=0007", 7)])
def test_a_number_is_read(raw: bytes, expected: int | None) -> None:
    assert Query(raw).number("n") == expected


@pytest.mark.parametrize("raw", [b"n=", b"n=-1", b"n=1.5", b"n=a", b"n=%C2%B2", b"n=1_0", b"n= 1", b"n=" + b"1" * 20])
def test_nothing_else_is_a_number(raw: bytes) -> None:
    with pytest.raises(Invalid):
        Query(raw).number("n")


# --- body ---


async def test_a_body_comes_in_pieces_and_is_counted() -> None:
    sent = body(b"he", b"", b"llo", size=5)

    assert [piece async for piece in sent.stream()] == [b"he", b"llo"]
    assert sent.received == 5


async def test_a_body_is_read_whole() -> None:
    assert await body(b"he", b"llo", size=5).read(5) == b"hello"
    assert await body(b"he", b"llo").read(5) == b"hello"
    assert await body(size=0).read(0) == b""


@pytest.mark.parametrize("size", [6, None])
async def test_a_body_that_is_too_large_is_not_read(size: int | None) -> None:
    with pytest.raises(TooLarge):
        await body(b"he", b"llo!", size=size).read(5)


@pytest.mark.parametrize("size", [4, 6])
async def test_a_body_is_as_long_as_it_was_said_to_be(size: int) -> None:
    with pytest.raises(SizeMismatch):
        await body(b"hello", size=size).read(10)


async def test_a_client_that_goes_away_is_told_from_one_that_has_ended() -> None:
    with pytest.raises(Disconnected):
        await body(b"he", cut=True).read(10)


async def test_bodies_in_memory_are_bounded_for_all_requests_together() -> None:
    load = Load(concurrency=10, held_size=8)
    load.hold(5)

    with pytest.raises(Unavailable):
        await body(b"hello", size=5, load=load).read(10)

    load.release(5)
    assert await body(b"hello", size=5, load=load).read(10) == b"hello"
    assert await body(b"hello", size=5, load=load).read(10) == b"hello"


def test_requests_at_work_are_bounded() -> None:
    load = Load(concurrency=2, held_size=0)
    load.begin()
    load.begin()

    with pytest.raises(Unavailable):
        load.begin()
    load.end()

    with load.waiting():
        load.begin()
    load.end()
    load.end()
    load.end()
    load.begin()


# --- JSON ---


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


async def test_json_of_a_shape_is_read() -> None:
    assert await body(b'{"name": "a"}', size=13).json(Shape) == Shape("a")


@pytest.mark.parametrize(
    ("content", "subject", "expected", "actual"),
    [
        (b'{"name": 1}', "body.name", "`str`", "`int`"),
        (b"[]", "body", "`object`", "`array`"),
        (b'{"name": "a", "size": "b"}', "body.size", "`int`", "`str`"),
    ],
)
def test_json_of_another_shape_says_where_and_what(content: bytes, subject: str, expected: str, actual: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_json(content, Shape)

    assert (refused.value.subject, refused.value.expected, refused.value.actual) == (subject, expected, actual)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'{"name": "\xff"}', b"{}", b'{"name": "a", "x": 1}', b"[" * 100_000]
)
def test_what_is_no_json_of_the_shape_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        decode_json(content, Shape)


def test_a_complaint_that_cannot_be_taken_apart_is_passed_on() -> None:
    assert "something else" in str(misshapen("body", msgspec.ValidationError("something else")))
