"""Everything that clients make manifests of, each pushed, listed, pulled, deleted, and pushed again.

OCI distribution, "Push", "Pull", "Content Discovery" and "Content Management"; OCI image, "Image Manifest", "Image
Index" and "Guidelines for Artifact Usage". Each kind lives the same life, by sha256 and by sha512.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

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
from tests.formats.oci.documents import (
    ALGORITHMS,
    DOCKER_CONFIG,
    DOCKER_FOREIGN_LAYER,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    FOREIGN_LAYER,
    GZIP_LAYER,
    INDEX,
    LAYER,
    MANIFEST,
    ZSTD_LAYER,
    Document,
    artifact,
    descriptor,
    digest_of,
    document,
    image,
    index,
    some_bytes,
)

URL = "/v2/acme/api/"
ACCEPT = [("accept", INDEX), ("accept", MANIFEST), ("accept", DOCKER_LIST), ("accept", DOCKER_MANIFEST)]


@dataclass(frozen=True)
class Release:
    """What somebody pushes in one go: documents, each after what it needs, and what their tags mean."""

    documents: tuple[Document, ...]
    tags: dict[str, Document]

    @property
    def blobs(self) -> dict[str, bytes]:
        """By digest."""
        return {digest_of(blob, each.algorithm): blob for each in self.documents for blob in each.blobs}

    @property
    def subjects(self) -> set[str]:
        return {each.json["subject"]["digest"] for each in self.documents if "subject" in each.json}

    def referrers_of(self, subject: str) -> list[Document]:
        return [each for each in self.documents if each.json.get("subject", {}).get("digest") == subject]


Kinds = Iterator[tuple[str, Release]]


def _images(algorithm: str) -> Kinds:
    layers = (some_bytes(512, 1), some_bytes(40, 2))
    for name, layer_type in {"image": GZIP_LAYER, "image-uncompressed": LAYER, "image-zstd": ZSTD_LAYER}.items():
        made = image(*layers, algorithm=algorithm, layer_type=layer_type)
        yield name, Release((made,), {"image": made})

    docker = {"config_type": DOCKER_CONFIG, "layer_type": DOCKER_LAYER, "media_type": DOCKER_MANIFEST}
    made = image(*layers, algorithm=algorithm, **docker)
    yield "docker-image", Release((made,), {"latest": made})

    made = image(algorithm=algorithm)
    yield "no-layers", Release((made,), {"no-layers": made})

    made = image(b"", algorithm=algorithm, config=b"")
    yield "empty-blobs", Release((made,), {"empty-blobs": made})

    made = image(layers[0], layers[1], layers[0], algorithm=algorithm)
    yield "same-layer-twice", Release((made,), {"twice": made})

    # The identifiers of the layers in a config are the runtime's business, not the registry's.
    config = b'{"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' % digest_of(b"").encode()
    made = image(*layers, algorithm=algorithm, config=config)
    yield "odd-config", Release((made,), {"odd": made})

    other = next(each for each in ALGORITHMS if each != algorithm)
    fields = image(*layers, algorithm=other).json
    made = document(fields, MANIFEST, algorithm=algorithm)
    parts = image(*layers, algorithm=other)
    yield "layers-by-the-other-algorithm", Release((parts, made), {"mixed": made})


def _odd_images(algorithm: str) -> Kinds:
    empty = descriptor(b"{}", EMPTY, algorithm, data="e30=")
    fields = {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [empty]}
    made = document(fields, MANIFEST, algorithm=algorithm, blobs=[b"{}"])
    yield "data-field", Release((made,), {"data-field": made})

    # Layers that may not be distributed are where their URLs say, and never pushed.
    foreign = [
        descriptor(some_bytes(500, seed), media_type, algorithm, urls=["https://registry.example.com/layer"])
        for seed, media_type in ((3, FOREIGN_LAYER), (4, f"{FOREIGN_LAYER}+gzip"), (5, f"{FOREIGN_LAYER}+zstd"))
    ]
    made = image(algorithm=algorithm, layers=foreign)
    yield "non-distributable-layers", Release((made,), {"non-distributable-layers": made})

    foreign = [descriptor(some_bytes(500, 6), DOCKER_FOREIGN_LAYER, algorithm)]
    made = image(algorithm=algorithm, config_type=DOCKER_CONFIG, media_type=DOCKER_MANIFEST, layers=foreign)
    yield "docker-foreign-layers", Release((made,), {"windows": made})

    custom = {"org.example.number": 1.5, "org.example.object": {"a": [None, True]}, "annotations": {"a": "b"}}
    child = image(b"layer", algorithm=algorithm, config=b'{"org.example.custom":{}}', **custom)
    made = index(child, algorithm=algorithm, **custom)
    yield "custom-fields", Release((child, made), {"custom-fields": made})

    made = image(b"layer", algorithm=algorithm, annotations={"": "", "é": "\u2028", "k" * 300: "v" * 3000})
    yield "odd-annotations", Release((made,), {"annotations": made})


def _indexes(algorithm: str) -> Kinds:
    children = tuple(image(some_bytes(400, seed), algorithm=algorithm) for seed in (7, 8))
    made = index(*children, algorithm=algorithm)
    yield "index", Release((*children, made), {"index": made})

    outer = index(made, children[0], algorithm=algorithm)
    yield "nested-index", Release((*children, made, outer), {"index-of-index": outer, "index": made})

    empty = index(algorithm=algorithm)
    yield "empty-index", Release((empty,), {"index": empty})

    docker = image(
        b"layer",
        algorithm=algorithm,
        config_type=DOCKER_CONFIG,
        layer_type=DOCKER_LAYER,
        media_type=DOCKER_MANIFEST,
    )
    listed = index(docker, algorithm=algorithm, media_type=DOCKER_LIST)
    yield "docker-list", Release((docker, listed), {"latest": listed, "amd64": docker})

    mixed = index(docker, listed, children[0], algorithm=algorithm)
    yield "index-of-docker's", Release((docker, listed, children[0], mixed), {"mixed": mixed})


def _artifacts(algorithm: str) -> Kinds:
    made = artifact("application/vnd.example.thing", some_bytes(300), algorithm=algorithm)
    yield "artifact", Release((made,), {"artifact": made})

    listing = index(made, algorithm=algorithm, artifactType="application/vnd.example.things")
    yield "artifact-index", Release((made, listing), {"artifact-index": listing})

    made = artifact("application/vnd.example.nothing", b"{}", algorithm=algorithm)
    yield "artifact-without-layers", Release((made,), {"artifact": made})

    helm = {"config_type": "application/vnd.cncf.helm.config.v1+json", "config": b'{"name":"chart"}'}
    helm |= {"layer_type": "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}
    made = image(b"chart", algorithm=algorithm, **helm)
    yield "helm-chart", Release((made,), {"chart-1": made})

    cache = image(b"{}", algorithm=algorithm, config_type="application/vnd.buildkit.cacheconfig.v0")
    made = index(cache, algorithm=algorithm)
    yield "build-cache", Release((cache, made), {"cache": made})


def _referrers(algorithm: str) -> Kinds:
    subject = image(b"subject", algorithm=algorithm)
    referrers = tuple(
        artifact(
            f"application/vnd.example.{name}+json",
            b"{}",
            algorithm=algorithm,
            subject=subject,
            annotations={"org.example.key": name},
        )
        for name in ("sbom", "signature")
    )
    untyped = image(b"{}", algorithm=algorithm, subject=subject)
    tags = {"image": subject, "tagged-artifact1": referrers[0], "tagged-artifact2": referrers[1]}
    yield "artifacts-with-subject", Release((subject, *referrers, untyped), tags)

    children = tuple(artifact(f"application/vnd.example.{name}", subject=subject, algorithm=algorithm) for name in "ab")
    typed = {"artifactType": "application/vnd.example.index", "annotations": {"org.example.key": "index"}}
    listing = index(*children, algorithm=algorithm, subject=subject, **typed)
    plain = index(algorithm=algorithm, subject=subject, annotations={"org.example.key": "no type"})
    yield (
        "index-with-subject",
        Release((subject, *children, listing, plain), {"index": subject, "tagged-artifact": listing}),
    )

    never_pushed = image(b"never pushed", algorithm=algorithm)
    orphan = artifact("application/vnd.example.orphan", algorithm=algorithm, subject=never_pushed)
    yield "missing-subject", Release((orphan,), {"tagged-artifact": orphan})

    chain = artifact("application/vnd.example.signature", algorithm=algorithm, subject=referrers[0])
    yield "referrer-of-a-referrer", Release((subject, referrers[0], chain), {"image": subject})


KINDS = {
    f"{algorithm}-{name}": release
    for algorithm in ALGORITHMS
    for kinds in (_images, _odd_images, _indexes, _artifacts, _referrers)
    for name, release in kinds(algorithm)
}


async def push(client: Client, release: Release) -> None:
    """As clients do: the blobs, each document by its digest, then the tags."""
    for digest, blob in release.blobs.items():
        await client.push_blob(blob, algorithm=digest.partition(":")[0])
    for each in release.documents:
        assert await client.put_manifest(each) == manifest_created(each)
    for tag, each in release.tags.items():
        if each.algorithm == "sha256":
            assert await client.put_manifest(each, tag) == manifest_created(each, tag)
        else:
            assert await client.put_manifest(each, tags=[tag]) == manifest_created(each, tag)


async def pull(client: Client, release: Release) -> None:
    """Whatever was pushed is there, byte for byte, by every name it has."""
    assert await client.tags() == sorted(release.tags)
    references = {each.digest: each for each in release.documents} | release.tags
    for reference, each in references.items():
        assert await client.get(f"{URL}manifests/{reference}", ACCEPT) == manifest_answer(each)
    for digest, blob in release.blobs.items():
        assert await client.get(f"{URL}blobs/{digest}") == blob_answer(blob, digest)


async def list_referrers(client: Client, release: Release) -> None:
    """OCI distribution, "Listing Referrers": all of each subject, and those of each type alone."""
    for subject in release.subjects:
        listed = [each.listed() for each in release.referrers_of(subject)]
        url = f"{URL}referrers/{subject}"
        assert await client.get(url) == referrers_answer(*listed)
        for kind in {each.get("artifactType") for each in listed} - {None}:
            same = [each for each in listed if each.get("artifactType") == kind]
            answer = await client.get(f"{url}?artifactType={quote(kind, safe='')}")
            assert answer == referrers_answer(*same, artifact_type=kind)


async def delete(client: Client, release: Release) -> None:
    """OCI distribution, "Content Management": tags, then each document before what it needs, then blobs.

    What is deleted is gone with the answer: from its address, from the list of tags, from its subject's referrers.
    """
    tags = dict(release.tags)
    for tag, each in release.tags.items():
        assert await client.delete(f"{URL}manifests/{tag}") == deleted()
        assert (await client.get(f"{URL}manifests/{tag}")).refusal == (404, "MANIFEST_UNKNOWN")
        assert await client.get(f"{URL}manifests/{each.digest}") == manifest_answer(each)
        del tags[tag]
        assert await client.tags() == sorted(tags)
    left = list(release.documents)
    for each in reversed(release.documents):
        assert await client.delete(f"{URL}manifests/{each.digest}") == deleted()
        assert (await client.get(f"{URL}manifests/{each.digest}")).refusal == (404, "MANIFEST_UNKNOWN")
        left.remove(each)
        if "subject" in each.json:
            subject = each.json["subject"]["digest"]
            listed = [other.listed() for other in Release(tuple(left), {}).referrers_of(subject)]
            assert await client.get(f"{URL}referrers/{subject}") == referrers_answer(*listed)
    for digest in release.blobs:
        assert await client.delete(f"{URL}blobs/{digest}") == deleted(**{"docker-content-digest": digest})
        assert (await client.get(f"{URL}blobs/{digest}")).refusal == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("release", KINDS.values(), ids=KINDS.keys())
async def test_a_release_lives_and_lives_again(registry: Registry, client: Client, release: Release) -> None:
    """Everything that was deleted can be pushed again, as the next build does."""
    await push(client, release)
    await pull(client, release)
    await list_referrers(client, release)
    await delete(client, release)
    await push(client, release)

    assert await check(registry.world.registry, read_bytes=True) == []


async def test_one_name_means_one_release_after_another(client: Client) -> None:
    """The suite of the specification gives the same tags to other bytes once they were deleted."""
    for name in ("image", "empty-index", "index", "artifacts-with-subject", "index-with-subject", "missing-subject"):
        await push(client, KINDS[f"sha256-{name}"])
        await delete(client, KINDS[f"sha256-{name}"])


async def test_all_kinds_are_in_one_package_at_once(registry: Registry, client: Client) -> None:
    """Nothing of one is in the way of another."""
    for release in KINDS.values():
        await push(client, Release(release.documents, {}))

    for release in KINDS.values():
        for each in release.documents:
            assert await client.get(f"{URL}manifests/{each.digest}") == manifest_answer(each)
    assert await check(registry.world.registry, read_bytes=True) == []
