"""Take names, artifacts and blobs out of a package.

Nothing that is in use goes: not what another artifact of the package links (I2), not what a channel clears, what runs,
what may be rolled back to, what is leased or held (I9).
Bytes stay until nobody can reach them; removing them is the collector's work (I8).
Of a package that comes from an upstream, what was deleted leaves a tombstone: it does not come from there again by
itself (`readmit`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown, BlobUnknown, PackageUnknown, Protected, ReferenceUnknown
from entrepot.model.events import ArtifactDeleted, BlobDeleted, ReferenceDeleted
from entrepot.model.names import View
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_FEW: Final = 3
"""How many reasons are told."""


async def delete_reference(registry: Registry, caller: Caller, package: PackageId, name: ReferenceName) -> None:
    """Delete a tag or a version, and leave the artifact. A version's name stays used up (I4).

    Raises `ReferenceUnknown`, `PackageUnknown`, `Protected`, or what `access.require` raises.
    """
    await _require_known(registry, caller, package)

    def change(transaction: Transaction) -> None:
        reference = transaction.find_reference(package, name)
        if reference is None:
            raise ReferenceUnknown(name)
        if reference.kind is ReferenceKind.VERSION:
            _require_not_protected(transaction, package, reference.digest)
            _require_not_cleared(transaction, package, reference.digest)
        if (running := transaction.deployments.find_by_name(package, name)) is not None:
            # It is pulled by this name when it starts again.
            raise Protected(name, expected=f"what is deployed by it as {running.place} to be deployed by another name")
        if reference.kind is ReferenceKind.VERSION:
            transaction.tombstones.keep(package, name)
        transaction.end_reference(package, name)
        transaction.append(
            caller.name,
            ReferenceDeleted(
                namespace=package.namespace,
                package=package.path,
                kind=reference.kind,
                name=name,
                digest=str(reference.digest),
            ),
        )

    await registry.catalog.write(change)


async def delete_artifact(registry: Registry, caller: Caller, package: PackageId, digest: Digest) -> None:
    """Delete an artifact with all its names, and with what refers to it: its signatures, SBOMs and the like.

    What of that has a name of its own, is cleared or protected stays; what the artifact contains does, too.

    Raises `ArtifactUnknown`, `PackageUnknown`, `Protected`, or what `access.require` raises.
    """
    await _require_known(registry, caller, package)

    def change(transaction: Transaction) -> None:
        if not transaction.has_artifact(package, digest):
            raise ArtifactUnknown(digest)
        _remove_artifact(transaction, caller, package, digest)

    await registry.catalog.write(change)


async def delete_version(registry: Registry, caller: Caller, package: PackageId, name: ReferenceName) -> None:
    """Delete a version with its artifact, whatever it has grown into by then. Its name stays used up (I4).

    Raises `ReferenceUnknown`, `PackageUnknown`, `Protected`, or what `access.require` raises.
    """
    await _require_known(registry, caller, package)

    def change(transaction: Transaction) -> None:
        reference = transaction.find_reference(package, name)
        if reference is None or reference.kind is not ReferenceKind.VERSION:
            raise ReferenceUnknown(name)
        _remove_artifact(transaction, caller, package, reference.digest)

    await registry.catalog.write(change)


async def delete_blob(registry: Registry, caller: Caller, package: PackageId, digest: Digest) -> None:
    """Take a blob out of a package.

    Raises `BlobUnknown`, `PackageUnknown`, `Protected`, or what `access.require` raises.
    """
    await _require_known(registry, caller, package)

    def change(transaction: Transaction) -> None:
        if not transaction.has_member(package, digest):
            raise BlobUnknown(digest)
        if (holder := transaction.linked_by(package, digest, artifact=False)) is not None:
            _require_not_protected(transaction, package, Digest.parse(holder))
            raise Protected(digest, expected=f"{holder}, which needs it, to be deleted first")
        if not transaction.remove_member(package, digest, artifact=False):
            raise BlobUnknown(digest)
        transaction.append(
            caller.name, BlobDeleted(namespace=package.namespace, package=package.path, digest=str(digest))
        )

    await registry.catalog.write(change)


def delete_whole(
    transaction: Transaction, actor: str, package: PackageId, digest: Digest, parts: Sequence[Digest], *, plan: str
) -> None:
    """Delete an artifact by a plan of retention, with *parts* that nothing else needs: the end of a change.

    What came from an upstream comes from there again when somebody asks for it: nobody was against it.
    Raises `Protected`.
    """
    _require_free(transaction, package, digest)
    names = _take_out(transaction, package, digest, parts)
    transaction.append(
        actor,
        ArtifactDeleted(
            namespace=package.namespace,
            package=package.path,
            digest=str(digest),
            references=tuple(names),
            parts=tuple(str(part) for part in parts),
            plan=plan,
        ),
    )


async def _require_known(registry: Registry, caller: Caller, package: PackageId) -> None:
    await access.require(registry, caller, Action.DELETE, package)
    if await registry.catalog.find_package(View(package.namespace), package) is None:
        raise PackageUnknown(f"{package.namespace}/{package.name}")


def _remove_artifact(transaction: Transaction, caller: Caller, package: PackageId, digest: Digest) -> None:
    _require_free(transaction, package, digest)
    for reference in transaction.names_of(package, digest):
        if reference.kind is ReferenceKind.VERSION:
            transaction.tombstones.keep(package, reference.name)
    parts = transaction.trash.list_referring(package, digest)
    for each in (digest, *parts):
        transaction.tombstones.keep(package, each)
    names = _take_out(transaction, package, digest, parts)
    transaction.append(
        caller.name,
        ArtifactDeleted(
            namespace=package.namespace,
            package=package.path,
            digest=str(digest),
            references=tuple(names),
            parts=tuple(str(part) for part in parts),
        ),
    )


def _take_out(
    transaction: Transaction, package: PackageId, digest: Digest, parts: Sequence[Digest]
) -> list[ReferenceName]:
    """End an artifact's names and membership, and those of its *parts*; the names that were its own."""
    names = _end_names(transaction, package, digest)
    transaction.remove_member(package, digest, artifact=True)
    for part in parts:
        _end_names(transaction, package, part)
        transaction.remove_member(package, part, artifact=True)
    return names


def _require_free(transaction: Transaction, package: PackageId, digest: Digest) -> None:
    _require_not_protected(transaction, package, digest)
    _require_not_cleared(transaction, package, digest)
    if (holder := transaction.linked_by(package, digest, artifact=True)) is not None:
        raise Protected(digest, expected=f"{holder}, which contains it, to be deleted first")


def _end_names(transaction: Transaction, package: PackageId, digest: Digest) -> list[ReferenceName]:
    names = [reference.name for reference in transaction.names_of(package, digest)]
    for name in names:
        transaction.end_reference(package, name)
    return names


def _require_not_protected(transaction: Transaction, package: PackageId, digest: Digest) -> None:
    if found := transaction.protections.find(package, digest, limit=_FEW + 1):
        reasons = "; ".join(str(each) for each in found[:_FEW])
        more = "" if len(found) <= _FEW else "; and more"
        raise Protected(f"{digest} is {reasons}{more}")


def _require_not_cleared(transaction: Transaction, package: PackageId, digest: Digest) -> None:
    if (channel := transaction.cleared_for(package, digest)) is not None:
        raise Protected(digest, expected=f"its clearance for {channel} to be closed first")
