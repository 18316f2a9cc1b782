"""A way to the registry over TLS, for clients that send no credentials without it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.programs import Shell

_PIECE = 64 << 10
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Secured:
    """Where it listens, and the certificate to trust."""

    host: str
    certificate: Path

    @property
    def url(self) -> str:
        return f"https://{self.host}"


@contextmanager
def secured(target: str, shell: Shell, openssl: str) -> Iterator[Secured]:
    """Pass on to *target*, ``host:port``, what comes over TLS to a port of its own, as ``localhost``."""
    certificate, key = shell.home / "certificate.pem", shell.home / "key.pem"
    shell.run(
        *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    started: Future[tuple[int, Callable[[], object]]] = Future()
    thread = threading.Thread(target=_serve, args=(target, context, started), daemon=True)
    thread.start()
    port, stop = started.result(_START_SECONDS)
    try:
        yield Secured(f"localhost:{port}", certificate)
    finally:
        stop()
        thread.join()


def _serve(target: str, context: ssl.SSLContext, started: Future[tuple[int, Callable[[], object]]]) -> None:
    host, _, port = target.rpartition(":")

    async def carry(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pass(near, forth), _pass(far, back))

    async def serve() -> None:
        try:
            server = await asyncio.start_server(carry, "127.0.0.1", 0, ssl=context)
        except OSError as error:
            started.set_exception(error)
            return
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        started.set_result((server.sockets[0].getsockname()[1], lambda: loop.call_soon_threadsafe(over.set)))
        await over.wait()
        server.close()

    # What still runs for connections that the client keeps open is cancelled at the end.
    asyncio.run(serve())


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
