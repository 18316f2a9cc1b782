"""A disk that takes no more writes: 503 in the protocol's form, reads go on, and all is well once it takes them again."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faults import disk
from tests.faults.line import MANIFEST, Line, Reply, digest_of, manifest_of
from tests.faults.server import NotReady, Server, make_namespace, running, start, violations

pytestmark = pytest.mark.on_disk

MEBI = 1024 * 1024
LARGE = random.Random(1).randbytes(MEBI)
LITTLE = b"{}"
IMAGE = manifest_of(LITTLE, LARGE)
_PATIENCE = 120.0
_BESIDE = """
import asyncio, sys
from entrepot.app.beside import run_beside
from entrepot.settings import load

asyncio.run(run_beside(load({"data": sys.argv[1]}, environ={})))
"""


def _assert_says_so(reply: Reply, *, oci: bool = True) -> None:
    assert reply.status == 503, (reply.status, reply.body)
    assert int(reply.headers["retry-after"]) > 0
    if oci:
        [error] = reply.json["errors"]
        assert error["code"] == "UNAVAILABLE"
        assert error["detail"]["request_id"] == reply.headers["x-request-id"]
    else:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["request_id"] == reply.headers["x-request-id"]


def _push_image(line: Line) -> None:
    for blob in (LITTLE, LARGE):
        line.push("acme/api", blob)
    line.tag("acme/api", "1.0", IMAGE)


def _assert_readable(line: Line) -> None:
    assert line.must(200, "GET", "/v2/acme/api/manifests/1.0").body == IMAGE
    for blob in (LITTLE, LARGE):
        assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(blob)}").body == blob
    assert line.must(200, "GET", "/v2/acme/api/tags/list").json["tags"] == ["1.0"]
    line.must(200, "GET", "/livez")
    line.must(200, "GET", "/token?service=x&scope=repository:acme/api:pull")


def _push_at_once(line: Line, content: bytes) -> Reply:
    return line.ask("POST", f"/v2/acme/api/blobs/uploads/?digest={digest_of(content)}", content)


def _assert_no_write_is_taken(line: Line) -> None:
    rng = random.Random(2)
    for size in (100, 300_000):
        _assert_says_so(_push_at_once(line, rng.randbytes(size)))
        begun = line.must(202, "POST", "/v2/acme/api/blobs/uploads/").location
        content = rng.randbytes(size)
        _assert_says_so(line.ask("PUT", f"{begun}?digest={digest_of(content)}", content))
        _assert_says_so(line.ask("PATCH", begun, content))
        _assert_says_so(line.ask("PUT", "/files/acme/tool/1.0/a", content), oci=False)
    _assert_says_so(line.ask("PUT", "/v2/acme/api/manifests/2.0", IMAGE, {"Content-Type": MANIFEST}))
    _assert_says_so(line.ask("DELETE", "/v2/acme/api/manifests/1.0"))


def _readiness(server: Server) -> int:
    with Line(server.address) as line:
        return line.ask("GET", "/readyz").status


@pytest.mark.parametrize("workers", [1, 2])
def test_when_the_kernel_makes_the_disk_read_only_reads_go_on(tmp_path: Path, workers: int) -> None:
    with disk.on_ext4(tmp_path, size=24 * MEBI, options="errors=remount-ro") as image:
        with running(tmp_path, data=image.root / "data", workers=workers) as server:
            make_namespace(server.data, "acme")
            with Line(server.address, server.token) as line:
                _push_image(line)
                image.fail()

                _assert_no_write_is_taken(line)

                _assert_readable(line)
                assert _readiness(server) == 503
            assert server.terminate() == 0
        image.unmount()
        image.mend()
        image.mount("errors=remount-ro")
        with running(tmp_path, data=image.root / "data", workers=workers) as server:
            with Line(server.address, server.token) as line:
                _assert_readable(line)
                assert _readiness(server) == 200
                assert _push_at_once(line, b"again").status == 201
            assert violations(server.data) == []


def test_when_the_blobs_become_read_only_they_are_read_and_writing_goes_on_by_itself_afterwards(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with disk.in_memory(data, size=24 * MEBI, name="blobs") as blobs, running(tmp_path) as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            _push_image(line)
            session = line.must(202, "POST", "/v2/acme/api/blobs/uploads/").location
            session = line.must(202, "PATCH", session, LARGE[:100_000]).location
            blobs.remount("ro")

            _assert_says_so(_push_at_once(line, random.Random(3).randbytes(300_000)))
            _assert_says_so(line.ask("PATCH", session, LARGE[100_000:]))
            _assert_says_so(line.ask("PUT", f"{session}?digest={digest_of(LARGE)}", LARGE[100_000:]))

            assert line.must(204, "GET", session).received == 100_000
            _assert_readable(line)
            assert _readiness(server) == 503

            blobs.remount("rw")

            assert _readiness(server) == 200
            session = line.must(202, "PATCH", session, LARGE[100_000:]).location
            line.must(201, "PUT", f"{session}?digest={digest_of(LARGE)}")
            line.push("acme/api", random.Random(3).randbytes(300_000))
            assert violations(server.data) == []


def test_when_the_catalog_cannot_be_written_it_is_read_and_writing_goes_on_by_itself_afterwards(
    tmp_path: Path,
) -> None:
    with disk.on_ext4(tmp_path, size=24 * MEBI) as image, running(tmp_path, data=image.root / "data") as server:
        make_namespace(server.data, "acme")
        log = str(server.data / "catalog.sqlite-wal")
        with Line(server.address, server.token) as line:
            _push_image(line)
            disk.run("chattr", "+i", log)
            try:
                _assert_no_write_is_taken_by_the_catalog(line)
                _assert_readable(line)
            finally:
                disk.run("chattr", "-i", log)

            assert _push_at_once(line, b"again").status == 201
            line.push("acme/api", random.Random(3).randbytes(300_000))
            line.tag("acme/api", "2.0", IMAGE)
            _assert_readable_tags(line)
            assert violations(server.data) == []


def _assert_no_write_is_taken_by_the_catalog(line: Line) -> None:
    for content in (b"little", random.Random(4).randbytes(300_000)):
        _assert_says_so(_push_at_once(line, content))
        line.must(404, "GET", f"/v2/acme/api/blobs/{digest_of(content)}")
    _assert_says_so(line.ask("PUT", "/v2/acme/api/manifests/2.0", IMAGE, {"Content-Type": MANIFEST}))
    line.must(404, "GET", "/v2/acme/api/manifests/2.0")
    _assert_says_so(line.ask("DELETE", "/v2/acme/api/manifests/1.0"))


def _assert_readable_tags(line: Line) -> None:
    assert line.must(200, "GET", "/v2/acme/api/tags/list").json["tags"] == ["1.0", "2.0"]


@pytest.mark.parametrize("mount", [disk.in_memory, disk.on_ext4], ids=["tmpfs", "ext4"])
def test_a_server_says_in_a_line_that_it_cannot_start_on_a_read_only_disk(tmp_path: Path, mount: disk.Mount) -> None:
    with mount(tmp_path, size=24 * MEBI) as small:
        with running(tmp_path, data=small.root / "data") as server:
            assert server.terminate() == 0
        small.remount("ro")

        with pytest.raises(NotReady) as refusal:
            start(tmp_path, data=small.root / "data", log=tmp_path / "second.log")

        last = str(refusal.value).strip().splitlines()[-1]
        assert last.startswith("error: ")
        assert "Read-only" in last or "does not accept writes" in last
        assert "Traceback" not in str(refusal.value)
        small.remount("rw")
        with running(tmp_path, data=small.root / "data") as server:
            assert _readiness(server) == 200


@pytest.mark.parametrize("mount", [disk.in_memory, disk.on_ext4], ids=["tmpfs", "ext4"])
def test_a_server_says_in_a_line_that_it_cannot_start_on_a_full_disk(tmp_path: Path, mount: disk.Mount) -> None:
    with mount(tmp_path, size=24 * MEBI) as small:
        with running(tmp_path, data=small.root / "data") as server:
            assert server.terminate() == 0
        small.fill()

        with pytest.raises(NotReady) as refusal:
            start(tmp_path, data=small.root / "data", log=tmp_path / "second.log")

        last = str(refusal.value).strip().splitlines()[-1]
        assert last.startswith("error: ")
        assert "no room" in last
        assert "Traceback" not in str(refusal.value)
        small.free()
        with running(tmp_path, data=small.root / "data") as server:
            assert _readiness(server) == 200


def test_what_runs_beside_the_workers_waits_for_a_disk_that_takes_nothing_yet(tmp_path: Path) -> None:
    with disk.in_memory(tmp_path, size=24 * MEBI) as small:
        with running(tmp_path, data=small.root / "data") as server:
            assert server.terminate() == 0
        small.remount("ro")
        command = [sys.executable, "-c", _BESIDE, str(small.root / "data")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as beside:
            watchdog = threading.Timer(_PATIENCE, beside.kill)
            watchdog.start()
            assert beside.stdout is not None

            assert any("cannot run here" in line and "Read-only" in line for line in beside.stdout)
            small.remount("rw")
            assert any("followers and schedules run here" in line for line in beside.stdout)

            watchdog.cancel()
            beside.kill()
