"""Requests whose bytes lie about where they end, and heads of any size: 4xx in form, and nothing is stored."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.faults.line import Line, digest_of
from tests.faults.server import Server, make_namespace, running, violations
from tests.hostile.exchange import Answer, Request, assert_answer_is_sound
from tests.hostile.raw import Ended, Raw
from tests.hostile.world import basic

pytestmark = pytest.mark.xdist_group("framing")  # one server for all of them

CONTENT = random.Random(1).randbytes(1_000)
DIGEST = digest_of(CONTENT)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("framing"), body_idle_seconds=1, head_seconds=5, followers=False) as started:
        make_namespace(started.data, "acme")
        yield started
        assert violations(started.data) == []


@pytest.fixture
def raw(server: Server) -> Iterator[Raw]:
    with Raw(server.address) as opened:
        yield opened


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    with Line(server.address, server.token) as opened:
        yield opened


def _head(server: Server, method: bytes, target: bytes, *fields: bytes, version: bytes = b"1.1") -> bytes:
    host = b"Host: registry.example.com"
    lines = [method + b" " + target + b" HTTP/" + version, host, b"Authorization: " + basic(server.token), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _post(digest: str = DIGEST) -> bytes:
    return f"/v2/acme/api/blobs/uploads/?digest={digest}".encode()


def _refusal(raw: Raw, target: bytes = b"/v2/") -> Answer:
    answer = raw.answer()
    assert 400 <= answer.status < 500 or answer.status == 501, answer
    assert_answer_is_sound(Request("GET", target), answer, deliberate=(501,))
    return answer


def _assert_nothing_is_stored(line: Line) -> None:
    line.must(404, "GET", f"/v2/acme/api/blobs/{DIGEST}")


# --- where a body ends ---


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((b"Content-Length: 1000", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding: chunked", b"Content-Length: 1000"), 400),
        ((b"Content-Length: 1000", b"Content-Length: 1000"), 400),
        ((b"Content-Length: 1000", b"Content-Length: 999"), 400),
        ((b"Content-Length: 1000, 1000",), 400),
        ((b"Content-Length: -1",), 400),
        ((b"Content-Length: +1000",), 400),
        ((b"Content-Length: 0x3e8",), 400),
        ((b"Content-Length: 1e3",), 400),
        ((b"Content-Length: 1000x",), 400),
        ((b"Content-Length: ",), 400),
        ((b"Content-Length: 99999999999999999999999",), 400),
        ((b"Content-Length: \xb2",), 400),
        ((b"Transfer-Encoding: gzip, chunked",), 501),
        ((b"Transfer-Encoding: chunked, gzip",), 400),
        ((b"Transfer-Encoding: identity",), 400),
        ((b"Transfer-Encoding: xchunked",), 400),
        ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
        ((b"Transfer-Encoding : chunked",), 400),
        ((b"Transfer-Encoding:\x0bchunked",), 400),
        ((b" Transfer-Encoding: chunked",), 400),
        ((b"X: a\nTransfer-Encoding: chunked",), 400),
        ((b"X: a\rTransfer-Encoding: chunked",), 400),
        ((b"X: a\x00b",), 400),
        ((b"X\x00: a",), 400),
        ((b"X y: a",), 400),
        ((b": a",), 400),
        ((b"no colon",), 400),
    ],
    ids=str,
)
def test_a_request_that_can_be_read_in_two_ways_is_read_in_none(
    server: Server, raw: Raw, line: Line, fields: tuple[bytes, ...], status: int
) -> None:
    raw.send(_head(server, b"POST", _post(), *fields), CONTENT)

    answer = _refusal(raw, _post())

    assert answer.status in (status, 501), answer
    assert raw.is_over()
    _assert_nothing_is_stored(line)


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n" + CONTENT,
        b"-1\r\n" + CONTENT,
        b"3e8" + CONTENT,
        b"3e8\n" + CONTENT,
        b"3e8\r\n" + CONTENT + b"xx0\r\n\r\n",
        b"3e7\r\n" + CONTENT + b"\r\n0\r\n\r\n",
        b"3e8\r\n" + CONTENT + b"\r\nffffffffffffffffff\r\n",
        b"fffffffffffffffff\r\n" + CONTENT,
        b"3e8 \r\n" + CONTENT + b"\r\n 0\r\n\r\n",
        b"\r\n" + CONTENT,
        b"3e8;" + b"x" * 200_000 + b"\x00\r\n" + CONTENT,
        b"3e8\r\n" + CONTENT + b"\r\n0\r\nno colon\r\n\r\n",
    ],
    ids=[
        "no number",
        "a negative number",
        "no line end",
        "half a line end",
        "a chunk too short",
        "a chunk too long",
        "an endless chunk",
        "an endless first chunk",
        "a number with a space before it",
        "no chunk",
        "a long extension with a zero byte",
        "a trailer without a name",
    ],
)
def test_wrong_chunks_are_refused_and_store_nothing(server: Server, raw: Raw, line: Line, body: bytes) -> None:
    raw.send(_head(server, b"POST", _post(), b"Transfer-Encoding: chunked"), body)

    _refusal(raw, _post())

    assert raw.is_over()
    _assert_nothing_is_stored(line)


def test_right_chunks_of_any_size_are_taken(server: Server, raw: Raw, line: Line) -> None:
    content = random.Random(2).randbytes(20_000)
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, content[at : at + 1]) for at in range(len(content)))
    target = f"/v2/acme/chunks/blobs/uploads/?digest={digest_of(content)}".encode()

    raw.send(_head(server, b"POST", target, b"Transfer-Encoding: chunked"), chunks, b"0\r\nX-Trailer: a\r\n\r\n")

    assert raw.answer().status == 201
    assert line.must(200, "GET", f"/v2/acme/chunks/blobs/{digest_of(content)}").body == content


def test_a_length_that_is_too_small_makes_another_blob_and_the_end_of_the_connection(
    server: Server, raw: Raw, line: Line
) -> None:
    raw.send(_head(server, b"POST", _post(), b"Content-Length: 500"), CONTENT)

    assert _refusal(raw, _post()).status == 400
    assert raw.is_over()
    _assert_nothing_is_stored(line)


def test_a_length_that_is_too_large_is_waited_for_and_not_for_ever(server: Server, raw: Raw, line: Line) -> None:
    raw.send(_head(server, b"POST", _post(), b"Content-Length: 1001"), CONTENT)

    assert _refusal(raw, _post()).status == 408
    assert raw.is_over()
    _assert_nothing_is_stored(line)


def test_a_length_that_is_too_large_on_a_connection_that_ends_stores_nothing(
    server: Server, raw: Raw, line: Line
) -> None:
    raw.send(_head(server, b"POST", _post(), b"Content-Length: 1001"), CONTENT).finish()

    with pytest.raises(Ended):
        raw.answer()

    _assert_nothing_is_stored(line)


@pytest.mark.parametrize(
    "target", [b"/v2/acme/api/manifests/1.0", b"/v2/acme/api/blobs/uploads/", b"/token", b"/files/acme/a/1/b"]
)
def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(
    server: Server, raw: Raw, target: bytes
) -> None:
    method = b"POST" if target in (b"/token", b"/v2/acme/api/blobs/uploads/") else b"PUT"
    size = b"Content-Length: %d" % 2**50
    target = _post() if target == b"/v2/acme/api/blobs/uploads/" else target
    raw.send(_head(server, method, target, size, b"Expect: 100-continue"), b"")

    if target in (b"/token", b"/v2/acme/api/manifests/1.0"):
        assert _refusal(raw, target).status == 413
    else:
        raw.finish()
        with pytest.raises(Ended):
            raw.answer()


# --- what a head may hold ---


def _fields_of(size: int) -> bytes:
    return b"X-Long: " + b"a" * (size - 10)


def test_a_head_of_ten_thousand_bytes_is_read(server: Server, raw: Raw) -> None:
    raw.send(_head(server, b"GET", b"/v2/", _fields_of(10_000)))

    assert raw.answer().status == 200


@pytest.mark.parametrize("target", [b"/v2/", b"/files/acme/x", b"/api/v1/status", b"/livez", b"/other"])
@pytest.mark.parametrize(
    "fields", [(_fields_of(70_000),), (_fields_of(5_000_000),), tuple(b"X-%d: a" % n for n in range(300))]
)
def test_a_head_that_is_too_large_is_refused_in_form(
    server: Server, raw: Raw, target: bytes, fields: tuple[bytes, ...]
) -> None:
    raw.send(_head(server, b"GET", target, *fields))

    assert _refusal(raw, target).status == 431
    assert raw.is_over()


@pytest.mark.parametrize("target", [b"/v2/?", b"/files/acme/", b"/api/v1/search?text=", b"/v2/_catalog?last="])
@pytest.mark.parametrize("size", [9_000, 100_000, 5_000_000])
def test_a_target_that_is_too_long_is_refused_in_form(server: Server, raw: Raw, target: bytes, size: int) -> None:
    raw.send(_head(server, b"GET", target + b"a" * size))

    assert _refusal(raw, target).status == 414
    assert raw.is_over()


@pytest.mark.parametrize(
    "query", [b"a=b&" * 1_900, b"a=" + b"%41" * 2_500, b"&" * 7_000, b"=" * 7_000, b"tag=a&" * 1_300]
)
def test_a_query_that_is_long_is_answered(server: Server, raw: Raw, query: bytes) -> None:
    for target in (b"/v2/_catalog?", b"/token?", b"/v2/acme/api/tags/list?", b"/files/acme?", b"/api/v1/namespaces?"):
        raw.send(_head(server, b"GET", target + query))

        answer = raw.answer()

        assert_answer_is_sound(Request("GET", target), answer)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET  /  HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /#x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n",
        b"\x00" * 1000,
        b"A" * 100_000,
    ],
    ids=repr,
)
def test_what_is_no_request_is_refused_or_hung_up_on(server: Server, raw: Raw, bytes_: bytes) -> None:
    raw.send(bytes_).finish()

    try:
        answer = raw.answer()
    except Ended:
        return
    assert 200 <= answer.status < 500 or answer.status in (501, 505), answer
    if answer.status >= 400:
        assert_answer_is_sound(Request("GET", b"/"), answer, deliberate=(501, 505))


# --- requests behind one another ---


def test_pipelined_requests_are_answered_in_their_order(server: Server, raw: Raw) -> None:
    targets = [b"/v2/", b"/livez", b"/nowhere", b"/v2/acme/api/manifests/x", b"/metrics", b"/v2/_catalog"] * 5
    expected = [200, 200, 404, 404, 200, 200] * 5

    raw.send(b"".join(_head(server, b"GET", target) for target in targets))

    assert [raw.answer().status for _ in targets] == expected


def test_a_request_behind_an_upload_waits_for_it(server: Server, raw: Raw, line: Line) -> None:
    content = random.Random(3).randbytes(400_000)
    target = f"/v2/acme/behind/blobs/uploads/?digest={digest_of(content)}".encode()
    read = _head(server, b"GET", f"/v2/acme/behind/blobs/{digest_of(content)}".encode())

    raw.send(_head(server, b"POST", target, b"Content-Length: 400000"), content, read)

    assert raw.answer().status == 201
    assert raw.answer().body == content


def test_a_thousand_pipelined_requests_cost_no_more_than_the_client_reads(server: Server, raw: Raw) -> None:
    before = server.resident_size()

    raw.send(_head(server, b"GET", b"/api/v1/openapi.json") * 1_000)

    answers = 0
    try:
        while answers < 1_000:
            assert raw.answer().status in (200, 429)
            answers += 1
    except Ended:
        pass
    assert answers >= 1
    assert server.resident_size() - before < 40 * 1024 * 1024


def test_a_request_hidden_in_a_body_is_a_body(server: Server, raw: Raw, line: Line) -> None:
    hidden = _head(server, b"DELETE", b"/v2/acme/api/manifests/1.0")
    target = f"/v2/acme/hidden/blobs/uploads/?digest={digest_of(hidden)}".encode()

    raw.send(_head(server, b"POST", target, b"Content-Length: %d" % len(hidden)), hidden)
    raw.send(_head(server, b"GET", b"/livez"))

    assert raw.answer().status == 201
    assert raw.answer().body == b"ok\n"


def test_an_upgrade_is_not_taken_and_the_body_is_still_a_body(server: Server, raw: Raw, line: Line) -> None:
    fields = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")

    raw.send(_head(server, b"POST", _post(digest_of(b"x" * 1000)), *fields, b"Content-Length: 1000"), b"x" * 1000)

    assert raw.answer().status == 201
    line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(b'x' * 1000)}")
