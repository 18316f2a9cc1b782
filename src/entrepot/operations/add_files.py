"""Add files to a version together with what is known of them: the publishing step of package formats.

The bytes are received and looked into first (`receive_file`).
Then one transaction makes the version from what it was: its files, and its config, which is the version's metadata as
its format understands it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from entrepot.model.contents import Contents, File, FilePath, Kind, compose, encode_config
from entrepot.model.digest import Digest
from entrepot.model.errors import Corrupt, TooLarge, VersionExists
from entrepot.operations.grow import Stored, grow_version
from entrepot.operations.publish import Draft
from entrepot.operations.upload import StoredBlob

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry

Metadata = Mapping[str, Any]
"""A version's normalised metadata: what JSON can say."""

Describe = Callable[["Metadata | None"], Metadata]
"""From a version's metadata as it is (None: there is no version yet) to what it becomes.

Pure, and may be called again. Raises `Conflict` when the new files do not go with what is there.
"""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file whose bytes are stored already."""

    path: FilePath
    media_type: str
    blob: StoredBlob


@dataclass(frozen=True, slots=True)
class Addition:
    """What is to be added to a version, in one step."""

    version: ReferenceName
    files: tuple[NewFile, ...]
    describe: Describe
    annotations: Mapping[str, str] = field(default_factory=dict)
    sealed: bool = False
    """Whether the version is complete with these."""
    tags: tuple[ReferenceName, ...] = ()
    """Names that the format calls tags, which move to this version."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of it."""

    artifact: Digest
    files: frozenset[FilePath]
    """Those that were not there before."""


async def add_files(registry: Registry, caller: Caller, package: PackageId, kind: Kind, addition: Addition) -> Added:
    """Add files to a version, which is made when it is new. The same files again change nothing.

    Where all of the files are there already, the metadata stays as it is, too.
    Raises `VersionExists`, `VersionSealed`, `NameTaken`, `TooLarge`, or what `publish` raises.
    """
    new: frozenset[FilePath] = frozenset()

    def grow(before: Stored | None) -> Draft:
        nonlocal new
        contents, metadata = _read(before, kind, addition.version)
        after = contents
        for file in addition.files:
            after = after.with_file(File(file.path, file.media_type, file.blob.digest, file.blob.size))
        after = after.with_annotations(addition.annotations)
        new = frozenset(after.files.keys() - contents.files.keys())
        if len(after.files) > registry.limits.files_per_version:
            raise TooLarge(addition.version, expected=f"at most {registry.limits.files_per_version} files")
        described = metadata if metadata is not None and not new else addition.describe(metadata)
        config = encode_config(described)
        if len(config) > registry.limits.manifest_size:
            raise TooLarge("metadata", expected=f"at most {registry.limits.manifest_size} bytes", actual=len(config))
        return Draft(
            compose(kind, config, after),
            version=addition.version,
            moving=addition.tags,
            blobs=(*(file.blob for file in addition.files), StoredBlob(Digest.of(config), len(config), config)),
            sealed=addition.sealed,
        )

    artifact = await grow_version(registry, caller, package, addition.version, grow)
    return Added(artifact.digest, new)


def _read(before: Stored | None, kind: Kind, version: ReferenceName) -> tuple[Contents, Metadata | None]:
    if before is None:
        return Contents(), None
    contents = Contents.read(before.manifest, kind)
    if contents is None or contents.config is None:
        raise VersionExists(version, expected=before.digest)
    config = before.find(contents.config)
    if config is None:
        raise Corrupt(contents.config)
    metadata: Metadata = msgspec.json.decode(config, type=dict[str, Any])
    return contents, metadata
