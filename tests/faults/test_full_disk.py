"""A disk without room: 507 in the protocol's form, nothing by half, reads go on, and all is well once there is room."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults import disk
from tests.faults.line import MANIFEST, Line, Reply, digest_of, manifest_of
from tests.faults.load import Client
from tests.faults.server import Server, make_namespace, running, start, violations

pytestmark = pytest.mark.on_disk

MEBI = 1024 * 1024
NO_ROOM = 507

on_both = pytest.mark.parametrize("mount", [disk.in_memory, disk.on_ext4], ids=["tmpfs", "ext4"])


def _assert_says_so(reply: Reply, *, oci: bool = True) -> None:
    assert reply.status == NO_ROOM, (reply.status, reply.body)
    assert int(reply.headers["retry-after"]) > 0
    if oci:
        [error] = reply.json["errors"]
        assert error["code"] == "UNAVAILABLE"
        assert error["detail"]["request_id"] == reply.headers["x-request-id"]
    else:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["status"] == NO_ROOM
        assert reply.json["request_id"] == reply.headers["x-request-id"]


def _fill_catalog(line: Line, package: str) -> Reply:
    """Push small blobs until there is no room for one more; what the log of the catalog reuses is room too."""
    rng = random.Random(1)
    for _ in range(3_000):
        content = rng.randbytes(40_000)
        reply = line.ask("POST", f"/v2/{package}/blobs/uploads/?digest={digest_of(content)}", content)
        if reply.status != 201:
            return reply
    raise AssertionError("the disk does not become full")


def _is_ready(server: Server) -> int:
    with Line(server.address) as line:
        return line.ask("GET", "/readyz").status


@on_both
def test_on_a_full_disk_every_write_answers_507_and_every_read_goes_on(tmp_path: Path, mount: disk.Mount) -> None:
    with mount(tmp_path, size=24 * MEBI) as small, running(tmp_path, data=small.root / "data") as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            large, little = random.Random(2).randbytes(2 * MEBI), b"{}"
            line.push("acme/api", large)
            line.push("acme/api", little)
            manifest = manifest_of(little, large)
            line.tag("acme/api", "1.0", manifest)
            session = line.must(202, "POST", "/v2/acme/api/blobs/uploads/").location
            session = line.must(202, "PATCH", session, large[:300_000]).location
            small.fill()

            _assert_says_so(_fill_catalog(line, "acme/api"))
            other = random.Random(3).randbytes(2 * MEBI)
            begun = line.must(202, "POST", "/v2/acme/api/blobs/uploads/").location
            _assert_says_so(line.ask("PUT", f"{begun}?digest={digest_of(other)}", other))
            _assert_says_so(line.ask("PATCH", session, large[300_000:]))
            _assert_says_so(line.ask("PUT", "/files/acme/tool/1.0/a", other), oci=False)
            other_manifest = manifest_of(little, large, annotations={"a": "b" * 200_000})
            _assert_says_so(line.ask("PUT", "/v2/acme/api/manifests/2.0", other_manifest, {"Content-Type": MANIFEST}))

            assert _is_ready(server) == 503
            assert line.must(200, "GET", "/livez").body == b"ok\n"
            assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(large)}").body == large
            assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(little)}").body == little
            assert line.must(200, "GET", "/v2/acme/api/manifests/1.0").body == manifest
            assert line.must(200, "GET", "/v2/acme/api/tags/list").json["tags"] == ["1.0"]
            line.must(404, "GET", "/v2/acme/api/manifests/2.0")
            line.must(404, "GET", "/files/acme/tool/1.0/a")
            line.must(404, "GET", f"/v2/acme/api/blobs/{digest_of(other)}")

            small.free()

            assert _is_ready(server) == 200
            received = line.must(204, "GET", session).received
            assert 300_000 <= received <= len(large)
            session = line.must(202, "PATCH", session, large[received:]).location
            line.must(201, "PUT", f"{session}?digest={digest_of(large)}")
            line.push("acme/api", other)
            line.tag("acme/api", "2.0", other_manifest)
            assert violations(server.data) == []


@on_both
def test_wherever_a_disk_fills_up_nothing_is_done_by_half(tmp_path: Path, mount: disk.Mount) -> None:
    contents: dict[str, bytes] = {}
    client = Client("acme/client", random.Random(4), contents, [], largest=1_500_000)
    with mount(tmp_path, size=40 * MEBI) as small, running(tmp_path, data=small.root / "data") as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            for leave in (0, 4 << 10, 12 << 10, 40 << 10, 100 << 10, 300 << 10, MEBI, 3 * MEBI):
                small.fill(leave=leave)
                client.tolerated = frozenset({NO_ROOM})

                for _ in range(25):
                    client.step(line)

                client.verify(line)
                small.free()
                client.tolerated = frozenset()
                for _ in range(3):
                    client.step(line)
                client.verify(line)
                assert client.surprises == []
            assert client.tolerated_answers > 50
            assert violations(server.data) == []


def test_a_cancelled_upload_makes_room_on_a_full_disk(tmp_path: Path) -> None:
    with (
        disk.in_memory(tmp_path, size=24 * MEBI) as small,
        running(tmp_path, data=small.root / "data") as server,
        Line(server.address, server.token) as line,
    ):
        make_namespace(server.data, "acme")
        session = line.must(202, "POST", "/v2/acme/api/blobs/uploads/").location
        session = line.must(202, "PATCH", session, bytes(6 * MEBI)).location
        small.fill()
        _assert_says_so(_fill_catalog(line, "acme/api"))

        while line.ask("DELETE", session).status != 204:
            assert line.must(204, "GET", session).received == 0, "it was refused, and has not made room either"

        line.push("acme/api", random.Random(5).randbytes(2 * MEBI))
        assert violations(server.data) == []


def test_a_log_on_the_full_disk_is_no_reason_to_fail_a_request(tmp_path: Path) -> None:
    with disk.in_memory(tmp_path, size=24 * MEBI) as small:
        server = start(tmp_path, data=small.root / "data", log=small.root / "server.log")
        try:
            make_namespace(server.data, "acme")
            with Line(server.address, server.token) as line:
                content = random.Random(6).randbytes(2 * MEBI)
                line.push("acme/api", content)
                small.fill()

                _assert_says_so(_fill_catalog(line, "acme/api"))

                for _ in range(50):
                    line.must(200, "HEAD", f"/v2/acme/api/blobs/{digest_of(content)}")
                assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(content)}").body == content
                assert server.terminate() == 0
        finally:
            server.kill()
