"""Requests and responses over a real connection: framing, order, errors, and what the application is told."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from entrepot.wire.server import ClientDisconnected, Limits
from tests.unit.wire.server.serving import (
    PATIENCE,
    App,
    Receive,
    Scope,
    Send,
    Served,
    answer,
    eventually,
    hello,
    read_body,
    request,
)


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    body, complete = await read_body(receive)
    assert complete
    await answer(send, body)


def recorder(seen: list[Scope]) -> App:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(scope)
        await answer(send, scope["raw_path"])

    return app


# Responses


def test_a_body_in_one_piece_gets_its_length() -> None:
    with Served(hello) as server, server.connect() as client:
        response = client.get()

        assert (response.status, response.body) == (200, b"hello")
        assert response.headers["content-length"] == "5"


def test_a_body_in_pieces_is_chunked() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        for piece in (b"one ", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    with Served(app) as server, server.connect() as client:
        response = client.get()

        assert response.headers["transfer-encoding"] == "chunked"
        assert response.body == b"one two"
        assert client.get().status == 200


def test_an_old_client_gets_a_body_of_unknown_length_until_the_connection_closes() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    with Served(app) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        response = client.read()

        assert "transfer-encoding" not in response.headers
        assert response.headers["connection"] == "close"
        assert response.body == b"one two"


def test_head_gets_the_headers_of_get_and_no_body() -> None:
    with Served(hello) as server, server.connect() as client:
        response = client.get(method="HEAD")

        assert response.headers["content-length"] == "5"
        assert client.get().body == b"hello"


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body(status: int) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, b"", status, [(b"etag", b'"1"')])

    with Served(app) as server, server.connect() as client:
        response = client.get()

        assert (response.status, response.headers["etag"]) == (status, '"1"')
        assert "content-length" not in response.headers
        assert client.get().status == status


def test_a_status_line_says_what_the_application_has_for_it() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 400, "entrepot.reason": "It is \u00fcber: \u20ac 3"})
        await send({"type": "http.response.body", "body": b"body"})

    with Served(app) as server, server.connect() as client:
        client.send(request())
        line = client.read_exactly(len(b"HTTP/1.1 400 It is \xfcber: ? 3\r\n"))

        assert line == b"HTTP/1.1 400 It is \xfcber: ? 3\r\n"


@pytest.mark.parametrize("reason", ["a\r\nset-cookie: b", "a\nb", "\0"])
def test_a_reason_that_could_split_the_response_is_an_error_of_the_application(reason: str) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 400, "entrepot.reason": reason})
        await send({"type": "http.response.body"})

    with Served(app) as server, server.connect() as client:
        assert client.get().status == 500


def test_a_large_body_comes_whole() -> None:
    body = bytes(range(256)) * 65536

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, body)

    with Served(app) as server, server.connect() as client:
        assert client.get().body == body


@pytest.mark.parametrize(
    "field",
    [(b"x-name", b"a\r\nset-cookie: b"), (b"x-name", b"a\0"), (b"x name", b"a"), (b"x-name:", b"a"), (b"", b"a")],
)
def test_a_header_that_could_split_the_response_is_an_error_of_the_application(field: tuple[bytes, bytes]) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, b"", 200, [field])

    with Served(app) as server, server.connect() as client:
        response = client.get()

        assert response.status == 500
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("length", [b"4", b"6"])
def test_a_body_of_another_length_than_promised_never_looks_complete(length: bytes) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, b"hello", 200, [(b"content-length", length)])

    with Served(app) as server, server.connect() as client:
        assert client.get().status == 500


START = {"type": "http.response.start", "status": 200}
END = {"type": "http.response.body"}


@pytest.mark.parametrize(
    "messages",
    [[END], [START, START], [START, END, END], [{"type": "websocket.accept"}]],
    ids=["body first", "started twice", "ended twice", "another protocol"],
)
def test_messages_out_of_order_are_an_error_of_the_application(messages: list[dict[str, Any]]) -> None:
    raised = threading.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages[:-1]:
            await send(message)
        with pytest.raises(RuntimeError):
            await send(messages[-1])
        raised.set()

    with Served(app) as server, server.connect() as client:
        client.get()

        assert raised.wait(PATIENCE)


def test_what_fails_before_the_body_is_answered_and_what_fails_later_is_cut() -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        if scope["path"] == "/late":
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
        raise RuntimeError("oh")

    with Served(app) as server:
        with server.connect() as client:
            assert client.get("/early").status == 500
            assert client.is_closed()
        with server.connect() as client, pytest.raises(EOFError):
            client.get("/late")


def test_an_application_that_does_not_answer_is_answered_for(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pass

    with Served(app) as server, server.connect() as client:
        response = client.get()

    assert response.status == 500
    assert response.headers["x-request-id"] in caplog.text


def test_a_client_is_named_the_request_id_that_the_log_has(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("oh")

    with Served(app) as server, server.connect() as client:
        response = client.get()

    assert response.headers["x-request-id"] in response.body.decode()
    assert response.headers["x-request-id"] in caplog.text


def test_errors_of_the_server_are_said_in_the_form_that_the_target_speaks() -> None:
    def render(status: int, target: str, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        return [(b"content-type", b"application/json")], f"{status} {target} {request_id}".encode()

    with Served(hello, render_error=render) as server, server.connect() as client:
        response = client.get("/v2/", "Host: another")

        assert response.headers["content-type"] == "application/json"
        assert response.body.decode() == f"400 /v2/ {response.headers['x-request-id']}"
        assert response.headers["connection"] == "close"
        assert client.is_closed()


def test_an_error_about_an_error_is_still_an_answer() -> None:
    def render(status: int, target: str, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        raise RuntimeError("oh")

    with Served(hello, render_error=render) as server, server.connect() as client:
        client.send(b"nonsense\r\n\r\n")

        assert client.read().status == 400


# Request ids


def test_every_response_has_a_request_id_of_its_own() -> None:
    seen: list[Scope] = []
    with Served(recorder(seen)) as server, server.connect() as client:
        ids = [client.get().headers["x-request-id"] for _ in range(3)]

    assert ids == [scope["entrepot.request_id"] for scope in seen]
    assert len(set(ids)) == 3


def test_a_sane_request_id_of_the_client_is_kept_and_another_is_not() -> None:
    with Served(hello) as server, server.connect() as client:
        kept = client.get("/", "X-Request-Id: build-7.a")
        replaced = client.get("/", 'X-Request-Id: "><script>')

    assert kept.headers["x-request-id"] == "build-7.a"
    assert replaced.headers["x-request-id"].isalnum()


def test_the_application_cannot_send_a_second_request_id() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, b"", 200, [(b"X-Request-Id", b"mine")])

    with Served(app) as server, server.connect() as client:
        assert client.get().headers["x-request-id"] != "mine"


# Request targets


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        ("/", "/", b"/", b""),
        ("/a%2Fb/%C3%A9?q=1&r=?", "/a/b/é", b"/a%2Fb/%C3%A9", b"q=1&r=?"),
        ("//a//b", "//a//b", b"//a//b", b""),
        ("/a?", "/a", b"/a", b""),
        ("/a#b", "/a", b"/a", b""),
        ("http://other.example.com:81/a?b", "/a", b"/a", b"b"),
        ("http://other.example.com", "/", b"/", b""),
    ],
)
def test_a_target_is_taken_apart(target: str, path: str, raw_path: bytes, query: bytes) -> None:
    seen: list[Scope] = []
    with Served(recorder(seen)) as server, server.connect() as client:
        client.get(target)

    assert (seen[0]["path"], seen[0]["raw_path"], seen[0]["query_string"]) == (path, raw_path, query)


def test_a_host_in_the_target_counts_and_the_header_does_not() -> None:
    seen: list[Scope] = []
    with Served(recorder(seen)) as server, server.connect() as client:
        client.get("http://other.example.com:81/a")

    assert [value for name, value in seen[0]["headers"] if name == b"host"] == [b"other.example.com:81"]


# What is refused


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST / HTTP/1.1|Host: a|Content-Length: 3|Content-Length: 3||abc", 400),
        ("POST / HTTP/1.1|Host: a|Content-Length: 3|Content-Length: 4||abc", 400),
        ("POST / HTTP/1.1|Host: a|Content-Length: 3, 3||abc", 400),
        ("POST / HTTP/1.1|Host: a|Content-Length: +3||abc", 400),
        ("POST / HTTP/1.1|Host: a|Content-Length: 99999999999999999999||abc", 400),
        ("POST / HTTP/1.1|Host: a|Content-Length : 3||abc", 400),
        ("POST / HTTP/1.1|Host: a|Content-Length: 3|Transfer-Encoding: chunked||0||", 400),
        ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 3||0||", 400),
        ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip||abc", 501),
        ("POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||0||", 501),
        ("POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Transfer-Encoding: chunked||0||", 400),
        ("POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked||0||", 400),
        ("POST / HTTP/1.1|Host: a|Expect: a-miracle|Content-Length: 3||abc", 417),
        ("GET / HTTP/1.1||", 400),
        ("GET / HTTP/1.1|Host: a|Host: a||", 400),
        ("GET / HTTP/1.1|Host: a|X: b| folded||", 400),
        ("GET / HTTP/1.1|Host: a|X: b\0||", 400),
        ("GET / HTTP/2.0|Host: a||", 505),
        ("GET /|Host: a||", 505),
        ("CONNECT a:80 HTTP/1.1|Host: a||", 501),
        ("GET * HTTP/1.1|Host: a||", 400),
        ("BREW / HTTP/1.1|Host: a||", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_refused(head: str, status: int) -> None:
    seen: list[Scope] = []
    with Served(recorder(seen)) as server, server.connect() as client:
        client.send(head.replace("|", "\r\n").encode("latin-1"))
        response = client.read()

        assert client.is_closed()
    assert response.status == status
    assert seen == []


def test_a_request_of_an_old_client_needs_no_host() -> None:
    with Served(hello) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")

        assert client.read().body == b"hello"
        assert client.is_closed()


def test_options_may_ask_of_the_server_as_a_whole() -> None:
    with Served(hello) as server, server.connect() as client:
        assert client.get("*", method="OPTIONS").status == 200


def test_trailer_fields_are_dropped() -> None:
    seen: list[Scope] = []
    with Served(recorder(seen)) as server, server.connect() as client:
        client.send(request("/", "Transfer-Encoding: chunked", method="POST"), b"0\r\nAuthorization: a\r\n\r\n")
        client.read()
        client.get("/next")

    assert [b"authorization" in dict(scope["headers"]) for scope in seen] == [False, False]


# Bodies


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_comes_whole(framing: str) -> None:
    body = bytes(range(256)) * 8192

    with Served(echo) as server, server.connect() as client:
        if framing == "length":
            client.send(request("/", f"Content-Length: {len(body)}", method="PUT"), body)
        else:
            client.send(request("/", "Transfer-Encoding: chunked", method="PUT"))
            client.send(b"%x\r\n%b\r\n" % (len(body), body), b"0\r\n\r\n")

        assert client.read().body == body
        assert client.get().body == b""


@pytest.mark.parametrize(
    "sent",
    [
        request("/", "Content-Length: 10", method="PUT") + b"12345",
        request("/", "Content-Length: 10", method="PUT"),
        request("/", "Transfer-Encoding: chunked", method="PUT") + b"5\r\n12345\r\n",
        request("/", "Transfer-Encoding: chunked", method="PUT") + b"a\r\n12345",
    ],
)
def test_a_truncated_body_never_looks_complete(sent: bytes) -> None:
    told: list[tuple[bytes, bool]] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        told.append(await read_body(receive))

    with Served(app) as server:
        with server.connect() as client:
            client.send(sent)
        eventually(lambda: bool(told))

    assert told[0][1] is False
    assert b"12345".startswith(told[0][0])


def test_a_body_that_is_not_well_formed_is_refused_and_never_looks_complete() -> None:
    told: list[tuple[bytes, bool]] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        told.append(await read_body(receive))
        with pytest.raises(ClientDisconnected):
            await answer(send)

    with Served(app) as server, server.connect() as client:
        client.send(request("/", "Transfer-Encoding: chunked", method="PUT"), b"5\r\n12345\r\n", b"0x5\r\n")

        assert client.read().status == 400
        assert client.is_closed()
    assert told == [(b"12345", False)]


def test_receiving_after_the_end_of_the_body_waits_for_the_client_to_leave() -> None:
    told: list[dict[str, Any]] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        told.extend([await receive(), await receive()])

    with Served(app) as server:
        with server.connect() as client:
            client.send(request())
            eventually(lambda: len(server.connections) == 1)
        eventually(lambda: len(told) == 2)

    assert told == [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]


def test_sending_to_a_client_that_left_raises() -> None:
    raised = threading.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        try:
            await answer(send)
        except ClientDisconnected:
            raised.set()
            raise

    with Served(app) as server:
        with server.connect() as client:
            client.send(request())
        assert raised.wait(PATIENCE)


def test_a_queue_of_requests_learns_too_that_the_client_left() -> None:
    gone = threading.Event()

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with Served(app) as server:
        with server.connect() as client:
            client.send(request(), request("/second"))
            eventually(lambda: len(server.connections) == 1)
        assert gone.wait(PATIENCE)


def test_what_the_application_does_not_read_is_not_taken_from_the_client() -> None:
    go_on = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        taken, more = 0, True
        while more:
            message = await receive()
            taken, more = taken + len(message["body"]), message["more_body"]
        await answer(send, b"%d" % taken)

    size = 64 << 20
    with Served(app) as server, server.connect() as client:
        client.send(request("/", f"Content-Length: {size}", method="PUT"))
        taken = client.send_until_full(size, 0.5)
        assert taken < size

        async def resume() -> None:
            go_on.set()

        server.run(resume())
        client.send(bytes(size - taken))

        assert client.read().body == b"%d" % size


# Expect: 100-continue


def test_the_client_is_told_to_go_on_only_when_the_application_reads() -> None:
    with Served(echo) as server, server.connect() as client:
        client.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        assert client.read_head() == (100, {})
        client.send(b"hello")

        assert client.read().body == b"hello"
        assert client.get().status == 200


def test_a_final_answer_instead_of_continue_closes_the_connection() -> None:
    with Served(hello) as server, server.connect() as client:
        client.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"))
        response = client.read()

        assert (response.status, response.headers["connection"]) == (200, "close")
        assert client.is_closed()


def test_a_client_that_does_not_wait_for_continue_is_served() -> None:
    with Served(echo) as server, server.connect() as client:
        client.send(request("/", "Expect: 100-continue", "Content-Length: 5", method="PUT"), b"hello")

        assert client.read().body == b"hello"


def test_an_old_client_is_never_told_to_continue() -> None:
    with Served(echo) as server, server.connect() as client:
        client.send(b"PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", b"hello")

        assert client.read().body == b"hello"


# Answers before the end of the request


def test_a_small_rest_of_a_body_is_thrown_away_and_the_connection_goes_on() -> None:
    with Served(hello) as server, server.connect() as client:
        client.send(request("/", "Content-Length: 1000", method="PUT"))
        first = client.read()
        client.send(bytes(1000))

        assert first.body == b"hello"
        assert client.get().body == b"hello"


def test_an_answer_survives_a_large_upload_that_nobody_wants() -> None:
    with Served(hello, limits=Limits(linger_seconds=2)) as server, server.connect() as client:
        client.send(request("/", f"Content-Length: {1 << 40}", method="PUT"))
        # The client goes on sending without a look at the answer, until nobody takes any more.
        sent = client.send_until_full(1 << 40, 0.1)
        response = client.read()

        assert (response.body, response.headers["connection"]) == (b"hello", "close")
        assert sent < 16 << 20  # the kernels' buffers, not the upload
        eventually(lambda: not server.connections)


def test_a_chunked_body_that_nobody_wants_closes_the_connection() -> None:
    with Served(hello) as server, server.connect() as client:
        client.send(request("/", "Transfer-Encoding: chunked", method="PUT"), b"5\r\nhello\r\n")
        response = client.read()

        assert (response.body, response.headers["connection"]) == (b"hello", "close")
        assert client.is_closed()


# Several requests on a connection


def test_pipelined_requests_are_answered_in_order() -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.02 if scope["path"] == "/1" else 0)
        await answer(send, scope["raw_path"])

    with Served(app) as server, server.connect() as client:
        client.send(request("/1"), request("/2", "Content-Length: 3", method="PUT"), b"abc", request("/3"))
        responses = [client.read().body for _ in range(3)]

        assert responses == [b"/1", b"/2", b"/3"]
        assert client.get("/4").body == b"/4"


def test_a_client_that_asks_too_much_at_once_gets_what_there_is_room_for() -> None:
    release = threading.Event()

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.get_running_loop().run_in_executor(None, release.wait)
        await answer(send, scope["raw_path"])

    with Served(app, limits=Limits(pipelined_requests=3)) as server, server.connect() as client:
        client.send(*(request(f"/{number}") for number in range(8)))
        release.set()
        responses = [client.read() for _ in range(4)]

        assert [response.body for response in responses] == [b"/0", b"/1", b"/2", b"/3"]
        assert client.is_closed()


def test_nonsense_behind_a_request_does_not_spoil_its_answer() -> None:
    release = threading.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await asyncio.get_running_loop().run_in_executor(None, release.wait)
        await send({"type": "http.response.body", "body": b"two"})

    with Served(app) as server, server.connect() as client:
        client.send(request())
        client.read_head()
        client.send(b"\0\0\0\0\r\n\r\n")
        eventually(lambda: all(connection.flow.read_paused for connection in server.connections))
        release.set()

        assert client.read_to_end() == b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"


def test_the_client_may_close_after_one() -> None:
    with Served(hello) as server, server.connect() as client:
        response = client.get("/", "Connection: close")

        assert response.headers["connection"] == "close"
        assert client.is_closed()


def test_the_application_may_close() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, b"bye", 200, [(b"connection", b"close")])

    with Served(app) as server, server.connect() as client:
        assert client.get().body == b"bye"
        assert client.is_closed()


# Upgrade


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_wish_to_upgrade_is_ignored_and_the_body_is_not_lost(framing: str) -> None:
    wish = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA"]

    with Served(echo) as server, server.connect() as client:
        for _ in range(2):
            if framing == "length":
                client.send(request("/", *wish, "Content-Length: 5", method="PUT"), b"hello")
            else:
                client.send(request("/", *wish, "Transfer-Encoding: chunked", method="PUT"), b"5\r\nhello\r\n0\r\n\r\n")

            assert client.read().body == b"hello"
        assert client.get().status == 200


def test_a_body_behind_a_wish_to_upgrade_may_come_later() -> None:
    with Served(echo) as server, server.connect() as client:
        client.send(request("/", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", method="PUT"))
        client.send(b"hello")

        assert client.read().body == b"hello"


def test_many_wishes_to_upgrade_at_once_are_too_many() -> None:
    with Served(hello) as server, server.connect() as client:
        client.send(*[request("/", "Connection: Upgrade", "Upgrade: h2c")] * 1000)

        assert client.read().body == b"hello"
        client.read_to_end()
        assert client.is_closed()


# The end of the server


def test_a_server_that_shuts_down_closes_idle_connections_and_finishes_the_others() -> None:
    started, release = threading.Event(), threading.Event()

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            started.set()
            await asyncio.get_running_loop().run_in_executor(None, release.wait)
        await answer(send, b"done")

    with Served(app) as server, server.connect() as idle, server.connect() as busy:
        idle.get()
        busy.send(request("/slow"))
        assert started.wait(PATIENCE)
        server.shut_down()
        assert idle.is_closed()
        release.set()
        response = busy.read()

        assert (response.body, response.headers["connection"]) == (b"done", "close")
        assert busy.is_closed()


def test_a_connection_accepted_while_the_server_shuts_down_is_closed() -> None:
    with Served(hello) as server:
        server.protocols.draining = True
        with server.connect() as client:
            assert client.is_closed()


def test_an_exchange_that_is_cancelled_says_that_it_may_be_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    started = threading.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        started.set()
        await asyncio.Event().wait()

    with caplog.at_level(logging.WARNING), Served(app) as server, server.connect() as client:
        client.send(request())
        assert started.wait(PATIENCE)

        async def cancel() -> None:
            for task in server.state.tasks:
                task.cancel()

        server.run(cancel())
        response = client.read()

    assert response.status == 503
    assert "retry-after" in response.headers
    assert response.headers["x-request-id"] in caplog.text
