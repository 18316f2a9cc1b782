"""end-2: OCI distribution, "Pulling blobs" and "Checking if content exists in the registry"; RFC 9110, 13 and 14."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from tests.formats.oci.conversation import (
    BYTES,
    Answer,
    Client,
    Registry,
    Template,
    blob_answer,
    open_registry,
    unchanged,
)
from tests.formats.oci.documents import digest_of, image, some_bytes

SIZES = {"empty": b"", "of two bytes": b"{}", "in the catalog": some_bytes(64), "in the blob store": some_bytes(2048)}


@pytest.mark.parametrize("content", SIZES.values(), ids=SIZES.keys())
async def test_a_blob_is_pulled(client: Client, algorithm: str, content: bytes) -> None:
    """OCI distribution, "Pulling blobs": 200, the digest's header; its size in Content-Length, 0 for none."""
    digest = await client.push_blob(content, algorithm=algorithm)

    answer = await client.get(f"/v2/acme/api/blobs/{digest}")

    assert answer == blob_answer(content, digest)


async def test_a_public_blob_may_be_kept_by_everybody(registry: Registry) -> None:
    """RFC 9111, 5.2.2: what anybody may read, any cache may hold."""
    digest = await registry.client("administrator").push_blob(b"content", "open/api")

    answer = await registry.client(None).get(f"/v2/open/api/blobs/{digest}")

    assert answer == blob_answer(b"content", digest, public=True)


async def test_a_blob_that_is_not_there(client: Client, algorithm: str) -> None:
    """OCI distribution, "Pulling blobs": 404 when the package does not have it."""
    await client.push_blob(b"other")
    await client.push_blob(b"content", "acme/elsewhere", algorithm)

    answer = await client.get(f"/v2/acme/api/blobs/{digest_of(b'content', algorithm)}")

    assert answer.refusal == (404, "BLOB_UNKNOWN")


async def test_a_blob_of_a_package_that_is_not_there(client: Client, algorithm: str) -> None:
    """OCI distribution, "Pulling blobs": 404, also before anything was pushed."""
    answer = await client.get(f"/v2/acme/api/blobs/{digest_of(b'content', algorithm)}")

    assert answer.refusal == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:baddigest",
        f"sha256:{'0' * 63}",
        f"sha256:{'0' * 65}",
        f"sha256:{'A' * 64}",
        f"sha512:{'0' * 64}",
        f"md5:{'0' * 32}",
        f"sha384:{'0' * 96}",
        "latest",
        ":",
        f"SHA256:{'0' * 64}",
    ],
)
async def test_what_is_no_digest_is_refused(client: Client, digest: str) -> None:
    """OCI distribution, "Pushing blobs" and OCI image, "Digests": bad syntax, an algorithm that is not supported."""
    answer = await client.get(f"/v2/acme/api/blobs/{digest}")

    assert answer.refusal == (400, "DIGEST_INVALID")


async def test_a_digest_may_be_percent_encoded(client: Client) -> None:
    """RFC 3986, 2.1: %3A is a colon."""
    digest = await client.push_blob(b"content")

    assert await client.get(f"/v2/acme/api/blobs/{digest.replace(':', '%3A')}") == blob_answer(b"content", digest)


async def test_a_manifest_is_a_blob_too(client: Client) -> None:
    """OCI image, "Content Descriptors": a digest names bytes, whatever they are."""
    pushed = await client.push(image(b"layer"))

    assert await client.get(f"/v2/acme/api/blobs/{pushed.digest}") == blob_answer(pushed.content, pushed.digest)


# --- parts: RFC 9110, 14 ---

CONTENT = some_bytes(2048)


@pytest.fixture(scope="session")
def blob_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blob store's folders: to make them takes longer than a test."""
    return tmp_path_factory.mktemp("blobs")


@pytest.fixture(params=["memory", "files"])
async def storing(
    template: Template, tmp_path: Path, blob_folder: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Client]:
    """A registry that streams its blobs, and one that hands files to the kernel."""
    if request.param == "memory":
        async with open_registry(template, tmp_path) as registry:
            yield registry.client()
        return
    blobs = FileBlobStore(blob_folder)
    async with open_registry(template, tmp_path, blobs=blobs) as registry:
        yield registry.client()
    blobs.close()


RANGES = {
    "bytes=500-1499": slice(500, 1500),
    "bytes=500-": slice(500, 2048),
    "bytes=-500": slice(1548, 2048),
    "bytes=2000-5000": slice(2000, 2048),
    "bytes=0-0": slice(0, 1),
    "bytes=2047-2047": slice(2047, 2048),
    "bytes=0-": slice(0, 2048),
    "bytes=-5000": slice(0, 2048),
    "bytes= 0-9 ": slice(0, 10),
    "bytes=0-9999999999999999999": slice(0, 2048),
}


async def test_a_part_of_a_blob_is_pulled(storing: Client, algorithm: str) -> None:
    """OCI distribution, "Pulling blobs", and RFC 9110, 14.2 and 15.3.7: 206; an end behind the end is the end."""
    digest = await storing.push_blob(CONTENT, algorithm=algorithm)

    for asked, part in RANGES.items():
        answer = await storing.get(f"/v2/acme/api/blobs/{digest}", {"Range": asked})

        assert answer == blob_answer(CONTENT, digest, part=part), asked


async def test_a_part_that_is_not_there_is_refused(client: Client) -> None:
    """RFC 9110, 14.2 and 15.5.17: 416, and how long the whole is; also when the range is the wrong way round."""
    digest = await client.push_blob(CONTENT)

    for asked in ("bytes=500-0", "bytes=5000-10000", "bytes=2048-", "bytes=-0"):
        answer = await client.get(f"/v2/acme/api/blobs/{digest}", {"Range": asked})

        assert answer.refusal == (416, "BLOB_UPLOAD_INVALID"), asked
        assert answer.headers["content-range"] == "bytes */2048"


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=-5"])
async def test_an_empty_blob_has_no_parts(client: Client, asked: str) -> None:
    """RFC 9110, 14.1.2: no range of nothing can be satisfied."""
    digest = await client.push_blob(b"")

    answer = await client.get(f"/v2/acme/api/blobs/{digest}", {"Range": asked})

    assert answer.refusal == (416, "BLOB_UPLOAD_INVALID")
    assert answer.headers["content-range"] == "bytes */0"


async def test_what_is_no_range_or_several_means_the_whole(client: Client) -> None:
    """RFC 9110, 14.2: a server may ignore Range, and ignores units that it does not know."""
    digest = await client.push_blob(CONTENT)

    for asked in ("bytes=0-1,5-6", "bytes=-", "bytes=", "items=0-1", "0-1", "bytes=a-b", "bytes=1", "bytes 0-1"):
        answer = await client.get(f"/v2/acme/api/blobs/{digest}", {"Range": asked})

        assert answer == blob_answer(CONTENT, digest), asked


async def test_head_is_never_about_a_part(storing: Client) -> None:
    """RFC 9110, 14.2: Range is ignored but with GET; "Checking if content exists": Content-Length is the blob's size."""
    digest = await storing.push_blob(CONTENT)

    for asked in ("bytes=0-9", "bytes=5000-"):
        answer = await storing.head(f"/v2/acme/api/blobs/{digest}", {"Range": asked})

        assert answer == Answer(200, blob_answer(CONTENT, digest).headers)


async def test_a_part_is_pulled_if_it_is_of_the_same_blob(client: Client) -> None:
    """RFC 9110, 13.1.5: If-Range compares strongly; a date, or another tag, means the whole."""
    digest = await client.push_blob(CONTENT)
    whole, part = blob_answer(CONTENT, digest), blob_answer(CONTENT, digest, part=slice(0, 10))

    for condition, expected in {
        f'"{digest}"': part,
        f'W/"{digest}"': whole,
        '"other"': whole,
        digest: whole,
        "Sat, 31 Jan 2026 12:00:00 GMT": whole,
    }.items():
        headers = {"Range": "bytes=0-9", "If-Range": condition}
        assert await client.get(f"/v2/acme/api/blobs/{digest}", headers) == expected, condition


async def test_if_range_alone_changes_nothing(client: Client) -> None:
    """RFC 9110, 13.1.5: without Range, it is ignored."""
    digest = await client.push_blob(CONTENT)

    assert await client.get(f"/v2/acme/api/blobs/{digest}", {"If-Range": '"x"'}) == blob_answer(CONTENT, digest)


# --- what the client has already: RFC 9110, 13 ---


async def test_who_has_the_blob_is_not_sent_it_again(client: Client, algorithm: str) -> None:
    """RFC 9110, 13.1.2: If-None-Match takes one tag or a list, weak ones too, or anything at all."""
    digest = await client.push_blob(CONTENT, algorithm=algorithm)

    for condition in ('"{}"', 'W/"{}"', '"other", "{}"', '"other",W/"{}" , "third"', "*", ' "{}" '):
        answer = await client.get(f"/v2/acme/api/blobs/{digest}", {"If-None-Match": condition.format(digest)})

        assert answer == unchanged(blob_answer(CONTENT, digest)), condition


async def test_who_has_something_else_is_sent_the_blob(client: Client) -> None:
    """RFC 9110, 13.1.2: none of the tags is the blob's; what is not quoted is no tag."""
    digest = await client.push_blob(CONTENT)

    for condition in ('"other"', 'W/"other", "third"', "{}", ""):
        answer = await client.get(f"/v2/acme/api/blobs/{digest}", {"If-None-Match": condition.format(digest)})

        assert answer == blob_answer(CONTENT, digest), condition


async def test_a_condition_comes_before_a_range(client: Client) -> None:
    """RFC 9110, 13.2.2: 304 is decided before a part is cut, so also for one that would be refused."""
    digest = await client.push_blob(CONTENT)
    same, other = {"If-None-Match": f'"{digest}"'}, {"If-None-Match": '"other"'}
    url = f"/v2/acme/api/blobs/{digest}"

    assert await client.get(url, {**same, "Range": "bytes=0-9"}) == unchanged(blob_answer(CONTENT, digest))
    assert await client.get(url, {**same, "Range": "bytes=9000-"}) == unchanged(blob_answer(CONTENT, digest))
    assert await client.get(url, {**other, "Range": "bytes=0-9", "If-Range": f'"{digest}"'}) == blob_answer(
        CONTENT, digest, part=slice(0, 10)
    )
    assert await client.get(url, {**other, "Range": "bytes=0-9", "If-Range": '"other"'}) == blob_answer(CONTENT, digest)


async def test_a_condition_on_what_is_not_there_is_not_asked(client: Client) -> None:
    """RFC 9110, 13.2.1: conditions are not evaluated when the answer without them is an error."""
    answer = await client.get(f"/v2/acme/api/blobs/{digest_of(b'')}", {"If-None-Match": "*"})

    assert answer.refusal == (404, "NAME_UNKNOWN")


async def test_blobs_are_not_compressed(client: Client) -> None:
    """OCI distribution, "Pulling blobs": the body is what the digest names, whatever codings the client would take."""
    content = b"a" * 10_000
    digest = await client.push_blob(content)

    answer = await client.get(f"/v2/acme/api/blobs/{digest}", {"Accept-Encoding": "gzip, zstd, br"})

    assert answer == blob_answer(content, digest)
    assert answer.headers["content-type"] == BYTES["content-type"]
