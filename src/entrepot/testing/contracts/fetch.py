"""What every fetcher promises (`entrepot.ports.fetch.Fetcher`), against servers that say exactly what a test says."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import pytest

from entrepot.model.errors import UpstreamInvalid, UpstreamUnavailable
from entrepot.ports.fetch import Basic, Bearer, Document, Fetcher, Origin

if TYPE_CHECKING:
    import ssl

PLENTY = 1024 * 1024


class Do(Enum):
    """What an upstream does besides speaking."""

    HANG_UP = "close the connection"
    RESET = "break the connection"
    WAIT = "say nothing more until the client goes away"


Answer = Sequence[bytes | Do]
"""What is said and done after one request; the connection stays open unless an answer ends it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it came."""

    line: str
    headers: dict[str, str]
    connection: int
    """Which of the connections it came on, counted from 0."""


@dataclass(slots=True)
class Upstream:
    """A server of one test."""

    port: int = 0
    scheme: str = "http"
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    ended: list[int] = field(default_factory=list)
    """The connections that are over, in the order in which they ended."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def origin(self, path: str = "", *, private: bool = True, credentials: Basic | Bearer | None = None) -> Origin:
        """It, as an administrator names it."""
        return Origin.parse(self.url + path, private=private, credentials=credentials)

    @property
    def lines(self) -> list[str]:
        """The request lines, in order, without the protocol's version."""
        return [each.line.removesuffix(" HTTP/1.1") for each in self.asked]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until *holds* holds."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(holds)


def answer(body: bytes = b"", status: str = "200 OK", **headers: str | int) -> bytes:
    """A whole answer; *headers* are written with underscores for hyphens."""
    fields: dict[str, str | int] = {"Content-Length": len(body)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode("latin-1") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    """An answer that sends the asker elsewhere."""
    return answer(status=status, Location=location)


@asynccontextmanager
async def upstream(*answers: bytes | Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Upstream]:
    """Run a server on this machine that gives *answers* in order, to whomever; the last one again and again."""
    running = Upstream(scheme="https" if tls else "http")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = running.connections
        running.connections += 1
        try:
            while head := await _read_head(reader):
                line, *fields = head.decode("latin-1").rstrip().split("\r\n")
                headers = dict(each.lower().split(": ", 1)[:1] + each.split(": ", 1)[1:] for each in fields)
                running.asked.append(Asked(line, headers, number))
                async with running.changed:
                    running.changed.notify_all()
                said = answers[min(len(running.asked), len(answers)) - 1]
                if not await _perform([said] if isinstance(said, bytes) else said, reader, writer):
                    return
        except ConnectionError:
            pass  # the client went away, as it may
        finally:
            running.ended.append(number)
            async with running.changed:
                running.changed.notify_all()

    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)
        task.add_done_callback(lambda _: writer.close())  # also when it ended before it began

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def _perform(said: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Say and do; return whether the connection goes on."""
    for part in said:
        match part:
            case bytes():
                writer.write(part)
                await writer.drain()
            case Do.HANG_UP:
                return False
            case Do.RESET:
                # To linger for no time is to say RST, not FIN.
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            case Do.WAIT:
                await reader.read()
                return False
    return True


async def get(fetcher: Fetcher, origin: Origin, target: str = "x", limit: int = PLENTY, **headers: str) -> Document:
    """Ask for a document; *headers* are written with underscores for hyphens."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await fetcher.get(origin, target, headers=fields, limit=limit)


async def send(fetcher: Fetcher, origin: Origin, target: str, limit: int = PLENTY) -> Document:
    """Send seven bytes of text."""
    return await fetcher.post(origin, target, headers={"content-type": "text/plain"}, content=b"content", limit=limit)


async def read(fetcher: Fetcher, origin: Origin, target: str = "x") -> bytes:
    """Read a file whole."""
    async with fetcher.stream(origin, target, headers={}) as stream:
        return b"".join([piece async for piece in stream.content])


Ask = Callable[[Fetcher, Origin, str], Awaitable[object]]
BOTH = pytest.mark.parametrize("ask", [get, read], ids=["document", "stream"])


@pytest.mark.asyncio
class FetcherContract:
    """Inherit it, and give the fixture ``fetcher``: one that asks no proxy, and does not wait between its attempts."""

    @pytest.fixture
    def fetcher(self) -> Fetcher:
        """A fetcher that has asked nobody yet."""
        raise NotImplementedError

    # --- what is asked ---

    async def test_a_document_comes_whole_with_its_head_and_where_it_was(self, fetcher: Fetcher) -> None:
        async with upstream(answer(b"hello", ETag='"1"', X_Two="a")) as server:
            found = await get(fetcher, server.origin("/base"), "simple/x/?a=1", accept="text/plain")

            assert (found.status, found.body, found.headers["etag"]) == (200, b"hello", '"1"')
            assert found.url == f"{server.url}/base/simple/x/?a=1"
            assert server.lines == ["GET /base/simple/x/?a=1"]
            assert server.asked[0].headers["accept"] == "text/plain"
            assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"
            assert server.asked[0].headers["user-agent"].startswith("entrepot/")

    async def test_a_file_comes_as_it_is_stored(self, fetcher: Fetcher) -> None:
        packed = gzip.compress(b"hello")
        async with upstream(answer(packed, Content_Encoding="gzip")) as server:
            async with fetcher.stream(server.origin(), "x.tar.gz", headers={}) as stream:
                content = b"".join([piece async for piece in stream.content])

            assert (stream.status, stream.size, content) == (200, len(packed), packed)
            assert server.asked[0].headers["accept-encoding"] == "identity"

    @pytest.mark.parametrize("status", ["304 Not Modified", "401 Unauthorized", "403 Forbidden", "404 Not", "410 Gone"])
    async def test_what_the_origin_refuses_is_an_answer(self, fetcher: Fetcher, status: str) -> None:
        async with upstream(answer(status=status, WWW_Authenticate="Bearer")) as server:
            found = await get(fetcher, server.origin(), if_none_match='"1"')
            async with fetcher.stream(server.origin(), "x", headers={}) as stream:
                pieces = [piece async for piece in stream.content]

            assert found.status == stream.status == int(status[:3])
            assert (found.body, pieces) == (b"", [])
            assert found.headers["www-authenticate"] == "Bearer"
            assert server.asked[0].headers["if-none-match"] == '"1"'

    async def test_an_absolute_target_is_asked_where_it_says(self, fetcher: Fetcher) -> None:
        async with upstream(answer(b"hello")) as server:
            found = await get(fetcher, server.origin("/base"), f"{server.url}/files/x.whl#sha256=00")

            assert server.lines == ["GET /files/x.whl"]
            assert found.url == f"{server.url}/files/x.whl"

    @pytest.mark.parametrize("target", ["../x", "a/../../x", "a/%2e%2E/x", "./x", "a/.", "http://", "x\ny", "a" * 9000])
    async def test_a_target_that_leads_nowhere_good_is_refused_unasked(self, fetcher: Fetcher, target: str) -> None:
        async with upstream(answer(b"hello")) as server:
            with pytest.raises(UpstreamInvalid):
                await get(fetcher, server.origin("/base"), target)

            assert server.asked == []

    @pytest.mark.parametrize("name", ["Authorization", "cookie", "HOST", "accept-encoding"])
    async def test_what_only_the_fetcher_may_say_is_a_mistake_in_a_callers_headers(
        self, fetcher: Fetcher, name: str
    ) -> None:
        with pytest.raises(ValueError, match="cannot be sent"):
            await fetcher.get(Origin.parse("http://registry.example.com"), "x", headers={name: "x"}, limit=1)

    # --- what is sent ---

    @pytest.mark.parametrize("status", ["204 No", "302 Found", "404 Not", "429 Slowly", "500 Oops", "503 Later"])
    async def test_what_is_sent_is_sent_once_and_any_answer_is_an_answer(self, fetcher: Fetcher, status: str) -> None:
        async with upstream(answer(status=status, Location="/elsewhere", Retry_After="1")) as server:
            found = await send(fetcher, server.origin("/base"), "hook/")

            assert found.status == int(status[:3])
            assert server.lines == ["POST /base/hook/"]
            assert server.asked[0].headers["content-length"] == "7"
            assert server.asked[0].headers["content-type"] == "text/plain"

    async def test_what_was_sent_and_broke_is_not_sent_again(self, fetcher: Fetcher) -> None:
        async with upstream([Do.HANG_UP]) as server:
            with pytest.raises(UpstreamUnavailable):
                await send(fetcher, server.origin(), "hook")

            assert len(server.asked) == 1

    async def test_an_answer_to_what_was_sent_has_its_limit(self, fetcher: Fetcher) -> None:
        async with upstream(answer(b"a" * 101)) as server:
            with pytest.raises(UpstreamInvalid):
                await send(fetcher, server.origin(), "hook", limit=100)

    async def test_nothing_is_sent_to_this_machine_s_own_addresses(self, fetcher: Fetcher) -> None:
        async with upstream(answer(b"hello")) as server:
            with pytest.raises((UpstreamInvalid, UpstreamUnavailable)):
                await send(fetcher, Origin.parse(server.url), "hook")

            assert server.asked == []

    async def test_what_only_the_fetcher_may_say_is_a_mistake_also_where_something_is_sent(
        self, fetcher: Fetcher
    ) -> None:
        with pytest.raises(ValueError, match="cannot be sent"):
            await fetcher.post(
                Origin.parse("http://registry.example.com"), "x", headers={"Host": "x"}, content=b"", limit=1
            )

    # --- credentials and redirects ---

    @pytest.mark.parametrize(
        ("credentials", "said"),
        [(Basic("ann", "s:3"), "Basic YW5uOnM6Mw=="), (Bearer("t0"), "Bearer t0"), (None, None)],
    )
    async def test_the_origin_is_told_the_credentials(
        self, fetcher: Fetcher, credentials: Basic | Bearer | None, said: str | None
    ) -> None:
        async with upstream(redirect("/there"), answer(b"hello")) as server:
            await get(fetcher, server.origin(credentials=credentials))

            assert [each.headers.get("authorization") for each in server.asked] == [said, said]

    @BOTH
    async def test_redirects_are_followed(self, fetcher: Fetcher, ask: Ask) -> None:
        steps = [redirect(f"../{status}/x", status=f"{status} R") for status in (301, 302, 303, 307, 308)]
        async with upstream(*steps, answer(b"hello")) as server:
            await ask(fetcher, server.origin("/a"), "b/c")

            assert server.lines[-1] == "GET /a/308/x"
            assert len(server.lines) == 6

    @BOTH
    @pytest.mark.parametrize("location", ["/x", "y"])
    async def test_a_loop_is_left_after_a_few_rounds(self, fetcher: Fetcher, ask: Ask, location: str) -> None:
        async with upstream(redirect(location)) as server:
            with pytest.raises(UpstreamInvalid):
                await ask(fetcher, server.origin(), "x")

            assert len(server.lines) == 6

    @BOTH
    @pytest.mark.parametrize(
        "location",
        [
            "",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "http://ann:secret@registry.example.com/",
            "http://[",
            "http://[::1",
            "http://a b/",
            "http://%31/",
        ],
    )
    async def test_a_redirect_to_no_address_for_us_is_refused(self, fetcher: Fetcher, ask: Ask, location: str) -> None:
        async with upstream(redirect(location)) as server:
            with pytest.raises(UpstreamInvalid) as refused:
                await ask(fetcher, server.origin(), "x")

            assert len(server.lines) == 1
            assert "secret" not in str(refused.value)

    @BOTH
    @pytest.mark.parametrize("host", ["127.0.0.1:1", "169.254.169.254", "[::1]:1", "0.0.0.0:1", "[::ffff:127.0.0.1]:1"])
    async def test_a_private_origin_cannot_lead_to_this_machine(self, fetcher: Fetcher, ask: Ask, host: str) -> None:
        async with upstream(redirect(f"http://{host}/")) as server:
            with pytest.raises(UpstreamInvalid):
                await ask(fetcher, server.origin(), "x")
            with pytest.raises(UpstreamInvalid):
                await ask(fetcher, server.origin(), f"http://{host}/")

    @BOTH
    async def test_an_origin_that_is_not_called_private_must_be_public(self, fetcher: Fetcher, ask: Ask) -> None:
        async with upstream(answer(b"hello")) as server:
            with pytest.raises(UpstreamInvalid):
                await ask(fetcher, server.origin(private=False), "x")

            assert server.connections == 0

    # --- bodies ---

    async def test_a_document_may_come_compressed(self, fetcher: Fetcher) -> None:
        packed = gzip.compress(b"hello ") + gzip.compress(b"world")
        async with upstream(answer(packed, Content_Encoding="gzip")) as server:
            assert (await get(fetcher, server.origin())).body == b"hello world"
            assert server.asked[0].headers["accept-encoding"] == "gzip"

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", b"hello"),
            ("gzip", gzip.compress(b"hello" * 999, mtime=0)[:-9]),
            ("br", b"hello"),
            ("gzip, gzip", b""),
        ],
    )
    async def test_what_cannot_be_decompressed_is_invalid(self, fetcher: Fetcher, encoding: str, body: bytes) -> None:
        async with upstream(answer(body, Content_Encoding=encoding)) as server:
            with pytest.raises(UpstreamInvalid):
                await get(fetcher, server.origin())

    async def test_a_document_of_exactly_the_limit_is_taken(self, fetcher: Fetcher) -> None:
        async with upstream(answer(b"x" * 99), answer(gzip.compress(b"x" * 99), Content_Encoding="gzip")) as server:
            assert len((await get(fetcher, server.origin(), limit=99)).body) == 99
            assert len((await get(fetcher, server.origin(), limit=99)).body) == 99

    @pytest.mark.parametrize(
        "said",
        [
            [answer(b"x" * 100)],
            [answer(Content_Length=10**12), Do.WAIT],
            [answer(Content_Length=10**19), Do.WAIT],
            [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100, Do.WAIT],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 100, Do.WAIT],
            [answer(gzip.compress(bytes(50_000_000), mtime=0), Content_Encoding="gzip")],
            [b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", *[gzip.compress(b"", mtime=0) * 5000] * 2, Do.WAIT],
        ],
        ids=["content", "announced", "absurd", "endless", "chunked", "bomb", "nothing-again-and-again"],
    )
    async def test_a_document_beyond_the_limit_is_not_read_further(self, fetcher: Fetcher, said: Answer) -> None:
        async with upstream(said) as server:
            with pytest.raises(UpstreamInvalid):
                await get(fetcher, server.origin(), limit=99)

    @BOTH
    @pytest.mark.parametrize(
        "said",
        [
            [answer(b"hello", Content_Length=6), Do.HANG_UP],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Do.HANG_UP],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n", Do.WAIT],
            [answer(b"hello", Content_Length="five"), Do.WAIT],
            [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", Do.WAIT],
            [b"hello\r\n\r\n", Do.WAIT],
            [b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000, Do.WAIT],
            [b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 30_000, Do.WAIT],
            [b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Do.WAIT],
        ],
        ids=["short", "no-end", "chunks", "length", "lengths", "no-http", "long-header", "many-headers", "upgrade"],
    )
    async def test_what_is_not_whole_or_no_http_is_invalid(self, fetcher: Fetcher, ask: Ask, said: Answer) -> None:
        async with upstream(said) as server:
            with pytest.raises(UpstreamInvalid):
                await ask(fetcher, server.origin(), "x")

    async def test_a_file_is_not_read_ahead_of_its_reader(self, fetcher: Fetcher) -> None:
        size = 256 * 1024 * 1024
        async with upstream([answer(Content_Length=size), *[bytes(1024 * 1024)] * 256]) as server:
            async with fetcher.stream(server.origin(), "x", headers={}) as stream:
                first = await anext(stream.content)

            # The server could not send it all, or this would end by its wish and not by ours.
            await server.until(lambda: server.ended == [0])
            assert (stream.size, 0 < len(first) <= 1024 * 1024) == (size, True)

    async def test_who_leaves_early_can_ask_again(self, fetcher: Fetcher) -> None:
        async with upstream([answer(b"hello", Content_Length=9), Do.WAIT], answer(b"hello")) as server:
            for _ in range(2):
                async with fetcher.stream(server.origin(), "x", headers={}) as stream:
                    assert await anext(stream.content) == b"hello"

            assert server.connections == 2

    async def test_what_a_reader_raises_is_the_readers(self, fetcher: Fetcher) -> None:
        async with upstream(answer(b"hello")) as server:
            with pytest.raises(TimeoutError, match="mine"):
                async with fetcher.stream(server.origin(), "x", headers={}):
                    raise TimeoutError("mine")

    # --- failures in passing ---

    @BOTH
    @pytest.mark.parametrize(
        "said",
        [
            [Do.HANG_UP],
            [Do.RESET],
            [b"HTTP/1.1 200 OK\r\nContent-", Do.HANG_UP],
            [answer(status="502 Bad Gateway")],
            [answer(status="503 Service Unavailable", Retry_After=1)],
            [answer(status="504 Gateway Timeout")],
            [answer(status="429 Too Many Requests")],
            [answer(status="408 Request Timeout")],
        ],
        ids=["hang-up", "reset", "half-a-head", "502", "503", "504", "429", "408"],
    )
    async def test_what_fails_in_passing_is_asked_again(self, fetcher: Fetcher, ask: Ask, said: Answer) -> None:
        async with upstream(said, answer(b"hello")) as server:
            await ask(fetcher, server.origin(), "x")

            assert len(server.asked) == 2

    async def test_a_document_that_breaks_off_is_asked_again(self, fetcher: Fetcher) -> None:
        async with upstream([answer(b"hel", Content_Length=5), Do.RESET], answer(b"hello")) as server:
            assert (await get(fetcher, server.origin())).body == b"hello"

    async def test_a_file_that_breaks_off_is_unavailable(self, fetcher: Fetcher) -> None:
        async with upstream([answer(b"hel", Content_Length=5), Do.RESET]) as server:
            with pytest.raises(UpstreamUnavailable):
                await read(fetcher, server.origin())

    @BOTH
    @pytest.mark.parametrize("status", ["500 Internal Server Error", "501 Not Implemented", "503 No", "429 Slow down"])
    async def test_an_origin_that_keeps_refusing_is_unavailable(self, fetcher: Fetcher, ask: Ask, status: str) -> None:
        async with upstream(answer(status=status, Retry_After=7200)) as server:
            with pytest.raises(UpstreamUnavailable) as refused:
                await ask(fetcher, server.origin(), "x")

            assert refused.value.after == 7200
            assert len(server.asked) == 1, "who is told to wait for two hours does not ask again"

    @BOTH
    async def test_nobody_there_is_unavailable(self, fetcher: Fetcher, ask: Ask) -> None:
        async with upstream() as server:
            gone = server.origin()

        with pytest.raises(UpstreamUnavailable):
            await ask(fetcher, gone, "x")
