"""What the driver does beyond the port's contract: addresses, TLS, proxies, time and memory."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from entrepot.drivers.fetch.http import HttpFetcher
from entrepot.drivers.fetch.pace import Pace
from entrepot.drivers.fetch.proxies import Proxies
from entrepot.model.errors import UpstreamInvalid, UpstreamUnavailable
from entrepot.ports.fetch import Basic, Bearer, Origin
from entrepot.testing.builders import StoppedClock
from entrepot.testing.contracts.fetch import BOTH, Ask, Do, answer, get, read, redirect, upstream

SOON = 0.1
"""Seconds, for time-outs that a test lets run out."""


@dataclass(slots=True)
class Names:
    """A name service of one test, which is asked in order and repeats its last answer."""

    answers: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError(-2, "Name or service not known")
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


Make = Callable[..., HttpFetcher]


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the fetcher would have waited."""
    return []


@pytest.fixture
async def make(waits: list[float]) -> AsyncIterator[Make]:
    """Makes fetchers, which are closed after the test."""

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async with AsyncExitStack() as opened:

        def make(environment: dict[str, str] | None = None, **options: Any) -> HttpFetcher:
            fetcher = HttpFetcher(proxies=Proxies.read(environment or {}), sleep=wait, **options)
            opened.push_async_callback(fetcher.aclose)
            return fetcher

        yield make


def _named(host: str, port: int, scheme: str = "http", **options: Any) -> Origin:
    return Origin.parse(f"{scheme}://{host}:{port}", **({"private": True} | options))


# --- names and addresses ---


async def test_the_address_that_was_found_is_dialled_and_the_name_is_what_is_asked_for(make: Make) -> None:
    names = Names({"registry.example.com": [["127.0.0.1"]]})
    async with upstream(answer(b"hello")) as server:
        found = await get(make(resolve=names), _named("registry.example.com", server.port))

        assert found.body == b"hello"
        assert server.asked[0].headers["host"] == f"registry.example.com:{server.port}"
        assert names.asked == ["registry.example.com"], "once, so that there is nothing to change between two"


async def test_a_name_that_comes_to_mean_another_address_is_refused(make: Make) -> None:
    names = Names({"registry.example.com": [["127.0.0.1"], ["0.0.0.0"]]})  # noqa: S104
    async with upstream([answer(b"hello"), Do.HANG_UP]) as server:
        fetcher, origin = make(resolve=names), _named("registry.example.com", server.port)
        await get(fetcher, origin)
        await server.until(lambda: server.ended == [0])

        with pytest.raises(UpstreamInvalid, match=r"registry\.example\.com") as refused:
            await get(fetcher, origin)

        assert server.connections == 1
        assert "0.0.0.0" not in str(refused.value), "what names mean inside is nobody's business"  # noqa: S104


@BOTH
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_a_public_name_for_a_private_address_is_refused(make: Make, ask: Ask, address: str) -> None:
    fetcher = make(resolve=Names({"registry.example.com": [[address]]}))

    with pytest.raises(UpstreamInvalid):
        await ask(fetcher, _named("registry.example.com", 80, private=False), "x")


async def test_every_hop_is_checked(make: Make) -> None:
    names = Names({"registry.example.com": [["127.0.0.1"]], "files.example.com": [["127.0.0.1"]]})
    async with upstream(answer(b"secret")) as inside:
        fetcher = make(resolve=names)
        location = redirect(f"http://files.example.com:{inside.port}/")
        async with upstream(redirect("/1"), location) as server:
            with pytest.raises(UpstreamInvalid, match=r"files\.example\.com"):
                await get(fetcher, _named("registry.example.com", server.port))

            assert len(server.asked) == 2
        assert inside.connections == 0


async def test_only_those_of_a_names_addresses_are_dialled_that_may_be(make: Make) -> None:
    names = Names({"registry.example.com": [["0.0.0.0", "224.0.0.1", "::", "127.0.0.1"]]})  # noqa: S104
    async with upstream(answer(b"hello")) as server:
        assert (await get(make(resolve=names), _named("registry.example.com", server.port))).body == b"hello"


async def test_the_next_address_is_tried_when_one_does_not_answer(make: Make) -> None:
    names = Names({"registry.example.com": [["127.255.255.1", "127.0.0.1"]]})
    async with upstream(answer(b"hello")) as server:
        assert (await get(make(resolve=names), _named("registry.example.com", server.port))).body == b"hello"


async def test_a_name_that_nobody_knows_is_unavailable(make: Make) -> None:
    with pytest.raises(UpstreamUnavailable, match="not known"):
        await get(make(resolve=Names()), _named("registry.example.com", 80))


async def test_a_connection_of_a_private_origin_is_no_way_in_for_others(make: Make) -> None:
    async with upstream(answer(b"hello")) as server:
        fetcher = make()
        await get(fetcher, server.origin())

        with pytest.raises(UpstreamInvalid):
            await get(fetcher, server.origin(private=False))
        assert len(server.asked) == 1


async def test_localhost_is_resolved_by_the_system(make: Make) -> None:
    async with upstream(answer(b"hello")) as server:
        assert (await get(make(), _named("localhost", server.port))).body == b"hello"


async def test_credentials_do_not_follow_a_redirect_to_another_host(make: Make) -> None:
    names = Names({"registry.example.com": [["127.0.0.1"]]})
    proxied = {"HTTP_PROXY": ""}
    async with upstream(answer(b"hello")) as proxy:
        proxied["HTTP_PROXY"] = proxy.url
        async with upstream(redirect("http://files.example.com/x")) as server:
            # The other host is behind a proxy, since a test has no other address than this machine's.
            fetcher = make(proxied | {"NO_PROXY": "registry.example.com"}, resolve=names)
            found = await get(fetcher, _named("registry.example.com", server.port, credentials=Bearer("t")))

            assert server.asked[0].headers["authorization"] == "Bearer t"
            assert proxy.lines == ["GET http://files.example.com/x"]
            assert "authorization" not in proxy.asked[0].headers
            assert found.url == "http://files.example.com/x"


# --- TLS ---


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority, and a server's context with a certificate of its."""

    certificate: str
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command is missing")
    folder = tmp_path_factory.mktemp("authority")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch -days 2"
    _openssl(folder, f"req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=Authority")
    (folder / "names").write_text("subjectAltName=DNS:registry.example.com\nbasicConstraints=CA:FALSE\n")
    _openssl(folder, f"req {key} -keyout key.pem -out request.pem -subj /CN=registry.example.com")
    _openssl(
        folder,
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -set_serial 1 -days 2 -extfile names -out certificate.pem",
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return Authority((folder / "ca.pem").read_text(), context)


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


HERE = {"registry.example.com": [["127.0.0.1"]], "other.example.com": [["127.0.0.1"]]}


async def test_an_authority_that_the_administrator_names_is_trusted(make: Make, authority: Authority) -> None:
    async with upstream(answer(b"hello"), tls=authority.server) as server:
        origin = _named("registry.example.com", server.port, "https", authority=authority.certificate)

        assert (await get(make(resolve=Names(HERE)), origin)).body == b"hello"


@BOTH
async def test_an_authority_that_nobody_named_is_not_trusted(make: Make, ask: Ask, authority: Authority) -> None:
    async with upstream(answer(b"hello"), tls=authority.server) as server:
        fetcher = make(resolve=Names(HERE))
        trusting = _named("registry.example.com", server.port, "https", authority=authority.certificate)
        await get(fetcher, trusting)

        with pytest.raises(UpstreamInvalid, match="TLS"):
            await ask(fetcher, replace(trusting, authority=None), "x")
        assert len(server.asked) == 1


async def test_a_certificate_for_another_name_is_not_trusted(make: Make, authority: Authority) -> None:
    async with upstream(answer(b"hello"), tls=authority.server) as server:
        origin = _named("other.example.com", server.port, "https", authority=authority.certificate)

        with pytest.raises(UpstreamInvalid, match="TLS"):
            await get(make(resolve=Names(HERE)), origin)


async def test_what_speaks_no_tls_is_invalid(make: Make) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"hello"))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        with pytest.raises(UpstreamInvalid, match="TLS"):
            await get(make(resolve=Names(HERE)), _named("registry.example.com", port, "https"))


async def test_an_authority_that_is_no_certificate_is_invalid(make: Make) -> None:
    with pytest.raises(UpstreamInvalid, match="PEM"):
        await get(make(), _named("registry.example.com", 443, "https", authority="hello"))


@BOTH
async def test_https_does_not_lead_to_http(make: Make, ask: Ask, authority: Authority) -> None:
    async with upstream(answer(b"hello")) as plain:
        location = f"http://registry.example.com:{plain.port}/"
        async with upstream(redirect(location), tls=authority.server) as server:
            fetcher = make(resolve=Names(HERE))
            origin = _named("registry.example.com", server.port, "https", authority=authority.certificate)

            for target in ("x", location):
                with pytest.raises(UpstreamInvalid, match="https"):
                    await ask(fetcher, origin, target)
            assert plain.connections == 0


# --- proxies ---


async def test_a_proxy_is_asked_for_plain_urls_by_name(make: Make) -> None:
    async with upstream(answer(b"hello")) as proxy:
        names = Names()
        fetcher = make({"HTTP_PROXY": f"http://olga:p%40ss@127.0.0.1:{proxy.port}"}, resolve=names)
        found = await get(fetcher, Origin.parse("http://registry.example.com/base", credentials=Basic("ann", "x")))

        assert found.body == b"hello"
        assert proxy.lines == ["GET http://registry.example.com/base/x"]
        assert proxy.asked[0].headers["proxy-authorization"] == "Basic b2xnYTpwQHNz"
        assert proxy.asked[0].headers["authorization"] == "Basic YW5uOng="
        assert names.asked == []


async def test_a_proxy_is_asked_for_a_tunnel_and_is_not_told_the_origins_credentials(make: Make) -> None:
    async with upstream(answer(status="403 Forbidden")) as proxy:
        fetcher = make({"HTTPS_PROXY": proxy.url}, pace=Pace(attempts=1))

        with pytest.raises(UpstreamUnavailable, match="proxy"):
            await get(fetcher, Origin.parse("https://registry.example.com", credentials=Basic("ann", "x")))
        assert proxy.lines == ["CONNECT registry.example.com:443"]
        assert "authorization" not in proxy.asked[0].headers


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


async def test_through_a_tunnel_tls_is_spoken_with_the_upstream_itself(make: Make, authority: Authority) -> None:
    said: list[bytes] = []
    async with upstream(answer(b"hello"), answer(b"again"), tls=authority.server) as server:

        async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said.append(await reader.readuntil(b"\r\n\r\n"))
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = asyncio.ensure_future(_relay(inner_reader, writer))
            try:
                await _relay(reader, inner_writer)
            finally:
                inner_writer.close()
                await asyncio.wait([back])
                writer.close()

        async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
            fetcher = make({"HTTPS_PROXY": f"http://olga:pass@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"})
            origin = Origin.parse(
                "https://registry.example.com", credentials=Bearer("t0"), authority=authority.certificate
            )
            found = await get(fetcher, origin)
            content = await read(fetcher, origin)
            await fetcher.aclose()
            await server.until(lambda: server.ended == [0])

        assert (found.body, content) == (b"hello", b"again")
        assert [each.headers["authorization"] for each in server.asked] == ["Bearer t0", "Bearer t0"]
        assert len(said) == 1
        assert b"Proxy-Authorization" in said[0]
        assert b"t0" not in said[0]


async def test_a_proxy_that_wants_a_password_is_not_taken_for_the_upstream(make: Make) -> None:
    async with upstream(answer(status="407 Proxy Authentication Required")) as proxy:
        with pytest.raises(UpstreamUnavailable, match="407"):
            await get(make({"HTTP_PROXY": proxy.url}), Origin.parse("http://registry.example.com"))


@BOTH
@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "127.1", "2130706433", "nas"])
async def test_a_proxy_is_no_way_around_the_guard(make: Make, ask: Ask, host: str) -> None:
    async with upstream(redirect(f"http://{host}/")) as proxy:
        fetcher = make({"HTTP_PROXY": proxy.url})

        with pytest.raises(UpstreamInvalid):
            await ask(fetcher, Origin.parse(f"http://{host}"), "x")
        with pytest.raises(UpstreamInvalid):
            await ask(fetcher, Origin.parse("http://registry.example.com"), "x")
        assert proxy.lines == ["GET http://registry.example.com/x"]


# --- time ---


@BOTH
@pytest.mark.parametrize("said", [[Do.WAIT], [b"HTTP/1.1 200 OK\r\n", Do.WAIT]], ids=["nothing", "half-a-head"])
async def test_who_does_not_begin_to_answer_in_time_is_unavailable(
    make: Make, waits: list[float], ask: Ask, said: list[Any]
) -> None:
    async with upstream(said) as server:
        fetcher = make(pace=Pace(answer=SOON, attempts=2))

        with pytest.raises(UpstreamUnavailable, match="in time"):
            await ask(fetcher, server.origin(), "x")
        assert len(waits) == 1, "it was asked twice"
        await server.until(lambda: len(server.ended) == server.connections)


async def test_a_name_that_takes_too_long_is_unavailable(make: Make) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    with pytest.raises(UpstreamUnavailable, match="in time"):
        await get(make(resolve=never, pace=Pace(connect=SOON, attempts=1)), _named("registry.example.com", 80))


@BOTH
async def test_a_body_that_stops_coming_is_unavailable(make: Make, ask: Ask) -> None:
    async with upstream([answer(b"hel", Content_Length=5), Do.WAIT]) as server:
        with pytest.raises(UpstreamUnavailable, match="stopped coming after"):
            await ask(make(pace=Pace(piece=SOON, attempts=1)), server.origin(), "x")


async def test_a_document_has_a_time_for_everything_together(make: Make) -> None:
    async with upstream([answer(b"hel", Content_Length=5), Do.WAIT]) as server:
        with pytest.raises(UpstreamUnavailable, match="in full"):
            await get(make(pace=Pace(document=SOON)), server.origin())
        await server.until(lambda: len(server.ended) == server.connections)


async def test_who_is_cancelled_leaves_no_connection(make: Make) -> None:
    async with upstream([Do.WAIT]) as server:
        asking = asyncio.ensure_future(get(make(), server.origin()))
        await server.until(lambda: len(server.asked) == 1)

        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.until(lambda: server.ended == [0])


async def test_a_callers_own_time_out_is_the_callers(make: Make) -> None:
    async with upstream([Do.WAIT]) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SOON):
                await get(make(), server.origin())


async def test_it_waits_as_long_as_it_is_asked_to(make: Make, waits: list[float]) -> None:
    clock = StoppedClock()
    later = format_datetime(clock.now().astimezone(UTC) + timedelta(seconds=4), usegmt=True)
    said = [answer(status="429 Too Many", Retry_After=retry) for retry in (3, later)]
    async with upstream(*said, answer(b"hello")) as server:
        fetcher = make(pace=Pace(first_delay=1, chance=lambda: 1.0), clock=clock)

        assert (await get(fetcher, server.origin())).body == b"hello"
        assert waits == [3 + 1, 4 + 2]


async def test_it_does_not_ask_forever(make: Make, waits: list[float]) -> None:
    async with upstream(answer(status="503 No")) as server:
        with pytest.raises(UpstreamUnavailable, match="503"):
            await get(make(pace=Pace(attempts=3, first_delay=1, chance=lambda: 1.0)), server.origin())

        assert len(server.asked) == 3
        assert waits == [1, 2]


async def test_a_host_that_keeps_failing_is_left_alone_and_then_tried_again(make: Make) -> None:
    seconds = [0.0]
    pace = Pace(attempts=1, failures=2, cool_down=30)
    bad = answer(status="502 Bad Gateway")
    async with upstream(bad, bad, answer(b"hello")) as server:
        fetcher = make(pace=pace, now=lambda: seconds[0])
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable, match="502"):
                await get(fetcher, server.origin())

        with pytest.raises(UpstreamUnavailable, match="left alone") as refused:
            await get(fetcher, server.origin())
        assert refused.value.after == 30
        assert len(server.asked) == 2

        seconds[0] += 30
        assert (await get(fetcher, server.origin())).body == b"hello"


@pytest.mark.parametrize("status", ["404 Not Found", "401 Unauthorized", "500 Oops", "429 Too Many"])
async def test_an_answer_is_no_failure_of_the_host(make: Make, status: str) -> None:
    async with upstream(*[answer(status=status)] * 5, answer(b"hello")) as server:
        fetcher = make(pace=Pace(attempts=1, failures=2))
        for _ in range(5):
            try:
                await get(fetcher, server.origin())
            except UpstreamUnavailable as error:
                assert status[:3] in str(error)  # noqa: PT017 - some of these are answers, some are not

        assert (await get(fetcher, server.origin())).body == b"hello"


async def test_files_that_keep_breaking_off_leave_the_host_alone(make: Make) -> None:
    async with upstream([answer(b"hel", Content_Length=5), Do.RESET]) as server:
        fetcher = make(pace=Pace(failures=1))
        with pytest.raises(UpstreamUnavailable, match="broke off after"):
            await read(fetcher, server.origin())

        with pytest.raises(UpstreamUnavailable, match="left alone"):
            await read(fetcher, server.origin())


async def test_a_host_is_asked_only_so_much_at_once(make: Make) -> None:
    async with upstream([answer(b"hel", Content_Length=5), Do.WAIT]) as server:
        fetcher = make(pace=Pace(at_once=1, turn=SOON))
        async with fetcher.stream(server.origin(), "x", headers={}):
            with pytest.raises(UpstreamUnavailable, match="too much at once"):
                await get(fetcher, server.origin())

        assert len(server.asked) == 1


# --- connections and memory ---


async def test_connections_are_used_again(make: Make) -> None:
    said = [answer(b"hello"), answer(status="404 Not Found"), redirect("/y"), answer(status="503 No"), answer(b"hello")]
    async with upstream(*said) as server:
        fetcher = make()
        for _ in range(5):
            await get(fetcher, server.origin())
            await read(fetcher, server.origin())

        assert server.connections == 1


async def test_a_long_body_that_nobody_wants_is_not_read(make: Make) -> None:
    size = 256 * 1024 * 1024
    said = [answer(status="302 Found", Location="/y", Content_Length=size), *[bytes(1024 * 1024)] * 256]
    async with upstream(said, answer(b"hello")) as server:
        assert (await get(make(), server.origin())).body == b"hello"
        # The server could not send it all, or this would end by its wish and not by ours.
        await server.until(lambda: server.ended == [0])


async def test_a_connection_that_was_closed_meanwhile_is_replaced(make: Make) -> None:
    async with upstream([answer(b"hello"), Do.HANG_UP]) as server:
        fetcher = make()
        for _ in range(3):
            assert (await get(fetcher, server.origin())).body == b"hello"


async def test_a_large_file_and_a_bomb_need_little_memory(make: Make) -> None:
    megabyte = bytes(1024 * 1024)
    bomb = answer(gzip.compress(megabyte * 64), Content_Encoding="gzip")
    async with upstream([answer(Content_Length=64 * len(megabyte)), *[megabyte] * 64], bomb) as server:
        fetcher, size = make(), 0
        tracemalloc.start()
        try:
            async with fetcher.stream(server.origin(), "x", headers={}) as stream:
                async for piece in stream.content:
                    size += len(piece)
            with pytest.raises(UpstreamInvalid, match="at most 1000000 bytes"):
                await get(fetcher, server.origin(), limit=1_000_000)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert size == 64 * len(megabyte)
        assert most < 8 * len(megabyte)


async def test_it_is_said_what_was_asked_without_what_may_be_a_signature(make: Make) -> None:
    async with upstream(answer(status="500 Oops")) as server:
        with pytest.raises(UpstreamUnavailable) as refused:
            await get(make(), server.origin(), "x?signature=hunter2")

        assert "/x" in str(refused.value)
        assert "hunter2" not in str(refused.value)
