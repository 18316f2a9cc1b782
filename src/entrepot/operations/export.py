"""Write artifacts into a bundle that carries all that they need: an OCI image layout in a tar, sealed by the registry.

An artifact goes with what it contains, with its files, and with all that refers to it: signatures, SBOMs, attestations,
and the log's proof of when it was published. The index and the seal come first, then manifests, then blobs, so that who
reads it knows at each point what is still to come.
"""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from entrepot.model.artifact import EMPTY, IMAGE_MANIFEST, Artifact, LinkKind
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    BlobUnknown,
    Corrupt,
    Invalid,
    InvalidKey,
    InvalidReference,
    PackageUnknown,
    RouteUnknown,
    Unavailable,
)
from entrepot.model.names import PackageId, View
from entrepot.model.reference import Reference, ReferenceKind
from entrepot.model.upstream import PurlPattern
from entrepot.operations.browse import (
    SEARCHED,
    list_namespaces,
    list_packages,
    list_references,
    list_referrers,
    search,
)
from entrepot.operations.log import prove_inclusion
from entrepot.operations.purls import spell
from entrepot.operations.read_blob import read_blob
from entrepot.operations.resolve import resolve
from entrepot.operations.version_order import Bounds, order_of
from entrepot.trust.exported import INDEX_FILE, LAYOUT, LAYOUT_FILE, SEAL_FILE, Exported, seal_index, write_index

if TYPE_CHECKING:
    from entrepot.model.access import Caller
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


@dataclass(frozen=True, slots=True)
class WantedPurl:
    """Packages and versions by a package URL, as upstreams' rules have them: in a view, or in every namespace."""

    pattern: PurlPattern
    view: View | None = None
    bounds: Bounds | None = None
    """Only these versions, as the format orders them; no tags."""

    def __str__(self) -> str:
        return str(self.pattern) + ("" if self.bounds is None else f"@{self.bounds}") + _inside(self.view)


@dataclass(frozen=True, slots=True)
class WantedSearch:
    """What `entrepot.operations.browse.search` finds by where it came from: in a view, or in every namespace."""

    query: str
    view: View | None = None

    def __str__(self) -> str:
        return self.query + _inside(self.view)


def _inside(view: View | None) -> str:
    return "" if view is None else f" in {view}"


def parse_wanted(text: str, view: View | None = None) -> Wanted | WantedPurl | WantedSearch:
    """Read a package URL, a search, or what `Wanted.parse` does.

    The first may have a pattern or a range of versions (``pkg:pypi/requests@2.*``, ``pkg:pypi/requests@<2.31``); the second
    is what `search` takes (``commit:4f2c1e0``).
    *view* is where the first two are looked for, and of what the others must be. Raises `Invalid` and what
    `Wanted.parse` raises.
    """
    if text.startswith("pkg:"):
        named, bounds = Bounds.find(text)
        return WantedPurl(PurlPattern.parse(named), view, bounds)
    word, colon, _ = text.partition(":")
    if colon and word in SEARCHED:
        return WantedSearch(text, view)
    wanted = Wanted.parse(text)
    if view is not None and wanted.view != view:
        raise Invalid(text, expected=f"something of {view}, where all is looked for")
    return wanted


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


async def export(
    registry: Registry, caller: Caller, wanted: Sequence[Wanted | WantedPurl | WantedSearch], file: BinaryIO
) -> ExportedBundle:
    """Write a bundle of what is wanted, as far as the caller may read it.

    Raises `ArtifactUnknown` when any of it is nothing, and what reading raises.
    """
    if registry.signing is None:
        raise InvalidKey("signing key", expected="one that seals the bundle")
    gathering = _Gathering(registry, caller)
    for each in wanted:
        found = False
        async for view, package, digest, names in _find(registry, caller, each):
            await gathering.add(view, package, digest)
            for name in names:
                gathering.name(package, name)
            await gathering.add_proof(view, package, digest)
            found = True
        if not found:
            raise ArtifactUnknown(str(each))
    bundle = gathering.bundle
    index = write_index(bundle.exported)
    seal = await asyncio.to_thread(seal_index, index, registry.signing)
    size = await _write(registry, bundle, index, seal, file)
    named = sum(each.name is not None for each in bundle.exported)
    blobs = len(bundle.blobs.keys() | bundle.added)
    return ExportedBundle(named, len(bundle.manifests), blobs, size, gathering.proofs)


_Found = tuple[View, PackageId, Digest, Sequence[Reference]]
"""An artifact where it is seen, and what of its names is wanted."""


def _find(registry: Registry, caller: Caller, wanted: Wanted | WantedPurl | WantedSearch) -> AsyncIterator[_Found]:
    match wanted:
        case Wanted():
            return _find_wanted(registry, caller, wanted)
        case WantedPurl():
            return _find_purl(registry, caller, wanted)
        case WantedSearch():
            return _find_search(registry, caller, wanted)


async def _find_wanted(registry: Registry, caller: Caller, wanted: Wanted) -> AsyncIterator[_Found]:
    async for package in _packages(registry, caller, wanted):
        if wanted.digest is not None:
            if await _is_seen(registry, caller, wanted.view, package, wanted.digest):
                yield wanted.view, package, wanted.digest, ()
            continue
        async for each in _references(registry, caller, wanted.view, package):
            if fnmatchcase(each.name, wanted.name):
                yield wanted.view, package, each.digest, (each,)


async def _find_purl(registry: Registry, caller: Caller, wanted: WantedPurl) -> AsyncIterator[_Found]:
    pattern, bounds = spell(registry, wanted.pattern), wanted.bounds
    is_inside = None if bounds is None else bounds.test(order_of(registry.ecosystems.get(pattern.format)))
    for view in await _views(registry, caller, wanted.view):
        async for package in _packages(registry, caller, Wanted(view, f"{pattern.format}/{pattern.name.text}")):
            async for each in _references(registry, caller, view, package):
                if pattern.matches(package.format, package.name, each.name) and _is_in(each, is_inside):
                    yield view, package, each.digest, (each,)


def _is_in(reference: Reference, is_inside: Callable[[str], bool] | None) -> bool:
    """Whether a name is in a range of versions, if there is one; a tag is in none, nor is what has no place in the order."""
    if is_inside is None:
        return True
    try:
        return reference.kind is ReferenceKind.VERSION and is_inside(reference.name)
    except InvalidReference:
        return False


async def _find_search(registry: Registry, caller: Caller, wanted: WantedSearch) -> AsyncIterator[_Found]:
    for hit in await search(registry, caller, wanted.query, limit=_MOST):
        view = wanted.view or View(hit.package.namespace)
        if view.namespace != hit.package.namespace:
            continue
        if await _is_seen(registry, caller, view, hit.package, hit.digest):
            references = [each async for each in _references(registry, caller, view, hit.package)]
            yield view, hit.package, hit.digest, [each for each in references if each.digest == hit.digest]


async def _is_seen(registry: Registry, caller: Caller, view: View, package: PackageId, digest: Digest) -> bool:
    try:
        await resolve(registry, caller, view, package, digest=digest)
    except (ArtifactUnknown, PackageUnknown):
        return False
    return True


async def _views(registry: Registry, caller: Caller, inside: View | None) -> Sequence[View]:
    if inside is not None:
        return (inside,)
    return [View(each.name) for each in await list_namespaces(registry, caller, limit=_MOST)]


async def _packages(registry: Registry, caller: Caller, wanted: Wanted) -> AsyncIterator[PackageId]:
    after: PackageId | None = None
    while page := await list_packages(registry, caller, view=wanted.view, after=after, limit=_PAGE):
        for row in page:
            if wanted.has_package(row.id):
                yield row.id
        after = page[-1].id


async def _references(registry: Registry, caller: Caller, view: View, package: PackageId) -> AsyncIterator[Reference]:
    after = ""
    with suppress(PackageUnknown):  # A channel shows a package once something of it is cleared.
        while page := await list_references(registry, caller, view, package, after=after, limit=_PAGE):
            for each in page:
                yield each
            after = page[-1].name


class _Gathering:
    """What a bundle will have, found out as somebody sees it through views."""

    def __init__(self, registry: Registry, caller: Caller) -> None:
        self._registry = registry
        self._caller = caller
        self._seen: set[tuple[View, PackageId, Digest]] = set()
        self._there: dict[tuple[PackageId, Digest], Exported] = {}
        self._named: set[Exported] = set()
        self.bundle = _Bundle()
        self._proved: set[tuple[PackageId, Digest]] = set()

    @property
    def proofs(self) -> int:
        """How many artifacts have one in the bundle."""
        return len(self._proved)

    async def add(self, view: View, package: PackageId, digest: Digest) -> None:
        """Add an artifact without a name: what it contains before it, what refers to it after it."""
        if (view, package, digest) in self._seen:
            return
        found = await resolve(self._registry, self._caller, view, package, digest=digest)
        self._seen.add((view, package, digest))
        artifact = Artifact.parse(found.content, found.media_type, digest=digest)
        for link in artifact.links:
            if link.kind is LinkKind.MANIFEST:
                await self.add(view, package, link.target.digest)
            elif link.required:
                self.bundle.blobs.setdefault(link.target.digest, (view, package, link.target.size))
        self._keep(package, artifact)
        after = ""
        while page := await list_referrers(
            self._registry, self._caller, view, package, digest, after=after, limit=_PAGE
        ):
            for summary in page:
                await self.add(view, package, summary.digest)
            after = str(page[-1].digest)

    def _keep(self, package: PackageId, artifact: Artifact) -> None:
        if (package, artifact.digest) in self._there:
            return
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
        if named not in self._named:
            self._named.add(named)
            self.bundle.exported.append(named)

    async def add_proof(self, view: View, package: PackageId, digest: Digest) -> None:
        """Add the log's proof of when an artifact was published, as a referrer, if there is one yet."""
        if (package, digest) in self._proved:
            return
        details = await self._registry.catalog.find_details(view, package, digest)
        if details is None:
            return
        try:
            inclusion = await prove_inclusion(self._registry, self._caller, details.summary.published_position)
        except (Unavailable, RouteUnknown):
            return
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
        self._proved.add((package, digest))


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
