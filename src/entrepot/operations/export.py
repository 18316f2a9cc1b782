"""Write artifacts into a bundle that carries all that they need: an OCI image layout in a tar, sealed by the registry.

An artifact goes with what it contains, with its files, and with all that refers to it: signatures, SBOMs, attestations,
and the log's proof of when it was published. The index and the seal come first, then manifests, then blobs, so that who
reads it knows at each point what is still to come.
"""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from entrepot.model.artifact import EMPTY, IMAGE_MANIFEST, Artifact, LinkKind
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, BlobUnknown, Corrupt, InvalidKey, RouteUnknown, Unavailable
from entrepot.model.names import View
from entrepot.model.reference import ReferenceKind
from entrepot.operations.browse import list_packages, list_references, list_referrers
from entrepot.operations.log import prove_inclusion
from entrepot.operations.read_blob import read_blob
from entrepot.operations.resolve import resolve
from entrepot.trust.exported import INDEX_FILE, LAYOUT, LAYOUT_FILE, SEAL_FILE, Exported, seal_index, write_index

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.model.reference import Reference
    from entrepot.operations.registry import Registry

_PAGE: Final = 1_000
_PROOF_TYPE: Final = "application/vnd.c2sp.tlog-proof"
_MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported: packages that a view shows, by a pattern, and of these names by a pattern, or a digest."""

    view: View
    package: str = "*"
    """With ``*`` and ``?``; ``<format>/<name>``, or a name of any format."""
    name: str = "*"
    digest: Digest | None = None
    """That artifact alone, whatever it is called."""

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Read ``acme``, ``acme.prod/team-*``, ``acme/pypi/requests:2.*``, ``acme/api@sha256:…``.

        Raises `InvalidName`, `InvalidDigest`.
        """
        named, at, digest = text.partition("@")
        if at and ":" in digest:
            view, _, package = named.partition("/")
            return cls(View.parse(view), package or "*", digest=Digest.parse(digest))
        view, _, rest = text.partition("/")
        package, _, name = rest.partition(":")
        return cls(View.parse(view), package or "*", name or "*")

    def __str__(self) -> str:
        which = f":{self.name}" if self.digest is None else f"@{self.digest}"
        return f"{self.view}/{self.package}{which}"

    def has_package(self, package: PackageId) -> bool:
        """Whether a package is meant."""
        return fnmatchcase(package.name, self.package) or fnmatchcase(package.path, self.package)


@dataclass(slots=True)
class _Bundle:
    exported: list[Exported] = field(default_factory=list)
    manifests: dict[Digest, bytes] = field(default_factory=dict)
    blobs: dict[Digest, tuple[View, PackageId, int]] = field(default_factory=dict)
    """The others, with where they may be read and how many bytes they have."""
    added: dict[Digest, bytes] = field(default_factory=dict)
    """Blobs that are made for the bundle."""


@dataclass(frozen=True, slots=True)
class ExportedBundle:
    """What a bundle came to."""

    names: int
    artifacts: int
    blobs: int
    size: int
    """Bytes of the artifacts and blobs."""
    proofs: int


async def export(registry: Registry, caller: Caller, wanted: Wanted, file: BinaryIO) -> ExportedBundle:
    """Write a bundle of what is wanted, as far as the caller may read it.

    Raises `ArtifactUnknown` when that is nothing, and what reading raises.
    """
    if registry.signing is None:
        raise InvalidKey("signing key", expected="one that seals the bundle")
    gathering = _Gathering(registry, caller, wanted.view)
    proofs = 0
    async for package in _packages(registry, caller, wanted):
        if wanted.digest is not None:
            with suppress(ArtifactUnknown):
                await gathering.add(package, wanted.digest)
                proofs += await gathering.add_proof(package, wanted.digest)
            continue
        for reference in await _references(registry, caller, wanted, package):
            await gathering.add(package, reference.digest)
            gathering.name(package, reference)
            proofs += await gathering.add_proof(package, reference.digest)
    bundle = gathering.bundle
    if not bundle.exported:
        raise ArtifactUnknown(str(wanted))
    index = write_index(bundle.exported)
    seal = await asyncio.to_thread(seal_index, index, registry.signing)
    size = await _write(registry, bundle, index, seal, file)
    names = sum(each.name is not None for each in bundle.exported)
    return ExportedBundle(names, len(bundle.manifests), len(bundle.blobs.keys() | bundle.added), size, proofs)


async def _packages(registry: Registry, caller: Caller, wanted: Wanted) -> AsyncIterator[PackageId]:
    after: PackageId | None = None
    while page := await list_packages(registry, caller, view=wanted.view, after=after, limit=_PAGE):
        for row in page:
            if wanted.has_package(row.id):
                yield row.id
        after = page[-1].id


async def _references(registry: Registry, caller: Caller, wanted: Wanted, package: PackageId) -> list[Reference]:
    found: list[Reference] = []
    after = ""
    while page := await list_references(registry, caller, wanted.view, package, after=after, limit=_PAGE):
        found += [each for each in page if fnmatchcase(each.name, wanted.name)]
        after = page[-1].name
    return found


class _Gathering:
    """What a bundle will have, found out as somebody sees it through a view."""

    def __init__(self, registry: Registry, caller: Caller, view: View) -> None:
        self._registry = registry
        self._caller = caller
        self._view = view
        self._there: dict[tuple[PackageId, Digest], Exported] = {}
        self.bundle = _Bundle()

    async def add(self, package: PackageId, digest: Digest) -> None:
        """Add an artifact without a name: what it contains before it, what refers to it after it."""
        if (package, digest) in self._there:
            return
        found = await resolve(self._registry, self._caller, self._view, package, digest=digest)
        artifact = Artifact.parse(found.content, found.media_type, digest=digest)
        for link in artifact.links:
            if link.kind is LinkKind.MANIFEST:
                await self.add(package, link.target.digest)
            elif link.required:
                self.bundle.blobs.setdefault(link.target.digest, (self._view, package, link.target.size))
        self._keep(package, artifact)
        after = ""
        while page := await list_referrers(
            self._registry, self._caller, self._view, package, digest, after=after, limit=_PAGE
        ):
            for summary in page:
                await self.add(package, summary.digest)
            after = str(page[-1].digest)

    def _keep(self, package: PackageId, artifact: Artifact) -> None:
        if len(self.bundle.exported) >= _MOST:
            raise Unavailable(f"more than {_MOST} artifacts: export them in parts")
        exported = Exported(
            digest=artifact.digest,
            media_type=artifact.media_type,
            size=len(artifact.content),
            namespace=package.namespace,
            format=package.format,
            package=package.name,
        )
        self._there[package, artifact.digest] = exported
        self.bundle.manifests[artifact.digest] = artifact.content
        self.bundle.exported.append(exported)

    def name(self, package: PackageId, reference: Reference) -> None:
        """Add a name of an artifact that is there."""
        known = self._there[package, reference.digest]
        is_version = reference.kind is ReferenceKind.VERSION
        named = replace(known, name=reference.name, is_version=is_version, sealed=reference.sealed)
        self.bundle.exported.append(named)

    async def add_proof(self, package: PackageId, digest: Digest) -> bool:
        """Add the log's proof of when an artifact was published, as a referrer; whether there is one yet."""
        details = await self._registry.catalog.find_details(self._view, package, digest)
        if details is None:
            return False
        try:
            inclusion = await prove_inclusion(self._registry, self._caller, details.summary.published_position)
        except (Unavailable, RouteUnknown):
            return False
        proof, config = bytes(inclusion.proof), b"{}"
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": _PROOF_TYPE,
            "config": {"mediaType": EMPTY, "digest": str(Digest.of(config)), "size": len(config)},
            "layers": [{"mediaType": _PROOF_TYPE, "digest": str(Digest.of(proof)), "size": len(proof)}],
            "subject": {
                "mediaType": details.summary.media_type,
                "digest": str(digest),
                "size": len(self.bundle.manifests[digest]),
            },
        }
        self.bundle.added |= {Digest.of(config): config, Digest.of(proof): proof}
        self._keep(package, Artifact.parse(msgspec.json.encode(document), IMAGE_MANIFEST))
        return True


# --- the file ---


async def _write(registry: Registry, bundle: _Bundle, index: bytes, seal: bytes, file: BinaryIO) -> int:
    size = 0
    for name, content in ((LAYOUT_FILE, LAYOUT), (INDEX_FILE, index), (SEAL_FILE, seal)):
        _write_member(file, name, content)
    for digest, content in (bundle.manifests | bundle.added).items():
        _write_member(file, _path(digest), content)
        size += len(content)
    for digest, (view, package, expected) in bundle.blobs.items():
        if digest not in bundle.added:
            await _write_blob(registry, file, view, package, digest)
            size += expected
    file.write(bytes(2 * tarfile.BLOCKSIZE))
    return size


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _header(name: str, size: int) -> bytes:
    """A member's header that says nothing of this machine or of now: the same bundle is the same bytes."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.PAX_FORMAT)


def _write_member(file: BinaryIO, name: str, content: bytes) -> None:
    file.write(_header(name, len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE))


async def _write_blob(registry: Registry, file: BinaryIO, view: View, package: PackageId, digest: Digest) -> None:
    found = await registry.catalog.find_blob(view, package, digest)
    if found is None:
        raise BlobUnknown(digest)
    if found.content is not None:
        _write_member(file, _path(digest), found.content)
        return
    file.write(_header(_path(digest), found.size))
    actual, written = hashlib.new(digest.algorithm), 0
    async for piece in read_blob(registry, found):
        actual.update(piece)
        written += len(piece)
        file.write(piece)
    if written != found.size or actual.hexdigest() != digest.hex:
        raise Corrupt(digest, expected="the bytes that were published")
    file.write(bytes(-written % tarfile.BLOCKSIZE))
