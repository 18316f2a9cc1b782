"""A registry somewhere else, on a real socket: it says what the test tells it to, and counts how often it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Said:
    """What is answered at one path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Bytes of the body after which the line breaks."""
    gate: asyncio.Event | None = None
    """Waited for in the middle of the body."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is asked for."""


class Elsewhere:
    """HTTP/1.1, one request for each connection."""

    def __init__(self) -> None:
        self.says: dict[str, Said] = {}
        self.asked: Counter[str] = Counter()
        self.requests: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        """What was sent with each request."""
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = head.strip().split("\r\n")
            path = line.split(" ")[1]
            headers = {name.lower(): value.strip() for name, _, value in (text.partition(":") for text in fields)}
            self.asked[path] += 1
            self.requests.append(headers)
            self.bodies.append(await reader.readexactly(int(headers.get("content-length", 0))))
            said = self.says.get(path, Said(status=404))
            said.reached.set()
            etag = said.headers.get("etag")
            if etag is not None and headers.get("if-none-match") == etag:
                said = Said(status=304, headers={"etag": etag})
            fields = [f"{name}: {value}" for name, value in said.headers.items()]
            if said.status != 304 and "content-length" not in said.headers:
                fields.append(f"content-length: {len(said.body)}")
            writer.write(
                "\r\n".join([f"HTTP/1.1 {said.status} X", "connection: close", *fields, "", ""]).encode("latin-1")
            )
            middle = len(said.body) // 2 if said.gate is not None else 0
            writer.write(said.body[:middle])
            if said.gate is not None:
                await writer.drain()
                await said.gate.wait()
            writer.write(said.body[middle : said.cut_after])
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """Another registry, as long as the test lasts."""
    registry = Elsewhere()
    server = await asyncio.start_server(registry.answer, "127.0.0.1", 0)
    registry.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield registry
