"""A version of any format as an OCI artifact: the manifest that its files make, and the files that a manifest lists.

The manifest is canonical: a function of its kind, config, files and annotations, whatever the order in which they came.
It is JSON with sorted keys and no white space, with

- the ``artifactType`` and the config's media type of its `Kind`;
- a config that is the version's normalised metadata, as canonical JSON;
- one layer per file, in the order of the paths, each path in the layer's annotation ``org.opencontainers.image.title``;
- the version's annotations, if it has any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NewType

import msgspec

from entrepot.model.artifact import IMAGE_MANIFEST, TITLE, Artifact, Descriptor, Link, LinkKind
from entrepot.model.digest import Digest
from entrepot.model.errors import NameTaken, VersionExists

if TYPE_CHECKING:
    from typing import Self

FilePath = NewType("FilePath", str)
"""Where a file is in its version: ``bin/linux/tool``."""

CREATED: Final = "org.opencontainers.image.created"

_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def _nameless(_: str, __: Mapping[str, str]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the manifests of one format's versions are told by."""

    artifact_type: str
    config_type: str
    name_layer: Callable[[str, Mapping[str, str]], str] = _nameless
    """What a layer without a title is called, by its media type and the manifest's annotations: in what others wrote."""

    @classmethod
    def of(cls, format: str) -> Self:
        """The kind of a format's versions."""
        return cls(f"application/vnd.entrepot.{format}.v1", f"application/vnd.entrepot.{format}.config.v1+json")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a version."""

    path: FilePath
    media_type: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a version holds."""

    files: Mapping[FilePath, File] = field(default_factory=dict)
    """In the order of the paths."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    config: Digest | None = field(default=None, compare=False)
    """Of the version's normalised metadata, once there is a manifest."""

    @classmethod
    def read(cls, manifest: bytes, kind: Kind) -> Self | None:
        """Read a manifest that `compose` wrote, or a client of the format; None for an artifact of another kind.

        Raises `InvalidManifest`.

        What was checked when it came is not checked again.
        """
        artifact = Artifact.parse(manifest, IMAGE_MANIFEST)
        if artifact.effective_type != kind.artifact_type:
            return None
        files: dict[FilePath, File] = {}
        config: Digest | None = None
        for link in artifact.links:
            target = link.target
            if link.kind is LinkKind.LAYER:
                title = target.annotations.get(TITLE) or kind.name_layer(target.media_type, artifact.annotations)
                path = FilePath(title)
                files[path] = File(path, target.media_type, target.digest, target.size)
            elif link.kind is LinkKind.CONFIG:
                config = target.digest
        return cls(files, artifact.annotations, config)

    def with_file(self, file: File) -> Self:
        """These and one more. Another type is no other file: the first one's stays.

        Raises `VersionExists` when other bytes are there, `NameTaken` when a folder is, or a file where a folder
        would have to be.
        """
        present = self.files.get(file.path)
        if present is not None:
            if present.digest != file.digest:
                raise VersionExists(file.path, expected=present.digest, actual=file.digest)
            return self
        for length, character in enumerate(file.path):
            if character == "/" and file.path[:length] in self.files:
                raise NameTaken(file.path, expected=f"another place: {file.path[:length]} is a file")
        folder = f"{file.path}/"
        if any(path.startswith(folder) for path in self.files):
            raise NameTaken(file.path, expected=f"another name: {folder} is a folder")
        return type(self)(dict(sorted([*self.files.items(), (file.path, file)])), self.annotations)

    def with_annotations(self, more: Mapping[str, str]) -> Self:
        """These with further annotations.

        What was said is not unsaid: another value is `VersionExists`.
        Only of several times of creation the earliest stays, because each file's build has its own.
        """
        merged = dict(self.annotations)
        for key, value in more.items():
            present = merged.setdefault(key, value)
            if present != value:
                merged[key] = _earlier(key, present, value)
        return self if merged == self.annotations else type(self)(self.files, merged)


def _earlier(key: str, present: str, value: str) -> str:
    try:
        times = sorted((datetime.fromisoformat(text), text) for text in (present, value)) if key == CREATED else []
    except (ValueError, TypeError):
        times = []
    if not times:
        raise VersionExists(f"the annotation {key}", expected=present, actual=value)
    return times[0][1]


def encode_config(metadata: Mapping[str, Any]) -> bytes:
    """A version's normalised metadata as canonical JSON."""
    return _ENCODER.encode(metadata)


def compose(kind: Kind, config: bytes, contents: Contents) -> Artifact:
    """The canonical manifest of a version."""
    # What `Artifact.parse` would find in it is known already: a large version grows at half the cost.
    links = (
        Link(LinkKind.CONFIG, Descriptor(kind.config_type, Digest.of(config), len(config))),
        *(
            Link(LinkKind.LAYER, Descriptor(file.media_type, file.digest, file.size, {TITLE: path}))
            for path, file in contents.files.items()
        ),
    )
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": kind.artifact_type,
        "config": _described(links[0].target),
        "layers": [_described(link.target) for link in links[1:]],
    }
    if contents.annotations:
        manifest["annotations"] = contents.annotations
    content = _ENCODER.encode(manifest)
    return Artifact(
        content=content,
        digest=Digest.of(content),
        media_type=IMAGE_MANIFEST,
        artifact_type=kind.artifact_type,
        config_type=kind.config_type,
        links=links,
        subject=None,
        annotations=contents.annotations,
    )


def _described(target: Descriptor) -> dict[str, object]:
    described: dict[str, object] = {
        "mediaType": target.media_type,
        "digest": str(target.digest),
        "size": target.size,
    }
    if target.annotations:
        described["annotations"] = target.annotations
    return described
