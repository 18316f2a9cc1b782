"""From an HTTP client straight to an ASGI application, with no socket between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Asgi = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

REQUEST_ID = "request-1"
"""Of every request, so that two answers can be compared."""


class Cut(Exception):
    """Raised by a request's body: the client goes away here."""


class InProcess(httpx.AsyncBaseTransport):
    """Sends each request to an application, as `entrepot.wire.server` would.

    Its answers may be files (``http.response.pathsend`` with a part of one).
    An exception of the application goes on to the test.
    """

    def __init__(self, app: Asgi, *, address: str = "127.0.0.1") -> None:
        """Come from *address*."""
        self._app = app
        self._address = address

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer *request*. Raises `httpx.RemoteProtocolError` when the application answers nothing."""
        messages: list[dict[str, Any]] = []
        receive = _receiver(request)

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self._app(self._scope(request), receive, send)
        if not messages:
            raise httpx.RemoteProtocolError("the application did not answer", request=request)
        start, *rest = messages
        body = b"".join(_body(message) for message in rest)
        return httpx.Response(
            start["status"], headers=start["headers"], content=body, extensions={"messages": messages}
        )

    def _scope(self, request: httpx.Request) -> dict[str, Any]:
        path, _, query = request.url.raw_path.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": unquote(path.decode("ascii"), errors="replace"),
            "raw_path": path,
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": (self._address, 50_000),
            "server": ("127.0.0.1", 8080),
            "entrepot.request_id": REQUEST_ID,
        }


def _receiver(request: httpx.Request) -> Callable[[], Awaitable[dict[str, Any]]]:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    pieces = aiter(request.stream)
    ended = False

    async def receive() -> dict[str, Any]:
        nonlocal ended
        if ended:
            return {"type": "http.disconnect"}
        try:
            return {"type": "http.request", "body": await anext(pieces), "more_body": True}
        except StopAsyncIteration:
            ended = True
            return {"type": "http.request", "body": b"", "more_body": False}
        except Cut:
            ended = True
            return {"type": "http.disconnect"}

    return receive


def _body(message: dict[str, Any]) -> bytes:
    if message["type"] == "http.response.pathsend":
        with Path(message["path"]).open("rb") as file:
            file.seek(message["offset"])
            return file.read(message["count"])
    body: bytes = message.get("body", b"")
    return body
