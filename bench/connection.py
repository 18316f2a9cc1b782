"""A small HTTP/1.1 client that costs next to nothing, so that what is measured is the server.

Requests are bytes made beforehand; answers are read for their status and the few headers that a push needs.
Large bodies go out by ``sendfile`` and come in through one buffer that is used again and again.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from bench.content import Blob
from bench.scale import KIB

_TIMEOUT_SECONDS = 300
_RECEIVE_SIZE = 64 * KIB
_BUFFER_SIZE = 256 * KIB  # stays in a core's cache


class UnexpectedAnswer(Exception):
    """A server answered with another status than the work needs: its figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, the headers by lower-case name, and the body if it was read."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes = b""


def request_head(method: str, target: str, headers: dict[str, str], body_size: int | None = None) -> bytes:
    """The bytes of a request up to its body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    if body_size is not None:
        lines.append(f"Content-Length: {body_size}")
    return "\r\n".join([*lines, "", ""]).encode()


class Connection:
    """One keep-alive connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, _TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def exchange(self, request: bytes, *expected: int) -> Answer:
        """Send *request* and read the whole answer. Raises `UnexpectedAnswer`."""
        self._socket.sendall(request)
        return self._answer(request, expected)

    def upload(self, head: bytes, blob: Blob, *expected: int) -> Answer:
        """Send *head* and the bytes of *blob*. Raises `UnexpectedAnswer`."""
        self._socket.sendall(head)
        if blob.head is not None:
            with blob.head.open("rb") as file:
                self._socket.sendfile(file, 0, blob.size - len(blob.tail))
        self._socket.sendall(blob.tail)
        return self._answer(head, expected)

    def download(self, request: bytes, *, digest: bool = False) -> tuple[int, str]:
        """Read a large body through one buffer; its size and, if asked for, its digest. Raises `UnexpectedAnswer`."""
        self._socket.sendall(request)
        status, headers = self._head()
        if status != 200:
            raise UnexpectedAnswer(f"{_line(request)} answered {status}")
        size = int(headers[b"content-length"])
        hasher = hashlib.sha256()
        update: Callable[[bytes | memoryview], None] = hasher.update if digest else _ignore
        update(self._pending)
        left = size - len(self._pending)
        self._pending = b""
        view = memoryview(bytearray(_BUFFER_SIZE))
        while left:
            count = self._socket.recv_into(view, min(_BUFFER_SIZE, left))
            if not count:
                raise UnexpectedAnswer(f"{_line(request)} ended {left} bytes early")
            update(view[:count])
            left -= count
        return size, f"sha256:{hasher.hexdigest()}"

    def _answer(self, request: bytes, expected: tuple[int, ...]) -> Answer:
        status, headers = self._head()
        body = b"" if request.startswith(b"HEAD ") or status in (204, 304) else self._body(headers)
        if status not in expected:
            raise UnexpectedAnswer(f"{_line(request)} answered {status}: {body[:500]!r}")
        return Answer(status, headers, body)

    def _head(self) -> tuple[int, dict[bytes, bytes]]:
        while (end := self._pending.find(b"\r\n\r\n")) < 0:
            self._more()
        first, *lines = self._pending[:end].split(b"\r\n")
        self._pending = self._pending[end + 4 :]
        headers = {}
        for line in lines:
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        return int(first.split(b" ", 2)[1]), headers

    def _body(self, headers: dict[bytes, bytes]) -> bytes:
        if headers.get(b"transfer-encoding") == b"chunked":
            return self._chunks()
        return self._take(int(headers.get(b"content-length", 0)))

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._pending:
                self._more()
            length, _, self._pending = self._pending.partition(b"\r\n")
            size = int(length, 16)
            body += self._take(size + 2)[:-2]
            if not size:
                return body

    def _take(self, size: int) -> bytes:
        while len(self._pending) < size:
            self._more()
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken

    def _more(self) -> None:
        data = self._socket.recv(_RECEIVE_SIZE)
        if not data:
            raise UnexpectedAnswer("the server closed the connection")
        self._pending += data


def target_of(location: bytes) -> str:
    """The path and query of a ``Location``, which servers send absolute or relative."""
    parts = urlsplit(location.decode())
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _line(request: bytes) -> str:
    return request.split(b" HTTP/", 1)[0].decode()


def _ignore(_: bytes | memoryview) -> None:
    """Do nothing with the bytes."""
