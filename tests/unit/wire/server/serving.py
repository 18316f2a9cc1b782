"""A server of this package in a thread of its own, and a client that sees every byte."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

import uvicorn
import uvloop
from uvicorn.server import ServerState

from entrepot.wire.server import FrontCache, Limits, ProtocolFactory, RenderError, render_plainly
from entrepot.wire.server.protocol import HttpProtocol

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

T = TypeVar("T")

PATIENCE = 120.0
"""How long anything here waits for what should come at once."""


async def answer(send: Send, body: bytes = b"", status: int = 200, headers: list[tuple[bytes, bytes]] = []) -> None:  # noqa: B006
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> tuple[bytes, bool]:
    """Read a request's body, and whether it came to its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body, False
        body += message["body"]
        if not message["more_body"]:
            return body, True


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Say hello to everyone."""
    await answer(send, b"hello")


class Served:
    """A server that answers with *app* while the block lasts."""

    def __init__(
        self,
        app: App,
        *,
        limits: Limits | None = None,
        cache: FrontCache | None = None,
        render_error: RenderError = render_plainly,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.protocols = ProtocolFactory(limits=limits, render_error=render_error, cache=cache)
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
        self._config = uvicorn.Config(
            app,
            http=self.protocols,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
        )
        self._config.load()
        self._tls = tls
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listening.getsockname()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self.run(self._loop.create_server(self._protocol, sock=self._listening, ssl=self._tls))
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* in the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def shut_down(self) -> None:
        """Tell every connection that the server shuts down, as uvicorn does."""

        async def shut_down() -> None:
            for connection in self.connections:
                connection.shutdown()

        self.run(shut_down())

    def connect(self) -> Client:
        """Open a connection."""
        return Client(socket.create_connection(self.address, PATIENCE))

    @property
    def connections(self) -> list[HttpProtocol]:
        """The server's connections."""
        return cast("list[HttpProtocol]", list(self.state.connections))

    def _protocol(self) -> asyncio.Protocol:
        return self.protocols(self._config, self.state, {}, self._loop)

    async def _stop(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.transport.abort()
        for task in list(self.state.tasks):
            task.cancel()
        while self.state.connections or self.state.tasks:  # noqa: ASYNC110 - sets have no event
            await asyncio.sleep(0)
        self.protocols.close()


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, with bytes put in and responses taken out."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(b"".join(pieces))

    def get(self, target: str = "/", *fields: str, method: str = "GET") -> Response:
        """Send a request without a body, and read its response."""
        self.send(request(target, *fields, method=method))
        return self.read(bodiless=method == "HEAD")

    def send_until_full(self, size: int, patience: float) -> int:
        """Send up to *size* zeros, until the server takes none for so many seconds; return how many it took."""
        sent = 0
        self.socket.settimeout(patience)
        with contextlib.suppress(OSError):  # a time-out, or a reset
            while sent < size:
                sent += self.socket.send(bytes(min(1 << 16, size - sent)))
        self.socket.settimeout(PATIENCE)
        return sent

    def read(self, *, bodiless: bool = False) -> Response:
        """Read one response."""
        status, headers = self.read_head()
        if bodiless or status in (204, 304) or status < 200:
            return Response(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return Response(status, headers, self._read_chunks())
        if "content-length" in headers:
            return Response(status, headers, self.read_exactly(int(headers["content-length"])))
        return Response(status, headers, self.read_to_end())

    def read_head(self) -> tuple[int, dict[str, str]]:
        """Read a response up to its body."""
        first, *lines = self._read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            assert name not in headers, f"{name} twice"
            headers[name] = value
        return int(first.split(" ")[1]), headers

    def read_exactly(self, size: int) -> bytes:
        """Read so many bytes."""
        while len(self._buffer) < size:
            self._fill()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def read_to_end(self) -> bytes:
        """Read until the server closes."""
        with contextlib.suppress(EOFError):
            while True:
                self._fill()
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken

    def is_closed(self) -> bool:
        """Whether the server closes without another byte."""
        return self.read_to_end() == b""

    def _read_chunks(self) -> bytes:
        body = b""
        while size := int(self._read_until(b"\r\n"), 16):
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
        assert self.read_exactly(2) == b"\r\n"
        return body

    def _read_until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._fill()
        taken = self.read_exactly(self._buffer.index(mark))
        del self._buffer[: len(mark)]
        return taken

    def _fill(self) -> None:
        piece = self.socket.recv(1 << 20)
        if not piece:
            raise EOFError
        self._buffer += piece


def request(target: str = "/", *fields: str, method: str = "GET") -> bytes:
    """A request's head."""
    lines = [f"{method} {target} HTTP/1.1", "Host: registry.example.com", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


@contextlib.contextmanager
def threaded(work: Callable[[], object]) -> Iterator[None]:
    """Do *work* in a thread while the block lasts, and wait for it."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    deadline = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        if condition():
            return
        deadline.wait(0.005)
    raise AssertionError("it did not come to pass")
