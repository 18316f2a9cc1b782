"""Clients that take their time, by the thousand: everybody else is served as if they were not there."""

from __future__ import annotations

import random
import select
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.faults.conftest import Dial
from tests.faults.line import Line, digest_of, manifest_of
from tests.faults.patience import eventually
from tests.faults.server import Server, make_namespace, running, violations
from tests.hostile.exchange import Request, assert_answer_is_sound
from tests.hostile.world import basic
from tests.stores import chosen

pytestmark = pytest.mark.xdist_group("slow clients")  # one server for all of them

MEBI = 1024 * 1024
LITTLE = b"{}"
LARGE = random.Random(1).randbytes(8 * MEBI)
IMAGE = manifest_of(LITTLE, LARGE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that is impatient, so that the tests need not be patient."""
    with running(tmp_path_factory.mktemp("slow"), head_seconds=1.5, body_idle_seconds=1.5, followers=False) as started:
        make_namespace(started.data, "acme")
        with Line(started.address, started.token) as line:
            for blob in (LITTLE, LARGE):
                line.push("acme/api", blob)
            line.tag("acme/api", "1.0", IMAGE)
        yield started
        assert violations(started.data) == []


def _assert_others_are_served(server: Server) -> None:
    """A new client pulls and pushes, each in a reasonable time for a machine that has other things to do."""
    with Line(server.address, server.token, timeout=60) as line:
        begun = monotonic()
        for _ in range(10):
            assert line.must(200, "GET", "/v2/acme/api/manifests/1.0").body == IMAGE
        content = random.randbytes(200_000)
        line.push("acme/api", content)
        assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(content)}").body == content
        line.must(200, "GET", "/livez")
        assert monotonic() - begun < 30


def _head(server: Server, method: bytes, target: bytes, *fields: bytes) -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: x", b"Authorization: " + basic(server.token), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def test_heads_that_do_not_end_are_answered_408_in_form_and_keep_nobody_out(server: Server, dial: Dial) -> None:
    slow = [dial(server).send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n") for _ in range(300)]

    _assert_others_are_served(server)

    for number, raw in enumerate(slow):
        raw.send(b"X-Header-%d: a\r\n" % number)  # a byte now and then does not help
    for raw in slow:
        answer = raw.answer()
        assert answer.status == 408
        assert_answer_is_sound(Request("GET", b"/v2/"), answer)
        assert raw.is_over()


def test_connections_that_say_nothing_are_closed(server: Server, dial: Dial) -> None:
    silent = [dial(server) for _ in range(300)]

    _assert_others_are_served(server)

    assert all(raw.is_over() for raw in silent)


def test_bodies_that_do_not_go_on_are_answered_408_in_form_and_keep_nobody_out(server: Server, dial: Dial) -> None:
    with Line(server.address, server.token) as line:
        sessions = [line.must(202, "POST", "/v2/acme/api/blobs/uploads/").location for _ in range(200)]
    head = b"Content-Length: 100000"
    slow = [dial(server).send(_head(server, b"PATCH", path.encode(), head), b"x" * 10) for path in sessions]
    slow += [dial(server).send(_head(server, b"PUT", b"/files/acme/tool/1.0/slow", head), b"x") for _ in range(50)]

    _assert_others_are_served(server)

    for raw in slow:
        answer = raw.answer()
        assert answer.status == 408
        assert raw.is_over()
    with Line(server.address, server.token) as line:
        assert {line.must(204, "GET", path).received for path in sessions} == {10}
        line.must(404, "GET", "/files/acme/tool/1.0/slow")


def test_two_thousand_unfinished_forms_keep_nobody_out(tmp_path: Path, dial: Dial) -> None:
    """Anybody may send a form for an access token, so more of them than are answered at once is no reason to refuse."""
    with running(tmp_path, concurrency=100, followers=False) as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            for blob in (LITTLE, LARGE):
                line.push("acme/api", blob)
            line.tag("acme/api", "1.0", IMAGE)
        before = server.resident_size()
        form = b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 16000\r\n\r\n" + b"x" * 15_000
        slow = [dial(server).send(form) for _ in range(2_000)]

        _assert_others_are_served(server)

        assert server.resident_size() - before < 160 * MEBI
        del slow


def test_manifests_that_do_not_end_are_not_kept_in_memory_without_bound(tmp_path: Path, dial: Dial) -> None:
    with running(tmp_path, followers=False) as server:
        make_namespace(server.data, "acme")
        before = server.resident_size()
        head = _head(server, b"PUT", b"/v2/acme/api/manifests/1.0", b"Content-Length: 4000000")
        body = b" " * 3_900_000

        slow = [dial(server, timeout=60).send(head, body) for _ in range(200)]  # 780 MB in all

        answered = eventually(lambda: select.select([raw.socket for raw in slow], [], [], 0)[0] or None)
        refused = next(raw for raw in slow if raw.socket is answered[0])
        with Line(server.address, server.token) as line:
            line.must(200, "GET", "/livez")
        assert refused.answer().status == 503
        assert server.peak_size() - before < 500 * MEBI


def test_readers_that_take_nothing_cost_next_to_nothing(server: Server, dial: Dial) -> None:
    before = server.resident_size()
    target = f"/v2/acme/api/blobs/{digest_of(LARGE)}".encode()
    stalled = [dial(server, receive_size=4096).send(_head(server, b"GET", target)) for _ in range(60)]

    _assert_others_are_served(server)

    # What comes from an object store is in memory in pieces, and each has a connection there.
    assert server.resident_size() - before < (60 if chosen()[1] == "files" else 120) * MEBI
    for raw in stalled[:2]:
        assert raw.answer().body == LARGE


def test_readers_that_go_away_in_the_middle_leave_nothing_open(server: Server, dial: Dial) -> None:
    before = server.open_files()
    target = f"/v2/acme/api/blobs/{digest_of(LARGE)}".encode()
    for number in range(60):
        raw = dial(server, receive_size=4096).send(_head(server, b"GET", target))
        raw.socket.recv(1000)
        raw.abort() if number % 2 else raw.close()

    _assert_others_are_served(server)

    eventually(lambda: server.open_files() <= before + 2)
