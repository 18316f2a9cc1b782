"""end-7: OCI distribution, "Pushing Manifests", and what of them is refused. Their kinds are in `test_kinds`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.formats.oci.conversation import Client, Registry, manifest_answer, manifest_created
from tests.formats.oci.documents import (
    ALGORITHMS,
    CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    LAYER,
    MANIFEST,
    Document,
    descriptor,
    digest_of,
    document,
    image,
    index,
    some_bytes,
)

URL = "/v2/acme/api/manifests/"
LIMIT = 4 * 1024 * 1024


async def test_a_manifest_is_pushed_by_digest(client: Client, algorithm: str) -> None:
    """201, a location that it is pulled from, its digest by the same algorithm; the bytes as they came."""
    pushed = image(b"layer", algorithm=algorithm)
    await client.push_parts(pushed)

    answer = await client.put_manifest(pushed)

    assert answer == manifest_created(pushed)
    assert await client.get(answer.location) == manifest_answer(pushed)
    assert await client.tags() == []


async def test_a_manifest_is_pushed_by_tag(client: Client) -> None:
    """201; the tag means it, and so does its sha256, which is what the location has."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    answer = await client.put_manifest(pushed, "latest")

    assert answer == manifest_created(pushed, "latest")
    for url in (answer.location, f"{URL}latest"):
        assert await client.get(url) == manifest_answer(pushed)
    assert await client.tags() == ["latest"]


async def test_a_manifest_is_pushed_again(client: Client, algorithm: str) -> None:
    """201 as often as it comes, by the same names or by others."""
    pushed = image(b"layer", algorithm=algorithm)
    await client.push_parts(pushed)

    for tags in ([], [], ["latest"], ["latest"], ["latest", "1.0"], ["1.0"]):
        assert await client.put_manifest(pushed, tags=tags) == manifest_created(pushed, *tags)
    assert await client.tags() == ["1.0", "latest"]


async def test_the_same_bytes_have_a_digest_of_each_algorithm(client: Client) -> None:
    """OCI image, "Digests": each names the same content, and each is pulled by its own."""
    by_algorithm = [
        Document(image(b"layer").content, MANIFEST, algorithm, image(b"layer").blobs) for algorithm in ALGORITHMS
    ]
    await client.push_parts(by_algorithm[0])

    for pushed in by_algorithm:
        assert await client.put_manifest(pushed) == manifest_created(pushed)
    for pushed in by_algorithm:
        assert await client.get(URL + pushed.digest) == manifest_answer(pushed)


async def test_the_name_is_in_the_location_as_it_was_asked(client: Client, registry: Registry) -> None:
    """The location is a pullable URL: where the manifest went, in names of one and of many components, too."""
    for who, name in (("maintainer", "acme/a/b__c/d-e.f"), ("administrator", "alpine"), ("administrator", "open/api")):
        talker = registry.client(who)
        pushed = image(b"layer")
        await talker.push_parts(pushed, name)

        answer = await talker.put_manifest(pushed, "latest", name)

        assert answer == manifest_created(pushed, "latest", name=name)
        assert (await talker.get(answer.location)).body == pushed.content


# --- end-7b ---


async def test_tags_are_pushed_with_a_digest(client: Client, algorithm: str) -> None:
    """201 and OCI-Tag with each tag that was accepted; each means the digest that was pushed."""
    pushed = image(b"layer", algorithm=algorithm)
    tags = [f"tag-param-{algorithm}", *(f"tag-param-{algorithm}-{number}" for number in range(3))]
    await client.push_parts(pushed)

    answer = await client.put_manifest(pushed, tags=tags)

    assert answer == manifest_created(pushed, *tags)
    assert await client.tags() == tags
    for tag in tags:
        assert await client.get(URL + tag) == manifest_answer(pushed)


async def test_a_tag_that_is_named_twice_is_one(client: Client) -> None:
    """OCI-Tag names each accepted tag, in the order of the request."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    assert await client.put_manifest(pushed, tags=["b", "a", "b"]) == manifest_created(pushed, "b", "a")


async def test_a_hundred_tags_are_accepted(client: Client) -> None:
    """A registry SHOULD support at least 10."""
    pushed = image(b"layer")
    tags = [f"t{number:03}" for number in range(100)]
    await client.push_parts(pushed)

    assert await client.put_manifest(pushed, tags=tags) == manifest_created(pushed, *tags)
    assert await client.tags() == tags


async def test_too_many_tags_are_refused_all(client: Client) -> None:
    """414, and nothing of the request was done."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    answer = await client.put_manifest(pushed, tags=[f"t{number}" for number in range(101)])

    assert answer.refusal == (414, "MANIFEST_INVALID")
    assert await client.tags() == []
    assert (await client.get(URL + pushed.digest)).status == 404


async def test_of_several_tags_one_that_may_not_move_refuses_all(client: Client) -> None:
    """OCI distribution, "Error Codes": 403 DENIED; nothing of the request was done."""
    old = await client.push(image(b"old"), "1.0")
    new = image(b"new")
    await client.push_parts(new)

    answer = await client.put_manifest(new, tags=["latest", "1.0", "edge"])

    assert answer.refusal == (403, "DENIED")
    assert await client.tags() == ["1.0"]
    assert await client.get(f"{URL}1.0") == manifest_answer(old)
    assert (await client.get(URL + new.digest)).status == 404


@pytest.mark.parametrize("tag", ["-latest", ".latest", "a" * 129, "a/b", "a:b", "a b", ""])
async def test_a_tag_that_is_no_tag_is_refused(client: Client, tag: str) -> None:
    """OCI distribution, "Pulling manifests": the grammar of tags; 400, and nothing of the request was done."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    answer = await client.put_manifest(pushed, tags=["latest", tag])

    assert answer.refusal == (400, "MANIFEST_INVALID")
    assert await client.tags() == []


@pytest.mark.parametrize("tag", ["a" * 128, "_", "0", "A.b_c-D", "__", "1.2.3-rc.1", "v1.0"])
async def test_whatever_the_grammar_allows_is_a_tag(client: Client, tag: str) -> None:
    """OCI distribution, "Pulling manifests": the grammar of tags."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    assert await client.put_manifest(pushed, tag) == manifest_created(pushed, tag)
    assert await client.get(URL + tag) == manifest_answer(pushed)


@pytest.mark.parametrize("tag", ["-latest", ".latest", "a" * 129, "la%20test"])
async def test_a_manifest_is_not_pushed_by_what_is_no_tag(client: Client, tag: str) -> None:
    """OCI distribution, "Pushing Manifests": the reference MUST be a digest or a tag."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    assert (await client.put_manifest(pushed, tag)).refusal == (400, "MANIFEST_INVALID")


# --- what it is called ---


@pytest.mark.parametrize("digest", ["sha256:baddigeststring", f"md5:{'0' * 32}", f"sha512:{'0' * 64}", "sha256:"])
async def test_what_is_no_digest_is_refused(client: Client, digest: str) -> None:
    """400; it can neither be pushed nor pulled."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    assert (await client.put_manifest(pushed, digest)).refusal == (400, "DIGEST_INVALID")
    assert (await client.get(URL + digest)).refusal == (400, "DIGEST_INVALID")


async def test_a_manifest_that_is_not_what_it_is_called_is_refused(client: Client, algorithm: str) -> None:
    """400 when the digest is of other bytes, as of the same document without two spaces behind it; nothing is there."""
    pushed = image(b"layer", algorithm=algorithm)
    await client.push_parts(pushed)
    padded = Document(pushed.content + b"  ", MANIFEST, algorithm)

    answer = await client.put_manifest(padded, pushed.digest, tags=["latest"])

    assert answer.refusal == (400, "DIGEST_INVALID")
    for reference in (pushed.digest, padded.digest, "latest"):
        assert (await client.get(URL + reference)).refusal == (404, "MANIFEST_UNKNOWN")
    assert (await client.delete(URL + pushed.digest)).refusal == (404, "MANIFEST_UNKNOWN")


async def test_what_is_around_the_document_is_part_of_it(client: Client) -> None:
    """The registry MUST store the exact bytes: blanks, the order of fields, escapes as they were written."""
    fields = json.dumps(image(b"layer").json)
    backwards = json.dumps(dict(reversed(image(b"layer").json.items())))
    for content in (
        f"  {fields}\n\n",
        backwards,
        fields.replace("image", "im\\u0061ge"),
        fields.replace("2,", "2 ,\t"),
    ):
        pushed = Document(content.encode(), MANIFEST, "sha256", image(b"layer").blobs)
        await client.push(pushed)

        assert await client.get(URL + pushed.digest) == manifest_answer(pushed)


# --- Content-Type ---


@pytest.mark.parametrize("parameters", ["; charset=utf-8", ";charset=utf-8", " ; a=b; c=d", ";"])
async def test_parameters_of_the_content_type_are_ignored(client: Client, parameters: str) -> None:
    """The registry SHOULD ignore them, and SHOULD NOT send any."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    answer = await client.put(URL + pushed.digest, pushed.content, {"content-type": MANIFEST + parameters})

    assert answer == manifest_created(pushed)
    assert await client.get(URL + pushed.digest) == manifest_answer(pushed)


@pytest.mark.parametrize("headers", [{}, {"content-type": ""}, {"content-type": "application/octet-stream"}])
@pytest.mark.parametrize("pushed", [image(), index(), image(media_type=DOCKER_MANIFEST)], ids=lambda d: d.media_type)
async def test_a_content_type_that_is_missing_is_read_from_the_manifest(
    client: Client, headers: dict[str, str], pushed: Document
) -> None:
    """Clients SHOULD set the Content-Type, and manifests SHOULD say it themselves: one of both is enough."""
    await client.push_parts(pushed)

    answer = await client.put(URL + pushed.digest, pushed.content, headers)

    assert answer == manifest_created(pushed)
    assert await client.get(URL + pushed.digest) == manifest_answer(pushed)


@pytest.mark.parametrize("media_type", [MANIFEST, DOCKER_MANIFEST, INDEX, DOCKER_LIST])
async def test_a_manifest_need_not_say_its_type(client: Client, media_type: str) -> None:
    """OCI image, "Image Manifest": mediaType SHOULD be used; older documents have none, and Content-Type tells."""
    made = image(b"layer") if media_type in (MANIFEST, DOCKER_MANIFEST) else index()
    fields = {name: value for name, value in made.json.items() if name != "mediaType"}
    pushed = document(fields, media_type, blobs=made.blobs)
    await client.push_parts(pushed)

    assert await client.put_manifest(pushed) == manifest_created(pushed)
    assert await client.get(URL + pushed.digest) == manifest_answer(pushed)


@pytest.mark.parametrize(
    ("content_type", "media_type"),
    [
        (INDEX, MANIFEST),
        (DOCKER_MANIFEST, MANIFEST),
        (MANIFEST, DOCKER_MANIFEST),
        (MANIFEST, LAYER),
        ("application/json", MANIFEST),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", MANIFEST),
        ("text/html", "text/html"),
        ("", None),
        ("application/octet-stream", None),
        ("", "application/json"),
    ],
)
async def test_a_type_that_differs_or_is_no_manifests_is_refused(
    client: Client, content_type: str, media_type: str | None
) -> None:
    """Clients MUST set Content-Type to the mediaType; a document that could be read as two things is none."""
    made = image(b"layer")
    fields = {name: value for name, value in made.json.items() if name != "mediaType"}
    pushed = document(fields if media_type is None else {**fields, "mediaType": media_type}, content_type)
    await client.push_parts(made)

    answer = await client.put(f"{URL}latest", pushed.content, {"content-type": content_type})

    assert answer.refusal == (400, "MANIFEST_INVALID")
    assert await client.tags() == []


# --- what is no manifest ---

LINK = descriptor(b"layer", LAYER)


MISSHAPEN: list[tuple[str, dict[str, Any]]] = [
    (MANIFEST, {"config": None}),
    (MANIFEST, {"schemaVersion": 1}),
    (MANIFEST, {"schemaVersion": "2"}),
    (MANIFEST, {"schemaVersion": None}),
    (MANIFEST, {"layers": {}}),
    (MANIFEST, {"layers": [1]}),
    (MANIFEST, {"manifests": []}),
    (MANIFEST, {"config": {"mediaType": CONFIG, "digest": "sha256:bad", "size": 1}}),
    (MANIFEST, {"layers": [{**LINK, "digest": ""}]}),
    (MANIFEST, {"layers": [{**LINK, "size": -1}]}),
    (MANIFEST, {"layers": [{**LINK, "size": 1.5}]}),
    (MANIFEST, {"layers": [{**LINK, "size": 2**63}]}),
    (MANIFEST, {"layers": [{"mediaType": LAYER, "size": 1}]}),
    (MANIFEST, {"annotations": {"a": 1}}),
    (MANIFEST, {"annotations": []}),
    (MANIFEST, {"artifactType": 1}),
    (MANIFEST, {"artifactType": "a" * 257}),
    (MANIFEST, {"subject": {"mediaType": MANIFEST, "digest": "sha256:bad", "size": 1}}),
    (MANIFEST, {"subject": "sha256:bad"}),
    (INDEX, {"layers": []}),
    (INDEX, {"config": LINK}),
    (INDEX, {"manifests": [{**LINK, "digest": "latest"}]}),
    (INDEX, {"manifests": "none"}),
]


async def test_a_document_of_the_wrong_shape_is_refused(client: Client) -> None:
    """OCI distribution, "Error Codes": MANIFEST_INVALID."""
    await client.push_parts(image(b"layer"))

    for media_type, fields in MISSHAPEN:
        made = image(b"layer") if media_type == MANIFEST else index()
        merged = {name: value for name, value in {**made.json, **fields}.items() if value is not None}
        answer = await client.put_manifest(document(merged, media_type), "latest")

        assert answer.refusal == (400, "MANIFEST_INVALID"), fields
    assert await client.tags() == []


@pytest.mark.parametrize("headers", [{"content-type": MANIFEST}, {}], ids=["typed", "untyped"])
async def test_what_is_no_document_is_refused(client: Client, headers: dict[str, str]) -> None:
    """OCI distribution, "Error Codes": MANIFEST_INVALID."""
    for content in (b"", b"{}", b"[]", b"null", b"blablabla", b'{"schemaVersion":2', b"\xff\xfe", b"[" * 100_000):
        answer = await client.put(f"{URL}latest", content, headers)

        assert answer.refusal == (400, "MANIFEST_INVALID"), content[:20]


# --- how large it is ---


async def test_a_manifest_just_under_four_megabytes_is_accepted(client: Client) -> None:
    """Registries SHOULD support at least 4 megabytes; twice, by digest and by tag."""
    annotations = {f"org.example.{number}": "a" * 10_000 for number in range(390)}
    pushed = await client.push(image(b"layer", annotations=annotations), "large-manifest")

    assert 3_900_000 < len(pushed.content) < LIMIT
    assert await client.get(f"{URL}large-manifest") == manifest_answer(pushed)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_the_limit_is_exact(client: Client, streamed: bool) -> None:
    """A registry SHOULD enforce a limit, and answers 413 to what is over it."""
    made = image(b"layer")
    await client.push_parts(made)
    fits = Document(made.content + b" " * (LIMIT - len(made.content)), MANIFEST, "sha256")
    over = Document(fits.content + b" ", MANIFEST, "sha256")

    for pushed in (fits, over):
        body = [pushed.content[:1000], pushed.content[1000:]] if streamed else pushed.content
        answer = await client.put(URL + pushed.digest, body, {"content-type": MANIFEST})
        if pushed is fits:
            assert answer == manifest_created(fits)
    assert answer.refusal == (413, "SIZE_INVALID")
    assert (await client.get(URL + over.digest)).status == 404


# --- what it links ---


async def test_a_manifest_whose_config_or_layer_is_not_there_is_refused(client: Client, algorithm: str) -> None:
    """OCI distribution, "Push": a rejection for this reason MUST be MANIFEST_BLOB_UNKNOWN; then it goes in whole."""
    pushed = image(b"layer", algorithm=algorithm)

    for blob in pushed.blobs:
        refused = await client.put_manifest(pushed, "latest")
        assert refused.refusal == (400, "MANIFEST_BLOB_UNKNOWN")
        await client.push_blob(blob, algorithm=algorithm)
    assert (await client.put_manifest(pushed)).status == 201


async def test_an_index_whose_manifest_is_not_there_is_refused(client: Client, algorithm: str) -> None:
    """The same for an index; a blob of those bytes is no manifest."""
    child = image(b"layer", algorithm=algorithm)
    pushed = index(child, algorithm=algorithm)
    await client.push_blob(child.content, algorithm=algorithm)

    answer = await client.put_manifest(pushed)

    assert answer.refusal == (400, "MANIFEST_BLOB_UNKNOWN")
    await client.push(child)
    assert await client.put_manifest(pushed) == manifest_created(pushed)


async def test_what_another_package_has_is_not_there(client: Client) -> None:
    """OCI distribution, "Push": it must be in the repository; it is not given away by being linked."""
    pushed = await client.push(image(some_bytes(500)), name="acme/elsewhere")

    answer = await client.put_manifest(pushed)

    assert answer.refusal == (400, "MANIFEST_BLOB_UNKNOWN")


# --- names that may move, and names that may not ---


async def test_a_tag_moves(client: Client) -> None:
    """OCI distribution, "Pushing Manifests": a name that looks like no version means what was pushed last."""
    for layer in (b"first", b"second", b"first"):
        pushed = await client.push(image(layer), "latest")

        assert await client.get(f"{URL}latest") == manifest_answer(pushed)


async def test_a_version_does_not_move(client: Client) -> None:
    """OCI distribution, "Error Codes": 403 DENIED to other bytes, 201 to the same; also after it was deleted."""
    old, new = image(b"old"), image(b"new")
    await client.push(old, "1.0")
    await client.push_parts(new)

    for _ in ("while it is there", "after it was deleted"):
        assert (await client.put_manifest(new, "1.0")).refusal == (403, "DENIED")
        assert (await client.put_manifest(new, tags=["1.0"])).refusal == (403, "DENIED")
        await client.delete(f"{URL}1.0")
    assert await client.put_manifest(old, "1.0") == manifest_created(old, "1.0")


async def test_a_deleted_tag_is_used_again_for_other_bytes(client: Client) -> None:
    """OCI distribution, "Deleting tags": names that look like no version are free again."""
    for kind in (image(b"image"), image(), index()):
        pushed = await client.push(kind, "index")
        assert await client.get(f"{URL}index") == manifest_answer(pushed)
        await client.delete(f"{URL}index")
        assert (await client.get(f"{URL}index")).status == 404


async def test_a_tag_that_the_namespace_does_not_let_move_stays(registry: Registry) -> None:
    """Its rules say which tags move; 403 DENIED to a publisher, not to who has the right to overwrite."""
    await registry.rule("acme", movable=["dev-*"])
    publisher = registry.client("publisher")
    old, new = image(b"old"), image(b"new")
    await publisher.push(old, "stable", "dev-1")
    await publisher.push(new, "dev-1")

    assert (await publisher.put_manifest(new, "stable")).refusal == (403, "DENIED")
    assert await publisher.get(f"{URL}stable") == manifest_answer(old)
    assert await registry.client("maintainer").put_manifest(new, "stable") == manifest_created(new, "stable")


async def test_who_pushes_a_name_first_decides_what_it_means(client: Client) -> None:
    """A name that the rules make a version is one from the first push on, whatever it looks like to others."""
    pushed = await client.push(image(b"first"), "2026.01")
    await client.push(image(b"second"))

    assert (await client.put_manifest(image(b"second"), "2026.01")).refusal == (403, "DENIED")
    assert await client.get(f"{URL}2026.01") == manifest_answer(pushed)


# --- conditions: RFC 9110, 13; OCI distribution, "Referrers Tag Schema": "Clients MAY use a conditional HTTP push" ---


async def test_a_tag_is_pushed_if_it_means_what_the_client_saw(client: Client) -> None:
    """If-Match: 412 when somebody else was faster, and the tag stays as it is."""
    first, second, third = (image(layer) for layer in (b"first", b"second", b"third"))
    await client.push(first, "latest")
    for pushed in (second, third):
        await client.push_parts(pushed)
    seen = {"if-match": f'"{first.digest}"'}

    faster = await client.put(f"{URL}latest", second.content, {"content-type": MANIFEST, **seen})
    slower = await client.put(f"{URL}latest", third.content, {"content-type": MANIFEST, **seen})

    assert faster == manifest_created(second, "latest")
    assert slower.refusal == (412, "DENIED")
    assert await client.get(f"{URL}latest") == manifest_answer(second)
    assert (await client.get(URL + third.digest)).status == 404


async def test_a_tag_is_pushed_if_there_is_none(client: Client) -> None:
    """If-None-Match: * is 412 where there is one, also of the same bytes; If-Match: * where there is none."""
    pushed = image(b"layer")
    await client.push_parts(pushed)
    new = {"content-type": MANIFEST, "if-none-match": "*"}
    old = {"content-type": MANIFEST, "if-match": "*"}

    assert (await client.put(f"{URL}latest", pushed.content, old)).refusal == (412, "DENIED")
    assert await client.put(f"{URL}latest", pushed.content, new) == manifest_created(pushed, "latest")
    assert (await client.put(f"{URL}latest", pushed.content, new)).refusal == (412, "DENIED")
    assert await client.put(f"{URL}latest", pushed.content, old) == manifest_created(pushed, "latest")


async def test_conditions_on_a_digest_ask_whether_it_is_there(client: Client, algorithm: str) -> None:
    """RFC 9110, 13.1: the resource is the manifest by its digest."""
    pushed = image(b"layer", algorithm=algorithm)
    await client.push_parts(pushed)
    url, typed = URL + pushed.digest, {"content-type": MANIFEST}

    assert (await client.put(url, pushed.content, {**typed, "if-match": "*"})).refusal == (412, "DENIED")
    assert await client.put(url, pushed.content, {**typed, "if-none-match": "*"}) == manifest_created(pushed)
    assert (await client.put(url, pushed.content, {**typed, "if-none-match": "*"})).refusal == (412, "DENIED")
    matched = {**typed, "if-match": f'"other", "{pushed.digest}"'}
    assert await client.put(url, pushed.content, matched) == manifest_created(pushed)


# --- who may ---


class Untouched:
    """A body that nobody asked for."""

    def __iter__(self) -> Any:
        raise AssertionError


@pytest.mark.parametrize(
    ("who", "name", "refusal"),
    [
        (None, "acme/api", (401, "UNAUTHORIZED")),
        (None, "open/api", (401, "UNAUTHORIZED")),
        ("reader", "acme/api", (403, "DENIED")),
        ("stranger", "acme/api", (404, "NAME_UNKNOWN")),
        ("stranger", "open/api", (403, "DENIED")),
        ("stranger", "nobody/api", (404, "NAME_UNKNOWN")),
        ("consumer", "acme.prod/api", (403, "DENIED")),
        ("maintainer", "acme.prod/api", (403, "DENIED")),
    ],
)
async def test_who_may_not_push_is_told_before_the_manifest_is_sent(
    registry: Registry, who: str | None, name: str, refusal: tuple[int, str]
) -> None:
    """RFC 9110, 10.1.1: whoever waits for 100 (Continue) gets the refusal instead; what was sent is not looked at."""
    answer = await registry.client(who).put(f"/v2/{name}/manifests/latest", Untouched(), {"content-type": MANIFEST})

    assert answer.refusal == refusal


async def test_a_namespace_that_is_not_there_takes_no_manifest(registry: Registry) -> None:
    """OCI distribution, end-7: 404."""
    answer = await registry.client("administrator").put_manifest(image(), "latest", "nobody/api")

    assert answer.refusal == (404, "NAME_UNKNOWN")


async def test_a_digest_is_of_the_whole_document(client: Client) -> None:
    """What a digest names is checked of what came, not of what was said to come."""
    pushed = image(b"layer")
    await client.push_parts(pushed)

    answer = await client.put(
        f"{URL}{digest_of(pushed.content)}", [pushed.content[:50], pushed.content[50:]], {"content-type": MANIFEST}
    )

    assert answer == manifest_created(pushed)
