"""Packages of other formats through OCI's addresses: ``acme/generic/tool`` is what was put at ``/files/acme/tool``.

Each version is an artifact, so it is pulled, copied and signed with the clients that people have. It is published by
its own protocol alone.
"""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.formats.oci.conversation import (
    Client,
    Registry,
    blob_answer,
    blob_created,
    deleted,
    manifest_answer,
    manifest_created,
    referrers_answer,
)
from tests.formats.oci.documents import (
    INDEX,
    MANIFEST,
    Document,
    artifact,
    digest_of,
    document,
    fallback_tag,
    image,
    index,
    some_bytes,
)

NAME = "acme/generic/tool"
URL = f"/v2/{NAME}/"
CONTENT = some_bytes(300)
SIGNATURE = "application/vnd.example.signature"


@pytest.fixture
async def version(client: Client) -> Document:
    """A version of two files, as OCI sees it."""
    for path, content in (("bin/tool", CONTENT), ("README", b"read me")):
        assert (await client.put(f"/files/acme/tool/1.0/{path}", content)).status == 201
    answer = await client.get(f"{URL}manifests/1.0")
    return Document(answer.body, MANIFEST)


async def test_a_version_is_pulled(client: Client, version: Document) -> None:
    """A manifest with a layer for each file, its path in the title; by name and by digest."""
    assert version.json["artifactType"] == "application/vnd.entrepot.generic.v1"
    titles = {each["annotations"]["org.opencontainers.image.title"]: each["digest"] for each in version.json["layers"]}
    assert titles == {"bin/tool": digest_of(CONTENT), "README": digest_of(b"read me")}
    for reference in ("1.0", version.digest):
        assert await client.get(f"{URL}manifests/{reference}") == manifest_answer(version)
    for content in (CONTENT, b"read me"):
        assert await client.get(f"{URL}blobs/{digest_of(content)}") == blob_answer(content, digest_of(content))
    config = version.json["config"]["digest"]
    assert json.loads((await client.get(f"{URL}blobs/{config}")).body) == {
        "format": "generic",
        "package": "tool",
        "version": "1.0",
    }


async def test_versions_are_tags(client: Client, version: Document) -> None:
    """OCI distribution, "Listing Tags"."""
    await client.put("/files/acme/tool/2.0/file", b"content")

    assert await client.tags(NAME) == ["1.0", "2.0"]


async def test_a_version_that_no_tag_can_be_called_is_pulled_too(client: Client) -> None:
    """What OCI's clients cannot write, a URL can: ``1.0+build``."""
    await client.put("/files/acme/tool/1.0%2Bbuild/file", b"content")

    answer = await client.get(f"{URL}manifests/1.0%2Bbuild")

    assert answer.status == 200
    assert await client.tags(NAME) == ["1.0+build"]


async def test_a_name_outside_ocis_grammar_has_a_spelling_in_it(client: Client) -> None:
    """``Tool_v2`` is ``x--54ool_v2``; as it is, it is no OCI name."""
    await client.put("/files/acme/Tool_v2/1.0/file", b"content")

    assert await client.tags("acme/generic/x--54ool_v2") == ["1.0"]
    for name in ("acme/generic/Tool_v2", "acme/generic/x--54--6f--6fl_v2"):
        assert (await client.get(f"/v2/{name}/tags/list")).refusal == (400, "NAME_INVALID")


@pytest.mark.parametrize("name", ["acme/generic/x--2fetc", "acme/generic/a/b", "acme/generic/"])
async def test_a_name_that_the_other_format_does_not_allow_is_refused(client: Client, name: str) -> None:
    """Its own rules are asked of what the spelling stands for."""
    assert (await client.get(f"/v2/{name}/tags/list")).refusal == (400, "NAME_INVALID")


async def test_an_image_of_that_name_is_another_package(client: Client, version: Document) -> None:
    """``acme/tool`` is an image's name, ``acme/generic`` too: only a component behind it makes it a format's."""
    for name in ("acme/tool", "acme/generic"):
        assert (await client.get(f"/v2/{name}/tags/list")).refusal == (404, "NAME_UNKNOWN")
        pushed = await client.push(image(b"layer"), "1.0", name=name)
        assert await client.get(f"/v2/{name}/manifests/1.0") == manifest_answer(pushed)
    assert await client.get(f"{URL}manifests/1.0") == manifest_answer(version)


# --- pull yes, push no ---


async def test_a_version_is_not_pushed_here(client: Client, version: Document) -> None:
    """403 DENIED by tag, by digest, with tags; of the same bytes as of others."""
    other = artifact(SIGNATURE, b"other")
    for pushed in (other, index(version)):
        await client.push_parts(Document(pushed.content, pushed.media_type, blobs=pushed.blobs), NAME)
        for reference, tags in (("2.0", []), ("1.0", []), (None, []), (None, ["2.0"])):
            answer = await client.put_manifest(pushed, reference, NAME, tags)
            assert answer.refusal == (403, "DENIED")
    assert (await client.put_manifest(version, "2.0", NAME)).refusal == (403, "DENIED")
    assert await client.tags(NAME) == ["1.0"]


async def test_a_referrer_is_not_pushed_under_a_versions_name(client: Client, version: Document) -> None:
    """403 DENIED: a tag there would be what the format's own clients take for a version."""
    signature = artifact(SIGNATURE, b"signature", subject=version)
    await client.push_parts(signature, NAME)

    for tags in (["2.0"], ["latest"], [fallback_tag(version.digest), "latest"]):
        assert (await client.put_manifest(signature, name=NAME, tags=tags)).refusal == (403, "DENIED")


async def test_a_version_is_signed(client: Client, version: Document, algorithm: str) -> None:
    """A referrer goes in by its digest, and is listed; the version is what it was."""
    signature = artifact(SIGNATURE, b"signature", subject=version, algorithm=algorithm)
    for blob in signature.blobs:
        digest = digest_of(blob, algorithm)
        assert await client.post(f"{URL}blobs/uploads/?digest={digest}", blob) == blob_created(digest, NAME)

    answer = await client.put_manifest(signature, name=NAME)

    assert answer == manifest_created(signature, name=NAME)
    assert await client.get(f"{URL}referrers/{version.digest}") == referrers_answer(signature.listed())
    assert await client.tags(NAME) == ["1.0"]
    assert (await client.ask("GET", "/files/acme/tool/1.0/bin/tool")).body == CONTENT


async def test_a_version_is_signed_the_older_way(client: Client, version: Document) -> None:
    """Fallback tags: an index of what refers to it, and cosign's ``.sig``; both move as signatures come."""
    tag = fallback_tag(version.digest)
    for layer in (b"first", b"second"):
        signature = image(layer)
        await client.push_parts(signature, NAME)
        assert await client.put_manifest(signature, f"{tag}.sig", NAME) == manifest_created(
            signature, f"{tag}.sig", name=NAME
        )
    kept = document({"schemaVersion": 2, "mediaType": INDEX, "manifests": [signature.descriptor]}, INDEX)

    assert await client.put_manifest(kept, tag, NAME) == manifest_created(kept, tag, name=NAME)
    assert await client.referrers(version.digest, NAME) == [signature.listed()]
    listing = (await client.get("/files/acme/tool/")).json["versions"]
    assert [each["version"] for each in listing] == ["1.0"]


async def test_a_signature_is_deleted(client: Client, version: Document) -> None:
    """With the right to delete, as any other."""
    signature = await client.push(artifact(SIGNATURE, b"signature", subject=version), name=NAME)

    assert await client.delete(f"{URL}manifests/{signature.digest}") == deleted()
    assert await client.get(f"{URL}referrers/{version.digest}") == referrers_answer()


async def test_a_file_is_mounted_from_a_version(client: Client, version: Document) -> None:
    """Bytes are bytes: an image may be made of them."""
    digest = digest_of(CONTENT)

    answer = await client.post(f"/v2/acme/api/blobs/uploads/?mount={digest}&from={NAME}")

    assert answer == blob_created(digest)
    assert await client.get(answer.location) == blob_answer(CONTENT, digest)


# --- who may, and through a view ---


async def test_rights_are_those_of_the_package(registry: Registry, version: Document) -> None:
    """Readers pull and do not sign; strangers find nothing; who is unknown is asked, by this name's scope."""
    signature = artifact(SIGNATURE, b"signature", subject=version)

    assert await registry.client("reader").get(f"{URL}manifests/1.0") == manifest_answer(version)
    assert (await registry.client("reader").put_manifest(signature, name=NAME)).refusal == (403, "DENIED")
    assert (await registry.client("stranger").get(f"{URL}manifests/1.0")).refusal == (404, "NAME_UNKNOWN")
    challenged = await registry.client(None).get(f"{URL}manifests/1.0")
    assert challenged.headers["www-authenticate"].endswith(f'scope="repository:{NAME}:pull"')
    token = await registry.access_token("reader", f"repository:{NAME}:pull")
    assert await registry.bearer(token).get(f"{URL}manifests/1.0") == manifest_answer(version)


async def test_a_version_is_seen_through_a_view_once_it_is_cleared(registry: Registry, version: Document) -> None:
    """Clearing it seals it; what was signed before and since is seen with it."""
    client, consumer = registry.client(), registry.client("consumer")
    before = await client.push(artifact(SIGNATURE, b"before", subject=version), name=NAME)
    view = "/v2/acme.prod/generic/tool/"
    assert (await consumer.get(f"{view}manifests/1.0")).refusal == (404, "NAME_UNKNOWN")

    await registry.clear("acme/tool", version.digest, format="generic")
    since = await client.push(artifact(SIGNATURE, b"since", subject=version), name=NAME)

    assert await consumer.get(f"{view}manifests/1.0") == manifest_answer(version)
    assert await consumer.get(f"{view}blobs/{digest_of(CONTENT)}") == blob_answer(CONTENT, digest_of(CONTENT))
    assert await consumer.get(f"{view}referrers/{version.digest}") == referrers_answer(before.listed(), since.listed())
    assert (await consumer.put(f"{view}manifests/2.0", b"")).refusal == (403, "DENIED")
    assert (await client.put("/files/acme/tool/1.0/late", b"late")).status == 409


async def test_a_yanked_version_warns_here_too(registry: Registry, client: Client, version: Document) -> None:
    """OCI distribution, "Warnings"."""
    assert (await client.post("/files/acme/tool/1.0/?yank", b'{"reason":"broken"}')).status == 204

    assert await client.get(f"{URL}manifests/1.0") == manifest_answer(version, warning='299 - "yanked: broken"')


async def test_a_deleted_version_is_gone_here_too(client: Client, version: Document) -> None:
    """One package, two doors."""
    assert (await client.delete("/files/acme/tool/1.0/")).status == 204

    for reference in ("1.0", version.digest):
        answer = await client.get(f"{URL}manifests/{quote(reference)}")
        assert answer.refusal == (404, "MANIFEST_UNKNOWN")


async def test_the_names_of_formats_are_no_namespaces(registry: Registry) -> None:
    """Reserved: else ``generic/tool`` could be read in two ways."""
    for name in ("generic", "oci"):
        answer = await registry.client("administrator").post(
            "/api/v1/namespaces", json.dumps({"name": name}).encode(), {"content-type": "application/json"}
        )
        assert answer.status == 409
