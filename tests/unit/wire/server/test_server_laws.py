"""What holds whatever a client sends."""

from __future__ import annotations

import itertools
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.wire.server import CacheTicket, Epochs, FrontCache, Limits
from tests.unit.wire.server.serving import Receive, Scope, Send, Served, read_body, request

SLOT = 7

REQUESTS = [
    request("/kept"),
    request("/kept", "Authorization: a"),
    request("/kept", "User-Agent: b"),
    request("/kept", method="HEAD"),
    request("/plain"),
    request("/file"),
    request("/body", "Content-Length: 5", method="PUT") + b"hello",
    request("/body", "Transfer-Encoding: chunked", method="PUT") + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    request("/body", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", method="PUT") + b"hello",
    request("http://other.example.com/plain"),
    b"\r\n" + request("/kept"),
]
LAST = request("/last", "Connection: close")


class Shop:
    """An application with a bit of everything."""

    def __init__(self, epochs: Epochs, folder: Path) -> None:
        self.epochs = epochs
        self.file = folder / "file"
        self.file.write_bytes(b"content" * 100)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        seen = self.epochs.observe(SLOT)
        ticket = CacheTicket(seen, "") if seen and path == "/kept" else None
        body, complete = await read_body(receive) if path == "/body" else (b"", True)
        if complete:
            await send({"type": "http.response.start", "status": 200, "entrepot.cache": ticket})
            if path == "/file":
                await send({"type": "http.response.pathsend", "path": str(self.file)})
            else:
                await send({"type": "http.response.body", "body": scope["raw_path"] + body})


@pytest.fixture(scope="module")
def epochs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Epochs]:
    opened = Epochs(tmp_path_factory.mktemp("epochs") / "epochs")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shop(epochs: Epochs, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(epochs, tmp_path_factory.mktemp("shop"))


def exchange(server: Served, pieces: list[bytes], *, leaving: bool = False) -> bytes:
    """All that comes back for *pieces*, but for what is never the same; a client that is *leaving* does not wait."""
    with server.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        try:
            for piece in pieces:
                client.send(piece)
            if leaving:
                client.socket.shutdown(socket.SHUT_WR)
        except OSError:  # refused by now
            pass
        try:
            answers = client.read_to_end()
        except ConnectionResetError:
            answers = b""
    return re.sub(rb"x-request-id: .*", b"", answers)


def cut(content: bytes, places: list[int]) -> list[bytes]:
    """*content* in pieces."""
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    return [content[begin:end] for begin, end in itertools.pairwise(edges) if begin < end]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(st.sampled_from(REQUESTS), max_size=12),
    places=st.lists(st.integers(0, 10_000), max_size=12),
    change=st.booleans(),
)
def test_answers_are_the_same_with_a_cache_and_without_however_the_bytes_come(
    epochs: Epochs,
    shop: Shop,
    wanted: list[bytes],
    places: list[int],
    change: bool,
) -> None:
    if change:
        with epochs.changing([SLOT]):
            pass
    whole = b"".join([*wanted, LAST])

    with Served(shop) as plain, Served(shop, cache=FrontCache(epochs)) as cached:
        expected = [exchange(plain, [whole]), exchange(plain, cut(whole, places))]
        got = [exchange(cached, [*wanted, LAST]), exchange(cached, cut(whole, places)), exchange(cached, [whole])]

    assert expected[0].endswith(b"/last")
    assert expected[0].count(b"HTTP/1.1 200") == len(wanted) + 1
    assert {*expected, *got} == {expected[0]}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(st.sampled_from(REQUESTS) | st.binary(max_size=40), min_size=1, max_size=6),
    spoils=st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.integers(0, 20),
            st.binary(max_size=20)
            | st.sampled_from(
                [b"\r\n", b"Content-Length: 3\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n", b"a" * 3000]
            ),
        ),
        max_size=4,
    ),
)
def test_nothing_that_a_client_sends_is_an_error_of_the_server(
    epochs: Epochs,
    shop: Shop,
    caplog: pytest.LogCaptureFixture,
    wanted: list[bytes],
    spoils: list[tuple[int, int, bytes]],
) -> None:
    content = b"".join(wanted)
    for place, length, replacement in spoils:
        at = place % (len(content) + 1)
        content = content[:at] + replacement + content[at + length :]

    limits = Limits(head_size=1000, target_size=100, linger_seconds=0.1)
    with Served(shop, cache=FrontCache(epochs), limits=limits) as server:
        answers = exchange(server, cut(content, [place for place, _, _ in spoils]), leaving=True)

    assert b"HTTP/1.1 500" not in answers
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
