"""What is said of an artifact and of its files, by whom, and whether that counts; and where things were built."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.build import Build
from entrepot.model.errors import NamespaceUnknown, ReferenceUnknown, Unauthenticated, Unavailable
from entrepot.model.names import ReferenceName, View
from entrepot.operations import access, browse, follow
from entrepot.operations.examine import FOLLOWER, FOLLOWER_AGAIN
from entrepot.operations.resolve import find_blob, resolve
from entrepot.ports.attestations import BuildKey, Built

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.attestations import AttestationRow, Completeness, MayRead, Origin

_PATIENCE_SECONDS: Final = 10.0
"""What was pushed just now is examined in a moment; who asks at once is kept waiting for so long."""
_DEPTH: Final = 20
_ORIGINS: Final = 5_000
_REVISION: Final = "org.opencontainers.image.revision"


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said of an artifact."""

    digest: Digest
    rows: Sequence[AttestationRow]
    """About the artifact, what it contains and its files, in the order in which it came."""
    current: bool
    """Whether all that has come is examined; False while the examination has not caught up."""


async def report(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
    patience: float = _PATIENCE_SECONDS,
) -> Report:
    """What is said of the artifact, or of the file, that *name* or *digest* means.

    What the view shows alone decides what may be asked about; *patience* is how many seconds it may take until what
    came last is examined. Raises like `resolve`.
    """
    subject, subjects = await _subjects(registry, caller, view, package, name=name, digest=digest)
    current = await _is_current(registry, package, patience)
    return Report(subject, await registry.catalog.attestations.list_attestations(package, subjects), current)


async def _subjects(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None,
    digest: Digest | None,
) -> tuple[Digest, set[Digest]]:
    """What was asked about: an artifact with what it contains and its files; or a file alone."""
    try:
        found = await resolve(registry, caller, view, package, name=name, digest=digest)
    except ReferenceUnknown:
        if digest is None:
            raise
        await find_blob(registry, caller, view, package, digest)
        return digest, {digest}
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    within = {link.target.digest for link in artifact.links if link.kind is not LinkKind.CONFIG}
    return found.digest, {found.digest, *within}


async def _is_current(registry: Registry, package: PackageId, patience: float) -> bool:
    """Wait until all that concerns the package is examined; False when that takes too long."""
    row = await registry.catalog.find_package(View(package.namespace), package)
    trust = await registry.catalog.attestations.trust_revision(package.namespace)
    started = asyncio.get_running_loop().time()
    try:
        if row is not None:
            await follow.wait_for(registry, [FOLLOWER], row.revision, seconds=patience)
        left = started + patience - asyncio.get_running_loop().time()
        await follow.wait_for(registry, [FOLLOWER_AGAIN], trust, seconds=left)
    except Unavailable:
        return False
    return True


# --- where things come from ---


async def list_builds(
    registry: Registry,
    caller: Caller,
    key: BuildKey,
    value: str,
    *,
    namespace: NamespaceName | None = None,
    after: int = 0,
    limit: int,
) -> Sequence[Built]:
    """A page of what was built so, as far as the caller may read the packages.

    By a commit also what only its own annotations tie to it, after what provenance does: of that nobody vouches.
    Raises `Unauthenticated`, `NamespaceUnknown`.
    """
    await _require_known(registry, caller, namespace)
    found = list(
        await registry.catalog.attestations.list_builds(
            key, value, namespace=namespace, may_read=_may_read(caller), after=after, limit=limit
        )
    )
    if key is BuildKey.REVISION and not after and len(found) < limit:
        known = {(built.package, built.subject) for built in found}
        hits = await browse.search(registry, caller, f"commit:{value}", limit=limit - len(found))
        found += [
            Built(
                id=0,
                package=hit.package,
                subject=hit.digest,
                references=tuple(ReferenceName(name) for name in hit.references),
                build=Build(revision=hit.annotations.get(_REVISION)),
                verified_by=(),
                level=0,
            )
            for hit in hits
            if (hit.package, hit.digest) not in known and namespace in (None, hit.package.namespace)
        ]
    return found


async def trace(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    *,
    name: ReferenceName | None = None,
    digest: Digest | None = None,
    depth: int = _DEPTH,
) -> Sequence[Origin]:
    """What went into an artifact, and into that, back to the sources; as far as the caller may read. Raises like `report`."""
    subject, _ = await _subjects(registry, caller, view, package, name=name, digest=digest)
    return await registry.catalog.attestations.trace(
        package, subject, may_read=_may_read(caller), depth=min(depth, _DEPTH), limit=_ORIGINS
    )


async def completeness(registry: Registry, caller: Caller, namespace: NamespaceName) -> Completeness:
    """How much of a namespace is signed, and has provenance that counts. Raises `NamespaceUnknown`, `Unauthenticated`.

    For who may read all of it: the number tells of every package.
    """
    await _require_known(registry, caller, namespace)
    found = await registry.catalog.find_namespace(namespace)
    if found is None or not found.public:
        access.require_anywhere(caller, Action.READ, View(namespace))
    return await registry.catalog.attestations.completeness(namespace)


def _may_read(caller: Caller) -> MayRead:
    def may_read(package: PackageId, public: bool) -> bool:  # noqa: FBT001 (as the catalog asks)
        return access.may_read(caller, View(package.namespace), package, public=public)

    return may_read


async def _require_known(registry: Registry, caller: Caller, namespace: NamespaceName | None) -> None:
    if namespace is None:
        return
    found = await registry.catalog.find_namespace(namespace)
    if found is None or not (found.public or caller.rights.touches(View(namespace))):
        raise Unauthenticated if caller.principal is None else NamespaceUnknown(namespace)
