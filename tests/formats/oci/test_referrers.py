"""end-12: OCI distribution, "Listing Referrers", "Referrers Tag Schema" and "Enabling the Referrers API"."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.formats.oci.conversation import Client, Registry, referrers_answer
from tests.formats.oci.documents import (
    CONFIG,
    INDEX,
    MANIFEST,
    Document,
    artifact,
    descriptor,
    digest_of,
    document,
    fallback_tag,
    image,
    index,
)

SBOM, SIGNATURE = "application/vnd.example.sbom.v1+json", "application/vnd.example.signature"
URL = "/v2/acme/api/referrers/"


def link(subject: str, n: int, last: Document, more: str = "") -> str:
    return f'<{URL}{subject}?n={n}&last={quote(last.digest, safe="")}{more}>; rel="next"'


def by_digest(*documents: Document) -> list[Document]:
    return sorted(documents, key=lambda each: each.digest)


async def test_a_package_that_is_not_there_has_an_empty_list(registry: Registry, algorithm: str) -> None:
    """A registry that has the API MUST NOT answer 404: an empty list, for whoever may read what would be there."""
    for name in ("acme/api", "acme.prod/api", "acme/deep/er"):
        answer = await registry.client("reader").get(f"/v2/{name}/referrers/{digest_of(b'', algorithm)}")

        assert answer == referrers_answer()


async def test_what_nothing_refers_to_has_an_empty_list(client: Client, algorithm: str) -> None:
    """An empty manifest list MUST be returned."""
    pushed = await client.push(image(b"layer", algorithm=algorithm))

    assert await client.get(URL + pushed.digest) == referrers_answer()
    assert await client.get(f"{URL}{pushed.digest}?artifactType={SIGNATURE}") == referrers_answer(
        artifact_type=SIGNATURE
    )


async def test_a_referrer_is_listed_with_its_type_and_annotations(client: Client, algorithm: str) -> None:
    """artifactType from the manifest; all its annotations; in the answer to the next request."""
    subject = await client.push(image(b"layer", algorithm=algorithm))
    pushed = artifact(SBOM, b"{}", subject=subject, algorithm=algorithm, annotations={"org.example": "é", "b": ""})
    await client.push(pushed)

    assert await client.get(URL + subject.digest) == referrers_answer(
        {
            "mediaType": MANIFEST,
            "digest": pushed.digest,
            "size": len(pushed.content),
            "artifactType": SBOM,
            "annotations": {"org.example": "é", "b": ""},
        }
    )


@pytest.mark.parametrize("absent", [{}, {"artifactType": ""}])
async def test_a_manifest_without_a_type_has_that_of_its_config(client: Client, absent: dict[str, str]) -> None:
    """If artifactType is empty or missing, it MUST be set to the config descriptor's mediaType."""
    subject = await client.push(image(b"layer"))
    pushed = await client.push(image(b"{}", subject=subject, **absent))

    (found,) = await client.referrers(subject.digest)

    assert found == {
        "mediaType": MANIFEST,
        "digest": pushed.digest,
        "size": len(pushed.content),
        "artifactType": CONFIG,
    }


@pytest.mark.parametrize("absent", [{}, {"artifactType": ""}])
async def test_an_index_without_a_type_has_none(client: Client, absent: dict[str, str]) -> None:
    """If artifactType is empty or missing in an index, it MUST be omitted."""
    subject = await client.push(image(b"layer"))
    pushed = await client.push(index(subject=subject, **absent))

    (found,) = await client.referrers(subject.digest)

    assert found == {"mediaType": INDEX, "digest": pushed.digest, "size": len(pushed.content)}


async def test_an_index_with_a_type_has_it(client: Client) -> None:
    """artifactType is set to the value in the index, if present."""
    subject = await client.push(image(b"layer"))
    await client.push(index(subject=subject, artifactType=SBOM))

    assert [each["artifactType"] for each in await client.referrers(subject.digest)] == [SBOM]


async def test_referrers_are_filtered_by_their_type(client: Client) -> None:
    """OCI-Filters-Applied: artifactType; those of that type alone, which for some is their config's."""
    subject = await client.push(image(b"layer"))
    pushed = [
        await client.push(each)
        for each in (
            artifact(SBOM, subject=subject),
            artifact(SBOM, b"2", subject=subject),
            artifact(SIGNATURE, subject=subject),
            image(subject=subject),
            index(subject=subject),
            index(subject=subject, artifactType=SIGNATURE),
        )
    ]

    for kind in (SBOM, SIGNATURE, CONFIG, "application/vnd.nobody.has", "a b&c=d/é+"):
        matching = [each.listed() for each in pushed if each.listed().get("artifactType") == kind]
        answer = await client.get(f"{URL}{subject.digest}?artifactType={quote(kind, safe='')}")

        assert answer == referrers_answer(*matching, artifact_type=kind), kind


async def test_an_empty_filter_is_none(client: Client) -> None:
    """If filtering is requested and applied, the header says so: here it is not."""
    subject = await client.push(image(b"layer"))
    pushed = await client.push(artifact(SBOM, subject=subject))

    assert await client.get(f"{URL}{subject.digest}?artifactType=") == referrers_answer(pushed.listed())


@pytest.mark.parametrize("filtered", [False, True], ids=["all", "filtered"])
async def test_a_page_of_referrers_leads_to_the_next(client: Client, filtered: bool) -> None:
    """A Link MUST be included when the list is not whole; the filter goes on with it."""
    subject = await client.push(image(b"layer"))
    same = [await client.push(artifact(SBOM, bytes([number]), subject=subject)) for number in range(5)]
    others = [await client.push(artifact(SIGNATURE, bytes([number]), subject=subject)) for number in range(2)]
    expected = by_digest(*same) if filtered else by_digest(*same, *others)
    more = f"&artifactType={quote(SBOM, safe='')}" if filtered else ""

    for n in (1, 2, 4, 5, 6, 7, 8):
        seen: list[Document] = []
        url: str | None = f"{URL}{subject.digest}?n={n}{more}"
        while url is not None:
            answer = await client.get(url)
            page = expected[len(seen) : len(seen) + n]
            seen += page
            following = link(subject.digest, n, page[-1], more) if len(seen) < len(expected) else None
            listed = [each.listed() for each in page]
            assert answer == referrers_answer(*listed, artifact_type=SBOM if filtered else None, link=following)
            url = following[1 : following.index(">")] if following else None
        assert seen == expected


async def test_a_page_of_large_referrers_is_short(client: Client) -> None:
    """Their annotations MUST be listed: eight megabytes of manifests end a page, and a Link leads on; of both sources."""
    subject = await client.push(image(b"layer"))
    large = {f"org.example.{number}": "a" * 10_000 for number in range(390)}
    new = [artifact(SBOM, subject=subject, annotations={**large, "number": str(number)}) for number in range(3)]
    old = [artifact(SBOM, annotations={**large, "number": str(number)}) for number in range(2)]
    for each in (*new, *old):
        await client.push(each)
    await client.put_manifest(listing(*(each.descriptor for each in old)), fallback_tag(subject.digest))
    expected = by_digest(*new, *old)

    first = await client.get(URL + subject.digest)
    following = f"{URL}{subject.digest}?n=1000&last={quote(expected[2].digest, safe='')}"

    assert first == referrers_answer(*(each.listed() for each in expected[:3]), link=f'<{following}>; rel="next"')
    assert await client.get(following) == referrers_answer(*(each.listed() for each in expected[3:]))


async def test_referrers_are_those_of_the_package(client: Client) -> None:
    """Each descriptor is of a manifest in the same repository."""
    subject = await client.push(image(b"layer"))
    await client.push(subject, name="acme/copy")
    here = await client.push(artifact(SBOM, subject=subject))
    there = await client.push(artifact(SIGNATURE, subject=subject), name="acme/copy")

    assert await client.referrers(subject.digest) == [here.listed()]
    assert await client.referrers(subject.digest, "acme/copy") == [there.listed()]


async def test_a_subject_need_not_be_there(client: Client, algorithm: str) -> None:
    """OCI distribution, "Push": MUST be accepted in either order; OCI-Subject says that the list has it."""
    subject = image(b"layer", algorithm=algorithm)
    pushed = artifact(SIGNATURE, subject=subject, algorithm=algorithm)
    await client.push_parts(pushed)

    answer = await client.put_manifest(pushed)

    assert answer.status == 201
    assert answer.headers["oci-subject"] == subject.digest
    assert await client.referrers(subject.digest) == [pushed.listed()]
    await client.push(subject)
    assert await client.referrers(subject.digest) == [pushed.listed()]


async def test_referrers_go_with_their_subject_unless_they_have_a_name(client: Client) -> None:
    """OCI distribution leaves it to the registry; nobody asks for the signature of what is not there any more."""
    subject = await client.push(image(b"layer"))
    await client.push(artifact(SIGNATURE, subject=subject))
    named = await client.push(artifact(SBOM, subject=subject), "sbom")

    await client.delete(f"/v2/acme/api/manifests/{subject.digest}")

    assert await client.referrers(subject.digest) == [named.listed()]


async def test_a_referrer_of_the_other_algorithms_digest_is_not_one(client: Client) -> None:
    """The subject field has the value of the digest that is asked for."""
    subject = await client.push(image(b"layer"))
    await client.push(artifact(SIGNATURE, subject=subject))

    assert await client.referrers(digest_of(subject.content, "sha512")) == []


@pytest.mark.parametrize("digest", ["sha256:bad", "latest", f"md5:{'0' * 32}", f"sha512:{'0' * 64}", "a:b"])
async def test_what_is_no_digest_is_refused(client: Client, digest: str) -> None:
    """If the request is invalid, 400 MUST be returned."""
    assert (await client.get(URL + digest)).refusal == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("n", ["-1", "x"])
async def test_what_is_no_number_is_refused(client: Client, n: str) -> None:
    """``n`` is an integer: 400 for anything else."""
    assert (await client.get(f"{URL}{digest_of(b'')}?n={n}")).refusal == (400, "UNSUPPORTED")


async def test_a_page_of_nothing_is_a_whole_one(client: Client) -> None:
    """A list that is not whole MUST have a Link: one without any entry could not lead on."""
    subject = await client.push(image(b"layer"))
    pushed = await client.push(artifact(SIGNATURE, subject=subject))

    assert await client.get(f"{URL}{subject.digest}?n=0") == referrers_answer(pushed.listed())


# --- what clients keep under a fallback tag ---


def listing(*listed: dict[str, object]) -> Document:
    """The index under a fallback tag, as a client writes it."""
    return document({"schemaVersion": 2, "mediaType": INDEX, "manifests": list(listed)}, INDEX)


async def test_what_a_fallback_tag_lists_is_folded_in(client: Client, algorithm: str) -> None:
    """Clients of registries without the API keep an index under a tag; what it lists is among the referrers.

    The tag is the algorithm and 64 digits, also of a digest that has more.
    """
    subject = await client.push(image(b"layer", algorithm=algorithm))
    old = await client.push(artifact(SBOM, b"old", algorithm=algorithm, annotations={"a": "b"}))
    new = await client.push(artifact(SIGNATURE, b"new", subject=subject, algorithm=algorithm))
    written = listing({**old.descriptor, "artifactType": SBOM}, {**new.descriptor, "artifactType": SIGNATURE})
    await client.push_parts(written)
    assert (await client.put_manifest(written, fallback_tag(subject.digest))).status == 201

    assert await client.get(URL + subject.digest) == referrers_answer(old.listed(), new.listed())


async def test_what_a_fallback_tag_says_wrong_is_put_right(client: Client) -> None:
    """Clients write artifactType, annotations and sizes that are not the manifest's; each is described by its own."""
    subject = await client.push(image(b"layer"))
    pushed = await client.push(artifact(SBOM, b"old", annotations={"a": "b"}))
    wrong = {**pushed.descriptor, "artifactType": CONFIG, "annotations": {"c": "d"}, "size": 1}
    await client.put_manifest(listing(wrong), fallback_tag(subject.digest))
    url = f"{URL}{subject.digest}?artifactType="

    assert await client.referrers(subject.digest) == [pushed.listed()]
    assert await client.get(url + quote(CONFIG, safe="")) == referrers_answer(artifact_type=CONFIG)
    assert await client.get(url + quote(SBOM, safe="")) == referrers_answer(pushed.listed(), artifact_type=SBOM)


async def test_a_fallback_tag_lists_nothing_that_refers_to_something_else(client: Client) -> None:
    """Only what has no subject of its own is taken from there: the list is of what refers to that digest."""
    subject = await client.push(image(b"layer"))
    other = await client.push(artifact(SBOM, subject=image(b"other")))
    await client.put_manifest(listing(other.descriptor), fallback_tag(subject.digest))

    assert await client.referrers(subject.digest) == []


async def test_a_fallback_tag_may_list_what_was_deleted_since(client: Client) -> None:
    """An index that lists what is not there cannot be pushed; what it lists cannot be deleted while it is there."""
    subject = await client.push(image(b"layer"))
    pushed = await client.push(artifact(SBOM, b"old"))
    written = listing(pushed.descriptor)
    await client.put_manifest(written, fallback_tag(subject.digest))

    held = await client.delete(f"/v2/acme/api/manifests/{pushed.digest}")
    assert held.refusal == (403, "DENIED")
    await client.delete(f"/v2/acme/api/manifests/{written.digest}")

    assert await client.referrers(subject.digest) == []
    assert (await client.delete(f"/v2/acme/api/manifests/{pushed.digest}")).status == 202


async def test_a_fallback_tag_that_is_no_index_lists_nothing(client: Client) -> None:
    """OCI distribution, "Referrers Tag Schema": if it is no valid image index, there are no referrers."""
    subject = await client.push(image(b"layer"))
    await client.push(image(b"{}"), fallback_tag(subject.digest))

    assert await client.get(URL + subject.digest) == referrers_answer()


async def test_a_fallback_tag_moves_as_referrers_come_and_go(registry: Registry) -> None:
    """Clients rewrite it, so it moves even where the namespace lets no tag move, and looks like no version."""
    await registry.rule("acme", movable=[])
    client = registry.client("publisher")
    subject = await client.push(image(b"layer"))
    pushed = [await client.push(artifact(SBOM, bytes([number]))) for number in range(3)]

    for count in (1, 3, 2, 0):
        written = listing(*(each.descriptor for each in pushed[:count]))
        assert (await client.put_manifest(written, fallback_tag(subject.digest))).status == 201
        assert await client.get(URL + subject.digest) == referrers_answer(*(each.listed() for each in pushed[:count]))


async def test_pages_have_what_both_sources_have(client: Client) -> None:
    """One list in one order, each entry once, wherever it comes from."""
    subject = await client.push(image(b"layer"))
    old = [await client.push(artifact(SBOM, bytes([number]))) for number in range(3)]
    new = [await client.push(artifact(SBOM, bytes([number]), subject=subject)) for number in range(3)]
    written = listing(*(each.descriptor for each in [*old, new[0]]))
    await client.put_manifest(written, fallback_tag(subject.digest))
    expected = [each.listed() for each in by_digest(*old, *new)]

    for n in range(1, 8):
        seen = []
        url: str | None = f"{URL}{subject.digest}?n={n}"
        while url is not None:
            answer = await client.get(url)
            seen += answer.json["manifests"]
            following = answer.headers.get("link")
            url = following[1 : following.index(">")] if following else None
        assert seen == expected, n


async def test_cosigns_older_signatures_are_tags(client: Client) -> None:
    """``sha256-….sig`` is an image of its own, pulled by its name; nothing lists it as a referrer."""
    subject = await client.push(image(b"layer"))
    signature = image(b"signature", layer_type="application/vnd.dev.cosign.simplesigning.v1+json")
    tag = f"{fallback_tag(subject.digest)}.sig"
    await client.push(signature, tag)
    await client.push(image(b"two signatures"), tag)

    assert await client.tags() == [tag]
    assert await client.referrers(subject.digest) == []


async def test_descriptors_of_blobs_in_a_fallback_index_are_not_followed(client: Client) -> None:
    """An index lists manifests: what is there as a blob alone makes it invalid."""
    subject = await client.push(image(b"layer"))
    await client.push_blob(b"{}")

    answer = await client.put_manifest(listing(descriptor(b"{}", MANIFEST)), fallback_tag(subject.digest))

    assert answer.refusal == (400, "MANIFEST_BLOB_UNKNOWN")
