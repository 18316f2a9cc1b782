"""end-4, end-5, end-6: OCI distribution, "Pushing blobs", in one request, in two, in chunks, and as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.formats.oci.conversation import (
    Answer,
    Client,
    Registry,
    blob_answer,
    blob_created,
    is_session,
    with_digest,
)
from tests.formats.oci.documents import ALGORITHMS, digest_of, some_bytes

OCTETS = {"content-type": "application/octet-stream"}
URL = "/v2/acme/api/blobs/"

Push = Callable[[Client, bytes, str], Awaitable[Answer]]


def chunks_of(content: bytes, size: int = 1024) -> list[tuple[str, bytes]]:
    """The chunks with their ranges: ``<start>-<end>``, both inclusive."""
    pieces = [(start, content[start : start + size]) for start in range(0, len(content), size)]
    return [(f"{start}-{start + len(piece) - 1}", piece) for start, piece in pieces]


def ranged(content_range: str) -> dict[str, str]:
    return {**OCTETS, "content-range": content_range}


async def post(client: Client, content: bytes, digest: str) -> Answer:
    """OCI distribution, "Single POST"."""
    return await client.post(f"{URL}uploads/?digest={digest}", content, OCTETS)


async def post_streamed(client: Client, content: bytes, digest: str) -> Answer:
    """The same with a body whose length is not said beforehand."""
    return await client.post(f"{URL}uploads/?digest={digest}", [content[:100], content[100:]], OCTETS)


async def post_put(client: Client, content: bytes, digest: str) -> Answer:
    """OCI distribution, "POST then PUT"."""
    location = await client.begin()
    return await client.put(with_digest(location, digest), content, OCTETS)


async def post_put_streamed(client: Client, content: bytes, digest: str) -> Answer:
    """The same with a body whose length is not said beforehand."""
    location = await client.begin()
    return await client.put(with_digest(location, digest), [content[:7], content[7:]], OCTETS)


async def chunked(client: Client, content: bytes, digest: str) -> Answer:
    """OCI distribution, "Pushing a blob in chunks", closed by an empty PUT."""
    location = await client.begin()
    sent = 0
    for content_range, piece in chunks_of(content):
        answer = await client.patch(location, piece, ranged(content_range))
        sent += len(piece)
        assert is_session(answer, held=sent)
        location = answer.location
    return await client.put(with_digest(location, digest))


async def chunked_announced(client: Client, content: bytes, digest: str) -> Answer:
    """The same after the algorithm was announced (end-4c)."""
    location = await client.begin(query=f"?digest-algorithm={digest.partition(':')[0]}")
    for content_range, piece in chunks_of(content):
        location = (await client.patch(location, piece, ranged(content_range))).location
    return await client.put(with_digest(location, digest))


async def chunked_put(client: Client, content: bytes, digest: str) -> Answer:
    """The same, the last chunk in the closing PUT."""
    location = await client.begin()
    *chunks, (last_range, last) = chunks_of(content) or [("0-0", b"")]
    for content_range, piece in chunks:
        location = (await client.patch(location, piece, ranged(content_range))).location
    return await client.put(with_digest(location, digest), last, ranged(last_range) if last else OCTETS)


async def streamed(client: Client, content: bytes, digest: str) -> Answer:
    """As Docker pushes: one PATCH without a range, and the closing PUT."""
    location = await client.begin()
    answer = await client.patch(location, [content[at : at + 700] for at in range(0, len(content), 700)], OCTETS)
    assert is_session(answer, held=len(content))
    return await client.put(with_digest(answer.location, digest))


WAYS = (post, post_streamed, post_put, post_put_streamed, chunked, chunked_announced, chunked_put, streamed)


@pytest.mark.parametrize("push", WAYS, ids=lambda way: way.__name__)
async def test_a_blob_is_pushed(client: Client, algorithm: str, push: Push) -> None:
    """OCI distribution, "Pushing blobs": 201, a location that it is pulled from, its digest by the same algorithm."""
    for content in (b"", b"{}", some_bytes(512), some_bytes(1024), some_bytes(3067)):
        digest = digest_of(content, algorithm)

        answer = await push(client, content, digest)

        assert answer == blob_created(digest), len(content)
        assert await client.get(answer.location) == blob_answer(content, digest)


@pytest.mark.parametrize("push", WAYS, ids=lambda way: way.__name__)
async def test_a_blob_is_pushed_again(client: Client, push: Push) -> None:
    """OCI distribution, "Layer Upload De-duplication": what is there already may come again, in any way."""
    content = some_bytes(3067)
    digest = await client.push_blob(content)

    assert await push(client, content, digest) == blob_created(digest)
    assert await client.get(URL + digest) == blob_answer(content, digest)


@pytest.mark.parametrize("size", [2, 3067])
@pytest.mark.parametrize("push", WAYS, ids=lambda way: way.__name__)
async def test_a_blob_that_is_not_what_it_is_called_is_refused(
    client: Client, algorithm: str, push: Push, size: int
) -> None:
    """OCI distribution, "Pushing blobs": 400 at the closing request, and nothing is there."""
    digest = digest_of(b"other content", algorithm)

    answer = await push(client, some_bytes(size), digest)

    assert answer.refusal == (400, "DIGEST_INVALID")
    assert (await client.get(URL + digest)).status == 404
    assert (await client.get(URL + digest_of(some_bytes(size), algorithm))).status == 404


@pytest.mark.parametrize("push", [post, post_put, chunked, streamed], ids=lambda way: way.__name__)
async def test_what_is_no_digest_is_refused(client: Client, push: Push) -> None:
    """OCI distribution, "Pushing blobs": 400 for a digest that is invalid or whose algorithm is not supported."""
    zeros = "0" * 32
    for digest in ("sha256:bad", f"md5:{zeros}", "", f"sha256:{zeros * 4}", f"sha512:{zeros * 2}", "sha256"):
        answer = await push(client, b"content", digest)

        assert answer.refusal == (400, "DIGEST_INVALID"), digest


@pytest.mark.parametrize("algorithm", ["md5", "sha384", "sha-256", "SHA256", "sha256:0"])
async def test_an_algorithm_that_is_not_supported_is_refused(client: Client, algorithm: str) -> None:
    """OCI distribution, end-4c: 400."""
    answer = await client.post(f"{URL}uploads/?digest-algorithm={algorithm}")

    assert answer.refusal == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("announced", ALGORITHMS)
async def test_the_algorithm_that_was_announced_does_not_bind(client: Client, algorithm: str, announced: str) -> None:
    """OCI distribution, "Pushing a blob in chunks": the parameter SHOULD be sent; what counts is the closing digest."""
    content = some_bytes(3067)
    digest = digest_of(content, algorithm)
    location = await client.begin(query=f"?digest-algorithm={announced}")
    location = (await client.patch(location, content)).location

    answer = await client.put(with_digest(location, digest))

    assert answer == blob_created(digest)
    assert await client.get(URL + digest) == blob_answer(content, digest)


@pytest.mark.parametrize("path", ["uploads/", "uploads"])
async def test_an_upload_begins(client: Client, path: str) -> None:
    """OCI distribution, end-4a: 202 and a location with a UUID; the final slash may be missing."""
    answer = await client.post(URL + path, headers={"content-length": "0"})

    assert is_session(answer, held=0)


async def test_each_upload_is_another(client: Client) -> None:
    """OCI distribution, "POST then PUT": the session's id is unique."""
    assert await client.begin() != await client.begin()


async def test_a_closing_request_without_a_digest_is_refused(client: Client) -> None:
    """OCI distribution, "Pushing a blob in chunks": the closing PUT MUST name the whole blob; the upload goes on."""
    location = await client.begin()

    answer = await client.put(location, b"content")

    assert answer.refusal == (400, "UNSUPPORTED")
    assert await client.put(with_digest(location, digest_of(b"content")), b"content") == blob_created(
        digest_of(b"content")
    )


async def test_a_location_keeps_what_a_client_adds_to_it(client: Client) -> None:
    """OCI distribution, "POST then PUT": clients write the query anew, sorted, with the digest among the rest."""
    location = await client.begin()

    answer = await client.put(f"{location}?_state=x&digest={digest_of(b'content')}&z=%20", b"content")

    assert answer == blob_created(digest_of(b"content"))


async def test_a_location_may_be_absolute_or_not(client: Client) -> None:
    """OCI distribution, "POST then PUT": it is resolved against the request's own URL."""
    location = await client.begin()

    answer = await client.put(f"http://registry.example.com{location}?digest={digest_of(b'content')}", b"content")

    assert answer == blob_created(digest_of(b"content"))


# --- chunks that do not come in their turn ---

CONTENT = some_bytes(3067)
FIRST, SECOND, LAST = chunks_of(CONTENT)


async def stands_at(client: Client, location: str, held: int, query: str = "") -> bool:
    """OCI distribution, end-13: where the upload stands, as clients ask after a 416."""
    return is_session(await client.get(location + query), held=held, status=204)


async def test_chunks_out_of_order_change_nothing(client: Client, algorithm: str) -> None:
    """OCI distribution, "Pushing a blob in chunks": 416 for a chunk too far ahead or behind, and the upload goes on."""
    digest = digest_of(CONTENT, algorithm)
    location = await client.begin()

    for wrong, right, held in ((SECOND, FIRST, 1024), (LAST, SECOND, 2048), (FIRST, LAST, 3067)):
        stood = held - len(right[1])
        refused = await client.patch(location, wrong[1], ranged(wrong[0]))
        assert refused.refusal == (416, "BLOB_UPLOAD_INVALID")
        assert await stands_at(client, location, stood)
        answer = await client.patch(location, right[1], ranged(right[0]))
        assert is_session(answer, held=held)
        assert await stands_at(client, answer.location, held)
        location = answer.location

    assert await client.put(with_digest(location, digest)) == blob_created(digest)
    assert await client.get(URL + digest) == blob_answer(CONTENT, digest)


async def test_a_last_chunk_out_of_order_does_not_close_the_upload(client: Client, algorithm: str) -> None:
    """OCI distribution, "Pushing a blob in chunks": 416 to a closing PUT that comes too early or goes back."""
    digest = digest_of(CONTENT, algorithm)
    location = await client.begin()
    query = f"?digest={digest}"

    early = await client.put(location + query, LAST[1], ranged(LAST[0]))
    assert early.refusal == (416, "BLOB_UPLOAD_INVALID")
    assert await stands_at(client, location, 0, query)
    location = (await client.patch(location, FIRST[1], ranged(FIRST[0]))).location
    early = await client.put(location + query, LAST[1], ranged(LAST[0]))
    assert early.refusal == (416, "BLOB_UPLOAD_INVALID")
    assert await stands_at(client, location, 1024, query)
    location = (await client.patch(location, SECOND[1], ranged(SECOND[0]))).location
    late = await client.put(location + query, SECOND[1], ranged(SECOND[0]))
    assert late.refusal == (416, "BLOB_UPLOAD_INVALID")
    assert await stands_at(client, location, 2048, query)

    assert await client.put(location + query, LAST[1], ranged(LAST[0])) == blob_created(digest)
    assert await client.get(URL + digest) == blob_answer(CONTENT, digest)


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-1023", "bytes 0-1023/3067", "bytes 0-1023/*", "0-1023"],
)
async def test_a_chunks_range_may_be_written_as_http_does(client: Client, content_range: str) -> None:
    """OCI distribution, "Pushing a blob in chunks", says ``0-1023``; RFC 9110, 14.4, says ``bytes 0-1023/*``."""
    answer = await client.patch(await client.begin(), FIRST[1], ranged(content_range))

    assert is_session(answer, held=1024)


@pytest.mark.parametrize("content_range", ["0-1022", "0-1024", "0-", "-1023", "1023-0", "all", "0-1023,0-1023", ""])
async def test_a_chunk_that_is_not_its_range_is_refused(client: Client, content_range: str) -> None:
    """OCI distribution, "Pushing a blob in chunks": the range is the chunk's first and last byte."""
    location = await client.begin()

    answer = await client.patch(location, FIRST[1], ranged(content_range))

    assert answer.refusal == (416, "BLOB_UPLOAD_INVALID")
    assert await stands_at(client, location, 0)


async def test_a_stream_goes_on_where_the_upload_stands(client: Client) -> None:
    """OCI distribution, "Resumable Push": what comes without a range is added to what is there."""
    location = (await client.patch(await client.begin(), FIRST[1], ranged(FIRST[0]))).location

    answer = await client.patch(location, [SECOND[1][:1], SECOND[1][1:]])

    assert is_session(answer, held=2048)
    digest = digest_of(CONTENT)
    assert await client.put(with_digest(answer.location, digest), LAST[1], ranged(LAST[0])) == blob_created(digest)


async def test_an_older_location_goes_on_too(client: Client) -> None:
    """OCI distribution, "Pushing a blob in chunks": the newest location SHOULD be used, so an older one may be."""
    location = await client.begin()
    for content_range, piece in (FIRST, SECOND):
        await client.patch(location, piece, ranged(content_range))

    assert await stands_at(client, location, 2048)
    digest = digest_of(CONTENT)
    assert await client.put(with_digest(location, digest), LAST[1], ranged(LAST[0])) == blob_created(digest)


async def test_a_mended_upload_of_the_right_bytes_closes(client: Client) -> None:
    """OCI distribution, "Pushing blobs": a wrong digest is refused, and the bytes that came are still there."""
    location = (await client.patch(await client.begin(), CONTENT)).location
    wrong = await client.put(with_digest(location, digest_of(b"other")))
    assert wrong.refusal == (400, "DIGEST_INVALID")

    assert await stands_at(client, location, 3067)
    assert await client.put(with_digest(location, digest_of(CONTENT))) == blob_created(digest_of(CONTENT))


async def test_one_request_at_a_time_writes_to_an_upload(registry: Registry, client: Client) -> None:
    """RFC 9110, 15.5.10: 409 while another one does; what that one sends is not mixed with anything."""
    location = await client.begin()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield FIRST[1]
        begun.set()
        await go_on.wait()
        yield SECOND[1]

    writing = asyncio.create_task(registry.send("PATCH", location, slow()))
    await begun.wait()
    assert (await client.patch(location, LAST[1])).refusal == (409, "BLOB_UPLOAD_INVALID")
    go_on.set()

    assert is_session(await writing, held=2048)
    assert await client.put(with_digest(location, digest_of(CONTENT)), LAST[1]) == blob_created(digest_of(CONTENT))


# --- what is no upload of the caller's ---


async def test_a_closed_upload_is_unknown(client: Client) -> None:
    """OCI distribution, end-5, end-6, end-13, end-14: 404 for an upload that has ended."""
    location = await client.begin()
    digest = digest_of(b"content")
    await client.put(with_digest(location, digest), b"content")

    for answer in (
        await client.get(location),
        await client.patch(location, b"more"),
        await client.put(with_digest(location, digest), b"content"),
        await client.delete(location),
    ):
        assert answer.refusal == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("session", ["x", "00000000-0000-4000-8000-000000000000", "%2e%2e", "0.0.sha256.0", "..."])
async def test_what_was_never_an_upload_is_unknown(client: Client, session: str) -> None:
    """OCI distribution, end-5, end-6, end-13, end-14: 404."""
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = await client.ask(method, f"{URL}uploads/{session}?digest={digest_of(b'')}")

        assert answer.refusal == (404, "BLOB_UPLOAD_UNKNOWN"), method


async def test_an_upload_belongs_to_its_package_and_to_who_began_it(registry: Registry) -> None:
    """OCI distribution, "POST then PUT": a location SHOULD NOT be assembled; one for elsewhere or of others is none."""
    location = await registry.client("publisher").begin()

    elsewhere = await registry.client("publisher").get(location.replace("acme/api", "acme/other"))
    of_another = await registry.client("maintainer").get(location)
    of_a_stranger = await registry.client("stranger").get(location)

    assert elsewhere.refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert of_another.refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert of_a_stranger.refusal == (404, "NAME_UNKNOWN")


async def test_an_upload_that_rests_too_long_is_unknown(registry: Registry) -> None:
    """OCI distribution, "Cancel a blob upload": unfinished uploads time out; each request begins the time anew."""
    client = registry.client()
    location = await client.begin()
    registry.world.clock.advance(hours=23)
    location = (await client.patch(location, FIRST[1])).location
    registry.world.clock.advance(hours=23)
    assert (await client.get(location)).status == 204

    registry.world.clock.advance(hours=2)

    assert (await client.get(location)).refusal == (404, "BLOB_UPLOAD_UNKNOWN")


# --- end-14: OCI distribution, "Cancel a blob upload" ---


@pytest.mark.parametrize("sent", [b"", b"some", CONTENT])
async def test_an_upload_is_cancelled(registry: Registry, sent: bytes) -> None:
    """OCI distribution, "Cancel a blob upload": 204, then the upload is unknown and its bytes are gone."""
    client = registry.client()
    location = await client.begin()
    location = (await client.patch(location, sent)).location

    answer = await client.delete(location, {"content-length": "0"})

    assert answer == Answer(204, {})
    assert (await client.get(location)).refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert (await client.delete(location)).refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert [stage async for stage in registry.world.registry.blobs.stages()] == []


async def test_an_older_location_cancels_too(client: Client) -> None:
    """OCI distribution, "Cancel a blob upload": the location is from the POST, or from a PATCH."""
    location = await client.begin()
    newer = (await client.patch(location, FIRST[1])).location

    assert await client.delete(location) == Answer(204, {})
    assert (await client.get(newer)).refusal == (404, "BLOB_UPLOAD_UNKNOWN")


# --- where nobody may push ---


async def test_a_namespace_that_is_not_there_takes_no_blob(registry: Registry) -> None:
    """OCI distribution, end-4a: 404, for who may push everywhere as for who may not."""
    for who in ("administrator", "maintainer"):
        for query in ("", f"?digest={digest_of(b'content')}", f"?mount={digest_of(b'content')}"):
            answer = await registry.client(who).post(f"/v2/nobody/api/blobs/uploads/{query}", b"content")
            assert answer.refusal == (404, "NAME_UNKNOWN")


async def test_a_reader_does_not_push(registry: Registry) -> None:
    """OCI distribution, "Error Codes": 403 DENIED."""
    for query in ("", f"?digest={digest_of(b'content')}", f"?mount={digest_of(b'content')}&from=acme/other"):
        answer = await registry.client("reader").post(f"{URL}uploads/{query}", b"content")
        assert answer.refusal == (403, "DENIED")


async def test_a_body_that_is_cut_leaves_what_came(registry: Registry) -> None:
    """OCI distribution, "Resumable Push": connectivity is lost, and the registry says how much it has."""
    client = registry.client()
    location = await client.begin()
    await registry.cut(location, CONTENT[:2000])

    assert await stands_at(client, location, 2000)
    digest = digest_of(CONTENT)
    answer = await client.put(with_digest(location, digest), CONTENT[2000:], ranged("2000-3066"))
    assert answer == blob_created(digest)
