"""The application: from an ASGI request to a protocol's handler, and back.

One place for what every request goes through: which protocol, who asks, the handler, the error's form, the sending,
the metrics, and the log's one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final

import structlog

from entrepot.model.access import ANONYMOUS, Caller
from entrepot.model.errors import (
    Corrupt,
    Denied,
    Disconnected,
    Invalid,
    InvalidContentRange,
    InvalidRange,
    MethodNotAllowed,
    RateLimited,
    RegistryError,
    RouteUnknown,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UpstreamUnavailable,
)
from entrepot.model.redaction import redact
from entrepot.wire.asked import AskedFiles
from entrepot.wire.call import Body, Call, Headers, Load, Query
from entrepot.wire.documents import Documents
from entrepot.wire.errors import WireError
from entrepot.wire.format import Surface
from entrepot.wire.logs import Answer, LogRequest
from entrepot.wire.metrics import outcome
from entrepot.wire.reply import FileSlice, HeaderList, Reply, text_header, warning_header
from entrepot.wire.routes import Router
from entrepot.wire.server import CacheTicket, ClientDisconnected, FileTooShort

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.epochs import Epochs
    from entrepot.wire.gate import Gate
    from entrepot.wire.metrics import Metrics
    from entrepot.wire.routes import Route

Scope = dict[str, Any]

_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")
_NOWHERE: Final = Surface(name="other", prefix="", routes=())
_SAFE: Final = frozenset({"GET", "HEAD"})
_SERVER_ERROR: Final = 500
_REFUSALS: Final[Mapping[int, type[RegistryError]]] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
    HTTPStatus.REQUEST_URI_TOO_LONG: TooMany,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
    HTTPStatus.INTERNAL_SERVER_ERROR: RegistryError,
}

log = structlog.stdlib.get_logger("entrepot.request")


@dataclass(frozen=True, slots=True)
class Options:
    """What the composition root decides about HTTP."""

    public_url: str | None = None
    """How clients call this registry; None takes it from each request's Host, for its own answer alone."""
    trusted_proxies: frozenset[str] = frozenset()
    """Addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed."""
    concurrency: int = 1_000
    """Requests that a worker answers at the same time, not counting those that wait for their client."""
    held_size: int = 256 * 1024 * 1024
    """Bytes of request bodies that a worker holds in memory, for all requests together."""
    documents_size: int = 64 * 1024 * 1024
    """Bytes of rendered index documents that a worker remembers."""
    log_request: LogRequest | None = None
    """Where the one line of each request goes."""


@dataclass(slots=True)
class _Exchange:
    """One request while it is answered: what the metrics and the log need, whatever happens."""

    surface: Surface
    request_id: str
    method: str
    target: str
    address: str
    operation: str = "none"
    caller: Caller = ANONYMOUS
    body: Body | None = None
    facts: dict[str, str | int] = field(default_factory=dict)
    used: list[tuple[PackageId, Digest]] = field(default_factory=list)
    status: int = 0
    begun: bool = False
    """Whether a body that is made while it is sent has begun to go out."""
    sent: int = 0
    ticket: CacheTicket | None = None
    borrowed: int = 0
    """Bytes of a file that are in memory for it."""
    code: str | None = None


class Application:
    """An ASGI 3 application over a registry and the surfaces of its protocols."""

    def __init__(
        self,
        registry: Registry,
        surfaces: Sequence[Surface],
        *,
        gate: Gate,
        epochs: Epochs,
        metrics: Metrics,
        options: Options,
        lifespan: Sequence[Callable[[bool], Awaitable[None]]] = (),
    ) -> None:
        """Serve *surfaces*; call each of *lifespan* with True at the start and with False at the end."""
        self.registry = registry
        self.gate = gate
        self._epochs = epochs
        self._metrics = metrics
        self._options = options
        self._lifespan = lifespan
        self._surfaces = {surface.prefix: (surface, Router(surface.routes)) for surface in surfaces}
        self._documents = Documents(options.documents_size)
        self._asked = AskedFiles()
        self._load = Load(concurrency=options.concurrency, held_size=options.held_size)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        for word, starting in (("startup", True), ("shutdown", False)):
            await receive()
            for step in self._lifespan:
                await step(starting)
            await send({"type": f"lifespan.{word}.complete"})

    def render_refusal(self, status: int, target: str, request_id: str) -> tuple[HeaderList, bytes]:
        """What the server itself answers, before or without us, in the form of the target's protocol."""
        path = target.partition("?")[0]
        surface, _ = self._surfaces.get(path.split("/", 2)[1] if path.startswith("/") else "", (_NOWHERE, None))
        error = _REFUSALS.get(status, Invalid)
        row = WireError(status, surface.errors.find(error()).code)
        headers, body = surface.errors.render(row, error(HTTPStatus(status).phrase), request_id)
        self._metrics.requests.labels(surface.name, "none", outcome(status)).inc()
        self._metrics.errors.labels(surface.name, row.code).inc()
        return headers, body

    # --- one request ---

    async def _answer(self, scope: Scope, receive: Any, send: Any) -> None:
        started = perf_counter()
        path: str = scope["path"]
        surface, router = self._surfaces.get(path.split("/", 2)[1] if path.startswith("/") else "", (_NOWHERE, None))
        headers = Headers(scope["headers"])
        exchange = _Exchange(
            surface=surface,
            request_id=scope.get("entrepot.request_id", ""),
            method=scope["method"],
            target=path,
            address=self._address(scope, headers),
        )
        self._metrics.running.inc()
        try:
            reply = await self._handle(exchange, router, scope, headers, receive)
            await self._send(exchange, reply, send)
        except (ClientDisconnected, Disconnected):
            exchange.facts["cut"] = "client went away"
        except (FileNotFoundError, FileTooShort):
            # The catalog promised what the blob store does not have; nothing has gone out yet.
            await self._send(
                exchange, self._refuse(exchange, Corrupt(exchange.facts.get("digest")), headers, scope), send
            )
        except RegistryError as error:
            # Of a body that is made while it is sent.
            if not exchange.begun:
                await self._send(exchange, self._refuse(exchange, error, headers, scope), send)
                return
            # What has gone out must not look whole.
            exchange.facts["cut"] = str(error)
            log.warning("cut", request_id=exchange.request_id, error=type(error).__name__, reason=str(error))
            raise ClientDisconnected from error
        except OSError:
            log.exception("failed", request_id=exchange.request_id)
            if not exchange.sent:
                await self._send(exchange, self._refuse(exchange, RegistryError(), headers, scope), send)
        finally:
            self._asked.give_back(exchange.borrowed)
            self._metrics.running.dec()
            self._finish(exchange, perf_counter() - started)

    async def _handle(
        self, exchange: _Exchange, router: Router | None, scope: Scope, headers: Headers, receive: Any
    ) -> Reply:
        try:
            self._load.begin()
            return await self._work(exchange, router, scope, headers, receive)
        except Disconnected:
            raise
        except RegistryError as error:
            return self._refuse(exchange, error, headers, scope)
        except Exception:
            log.exception("failed", request_id=exchange.request_id, operation=exchange.operation)
            return self._refuse(exchange, RegistryError(), headers, scope)
        finally:
            self._load.end()

    async def _work(
        self, exchange: _Exchange, router: Router | None, scope: Scope, headers: Headers, receive: Any
    ) -> Reply:
        if router is None:
            raise RouteUnknown(exchange.target[:200])
        route, path = router.find(exchange.method, exchange.target)
        exchange.operation = route.operation
        slots = self._slots(route, path)
        seen = self._epochs.observe(*slots)
        self._require_own_origin(exchange.method, scope, headers)
        authorization = headers.get("authorization")
        if route.authenticates:
            exchange.caller = await self.gate.identify(authorization, exchange.address)
        exchange.body = Body(receive, _body_size(headers), self._load)
        call = Call(
            registry=self.registry,
            caller=exchange.caller if exchange.method in _SAFE else replace(exchange.caller, told=[]),
            method=exchange.method,
            path=path,
            target=exchange.target,
            query=Query(scope["query_string"]),
            headers=headers,
            body=exchange.body,
            base_url=self.base_url(scope, headers),
            request_id=exchange.request_id,
            address=exchange.address,
            gate=self.gate,
            documents=self._documents,
            facts=exchange.facts,
            used=exchange.used,
        )
        reply = await route.handler(call)
        if call.caller.told:
            # Handlers share some replies.
            reply = replace(reply, headers=[*reply.headers, *map(warning_header, dict.fromkeys(call.caller.told))])
        if reply.cacheable and seen is not None and not self._pretends(scope, headers):
            if exchange.method == "GET" and isinstance(reply.body, FileSlice):
                reply.body = await self._asked.borrow(reply.body)
                exchange.borrowed = len(reply.body) if isinstance(reply.body, bytes) else 0
            if exchange.method == "HEAD" or isinstance(reply.body, bytes):
                exchange.ticket = self._ticket(exchange, seen)
        return reply

    def _require_own_origin(self, method: str, scope: Scope, headers: Headers) -> None:
        """Refuse what another site's page lets a browser do with credentials that it remembers for us."""
        origin = headers.get("origin")
        if origin is not None and method not in _SAFE and origin != self.base_url(scope, headers):
            raise Denied("a page of another origin", expected=self.base_url(scope, headers), actual=origin[:200])

    def _slots(self, route: Route, path: Mapping[str, str]) -> tuple[int, ...]:
        """Whose caches an answer of this route belongs to."""
        namespace = route.namespace(path)
        return () if namespace is None else (self._epochs.slot_of(namespace),)

    def _ticket(self, exchange: _Exchange, seen: tuple[tuple[int, int], ...]) -> CacheTicket:
        expires_at = None
        end: datetime | None = exchange.caller.token_expires_at
        if end is not None:
            expires_at = monotonic() + (end - self.registry.clock.now()).total_seconds()
        return CacheTicket(
            epochs=seen,
            counter=(exchange.surface.name, exchange.operation),
            expires_at=expires_at,
            log=Answer(self._fields(exchange)),
            used=[(*used, exchange.caller.name) for used in exchange.used],
        )

    def _refuse(self, exchange: _Exchange, error: RegistryError, headers: Headers, scope: Scope) -> Reply:
        table = exchange.surface.errors
        row = table.find(error)
        exchange.code = row.code
        content_headers, body = table.render(row, error, exchange.request_id)
        self._metrics.errors.labels(exchange.surface.name, row.code).inc()
        if row.status >= _SERVER_ERROR:
            log.error("refused", request_id=exchange.request_id, error=type(error).__name__, reason=str(error))
        extra = _error_headers(error)
        if isinstance(error, Unauthenticated) and row.status == HTTPStatus.UNAUTHORIZED:
            extra.append(self._challenge(exchange, headers, scope))
        say = exchange.surface.errors.reason
        return Reply(row.status, [*content_headers, *extra], body, reason=None if say is None else say(error))

    def _challenge(self, exchange: _Exchange, headers: Headers, scope: Scope) -> tuple[bytes, bytes]:
        if exchange.surface.authenticate is not None:
            text = exchange.surface.authenticate(self.base_url(scope, headers), exchange.target)
            return text_header("www-authenticate", text)
        if exchange.surface.challenge is None:
            return b"www-authenticate", b'Basic realm="Entrepot", charset="UTF-8"'
        text = exchange.surface.challenge(exchange.method, exchange.target, scope["query_string"])
        realm = f"{self.base_url(scope, headers)}/token"
        return text_header("www-authenticate", f'Bearer realm="{realm}",service="entrepot"{text}')

    # --- sending ---

    async def _send(self, exchange: _Exchange, reply: Reply, send: Any) -> None:
        exchange.status = reply.status
        headers: HeaderList = reply.headers
        has_body = reply.status not in (204, 304)
        if has_body:
            headers = [*headers, (b"content-length", b"%d" % reply.length)]
        start: dict[str, Any] = {"type": "http.response.start", "status": reply.status, "headers": headers}
        if exchange.ticket is not None:
            start["entrepot.cache"] = exchange.ticket
        if reply.reason is not None:
            start["entrepot.reason"] = reply.reason
        body = reply.body
        if exchange.method == "HEAD" or not has_body:
            await send(start)
            await send({"type": "http.response.body"})
        elif isinstance(body, bytes):
            await send(start)
            await send({"type": "http.response.body", "body": body})
            exchange.sent = len(body)
        elif isinstance(body, FileSlice):
            await send(start)
            await send(
                {"type": "http.response.pathsend", "path": body.path, "offset": body.offset, "count": body.count}
            )
            exchange.sent = body.count
        else:
            # A body that fails before it begins is refused like anything else.
            pieces = aiter(body)
            piece = await anext(pieces, None)
            exchange.begun = True
            await send(start)
            while piece is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                exchange.sent += len(piece)
                piece = await anext(pieces, None)
            await send({"type": "http.response.body"})

    def _finish(self, exchange: _Exchange, seconds: float) -> None:
        received = 0 if exchange.body is None else exchange.body.received
        self._metrics.count(
            (exchange.surface.name, exchange.operation, outcome(exchange.status)),
            seconds=seconds,
            received=received,
            sent=exchange.sent,
        )
        if self._options.log_request is not None:
            fields = self._fields(exchange)
            fields.update(
                status=exchange.status,
                received=received,
                sent=exchange.sent,
                seconds=round(seconds, 6),
                request_id=exchange.request_id,
                address=exchange.address,
            )
            if exchange.code is not None:
                fields["code"] = exchange.code
            self._options.log_request(fields)

    @staticmethod
    def _fields(exchange: _Exchange) -> dict[str, str | int | float]:
        """What the log says of a request, also of one that the front cache answers later."""
        return {
            "method": exchange.method,
            "format": exchange.surface.name,
            "operation": exchange.operation,
            "principal": exchange.caller.name,
            "target": redact(exchange.target),
            **exchange.facts,
        }

    # --- where we are, and who is there ---

    def base_url(self, scope: Scope, headers: Headers) -> str:
        """How the client calls this registry; no final slash."""
        if self._options.public_url is not None:
            return self._options.public_url
        host = headers.get("host") or ""
        if _HOST.fullmatch(host) is None:
            server = scope.get("server") or ("localhost", 80)
            host = f"{server[0]}:{server[1]}"
        return f"{self._scheme(scope, headers)}://{host}"

    def _scheme(self, scope: Scope, headers: Headers) -> str:
        if self._is_trusted(scope) and headers.get("x-forwarded-proto") in ("http", "https"):
            return headers.get("x-forwarded-proto") or "http"
        return str(scope["scheme"])

    def _address(self, scope: Scope, headers: Headers) -> str:
        client = scope.get("client")
        address = "unknown" if client is None else str(client[0])
        if self._is_trusted(scope):
            forwarded = (headers.get("x-forwarded-for") or "").split(",")[-1].strip()
            return forwarded[:64] or address
        return address

    def _pretends(self, scope: Scope, headers: Headers) -> bool:
        """Whether the client says what only a trusted proxy may: its answer is not for those who come through one."""
        return headers.get("x-forwarded-proto") is not None and not self._is_trusted(scope)

    def _is_trusted(self, scope: Scope) -> bool:
        client = scope.get("client")
        return client is not None and client[0] in self._options.trusted_proxies


def _body_size(headers: Headers) -> int | None:
    if headers.get("transfer-encoding") is not None:
        return None
    return int(headers.get("content-length") or 0)


def _error_headers(error: RegistryError) -> HeaderList:
    """What HTTP itself says with some errors, in every protocol."""
    found: HeaderList = [(b"cache-control", b"no-store")]
    if isinstance(error, (RateLimited, Unavailable, UpstreamUnavailable)) and error.after is not None:
        found.append((b"retry-after", b"%d" % max(1, error.after)))
    if isinstance(error, MethodNotAllowed) and error.expected:
        found.append(text_header("allow", str(error.expected)))
    if isinstance(error, InvalidRange) and not isinstance(error, InvalidContentRange):
        found.append((b"content-range", b"bytes */%d" % int(str(error.actual))))
    return found
