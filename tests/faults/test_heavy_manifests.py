"""Manifests as large as they may be, by the dozen: what lists them costs no more memory than a page is worth."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.faults.line import MANIFEST, Line, Reply, descriptor, digest_of, manifest_of
from tests.faults.server import ENTREPOT, Server, make_namespace, running
from tests.stores import variables_of

pytestmark = pytest.mark.xdist_group("heavy manifests")  # one server for all of them

MEBI = 1024 * 1024
COUNT = 40
SUBJECT = manifest_of(b"{}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with a subject, and dozens of referrers that are nearly as large as a manifest may be."""
    # Without followers, which would add a referrer: what is counted is what was pushed.
    with running(tmp_path_factory.mktemp("heavy"), followers=False) as started:
        make_namespace(started.data, "acme")
        with Line(started.address, started.token) as line:
            line.push("acme/api", b"{}")
            line.tag("acme/api", "latest", SUBJECT)
            for referrer in _referrers():
                path = f"/v2/acme/api/manifests/{digest_of(referrer)}"
                line.must(201, "PUT", path, referrer, {"Content-Type": MANIFEST})
        yield started


def _referrers() -> Iterator[bytes]:
    for number in range(COUNT):
        annotations = {"org.opencontainers.image.revision": f"abc{number}", "text": "x" * 3_900_000}
        subject = descriptor(SUBJECT, MANIFEST)
        yield manifest_of(b"{}", subject=subject, artifactType="application/x.large", annotations=annotations)


def _page(server: Server, line: Line, path: str) -> Reply:
    """A page; asking for it makes the server no larger than a few manifests."""
    before = server.peak_size()
    page = line.must(200, "GET", path)
    assert len(page.body) < 16 * MEBI
    assert server.peak_size() - before < 100 * MEBI
    return page


def test_large_referrers_are_paged_and_all_of_them_found(server: Server) -> None:
    found: list[str] = []
    path = f"/v2/acme/api/referrers/{digest_of(SUBJECT)}"
    with Line(server.address, server.token) as line:
        while path:
            page = _page(server, line, path)
            found += [manifest["digest"] for manifest in page.json["manifests"]]
            link = page.headers.get("link", "")
            path = link[1 : link.index(">")] if link else ""

    assert found == sorted(digest_of(referrer) for referrer in _referrers())


def test_large_artifacts_are_paged_and_all_of_them_found(server: Server) -> None:
    found: list[str] = []
    after = ""
    with Line(server.address, server.token) as line:
        while after is not None:
            query = f"?after={after}" if after else ""
            page = _page(server, line, f"/api/v1/packages/acme/oci/api/-/artifacts{query}").json
            found += [artifact["digest"] for artifact in page["items"]]
            after = page["next"]

    assert found == [digest_of(SUBJECT), *map(digest_of, _referrers())]


def test_large_artifacts_are_all_found_by_a_search(server: Server) -> None:
    with Line(server.address, server.token) as line:
        hits = _page(server, line, "/api/v1/search?q=commit:abc&limit=1000").json["items"]

    assert {hit["digest"] for hit in hits} == {digest_of(referrer) for referrer in _referrers()}


def test_what_is_known_of_the_subject_of_large_referrers_is_no_more_than_a_page(server: Server) -> None:
    with Line(server.address, server.token) as line:
        _page(server, line, "/api/v1/packages/acme/oci/api/-/artifacts/latest")


_MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def test_a_check_reads_large_manifests_a_few_at_a_time(server: Server) -> None:
    command = [sys.executable, "-c", _MEASURED, ENTREPOT, "check", "--read-bytes", "--data", server.data]

    done = subprocess.run(
        command, env=os.environ | variables_of(server.data), capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done
    assert int(done.stdout.split()[-1]) * 1024 < 200 * MEBI
