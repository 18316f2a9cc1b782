"""Clients that go away in the middle, and servers that are told to: what came stays, and what runs is finished."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.model.access import Caller
from entrepot.model.upload import UploadId
from entrepot.operations.registry import Registry
from tests.faults.conftest import Dial
from tests.faults.line import Cut, Line, digest_of
from tests.faults.patience import eventually
from tests.faults.server import Server, make_namespace, running, start, violations, within
from tests.hostile.raw import Ended
from tests.hostile.world import basic
from tests.stores import chosen

pytestmark = pytest.mark.xdist_group("cut connections")  # one server for all of them

CONTENT = random.Random(1).randbytes(3_000_000)
DIGEST = digest_of(CONTENT)
_SURE = 1 << 20 if chosen()[1] == "files" else 0
"""How much of more than a mebibyte is kept of who does not go away: an object store has nothing but whole parts."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("cut"), workers=2, followers=False) as started:
        make_namespace(started.data, "acme")
        yield started
        assert violations(started.data) == []


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    with Line(server.address, server.token) as opened:
        yield opened


@pytest.fixture
def package(request: pytest.FixtureRequest) -> str:
    """A package of the test's own."""
    return f"acme/p{abs(hash(request.node.name))}"


def _head(server: Server, method: str, target: str, *fields: bytes) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1".encode(),
        b"Host: registry.example.com",
        b"Authorization: " + basic(server.token),
        *fields,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _begin(line: Line, package: str) -> str:
    return line.must(202, "POST", f"/v2/{package}/blobs/uploads/").location


def _resume_and_finish(line: Line, session: str, at_least: int = 0) -> None:
    """Ask how far it has come, send the rest, and compare what is there then."""
    received = line.must(204, "GET", session).received
    assert at_least <= received <= len(CONTENT)
    reply = line.ask("PATCH", session, CONTENT[received:], {"Content-Range": f"{received}-{len(CONTENT) - 1}"})
    assert reply.status == 202, reply.body
    assert reply.received == len(CONTENT)
    package = session.split("/blobs/", maxsplit=1)[0]
    line.must(201, "PUT", f"{reply.location}?digest={DIGEST}")
    assert line.must(200, "GET", f"{package}/blobs/{DIGEST}").body == CONTENT


def _staged(server: Server, session: str) -> int:
    """How much of an upload is in the blob store; to ask the server would end whoever is still sending it."""

    async def ask(registry: Registry, _: Caller) -> int:
        return await registry.blobs.staged_size(_upload_id(session))

    return within(server.data, ask)


def _is_begun(server: Server, session: str) -> bool:
    """Whether some of an upload has come; an object store has a lock for it before it has a whole part."""

    async def ask(registry: Registry, _: Caller) -> bool:
        return _upload_id(session) in [each async for each, _ in registry.blobs.stages()]

    return _staged(server, session) > 0 or (chosen()[1] != "files" and within(server.data, ask))


def _upload_id(session: str) -> UploadId:
    return UploadId(session.rpartition("/")[2].partition(".")[0])


def test_a_chunk_that_was_cut_is_gone_on_with_where_it_was_cut(
    server: Server, line: Line, package: str, dial: Dial
) -> None:
    session = _begin(line, package)
    head = _head(server, "PATCH", session, b"Content-Length: %d" % len(CONTENT))

    dial(server).send(head, CONTENT[:1_234_567]).close()

    eventually(lambda: _staged(server, session) == 1_234_567)
    eventually(lambda: line.ask("PATCH", session, b"", {"Content-Range": "0-0"}).status == 416)  # nobody writes there
    _resume_and_finish(line, session, 1_234_567)


def test_a_streamed_chunk_that_was_cut_is_gone_on_with(server: Server, line: Line, package: str, dial: Dial) -> None:
    session = _begin(line, package)
    head = _head(server, "PATCH", session, b"Transfer-Encoding: chunked")

    dial(server).send(head, b"%x\r\n" % 2_000_000, CONTENT[:1_000_000]).close()

    eventually(lambda: _staged(server, session) == 1_000_000)
    _resume_and_finish(line, session, 1_000_000)


def test_a_whole_put_that_was_cut_is_gone_on_with(server: Server, line: Line, package: str, dial: Dial) -> None:
    session = _begin(line, package)
    head = _head(server, "PUT", f"{session}?digest={DIGEST}", b"Content-Length: %d" % len(CONTENT))

    dial(server).send(head, CONTENT[:2_000_000]).close()

    eventually(lambda: _staged(server, session) == 2_000_000)
    line.must(404, "GET", f"/v2/{package}/blobs/{DIGEST}")
    _resume_and_finish(line, session, 2_000_000)


def test_a_connection_that_was_reset_leaves_a_beginning_of_what_was_sent(
    server: Server, line: Line, package: str, dial: Dial
) -> None:
    session = _begin(line, package)
    raw = dial(server).send(_head(server, "PATCH", session, b"Content-Length: %d" % len(CONTENT)), CONTENT[:1_500_000])
    eventually(lambda: _is_begun(server, session))

    raw.abort()

    eventually(lambda: line.ask("PATCH", session, b"", {"Content-Range": "0-0"}).status == 416)
    _resume_and_finish(line, session)


def test_a_line_that_went_dead_does_not_hold_up_who_asks_on_another(tmp_path: Path, dial: Dial) -> None:
    with running(tmp_path, followers=False) as server, Line(server.address, server.token) as line:
        make_namespace(server.data, "acme")
        session = _begin(line, "acme/api")
        dead = dial(server).send(
            _head(server, "PATCH", session, b"Content-Length: %d" % len(CONTENT)), CONTENT[:1_500_000]
        )
        eventually(lambda: _is_begun(server, session))

        _resume_and_finish(line, session, _SURE)

        assert dead.answer().status == 409
        assert violations(server.data) == []


def test_a_blob_that_was_cut_in_one_request_is_not_there(server: Server, line: Line, package: str, dial: Dial) -> None:
    for size in (len(CONTENT), 1_000):
        content = CONTENT[:size]
        target = f"/v2/{package}/blobs/uploads/?digest={digest_of(content)}"
        with dial(server) as raw:
            raw.send(_head(server, "POST", target, b"Content-Length: %d" % size), content[:-1]).finish()
            with pytest.raises(Ended):
                raw.answer()

        line.must(404, "GET", f"/v2/{package}/blobs/{digest_of(content)}")


def test_a_file_and_a_manifest_that_were_cut_are_not_there(
    server: Server, line: Line, package: str, dial: Dial
) -> None:
    for target in (f"/files/{package}/1.0/a", f"/v2/{package}/manifests/1.0"):
        kind = b"Content-Type: application/vnd.oci.image.manifest.v1+json"
        with dial(server) as raw:
            raw.send(_head(server, "PUT", target, kind, b"Content-Length: 500000"), CONTENT[:499_999]).finish()
            with pytest.raises(Ended):
                raw.answer()

        line.must(404, "GET", target)


def test_a_client_that_goes_away_again_and_again_loses_nothing(
    server: Server, line: Line, package: str, dial: Dial
) -> None:
    session = _begin(line, package)
    rng = random.Random(2)
    sent = 0
    while sent < len(CONTENT) - 500_000:
        size = rng.randint(1, 400_000)
        head = _head(server, "PATCH", session, b"Content-Length: %d" % (len(CONTENT) - sent))
        dial(server).send(head, CONTENT[sent : sent + size]).close()
        sent += size
        eventually(lambda sent=sent: _staged(server, session) == sent)

    _resume_and_finish(line, session, sent)


# --- a server that is told to stop ---


def _refuses_connections(server: Server) -> bool:
    try:
        with socket.create_connection(server.address, timeout=5):
            return False
    except ConnectionRefusedError:
        return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_told_to_stop_finishes_what_it_sends_and_receives(
    tmp_path: Path, workers: int, dial: Dial
) -> None:
    large = random.Random(3).randbytes(20_000_000)
    server = start(tmp_path, workers=workers)
    try:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            line.push("acme/api", large)
            session = _begin(line, "acme/api")
        reader = dial(server, receive_size=65_536)
        reader.send(_head(server, "GET", f"/v2/acme/api/blobs/{digest_of(large)}"))
        begun = reader.socket.recv(100_000)
        writer = dial(server)
        writer.send(
            _head(server, "PUT", f"{session}?digest={DIGEST}", b"Content-Length: %d" % len(CONTENT)),
            CONTENT[:2_500_000],
        )
        idle = dial(server).send(_head(server, "GET", "/v2/"))
        assert idle.answer().status == 200
        eventually(lambda: _is_begun(server, session))

        server.process.terminate()
        eventually(lambda: _refuses_connections(server))

        assert idle.is_over()
        writer.send(CONTENT[2_500_000:])
        assert writer.answer().status == 201
        while piece := reader.socket.recv(1 << 20):
            begun += piece
        head, _, body = begun.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert body == large
        assert server.process.wait(60) == 0
    finally:
        server.kill()
    assert server.complaints() == []
    with running(tmp_path, followers=False) as again, Line(again.address, again.token) as line:
        assert line.must(200, "GET", f"/v2/acme/api/blobs/{DIGEST}").body == CONTENT
        assert violations(again.data) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_told_to_stop_does_not_wait_for_ever(tmp_path: Path, workers: int, dial: Dial) -> None:
    server = start(tmp_path, workers=workers, graceful_seconds=1)
    try:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            session = _begin(line, "acme/api")
        writer = dial(server)
        writer.send(_head(server, "PATCH", session, b"Content-Length: %d" % len(CONTENT)), CONTENT[:2_500_000])
        eventually(lambda: _is_begun(server, session))

        assert server.terminate() == 0
    finally:
        server.kill()
    with running(tmp_path, workers=workers, followers=False) as again, Line(again.address, again.token) as line:
        _resume_and_finish(line, session, _SURE)


def test_a_request_behind_the_end_of_a_server_is_cut_and_not_lied_to(tmp_path: Path) -> None:
    with running(tmp_path, followers=False) as server, Line(server.address, server.token) as line:
        line.must(200, "GET", "/v2/")

        assert server.terminate() == 0

        with pytest.raises(Cut):
            line.ask("GET", "/v2/")
