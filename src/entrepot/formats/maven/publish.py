"""Files in: looked into, checked against their path, and added to their version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from entrepot.formats.maven import checksums
from entrepot.formats.maven.plugin import Plugin, examine_jar
from entrepot.formats.maven.pom import UNREADABLE, check_pom, read_pom
from entrepot.formats.maven.rules import KIND, MAVEN, SNAPSHOT, snapshot_of
from entrepot.formats.maven.stored import find_stored
from entrepot.formats.maven.xml import MAX_SIZE
from entrepot.model.access import Action
from entrepot.model.errors import (
    Conflict,
    DigestMismatch,
    InvalidMetadata,
    InvalidReference,
    VersionExists,
)
from entrepot.operations import access
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.receive_file import receive_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.formats.maven.rules import ArtifactPath
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.add_files import Describe, Metadata
    from entrepot.operations.registry import Registry

_TYPES: Final = {
    "jar": "application/java-archive",
    "war": "application/java-archive",
    "ear": "application/java-archive",
    "aar": "application/java-archive",
    "pom": "application/xml",
    "xml": "application/xml",
    "module": "application/vnd.org.gradle.module+json",
    "asc": "application/pgp-signature",
    "json": "application/json",
    "zip": "application/zip",
    "gz": "application/gzip",
}


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file on its way in."""

    content: AsyncIterator[bytes]
    size: int | None
    claims: Mapping[str, str]
    """Checksums that the client sends with it, by algorithm."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a file was found to be."""

    checksums: Mapping[str, str]
    pom: Mapping[str, Any] | None = None
    """What is kept of a POM."""
    plugin: Plugin | None = None


async def add_artifact(
    registry: Registry, caller: Caller, package: PackageId, path: ArtifactPath, incoming: Incoming
) -> bool:
    """Add a file to its version, and return whether it is new there.

    Raises `VersionExists`, `DigestMismatch`, `InvalidMetadata`, `InvalidReference`, or what `publish` raises.
    """
    version = _version(path)
    # Before the body is read, so that who waits for 100 (Continue) is spared to send it.
    await access.require(registry, caller, Action.PUBLISH, package)
    stored = await find_stored(registry, caller, package, version)
    present = None if stored is None else stored.find(path.file)
    expected = None if present is None else present.digest
    try:
        blob, found = await receive_file(
            registry,
            caller,
            package,
            incoming.content,
            _examine(path, incoming.claims),
            size=incoming.size,
            expected=expected,
        )
    except DigestMismatch as error:
        if expected is not None and error.expected == expected:
            raise VersionExists(path.file, expected=expected, actual=error.actual) from error
        raise
    addition = Addition(version, (NewFile(path.file, media_type(path), blob),), describing(path, version, found))
    added = await add_files(registry, caller, package, KIND, addition)
    return bool(added.files)


def media_type(path: ArtifactPath) -> str:
    """What a file of this name is."""
    return _TYPES.get(path.file.rpartition(".")[2], "application/octet-stream")


def _version(path: ArtifactPath) -> ReferenceName:
    if path.version is None:
        base = path.folder[: -len(SNAPSHOT)]
        raise InvalidReference(
            path.file,
            expected=f"a build with its time, such as {base}-20260131.120000-1: {path.folder} is the newest one",
        )
    return path.version


def _examine(path: ArtifactPath, claims: Mapping[str, str]) -> Callable[[BinaryIO], Found]:
    def look(file: BinaryIO) -> Found:
        computed = checksums.compute(file, {*checksums.KEPT, *claims})
        checksums.verify(claims, computed)
        kept = {algorithm: computed[algorithm] for algorithm in checksums.KEPT}
        file.seek(0)
        if path.classifier:
            return Found(kept)
        if path.extension == "pom":
            pom = read_pom(file.read(MAX_SIZE + 1))
            check_pom(pom, path)
            return Found(kept, pom=pom.facts)
        return Found(kept, plugin=examine_jar(file) if path.extension == "jar" else None)

    return look


def examine_remote(path: ArtifactPath) -> Callable[[BinaryIO], Found]:
    """The same for a file of another registry: old POMs say other things than their paths, and not all can be read."""

    def look(file: BinaryIO) -> Found:
        kept = checksums.compute(file, checksums.KEPT)
        file.seek(0)
        if path.classifier or path.extension not in ("pom", "jar"):
            return Found(kept)
        if path.extension == "jar":
            return Found(kept, plugin=examine_jar(file))
        try:
            return Found(kept, pom=read_pom(file.read(MAX_SIZE + 1)).facts)
        except InvalidMetadata:
            return Found(kept, pom=UNREADABLE)

    return look


def describing(
    path: ArtifactPath, version: ReferenceName, found: Found, *, modified_at: datetime | None = None
) -> Describe:
    """What is known of the version with this file; *modified_at* is when another registry had it last changed."""
    group, _, artifact = path.package.partition("/")

    def describe(before: Metadata | None) -> Metadata:
        metadata: dict[str, Any] = dict(before or {"format": MAVEN, "groupId": group, "artifactId": artifact})
        metadata["version"] = version
        if snapshot_of(version) != version:
            metadata["snapshot"] = snapshot_of(version)
        if found.pom is not None:
            metadata["pom"] = found.pom
        if found.plugin is not None:
            metadata["plugin"] = {"name": found.plugin.name, "prefix": found.plugin.prefix}
        if modified_at is not None:
            metadata["modified"] = {**metadata.get("modified", {}), path.file: modified_at.isoformat()}
        metadata["files"] = {**metadata.get("files", {}), path.file: dict(found.checksums)}
        return metadata

    return describe


async def check_checksum(
    registry: Registry, caller: Caller, package: PackageId, path: ArtifactPath, *, algorithm: str, text: str
) -> None:
    """Compare a checksum that a client sends with the file that it sent before; it is not stored.

    Raises `DigestMismatch`, `InvalidDigest`, `Conflict` when there is no such file yet.
    """
    claims = {algorithm: checksums.parse_checksum(algorithm, text)}
    stored = await find_stored(registry, caller, package, _version(path))
    file = None if stored is None else stored.find(path.file)
    if stored is None or file is None:
        raise Conflict(path.file, expected="the file before its checksum")
    checksums.verify(claims, stored.checksums(file))
