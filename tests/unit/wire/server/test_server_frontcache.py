"""Ready-made responses: given when they are true, and only then."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Hashable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from entrepot.wire.server import ACCESS, CacheSizes, CacheTicket, Epochs, FrontCache, Hit, Limits
from entrepot.wire.server.frontcache import Key
from tests.unit.wire.server.serving import (
    PATIENCE,
    Receive,
    Scope,
    Send,
    Served,
    answer,
    eventually,
    request,
)

SLOT = 7


class Shelf:
    """An application whose answers may be cached, and which counts what reaches it."""

    def __init__(self, epochs: Epochs, body: bytes = b"ready-made", status: int = 200) -> None:
        self.epochs = epochs
        self.body = body
        self.status = status
        self.expires_at: float | None = None
        self.reached: list[str] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.reached.append(scope["path"])
        seen = self.epochs.observe(SLOT)
        ticket = CacheTicket(seen, counter="manifest", expires_at=self.expires_at, log="acme") if seen else None
        headers = [(b"etag", b'"1"')]
        start = {"type": "http.response.start", "status": self.status, "headers": headers, "entrepot.cache": ticket}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.hits: dict[Hashable, int] = {}
        self.body_bytes = 0
        self.seconds = 0.0

    def __call__(self, counter: Hashable, status: int, hits: int, body_bytes: int, seconds: float) -> None:
        self.hits[counter, status] = self.hits.get((counter, status), 0) + hits
        self.body_bytes += body_bytes
        self.seconds += seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "epochs"


@pytest.fixture
def epochs(path: Path) -> Iterator[Epochs]:
    opened = Epochs(path)
    yield opened
    opened.close()


@pytest.fixture
def shelf(epochs: Epochs) -> Shelf:
    return Shelf(epochs)


@pytest.fixture
def cache(epochs: Epochs) -> FrontCache:
    return FrontCache(epochs)


# Hits


def test_what_was_answered_once_is_answered_without_the_application(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        responses = [client.get() for _ in range(5)]

        assert shelf.reached == ["/"]
        assert {response.body for response in responses} == {b"ready-made"}
        assert {response.headers["etag"] for response in responses} == {'"1"'}
        assert {response.headers["content-length"] for response in responses} == {"10"}


def test_another_connection_is_answered_too(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server:
        for _ in range(3):
            with server.connect() as client:
                assert client.get().body == b"ready-made"

    assert len(shelf.reached) == 1


def test_a_hit_has_its_own_request_id_and_the_date_of_now(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        ids = [client.get().headers["x-request-id"] for _ in range(4)]
        server.state.default_headers = [(b"date", b"tomorrow")]

        assert len(set(ids)) == 4
        assert client.get().headers["date"] == "tomorrow"
        assert len(shelf.reached) == 1


def test_a_hit_has_the_request_id_that_the_client_gave(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        ids = [client.get("/", f"X-Request-Id: build-{number}").headers["x-request-id"] for number in range(3)]

        assert ids == ["build-0", "build-1", "build-2"]
        assert len(shelf.reached) == 1


def test_head_is_answered_as_head(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        for _ in range(3):
            response = client.get(method="HEAD")
            assert response.headers["content-length"] == "10"
            assert client.get().body == b"ready-made"

        assert len(shelf.reached) == 2


def test_not_modified_is_ready_made_too(epochs: Epochs, cache: FrontCache) -> None:
    shelf = Shelf(epochs, b"", 304)

    with Served(shelf, cache=cache) as server, server.connect() as client:
        statuses = [client.get("/", 'If-None-Match: "1"').status for _ in range(3)]
        shelf.status, shelf.body = 200, b"whole"

        assert statuses == [304, 304, 304]
        assert client.get("/", 'If-None-Match: "0"').body == b"whole"
        assert client.get().body == b"whole"
        assert len(shelf.reached) == 3


def test_a_body_that_is_not_small_is_answered_too(epochs: Epochs, cache: FrontCache) -> None:
    shelf = Shelf(epochs, bytes(range(256)) * 256)

    with Served(shelf, cache=cache) as server, server.connect() as client:
        assert {client.get().body for _ in range(3)} == {shelf.body}

    assert len(shelf.reached) == 1


def test_a_small_file_is_ready_made_after_it_was_sent_once(epochs: Epochs, cache: FrontCache, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    reached: list[str] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        seen = epochs.observe(SLOT)
        assert seen is not None
        await send({"type": "http.response.start", "status": 200, "entrepot.cache": CacheTicket(seen, "blob")})
        await send({"type": "http.response.pathsend", "path": str(path)})

    with Served(app, cache=cache) as server, server.connect() as client:
        assert {client.get().body for _ in range(3)} == {b"content"}

    assert len(reached) == 1


def test_a_head_in_several_pieces_is_answered(shelf: Shelf, cache: FrontCache) -> None:
    whole = request("/", "Accept: text/html")

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.send(whole)
        client.read()
        for cut in range(1, len(whole)):
            client.send(whole[:cut])
            eventually(lambda: all(connection._in_head for connection in server.connections))
            client.send(whole[cut:])
            assert client.read().body == b"ready-made"

    assert len(shelf.reached) == 1


# What makes another answer


@pytest.mark.parametrize(
    "field",
    [
        "Authorization: Bearer another",
        "Accept: application/json",
        "Accept-Encoding: gzip",
        'If-None-Match: "1"',
        "X-Forwarded-Proto: https",
    ],
)
def test_another_value_of_what_matters_is_another_answer(shelf: Shelf, cache: FrontCache, field: str) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        for _ in range(3):
            client.get("/")
            client.get("/", field)

    assert len(shelf.reached) == 2


def test_another_target_or_host_is_another_answer(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        for _ in range(3):
            client.get("/a")
            client.get("/a?")
            client.get("/A")
            client.send(b"GET /a HTTP/1.1\r\nHost: other.example.com\r\n\r\n")
            client.read()

    assert len(shelf.reached) == 4


def test_what_does_not_matter_makes_no_other_answer(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get("/", "User-Agent: one")
        client.get("/", "user-agent: two", "X-Other: yes")

    assert len(shelf.reached) == 1


@pytest.mark.parametrize(
    "field",
    [
        "Range: bytes=0-1",
        "If-Range: a",
        'If-Match: "1"',
        "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        "Cookie: a=b",
        "Content-Length: 0",
        "Connection: close",
    ],
)
def test_some_requests_always_reach_the_application(shelf: Shelf, cache: FrontCache, field: str) -> None:
    with Served(shelf, cache=cache) as server:
        for _ in range(3):
            with server.connect() as client:
                client.get()
                client.get("/", field)

    assert len(shelf.reached) == 4


def test_other_methods_and_old_clients_always_reach_the_application(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server:
        for _ in range(2):
            with server.connect() as client:
                client.get()
                client.get(method="DELETE")
                client.send(b"GET / HTTP/1.0\r\nHost: registry.example.com\r\nConnection: keep-alive\r\n\r\n")
                assert client.read().headers["connection"] == "close"

    assert len(shelf.reached) == 5


def test_an_answer_without_a_ticket_is_not_kept(shelf: Shelf, cache: FrontCache) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        shelf.reached.append("")
        await answer(send)

    with Served(app, cache=cache) as server, server.connect() as client:
        client.get()
        client.get()

    assert len(shelf.reached) == 2


def test_an_answer_in_pieces_is_not_kept(epochs: Epochs, cache: FrontCache) -> None:
    reached: list[str] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        seen = epochs.observe(SLOT)
        assert seen is not None
        await send({"type": "http.response.start", "status": 200, "entrepot.cache": CacheTicket(seen, "")})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body"})

    with Served(app, cache=cache) as server, server.connect() as client:
        assert [client.get().body, client.get().body] == [b"one", b"one"]

    assert len(reached) == 2


def test_without_a_cache_a_ticket_means_nothing(shelf: Shelf) -> None:
    with Served(shelf) as server, server.connect() as client:
        assert [client.get().body for _ in range(3)] == [b"ready-made"] * 3

    assert len(shelf.reached) == 3


# How long an answer is true


@pytest.mark.parametrize("slot", [SLOT, ACCESS])
def test_a_change_in_another_process_ends_an_answer_at_once(
    shelf: Shelf,
    cache: FrontCache,
    path: Path,
    slot: int,
) -> None:
    code = (
        "import sys; from pathlib import Path; from entrepot.wire.server import Epochs\n"
        f"with Epochs(Path(sys.argv[1])).changing([{slot}]): pass"
    )

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()
        client.get()
        shelf.body = b"changed"
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)

        assert client.get().body == b"changed"
        assert client.get().body == b"changed"
        assert len(shelf.reached) == 2
        assert len(cache) == 1


def test_a_change_elsewhere_does_not_end_an_answer(shelf: Shelf, cache: FrontCache, epochs: Epochs) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()
        with epochs.changing([SLOT + 1]):
            client.get()
        client.get()

    assert len(shelf.reached) == 1


def test_while_a_change_is_committed_nothing_is_kept_and_nothing_given(
    shelf: Shelf,
    cache: FrontCache,
    epochs: Epochs,
) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()
        with epochs.changing([SLOT]):
            client.get()
            client.get()
            assert len(cache) == 0
        client.get()
        client.get()

    assert len(shelf.reached) == 4


def test_an_answer_computed_across_a_change_is_not_kept(epochs: Epochs, cache: FrontCache) -> None:
    bodies = iter([b"old", b"new", b"new"])

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        seen = epochs.observe(SLOT)
        body = next(bodies)
        if body == b"old":
            with epochs.changing([SLOT]):
                pass
        await send({"type": "http.response.start", "status": 200, "entrepot.cache": CacheTicket(seen or (), "")})
        await send({"type": "http.response.body", "body": body})

    with Served(app, cache=cache) as server, server.connect() as client:
        assert [client.get().body for _ in range(3)] == [b"old", b"new", b"new"]


def test_an_answer_ends_with_what_it_was_asked_with(shelf: Shelf, cache: FrontCache) -> None:
    shelf.expires_at = monotonic() + 1

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()
        client.get()
        assert len(shelf.reached) == 1
        shelf.expires_at = None
        eventually(
            lambda: monotonic() > (shelf.expires_at or 0) and client.get().status == 200 and len(shelf.reached) > 1
        )

    assert len(shelf.reached) == 2


def test_an_answer_that_has_ended_already_is_not_kept(shelf: Shelf, cache: FrontCache) -> None:
    shelf.expires_at = monotonic()

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()

    assert len(cache) == 0


# When the cache steps aside


def test_pipelined_requests_are_answered_in_order_whoever_answers_them(epochs: Epochs, cache: FrontCache) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        seen = epochs.observe(SLOT)
        assert seen is not None
        ticket = CacheTicket(seen, "") if scope["path"].startswith("/kept") else None
        await asyncio.sleep(0 if ticket else 0.02)
        await send({"type": "http.response.start", "status": 200, "entrepot.cache": ticket})
        await send({"type": "http.response.body", "body": scope["raw_path"]})

    order = ["/kept/1", "/slow", "/kept/2", "/kept/1", "/slow", "/kept/2", "/kept/1"]
    with Served(app, cache=cache) as server, server.connect() as client:
        client.get("/kept/1")
        client.get("/kept/2")
        client.send(*map(request, order))

        assert [client.read().body.decode() for _ in order] == order
        client.send(request("/slow"))
        client.send(request("/kept/1"))
        assert [client.read().body, client.read().body] == [b"/slow", b"/kept/1"]


def test_a_client_that_pipelines_hits_and_reads_nothing_does_not_fill_the_memory(
    epochs: Epochs,
    cache: FrontCache,
) -> None:
    shelf = Shelf(epochs, bytes(60_000))

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()
        client.socket.settimeout(0.3)
        try:
            for _ in range(100):
                client.send(request() * 1000)
        except TimeoutError:
            pass
        connection = next(iter(server.connections))

        assert connection.transport.get_write_buffer_size() < 4 << 20


def test_a_server_that_shuts_down_says_so(epochs: Epochs, cache: FrontCache) -> None:
    release, started = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            started.set()
            await asyncio.get_running_loop().run_in_executor(None, release.wait)
        await Shelf(epochs)(scope, receive, send)

    with Served(app, cache=cache) as server, server.connect() as client:
        client.get()
        client.send(request("/slow"), request())
        assert started.wait(PATIENCE)
        server.shut_down()
        release.set()

        assert client.read().status == 200
        assert client.read().headers["connection"] == "close"
        assert client.is_closed()


def test_an_answer_that_closes_the_connection_is_not_kept(epochs: Epochs, cache: FrontCache) -> None:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        ticket = CacheTicket(epochs.observe(SLOT) or (), "")
        headers = [(b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "entrepot.cache": ticket})
        await send({"type": "http.response.body"})

    with Served(app, cache=cache) as server, server.connect() as client:
        client.get()

    assert len(cache) == 0


def test_a_connection_that_is_no_longer_used_after_a_hit_is_closed(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache, limits=Limits(keep_alive_seconds=1)) as server, server.connect() as client:
        client.get()
        client.get()

        assert client.is_closed()


def test_a_hit_is_followed_by_an_upload_as_by_any_request(shelf: Shelf, cache: FrontCache) -> None:
    with Served(shelf, cache=cache) as server, server.connect() as client:
        for _ in range(3):
            client.get()
            client.send(request("/", "Content-Length: 5", method="PUT"), b"hello")
            assert client.read().body == b"ready-made"

    assert len(shelf.reached) == 4


# Counting


def test_every_hit_is_counted_once(epochs: Epochs, shelf: Shelf) -> None:
    counts = Counts()
    cache = FrontCache(epochs, on_hits=counts)

    with Served(shelf, cache=cache) as server, server.connect() as client:
        for _ in range(4):
            client.get()
        assert counts.hits == {}

        async def flush() -> None:
            cache.flush()
            cache.flush()

        server.run(flush())
        assert counts.hits == {("manifest", 200): 3}
        for _ in range(2):
            client.get(method="HEAD")
    assert counts.hits == {("manifest", 200): 4}
    assert counts.body_bytes == 30
    assert 0 < counts.seconds < 1


def test_hits_are_counted_when_the_answer_ends(epochs: Epochs, shelf: Shelf) -> None:
    counts = Counts()
    cache = FrontCache(epochs, on_hits=counts)

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get()
        client.get()
        with epochs.changing([SLOT]):
            pass
        client.get()

        assert counts.hits == {("manifest", 200): 1}


def test_hits_are_counted_when_the_last_connection_ends(epochs: Epochs, shelf: Shelf) -> None:
    counts = Counts()
    cache = FrontCache(epochs, on_hits=counts)

    with Served(shelf, cache=cache, limits=Limits(keep_alive_seconds=1)) as server:
        with server.connect() as client:
            client.get()
            client.get()
        eventually(lambda: counts.hits == {("manifest", 200): 1})


def test_every_hit_can_be_logged(epochs: Epochs, shelf: Shelf) -> None:
    hits: list[Hit] = []
    cache = FrontCache(epochs, log_hit=hits.append)

    with Served(shelf, cache=cache) as server, server.connect() as client:
        client.get("/v2/")
        ids = [client.get("/v2/").headers["x-request-id"] for _ in range(3)]
        address = client.socket.getsockname()

    assert [hit.request_id.decode() for hit in hits] == ids
    assert {(hit.log, hit.method, hit.target, hit.status, hit.body_size) for hit in hits} == {
        ("acme", b"GET", b"/v2/", 200, 10),
    }
    assert {hit.client for hit in hits} == {address}


# Bounds


def store(cache: FrontCache, epochs: Epochs, name: str, body: bytes = b"") -> Key:
    """Put an answer into *cache*."""
    key = (b"GET", name.encode(), ())
    ticket = CacheTicket(epochs.observe(SLOT) or (), "")
    cache.store(key, ticket, status=200, status_line=b"HTTP/1.1 200 OK\r\n", rest=b"\r\n\r\n", body=body)
    return key


def test_there_are_never_more_answers_than_allowed(epochs: Epochs) -> None:
    cache = FrontCache(epochs, sizes=CacheSizes(entries=10))
    keys = [store(cache, epochs, str(number)) for number in range(100)]

    assert len(cache) == 10
    assert [key for key in keys if cache.find(key)] == keys[-10:]


def test_answers_never_weigh_more_than_allowed(epochs: Epochs) -> None:
    cache = FrontCache(epochs, sizes=CacheSizes(total_size=100_000))
    for number in range(100):
        store(cache, epochs, str(number), bytes(9000))

    assert 50_000 < cache.total_size <= 100_000


def test_what_is_wanted_stays_when_there_is_no_room(epochs: Epochs) -> None:
    cache = FrontCache(epochs, sizes=CacheSizes(entries=10))
    wanted = store(cache, epochs, "wanted")
    for number in range(100):
        entry = cache.find(wanted)
        assert entry is not None
        entry.hits += 1
        store(cache, epochs, str(number))

    assert cache.find(wanted) is not None


def test_a_body_that_is_too_large_is_not_kept(epochs: Epochs) -> None:
    cache = FrontCache(epochs, sizes=CacheSizes(body_size=100))
    store(cache, epochs, "fits", bytes(100))
    store(cache, epochs, "does not", bytes(101))

    assert len(cache) == 1


def test_the_same_answer_again_takes_the_place_of_the_first(epochs: Epochs) -> None:
    cache = FrontCache(epochs)
    store(cache, epochs, "a", bytes(100))
    before = cache.total_size
    key = store(cache, epochs, "a", bytes(100))
    entry = cache.find(key)

    assert len(cache) == 1
    assert cache.total_size == before
    assert entry is not None


def test_heads_that_were_seen_are_bounded_and_go_with_their_answer(epochs: Epochs) -> None:
    cache = FrontCache(epochs)
    key = store(cache, epochs, "a")
    entry = cache.find(key)
    assert entry is not None
    empty = cache.total_size
    for number in range(100):
        cache.remember_head(b"head %d" % number, entry)
    cache.remember_head(bytes(5000), entry)

    assert len(cache.raw_heads) == 8
    assert cache.total_size == empty + 8 * len(b"head 99")
    cache.clear()
    assert cache.raw_heads == {}
    assert cache.total_size == 0


def test_a_head_is_not_remembered_for_an_answer_that_has_gone(epochs: Epochs) -> None:
    cache = FrontCache(epochs)
    entry = cache.find(store(cache, epochs, "a"))
    assert entry is not None
    cache.clear()
    cache.remember_head(b"head", entry)

    assert cache.raw_heads == {}


def test_an_answer_that_depends_on_nothing_is_not_kept(epochs: Epochs) -> None:
    cache = FrontCache(epochs)
    ticket = CacheTicket((), "")
    cache.store((b"GET", b"/", ()), ticket, status=200, status_line=b"", rest=b"", body=b"")

    assert len(cache) == 0
