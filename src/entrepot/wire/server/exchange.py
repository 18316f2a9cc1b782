"""One request and its response, as ASGI's *receive* and *send*.

The head of a response is held back until its first piece of body, as ASGI demands, and goes out in one write with it.
Until then the application may fail, and the client still gets a whole answer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from entrepot.wire.server.refusals import ClientDisconnected
from entrepot.wire.server.sendfile import FileSlice, ReaderStalled, Transfer
from entrepot.wire.server.uvicorn_parts import STATUS_LINE

if TYPE_CHECKING:
    from entrepot.wire.server.frontcache import CacheTicket, FrontCache, Key
    from entrepot.wire.server.head import Head
    from entrepot.wire.server.limits import Limits
    from entrepot.wire.server.sendfile import FileSender
    from entrepot.wire.server.uvicorn_parts import FlowControl

_log = logging.getLogger(__name__)

SMALL_FILE_SIZE: Final = 128 * 1024
"""Up to this, a file is read and written with its head in one go: cheaper than ``sendfile`` and its bookkeeping."""

_READ_SIZE: Final = 256 * 1024  # of a file, where sendfile cannot be used
_JOINED_SIZE: Final = 8 * 1024  # up to this, head and body are joined; above, copying costs more than a second buffer

_FIELD_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])  # what a header line may hold

_OK: Final = 200
_NO_CONTENT: Final = 204
_NOT_MODIFIED: Final = 304


class Connection(Protocol):
    """What an exchange asks of the connection that it is on."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    limits: Limits
    files: FileSender
    cache: FrontCache | None

    def prelude(self) -> bytes:
        """The header lines that every response begins with, up to the value of ``X-Request-Id``."""

    def expect_body(self) -> None:
        """Give the client time from now on to send more of its body."""

    def exchange_completed(self, exchange: Exchange) -> None:
        """Go on with the next request, or wait for one, or close."""

    def render(self, status: int, target: bytes, request_id: bytes) -> bytes:
        """A whole response of the server's own, after which the connection closes."""


class Exchange:
    """One request and its response: what ASGI calls *receive* and *send*."""

    __slots__ = (
        "_bodiless",
        "_body",
        "_body_size",
        "_chunked",
        "_connection",
        "_event",
        "_flow",
        "_headers",
        "_key",
        "_left",
        "_received",
        "_started",
        "_status",
        "_status_line",
        "_ticket",
        "_told_end",
        "_transfer",
        "_unread",
        "complete",
        "disconnected",
        "expects_continue",
        "head_sent",
        "keep_alive",
        "more_body",
        "request_id",
        "scope",
        "task",
    )

    def __init__(
        self,
        connection: Connection,
        scope: dict[str, Any],
        request_id: bytes,
        head: Head,
        key: Key | None,
        *,
        keep_alive: bool,
    ) -> None:
        self.scope = scope
        self.request_id = request_id
        self.task: asyncio.Task[None] | None = None
        self.keep_alive = keep_alive
        self._connection = connection
        self._flow: FlowControl = connection.flow
        self._key = key

        # The request's body
        self.more_body = True
        self.expects_continue = head.expects_continue
        self.disconnected = False
        self._unread = head.length  # still to come; None if nobody knows
        self._body: list[bytes] = []
        self._body_size = 0
        self._told_end = False
        self._event: asyncio.Event | None = None  # made when somebody waits

        # The response
        self.head_sent = False
        self.complete = False
        self._started = False
        self._status = 0
        self._status_line = b""
        self._headers: Any = ()
        self._ticket: CacheTicket | None = None
        self._bodiless = False
        self._chunked = False
        self._left: int | None = None  # promised and not yet sent; None if nothing was promised
        self._transfer: Transfer | None = None

    async def run(self, app: Any, tasks: set[asyncio.Task[None]]) -> None:
        """Call the application, and see to it that the client gets an answer.

        The task that does so leaves *tasks* at the end: cheaper than a callback of the task.
        """
        try:
            await app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            self._fail(500)  # for nobody, unless the application made it up
        except asyncio.CancelledError:
            _log.warning("request %s was cut short by the end of the server", self.scope["entrepot.request_id"])
            self._fail(503)
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the traceback
            _log.exception("request %s failed in the application", self.scope["entrepot.request_id"])
            self._fail(500)
        else:
            if not self.complete and not self.disconnected:
                _log.error("request %s was not answered by the application", self.scope["entrepot.request_id"])
                self._fail(500)
        finally:
            if self.task is not None:
                tasks.discard(self.task)

    # The request, from the protocol's side

    def take(self, body: bytes) -> int:
        """Keep a piece of body, and return how much is kept."""
        self.expects_continue = False  # the client did not wait
        if self._unread is not None:
            self._unread -= len(body)
        if self.complete:
            return 0
        self._body.append(body)
        self._body_size += len(body)
        self._wake()
        return self._body_size

    def end_body(self) -> None:
        """The body is complete."""
        self.more_body = False
        self._wake()

    def disconnect(self) -> None:
        """The client has gone."""
        self.disconnected = True
        self._wake()
        if self._transfer is not None:
            self._transfer.abort()

    def _wake(self) -> None:
        if self._event is not None:
            self._event.set()

    # The request, from the application's side

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body, or ``http.disconnect``.

        What was received is handed over before a disconnect is told, so that an upload that was cut can go on from
        there; but the end of the body is told only if it was received.
        """
        while not (self._body or self.disconnected or self.complete or (not self.more_body and not self._told_end)):
            if self.expects_continue and self.more_body:
                self.expects_continue = False
                self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._connection.expect_body()
            elif self.more_body and self._flow.read_paused:
                self._connection.expect_body()
            else:
                self._flow.resume_reading()  # or nobody would see the client leave
            if self._event is None:
                self._event = asyncio.Event()
            self._event.clear()
            await self._event.wait()

        pieces = self._body
        if self.complete or (not pieces and (self.more_body or self._told_end)):
            return {"type": "http.disconnect"}
        self._body = []
        self._body_size = 0
        self._told_end = not self.more_body
        if self.more_body and self._flow.read_paused and not self.disconnected:
            self._connection.expect_body()
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    # The response

    async def send(self, message: Any) -> None:
        """Take the next part of the response.

        Raises `ClientDisconnected`.
        """
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            raise ClientDisconnected(f"request {self.scope['entrepot.request_id']}: the client went away")
        kind = message["type"]
        if kind == "http.response.body":
            if not self._started or self.complete:
                raise RuntimeError("a body before the start of a response, or after its end")
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.start":
            if self._started:
                raise RuntimeError("a response was started already")
            self._started = True
            self._status = message["status"]
            self._status_line = _status_line(self._status, message.get("entrepot.reason"))
            self._headers = message.get("headers", ())
            self._ticket = message.get("entrepot.cache")
        elif kind == "http.response.pathsend":
            if not self._started or self.head_sent:
                raise RuntimeError("a file must be the whole body of a response that was started")
            await self._send_path(message["path"], message.get("offset", 0), message.get("count"))
        else:
            raise RuntimeError(f"{kind!r} cannot be sent in an HTTP response")

    def _send_body(self, body: bytes, *, more: bool) -> None:
        transport = self._connection.transport
        if self.head_sent:
            transport.write(self._frame(body, more=more))
        else:
            rest = self._finish_head(None if more else len(body))
            head = self._begin_head(rest)
            payload = self._frame(body, more=more)
            self.head_sent = True
            if len(payload) <= _JOINED_SIZE:
                transport.write(head + payload)
            else:
                transport.writelines((head, payload))
            if not more:
                self._store(rest, payload)
        if not more:
            self._end()

    async def _send_path(self, path: str, offset: int, count: int | None) -> None:
        """Send *count* bytes of the file at *path*, from *offset* on."""
        try:
            with FileSlice(path, offset, count) as content:
                rest = self._finish_head(content.count)
                if not self._bodiless and (self._chunked or self._left != content.count):
                    raise RuntimeError(f"the head does not promise the {content.count} bytes of the file")
                await self._send_file(rest, content)
        except BaseException as error:
            if not self.head_sent:
                self._started = False  # nothing has gone out: the application may say what is wrong
                raise
            # The client learns it by the connection's end.
            self._abort()
            if isinstance(error, ReaderStalled):
                _log.info("closing a connection to %s: the client takes nothing", self.scope["client"])
            if isinstance(error, (ReaderStalled, ConnectionAbortedError)):
                raise ClientDisconnected(str(error)) from error
            raise
        self._left = None
        self._end()

    async def _send_file(self, rest: bytes, content: FileSlice) -> None:
        connection = self._connection
        head = self._begin_head(rest)
        transport, loop, files = connection.transport, connection.loop, connection.files
        if self._bodiless or not content.count:
            self.head_sent = True
            transport.write(head)
        elif content.count <= SMALL_FILE_SIZE:
            small: bytes | bytearray | None = content.read_cached()
            if small is None:
                small = await loop.run_in_executor(files.threads, content.read, content.offset, content.count)
                self._check_connected()
            self.head_sent = True
            transport.writelines((head, small))
            self._store(rest, small)
        elif self.scope["scheme"] == "https":
            self.head_sent = True
            transport.write(head)
            end = content.offset + content.count
            for offset in range(content.offset, end, _READ_SIZE):
                size = min(_READ_SIZE, end - offset)
                piece = await loop.run_in_executor(files.threads, content.read, offset, size)
                self._check_connected()
                transport.write(piece)
                await self._flow.drain()
                self._check_connected()
        else:
            await self._empty_the_buffer()
            self._check_connected()
            descriptor = transport.get_extra_info("socket").fileno()
            self.head_sent = True
            self._transfer = Transfer(files, loop, descriptor, content)
            try:
                await self._transfer.run(head)
            finally:
                self._transfer = None

    async def _empty_the_buffer(self) -> None:
        """Wait until the kernel has all that was written before."""
        transport = self._connection.transport
        if not transport.get_write_buffer_size():
            return
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(high=0)
        try:
            await self._flow.drain()
        finally:
            if not transport.is_closing():
                transport.set_write_buffer_limits(high=high, low=low)

    def _begin_head(self, rest: bytes) -> bytes:
        return b"".join((self._status_line, self._connection.prelude(), self.request_id, rest))

    def _finish_head(self, size: int | None) -> bytes:
        """The part of the head that is the application's, from the end of the request id's line.

        *size* is the body's, if it is known. Decides how the body is framed, and whether the connection goes on.
        """
        lines, promised, chunked, closes = self._collect_lines()
        status, modern = self._status, self.scope["http_version"] == "1.1"
        without_body = status in (_NO_CONTENT, _NOT_MODIFIED) or status < _OK
        self._bodiless = without_body or self.scope["method"] == "HEAD"
        if promised is None and not chunked and not without_body:
            if size is None:
                # HTTP/1.0 knows no chunks: there the connection's end is the body's.
                chunked = modern
                if chunked:
                    lines += (b"\r\ntransfer-encoding: ", b"chunked")
            elif size or not self._bodiless:
                promised = size
                lines += (b"\r\ncontent-length: ", b"%d" % size)
        self._left = promised
        self._chunked = chunked and modern

        self.keep_alive = self.keep_alive and not closes and self._may_keep_alive()
        if not self.keep_alive and not closes:
            lines += (b"\r\nconnection: ", b"close")
        lines.append(b"\r\n\r\n")
        rest = b"".join(lines)
        # A field may hold no control character but a tab, so no end of line: there are exactly ours.
        if rest.translate(None, _TEXT) != b"\r\n" * (len(lines) // 2 + 2):
            raise RuntimeError("a header field of the response holds a control character")
        return rest

    def _collect_lines(self) -> tuple[list[bytes], int | None, bool, bool]:
        """The application's header lines, and what they say: how long, chunked, closing."""
        lines: list[bytes] = []
        promised: int | None = None
        chunked = closes = False
        for name, value in self._headers:
            line, role = _FIELD_LINES.get(name) or _check_name(name)
            if role:
                if role == b"content-length":
                    promised = int(value)
                elif role == b"transfer-encoding":
                    chunked = value.lower() == b"chunked"
                elif role == b"connection":
                    closes = b"close" in value.lower()
                else:
                    continue  # the request id, which the server has written already
            lines += (line, value)
        return lines, promised, chunked, closes

    def _may_keep_alive(self) -> bool:
        """Whether what is left of the request is little enough to be read and thrown away."""
        if not self.more_body:
            return True
        if self.expects_continue or self._unread is None:
            # Whether the client will send what it announced, after this answer, nobody can know.
            return False
        return self._unread <= self._connection.limits.drain_size

    def _frame(self, body: bytes, *, more: bool) -> bytes:
        """*body* as it goes out."""
        if self._bodiless:
            self._left = None
            return b""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("the body is not as long as the head promises")
        return body

    def _store(self, rest: bytes, payload: bytes | bytearray) -> None:
        """Keep the response for the next who asks, if the application gave a ticket for it."""
        ticket, key, cache = self._ticket, self._key, self._connection.cache
        if ticket is None or key is None or cache is None or self._chunked or not self.keep_alive:
            return
        cache.store(key, ticket, status=self._status, status_line=self._status_line, rest=rest, body=bytes(payload))

    def _end(self) -> None:
        self.complete = True
        self._body.clear()
        self._wake()
        self._connection.exchange_completed(self)

    def _fail(self, status: int) -> None:
        """Answer for an application that did not, or end the connection if it had begun to."""
        if self.disconnected or self.complete:
            return
        if self.head_sent:
            self._abort()
            return
        connection = self._connection
        self.head_sent = True
        self.keep_alive = False
        answer = connection.render(status, self.scope["raw_path"], self.request_id)
        if self.scope["method"] == "HEAD":
            answer = answer[: answer.index(b"\r\n\r\n") + 4]
        connection.transport.write(answer)
        self._end()

    def _abort(self) -> None:
        self.disconnected = True
        self._connection.transport.abort()

    def _check_connected(self) -> None:
        if self.disconnected or self._connection.transport.is_closing():
            raise ClientDisconnected(f"request {self.scope['entrepot.request_id']}: the client went away")


def _status_line(status: int, reason: str | None) -> bytes:
    """The first line of a head; *reason* stands where HTTP's own phrase would (RFC 9112, 4)."""
    if reason is None:
        return STATUS_LINE[status]
    text = reason.encode("latin-1", "replace")
    if text.translate(None, _TEXT):
        raise RuntimeError(f"{reason!r} cannot stand in a status line")
    return b"HTTP/1.1 %d %b\r\n" % (status, text)


_ROLES: Final = frozenset({b"content-length", b"transfer-encoding", b"connection", b"x-request-id"})

_FIELD_LINES: Final[dict[bytes, tuple[bytes, bytes]]] = {}
"""For each name of a response field that was found good: how its line begins, behind the end of the line before, and
the name itself if the server must look at the field. The application has only so many."""


def _check_name(name: bytes) -> tuple[bytes, bytes]:
    if not _FIELD_NAME.fullmatch(name):
        raise RuntimeError(f"{name!r} is not a name for a header field")
    lower = name.lower()
    line = (b"\r\n%b: " % lower, lower if lower in _ROLES else b"")
    if len(_FIELD_LINES) < 1024:  # noqa: PLR2004 - in case an application makes names up
        _FIELD_LINES[name] = line
    return line
