"""A channel's view through OCI's addresses: ``acme.prod/api`` has what is cleared for prod, and takes nothing.

Nothing of this is OCI's; it is what a name's first component means here. What is not cleared is not there.
"""

from __future__ import annotations

import pytest

from tests.formats.oci.conversation import (
    Client,
    Registry,
    blob_answer,
    blob_created,
    manifest_answer,
    referrers_answer,
)
from tests.formats.oci.documents import Document, artifact, digest_of, fallback_tag, image, index, some_bytes

VIEW = "/v2/acme.prod/api/"


@pytest.fixture
def consumer(registry: Registry) -> Client:
    """Whoever may read ``acme.prod`` and nothing else, as a production cluster."""
    return registry.client("consumer")


def blobs(*documents: Document) -> dict[str, bytes]:
    """What the documents need, by digest."""
    return {digest_of(blob, each.algorithm): blob for each in documents for blob in each.blobs}


async def test_nothing_is_there_before_it_is_cleared(registry: Registry, client: Client) -> None:
    """404 as for a package that there is not, to the consumer as to the maintainer; no list of tags either."""
    pushed = await client.push(image(b"layer"), "1.0")
    targets = ["manifests/1.0", f"manifests/{pushed.digest}", "tags/list", *(f"blobs/{each}" for each in blobs(pushed))]

    for who in ("consumer", "maintainer"):
        for target in targets:
            assert (await registry.client(who).get(VIEW + target)).refusal == (404, "NAME_UNKNOWN")
        assert await registry.client(who).get(f"{VIEW}referrers/{pushed.digest}") == referrers_answer()


async def test_what_is_cleared_is_there(registry: Registry, client: Client, consumer: Client, algorithm: str) -> None:
    """By each of its names and its digest, with its blobs; answers are as from the namespace itself."""
    pushed = await client.push(image(some_bytes(512), b"small", algorithm=algorithm))
    await client.put_manifest(pushed, tags=["1.0", "latest"])
    await registry.clear("acme/api", pushed.digest)

    assert await consumer.tags("acme.prod/api") == ["1.0", "latest"]
    for reference in ("1.0", "latest", pushed.digest):
        assert await consumer.get(f"{VIEW}manifests/{reference}") == manifest_answer(pushed)
    for digest, blob in blobs(pushed).items():
        assert await consumer.get(f"{VIEW}blobs/{digest}") == blob_answer(blob, digest)
        part = await consumer.get(f"{VIEW}blobs/{digest}", {"Range": "bytes=1-3"})
        assert part == blob_answer(blob, digest, part=slice(1, 4))


async def test_what_is_not_cleared_is_not_there_beside_it(registry: Registry, client: Client, consumer: Client) -> None:
    """Neither its names, nor its digest, nor a blob that only it has; what both have is."""
    old, new = [await client.push(image(b"shared", layer), tag) for layer, tag in ((b"old", "1.0"), (b"new", "2.0"))]
    await registry.clear("acme/api", old.digest)

    assert await consumer.tags("acme.prod/api") == ["1.0"]
    for reference in ("2.0", new.digest):
        assert (await consumer.get(f"{VIEW}manifests/{reference}")).refusal == (404, "MANIFEST_UNKNOWN")
    assert (await consumer.get(f"{VIEW}blobs/{digest_of(b'new')}")).refusal == (404, "BLOB_UNKNOWN")
    for blob in (b"shared", b"old"):
        assert (await consumer.get(f"{VIEW}blobs/{digest_of(blob)}")).status == 200


async def test_a_tag_is_there_while_it_means_what_is_cleared(
    registry: Registry, client: Client, consumer: Client
) -> None:
    """Names resolve through the clearance: a tag that has moved on is not seen, and is when it comes back."""
    old = await client.push(image(b"old"), "latest")
    await registry.clear("acme/api", old.digest)
    await client.push(image(b"new"), "latest")

    assert (await consumer.get(f"{VIEW}manifests/latest")).refusal == (404, "MANIFEST_UNKNOWN")
    assert await consumer.tags("acme.prod/api") == []
    await client.put_manifest(old, "latest")
    assert await consumer.get(f"{VIEW}manifests/latest") == manifest_answer(old)


async def test_an_index_is_cleared_with_what_it_contains(registry: Registry, client: Client, consumer: Client) -> None:
    """All the way down; a manifest by itself is cleared without what contains it."""
    leaves = [image(some_bytes(200, seed)) for seed in range(3)]
    inner = index(*leaves[:2])
    outer = await client.push(index(inner, leaves[2]), "1.0")
    await registry.clear("acme/api", outer.digest)
    await registry.clear("acme/api", leaves[0].digest, "staging")

    for each in (outer, inner, *leaves):
        assert await consumer.get(f"{VIEW}manifests/{each.digest}") == manifest_answer(each)
    for digest, blob in blobs(*leaves).items():
        assert await consumer.get(f"{VIEW}blobs/{digest}") == blob_answer(blob, digest)
    staging = "/v2/acme.staging/api/manifests/"
    assert (await client.get(staging + leaves[0].digest)).status == 200
    for each in (outer, inner, *leaves[1:]):
        assert (await client.get(staging + each.digest)).refusal == (404, "MANIFEST_UNKNOWN")


async def test_referrers_are_cleared_with_their_subject(registry: Registry, client: Client, consumer: Client) -> None:
    """Those that are there, and what refers to those; with their blobs; and not those of what is not cleared."""
    subject, other = [await client.push(image(layer)) for layer in (b"subject", b"other")]
    sbom = await client.push(artifact("application/vnd.example.sbom", b"sbom", subject=subject))
    signature = await client.push(artifact("application/vnd.example.signature", b"of the sbom", subject=sbom))
    elsewhere = await client.push(artifact("application/vnd.example.sbom", b"elsewhere", subject=other))
    await registry.clear("acme/api", subject.digest)

    assert await consumer.get(f"{VIEW}referrers/{subject.digest}") == referrers_answer(sbom.listed())
    assert await consumer.get(f"{VIEW}referrers/{sbom.digest}") == referrers_answer(signature.listed())
    assert await consumer.get(f"{VIEW}referrers/{other.digest}") == referrers_answer()
    for each in (sbom, signature):
        assert await consumer.get(f"{VIEW}manifests/{each.digest}") == manifest_answer(each)
        assert await consumer.get(f"{VIEW}blobs/{digest_of(each.blobs[1])}") == blob_answer(
            each.blobs[1], digest_of(each.blobs[1])
        )
    assert (await consumer.get(f"{VIEW}manifests/{elsewhere.digest}")).refusal == (404, "MANIFEST_UNKNOWN")
    assert (await consumer.get(f"{VIEW}blobs/{digest_of(b'elsewhere')}")).refusal == (404, "BLOB_UNKNOWN")


async def test_a_referrer_that_comes_after_the_clearance_is_cleared_too(
    registry: Registry, client: Client, consumer: Client
) -> None:
    """A signature is made when the image is there: of the index, of what it contains, and of what was signed since."""
    child = image(b"layer")
    subject = await client.push(index(child), "1.0")
    await registry.clear("acme/api", subject.digest)

    of_index = await client.push(artifact("application/vnd.example.signature", b"1", subject=subject))
    of_child = await client.push(artifact("application/vnd.example.signature", b"2", subject=child))
    of_signature = await client.push(artifact("application/vnd.example.timestamp", b"3", subject=of_index))
    with_parts = await client.push(index(image(b"inside"), subject=subject))

    assert await consumer.get(f"{VIEW}referrers/{subject.digest}") == referrers_answer(
        of_index.listed(), with_parts.listed()
    )
    assert await consumer.get(f"{VIEW}referrers/{child.digest}") == referrers_answer(of_child.listed())
    assert await consumer.get(f"{VIEW}referrers/{of_index.digest}") == referrers_answer(of_signature.listed())
    for each in (*with_parts.children, of_child, of_signature):
        assert await consumer.get(f"{VIEW}manifests/{each.digest}") == manifest_answer(each)


async def test_what_merely_claims_to_refer_is_not_cleared_elsewhere(
    registry: Registry, client: Client, consumer: Client
) -> None:
    """A referrer is one in its own package: the same subject in another one clears nothing there."""
    subject = await client.push(image(b"layer"))
    await registry.clear("acme/api", subject.digest)
    referrer = await client.push(artifact("application/vnd.example", b"x", subject=subject), name="acme/other")

    assert await consumer.get(f"{VIEW}referrers/{subject.digest}") == referrers_answer()
    assert (await consumer.get(f"/v2/acme.prod/other/manifests/{referrer.digest}")).refusal == (404, "NAME_UNKNOWN")


async def test_a_clearance_that_is_taken_back_hides_everything_again(
    registry: Registry, client: Client, consumer: Client
) -> None:
    """At once: the image, its blobs, what refers to it."""
    pushed = await client.push(image(b"layer"), "1.0")
    referrer = await client.push(artifact("application/vnd.example", subject=pushed))
    await registry.clear("acme/api", pushed.digest)
    assert (await consumer.get(f"{VIEW}manifests/1.0")).status == 200

    await registry.unclear("acme/api", pushed.digest)

    for target in ("manifests/1.0", f"manifests/{referrer.digest}", f"blobs/{digest_of(b'layer')}", "tags/list"):
        assert (await consumer.get(VIEW + target)).refusal == (404, "NAME_UNKNOWN")
    assert (await client.get("/v2/acme/api/manifests/1.0")).status == 200


async def test_what_is_covered_twice_stays_until_both_are_taken_back(
    registry: Registry, client: Client, consumer: Client
) -> None:
    """A manifest that was cleared itself, and in an index."""
    child = image(b"layer")
    pushed = await client.push(index(child))
    for each in (pushed, child):
        await registry.clear("acme/api", each.digest)

    await registry.unclear("acme/api", pushed.digest)

    assert await consumer.get(f"{VIEW}manifests/{child.digest}") == manifest_answer(child)
    assert (await consumer.get(f"{VIEW}manifests/{pushed.digest}")).refusal == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("who", ["consumer", "publisher", "maintainer", "administrator"])
async def test_a_view_takes_nothing(registry: Registry, client: Client, who: str) -> None:
    """403 DENIED for every change, to whoever asks: content enters a channel by clearance alone."""
    pushed = await client.push(image(b"layer"), "1.0")
    await registry.clear("acme/api", pushed.digest)
    talker = registry.client(who)

    for method, target in (
        ("POST", "blobs/uploads/"),
        ("POST", f"blobs/uploads/?digest={digest_of(b'')}"),
        ("POST", f"blobs/uploads/?mount={digest_of(b'layer')}&from=acme/api"),
        ("GET", "blobs/uploads/x"),
        ("PATCH", "blobs/uploads/x"),
        ("PUT", f"blobs/uploads/x?digest={digest_of(b'')}"),
        ("DELETE", "blobs/uploads/x"),
        ("PUT", "manifests/1.0"),
        ("PUT", f"manifests/{pushed.digest}?tag=2.0"),
        ("DELETE", "manifests/1.0"),
        ("DELETE", f"manifests/{pushed.digest}"),
        ("DELETE", f"blobs/{digest_of(b'layer')}"),
    ):
        assert (await talker.ask(method, VIEW + target)).refusal == (403, "DENIED")
    assert await talker.get(f"{VIEW}manifests/1.0") == manifest_answer(pushed)


async def test_a_consumer_sees_nothing_but_the_view(registry: Registry, client: Client, consumer: Client) -> None:
    """404 for the namespace itself and for its other channels, whatever is there."""
    pushed = await client.push(image(b"layer"), "1.0")
    for channel in ("prod", "staging"):
        await registry.clear("acme/api", pushed.digest, channel)

    for view in ("acme", "acme.staging", "acme.nowhere"):
        for target in ("manifests/1.0", f"blobs/{digest_of(b'layer')}", "tags/list", f"referrers/{pushed.digest}"):
            assert (await consumer.get(f"/v2/{view}/api/{target}")).refusal == (404, "NAME_UNKNOWN")


async def test_an_upload_that_began_in_the_namespace_does_not_end_in_a_view(client: Client) -> None:
    """403 DENIED, and the upload goes on where it began."""
    location = await client.begin()

    answer = await client.put(f"{location.replace('/acme/', '/acme.prod/')}?digest={digest_of(b'')}")

    assert answer.refusal == (403, "DENIED")
    assert await client.put(f"{location}?digest={digest_of(b'')}") == blob_created(digest_of(b""))


@pytest.mark.parametrize("view", ["acme.nowhere", "nobody.prod", "acme.prod"])
async def test_a_view_of_nothing_is_empty(client: Client, view: str) -> None:
    """404: a channel that there is not shows nothing, as one that has cleared nothing."""
    pushed = await client.push(image(b"layer"), "1.0")

    for target in ("manifests/1.0", f"manifests/{pushed.digest}", f"blobs/{digest_of(b'layer')}", "tags/list"):
        assert (await client.get(f"/v2/{view}/api/{target}")).refusal == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize("view", ["acme.", ".prod", "acme.prod.eu", "acme..prod", "acme.Prod", "acme.prod_eu"])
async def test_what_cannot_be_a_view_is_refused(client: Client, view: str) -> None:
    """400 NAME_INVALID."""
    assert (await client.get(f"/v2/{view}/api/manifests/1.0")).refusal == (400, "NAME_INVALID")


async def test_a_public_namespaces_view_is_read_by_anybody(registry: Registry) -> None:
    """What is cleared in a public namespace needs no credentials; it may be kept by everybody."""
    pushed = await registry.client("administrator").push(image(b"layer"), "1.0", name="open/api")
    await registry.clear("open/api", pushed.digest)
    anybody, digest = registry.client(None), digest_of(b"layer")

    assert await anybody.get("/v2/open.prod/api/manifests/1.0") == manifest_answer(pushed)
    assert await anybody.get(f"/v2/open.prod/api/blobs/{digest}") == blob_answer(b"layer", digest, public=True)
    assert await anybody.tags("open.prod/api") == ["1.0"]


async def test_pages_of_a_view_are_of_what_it_shows(registry: Registry, client: Client, consumer: Client) -> None:
    """``n`` counts the tags and referrers that are seen; the links keep to the view."""
    shown = await client.push(image(b"shown"), "a", "c", "e")
    await client.push(image(b"hidden"), "b", "d")
    await registry.clear("acme/api", shown.digest)
    for number in range(3):
        await client.push(artifact("application/vnd.example", bytes([number]), subject=shown))

    tags = await consumer.get(f"{VIEW}tags/list?n=2")
    referrers = await consumer.get(f"{VIEW}referrers/{shown.digest}?n=2")

    assert tags.json == {"name": "acme.prod/api", "tags": ["a", "c"]}
    assert tags.headers["link"] == f'<{VIEW}tags/list?n=2&last=c>; rel="next"'
    assert referrers.headers["link"].startswith(f"<{VIEW}referrers/{shown.digest}?n=2&last=sha256%3A")


async def test_a_fallback_tags_list_is_seen_where_its_tag_is_cleared(
    registry: Registry, client: Client, consumer: Client
) -> None:
    """A list that clients keep under a tag is an artifact of its own: what it lists is there once it is cleared too."""
    subject = await client.push(image(b"layer"))
    old = await client.push(artifact("application/vnd.example", b"old"))
    kept = await client.push(index(old), fallback_tag(subject.digest))
    await registry.clear("acme/api", subject.digest)

    assert await consumer.get(f"{VIEW}referrers/{subject.digest}") == referrers_answer()
    await registry.clear("acme/api", kept.digest)
    assert await consumer.get(f"{VIEW}referrers/{subject.digest}") == referrers_answer(old.listed())
