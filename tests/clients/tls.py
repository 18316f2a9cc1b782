"""Ways to the registry: over TLS, for clients that send no credentials without it, and by a name of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.programs import Shell

NAME = "registry.example.com"
"""What the registry may also be called."""

_PIECE = 64 << 10
_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Secured:
    """Where it listens, and the certificate to trust."""

    host: str
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://{self.host}"


@contextmanager
def secured(target: str, shell: Shell, openssl: str, *, authority: bool = True) -> Iterator[Secured]:
    """Pass on to *target*, ``host:port``, what comes over TLS to a port of its own, as ``localhost``.

    The certificate is an *authority*'s as well, unless a client says that such a one is no server's.
    """
    certificate, key = shell.home / "certificate.pem", shell.home / "key.pem"
    shell.run(
        *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
        *("-addext", f"subjectAltName=DNS:localhost,DNS:{NAME}", "-keyout", key, "-out", certificate),
        *(() if authority else ("-addext", "basicConstraints=critical,CA:FALSE")),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _listening(_to(target), context) as found:
        yield Secured(f"localhost:{found}", certificate)


@contextmanager
def tunnel(target: str) -> Iterator[str]:
    """The address of a proxy that leads every CONNECT to *target*, whatever name it is for."""

    async def answer(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        await near.readuntil(b"\r\n\r\n")
        back.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await _to(target)(near, back)

    with _listening(answer, None) as port:
        yield f"http://127.0.0.1:{port}"


_Carry = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _to(target: str) -> _Carry:
    host, _, port = target.rpartition(":")

    async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass(near, forth), _pass(far, back))

    return carry


@contextmanager
def _listening(carry: _Carry, context: ssl.SSLContext | None) -> Iterator[int]:
    """Treat connections to a port of its own in a thread, until the block ends."""
    started: Future[tuple[int, Callable[[], object]]] = Future()

    async def carry_on(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        # What still runs at the end, for connections that the client keeps open, is cancelled.
        with contextlib.suppress(asyncio.CancelledError):
            await carry(near, back)

    async def serve() -> None:
        try:
            server = await asyncio.start_server(carry_on, "127.0.0.1", 0, ssl=context)
        except OSError as error:
            started.set_exception(error)
            return
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        started.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(over.set)))
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    port, stop = started.result(_START_SECONDS)
    try:
        yield port
    finally:
        stop()
        thread.join()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
        with contextlib.suppress(OSError):
            await sink.wait_closed()
