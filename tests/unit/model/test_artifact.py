from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.model.artifact import (
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    Artifact,
    LinkKind,
)
from entrepot.model.digest import Digest
from entrepot.model.errors import DigestMismatch, InvalidManifest
from entrepot.testing.builders import image, index, referrer

CONFIG = {"mediaType": EMPTY, "digest": str(Digest.of(b"{}")), "size": 2}
LAYER = {"mediaType": "application/octet-stream", "digest": str(Digest.of(b"layer")), "size": 5}


def manifest(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": CONFIG, "layers": [LAYER], **fields}).encode()


def listing(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": [LAYER], **fields}).encode()


def test_a_manifest_says_what_it_links() -> None:
    artifact = Artifact.parse(manifest(annotations={"a": "b"}), IMAGE_MANIFEST)

    assert artifact.digest == Digest.of(artifact.content)
    assert [(link.kind, str(link.target.digest), link.target.size, link.required) for link in artifact.links] == [
        (LinkKind.CONFIG, CONFIG["digest"], 2, True),
        (LinkKind.LAYER, LAYER["digest"], 5, True),
    ]
    assert (artifact.annotations, artifact.subject, artifact.is_index) == ({"a": "b"}, None, False)


def test_an_index_says_what_it_contains() -> None:
    artifact = Artifact.parse(listing(artifactType="a/b"), IMAGE_INDEX)

    assert [(link.kind, link.required) for link in artifact.links] == [(LinkKind.MANIFEST, True)]
    assert (artifact.is_index, artifact.effective_type) == (True, "a/b")


def test_dockers_documents_have_the_same_shape() -> None:
    assert not Artifact.parse(manifest(mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST).is_index
    assert Artifact.parse(listing(mediaType=DOCKER_MANIFEST_LIST), DOCKER_MANIFEST_LIST).is_index


def test_a_referrer_names_its_subject() -> None:
    subject = image(b"layer")

    artifact = referrer(subject, "a/b").artifact

    assert artifact.subject is not None
    assert (artifact.subject.digest, artifact.subject.size) == (subject.digest, len(subject.content))
    assert artifact.effective_type == "a/b"
    assert index(subject, subject=subject).artifact.subject == artifact.subject


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"artifactType": "a/b"}, "a/b"), ({"artifactType": ""}, EMPTY), ({}, EMPTY)],
)
def test_without_a_type_of_its_own_its_config_says_what_it_is(fields: dict[str, str], expected: str) -> None:
    assert Artifact.parse(manifest(**fields), IMAGE_MANIFEST).effective_type == expected


def test_an_index_without_a_type_has_none() -> None:
    assert Artifact.parse(listing(), IMAGE_INDEX).effective_type is None


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_a_layer_that_may_not_be_distributed_need_not_be_there(media_type: str) -> None:
    artifact = Artifact.parse(manifest(layers=[{**LAYER, "mediaType": media_type}]), IMAGE_MANIFEST)

    assert [link.required for link in artifact.links] == [True, False]


def test_the_name_that_it_was_pushed_under_is_verified() -> None:
    content = manifest()
    long = Digest.of(content, "sha512")

    assert Artifact.parse(content, IMAGE_MANIFEST, digest=long).digest == long
    with pytest.raises(DigestMismatch):
        Artifact.parse(content, IMAGE_MANIFEST, digest=Digest.of(b"other"))


def test_unknown_fields_are_kept_with_the_bytes() -> None:
    content = manifest(somethingNew={"a": [1, 2, {"b": None}]})

    assert Artifact.parse(content, IMAGE_MANIFEST).content == content


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", IMAGE_MANIFEST),
    "no JSON": (b"{", IMAGE_MANIFEST),
    "no object": (b"[]", IMAGE_MANIFEST),
    "no UTF-8": (b'{"schemaVersion": 2, "mediaType": "\xff"}', IMAGE_MANIFEST),
    "another type": (manifest(), "application/json"),
    "no type": (manifest(), ""),
    "no version": (manifest(schemaVersion=None), IMAGE_MANIFEST),
    "version 1": (manifest(schemaVersion=1), IMAGE_MANIFEST),
    "text for a version": (manifest(schemaVersion="2"), IMAGE_MANIFEST),
    "no config": (json.dumps({"schemaVersion": 2, "layers": []}).encode(), IMAGE_MANIFEST),
    "says that it is another": (manifest(mediaType=IMAGE_INDEX), IMAGE_MANIFEST),
    "manifest with manifests": (manifest(manifests=[]), IMAGE_MANIFEST),
    "index with layers": (listing(layers=[]), IMAGE_INDEX),
    "index with config": (listing(config=CONFIG), IMAGE_INDEX),
    "bad digest": (manifest(config={**CONFIG, "digest": "sha256:abc"}), IMAGE_MANIFEST),
    "md5": (manifest(layers=[{**LAYER, "digest": "md5:" + "0" * 32}]), IMAGE_MANIFEST),
    "no digest": (manifest(layers=[{"size": 1}]), IMAGE_MANIFEST),
    "negative size": (manifest(layers=[{**LAYER, "size": -1}]), IMAGE_MANIFEST),
    "huge size": (manifest(layers=[{**LAYER, "size": 2**63}]), IMAGE_MANIFEST),
    "half a byte": (manifest(layers=[{**LAYER, "size": 1.5}]), IMAGE_MANIFEST),
    "bad subject": (manifest(subject={"digest": "x", "size": 1}), IMAGE_MANIFEST),
    "annotations of numbers": (manifest(annotations={"a": 1}), IMAGE_MANIFEST),
    "a long type": (manifest(artifactType="x" * 257), IMAGE_MANIFEST),
    "too many layers": (manifest(layers=[LAYER] * 10_001), IMAGE_MANIFEST),
    "nested deeply": (b'{"schemaVersion": 2, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", IMAGE_MANIFEST),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_manifest_is_refused(name: str) -> None:
    content, media_type = HOSTILE[name]

    with pytest.raises(InvalidManifest):
        Artifact.parse(content, media_type)


def test_where_a_digest_is_wrong_is_said() -> None:
    with pytest.raises(InvalidManifest) as refused:
        Artifact.parse(manifest(layers=[LAYER, {**LAYER, "digest": "sha256:xyz"}]), IMAGE_MANIFEST)

    assert (refused.value.subject, refused.value.actual) == ("layers[1].digest", "sha256:xyz")


def test_text_that_no_database_could_store_is_refused() -> None:
    with pytest.raises(InvalidManifest):
        Artifact.parse(manifest().replace(b"}", rb', "annotations": {"a": "\ud800"}}', 1)[:-1] + b"}", IMAGE_MANIFEST)
