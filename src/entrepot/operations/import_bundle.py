"""Publish what a bundle brings, as if whoever imports it had pushed all of it: through the one publish path.

A bundle is hostile until its seal says otherwise, and its content until each digest does. It is read twice, from front
to back: the index and the seal, then manifests, then blobs, each hashed as it comes; nothing is unpacked to a path.
Only when all of it is what was sealed, and nothing else, is it read again, and anything written. Artifacts are published
when everything they need is there, in the order of the index: what is contained before what contains it.

What a format has written of a version (its config) is believed for the seal: it is what the registry that exported it
made when it looked into the files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from entrepot.archives.limits import ArchiveLimits
from entrepot.archives.tar import open_tar
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.digest import Digest
from entrepot.model.errors import DigestMismatch, InvalidArchive, InvalidBundle, InvalidDigest
from entrepot.model.names import PackageId, View, parse_namespace
from entrepot.operations.mount import mount
from entrepot.operations.publish import Draft, publish
from entrepot.operations.upload import StoredBlob, add_blob
from entrepot.trust.exported import (
    INDEX_FILE,
    LARGEST_INDEX,
    LAYOUT,
    LAYOUT_FILE,
    SEAL_FILE,
    Exported,
    read_index,
    require_seal,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from entrepot.archives.entry import Entry
    from entrepot.archives.tar import Content
    from entrepot.model.access import Caller
    from entrepot.model.names import NamespaceName
    from entrepot.operations.registry import Registry
    from entrepot.trust.keys import PublicKey

_TIB: Final = 1024**4
_LIMITS: Final = ArchiveLimits(
    entries=2_000_000, unpacked_size=64 * _TIB, ratio=1, ratio_floor=0, entry_size=LARGEST_INDEX
)
_LARGEST_SEAL: Final = 1024 * 1024
_MANIFESTS_SIZE: Final = 512 * 1024 * 1024
"""Of all manifests together, which are held in memory until their blobs are there."""
_IMAGES: Final = "oci"


@dataclass(frozen=True, slots=True)
class Imported:
    """What a bundle brought."""

    names: int
    artifacts: int
    blobs: int
    sealed_by: str
    """The fingerprint of the key."""


@dataclass(slots=True)
class _Arrived:
    exported: list[Exported]
    into: NamespaceName | None
    media_types: dict[Digest, str]
    """Of the artifacts, as the index has them."""
    manifests: dict[Digest, Artifact] = field(default_factory=dict)
    sizes: int = 0
    wanted: dict[Digest, list[tuple[PackageId, int]]] | None = None
    """Blobs, each with the packages that need it and the size that they say; made when all manifests are here."""
    configs: dict[Digest, bytes | None] = field(default_factory=dict)
    blobs: set[Digest] = field(default_factory=set)


async def import_bundle(
    registry: Registry,
    caller: Caller,
    file: BinaryIO,
    keys: Sequence[PublicKey],
    *,
    into: NamespaceName | None = None,
    dry_run: bool = False,
) -> Imported:
    """Publish all that a bundle has, which one of *keys* must have sealed; *into* another namespace than it came from.

    Nothing is written unless all of it is sound, or for a *dry_run*.
    Raises `InvalidBundle`, `InvalidArchive`, `DigestMismatch`, and what `publish` raises.
    """
    members = open_tar(file, _LIMITS).walk()
    index, signer = _read_front(members, keys)
    exported = read_index(index)
    arrived = _Arrived(exported, into, {each.digest: each.media_type for each in exported})
    for digest, content in _files(members):
        _examine(registry, arrived, digest, content)
    if missing := _missing(registry, arrived):
        raise InvalidBundle(missing, expected="in the bundle")
    names = sum(each.name is not None for each in arrived.exported)
    imported = Imported(names, len(arrived.manifests), len(arrived.blobs), signer.fingerprint)
    if not dry_run:
        file.seek(0)
        members = open_tar(file, _LIMITS).walk()
        _read_front(members, keys)
        await _bring(registry, caller, arrived, _files(members))
    return imported


async def _bring(
    registry: Registry, caller: Caller, arrived: _Arrived, files: Iterable[tuple[Digest, Content]]
) -> None:
    for digest, content in files:
        if digest in arrived.blobs:
            await _add(registry, caller, arrived, digest, content)
    for each in arrived.exported:
        await _publish(registry, caller, arrived, each)


def _read_front(members: Iterator[tuple[Entry, Content]], keys: Sequence[PublicKey]) -> tuple[bytes, PublicKey]:
    """The index, once its seal was found good."""
    found: dict[str, bytes] = {}
    limits = {LAYOUT_FILE: 1024, INDEX_FILE: LARGEST_INDEX, SEAL_FILE: _LARGEST_SEAL}
    while len(found) < len(limits):
        entry, content = next(members, (None, None))
        if entry is None or content is None or entry.path not in limits or not entry.is_file:
            raise InvalidBundle(
                "bundle",
                expected=f"{', '.join(limits)} first, as `entrepot export` writes them",
                actual="its end" if entry is None else entry.path,
            )
        found[entry.path] = content.read(limits[entry.path])
    if found[LAYOUT_FILE] != LAYOUT:
        raise InvalidBundle(LAYOUT_FILE, expected=LAYOUT.decode())
    return found[INDEX_FILE], require_seal(found[INDEX_FILE], found[SEAL_FILE], keys)


def _files(members: Iterator[tuple[Entry, Content]]) -> Iterator[tuple[Digest, Content]]:
    return ((_digest_of(entry), content) for entry, content in members if not entry.is_folder)


def _digest_of(entry: Entry) -> Digest:
    folder, _, name = entry.path.partition("/")
    algorithm, _, hexadecimal = name.partition("/")
    try:
        if folder == "blobs" and entry.is_file:
            return Digest.parse(f"{algorithm}:{hexadecimal}")
    except InvalidDigest:
        pass
    raise InvalidBundle(entry.path, expected="blobs/<algorithm>/<digest>")


def _examine(registry: Registry, arrived: _Arrived, digest: Digest, content: Content) -> None:
    """Make sure that a file is what its name says, and wanted; keep it if it is small."""
    if digest in arrived.manifests or digest in arrived.blobs or arrived.configs.get(digest) is not None:
        raise InvalidBundle(digest, expected="once in the bundle")
    if digest in arrived.media_types:
        _keep_manifest(registry, arrived, digest, content)
        return
    places = _wanted(registry, arrived).get(digest)
    if not places:
        raise InvalidArchive(f"{digest}", expected="what a manifest of the bundle links")
    if any(content.size != size for _, size in places):
        raise InvalidBundle(digest, expected=f"{places[0][1]} bytes", actual=content.size)
    if digest in arrived.configs:
        config = content.read(registry.limits.manifest_size)
        digest.verify(config)
        arrived.configs[digest] = config
        return
    sums = hashlib.new(digest.algorithm)
    for piece in content.chunks():
        sums.update(piece)
    if sums.hexdigest() != digest.hex:
        raise DigestMismatch(digest, expected=digest, actual=Digest(digest.algorithm, sums.hexdigest()))
    arrived.blobs.add(digest)


async def _add(registry: Registry, caller: Caller, arrived: _Arrived, digest: Digest, content: Content) -> None:
    first, *others = (package for package, _ in _wanted(registry, arrived)[digest])
    await add_blob(registry, caller, first, expected=digest, content=_stream(content), size=content.size)
    for package in others:
        await mount(registry, caller, package, digest, source=(View(first.namespace), first))


def _keep_manifest(registry: Registry, arrived: _Arrived, digest: Digest, content: Content) -> None:
    arrived.sizes += content.size
    if arrived.sizes > _MANIFESTS_SIZE:
        raise InvalidBundle("bundle", expected=f"at most {_MANIFESTS_SIZE} bytes of manifests")
    document = content.read(registry.limits.manifest_size)
    arrived.manifests[digest] = Artifact.parse(document, arrived.media_types[digest], digest=digest)


def _wanted(registry: Registry, arrived: _Arrived) -> dict[Digest, list[tuple[PackageId, int]]]:
    if arrived.wanted is None:
        arrived.wanted = _plan(registry, arrived)
    return arrived.wanted


def _plan(registry: Registry, arrived: _Arrived) -> dict[Digest, list[tuple[PackageId, int]]]:
    """Which package needs which blob; where a format wrote the config it goes where the format looks for it."""
    wanted: dict[Digest, list[tuple[PackageId, int]]] = {}
    for each in arrived.exported:
        package = _package(registry, arrived, each)
        artifact = arrived.manifests.get(each.digest)
        if artifact is None:
            raise InvalidBundle(each.digest, expected="all manifests before the first blob")
        for link in artifact.links:
            target = link.target
            if link.kind is LinkKind.MANIFEST or not link.required:
                continue
            if link.kind is LinkKind.CONFIG and package.format != _IMAGES:
                arrived.configs[target.digest] = None
            places = wanted.setdefault(target.digest, [])
            if (package, target.size) not in places:
                places.append((package, target.size))
    return wanted


def _package(registry: Registry, arrived: _Arrived, each: Exported) -> PackageId:
    rules = registry.formats.get(each.format)
    if rules is None or rules.normalize(each.package) != each.package:
        raise InvalidBundle(f"{each.format}/{each.package}", expected="a format and a name that are known here")
    return PackageId(arrived.into or parse_namespace(each.namespace), each.format, each.package)


def _missing(registry: Registry, arrived: _Arrived) -> Digest | None:
    """Something that the index or a manifest names and that did not come."""
    there = arrived.blobs | {digest for digest, content in arrived.configs.items() if content is not None}
    return next((digest for digest in _wanted(registry, arrived) if digest not in there), None)


async def _publish(registry: Registry, caller: Caller, arrived: _Arrived, each: Exported) -> None:
    package, artifact = _package(registry, arrived, each), arrived.manifests[each.digest]
    blobs = tuple(
        StoredBlob(link.target.digest, link.target.size, arrived.configs[link.target.digest])
        for link in artifact.links
        if link.target.digest in arrived.configs
    )
    names = () if each.name is None else (each.name,)
    if package.format == _IMAGES:
        draft = Draft(artifact, tags=names, blobs=blobs)
    elif each.is_version:
        draft = Draft(artifact, version=each.name, blobs=blobs, sealed=each.sealed)
    else:
        draft = Draft(artifact, moving=names, blobs=blobs)
    await publish(registry, caller, package, draft)


async def _stream(content: Content) -> AsyncIterator[bytes]:
    for piece in content.chunks():
        yield piece
