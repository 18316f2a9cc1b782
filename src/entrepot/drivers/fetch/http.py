"""Asks other registries over HTTP/1.1.

A question is a chain of *hops*: the target, and what it redirects to. Each hop is checked by itself (`targets`), waits
for its host's turn (`hosts`) and is dialled at an address that was checked (`dial`). What fails in passing is asked
again from the target on (`pace`).

Errors of the libraries below end here: `_Failed` carries ours, and whether asking again may help.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import httpcore
import httpx

from entrepot import __version__
from entrepot.drivers.clock import SystemClock
from entrepot.drivers.fetch import dial, targets
from entrepot.drivers.fetch.addresses import Reach
from entrepot.drivers.fetch.content import Gathering, announced_size
from entrepot.drivers.fetch.hosts import Host, Hosts
from entrepot.drivers.fetch.pace import Pace, retry_after
from entrepot.drivers.fetch.proxies import Proxies, Proxy
from entrepot.model.errors import UpstreamInvalid, UpstreamUnavailable
from entrepot.ports.fetch import Document, Origin, Stream

if TYPE_CHECKING:
    from entrepot.ports.clock import Clock

T = TypeVar("T")

_MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 429, 502, 503, 504})
_AILING: Final = frozenset({502, 503, 504})
"""What a host says when it, or what stands before it, cannot."""
_PROXY_REFUSES: Final = 407
_SERVER_ERROR: Final = 500
_IDLE_SECONDS: Final = 30.0
_IDLE_CONNECTIONS: Final = 32
_DRAINED: Final = 64 * 1024
_DRAIN_SECONDS: Final = 1.0
_OURS: Final = frozenset(
    {"authorization", "accept-encoding", "connection", "content-length", "cookie", "host", "transfer-encoding"}
)
"""Headers that are not a caller's to set."""


class _Failed(Exception):
    """An attempt failed."""

    def __init__(
        self, error: UpstreamUnavailable | UpstreamInvalid, *, transient: bool, after: int | None = None
    ) -> None:
        super().__init__(error)
        self.error = error
        self.transient = transient
        self.after = after


@dataclass(frozen=True, slots=True)
class _Answer:
    """The head of an answer, and its body on the way. Whoever has it closes *held*."""

    url: httpx.URL
    status: int
    headers: Mapping[str, str]
    response: httpcore.Response
    host: Host
    held: AsyncExitStack


class HttpFetcher:
    """Implements `entrepot.ports.fetch.Fetcher`. Made where an event loop runs, and closed there."""

    def __init__(
        self,
        *,
        pace: Pace | None = None,
        proxies: Proxies | None = None,
        clock: Clock | None = None,
        resolve: dial.Resolve = dial.resolve,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask at that *pace*, through *proxies* (the environment's, if none are given)."""
        self._pace = pace or Pace()
        self._proxies = Proxies.read(os.environ) if proxies is None else proxies
        self._clock = clock or SystemClock()
        self._resolve = resolve
        self._sleep = sleep
        self._hosts = Hosts(self._pace, now)
        self._pools: dict[tuple[Reach, str | None, Proxy | None, str], httpcore.AsyncConnectionPool] = {}
        self._trusts: dict[str | None, ssl.SSLContext] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            await pool.aclose()

    async def get(self, origin: Origin, target: str, *, headers: Mapping[str, str], limit: int) -> Document:
        """Ask for something small. Raises `UpstreamUnavailable`, `UpstreamInvalid`."""
        _refuse_ours(headers)

        async def attempt() -> Document:
            answer = await self._ask(origin, target, {"accept-encoding": "gzip", **headers})
            async with answer.held:
                return await self._read(answer, limit)

        try:
            async with asyncio.timeout(self._pace.document):
                return await self._persist(attempt)
        except TimeoutError as error:
            message = f"{origin} did not answer in full within {self._pace.document:g} seconds"
            raise UpstreamUnavailable(message) from error

    async def post(
        self, origin: Origin, target: str, *, headers: Mapping[str, str], content: bytes, limit: int
    ) -> Document:
        """Send something small, once. Raises `UpstreamUnavailable`, `UpstreamInvalid`."""
        _refuse_ours(headers)
        url = targets.resolve(origin, target)
        try:
            async with asyncio.timeout(self._pace.document):
                answer = await self._ask_one(origin, url, {"accept-encoding": "identity", **headers}, content)
                async with answer.held:
                    return await self._read(answer, limit)
        except _Failed as failed:
            raise failed.error from failed.__cause__
        except TimeoutError as error:
            message = f"{origin} did not answer in full within {self._pace.document:g} seconds"
            raise UpstreamUnavailable(message) from error

    @asynccontextmanager
    async def stream(self, origin: Origin, target: str, *, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Ask for a file. Raises `UpstreamUnavailable`, `UpstreamInvalid`.

        A ``Content-Encoding`` that comes all the same is not undone: there are servers that call every ``.gz`` so,
        and what a checksum is of are the bytes as they come.
        """
        _refuse_ours(headers)
        answer = await self._persist(lambda: self._ask(origin, target, {"accept-encoding": "identity", **headers}))
        async with answer.held:
            size = announced_size(answer.status, answer.headers)
            async with aclosing(self._content(answer, size)) as content:
                yield Stream(answer.status, answer.headers, size, str(answer.url), content)

    # --- attempts and hops ---

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do *attempt* until it succeeds, or it is time to give up."""
        failures = 0
        while True:
            try:
                return await attempt()
            except _Failed as failed:
                failures += 1
                delay = self._pace.delay(failures, failed.after) if failed.transient else None
                if delay is None:
                    raise failed.error from failed.__cause__
            await self._sleep(delay)

    async def _ask(self, origin: Origin, target: str, headers: Mapping[str, str]) -> _Answer:
        """The answer at the end of the chain."""
        url = targets.resolve(origin, target)
        for _ in range(_MAX_REDIRECTS + 1):
            answer = await self._ask_one(origin, url, headers)
            if answer.status not in _REDIRECTS:
                return answer
            async with answer.held:
                url = targets.follow(url, answer.headers.get("location"))
                await _drain(answer.response)
        raise UpstreamInvalid(targets.shown(url), expected=f"at most {_MAX_REDIRECTS} redirects")

    async def _ask_one(
        self, origin: Origin, url: httpx.URL, headers: Mapping[str, str], content: bytes | None = None
    ) -> _Answer:
        """The answer of one host, when it is one that a caller may see; to a question, or to *content*."""
        host = self._hosts.find(targets.place(url))
        async with AsyncExitStack() as held:
            pool, request = self._pool(origin, url), self._request(origin, url, headers, content)
            await held.enter_async_context(host.turn())
            try:
                async with asyncio.timeout(self._pace.answer):
                    response = await pool.handle_async_request(request)
            except (httpcore.TimeoutException, TimeoutError) as error:
                raise _unavailable(host, url, "does not answer in time") from error
            except httpcore.NetworkError as error:
                if (why := _distrust(error)) is not None:
                    raise UpstreamInvalid(targets.shown(url), expected="TLS to trust", actual=why) from error
                raise _unavailable(host, url, f"cannot be reached: {_reason(error)}") from error
            except httpcore.ProxyError as error:
                raise _unavailable(host, url, f"is not let through by the proxy: {_reason(error)}") from error
            except httpcore.RemoteProtocolError as error:
                if str(error).startswith("Server disconnected"):
                    raise _unavailable(host, url, "closed the connection without an answer") from error
                raise UpstreamInvalid(targets.shown(url), expected="HTTP/1.1", actual=_reason(error)) from error
            held.push_async_callback(response.aclose)
            answer = _Answer(url, response.status, _read_headers(response), response, host, held)
            if content is None:
                await self._judge(answer)
            else:
                host.succeeded()
            return replace(answer, held=held.pop_all())

    async def _judge(self, answer: _Answer) -> None:
        """Keep from callers what is no answer. Raises `_Failed`."""
        status, where = answer.status, targets.shown(answer.url)
        if status in _AILING:
            answer.host.failed()
        else:
            answer.host.succeeded()
        if status >= _SERVER_ERROR or status in _TRANSIENT or status == _PROXY_REFUSES:
            await _drain(answer.response)
            after = retry_after(answer.headers, self._clock.now())
            error = UpstreamUnavailable(f"{where} answered {status}", after=after)
            raise _Failed(error, transient=status in _TRANSIENT, after=after)

    def _request(
        self, origin: Origin, url: httpx.URL, headers: Mapping[str, str], content: bytes | None
    ) -> httpcore.Request:
        fields = {"host": url.netloc.decode("ascii"), "user-agent": f"entrepot/{__version__}", "accept": "*/*"}
        fields |= {name.lower(): value for name, value in headers.items()}
        if (authorization := targets.authorization(origin, url)) is not None:
            fields["authorization"] = authorization
        if content is not None:
            fields["content-length"] = str(len(content))
        return httpcore.Request(
            "GET" if content is None else "POST",
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=[(name.encode(), value.encode()) for name, value in fields.items()],
            content=content,
            extensions={"timeout": {"connect": self._pace.connect}},
        )

    # --- bodies ---

    async def _read(self, answer: _Answer, limit: int) -> Document:
        where = targets.shown(answer.url)
        size = announced_size(answer.status, answer.headers)
        gathering = Gathering(where, answer.headers.get("content-encoding", ""), limit=limit)
        gathering.refuse_size(size)
        try:
            async with aclosing(self._content(answer, size)) as content:
                async for piece in content:
                    gathering.add(piece)
        except UpstreamUnavailable as error:
            raise _Failed(error, transient=True) from error.__cause__
        return Document(answer.status, answer.headers, gathering.finish(), str(answer.url))

    async def _content(self, answer: _Answer, size: int | None) -> AsyncGenerator[bytes, None]:
        """The body as it comes; in error unless it is as long as it was announced."""
        where, received = targets.shown(answer.url), 0
        async with aclosing(answer.response.aiter_stream()) as pieces:  # type: ignore[type-var]
            while True:
                try:
                    async with asyncio.timeout(self._pace.piece):
                        piece = await anext(pieces, None)
                except TimeoutError as error:
                    answer.host.failed()
                    raise UpstreamUnavailable(f"{where} stopped coming after {received} bytes") from error
                except httpcore.NetworkError as error:
                    answer.host.failed()
                    raise UpstreamUnavailable(f"{where} broke off after {received} bytes: {_reason(error)}") from error
                except httpcore.RemoteProtocolError as error:
                    expected = "a body that has an end" if size is None else f"{size} bytes"
                    actual = f"{received} bytes, then: {_reason(error)}"
                    raise UpstreamInvalid(where, expected=expected, actual=actual) from error
                if piece is None:
                    return
                received += len(piece)
                yield piece

    # --- connections ---

    def _pool(self, origin: Origin, url: httpx.URL) -> httpcore.AsyncConnectionPool:
        """The connections for what may go as far, trusts the same and takes the same way; never another's."""
        place, reach = targets.place(url), targets.reach(origin, url)
        proxy = self._proxies.choose(place)
        if proxy is not None and not targets.may_be_named(reach, place[1]):
            raise UpstreamInvalid(place[1], expected=f"a host at {reach.value}")
        key = (reach, origin.authority, proxy, url.scheme)
        if key not in self._pools:
            self._pools[key] = httpcore.AsyncConnectionPool(
                ssl_context=self._trust(origin) if url.scheme == "https" else None,
                proxy=None if proxy is None else _proxy(proxy),
                max_connections=None,  # a host's turns are the limit
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
                # A proxy is where the administrator says, and dials for us.
                network_backend=dial.GuardedNetwork(reach, self._resolve) if proxy is None else None,
            )
        return self._pools[key]

    def _trust(self, origin: Origin) -> ssl.SSLContext:
        """The machine's certificates, and those that the administrator named for this origin."""
        if origin.authority not in self._trusts:
            context = httpx.create_ssl_context()
            context.load_default_certs()
            try:
                if origin.authority is not None:
                    context.load_verify_locations(cadata=origin.authority)
            except (ssl.SSLError, ValueError) as error:
                raise UpstreamInvalid(str(origin), expected="certificates of an authority (PEM)") from error
            self._trusts[origin.authority] = context
        return self._trusts[origin.authority]


def _proxy(proxy: Proxy) -> httpcore.Proxy:
    auth = (proxy.user.encode(), proxy.password.encode()) if proxy.user else None
    return httpcore.Proxy(proxy.url, auth=auth)


def _refuse_ours(headers: Mapping[str, str]) -> None:
    """Find what a caller of ours does wrong."""
    for name, value in headers.items():
        if name.lower() in _OURS or not (value.isascii() and value.isprintable()):
            raise ValueError(f"the header {name} cannot be sent to an upstream")


def _read_headers(response: httpcore.Response) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def _drain(response: httpcore.Response) -> None:
    """Read a body that nobody wants, when it is short: its connection can then be used again."""
    read = 0
    with suppress(httpcore.NetworkError, httpcore.ProtocolError, TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS), aclosing(response.aiter_stream()) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                read += len(piece)
                if read > _DRAINED:
                    return


def _unavailable(host: Host, url: httpx.URL, what: str) -> _Failed:
    host.failed()
    return _Failed(UpstreamUnavailable(f"{targets.shown(url)} {what}"), transient=True)


def _distrust(error: BaseException) -> str | None:
    """Why TLS was not agreed on; None when something else is the matter, such as a connection that broke."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return None if isinstance(cause, ssl.SSLEOFError) else cause.reason or str(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
