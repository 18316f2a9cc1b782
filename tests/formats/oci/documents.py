"""What clients push: manifests and indexes of any shape, with digests of either algorithm, and all that they need."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Any

ALGORITHMS = ("sha256", "sha512")

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD_LAYER = "application/vnd.oci.image.layer.v1.tar+zstd"
FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

_HASHES = {"sha256": sha256, "sha512": sha512}


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{_HASHES[algorithm](content).hexdigest()}"


def some_bytes(size: int = 512, seed: int = 0) -> bytes:
    """Bytes that look like chance, the same each time."""
    return random.Random(seed).randbytes(size)


@dataclass(frozen=True)
class Document:
    """A manifest or an index, exactly as it is pushed."""

    content: bytes
    media_type: str
    algorithm: str = "sha256"
    blobs: tuple[bytes, ...] = ()
    children: tuple[Document, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.content, self.algorithm)

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def descriptor(self) -> dict[str, Any]:
        return descriptor(self.content, self.media_type, self.algorithm)

    def listed(self) -> dict[str, Any]:
        """How the referrers API lists it (OCI distribution, "Listing Referrers")."""
        fields = self.json
        artifact_type = fields.get("artifactType") or fields.get("config", {}).get("mediaType")
        annotations = fields.get("annotations")
        return {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": len(self.content),
            **({"artifactType": artifact_type} if artifact_type else {}),
            **({"annotations": annotations} if annotations else {}),
        }


def descriptor(content: bytes, media_type: str, algorithm: str = "sha256", **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content, algorithm), "size": len(content), **more}


def document(
    fields: Mapping[str, Any],
    media_type: str,
    *,
    algorithm: str = "sha256",
    blobs: Iterable[bytes] = (),
    children: Iterable[Document] = (),
) -> Document:
    """Any document; it is indented, so that a server that writes it anew is found out."""
    content = json.dumps(fields, indent=3).encode()
    return Document(content, media_type, algorithm, tuple(blobs), tuple(children))


def image(
    *layers: bytes,
    algorithm: str = "sha256",
    config: bytes = b'{"architecture":"amd64","os":"linux"}',
    config_type: str = CONFIG,
    layer_type: str = LAYER,
    media_type: str = MANIFEST,
    subject: Document | None = None,
    **more: Any,
) -> Document:
    """An image, or an artifact of any type; *more* are further fields, and take the place of these."""
    fields = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(config, config_type, algorithm),
        "layers": [descriptor(layer, layer_type, algorithm) for layer in layers],
        **({"subject": subject.descriptor} if subject else {}),
        **more,
    }
    return document(fields, media_type, algorithm=algorithm, blobs=(config, *layers))


def artifact(artifact_type: str, *layers: bytes, **more: Any) -> Document:
    """What is no image: an empty config, a type of its own."""
    return image(
        *layers, config=b"{}", config_type=EMPTY, **{"layer_type": EMPTY, "artifactType": artifact_type, **more}
    )


def index(
    *children: Document,
    algorithm: str = "sha256",
    media_type: str = INDEX,
    subject: Document | None = None,
    **more: Any,
) -> Document:
    fields = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [child.descriptor for child in children],
        **({"subject": subject.descriptor} if subject else {}),
        **more,
    }
    return document(fields, media_type, algorithm=algorithm, children=children)


def fallback_tag(digest: str) -> str:
    """OCI distribution, "Referrers Tag Schema": the algorithm cut to 32 characters, what it names to 64."""
    algorithm, _, encoded = digest.partition(":")
    return f"{algorithm[:32]}-{encoded[:64]}"
