"""A disk that does not give back what it was given: found, said, not served, and mended by pushing it again."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.app.parts import CATALOG_FILE
from entrepot.model.access import Caller
from entrepot.operations.registry import Registry
from tests.faults.line import MANIFEST, Line, digest_of, manifest_of
from tests.faults.server import ENTREPOT, Server, make_namespace, start, violations, within

pytestmark = pytest.mark.on_disk

LARGE = random.Random(1).randbytes(300_000)
LITTLE = b'{"architecture":"none"}'
IMAGE = manifest_of(LITTLE, LARGE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = start(tmp_path / "server")
    try:
        make_namespace(started.data, "acme")
        with Line(started.address, started.token) as line:
            for blob in (LITTLE, LARGE):
                line.push("acme/api", blob)
            line.tag("acme/api", "1.0", IMAGE)
        yield started
    finally:
        started.kill()


@pytest.fixture
def line(server: Server) -> Iterator[Line]:
    with Line(server.address, server.token) as opened:
        yield opened


def _file(server: Server, content: bytes) -> Path:
    """Where the bytes of a large blob are."""
    name = digest_of(content).removeprefix("sha256:")
    return server.data / "blobs" / "sha256" / name[:2] / name


def _flip(path: Path) -> None:
    """Change one bit, in the middle, without anybody noticing."""
    with path.open("r+b") as file:
        file.seek(150_000)
        [byte] = file.read(1)
        file.seek(150_000)
        file.write(bytes([byte ^ 1]))


def _shorten(path: Path) -> None:
    os.truncate(path, 200_000)


def _remove(path: Path) -> None:
    path.unlink()


def _flip_in_catalog(server: Server, content: bytes) -> None:
    """Change one bit of bytes that live in the catalog."""
    rotten = bytes([content[0] ^ 1]) + content[1:]
    with closing(sqlite3.connect(server.data / CATALOG_FILE)) as catalog, catalog:
        changed = catalog.execute("UPDATE content SET bytes = ? WHERE bytes = ?", (rotten, content))
        assert changed.rowcount == 1


def _entrepot(server: Server, *command: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENTREPOT_")}
    environment |= {"ENTREPOT_URL": server.url, "ENTREPOT_TOKEN": server.token, "HOME": str(home)}
    return subprocess.run([ENTREPOT, *command], env=environment, capture_output=True, text=True, check=False, cwd=home)


def _scrub(server: Server, home: Path) -> list[str]:
    """The digests that ``entrepot scrub`` finds damaged."""
    done = _entrepot(server, "scrub", "--data", str(server.data), "--output", "json", home=home)
    damaged = [entry["digest"] for entry in json.loads(done.stdout)["damaged"]]
    assert done.returncode == (1 if damaged else 0), done
    return damaged


def _damaged(server: Server) -> int:
    """What the metric counts, asked at once: a scrape has it every few seconds."""

    async def count(registry: Registry, _: Caller) -> int:
        return (await registry.catalog.storage())["damaged"]

    return within(server.data, count)


def _metric(line: Line, name: str) -> float:
    match = re.search(rf"^{name} (\S+)$", line.must(200, "GET", "/metrics").body.decode(), re.MULTILINE)
    assert match is not None
    return float(match[1])


def _journal(line: Line) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = line.must(200, "GET", "/api/v1/journal?limit=1000").json["items"]
    return entries


@pytest.mark.parametrize("rot", [_flip, _shorten, _remove])
def test_rot_in_the_blob_store_is_found_said_not_served_and_mended_by_a_push(
    server: Server, line: Line, tmp_path: Path, rot: Callable[[Path], None]
) -> None:
    rot(_file(server, LARGE))

    assert _scrub(server, tmp_path) == [digest_of(LARGE)]

    for method in ("GET", "HEAD"):
        line.must(404, method, f"/v2/acme/api/blobs/{digest_of(LARGE)}")
    assert _metric(line, "entrepot_storage_damaged") == 1
    # What looks into what is pushed may have its say before this or after it.
    [told] = [entry for entry in _journal(line) if entry["type"] == "dev.entrepot.blob.damaged.v1"]
    assert digest_of(LARGE) in json.dumps(told)
    assert {violation.invariant for violation in violations(server.data)} == {"I1"}
    other = manifest_of(LITTLE, LARGE, annotations={"a": "b"})
    refused = line.ask("PUT", "/v2/acme/api/manifests/2.0", other, {"Content-Type": MANIFEST})
    assert refused.status == 400
    assert refused.json["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"

    line.push("acme/api", LARGE)

    assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(LARGE)}").body == LARGE
    assert violations(server.data) == []
    assert _scrub(server, tmp_path) == []
    line.tag("acme/api", "2.0", other)
    assert _damaged(server) == 0


def test_rot_in_the_catalog_is_found_said_not_served_and_mended_by_a_push(
    server: Server, line: Line, tmp_path: Path
) -> None:
    _flip_in_catalog(server, LITTLE)
    _flip_in_catalog(server, IMAGE)

    assert sorted(_scrub(server, tmp_path)) == sorted([digest_of(LITTLE), digest_of(IMAGE)])

    line.must(404, "GET", f"/v2/acme/api/blobs/{digest_of(LITTLE)}")
    line.must(404, "GET", f"/v2/acme/api/manifests/{digest_of(IMAGE)}")
    line.must(404, "GET", "/v2/acme/api/manifests/1.0")
    assert _metric(line, "entrepot_storage_damaged") == 2

    line.push("acme/api", LITTLE)
    line.tag("acme/api", "1.0", IMAGE)

    assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(LITTLE)}").body == LITTLE
    assert line.must(200, "GET", "/v2/acme/api/manifests/1.0").body == IMAGE
    assert violations(server.data) == []


def test_what_was_answered_before_the_rot_was_found_is_not_answered_after(
    server: Server, line: Line, tmp_path: Path
) -> None:
    for _ in range(3):  # into the front cache, and out of it
        assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(LITTLE)}").body == LITTLE
    _flip_in_catalog(server, LITTLE)

    assert _scrub(server, tmp_path) == [digest_of(LITTLE)]

    reply = line.ask("GET", f"/v2/acme/api/blobs/{digest_of(LITTLE)}")
    assert reply.status == 404 or reply.body == LITTLE


@pytest.mark.parametrize("rot", [_flip, _shorten, _remove])
def test_rot_that_nobody_has_found_yet_is_never_delivered_as_good(
    server: Server, line: Line, tmp_path: Path, rot: Callable[[Path], None]
) -> None:
    content = random.Random(2).randbytes(300_000)
    (tmp_path / "tool.bin").write_bytes(content)
    pushed = _entrepot(server, "push", "tool.bin", "acme/tool:1.0", home=tmp_path)
    assert pushed.returncode == 0, pushed
    rot(_file(server, content))

    pulled = _entrepot(server, "pull", "acme/tool:1.0", "--into", "here", home=tmp_path)

    assert pulled.returncode == 1
    assert "scrub" in pulled.stderr
    assert not (tmp_path / "here" / "tool.bin").exists()
    mended = _entrepot(server, "scrub", "--data", str(server.data), home=tmp_path)
    assert mended.returncode == 1
    line.push("acme/other", content)
    pulled = _entrepot(server, "pull", "acme/tool:1.0", "--into", "here", home=tmp_path)
    assert pulled.returncode == 0, pulled
    assert (tmp_path / "here" / "tool.bin").read_bytes() == content


@pytest.mark.parametrize("rot", [_shorten, _remove])
def test_bytes_that_are_not_there_are_an_alarm_and_no_half_of_an_answer(
    server: Server, line: Line, rot: Callable[[Path], None]
) -> None:
    rot(_file(server, LARGE))

    reply = line.ask("GET", f"/v2/acme/api/blobs/{digest_of(LARGE)}")

    assert reply.status == 500
    [error] = reply.json["errors"]
    assert "Stored content is not what it was" in error["message"]
    assert error["detail"]["request_id"] == reply.headers["x-request-id"]
    assert any(entry.get("error") == "Corrupt" for entry in server.lines())
    line.must(200, "GET", "/v2/acme/api/manifests/1.0")


def test_a_push_mends_rot_that_nobody_has_found_yet(server: Server, line: Line) -> None:
    _flip(_file(server, LARGE))

    line.push("acme/elsewhere", LARGE)

    assert line.must(200, "GET", f"/v2/acme/api/blobs/{digest_of(LARGE)}").body == LARGE
    assert violations(server.data) == []
