"""What other registries' published tests ask of a registry of images, asked of ours.

The cases are Gitea's (``tests/integration/api_packages_container_test.go``) and pulp_container's
(``pulp_container/tests/functional/api``: ``test_cancel_blob_upload.py``, ``test_delete_blob.py``,
``test_delete_manifest.py``, ``test_push_content.py``, ``test_pull_content.py``, ``test_token_authentication.py``,
``test_repositories_list.py``); each test names its own.
Theirs that are not here are asserted in the files beside this one, or by the official conformance suite: blobs in
chunks, ranges that do not fit, manifests by tag and digest, pages of tags, wrong digests, wrong credentials.
Where they expect something else than we do, the test says why.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.formats.oci.conversation import (
    Registry,
    blob_answer,
    blob_created,
    is_session,
    manifest_answer,
    manifest_created,
    with_digest,
)
from tests.formats.oci.documents import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Document,
    digest_of,
    image,
    index,
    some_bytes,
)

UNKNOWN = f"sha256:{'0' * 64}"
NAMES = pytest.mark.parametrize("name", ["acme/test", "acme/te/st"])
DOCKER = image(
    b"layer", config_type=DOCKER_CONFIG, layer_type=DOCKER_LAYER, media_type=DOCKER_MANIFEST, config=b'{"os":"linux"}'
)
MIXED = image(b"layer", config_type=DOCKER_CONFIG, layer_type=DOCKER_LAYER, config=b'{"os":"linux"}')


def pulled(document: Document, kind: str) -> Document:
    """The same bytes under another media type."""
    return Document(document.content, kind, document.algorithm, document.blobs, document.children)


# --- Gitea, TestPackageContainer ---


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_support_is_told_with_and_without_a_slash(registry: Registry, path: str) -> None:
    """Gitea, "Authenticate" and "DetermineSupport", ask without."""
    nobody = await registry.client(None).ask("GET", path)
    somebody = await registry.client("reader").ask("GET", path)

    assert (nobody.status, somebody.status) == (401, 200)
    assert nobody.headers["www-authenticate"].startswith("Bearer realm=")
    assert somebody.headers["docker-distribution-api-version"] == "registry/2.0"


@NAMES
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_blob_is_pushed_whole_with_and_without_a_slash(registry: Registry, name: str, slash: str) -> None:
    """Gitea, "UploadBlob/Monolithic", posts to ``blobs/uploads``, which the specification writes with a slash."""
    content = some_bytes(32)
    target = f"/v2/{name}/blobs/uploads{slash}"

    wrong = await registry.client().post(f"{target}?digest={UNKNOWN}", content)
    right = await registry.client().post(f"{target}?digest={digest_of(content)}", content)
    begun = await registry.client().post(target)

    assert wrong.refusal == (400, "DIGEST_INVALID")
    assert right == blob_created(digest_of(content), name)
    assert is_session(begun, held=0, name=name)


@NAMES
async def test_who_may_not_push_begins_no_upload(registry: Registry, name: str) -> None:
    """Gitea, "UploadBlob", answers 401 to all of these; who is known and may not is 403, which asks for no password."""
    target = f"/v2/{name}/blobs/uploads/"

    assert (await registry.client(None).post(target)).refusal == (401, "UNAUTHORIZED")
    assert (await registry.bearer("ent_bot_wrong").post(target)).refusal == (401, "UNAUTHORIZED")
    assert (await registry.client("reader").post(target)).refusal == (403, "DENIED")


@NAMES
async def test_a_blob_is_pushed_in_chunks(registry: Registry, name: str) -> None:
    """Gitea, "UploadBlob/Chunked": a location that was never given, a chunk out of place, one in place, its state."""
    client, content = registry.client(), some_bytes(32)
    location = await client.begin(name)

    never = await client.patch(f"{location}000", content)
    beside = await client.patch(location, content, {"content-range": "1-10"})
    taken = await client.patch(location, content, {"content-range": f"0-{len(content) - 1}"})
    state = await client.ask("GET", taken.location)
    closed = await client.put(with_digest(state.location, digest_of(content)))

    assert never.refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert beside.status == 416
    assert is_session(taken, held=len(content), name=name)
    assert is_session(state, held=len(content), status=204, name=name)
    assert closed == blob_created(digest_of(content), name)


@NAMES
async def test_a_client_that_keeps_the_first_location_gets_on_too(registry: Registry, name: str) -> None:
    """Gitea, "UploadBlob/Chunked": the beginning without a range, the rest with one, both to where it began."""
    client, content = registry.client(), some_bytes(32)
    location = await client.begin(name)

    beginning = await client.patch(location, content[:1])
    rest = await client.patch(location, content[1:], {"content-range": f"1-{len(content) - 1}"})

    assert is_session(beginning, held=1, name=name)
    assert is_session(rest, held=len(content), name=name)
    assert await client.put(with_digest(location, digest_of(content))) == blob_created(digest_of(content), name)


@NAMES
async def test_an_upload_is_cancelled(registry: Registry, name: str) -> None:
    """Gitea, "UploadBlob/Chunked/Cancel"."""
    client = registry.client()
    location = await client.begin(name)

    state = await client.ask("GET", location)
    cancelled = await client.delete(location)
    after = await client.ask("GET", location)

    assert is_session(state, held=0, status=204, name=name)
    assert (cancelled.status, after.refusal) == (204, (404, "BLOB_UPLOAD_UNKNOWN"))


@NAMES
async def test_a_blob_is_mounted_if_its_reader_may(registry: Registry, name: str) -> None:
    """Gitea, "UploadBlob/Mount": of nothing, of what is somebody else's, of one's own, and from where nothing is."""
    client, content, private = registry.client(), some_bytes(32), b"private"
    digest = await client.push_blob(content, name)
    await registry.client("stranger").push_blob(private, "other/test")

    async def mount(query: str) -> int:
        return (await client.post(f"/v2/{name}/blobs/uploads?{query}")).status

    assert await mount(f"mount={UNKNOWN}") == 202
    assert await mount(f"mount={digest_of(private)}") == 202
    assert await mount(f"mount={digest}") == 201
    assert await mount(f"mount={UNKNOWN}&from=unknown/image") == 202
    assert await mount(f"mount={digest}&from={name}") == 201


@NAMES
@pytest.mark.parametrize("tag", ["latest", "main"])
async def test_an_image_of_docker_is_pushed_and_found(registry: Registry, name: str, tag: str) -> None:
    """Gitea, "UploadManifest", "HeadManifest" and "GetManifest"."""
    client = registry.client()
    await client.push_parts(DOCKER, name)

    nobody = await registry.client(None).put(
        f"/v2/{name}/manifests/{tag}", DOCKER.content, {"content-type": DOCKER_MANIFEST}
    )
    answers = [await client.put_manifest(DOCKER, tag, name) for _ in range(2)]
    got = await client.get(f"/v2/{name}/manifests/{tag}")
    missing = await client.get(f"/v2/{name}/manifests/unknown-tag")

    assert nobody.refusal == (401, "UNAUTHORIZED")
    assert answers == [manifest_created(DOCKER, tag, name=name)] * 2
    assert got == manifest_answer(DOCKER)
    assert missing.refusal == (404, "MANIFEST_UNKNOWN")


async def test_a_manifest_is_not_pushed_under_another_type_than_its_own(registry: Registry) -> None:
    """Gitea, "UploadManifest", pushes Docker's manifest as one of OCI's, and from then on serves it so.

    A client that goes by the header would then read another type in the document (OCI image, "Manifest": they must
    agree), and the same digest would be two things.
    """
    client = registry.client()
    await client.push_parts(DOCKER)

    answer = await client.put_manifest(pulled(DOCKER, MANIFEST), "latest")

    assert answer.refusal == (400, "MANIFEST_INVALID")


@NAMES
async def test_an_index_has_manifests_of_both_kinds(registry: Registry, name: str) -> None:
    """Gitea, "UploadUntaggedManifest" and "UploadIndexManifest"; each child is pulled by its digest alone."""
    client = registry.client()
    both = index(DOCKER, MIXED)

    await client.push(both, "multi", name=name)

    assert await client.get(f"/v2/{name}/manifests/multi") == manifest_answer(both)
    for child in (DOCKER, MIXED):
        assert await client.get(f"/v2/{name}/manifests/{child.digest}") == manifest_answer(child)
    assert await client.tags(name) == ["multi"]


@NAMES
@pytest.mark.parametrize(
    ("query", "tags", "following"),
    [
        ("", ["latest", "main", "multi"], None),
        ("?n=0", [], None),
        ("?n=2", ["latest", "main"], "n=2&last=main"),
        ("?last=main", ["multi"], None),
        ("?n=1&last=latest", ["main"], "n=1&last=main"),
    ],
)
async def test_tags_come_in_pages(
    registry: Registry, name: str, query: str, tags: list[str], following: str | None
) -> None:
    """Gitea, "GetTagList", where the last page has a link too, to one that is empty; here it has none."""
    client = registry.client()
    await client.push(DOCKER, "latest", "main", "multi", name=name)

    answer = await client.get(f"/v2/{name}/tags/list{query}")

    assert answer.json == {"name": name, "tags": tags}
    link = None if following is None else f'</v2/{name}/tags/list?{following}>; rel="next"'
    assert answer.headers.get("link") == link


@NAMES
async def test_what_is_deleted_is_gone_at_once(registry: Registry, name: str) -> None:
    """Gitea, "Delete".

    There a blob goes although a manifest has it, which then cannot be pulled; here it goes when nothing needs it, and
    so does what an index contains.
    """
    client = registry.client()
    both = await client.push(index(MIXED), "multi", name=name)
    layer = digest_of(MIXED.blobs[1])

    assert (await client.delete(f"/v2/{name}/blobs/{layer}")).refusal == (403, "DENIED")
    assert (await client.delete(f"/v2/{name}/manifests/{MIXED.digest}")).refusal == (403, "DENIED")
    for path in (
        "manifests/multi",
        f"manifests/{both.digest}",
        f"manifests/{MIXED.digest}",
        f"blobs/{layer}",
    ):
        assert (await client.delete(f"/v2/{name}/{path}")).status == 202
        assert (await client.head(f"/v2/{name}/{path}")).status == 404


async def test_blobs_that_begin_a_package_at_the_same_time_are_all_there(registry: Registry) -> None:
    """Gitea, "ParallelUpload": ten at once into a package that does not exist yet."""
    contents = [bytes([number]) for number in range(10)]

    await asyncio.gather(*(registry.client().push_blob(content, "acme/parallel") for content in contents))

    client = registry.client("reader")
    for content in contents:
        answer = await client.get(f"/v2/acme/parallel/blobs/{digest_of(content)}")
        assert answer == blob_answer(content, digest_of(content))


# --- pulp_container ---


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_upload_says_where_it_stands(registry: Registry, method: str) -> None:
    """Pulp, "blob upload status", asks both ways before anything has come."""
    client = registry.client()
    location = await client.begin()

    answer = await client.ask(method, location)

    assert is_session(answer, held=0, status=204)


async def test_an_upload_is_cancelled_by_who_may_push(registry: Registry) -> None:
    """Pulp, "cancel unknown", "without permission" and "cancel blob upload"."""
    client = registry.client()
    location = await client.begin()
    unknown = "/v2/acme/api/blobs/uploads/00000000-0000-4000-8000-000000000000"

    assert (await client.delete(unknown)).refusal == (404, "BLOB_UPLOAD_UNKNOWN")
    assert (await registry.client("reader").delete(location)).status in (403, 404)
    assert (await registry.client(None).delete(location)).refusal == (401, "UNAUTHORIZED")
    assert (await client.ask("GET", location)).status == 204
    assert (await client.delete(location)).body == b""


@pytest.mark.parametrize("kind", ["blobs", "manifests"])
async def test_nothing_is_deleted_by_who_may_not_or_that_is_not_there(registry: Registry, kind: str) -> None:
    """Pulp, "delete not found", "without login" and "invalid digest", which there has a code of its own."""
    client = registry.client()
    pushed = await client.push(image(b"layer"))
    digest = pushed.digest if kind == "manifests" else await client.push_blob(b"alone")
    code = "MANIFEST_UNKNOWN" if kind == "manifests" else "BLOB_UNKNOWN"

    assert (await client.delete(f"/v2/acme/api/{kind}/{UNKNOWN}")).refusal == (404, code)
    assert (await client.delete(f"/v2/acme/api/{kind}/sha256:none")).refusal == (400, "DIGEST_INVALID")
    for who, status in (("reader", 403), ("publisher", 403), (None, 401), ("maintainer", 202)):
        assert (await registry.client(who).delete(f"/v2/acme/api/{kind}/{digest}")).status == status


async def test_a_tag_is_deleted_by_its_name(registry: Registry) -> None:
    """Pulp, "delete by tag rejected", answers 400, as the first version of the specification let it; 1.1 does not."""
    client = registry.client()
    pushed = await client.push(image(b"layer"), "latest")

    assert (await client.delete("/v2/acme/api/manifests/latest")).status == 202
    assert await client.get(f"/v2/acme/api/manifests/{pushed.digest}") == manifest_answer(pushed)


async def test_a_mounted_blob_is_deleted_where_it_was_mounted(registry: Registry) -> None:
    """Pulp, "delete pending blob"."""
    client = registry.client()
    digest = await client.push_blob(b"shared", "acme/source")
    await client.post(f"/v2/acme/target/blobs/uploads/?from=acme/source&mount={digest}")

    assert (await client.delete(f"/v2/acme/target/blobs/{digest}")).status == 202

    assert (await client.head(f"/v2/acme/target/blobs/{digest}")).status == 404
    assert (await client.head(f"/v2/acme/source/blobs/{digest}")).status == 200


@pytest.mark.parametrize(("kind", "child"), [(DOCKER_LIST, DOCKER), (INDEX, MIXED)], ids=["docker", "oci"])
async def test_a_list_is_pushed_with_its_manifests_or_empty(registry: Registry, kind: str, child: Document) -> None:
    """Pulp, "push manifest list v2s2", "oci" and "push empty manifest list"."""
    client = registry.client()
    full, empty = index(child, media_type=kind), index(media_type=kind)

    await client.push(full, "full")
    await client.push(empty, "empty")

    assert await client.get("/v2/acme/api/manifests/full") == manifest_answer(full)
    assert await client.get("/v2/acme/api/manifests/empty") == manifest_answer(empty)


async def test_who_reads_a_package_of_a_public_namespace_does_not_push_to_it(registry: Registry) -> None:
    """Pulp, "push with no perms" and "push without login": one pulls, and pushes nothing."""
    pushed = await registry.client("administrator").push(image(b"layer"), "2.0", name="open/perms")

    for who in ("stranger", None):
        client = registry.client(who)
        assert await client.get("/v2/open/perms/manifests/2.0") == manifest_answer(pushed)
        answer = await client.post("/v2/open/perms/blobs/uploads/")
        assert answer.status == (401 if who is None else 403)


async def test_no_namespace_is_made_by_pushing_to_it(registry: Registry) -> None:
    """Pulp, "push matching username", makes one for a user's name; here an administrator does."""
    for who in ("maintainer", "administrator"):
        answer = await registry.client(who).post(f"/v2/{who}/matching/blobs/uploads/")
        assert answer.refusal == (404, "NAME_UNKNOWN")


async def test_a_blob_that_was_never_there_is_said_so(registry: Registry) -> None:
    """Pulp, "pull nonexistent image" and "pull nonexistent blob"."""
    client = registry.client("reader")
    await registry.client().push(image(b"layer"))

    assert (await client.get("/v2/acme/none/manifests/latest")).refusal == (404, "NAME_UNKNOWN")
    assert (await client.get(f"/v2/acme/api/blobs/{UNKNOWN}")).refusal == (404, "BLOB_UNKNOWN")


async def test_the_catalog_is_asked_for_as_it_says_and_lists_what_may_be_read(registry: Registry) -> None:
    """Pulp, "listing repositories" and "list repositories with permissions"; Gitea, "OwnerNameChange", lists too."""
    administrator = registry.client("administrator")
    for name in ("acme/one", "open/two"):
        await administrator.push(image(b"layer"), name=name)

    async def listed(who: str) -> list[str]:
        token = await registry.access_token(who, "registry:catalog:*")
        return list((await registry.bearer(token).get("/v2/_catalog")).json["repositories"])

    challenge = (await registry.client(None).get("/v2/_catalog")).headers["www-authenticate"]

    assert 'scope="registry:catalog:*"' in challenge
    assert await listed("administrator") == ["acme/one", "open/two"]
    assert await listed("reader") == ["acme/one", "open/two"]
    assert await listed("stranger") == ["open/two"]
