"""Four workers are one registry: whatever one of them did, the next request finds it done, whoever answers."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from entrepot.drivers.catalog.postgresql.migrate import LOCK
from entrepot.wire.server import Epochs
from tests.faults.line import MANIFEST, Cut, Line, Reply, digest_of, manifest_of
from tests.faults.patience import eventually
from tests.faults.server import Server, make_namespace, running, start, violations
from tests.hostile.world import basic
from tests.stores import settings_of

pytestmark = pytest.mark.xdist_group("workers")  # one server for all of them

WORKERS = 4
LITTLE = b"{}"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("workers"), workers=WORKERS, login_failures=40, followers=False) as started:
        make_namespace(started.data, "acme")
        yield started
        assert violations(started.data) == []


def _worker_of(reply: Reply) -> str:
    """Who answered: the first half of a request id is the worker's."""
    return reply.headers["x-request-id"][:8]


def _one_to_each(server: Server, stack: ExitStack, token: str | None) -> list[Line]:
    """A connection to each worker: the kernel deals them out, so more are opened until all have one."""
    found: dict[str, Line] = {}

    def dial() -> bool:
        line = stack.enter_context(Line(server.address, token))
        found.setdefault(_worker_of(line.ask("GET", "/livez")), line)
        return len(found) == WORKERS

    eventually(dial)
    return [found[worker] for worker in sorted(found)]


@pytest.fixture
def lines(server: Server) -> Iterator[list[Line]]:
    """The administrator, connected to each worker."""
    with ExitStack() as stack:
        yield _one_to_each(server, stack, server.token)


def _mint(line: Line, name: str, role: str, view: str = "acme") -> tuple[str, str]:
    body = json.dumps({"name": name, "role": role, "view": view}).encode()
    minted = line.must(201, "POST", "/api/v1/tokens", body, JSON).json
    return minted["id"], minted["token"]


def _push(line: Line, package: str, *tags: str) -> bytes:
    line.push(package, LITTLE)
    manifest = manifest_of(LITTLE, annotations={"package": package})
    for tag in tags:
        line.tag(package, tag, manifest)
    return manifest


def _warm(lines: list[Line], path: str, status: int = 200) -> None:
    """Ask everybody often enough that whoever remembers answers remembers this one."""
    for line in lines:
        for _ in range(3):
            line.must(status, "GET", path)


def test_each_line_leads_to_another_worker_and_they_are_all_there_are(server: Server, lines: list[Line]) -> None:
    assert len({_worker_of(line.ask("GET", "/livez")) for line in lines}) == WORKERS
    assert len(server.workers()) == WORKERS


def test_an_upload_may_hop_from_worker_to_worker(lines: list[Line]) -> None:
    content = random.Random(1).randbytes(900_000)
    session = lines[0].must(202, "POST", "/v2/acme/hop/blobs/uploads/").location
    for number, line in zip(range(8), itertools.cycle(lines)):
        chunk = content[number * 100_000 : (number + 1) * 100_000]
        where = {"Content-Range": f"{number * 100_000}-{number * 100_000 + 99_999}"}
        session = line.must(202, "PATCH", session, chunk, where).location
        assert {other.must(204, "GET", session).received for other in lines} == {(number + 1) * 100_000}

    lines[1].must(201, "PUT", f"{session}?digest={digest_of(content)}", content[800_000:])

    for line in lines:
        assert line.must(200, "GET", f"/v2/acme/hop/blobs/{digest_of(content)}").body == content
        line.must(404, "GET", session)


def test_a_cancelled_upload_is_cancelled_everywhere(lines: list[Line]) -> None:
    session = lines[0].must(202, "POST", "/v2/acme/cancel/blobs/uploads/").location
    session = lines[1].must(202, "PATCH", session, b"x" * 1000).location

    lines[2].must(204, "DELETE", session)

    for line in lines:
        line.must(404, "GET", session)
        line.must(404, "PATCH", session, b"x")


def test_a_moved_tag_has_moved_for_everybody(lines: list[Line]) -> None:
    package = "acme/moved"
    lines[0].push(package, LITTLE)
    for number in range(40):
        manifest = manifest_of(LITTLE, annotations={"number": str(number)})
        lines[number % WORKERS].tag(package, "latest", manifest)

        for line in lines:
            for _ in range(2):
                assert line.must(200, "GET", f"/v2/{package}/manifests/latest").body == manifest
                head = line.must(200, "HEAD", f"/v2/{package}/manifests/latest")
                assert head.headers["docker-content-digest"] == digest_of(manifest)


def test_what_was_deleted_is_gone_for_everybody(lines: list[Line]) -> None:
    package = "acme/deleted"
    manifest = _push(lines[0], package, "one", "two")
    by_digest = f"/v2/{package}/manifests/{digest_of(manifest)}"
    for path in (f"/v2/{package}/manifests/one", f"/v2/{package}/manifests/two", by_digest, f"/v2/{package}/tags/list"):
        _warm(lines, path)

    lines[1].must(202, "DELETE", f"/v2/{package}/manifests/one")

    for line in lines:
        line.must(404, "GET", f"/v2/{package}/manifests/one")
        assert line.must(200, "GET", f"/v2/{package}/tags/list").json["tags"] == ["two"]
        line.must(200, "GET", by_digest)

    lines[2].must(202, "DELETE", by_digest)

    for line in lines:
        line.must(404, "GET", by_digest)
        line.must(404, "GET", f"/v2/{package}/manifests/two")


def test_a_revoked_token_is_refused_by_everybody_at_once(server: Server, lines: list[Line]) -> None:
    _push(lines[0], "acme/revoked", "latest")
    for number in range(4):
        token_id, secret = _mint(lines[0], f"reader-{number}", "reader")
        with ExitStack() as stack:
            readers = _one_to_each(server, stack, secret)
            _warm(readers, "/v2/acme/revoked/manifests/latest")

            lines[number].must(204, "DELETE", f"/api/v1/tokens/{token_id}")

            for reader in readers:
                reader.must(401, "GET", "/v2/acme/revoked/manifests/latest")
                reader.must(401, "GET", "/v2/")


def test_an_access_token_is_good_everywhere_and_ends_with_its_token(server: Server, lines: list[Line]) -> None:
    _push(lines[0], "acme/access", "latest")
    token_id, secret = _mint(lines[0], "ci", "reader")
    with Line(server.address, secret) as ci:
        issued = ci.must(200, "GET", "/token?service=x&scope=repository:acme/access:pull").json["token"]
    bearer = {"Authorization": f"Bearer {issued}"}
    path = "/v2/acme/access/manifests/latest"
    with ExitStack() as stack:
        anonymous = _one_to_each(server, stack, None)
        for line in anonymous:
            for _ in range(3):
                line.must(200, "GET", path, headers=bearer)

        lines[3].must(204, "DELETE", f"/api/v1/tokens/{token_id}")

        for line in anonymous:
            line.must(401, "GET", path, headers=bearer)


def test_a_right_that_was_taken_is_taken_everywhere_at_once(server: Server, lines: list[Line]) -> None:
    _push(lines[0], "acme/granted", "latest")
    _, secret = _mint(lines[0], "granted", "reader")
    path = "/v2/acme/granted/manifests/latest"
    with ExitStack() as stack:
        holders = _one_to_each(server, stack, secret)
        _warm(holders, path)

        lines[1].must(204, "DELETE", "/api/v1/grants?principal=granted&role=reader&view=acme")

        for holder in holders:
            holder.must(404, "GET", path)

        body = json.dumps({"principal": "granted", "role": "reader", "view": "acme"}).encode()
        assert lines[2].ask("POST", "/api/v1/grants", body, JSON).status in (200, 201, 204)

        for holder in holders:
            holder.must(200, "GET", path)


def test_a_namespace_that_is_closed_is_closed_everywhere_at_once(server: Server, lines: list[Line]) -> None:
    make_namespace(server.data, "shown", public=True)
    _push(lines[0], "shown/tool", "latest")
    path = "/v2/shown/tool/manifests/latest"
    with ExitStack() as stack:
        anybody = _one_to_each(server, stack, None)
        _warm(anybody, path)

        lines[2].must(200, "PATCH", "/api/v1/namespaces/shown", b'{"public":false}', JSON)

        for line in anybody:
            line.must(401, "GET", path)


def test_failed_logins_are_counted_together(server: Server, tmp_path: Path) -> None:
    with running(tmp_path, workers=WORKERS, login_failures=20, followers=False) as strict, ExitStack() as stack:
        good = _one_to_each(strict, stack, strict.token)
        _warm(good, "/v2/")
        wrong = {"Authorization": basic("ent_bot_" + "0" * 36).decode()}
        bad = _one_to_each(strict, stack, None)

        statuses = [line.ask("GET", "/v2/", headers=wrong).status for _, line in zip(range(120), itertools.cycle(bad))]

        assert statuses[0] == 401
        assert statuses[-1] == 429
        assert statuses.count(401) <= 2 * 20  # the minute may turn in between
        _warm(good, "/v2/")  # who was known before is not bothered


def test_a_scrape_of_anybody_counts_what_everybody_did(lines: list[Line]) -> None:
    def pings(line: Line) -> float:
        text = line.must(200, "GET", "/metrics").body.decode()
        match = re.search(r'entrepot_requests_total\{format="oci",operation="ping",outcome="ok"\} (\S+)', text)
        return float(match[1]) if match else 0.0

    before = max(pings(line) for line in lines)

    for line in lines:
        for _ in range(5):
            line.must(200, "GET", "/v2/")

    # What the front cache answered is reported by each worker every few seconds.
    for line in lines:
        eventually(lambda line=line: pings(line) == before + 5 * WORKERS)


# --- workers that end ---


def _states(server: Server, among: list[int]) -> set[int]:
    return set(server.workers()) & set(among)


def test_a_killed_worker_is_replaced_and_the_others_go_on(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, followers=False) as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            manifest = _push(line, "acme/api", "latest")
        for _ in range(3):
            victim, other = server.workers()

            os.kill(victim, signal.SIGKILL)

            eventually(lambda victim=victim: victim not in server.workers())
            assert other in server.workers()
            for _ in range(5):
                assert _get_after_retries(server, "/v2/acme/api/manifests/latest").body == manifest
            eventually(lambda: len(server.workers()) == 2)
        with Line(server.address, server.token) as line:
            line.tag("acme/api", "other", manifest)
        assert violations(server.data) == []


def _get_after_retries(server: Server, path: str) -> Reply:
    """A client that tries again when its connection was one of the killed worker's."""

    def ask() -> Reply | None:
        with Line(server.address, server.token) as line:
            try:
                return line.must(200, "GET", path)
            except Cut:
                return None

    return eventually(ask)


def test_workers_do_not_outlive_their_killed_supervisor(tmp_path: Path) -> None:
    server = start(tmp_path, workers=2, followers=False)
    try:
        workers = server.workers()
        assert len(workers) == 2

        os.kill(server.process.pid, signal.SIGKILL)

        eventually(lambda: not _states(server, workers))
    finally:
        server.kill()
    with running(tmp_path, workers=2, followers=False) as again, Line(again.address, again.token) as line:
        line.must(200, "GET", "/readyz")


def test_caches_work_again_after_a_writer_was_killed(tmp_path: Path) -> None:
    """A writer that dies in its commit leaves marks that say "wait"; the next start takes them away."""
    with running(tmp_path, followers=False) as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            _push(line, "acme/api", "latest")
        assert server.terminate() == 0
    epochs = Epochs(server.data / "epochs")
    epochs.begin([0, epochs.slot_of("acme")])
    epochs.close()

    with running(tmp_path, followers=False) as again, Line(again.address, again.token) as line:
        _warm([line], "/v2/acme/api/manifests/latest")

        text = line.must(200, "GET", "/metrics").body.decode()
        assert re.search(r'entrepot_front_cache_hits_total\{format="oci"\} [1-9]', text), "nothing comes from the cache"


@contextmanager
def _written_by_nobody_else(data: Path) -> Iterator[None]:
    """Hold what a writer of the catalog holds."""
    if address := settings_of(data).get("database"):
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            yield
    else:
        with (data / "catalog.lock").open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def test_while_somebody_else_holds_the_catalog_writes_wait_and_reads_go_on(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, followers=False) as server:
        make_namespace(server.data, "acme")
        with Line(server.address, server.token) as line:
            manifest = _push(line, "acme/api", "latest")
        written: list[Reply] = []

        def write(number: int) -> None:
            with Line(server.address, server.token) as mine:
                written.append(
                    mine.ask("PUT", f"/v2/acme/api/manifests/tag-{number}", manifest, {"Content-Type": MANIFEST})
                )

        threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
        with _written_by_nobody_else(server.data):
            for thread in threads:
                thread.start()

            for _ in range(20):
                with Line(server.address, server.token) as line:
                    assert line.must(200, "GET", "/v2/acme/api/manifests/latest").body == manifest
                    assert line.must(200, "GET", "/v2/acme/api/tags/list").json["tags"] == ["latest"]
                    line.must(200, "GET", "/readyz")

            assert written == []
        for thread in threads:
            thread.join()
        assert [reply.status for reply in written] == [201] * 20
        assert violations(server.data) == []
