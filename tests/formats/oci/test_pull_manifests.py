"""end-3: OCI distribution, "Pulling manifests" and "Checking if content exists in the registry"; RFC 9110, 13."""

from __future__ import annotations

import pytest

from tests.formats.oci.conversation import (
    Client,
    Registry,
    blob_answer,
    manifest_answer,
    unchanged,
)
from tests.formats.oci.documents import INDEX, MANIFEST, digest_of, image, index, some_bytes

URL = "/v2/acme/api/manifests/"


async def test_a_manifest_is_pulled_by_tag_and_by_digest(client: Client, algorithm: str) -> None:
    """200, the bytes that were pushed, the type that they were pushed with, and their digest."""
    pushed = await client.push(image(b"layer", algorithm=algorithm))
    await client.put_manifest(pushed, tags=["latest"])

    for reference in ("latest", pushed.digest):
        assert await client.get(URL + reference) == manifest_answer(pushed)


@pytest.mark.parametrize(
    "accepted",
    [
        [("accept", INDEX), ("accept", MANIFEST)],
        {"accept": f"{INDEX}, {MANIFEST}"},
        {"accept": "*/*"},
        {"accept": f"{MANIFEST};q=0"},
        {"accept": "application/json"},
        {"accept": "application/vnd.docker.distribution.manifest.v1+prettyjws"},
        {},
    ],
    ids=str,
)
async def test_what_the_client_accepts_does_not_change_what_it_gets(
    client: Client, accepted: dict[str, str] | list[tuple[str, str]]
) -> None:
    """The Content-Type SHOULD be what was pushed; a digest names those bytes and no others, so nothing is converted."""
    pushed = await client.push(image(b"layer"), "latest")

    for reference in ("latest", pushed.digest):
        assert await client.get(URL + reference, accepted) == manifest_answer(pushed)


async def test_every_part_of_a_pulled_image_is_pulled(client: Client, algorithm: str) -> None:
    """OCI distribution, "Pull": from a tag to an index, to its manifests, to their configs and layers."""
    children = [image(some_bytes(300, seed), algorithm=algorithm, config=b"{}") for seed in (1, 2)]
    pushed = await client.push(index(*children, algorithm=algorithm))
    await client.put_manifest(pushed, tags=["latest"])

    pulled = (await client.get(f"{URL}latest")).json
    for child, wanted in zip(children, pulled["manifests"], strict=True):
        assert await client.get(URL + wanted["digest"]) == manifest_answer(child)
        described = [child.json["config"], *child.json["layers"]]
        for content, blob in zip(child.blobs, described, strict=True):
            assert len(content) == blob["size"]
            assert await client.get(f"/v2/acme/api/blobs/{blob['digest']}") == blob_answer(content, blob["digest"])


@pytest.mark.parametrize(
    "reference", ["unknown", digest_of(b"unknown"), digest_of(b"unknown", "sha512"), "1.0", "_", "a" * 128]
)
async def test_a_manifest_that_is_not_there(client: Client, reference: str) -> None:
    """404 when the package does not have it."""
    await client.push(image(b"layer"), "latest")

    answer = await client.get(URL + reference)

    assert answer.refusal == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("reference", ["latest", digest_of(b"unknown")])
async def test_a_manifest_of_a_package_that_is_not_there(registry: Registry, reference: str) -> None:
    """404, whether or not there is such a namespace."""
    for name in ("acme/api", "acme/deep/er/api", "nobody/api", "api"):
        answer = await registry.client("administrator").get(f"/v2/{name}/manifests/{reference}")

        assert answer.refusal == (404, "NAME_UNKNOWN")


@pytest.mark.parametrize("reference", [".INVALID_NAME", "-latest", "a" * 129, "la test", "latest!", "caf%C3%A9"])
async def test_what_cannot_be_a_tag_is_not_there(client: Client, reference: str) -> None:
    """404: it is not found; release 1.1.1's own suite asks for such a name."""
    await client.push(image(b"layer"), "latest")

    answer = await client.get(URL + reference)

    assert answer.refusal == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("digest", ["sha256:baddigeststring", f"md5:{'0' * 32}", f"sha512:{'0' * 64}", ":", "a:b"])
async def test_what_is_no_digest_is_refused(client: Client, digest: str) -> None:
    """400 for a reference with a colon that is no digest: it can be neither."""
    answer = await client.get(URL + digest)

    assert answer.refusal == (400, "DIGEST_INVALID")


async def test_a_blob_is_no_manifest(client: Client) -> None:
    """A digest that is in the package as a blob alone is not found among its manifests: 404."""
    pushed = image(b"layer")
    digest = await client.push_blob(pushed.content)

    assert (await client.get(URL + digest)).refusal == (404, "MANIFEST_UNKNOWN")


async def test_a_manifest_is_in_the_packages_that_it_was_pushed_to(client: Client) -> None:
    """404 in any other, by its digest too."""
    pushed = await client.push(image(b"layer"), "latest", name="acme/elsewhere")
    await client.push(image(b"other"), "latest")

    assert (await client.get(URL + pushed.digest)).refusal == (404, "MANIFEST_UNKNOWN")


# --- what the client has already ---


async def test_who_has_the_manifest_is_not_sent_it_again(client: Client, algorithm: str) -> None:
    """RFC 9110, 13.1.2: If-None-Match takes one tag or a list, weak ones too, or anything at all."""
    pushed = await client.push(image(b"layer", algorithm=algorithm))
    await client.put_manifest(pushed, tags=["latest"])

    for condition in ('"{}"', 'W/"{}"', '"other", "{}"', '"other",W/"{}" , "third"', "*"):
        for reference in ("latest", pushed.digest):
            answer = await client.get(URL + reference, {"If-None-Match": condition.format(pushed.digest)})

            assert answer == unchanged(manifest_answer(pushed)), condition


async def test_conditions_on_several_lines_are_one_list(client: Client) -> None:
    """RFC 9110, 5.3."""
    pushed = await client.push(image(b"layer"), "latest")

    answer = await client.get(f"{URL}latest", [("if-none-match", '"x"'), ("if-none-match", f'"{pushed.digest}"')])

    assert answer == unchanged(manifest_answer(pushed))


async def test_a_tag_that_moved_is_sent(client: Client) -> None:
    """RFC 9110, 13.1.2: what the client has is not what the tag means now; the same when it moves back."""
    old, new = [await client.push(image(layer), "latest") for layer in (b"old", b"new")]
    condition = {"If-None-Match": f'"{old.digest}"'}

    assert await client.get(f"{URL}latest", condition) == manifest_answer(new)
    await client.put_manifest(old, "latest")
    assert await client.get(f"{URL}latest", condition) == unchanged(manifest_answer(old))


@pytest.mark.parametrize("condition", ['"other"', "{}", ""])
async def test_who_has_something_else_is_sent_the_manifest(client: Client, condition: str) -> None:
    """RFC 9110, 13.1.2."""
    pushed = await client.push(image(b"layer"), "latest")

    answer = await client.get(f"{URL}latest", {"If-None-Match": condition.format(pushed.digest)})

    assert answer == manifest_answer(pushed)


async def test_a_manifest_is_sent_whole(client: Client) -> None:
    """RFC 9110, 14.2: a server may ignore Range, and says by no Accept-Ranges that it does."""
    pushed = await client.push(image(b"layer"), "latest")

    assert await client.get(f"{URL}latest", {"Range": "bytes=0-9"}) == manifest_answer(pushed)


# --- OCI distribution, "Warnings" ---


async def test_who_pulls_a_yanked_or_deprecated_version_is_warned(registry: Registry) -> None:
    """Code 299, agent -, no date; the reason that was given, if one was; on GET and HEAD."""
    client = registry.client()
    pushed = await client.push(image(b"layer"), "1.0", "latest")
    await registry.mark("acme/api", "1.0", yanked='leaks "secrets" in C:\\temp')

    assert await client.get(f"{URL}1.0") == manifest_answer(
        pushed, warning='299 - "yanked: leaks \\"secrets\\" in C:\\\\temp"'
    )
    await registry.mark("acme/api", "1.0", deprecated="")
    assert await client.get(f"{URL}1.0") == manifest_answer(
        pushed, warning='299 - "yanked: leaks \\"secrets\\" in C:\\\\temp"\n299 - "deprecated"'
    )


async def test_other_names_of_a_yanked_version_are_not_yanked(registry: Registry) -> None:
    """It is the version that is yanked: what a digest names has not changed."""
    client = registry.client()
    pushed = await client.push(image(b"layer"), "1.0", "latest")
    await registry.mark("acme/api", "1.0", yanked="broken")

    for reference in ("latest", pushed.digest):
        assert await client.get(URL + reference) == manifest_answer(pushed)


async def test_who_has_a_yanked_version_already_is_warned_too(registry: Registry) -> None:
    """RFC 9110, 15.4.5: 304 has the headers that 200 would have."""
    client = registry.client()
    pushed = await client.push(image(b"layer"), "1.0")
    await registry.mark("acme/api", "1.0", yanked="broken")

    answer = await client.get(f"{URL}1.0", {"If-None-Match": f'"{pushed.digest}"'})

    assert answer == unchanged(manifest_answer(pushed, warning='299 - "yanked: broken"'))


@pytest.mark.parametrize(
    "reason",
    [
        '"' * 5000,
        "x" + '"' * 5000,
        "\\" * 5000,
        "x" + "\\" * 5000,
        "x" * 5000,
        "a\r\nX-Injected: yes" * 400,
        "é" * 5000,
    ],
)
async def test_warnings_are_short_and_well_formed_whatever_the_reason(registry: Registry, reason: str) -> None:
    """A registry MUST NOT send more than 4096 bytes of them; RFC 9110, 5.6.4: what is quoted ends where it seems to."""
    client = registry.client()
    await client.push(image(b"layer"), "1.0")
    await registry.mark("acme/api", "1.0", yanked=reason, deprecated=reason)

    answer = await client.get(f"{URL}1.0")

    warnings = answer.headers["warning"].split("\n")
    assert len(warnings) == 2
    assert sum(len(f"Warning: {warning}\r\n") for warning in warnings) <= 4096
    for warning in warnings:
        text = warning.removeprefix('299 - "').removesuffix('"')
        assert warning == f'299 - "{text}"'
        assert all(" " <= character <= "~" for character in text)
        assert '"' not in text.replace("\\\\", "").replace('\\"', "")
        assert "\\" not in text.replace("\\\\", "").replace('\\"', "")
