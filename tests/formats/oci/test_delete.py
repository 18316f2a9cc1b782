"""end-9, end-10: OCI distribution, "Content Management". What is deleted is gone with the answer, everywhere at once."""

from __future__ import annotations

import pytest

from entrepot.operations.check import check
from tests.formats.oci.conversation import (
    Client,
    Registry,
    blob_answer,
    deleted,
    manifest_answer,
    manifest_created,
    referrers_answer,
)
from tests.formats.oci.documents import artifact, digest_of, image, index, some_bytes

URL = "/v2/acme/api/"
MANIFESTS, BLOBS = f"{URL}manifests/", f"{URL}blobs/"


# --- tags ---


@pytest.mark.parametrize("tag", ["latest", "1.0"])
async def test_a_tag_is_deleted_alone(client: Client, tag: str) -> None:
    """202; GET of it is 404; what it meant, and its other names, stay."""
    pushed = await client.push(image(b"layer"), tag, "other")

    answer = await client.delete(MANIFESTS + tag)

    assert answer == deleted()
    assert (await client.get(MANIFESTS + tag)).refusal == (404, "MANIFEST_UNKNOWN")
    assert await client.tags() == ["other"]
    for reference in ("other", pushed.digest):
        assert await client.get(MANIFESTS + reference) == manifest_answer(pushed)


@pytest.mark.parametrize("tag", ["unknown", ".INVALID", "a" * 129])
async def test_a_tag_that_is_not_there_is_not_deleted(client: Client, tag: str) -> None:
    """404; also twice in a row."""
    await client.push(image(b"layer"), "latest")
    await client.delete(f"{MANIFESTS}latest")

    for reference in (tag, "latest"):
        assert (await client.delete(MANIFESTS + reference)).refusal == (404, "MANIFEST_UNKNOWN")


async def test_the_last_name_of_a_manifest_may_go(client: Client) -> None:
    """A manifest without tags is still pulled by its digest."""
    pushed = await client.push(image(b"layer"), "latest")

    await client.delete(f"{MANIFESTS}latest")

    assert await client.get(MANIFESTS + pushed.digest) == manifest_answer(pushed)
    assert await client.tags() == []


# --- manifests ---


async def test_a_manifest_is_deleted_with_its_tags(client: Client, algorithm: str) -> None:
    """202; GET of the digest and of any tag that points to it is 404; its blobs stay."""
    pushed = await client.push(image(b"layer", algorithm=algorithm))
    await client.put_manifest(pushed, tags=["latest", "1.0", "2.0"])
    await client.push(image(b"other"), "kept")

    answer = await client.delete(MANIFESTS + pushed.digest)

    assert answer == deleted()
    for reference in (pushed.digest, "latest", "1.0", "2.0"):
        assert (await client.get(MANIFESTS + reference)).refusal == (404, "MANIFEST_UNKNOWN")
    assert await client.tags() == ["kept"]
    assert (await client.get(BLOBS + pushed.digest)).refusal == (404, "BLOB_UNKNOWN")
    for blob in pushed.blobs:
        digest = digest_of(blob, algorithm)
        assert await client.get(BLOBS + digest) == blob_answer(blob, digest)


async def test_a_manifest_that_is_not_there_is_not_deleted(client: Client, algorithm: str) -> None:
    """404; also twice in a row, and for one that another package has."""
    pushed = await client.push(image(b"layer", algorithm=algorithm))
    elsewhere = await client.push(image(b"other", algorithm=algorithm), name="acme/elsewhere")
    await client.delete(MANIFESTS + pushed.digest)

    for digest in (pushed.digest, elsewhere.digest, digest_of(b"never", algorithm)):
        assert (await client.delete(MANIFESTS + digest)).refusal == (404, "MANIFEST_UNKNOWN")
    assert await client.get(f"/v2/acme/elsewhere/manifests/{elsewhere.digest}") == manifest_answer(elsewhere)


async def test_a_referrer_is_deleted_while_its_subject_is_there(client: Client) -> None:
    """202; it is gone from the list of referrers with the answer."""
    subject = await client.push(image(b"layer"))
    kept, gone = [
        await client.push(artifact("application/vnd.example", layer, subject=subject)) for layer in (b"", b"x")
    ]

    assert await client.delete(MANIFESTS + gone.digest) == deleted()

    assert await client.get(f"{URL}referrers/{subject.digest}") == referrers_answer(kept.listed())


async def test_what_an_index_contains_is_deleted_after_it(client: Client, algorithm: str) -> None:
    """403 DENIED while an index of the package has it: nothing is ever half there. Then 202."""
    child = image(b"layer", algorithm=algorithm)
    inner = index(child, algorithm=algorithm)
    outer = await client.push(index(inner, algorithm=algorithm))

    for held in (child, inner):
        assert (await client.delete(MANIFESTS + held.digest)).refusal == (403, "DENIED")
        assert await client.get(MANIFESTS + held.digest) == manifest_answer(held)
    for free in (outer, inner, child):
        assert await client.delete(MANIFESTS + free.digest) == deleted()


async def test_what_an_index_contains_may_lose_its_tags(client: Client) -> None:
    """A tag holds nothing: it goes when it is told to, and the manifest stays."""
    child = await client.push(image(b"layer"), "amd64")
    await client.push(index(child), "latest")

    assert await client.delete(f"{MANIFESTS}amd64") == deleted()
    assert await client.get(MANIFESTS + child.digest) == manifest_answer(child)


async def test_a_deleted_manifest_is_pushed_again(client: Client, algorithm: str) -> None:
    """201 and everything as it was, but for its referrers, which went with it and are pushed again, too."""
    subject = await client.push(image(b"layer", algorithm=algorithm))
    referrer = await client.push(artifact("application/vnd.example", subject=subject, algorithm=algorithm))
    await client.delete(MANIFESTS + subject.digest)

    assert await client.put_manifest(subject) == manifest_created(subject)

    assert await client.get(MANIFESTS + subject.digest) == manifest_answer(subject)
    assert await client.referrers(subject.digest) == []
    await client.push(referrer)
    assert await client.referrers(subject.digest) == [referrer.listed()]


# --- blobs ---


@pytest.mark.parametrize("content", [b"", b"{}", some_bytes(512)])
async def test_a_blob_is_deleted(client: Client, algorithm: str, content: bytes) -> None:
    """202, then 404; and it is pushed again."""
    digest = await client.push_blob(content, algorithm=algorithm)

    answer = await client.delete(BLOBS + digest)

    assert answer == deleted(**{"docker-content-digest": digest})
    assert (await client.get(BLOBS + digest)).refusal == (404, "BLOB_UNKNOWN")
    assert (await client.delete(BLOBS + digest)).refusal == (404, "BLOB_UNKNOWN")
    await client.push_blob(content, algorithm=algorithm)
    assert await client.get(BLOBS + digest) == blob_answer(content, digest)


async def test_a_blob_that_is_not_there_is_not_deleted(client: Client, algorithm: str) -> None:
    """404, also for one that another package has, which keeps it."""
    await client.push_blob(b"other")
    digest = await client.push_blob(b"content", "acme/elsewhere", algorithm)

    assert (await client.delete(BLOBS + digest)).refusal == (404, "BLOB_UNKNOWN")
    assert await client.get(f"/v2/acme/elsewhere/blobs/{digest}") == blob_answer(b"content", digest)


async def test_a_blob_that_a_manifest_needs_is_deleted_after_it(client: Client, algorithm: str) -> None:
    """403 DENIED for its config as for its layers; 202 once no manifest of the package needs it."""
    first = await client.push(image(b"layer", algorithm=algorithm))
    second = await client.push(image(b"layer", algorithm=algorithm, annotations={"a": "b"}))
    digests = [digest_of(blob, algorithm) for blob in first.blobs]

    for manifest in (first, second):
        for digest in digests:
            assert (await client.delete(BLOBS + digest)).refusal == (403, "DENIED")
        await client.delete(MANIFESTS + manifest.digest)
    for digest in digests:
        assert await client.delete(BLOBS + digest) == deleted(**{"docker-content-digest": digest})


async def test_a_blob_that_another_package_needs_is_deleted_from_this_one(client: Client) -> None:
    """Each package has its own; 202 here, and it is still there."""
    pushed = await client.push(image(b"layer"), name="acme/elsewhere")
    digest = await client.push_blob(b"layer")

    assert await client.delete(BLOBS + digest) == deleted(**{"docker-content-digest": digest})
    assert await client.get(f"/v2/acme/elsewhere/blobs/{digest}") == blob_answer(b"layer", digest)
    assert await client.get(f"/v2/acme/elsewhere/manifests/{pushed.digest}") == manifest_answer(pushed)


async def test_a_manifest_is_not_deleted_as_a_blob(client: Client) -> None:
    """404: as a blob it was never pushed. The manifest stays."""
    pushed = await client.push(image(b"layer"))

    assert (await client.delete(BLOBS + pushed.digest)).refusal == (404, "BLOB_UNKNOWN")
    assert await client.get(MANIFESTS + pushed.digest) == manifest_answer(pushed)


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
@pytest.mark.parametrize("digest", ["sha256:bad", f"md5:{'0' * 32}", f"sha512:{'0' * 64}"])
async def test_what_is_no_digest_is_refused(client: Client, kind: str, digest: str) -> None:
    """400."""
    assert (await client.delete(f"{URL}{kind}/{digest}")).refusal == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("target", ["manifests/latest", f"manifests/{digest_of(b'')}", f"blobs/{digest_of(b'')}"])
async def test_nothing_is_deleted_from_a_package_that_is_not_there(registry: Registry, target: str) -> None:
    """If the repository does not exist, the response MUST be 404."""
    for name in ("acme/api", "nobody/api", "api"):
        answer = await registry.client("administrator").delete(f"/v2/{name}/{target}")

        assert answer.refusal == (404, "NAME_UNKNOWN")


# --- who may, and what is held ---


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("reader", (403, "DENIED")),
        ("publisher", (403, "DENIED")),
        ("stranger", (404, "NAME_UNKNOWN")),
        ("consumer", (404, "NAME_UNKNOWN")),
        (None, (401, "UNAUTHORIZED")),
    ],
)
async def test_deleting_is_a_right_of_its_own(registry: Registry, who: str | None, refusal: tuple[int, str]) -> None:
    """Who may push may not delete; and to whoever may not read, there is no such package."""
    pushed = await registry.client().push(image(b"layer"), "latest")

    for target in ("manifests/latest", f"manifests/{pushed.digest}", f"blobs/{digest_of(b'layer')}"):
        assert (await registry.client(who).delete(URL + target)).refusal == refusal


async def test_what_a_channel_shows_is_not_deleted(registry: Registry) -> None:
    """403 DENIED for what is cleared, for what that contains and for what refers to it; then 202."""
    client = registry.client()
    child = image(b"layer")
    pushed = await client.push(index(child), "1.0", "latest")
    referrer = await client.push(artifact("application/vnd.example", subject=pushed))
    await registry.clear("acme/api", pushed.digest)

    for reference in (pushed.digest, child.digest, referrer.digest, "1.0"):
        assert (await client.delete(MANIFESTS + reference)).refusal == (403, "DENIED")
    assert await client.delete(f"{MANIFESTS}latest") == deleted()
    await registry.unclear("acme/api", pushed.digest)
    for reference in ("1.0", referrer.digest, pushed.digest, child.digest):
        assert await client.delete(MANIFESTS + reference) == deleted()


async def test_nothing_is_left_inconsistent(registry: Registry) -> None:
    """Whatever is deleted, in whatever order is allowed, each invariant holds."""
    client = registry.client()
    children = [image(some_bytes(200, seed)) for seed in range(3)]
    pushed = await client.push(index(*children), "latest")
    await client.push(artifact("application/vnd.example", subject=pushed))
    for child in children:
        await client.delete(MANIFESTS + child.digest)
    await client.delete(MANIFESTS + pushed.digest)
    for child in children[1:]:
        await client.delete(MANIFESTS + child.digest)
        for blob in child.blobs:
            await client.delete(BLOBS + digest_of(blob))

    assert await check(registry.world.registry, read_bytes=True) == []
    assert await client.get(MANIFESTS + children[0].digest) == manifest_answer(children[0])
