"""A server of one test: it says over real HTTP what the test tells it to, and breaks where the test tells it to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_PIECE = 64 * 1024


@dataclass(slots=True)
class Asked:
    """A request; its body is read when the test's script asks for it."""

    method: str
    target: str
    headers: Mapping[str, str]
    _stream: Any
    _left: int
    _read: bytes | None = None

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {
            name: values[0] for name, values in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()
        }

    @property
    def body(self) -> bytes:
        if self._read is None:
            self._read = self.take(self._left)
        return self._read

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def take(self, size: int) -> bytes:
        """So many bytes of the body, and no more."""
        taken: bytes = self._stream.read(min(size, self._left))
        self._left -= len(taken)
        return taken


@dataclass(frozen=True, slots=True)
class Say:
    """An answer. With *cut_after*, the connection breaks after so many bytes of the body, once *hold* is set."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    hold: threading.Event | None = None

    @classmethod
    def json(cls, document: object, status: int = 200, **headers: str) -> Say:
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/json"} | headers)

    @classmethod
    def problem(cls, status: int, code: str, detail: str, **headers: str) -> Say:
        document = {"title": code, "detail": detail, "status": status, "code": code, "request_id": "r-1"}
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/problem+json"} | headers)


class Hangup(Exception):
    """The script's way to break the connection without an answer."""


Script = Callable[[Asked], Say]


@dataclass(slots=True)
class Loopback:
    """Where the server is, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Method and target of each request, in order."""
        return [f"{each.method} {each.target}" for each in self.asked]


class _Handler(BaseHTTPRequestHandler):
    """Answers by the script of its server."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile, int(headers.get("content-length", 0)))
        self.server.asked.append(asked)
        try:
            say = self.server.script(asked)
        except Hangup:
            self.hang_up()
            return
        asked.body  # noqa: B018 - read to its end, so that the next request begins where it should
        self.say(say)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

    def say(self, say: Say) -> None:
        self.send_response_only(say.status)
        own = {"Date": self.date_time_string()}
        if say.status not in (204, 304):
            own["Content-Length"] = str(len(say.body))
        for name, value in (own | dict(say.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(say.body[: say.cut_after])
        if say.hold is not None:
            say.hold.wait(60)
        if say.cut_after is not None:
            self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.asked: list[Asked] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what the test wants."""


@contextmanager
def loopback(script: Script) -> Iterator[Loopback]:
    """Run a server that answers every request by *script*."""
    with _Server(script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield Loopback(f"http://127.0.0.1:{server.server_address[1]}", server.asked)
        finally:
            server.shutdown()
            thread.join()
