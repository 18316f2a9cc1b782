"""GET and HEAD: RFC 9110, 13 and 14; RFC 9530; what a browser must not do with a file."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import quote

import pytest

from entrepot.model.digest import Digest
from entrepot.model.names import View
from tests.formats.generic.served import TOOL, Served, serve

VERSION = "/files/acme/tool/1.0/"
FILE = f"{VERSION}file"
LARGE = bytes(range(256)) * 4
CONTENTS = pytest.mark.parametrize("content", [b"0123456789", LARGE], ids=["small", "large"])


@CONTENTS
async def test_a_file_is_described_by_its_headers(served: Served, content: bytes) -> None:
    await served.put(FILE, content, headers={"Content-Type": "text/html"})

    got = await served.get(FILE)

    digest = hashlib.sha256(content)
    field = f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert dict(got.headers) == {
        "content-type": "text/html",
        "content-length": str(len(content)),
        "content-disposition": 'attachment; filename="file"',
        "content-digest": field,
        "repr-digest": field,
        "x-checksum-sha256": digest.hexdigest(),
        "etag": f'"sha256:{digest.hexdigest()}"',
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }


@CONTENTS
async def test_head_is_get_without_the_bytes(served: Served, content: bytes) -> None:
    await served.put(FILE, content)

    got = await served.get(FILE)
    told = await served.ask("HEAD", FILE, by="reader")

    assert (told.status, told.body) == (200, b"")
    # RFC 9530, appendix B.2: Content-Digest would be that of no bytes.
    assert dict(told.headers) == {name: value for name, value in got.headers.items() if name != "content-digest"}


@CONTENTS
async def test_who_has_the_file_gets_304(served: Served, content: bytes) -> None:
    etag = (await served.put(FILE, content)).headers["etag"]

    for text in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        got = await served.get(FILE, headers={"If-None-Match": text})
        assert (got.status, got.body, got.headers["etag"]) == (304, b"", etag)
    assert (await served.get(FILE, headers={"If-None-Match": '"x"'})).status == 200


async def test_a_reader_may_demand_what_the_file_is(served: Served) -> None:
    etag = (await served.put(FILE, b"content")).headers["etag"]

    assert (await served.get(FILE, headers={"If-Match": etag})).status == 200
    assert (await served.get(FILE, headers={"If-Match": '"x"'})).status == 412


@CONTENTS
@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=2-4", slice(2, 5)),
        ("bytes=8-", slice(8, None)),
        ("bytes=-3", slice(-3, None)),
        ("bytes=5-99999", slice(5, None)),
    ],
)
async def test_a_range_is_that_part(served: Served, content: bytes, asked: str, part: slice) -> None:
    await served.put(FILE, content)

    got = await served.get(FILE, headers={"Range": asked})

    first = range(len(content))[part][0]
    last = range(len(content))[part][-1]
    assert (got.status, got.body) == (206, content[part])
    assert got.headers["content-range"] == f"bytes {first}-{last}/{len(content)}"
    # RFC 9530, appendix B.3: Content-Digest would be that of the part.
    assert "content-digest" not in got.headers
    assert "repr-digest" in got.headers


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
async def test_a_range_outside_of_the_file_is_refused(served: Served, asked: str) -> None:
    await served.put(FILE, b"0123456789")

    got = await served.get(FILE, headers={"Range": asked})

    assert (got.status, got.headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "pages=1-2", "bytes=x", "bytes=4-2-1", "bytes=-"])
async def test_a_range_that_is_not_understood_is_passed_over(served: Served, asked: str) -> None:
    await served.put(FILE, b"0123456789")

    assert (await served.get(FILE, headers={"Range": asked})).body == b"0123456789"


async def test_a_range_of_another_file_is_the_whole(served: Served) -> None:
    etag = (await served.put(FILE, b"0123456789")).headers["etag"]

    assert (await served.get(FILE, headers={"Range": "bytes=2-", "If-Range": etag})).body == b"23456789"
    assert (await served.get(FILE, headers={"Range": "bytes=2-", "If-Range": '"x"'})).body == b"0123456789"


async def test_a_public_file_may_be_kept_by_everybody(tmp_path: Path) -> None:
    async with serve(tmp_path, public=True) as served:
        await served.put(FILE, b"content")

        got = await served.get(FILE, by=None)

        assert got.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("tool.tar.gz", 'attachment; filename="tool.tar.gz"'),
        ("grüße.txt", "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt"),
        ('a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("a;b c", 'attachment; filename="a;b c"'),
    ],
)
async def test_a_file_is_saved_under_its_name(served: Served, name: str, disposition: str) -> None:
    sent = await served.put(f"{VERSION}some/{quote(name)}", b"content")

    got = await served.get(f"{VERSION}some/{quote(name)}")

    assert (sent.status, got.status) == (201, 200)
    assert sent.headers["location"] == f"http://registry.example.com{VERSION}some/{quote(name)}"
    assert got.headers["content-disposition"] == disposition


async def test_a_name_may_be_asked_for_in_either_unicode_form(served: Served) -> None:
    composed, decomposed = quote("caf\u00e9"), quote("cafe\u0301")
    await served.put(f"{VERSION}{decomposed}", b"content")

    assert (await served.get(f"{VERSION}{composed}")).body == b"content"
    assert (await served.get(VERSION)).json["files"][0]["path"] == "caf\u00e9"


async def test_one_reading_of_the_version_comes_before_that_of_the_blob(served: Served) -> None:
    await served.put(FILE, LARGE)
    asked: list[str] = []
    served.registry.catalog._reader.set_trace_callback(asked.append)  # type: ignore[attr-defined]

    await served.get(FILE)
    first = len(asked)
    await served.get(FILE)

    # Who asks is known the second time.
    assert len(asked) - first == 2


# --- what is not there ---


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        (f"{VERSION}other", 404, "file-unknown"),
        (f"{FILE}/below", 404, "file-unknown"),
        ("/files/acme/tool/2.0/file", 404, "reference-unknown"),
        ("/files/acme/other/1.0/file", 404, "package-unknown"),
        ("/files/acme.prod/tool/1.0/file", 404, "package-unknown"),
        ("/files/acme.nowhere/tool/1.0/file", 404, "package-unknown"),
        ("/files/nobody/tool/1.0/file", 404, "package-unknown"),
        (f"{VERSION}dir/", 400, "invalid-name"),
        (f"{VERSION}a//b", 400, "invalid-name"),
        (f"{VERSION}%ff", 400, "invalid-name"),
        (f"{VERSION}a%00b", 400, "invalid-name"),
        (f"{VERSION}a%0Ab", 400, "invalid-name"),
        (f"{VERSION}..%2f..%2fetc/passwd", 400, "invalid-name"),
        (f"{VERSION}a%5Cb", 400, "invalid-name"),
        ("/files/Acme/tool/1.0/file", 400, "invalid-name"),
        ("/files/acme/-tool/1.0/file", 400, "invalid-name"),
        ("/files/acme/tool/1 0/file", 400, "invalid-reference"),
        (f"/files/acme/tool/sha256-{'0' * 64}/file", 400, "invalid-reference"),
        ("/files//tool/1.0/file", 404, "route-unknown"),
        ("/files", 404, "route-unknown"),
    ],
)
async def test_what_is_not_there_is_said_to_be_not_there(served: Served, target: str, status: int, code: str) -> None:
    await served.put(FILE, b"content")

    got = await served.get(target)

    assert (got.status, got.code) == (status, code)
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json["request_id"] == "request-1"
    assert got.json["status"] == status


@pytest.mark.parametrize("target", ["/files/acme/tool/1.0/file", "/files/acme/tool/1.0/", "/files/acme/tool/"])
async def test_what_a_caller_may_not_know_is_like_what_does_not_exist(served: Served, target: str) -> None:
    await served.put(FILE, b"content")

    hidden = await served.get(target, by="stranger")
    absent = await served.get(target.replace("/acme/", "/nobody/"), by="stranger")

    assert hidden.status == absent.status == 404
    assert hidden.body.replace(b"acme", b"nobody") == absent.body


@pytest.mark.parametrize(
    "target", ["/files/acme/tool/1.0/file", "/files/acme/tool/1.0/", "/files/acme/tool/", "/files/acme/"]
)
async def test_who_does_not_say_who_they_are_is_asked(served: Served, target: str) -> None:
    await served.put(FILE, b"content")

    for asked in (target, target.replace("/acme/", "/nobody/")):
        got = await served.get(asked, by=None)
        assert got.status == 401
        assert got.headers["www-authenticate"].startswith('Basic realm="Entrepot"')


async def test_a_file_is_known_by_its_digest_too(served: Served) -> None:
    """The artifact that the version is has the file among its blobs: what the OCI endpoint serves."""
    digest = Digest.parse((await served.put(FILE, b"content")).json["digest"])
    blob = await served.registry.catalog.find_blob(View(TOOL.namespace), TOOL, digest)

    assert blob is not None
    assert blob.content == b"content"
