"""A crate's version as it is stored, and as the index and a search say it.

The stored metadata is what Cargo needs to choose versions, and what people look for; nothing in it depends on time.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.cargo.rules import CARGO, RULES
from entrepot.formats.cargo.semver import canonical_requirement
from entrepot.model.contents import FilePath, Kind
from entrepot.model.errors import VersionExists
from entrepot.operations.add_files import Addition, NewFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.formats.cargo.announcement import Announcement, Dependency
    from entrepot.formats.cargo.crate import Crate
    from entrepot.operations.add_files import Metadata
    from entrepot.operations.upload import StoredBlob

KIND: Final = Kind.of(CARGO)
MEDIA_TYPE: Final = "application/gzip"

_ANNOTATIONS: Final = {
    "revision": "org.opencontainers.image.revision",
    "repository": "org.opencontainers.image.source",
    "license": "org.opencontainers.image.licenses",
    "description": "org.opencontainers.image.description",
}


def crate_path(name: str, version: str) -> FilePath:
    """What a crate's file is called in its version."""
    return FilePath(f"{name}-{version}.crate")


def describe(said: Announcement, crate: Crate) -> dict[str, Any]:
    """The version's metadata."""
    metadata = {
        "format": CARGO,
        "name": said.name,
        "version": said.vers,
        "dependencies": [_dependency(dependency) for dependency in said.deps],
        "features": said.features,
        "links": said.links,
        **asdict(crate),
    }
    return {key: value for key, value in metadata.items() if value is not None}


def annotate(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What the version's manifest says of it to those who do not know crates."""
    said = {name: metadata.get(key) for key, name in _ANNOTATIONS.items()}
    return {name: value for name, value in said.items() if value}


def _dependency(dependency: Dependency) -> dict[str, Any]:
    """As the index says it: by the name that the crate uses, the real one beside it when it is another."""
    alias = dependency.explicit_name_in_toml
    said = {
        "name": alias or dependency.name,
        "req": canonical_requirement(dependency.version_req),
        "features": dependency.features,
        "optional": dependency.optional,
        "default_features": dependency.default_features,
        "target": dependency.target,
        "kind": dependency.kind or "normal",
        "registry": dependency.registry,
    }
    return said if alias is None else {**said, "package": dependency.name}


def adding(metadata: Metadata, blob: StoredBlob) -> Addition:
    """A version, which comes whole: its metadata, and the crate."""
    return Addition(
        version=RULES.parse_version(metadata["version"]),
        files=(NewFile(crate_path(metadata["name"], metadata["version"]), MEDIA_TYPE, blob),),
        describe=partial(_describe, metadata),
        annotations=annotate(metadata),
        sealed=True,
    )


def _describe(metadata: Metadata, before: Metadata | None) -> Metadata:
    if before is not None:
        # A crate is one file; and a version that differs in its build metadata alone is the same version.
        raise VersionExists(before["version"])
    return metadata
