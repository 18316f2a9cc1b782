"""A socket, and nothing that would be more polite than a hostile client is."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Self

from tests.hostile.exchange import Answer


class Ended(Exception):
    """The server closed the connection without a whole answer."""


class Raw:
    """A connection on which anything can be sent."""

    def __init__(self, address: tuple[str, int], *, timeout: float = 30.0, receive_size: int | None = None) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        if receive_size is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_size)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go away; what was sent arrives."""
        self.socket.close()

    def send(self, *pieces: bytes) -> Self:
        """Send bytes as they are; what the server does not want to read any more is not sent."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                self.socket.sendall(piece)
        return self

    def finish(self) -> Self:
        """Say that nothing more will come, and go on listening."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return self

    def abort(self) -> None:
        """Reset the connection, as a machine does that lost its memory."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def answer(self, method: str = "GET") -> Answer:
        """The next answer. Raises `Ended`, `TimeoutError`."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._read()
        lines = self._buffer[:end].split(b"\r\n")
        self._buffer = self._buffer[end + 4 :]
        version, status, *_ = lines[0].split(b" ")
        assert version == b"HTTP/1.1", lines
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            assert colon, lines
            headers.append((name.lower(), value.strip()))
        answer = Answer(int(status), tuple(headers))
        if int(status) == 100:
            return self.answer(method)
        return Answer(int(status), tuple(headers), self._body(answer, method))

    def _body(self, answer: Answer, method: str) -> bytes:
        if method == "HEAD" or answer.status in (204, 304):
            return b""
        length = answer.header(b"content-length")
        assert length is not None, answer
        while len(self._buffer) < int(length):
            self._read()
        body, self._buffer = self._buffer[: int(length)], self._buffer[int(length) :]
        return body

    def _read(self) -> None:
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError as error:
            raise Ended from error
        if not piece:
            raise Ended
        self._buffer += piece

    def is_over(self) -> bool:
        """Wait for the server to close; False when it has something else to say."""
        try:
            return not self._buffer and not self.socket.recv(1)
        except ConnectionResetError:
            return True
