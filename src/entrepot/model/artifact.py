"""An immutable node of the content graph: exactly the bytes of one OCI manifest or index.

OCI image specification 1.1.1, "Image Manifest" and "Image Index"; Docker's schema 2 types have the same shape.
`Artifact.parse` is pure, takes hostile input, and looks only at what the graph needs: unknown fields are kept
because the bytes are kept, and nothing is ever re-serialised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
EMPTY: Final = "application/vnd.oci.empty.v1+json"

MANIFEST_TYPES: Final = (IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST)
INDEX_TYPES: Final = frozenset({IMAGE_INDEX, DOCKER_MANIFEST_LIST})

TITLE: Final = "org.opencontainers.image.title"
"""The annotation that says what a layer is called as a file."""

_FOREIGN_LAYERS: Final = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)
_MAX_LINKS: Final = 10_000


class LinkKind(StrEnum):
    """What a link is to the artifact that holds it."""

    CONFIG = "config"
    LAYER = "layer"
    MANIFEST = "manifest"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Media type, digest and size: how one document points at some bytes."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What an artifact points at."""

    kind: LinkKind
    target: Descriptor
    required: bool = True
    """Whether the target must be in the package first (I2); not so for layers that may not be distributed."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An immutable node: its bytes, and what they say."""

    content: bytes
    digest: Digest
    media_type: str
    artifact_type: str | None
    config_type: str | None
    links: tuple[Link, ...]
    subject: Descriptor | None
    annotations: Mapping[str, str]

    @classmethod
    def parse(cls, content: bytes, media_type: str, *, digest: Digest | None = None) -> Self:
        """Read a manifest or an index as it was pushed, under the name *digest* (default: its sha256).

        Raises `InvalidManifest`, `InvalidDigest`, `DigestMismatch`.
        """
        if media_type not in MANIFEST_TYPES:
            raise InvalidManifest("media type", expected=", ".join(MANIFEST_TYPES), actual=media_type)
        if digest is None:
            digest = Digest.of(content)
        else:
            digest.verify(content)
        wire = _decode(content)
        _check_shape(wire, media_type)
        return cls(
            content=content,
            digest=digest,
            media_type=media_type,
            artifact_type=wire.artifact_type or None,
            config_type=wire.config.media_type if wire.config else None,
            links=tuple(_links(wire)),
            subject=_descriptor(wire.subject, "subject") if wire.subject else None,
            annotations=wire.annotations or {},
        )

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests rather than files."""
        return self.media_type in INDEX_TYPES

    @property
    def effective_type(self) -> str | None:
        """What the referrers API calls its artifact type: its own, else its config's media type."""
        return self.artifact_type or self.config_type


class _WireDescriptor(msgspec.Struct, rename="camel", frozen=True):
    digest: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    media_type: Annotated[str, msgspec.Meta(max_length=256)] = ""
    annotations: dict[str, str] | None = None
    artifact_type: Annotated[str, msgspec.Meta(max_length=256)] = ""
    data: str | None = None


class _WireManifest(msgspec.Struct, rename="camel", frozen=True):
    """An image manifest and an index in one: which fields are there tells them apart."""

    schema_version: int
    media_type: str = ""
    artifact_type: Annotated[str, msgspec.Meta(max_length=256)] = ""
    config: _WireDescriptor | None = None
    layers: Annotated[list[_WireDescriptor], msgspec.Meta(max_length=_MAX_LINKS)] | None = None
    manifests: Annotated[list[_WireDescriptor], msgspec.Meta(max_length=_MAX_LINKS)] | None = None
    subject: _WireDescriptor | None = None
    annotations: dict[str, str] | None = None


_DECODER: Final = msgspec.json.Decoder(_WireManifest)


def _decode(content: bytes) -> _WireManifest:
    try:
        return _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidManifest(str(error)) from error
    except RecursionError as error:
        raise InvalidManifest("nested too deeply") from error


def _check_shape(wire: _WireManifest, media_type: str) -> None:
    """Refuse a document that could be read as two things (image specification, CVE-2021-41190)."""
    if wire.schema_version != 2:  # noqa: PLR2004 (the only one there is)
        raise InvalidManifest("schemaVersion", expected=2, actual=wire.schema_version)
    if wire.media_type and wire.media_type != media_type:
        raise InvalidManifest("mediaType differs from Content-Type", expected=media_type, actual=wire.media_type)
    if media_type in INDEX_TYPES:
        if wire.layers is not None or wire.config is not None:
            raise InvalidManifest("an index with config or layers")
    elif wire.config is None:
        raise InvalidManifest("a manifest without config")
    elif wire.manifests is not None:
        raise InvalidManifest("a manifest with manifests")


def _links(wire: _WireManifest) -> Iterator[Link]:
    if wire.config is not None:
        yield Link(LinkKind.CONFIG, _descriptor(wire.config, "config"))
    for number, layer in enumerate(wire.layers or ()):
        foreign = layer.media_type.startswith(_FOREIGN_LAYERS)
        yield Link(LinkKind.LAYER, _descriptor(layer, f"layers[{number}]"), required=not foreign)
    for number, manifest in enumerate(wire.manifests or ()):
        yield Link(LinkKind.MANIFEST, _descriptor(manifest, f"manifests[{number}]"))


def _descriptor(wire: _WireDescriptor, where: str) -> Descriptor:
    try:
        digest = Digest.parse(wire.digest)
    except InvalidDigest as error:
        raise InvalidManifest(f"{where}.digest", expected=error.expected, actual=wire.digest) from error
    return Descriptor(wire.media_type, digest, wire.size, wire.annotations or {}, wire.artifact_type or None)
