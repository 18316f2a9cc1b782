"""Lists of what is there, as far as the caller may know and the view shows, a page at a time."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.artifact import Artifact
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ChannelUnknown,
    InvalidManifest,
    NamespaceUnknown,
    PackageUnknown,
    ReferenceUnknown,
    Unauthenticated,
)
from entrepot.model.names import View
from entrepot.model.position import START
from entrepot.model.reference import fallback_of
from entrepot.operations import access
from entrepot.ports.catalog import PAGE_SIZE, ArtifactSummary, ends_early

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.events import Entry
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.namespace import Namespace
    from entrepot.model.position import Position
    from entrepot.model.reference import Reference, ReferenceKind
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Clearance, Hit, PackageRow

_SCAN = 1_000
"""How many rows are read at once when the caller may see only some of them."""


async def list_namespaces(registry: Registry, caller: Caller, *, after: str = "", limit: int) -> Sequence[Namespace]:
    """A page of the namespaces that the caller may know."""
    found: list[Namespace] = []
    while len(found) < limit:
        page = await registry.catalog.list_namespaces(after=after, limit=_SCAN)
        found += [each for each in page if each.public or caller.rights.touches(View(each.name))]
        if len(page) < _SCAN:
            break
        after = page[-1].name
    return found[:limit]


async def list_packages(
    registry: Registry,
    caller: Caller,
    *,
    namespace: NamespaceName | None = None,
    view: View | None = None,
    format: str | None = None,
    after: PackageId | None = None,
    limit: int,
) -> Sequence[PackageRow]:
    """A page of the packages that the caller may read, by namespace, format and name; or of those that *view* shows.

    Raises `NamespaceUnknown`, `ChannelUnknown`, `Unauthenticated` when *view* is none that the caller may know.
    """
    if view is not None:
        namespace = view.namespace
        await _require_view(registry, caller, view)
    found: list[PackageRow] = []
    public: dict[NamespaceName, bool] = {}
    # Most callers may see all that there is: only when some of a page was not theirs, more is read at once.
    size = min(limit, _SCAN)
    while len(found) < limit:
        page = await registry.catalog.list_packages(namespace=namespace, format=format, after=after, limit=size)
        for row in page:
            owner = row.id.namespace
            if owner not in public:
                known = await registry.catalog.find_namespace(owner)
                public[owner] = known is not None and known.public
            through = View(owner) if view is None else view
            if access.may_read(caller, through, row.id, public=public[owner]) and await _shows(registry, through, row):
                found.append(row)
        if len(page) < size:
            break
        after, size = page[-1].id, _SCAN
    return found[:limit]


async def _require_view(registry: Registry, caller: Caller, view: View) -> None:
    namespace = await registry.catalog.find_namespace(view.namespace)
    if namespace is None or not (namespace.public or caller.rights.touches(view)):
        if caller.principal is None:
            raise Unauthenticated
        raise NamespaceUnknown(view.namespace)
    if view.channel is not None and view.channel not in namespace.channels:
        raise ChannelUnknown(view)


async def _shows(registry: Registry, view: View, row: PackageRow) -> bool:
    return view.channel is None or await registry.catalog.find_package(view, row.id) is not None


async def find_package(registry: Registry, caller: Caller, view: View, package: PackageId) -> PackageRow:
    """The package with its revision. Raises `PackageUnknown`, `Unauthenticated`, `InsufficientScope`."""
    await access.require_read(registry, caller, view, package)
    found = await registry.catalog.find_package(view, package)
    if found is None:
        raise PackageUnknown(f"{view}/{package.name}")
    return found


async def list_references(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    kind: ReferenceKind | None = None,
    after: str = "",
    limit: int,
) -> Sequence[Reference]:
    """A page of a package's names, in byte order. Raises like `find_package`."""
    found = await registry.catalog.list_references(view, package, kind=kind, after=after, limit=limit)
    if found:
        await access.require_read(registry, caller, view, package)
    else:
        await find_package(registry, caller, view, package)
    return found


async def list_history(
    registry: Registry, caller: Caller, package: PackageId, name: ReferenceName
) -> Sequence[Reference]:
    """All that a name ever meant, oldest first. Raises `ReferenceUnknown`, and like `find_package`."""
    await find_package(registry, caller, View(package.namespace), package)
    found = await registry.catalog.list_history(package, name)
    if not found:
        raise ReferenceUnknown(name)
    return found


async def list_artifacts(
    registry: Registry, caller: Caller, view: View, package: PackageId, *, after: Position = START, limit: int
) -> Sequence[ArtifactSummary]:
    """A page of a package's artifacts, in the order they came; it may end early. Raises like `find_package`."""
    await find_package(registry, caller, view, package)
    return await registry.catalog.list_artifacts(view, package, after=after, limit=limit)


async def list_referrers(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    subject: Digest,
    *,
    artifact_type: str | None = None,
    after: str = "",
    limit: int,
) -> Sequence[ArtifactSummary]:
    """A page of the artifacts that refer to *subject*, by digest; empty when there is no such package.

    It may end early (`ends_early`).

    OCI distribution 1.1, "Listing Referrers": those that clients listed under the fallback tag are folded in, but
    each is described by its own manifest, because what clients wrote there is often wrong.

    Raises `Unauthenticated`, `InsufficientScope`, `PackageUnknown`.
    """
    await access.require_read(registry, caller, view, package)
    found = await registry.catalog.list_referrers(
        view, package, subject, artifact_type=artifact_type, after=after, limit=limit
    )
    known = {summary.digest for summary in found}
    listed = await _fallback_digests(registry, view, package, subject)
    folded: list[ArtifactSummary] = []
    last = str(found[-1].digest) if ends_early(found) else None
    for digest in sorted(listed - known, key=str):
        if len(folded) >= limit or ends_early(folded) or (last is not None and str(digest) > last):
            break
        if str(digest) > after and (summary := await _find_unsaid(registry, view, package, digest)) is not None:
            folded += [summary] if artifact_type in (None, summary.artifact_type) else []
    if not folded:
        return found
    whole = sorted([*found, *folded], key=lambda summary: str(summary.digest))[:limit]
    sizes = accumulate(summary.size for summary in whole)
    return whole[: 1 + sum(size < PAGE_SIZE for size in sizes)]


async def _fallback_digests(registry: Registry, view: View, package: PackageId, subject: Digest) -> set[Digest]:
    """What the index under the fallback tag lists."""
    found = await registry.catalog.find_artifact(view, package, name=fallback_of(subject))
    if found is None:
        return set()
    try:
        index = Artifact.parse(found.content, found.media_type, digest=found.digest)
    except InvalidManifest:
        return set()
    return {link.target.digest for link in index.links} if index.is_index else set()


async def _find_unsaid(registry: Registry, view: View, package: PackageId, digest: Digest) -> ArtifactSummary | None:
    """A referrer that names no subject itself; None for one that does, and for what the package does not have."""
    found = await registry.catalog.find_artifact(view, package, digest=digest)
    if found is None:
        return None
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    if artifact.subject is not None:
        return None
    return ArtifactSummary(
        digest=found.digest,
        size=len(found.content),
        media_type=found.media_type,
        artifact_type=artifact.effective_type,
        annotations=dict(artifact.annotations),
        published_position=START,
        published_at=registry.clock.now(),
    )


async def list_clearances(
    registry: Registry, caller: Caller, package: PackageId, *, history: bool = False
) -> Sequence[Clearance]:
    """What of a package is cleared, and for which channel. Raises like `find_package`."""
    await find_package(registry, caller, View(package.namespace), package)
    return await registry.catalog.list_clearances(package, history=history)


async def find_time(
    registry: Registry, caller: Caller, view: View, package: PackageId, digest: Digest
) -> datetime | None:
    """When a file came into a package; None when it is not there. Raises like `find_package`."""
    await find_package(registry, caller, view, package)
    return await registry.catalog.find_time(package, digest)


async def list_entries(
    registry: Registry, caller: Caller, *, after: Position, limit: int, namespace: NamespaceName | None = None
) -> Sequence[Entry]:
    """A page of the journal: for an auditor of the registry, or of the namespace.

    Raises `Unauthenticated`, `Denied`, `NamespaceUnknown`.
    """
    view = None if namespace is None else View(namespace)
    if not caller.rights.allows(Action.AUDIT, view):
        if caller.principal is not None and view is not None and not caller.rights.touches(view):
            raise NamespaceUnknown(namespace)
        access.require_anywhere(caller, Action.AUDIT, view)
    return await registry.catalog.list_entries(after=after, limit=limit, namespace=namespace)


_KEYS = {
    "commit": "org.opencontainers.image.revision",
    "repository": "org.opencontainers.image.source",
    "source": "org.opencontainers.image.source",
    "version": "org.opencontainers.image.version",
    "created": "org.opencontainers.image.created",
    "build": "dev.entrepot.build.id",
    "builder": "dev.entrepot.build.builder",
}
"""What people may write before the colon of a search."""

SEARCHED: Final = frozenset(_KEYS)


async def search(registry: Registry, caller: Caller, query: str, *, limit: int) -> Sequence[Hit]:
    """Artifacts by where they came from (``commit:abc``, ``repository:…``, ``build:…``) or by name or digest.

    Newest first; a value matches what begins with it. By a part of a package's name its newest artifact is found.
    """
    word, colon, text = query.partition(":")
    key = _KEYS.get(word) if colon else None
    text = query if key is None else text
    if not text.strip() or not text.isprintable():
        return []  # Nothing is called so.
    readable = await list_namespaces(registry, caller, limit=100_000)
    if not readable and caller.principal is None:
        raise Unauthenticated
    found: list[Hit] = []
    offset = 0
    public = {namespace.name for namespace in readable if namespace.public}
    names = None if caller.rights.allows(Action.READ) else [namespace.name for namespace in readable]
    size = limit if names is None else _SCAN
    while len(found) < limit:
        page = await registry.catalog.search(key=key, text=text, namespaces=names, limit=size, offset=offset)
        found += [
            hit
            for hit in page
            if access.may_read(caller, View(hit.package.namespace), hit.package, public=hit.package.namespace in public)
        ]
        if len(page) < size:
            break
        offset += size
    return found[:limit]


async def measure_storage(registry: Registry, caller: Caller) -> dict[str, int] | None:
    """How much the registry holds, by what is counted; None for who may not audit it."""
    return await registry.catalog.storage() if caller.rights.allows(Action.AUDIT) else None
