"""end-11: OCI distribution, "Mounting a blob from another repository". What a digest names is no secret to be guessed."""

from __future__ import annotations

import pytest

from tests.formats.oci.conversation import Client, Registry, blob_answer, blob_created, is_session, with_digest
from tests.formats.oci.documents import digest_of, image, some_bytes

URL = "/v2/acme/api/blobs/uploads/"
CONTENT = some_bytes(512)


async def test_a_blob_is_mounted(client: Client, algorithm: str) -> None:
    """201 and the location that the blob is pulled from, in the package that it was mounted to."""
    digest = await client.push_blob(CONTENT, "acme/source", algorithm)

    answer = await client.post(f"{URL}?mount={digest}&from=acme/source")

    assert answer == blob_created(digest)
    assert await client.get(answer.location) == blob_answer(CONTENT, digest)


async def test_a_blob_is_mounted_from_wherever_it_may_be_read(client: Client, algorithm: str) -> None:
    """The registry MAY treat ``from`` as optional: here it looks itself."""
    digest = await client.push_blob(CONTENT, "acme/source", algorithm)

    answer = await client.post(f"{URL}?mount={digest}")

    assert answer == blob_created(digest)
    assert await client.get(answer.location) == blob_answer(CONTENT, digest)


async def test_a_blob_that_is_there_already_is_mounted_again(client: Client) -> None:
    """201, whether it comes from another package or from the same one."""
    digest = await client.push_blob(CONTENT)

    for query in ("", "&from=acme/api"):
        assert await client.post(f"{URL}?mount={digest}{query}") == blob_created(digest)


async def test_an_empty_blob_is_mounted(client: Client) -> None:
    """201, as for any other."""
    digest = await client.push_blob(b"", "acme/source")

    assert await client.post(f"{URL}?mount={digest}&from=acme/source") == blob_created(digest)


async def test_a_manifest_is_mounted_as_a_blob(client: Client) -> None:
    """OCI image, "Content Descriptors": a digest names bytes, whatever they are."""
    pushed = await client.push(image(b"layer"), name="acme/source")

    answer = await client.post(f"{URL}?mount={pushed.digest}&from=acme/source")

    assert answer == blob_created(pushed.digest)
    assert await client.get(answer.location) == blob_answer(pushed.content, pushed.digest)


async def test_a_public_blob_is_mounted_by_anybody_who_may_push(registry: Registry) -> None:
    """What anybody may read, anybody may take; who does not name the source, too."""
    digest = await registry.client("administrator").push_blob(CONTENT, "open/source")

    named = await registry.client("publisher").post(f"{URL}?mount={digest}&from=open/source")
    found = await registry.client("publisher").post(f"/v2/acme/other/blobs/uploads/?mount={digest}")

    assert named == blob_created(digest)
    assert found == blob_created(digest, "acme/other")


@pytest.mark.parametrize("query", ["", "&from=acme/source", "&from=acme/nowhere", "&from=nobody/api"])
async def test_a_blob_that_is_nowhere_begins_an_upload(client: Client, algorithm: str, query: str) -> None:
    """202 and an upload, which the client goes on with."""
    await client.push_blob(b"other", "acme/source")
    digest = digest_of(CONTENT, algorithm)

    answer = await client.post(f"{URL}?mount={digest}{query}")

    assert is_session(answer, held=0)
    assert await client.put(with_digest(answer.location, digest), CONTENT) == blob_created(digest)


@pytest.mark.parametrize("source", ["acme/elsewhere", "Acme/Source", "foo_bar/api", "a.b.c/api", "..", "", "acme/"])
async def test_a_source_that_does_not_have_the_blob_begins_an_upload(client: Client, source: str) -> None:
    """202 when the registry is unable to mount, also from a name that nothing can have here."""
    digest = await client.push_blob(CONTENT, "acme/source")

    answer = await client.post(f"{URL}?mount={digest}&from={source}")

    assert is_session(answer, held=0)


@pytest.mark.parametrize("source", ["", "&from=other/secret"])
async def test_what_the_caller_may_not_read_is_not_there_to_be_mounted(registry: Registry, source: str) -> None:
    """A digest that is known only in a private package does not become readable by being named: 202, as for none."""
    digest = await registry.client("stranger").push_blob(CONTENT, "other/secret")
    nothing = digest_of(b"nothing")

    hidden = await registry.client("publisher").post(f"{URL}?mount={digest}{source}")
    absent = await registry.client("publisher").post(f"{URL}?mount={nothing}{source}")

    assert is_session(hidden, held=0)
    assert is_session(absent, held=0)
    assert (await registry.client("publisher").get(f"/v2/acme/api/blobs/{digest}")).status == 404


async def test_of_several_sources_one_that_may_be_read_is_taken(registry: Registry) -> None:
    """Without ``from``, the private ones are passed over."""
    for namespace in ("other", "library", "open"):
        await registry.client("administrator").push_blob(CONTENT, f"{namespace}/source")

    answer = await registry.client("publisher").post(f"{URL}?mount={digest_of(CONTENT)}")

    assert answer == blob_created(digest_of(CONTENT))


async def test_a_blob_is_mounted_through_a_view_if_it_is_cleared_there(registry: Registry) -> None:
    """A source may be a channel's view, which has what is cleared alone."""
    client = registry.client()
    pushed = await client.push(image(CONTENT), name="acme/source")
    url = f"{URL}?mount={digest_of(CONTENT)}&from=acme.prod/source"

    before = await client.post(url)
    await registry.clear("acme/source", pushed.digest)
    after = await client.post(url)

    assert is_session(before, held=0)
    assert after == blob_created(digest_of(CONTENT))


async def test_a_view_is_not_mounted_to(client: Client) -> None:
    """Content enters a channel by clearance alone."""
    digest = await client.push_blob(CONTENT)

    answer = await client.post(f"/v2/acme.prod/api/blobs/uploads/?mount={digest}&from=acme/api")

    assert answer.refusal == (403, "DENIED")


async def test_what_is_no_digest_is_refused(client: Client) -> None:
    """OCI distribution, "Pushing blobs": 400."""
    answer = await client.post(f"{URL}?mount=sha256:bad&from=acme/source")

    assert answer.refusal == (400, "DIGEST_INVALID")


async def test_a_deleted_blob_is_not_mounted_from_where_it_was(client: Client) -> None:
    """OCI distribution, "Deleting Blobs": it is gone from that package, and from there alone."""
    digest = await client.push_blob(CONTENT, "acme/source")
    await client.post(f"{URL}?mount={digest}&from=acme/source")

    await client.delete(f"/v2/acme/source/blobs/{digest}")

    third = "/v2/acme/third/blobs/uploads/"
    assert is_session(await client.post(f"{third}?mount={digest}&from=acme/source"), held=0, name="acme/third")
    assert await client.post(f"{third}?mount={digest}&from=acme/api") == blob_created(digest, "acme/third")


# --- with an access token: Docker, "Token Authentication Specification" ---


async def test_a_token_for_the_target_alone_is_told_to_ask_for_the_source_too(registry: Registry) -> None:
    """401 with both scopes, as the client may read the source and only its token may not; then 201."""
    digest = await registry.client().push_blob(CONTENT, "acme/source")
    url = f"{URL}?mount={digest}&from=acme/source"
    narrow = await registry.access_token("publisher", "repository:acme/api:pull,push")
    both = await registry.access_token("publisher", "repository:acme/api:pull,push repository:acme/source:pull")

    refused = await registry.bearer(narrow).post(url)

    assert refused.refusal == (401, "UNAUTHORIZED")
    assert 'scope="repository:acme/api:pull,push repository:acme/source:pull"' in refused.headers["www-authenticate"]
    assert await registry.bearer(both).post(url) == blob_created(digest)


async def test_a_token_for_the_target_mounts_from_wherever_its_holder_may_read(registry: Registry) -> None:
    """Without ``from`` nobody can name the source beforehand, so what its holder may read decides."""
    readable = await registry.client().push_blob(CONTENT, "acme/source")
    secret = await registry.client("stranger").push_blob(some_bytes(512, seed=1), "other/secret")
    token = await registry.access_token("publisher", "repository:acme/api:pull,push")

    assert await registry.bearer(token).post(f"{URL}?mount={readable}") == blob_created(readable)
    assert is_session(await registry.bearer(token).post(f"{URL}?mount={secret}"), held=0)


async def test_a_token_does_not_help_to_what_its_holder_may_not_read(registry: Registry) -> None:
    """A token MAY be asked for more than its holder may do, and then allows no more: 202, as for what is not there."""
    digest = await registry.client("stranger").push_blob(CONTENT, "other/secret")
    token = await registry.access_token("publisher", "repository:acme/api:pull,push repository:other/secret:pull")

    answer = await registry.bearer(token).post(f"{URL}?mount={digest}&from=other/secret")

    assert is_session(answer, held=0)
