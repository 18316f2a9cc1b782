"""A hundred at once at one thing, and thousands of uploads open: the answers are as if they had come one by one."""

from __future__ import annotations

import json
import os
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from time import monotonic

import pytest

from tests.faults.line import MANIFEST, Line, Reply, digest_of, manifest_of
from tests.faults.server import Server, make_namespace, running, violations
from tests.stores import DEFAULT, chosen

pytestmark = pytest.mark.xdist_group("crowds")  # one server for all of them

LONG = os.environ.get("ENTREPOT_TEST_LONG") == "1"
CROWD = 100
MEBI = 1024 * 1024


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("crowds"), workers=2, followers=False) as started:
        make_namespace(started.data, "acme")
        yield started
        assert violations(started.data) == []


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    with Line(server.address, server.token) as opened:
        yield opened


def _all_at_once(server: Server, act: Callable[[Line, int], Reply]) -> list[Reply]:
    """Let everybody of the crowd, each with a connection of their own, do it at the same moment."""
    replies: list[Reply | None] = [None] * CROWD
    together = threading.Barrier(CROWD)

    def run(number: int) -> None:
        with Line(server.address, server.token) as mine:
            mine.ask("GET", "/v2/")
            together.wait()
            replies[number] = act(mine, number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [reply for reply in replies if reply is not None]
    assert len(found) == CROWD, "somebody was cut"
    return found


def _statuses(replies: list[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


def _content(number: int, size: int = 200_000) -> bytes:
    return random.Random(number).randbytes(size)


def test_of_a_hundred_first_chunks_of_one_upload_one_is_taken(server: Server, line: Line) -> None:
    session = line.must(202, "POST", "/v2/acme/session/blobs/uploads/").location

    replies = _all_at_once(
        server, lambda mine, number: mine.ask("PATCH", session, _content(number), {"Content-Range": "0-199999"})
    )

    assert _statuses(replies)[202] == 1
    assert set(_statuses(replies)) <= {202, 409, 416}
    winner = next(number for number, reply in enumerate(replies) if reply.status == 202)
    digest = digest_of(_content(winner))
    line.must(201, "PUT", f"{session}?digest={digest}")
    assert line.must(200, "GET", f"/v2/acme/session/blobs/{digest}").body == _content(winner)


def test_chunks_of_a_crowd_that_say_no_place_follow_one_another_whole(server: Server, line: Line) -> None:
    session = line.must(202, "POST", "/v2/acme/appended/blobs/uploads/").location

    replies = _all_at_once(server, lambda mine, number: mine.ask("PATCH", session, bytes([number]) * 70_000))

    taken = _statuses(replies)[202]
    assert taken >= 1
    assert set(_statuses(replies)) <= {202, 409, 416}
    assert line.must(204, "GET", session).received == taken * 70_000
    order = sorted((reply.received, number) for number, reply in enumerate(replies) if reply.status == 202)
    whole = b"".join(bytes([number]) * 70_000 for _, number in order)
    line.must(201, "PUT", f"{session}?digest={digest_of(whole)}")
    assert line.must(200, "GET", f"/v2/acme/appended/blobs/{digest_of(whole)}").body == whole


def test_an_upload_that_a_hundred_finish_is_finished_once(server: Server, line: Line) -> None:
    session = line.must(202, "POST", "/v2/acme/finished/blobs/uploads/").location
    content = _content(0)
    session = line.must(202, "PATCH", session, content).location
    digest = digest_of(content)

    replies = _all_at_once(server, lambda mine, _: mine.ask("PUT", f"{session}?digest={digest}"))

    assert _statuses(replies)[201] >= 1
    assert set(_statuses(replies)) <= {201, 400, 404, 409, 416}
    assert line.must(200, "GET", f"/v2/acme/finished/blobs/{digest}").body == content


def test_a_blob_that_a_hundred_push_is_there_for_all_of_them(server: Server, line: Line) -> None:
    for size in (1_000, 200_000):
        content = _content(1, size)
        digest = digest_of(content)

        replies = _all_at_once(
            server, lambda mine, _, c=content, d=digest: mine.ask("POST", f"/v2/acme/same/blobs/uploads/?digest={d}", c)
        )

        assert _statuses(replies) == {201: CROWD}
        assert line.must(200, "GET", f"/v2/acme/same/blobs/{digest}").body == content


def _image(line: Line, package: str, number: int) -> bytes:
    return manifest_of(b"{}", annotations={"number": str(number)})


def test_a_tag_that_a_hundred_move_means_what_one_of_them_said(server: Server, line: Line) -> None:
    line.push("acme/tag", b"{}")

    replies = _all_at_once(
        server,
        lambda mine, number: mine.ask(
            "PUT", "/v2/acme/tag/manifests/latest", _image(mine, "acme/tag", number), {"Content-Type": MANIFEST}
        ),
    )

    assert _statuses(replies) == {201: CROWD}
    digests = [digest_of(_image(line, "acme/tag", number)) for number in range(CROWD)]
    history = line.must(200, "GET", "/api/v1/packages/acme/oci/tag/-/references/latest/history").json["items"]
    assert sorted(reference["digest"] for reference in history) == sorted(digests)
    last = max(history, key=lambda reference: reference["from_position"])
    assert line.must(200, "GET", "/v2/acme/tag/manifests/latest").headers["docker-content-digest"] == last["digest"]
    for digest in digests:
        line.must(200, "GET", f"/v2/acme/tag/manifests/{digest}")


def test_a_version_that_a_hundred_claim_is_one_of_theirs_for_ever(server: Server, line: Line) -> None:
    line.push("acme/version", b"{}")

    replies = _all_at_once(
        server,
        lambda mine, number: mine.ask(
            "PUT", "/v2/acme/version/manifests/1.0", _image(mine, "acme/version", number), {"Content-Type": MANIFEST}
        ),
    )

    assert _statuses(replies) == {201: 1, 403: CROWD - 1}
    winner = next(number for number, reply in enumerate(replies) if reply.status == 201)
    assert line.must(200, "GET", "/v2/acme/version/manifests/1.0").body == _image(line, "acme/version", winner)


def test_a_version_to_which_a_hundred_add_a_file_has_all_of_them(server: Server, line: Line) -> None:
    replies = _all_at_once(
        server, lambda mine, number: mine.ask("PUT", f"/files/acme/tool/1.0/file-{number}", _content(number, 5_000))
    )

    assert _statuses(replies) == {201: CROWD}
    listing = line.must(200, "GET", "/files/acme/tool/1.0").json["files"]
    assert {file["path"]: file["digest"] for file in listing} == {
        f"file-{number}": digest_of(_content(number, 5_000)) for number in range(CROWD)
    }


def test_a_file_that_a_hundred_put_is_one_of_theirs(server: Server, line: Line) -> None:
    replies = _all_at_once(
        server, lambda mine, number: mine.ask("PUT", "/files/acme/tool/2.0/file", _content(number, 100_000))
    )

    assert _statuses(replies) == {201: 1, 409: CROWD - 1}
    winner = next(number for number, reply in enumerate(replies) if reply.status == 201)
    assert line.must(200, "GET", "/files/acme/tool/2.0/file").body == _content(winner, 100_000)


def test_a_namespace_that_a_hundred_create_is_created_once(server: Server, line: Line) -> None:
    body = json.dumps({"name": "crowded"}).encode()

    replies = _all_at_once(
        server, lambda mine, _: mine.ask("POST", "/api/v1/namespaces", body, {"Content-Type": "application/json"})
    )

    assert _statuses(replies) == {201: 1, 409: CROWD - 1}


def test_a_manifest_that_is_pushed_and_deleted_by_a_crowd_is_there_or_not(server: Server, line: Line) -> None:
    line.push("acme/fought", b"{}")
    manifest = _image(line, "acme/fought", 0)
    path = f"/v2/acme/fought/manifests/{digest_of(manifest)}"

    replies = _all_at_once(
        server,
        lambda mine, number: (
            mine.ask("PUT", path, manifest, {"Content-Type": MANIFEST}) if number % 2 else mine.ask("DELETE", path)
        ),
    )

    assert {reply.status for reply in replies[1::2]} == {201}
    assert {reply.status for reply in replies[0::2]} <= {202, 404}
    assert line.ask("GET", path).status in (200, 404)


# --- thousands of uploads ---

# In an object store each byte that comes is some requests: there it takes minutes for a tenth of them.
UPLOADS = 10_000 if chosen() == DEFAULT else 1_000
# There each of the two workers has the last 64 parts that came at hand.
REMEMBERED = 0 if chosen()[1] == "files" else 2 * 64
_AT_ONCE = 50


def _pipelined(server: Server, requests: list[bytes]) -> list[bytes]:
    """Send requests over one connection, some at a time, and return the heads of the answers."""
    heads: list[bytes] = []
    with socket.create_connection(server.address, timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        left = b""
        for start in range(0, len(requests), 25):
            some = requests[start : start + 25]
            connection.sendall(b"".join(some))
            while left.count(b"\r\n\r\n") < len(some):
                piece = connection.recv(1 << 16)
                assert piece, left[-500:]
                left += piece
            *answers, left = left.split(b"\r\n\r\n")
            heads += answers
    return heads


def _field(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b": ")
        if key.lower() == name:
            return value
    raise AssertionError(head)


def test_thousands_of_open_uploads_cost_neither_memory_nor_files_nor_time(server: Server, line: Line) -> None:
    content = _content(2, 1_000)
    line.push("acme/patient", content)
    memory, files = server.resident_size(), server.open_files()
    authorization = f"Authorization: Bearer {server.token}\r\n".encode()
    begin = b"POST /v2/acme/many/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + authorization + b"\r\n"

    begun = _pipelined(server, [begin] * UPLOADS)

    sessions = [_field(head, b"location") for head in begun]
    assert len(set(sessions)) == UPLOADS
    assert server.resident_size() - memory < 30 * MEBI

    byte = b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + authorization + b"\r\nx"
    taken = _pipelined(server, [b"PATCH " + path + byte for path in sessions])

    assert {head.split(b" ")[1] for head in taken} == {b"202"}
    assert server.resident_size() - memory < 60 * MEBI
    assert server.open_files() <= files + REMEMBERED + 20
    started = monotonic()
    for _ in range(50):
        assert line.must(200, "GET", f"/v2/acme/patient/blobs/{digest_of(content)}").body == content
    line.push("acme/patient", _content(3))
    assert monotonic() - started < 30
    for path in random.Random(1).sample(sessions, 20):
        digest = digest_of(b"xy")
        line.must(201, "PUT", f"{path.decode()}?digest={digest}", b"y")
