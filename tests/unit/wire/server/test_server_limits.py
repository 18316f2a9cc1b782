"""What a client may cost: sizes, times and numbers."""

from __future__ import annotations

import asyncio
import socket
import threading
from time import monotonic

import pytest

from entrepot.wire.server import ClientDisconnected, Limits
from tests.unit.wire.server.serving import (
    PATIENCE,
    Receive,
    Scope,
    Send,
    Served,
    answer,
    eventually,
    hello,
    read_body,
    request,
    threaded,
)

QUICK = Limits(
    head_seconds=0.4,
    body_idle_seconds=0.4,
    keep_alive_seconds=0.4,
    stall_seconds=0.4,
    linger_seconds=0.4,
)
"""For a client that is late."""

CALM = Limits(body_idle_seconds=1, stall_seconds=1)
"""For one that is not, even on a busy machine."""


# Sizes


@pytest.mark.parametrize(
    "fields",
    [
        [f"X-Long: {'a' * 70_000}"],
        [f"X-{number}: {'a' * 1000}" for number in range(70)],
        [f"X-{number}: a" for number in range(300)],
    ],
    ids=["one long field", "many long fields", "very many fields"],
)
def test_a_head_that_is_too_large_is_refused(fields: list[str]) -> None:
    with Served(hello) as server, server.connect() as client:
        assert client.get("/", *fields).status == 431
        assert client.is_closed()


def test_a_head_of_just_the_size_that_is_allowed_is_served() -> None:
    limits = Limits(head_size=2000)
    room = 2000 - len("Host: registry.example.com\r\n") - len("X: \r\n")

    with Served(hello, limits=limits) as server, server.connect() as client:
        assert client.get("/", f"X: {'a' * room}").status == 200
        assert client.get("/", f"X: {'a' * (room + 1)}").status == 431


@pytest.mark.parametrize("beginning", [b"X-Long: ", b"X", b"GET /"], ids=["value", "name", "after a request"])
def test_a_head_that_never_ends_is_refused_before_it_takes_memory(beginning: bytes) -> None:
    before = request() if beginning.startswith(b"GET") else b"GET / HTTP/1.1\r\n"
    status, sent = 0, 0

    with Served(hello) as server, server.connect() as client:
        client.send(before, beginning)
        client.socket.settimeout(0.05)
        if beginning.startswith(b"GET"):
            assert client.read().status == 200
        while not status and sent < 8 << 20:
            client.send(b"a" * 65536)
            sent += 65536
            try:
                status = client.read_head()[0]
            except TimeoutError:
                continue

    assert status in (414, 431)
    assert sent <= 1 << 20


def test_a_target_that_is_too_long_is_refused() -> None:
    with Served(hello) as server, server.connect() as client:
        assert client.get("/" + "a" * 8191).status == 200
        assert client.get("/" + "a" * 8192).status == 414
        assert client.is_closed()


def test_trailer_fields_without_end_are_refused() -> None:
    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await read_body(receive)

    with Served(app) as server, server.connect() as client:
        client.send(request("/", "Transfer-Encoding: chunked", method="PUT"), b"0\r\n")
        client.send(*(b"X-%d: a\r\n" % number for number in range(300)))

        assert client.read().status == 431


# Times


def test_a_head_that_takes_too_long_is_refused() -> None:
    with Served(hello, limits=QUICK) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")

        assert client.read().status == 408
        assert client.is_closed()


def test_a_head_that_comes_in_drops_is_refused_all_the_same() -> None:
    stop = threading.Event()

    with Served(hello, limits=QUICK) as server, server.connect() as client:

        def drip() -> None:
            client.send(b"GET / HTTP/1.1\r\nX-Slow: ")
            while not stop.wait(0.02):
                try:
                    client.send(b"a")
                except OSError:
                    return

        with threaded(drip):
            status = client.read().status
            stop.set()

        assert status == 408


def test_a_connection_that_never_speaks_is_closed_without_a_word() -> None:
    with Served(hello, limits=QUICK) as server, server.connect() as client:
        assert client.is_closed()


@pytest.mark.parametrize("between", [b"", b"\r\n"])
def test_a_connection_that_is_no_longer_used_is_closed_without_a_word(between: bytes) -> None:
    with Served(hello, limits=QUICK) as server, server.connect() as client:
        client.get()
        client.send(between)

        assert client.is_closed()


def test_a_body_that_stops_coming_is_refused_and_never_looks_complete() -> None:
    told: list[tuple[bytes, bool]] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        told.append(await read_body(receive))
        with pytest.raises(ClientDisconnected):
            await answer(send)

    with Served(app, limits=QUICK) as server, server.connect() as client:
        client.send(request("/", "Content-Length: 10", method="PUT"), b"12345")

        assert client.read().status == 408
        assert client.is_closed()
    assert told == [(b"12345", False)]


def test_a_body_that_stops_coming_ends_a_response_that_has_begun() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await read_body(receive)

    with Served(app, limits=QUICK) as server, server.connect() as client:
        client.send(request("/", "Content-Length: 10", method="PUT"), b"12345")

        assert client.read_head()[0] == 200
        assert client.read_to_end() == b"1"


@pytest.mark.parametrize("expects", [True, False])
def test_a_client_is_not_blamed_for_waiting_until_the_application_reads(expects: bool) -> None:
    size = 8 << 20

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.5)
        body, complete = await read_body(receive)
        await answer(send, b"%d %d" % (len(body), complete))

    with Served(app, limits=CALM) as server, server.connect() as client:
        fields = [f"Content-Length: {size}", *(["Expect: 100-continue"] if expects else [])]
        client.send(request("/", *fields, method="PUT"))
        if expects:
            assert client.read_head()[0] == 100
        client.send(bytes(size))

        assert client.read().body == b"%d 1" % size


def test_an_application_may_think_for_longer_than_a_client() -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(1.5)
        await answer(send, b"well")

    with Served(app, limits=CALM) as server, server.connect() as client:
        assert client.get().body == b"well"


def test_a_client_that_takes_nothing_is_given_up() -> None:
    raised = threading.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        try:
            while True:
                await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        except ClientDisconnected:
            raised.set()

    with Served(app, limits=QUICK) as server, server.connect() as client:
        client.send(request())

        assert raised.wait(PATIENCE)
        eventually(lambda: not server.connections)


def test_a_client_that_takes_a_little_now_and_then_is_not_given_up() -> None:
    body = bytes(24 << 20)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, body)

    with Served(app, limits=CALM) as server, server.connect() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(request())
        client.read_head()
        begun, taken = monotonic(), 0
        pause = threading.Event()
        while monotonic() < begun + 2:
            taken += len(client.read_exactly(100_000))
            pause.wait(0.05)

        assert len(client.read_exactly(len(body) - taken)) == len(body) - taken


# Numbers


def test_a_connection_too_many_is_told_to_come_back() -> None:
    with Served(hello, limits=Limits(connections=2)) as server, server.connect() as one, server.connect() as two:
        assert one.get().status == two.get().status == 200
        with server.connect() as three:
            response = three.read()

            assert (response.status, response.headers["retry-after"]) == (503, "2")
            assert three.is_closed()
        assert one.get().status == 200


def test_a_connection_too_many_reads_its_answer_even_if_it_has_asked() -> None:
    with Served(hello, limits=Limits(connections=1)) as server, server.connect() as one:
        one.get()
        with server.connect() as two:
            two.send(request("/", "Content-Length: 100000", method="PUT"), bytes(100_000))

            assert two.read().status == 503


def test_there_is_room_again_when_a_connection_ends() -> None:
    with Served(hello, limits=Limits(connections=1)) as server:
        with server.connect() as one:
            assert one.get().status == 200
        eventually(lambda: not server.connections)
        with server.connect() as two:
            assert two.get().status == 200


def test_far_too_many_connections_are_closed_without_an_answer() -> None:
    # However slowly they come, none of those that were refused is given up before the last.
    with Served(hello, limits=Limits(connections=1, linger_seconds=600)) as server:
        clients = [server.connect() for _ in range(300)]
        answers = [client.read_to_end() for client in clients[1:]]
        for client in clients:
            client.socket.close()

    assert sum(b" 503 " in found for found in answers) >= 200
    assert b"" in answers


def test_there_is_one_timer_and_none_without_connections() -> None:
    with Served(hello, limits=QUICK) as server:
        with server.connect() as client:
            client.get()
            assert server.protocols._timer is not None
        eventually(lambda: server.protocols._timer is None)
