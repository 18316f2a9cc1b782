"""HTTP/1.1 for one connection: from bytes to the application's calls, and back.

`HttpProtocol` is uvicorn's httptools protocol with bounds on what a client may cost, with files sent by ``sendfile``,
and with a cache in front of the application; `Exchange`, in the next file, is one request and its response.
`ProtocolFactory` makes the protocols of one worker and holds what they share.

What the application sees beyond plain ASGI:

- ``scope["entrepot.request_id"]``: a string, new for each request or taken from a sane ``X-Request-Id`` of the client.
  The server puts it into the response's ``X-Request-Id``, whatever the application says there.
- ``http.response.pathsend`` (in ``scope["extensions"]``), with ``offset`` and ``count`` of ours. If the file cannot be
  opened or is too short, *send* raises `OSError` or `FileTooShort` before a byte has gone out, and the application may
  start another response.
- ``entrepot.cache`` in ``http.response.start``: a `CacheTicket`.
- *send* raises `ClientDisconnected` once the client has gone.
"""

from __future__ import annotations

import enum
import logging
from collections import deque
from itertools import count
from math import inf
from secrets import randbits
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import httptools

from entrepot.wire.server.exchange import Exchange
from entrepot.wire.server.frontcache import RAW_HEAD_SIZE, Hit
from entrepot.wire.server.head import Head, Refused
from entrepot.wire.server.limits import Limits
from entrepot.wire.server.refusals import render_plainly
from entrepot.wire.server.sendfile import FileSender, unsent_size
from entrepot.wire.server.uvicorn_parts import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle, Transport

    from uvicorn import Config

    from entrepot.wire.server.frontcache import Entry, FrontCache, Key
    from entrepot.wire.server.refusals import Headers, RenderError
    from entrepot.wire.server.uvicorn_parts import ServerState

_log = logging.getLogger(__name__)

_READ_SIZE: Final = 256 * 1024  # uvloop reads as much at a time
_REFUSED_CONNECTIONS: Final = 256  # that may be waiting for the client to read its 503
_FLUSH_SECONDS: Final = 5.0  # how old the cache's counts may grow


class _Phase(enum.Enum):
    """What a connection is waiting for, and so which deadline runs."""

    IDLE = enum.auto()  # the next request
    HEAD = enum.auto()  # the rest of a head
    BODY = enum.auto()  # more of a body
    BUSY = enum.auto()  # the application
    LINGER = enum.auto()  # the client, to read our last words


class ProtocolFactory:
    """Makes the protocol of each connection that a worker accepts, and holds what they share.

    To be given to `uvicorn.Config` as *http*.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        render_error: RenderError = render_plainly,
        cache: FrontCache | None = None,
    ) -> None:
        self.limits: Final = limits or Limits()
        self.render_error: Final = render_error
        self.cache: Final = cache
        self.files: Final = FileSender(stall_seconds=self.limits.stall_seconds)
        self.leaving = False
        """Set when the server will shut down soon: connections end with the answer to the next request."""
        self.draining = False
        """Set when the server begins to shut down."""
        self.extensions: Final[dict[str, dict[str, Any]]] = {"http.response.pathsend": {}}
        self._id_prefix = b"%08x" % randbits(32)
        self._id_number = count(randbits(24)).__next__
        self._prelude_headers: object = None
        self._prelude = b""
        self._connections: set[Any] = set()
        self._timer: TimerHandle | None = None
        self._flush_at = 0.0

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> HttpProtocol:
        """Make a protocol, as uvicorn asks for it."""
        return HttpProtocol(self, config, server_state, app_state, _loop)

    def new_request_id(self) -> bytes:
        """Sixteen hexadecimal digits: eight of the worker, eight counted. Unique enough to find a line in a log."""
        return b"%b%08x" % (self._id_prefix, self._id_number())

    def prelude(self, headers: Headers) -> bytes:
        """The header lines that every response begins with, up to the value of ``X-Request-Id``.

        *headers* are uvicorn's, a new list for each second (``Date``) and otherwise the same.
        """
        if headers is not self._prelude_headers:
            lines = [b"%b: %b\r\n" % header for header in headers]
            self._prelude = b"".join([*lines, b"x-request-id: "])
            self._prelude_headers = headers
        return self._prelude

    def watch(self, loop: AbstractEventLoop, connections: set[Any]) -> None:
        """See to it that deadlines are looked at while there are connections: one timer for all of them."""
        self._connections = connections
        if self._timer is None:
            self._timer = loop.call_later(self.limits.tick_seconds, self._tick, loop)

    def close(self) -> None:
        """Stop the timer and the threads, and report what is left to report."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.files.close()
        if self.cache is not None:
            self.cache.flush()

    def _tick(self, loop: AbstractEventLoop) -> None:
        self._timer = loop.call_later(self.limits.tick_seconds, self._tick, loop) if self._connections else None
        now = monotonic()
        for connection in list(self._connections):
            connection.check_deadlines(now)
        if self.cache is not None and (now >= self._flush_at or self._timer is None):
            self._flush_at = now + _FLUSH_SECONDS
            self.cache.flush()


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    At most one exchange is answered at a time; requests that were pipelined behind it wait in `_queue`.
    """

    parser: Any

    def __init__(
        self,
        factory: ProtocolFactory,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.factory: Final = factory
        self.limits = factory.limits
        self.cache = factory.cache
        self.files = factory.files

        # The connection
        self._phase = _Phase.IDLE
        self._deadline = inf
        self._drained = 0  # bytes thrown away while lingering
        self._unsent = 0  # bytes that the client had not taken at the last tick, and since when they are so many
        self._unsent_since = 0.0
        self._exchange: Exchange | None = None  # being answered
        self._queue: deque[Exchange] = deque()  # received behind it
        self._receiving: Exchange | None = None  # whose body the parser is in
        self._untouched = True  # between requests, with nothing unanswered: a head may be looked up by its bytes

        # The request that the parser is in
        self.url = b""
        self.headers = []
        self._in_head = False
        self._in_body = False
        self._fed = 0  # bytes of the reads since the one in which its head began; perhaps more than its own
        self._messages = 0  # that began in this read
        self._refused: Refused | None = None  # why the parser was stopped
        self._upgrading: Headers | None = None  # of a head that the parser stops behind, and that is parsed again
        self._hit: Entry | None = None  # the last message was answered with

    # What the transport calls

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless there are too many who do."""
        super().connection_made(transport)
        self.factory.watch(self.loop, self.connections)
        if self.factory.draining:
            transport.close()  # it was in the queue of the listening socket when that was closed
            return
        excess = len(self.connections) - self.limits.connections
        if excess > _REFUSED_CONNECTIONS:
            transport.abort()
        elif excess > 0:
            self._refuse(503)
        else:
            # A connection that never says a word is closed like one that does not finish its head.
            self._expect(_Phase.IDLE, self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the exchanges that their client has gone."""
        for exchange in (self._exchange, self._receiving, *self._queue):
            if exchange is not None:
                exchange.disconnect()
        self._exchange = self._receiving = None
        self._queue.clear()
        self._untouched = False
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer a head that is known by its bytes; parse everything else."""
        if self._untouched:
            cache = self.cache
            if cache is not None and len(data) <= RAW_HEAD_SIZE:
                entry = cache.raw_heads.get(data)
                if entry is not None and self._answer_from_cache(cache, entry):
                    return
        elif self._phase is _Phase.LINGER:
            self._drained += len(data)
            if self._drained > self.limits.drain_size:
                self.flow.pause_reading()
            return
        self._messages = 0
        self._hit = None
        self._parse(data)

    def check_deadlines(self, now: float) -> None:
        """Close the connection if the client has kept us waiting for too long."""
        buffered = self.transport.get_write_buffer_size()
        if buffered:
            self._watch_reader(now, buffered)
            return
        self._unsent = 0
        if now < self._deadline or self.transport.is_closing():
            return
        match self._phase:
            case _Phase.HEAD:
                self._refuse(408)
            case _Phase.BODY if not self._is_our_turn():
                self._refuse(408)
            case _Phase.IDLE:
                self.transport.close()
            case _Phase.LINGER:
                self.transport.abort()
            case _:
                pass

    def _watch_reader(self, now: float, buffered: int) -> None:
        """Give up on a client that takes nothing of what we have for it."""
        # A slow reader may take something and yet leave no room in the socket for more: what the kernel holds counts.
        unsent = buffered + unsent_size(self.transport.get_extra_info("socket").fileno())
        if unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif now - self._unsent_since > self.limits.stall_seconds:
            _log.info("closing a connection to %s: the client takes nothing", self.client)
            self.transport.abort()

    def _is_our_turn(self) -> bool:
        """Whether the client sends no more of its body because we let it wait."""
        return self.flow.read_paused or (self._receiving is not None and self._receiving.expects_continue)

    def shutdown(self) -> None:
        """Answer what has been received, then close; called by uvicorn when the server shuts down."""
        self.factory.draining = True
        self._untouched = False
        last = self._queue[-1] if self._queue else self._exchange
        if last is not None:
            last.keep_alive = False
        elif self._in_body:
            self._linger()
        elif self._phase is not _Phase.LINGER:
            self.transport.close()

    # From bytes to requests

    def _parse(self, data: bytes) -> None:
        was_in_head, was_untouched = self._in_head, self._untouched
        self._fed = self._fed + len(data) if was_in_head else len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(self._refused.status if self._refused is not None else 400)
        else:
            if self._in_head:
                self._wait_for_head()
            elif self._in_body:
                if len(self.headers) > self.limits.head_fields:
                    self._refuse(431)  # trailer fields, which nobody will see
                else:
                    self._expect(_Phase.BODY, self.limits.body_idle_seconds)
            elif self._hit is not None and self.cache is not None and was_untouched and self._messages == 1:
                self.cache.remember_head(data, self._hit)

    def _wait_for_head(self) -> None:
        """Go on waiting for the rest of a head, if it is neither too large nor too late."""
        limits, fields = self.limits, self.headers
        if len(self.url) > limits.target_size:
            self._refuse(414)
        elif (
            len(fields) > limits.head_fields
            or self._fed > limits.head_size + _READ_SIZE  # the parser holds a field that does not end
            or (self._fed > limits.head_size and _size(fields) > limits.head_size)
        ):
            self._refuse(431)
        elif self._phase is not _Phase.HEAD and self._exchange is None:
            self._expect(_Phase.HEAD, self.limits.head_seconds)

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """Parse a request that would change the protocol again, without that wish, and *rest* behind it.

        We speak nothing but HTTP/1.1, so ``Upgrade`` is ignored, as RFC 9110, 7.8 allows; the JDK's client sends it
        with every request. But llhttp stops behind such a head and takes the body for another protocol's bytes, and
        a request without its body would look complete.
        """
        dropped = (b"upgrade", b"http2-settings")
        version = self.parser.get_http_version().encode("ascii")
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/", version, b"\r\n"]
        for name, value in self._upgrading or ():
            if name == b"connection":
                options = (option.strip().lower() for option in value.split(b","))
                head += (b"connection: ", b", ".join(option for option in options if option not in dropped), b"\r\n")
            elif name not in dropped:
                head += (name, b": ", value, b"\r\n")
        self._upgrading = None
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        if self._messages > self.limits.pipelined_requests:
            self._refuse(429)
        else:
            self._parse(b"".join([*head, b"\r\n", rest]))

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._untouched = False
        self._messages += 1
        self._hit = None
        self._in_head = True
        self.url = b""
        self.headers = []

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or a trailer field."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Answer from the cache, or make an exchange of it."""
        try:
            self._take_request()
        except Refused as refused:
            self._refused = refused
            raise  # which stops the parser

    def _take_request(self) -> None:
        parser, fields = self.parser, self.headers
        self._in_head = False
        self.headers = []  # for a trailer
        self._check_size(fields)
        method: bytes = parser.get_method()
        if parser.should_upgrade():
            if method == b"CONNECT":
                raise Refused(501)
            self._upgrading = fields
            return
        version: str = parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refused(505)
        head = Head(fields, version)
        stays = not (self.factory.leaving or self.factory.draining)
        keep_alive = version == "1.1" and stays and parser.should_keep_alive()

        key: Key | None = None
        if self.cache is not None and keep_alive and head.cacheable and method in (b"GET", b"HEAD"):
            key = (method, self.url, tuple(head.key_fields))
            if self._exchange is None and self._find_answer(self.cache, key, head):
                return

        request_id = head.request_id or self.factory.new_request_id()
        scope = self._scope(method, version, fields, request_id)
        self._receiving = exchange = Exchange(self, scope, request_id, head, key, keep_alive=keep_alive)
        self._in_body = True
        if self._exchange is None:
            self._start(exchange)
            return
        self.flow.pause_reading()
        if len(self._queue) >= self.limits.pipelined_requests:
            raise Refused(429)
        self._queue.append(exchange)

    def _check_size(self, fields: Headers) -> None:
        limits = self.limits
        if len(self.url) > limits.target_size:
            raise Refused(414)
        if len(fields) > limits.head_fields or (self._fed > limits.head_size and _size(fields) > limits.head_size):
            raise Refused(431)

    def _find_answer(self, cache: FrontCache, key: Key, head: Head) -> bool:
        """Answer from the cache, if it has the answer."""
        entry = cache.find(key)
        if entry is None or not self._answer_from_cache(cache, entry, head.request_id):
            return False
        self._receiving = None
        if not head.request_id:  # else these bytes will not come again
            self._hit = entry
        return True

    def _scope(self, method: bytes, version: str, fields: Headers, request_id: bytes) -> dict[str, Any]:
        raw_path, path, query, fields = _split_target(self.url, method, fields)
        if self.root_path:
            path, raw_path = self.root_path + path, self.root_path.encode("ascii") + raw_path
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": method.decode("ascii"),
            "root_path": self.root_path,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": fields,
            "state": self.app_state.copy(),
            "extensions": self.factory.extensions,
            "entrepot.request_id": request_id.decode("ascii"),
        }

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        exchange = self._receiving
        if exchange is None or self._upgrading is not None:
            return
        if exchange.take(body) > self.limits.body_buffer_size:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """The end of the request."""
        if self._upgrading is not None:
            return
        self._in_body = False
        exchange = self._receiving
        if exchange is not None:
            exchange.end_body()
            if self._exchange is None:
                self._become_idle()  # the answer was complete before the request was
            else:
                self._expect(_Phase.BUSY, inf)
        else:
            self._become_idle()  # the cache has answered

    # The front cache

    def _answer_from_cache(self, cache: FrontCache, entry: Entry, request_id: bytes = b"") -> bool:
        """Write *entry* to the client; False if it may not be given now."""
        begun = monotonic()
        if self.flow.write_paused or not cache.is_fresh(entry, begun):
            return False
        state, factory = self.server_state, self.factory
        request_id = request_id or factory.new_request_id()
        head = b"".join((entry.status_line, factory.prelude(state.default_headers), request_id, entry.rest))
        if entry.body:
            self.transport.writelines((head, entry.body))
        else:
            self.transport.write(head)
        state.total_requests += 1
        entry.hits += 1
        ended = monotonic()
        entry.seconds += ended - begun
        self._deadline = ended + self.limits.keep_alive_seconds
        self._phase = _Phase.IDLE
        if cache.log_hit is not None:
            method, target, _ = entry.key
            hit = Hit(
                log=entry.ticket.log,
                method=method,
                target=target,
                status=entry.status,
                body_size=entry.body_size,
                seconds=ended - begun,
                request_id=request_id,
                client=self.client,
            )
            cache.log_hit(hit)
        return True

    # Exchanges

    def _start(self, exchange: Exchange) -> None:
        self._exchange = exchange
        exchange.task = task = self.loop.create_task(exchange.run(self.app, self.tasks))
        self.tasks.add(task)

    def exchange_completed(self, exchange: Exchange) -> None:
        """Go on with the next request, or wait for one, or close."""
        self._exchange = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if not exchange.keep_alive:
            # With bytes of the client's unread, close would reset the connection and take our answer with it.
            if exchange.more_body or self.flow.read_paused or self._in_head or self._queue:
                self._linger()
            else:
                self.transport.close()
        elif self._queue:
            following = self._queue.popleft()
            self._start(following)
            if not self._queue:
                self.flow.resume_reading()
                if following.more_body:
                    self._expect(_Phase.BODY, self.limits.body_idle_seconds)
        else:
            self.flow.resume_reading()
            if exchange.more_body:
                self._expect(_Phase.BODY, self.limits.body_idle_seconds)
            elif self._in_head:
                self._expect(_Phase.HEAD, self.limits.head_seconds)
            else:
                self._become_idle()

    def prelude(self) -> bytes:
        """The header lines that every response begins with, up to the value of ``X-Request-Id``."""
        return self.factory.prelude(self.server_state.default_headers)

    def expect_body(self) -> None:
        """Give the client time from now on to send more of its body."""
        self.flow.resume_reading()
        self._expect(_Phase.BODY, self.limits.body_idle_seconds)

    def _become_idle(self) -> None:
        self._receiving = None
        self._untouched = True
        self._expect(_Phase.IDLE, self.limits.keep_alive_seconds)

    def _expect(self, phase: _Phase, seconds: float) -> None:
        self._phase = phase
        self._deadline = monotonic() + seconds

    # The end

    def _refuse(self, status: int) -> None:
        """Answer for the server itself, if that is still possible, and close."""
        exchange, receiving = self._exchange, self._receiving
        if exchange is not None and not (self._in_body and exchange is receiving):
            # An earlier request is being answered. That goes on; what came behind it is dropped without an answer.
            if self._in_body and self._queue and self._queue[-1] is receiving:
                self._queue.pop()
            last = self._queue[-1] if self._queue else exchange
            last.keep_alive = False
            self._receiving = None
            self.flow.pause_reading()
            return
        self._exchange = None
        request_id = self.factory.new_request_id()
        if exchange is not None:
            # It is the request being answered whose body is broken or late: the application must not take what it
            # has for the whole.
            request_id = exchange.request_id
            begun = exchange.head_sent
            exchange.disconnect()
            if begun:
                self.transport.abort()
                return
        elif receiving is not None and self._in_body:
            self.transport.abort()  # its answer was complete already
            return
        self.transport.write(self.render(status, self.url, request_id))
        self._linger()

    def render(self, status: int, target: bytes, request_id: bytes) -> bytes:
        """A whole response of the server's own, after which the connection closes."""
        try:
            headers, body = self.factory.render_error(status, target.decode("latin-1"), request_id.decode("ascii"))
        except Exception:  # noqa: BLE001 - an error about an error must not be silence
            _log.exception("the renderer of errors failed")
            headers, body = render_plainly(status, "", request_id.decode("ascii"))
        if status == 503:  # noqa: PLR2004
            headers = [*headers, (b"retry-after", b"%d" % self.limits.retry_after_seconds)]
        lines = [b"%b: %b\r\n" % header for header in headers]
        prelude = self.prelude()
        end = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        return b"".join([STATUS_LINE[status], prelude, request_id, b"\r\n", *lines, end, body])

    def _linger(self) -> None:
        """Close when the client has read our answer, or has had the time to.

        Our side of the connection is closed behind the answer. What the client still sends is thrown away, up to a
        bound; beyond it, its bytes stay in the kernel until it closes too, or its time is up.
        """
        self._untouched = False
        self._drained = 0
        self._expect(_Phase.LINGER, self.limits.linger_seconds)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _size(fields: Headers) -> int:
    """Bytes of header fields as they came."""
    return sum(len(name) + len(value) + len(b": \r\n") for name, value in fields)


def _split_target(target: bytes, method: bytes, fields: Headers) -> tuple[bytes, str, bytes, Headers]:
    """Raw path, path and query of a request target, and the header fields that then hold (RFC 9112, 3.2)."""
    query = b""
    if target[:1] == b"/" and b"#" not in target:
        raw_path, _, query = target.partition(b"?")
    elif target == b"*" and method == b"OPTIONS":
        raw_path = target
    else:
        try:
            parsed: Any = httptools.parse_url(target)  # its stub does not know that parts may be missing
        except httptools.HttpParserInvalidURLError as error:
            raise Refused(400) from error
        raw_path, query = parsed.path or b"/", parsed.query or b""
        if parsed.host is None and target[:1] != b"/":
            raise Refused(400)
        if parsed.host is not None:
            # "the origin server MUST ignore the received Host header field (if any) and instead use the host
            # information of the request-target"
            host = parsed.host if parsed.port is None else b"%b:%d" % (parsed.host, parsed.port)
            fields = [(b"host", host), *(field for field in fields if field[0] != b"host")]
    path = raw_path.decode("latin-1")
    return raw_path, unquote(path) if "%" in path else path, query, fields
