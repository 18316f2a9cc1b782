"""Say something about a version that does not change it: sealed, yanked, deprecated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import ReferenceUnknown
from entrepot.model.events import (
    VersionDeprecated,
    VersionSealed,
    VersionUndeprecated,
    VersionUnyanked,
    VersionYanked,
)
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.model.access import Caller
    from entrepot.model.events import Event
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.model.reference import Reference
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def seal(registry: Registry, caller: Caller, package: PackageId, version: ReferenceName) -> None:
    """Let a version never change again (I4). Raises `ReferenceUnknown`, or what `access.require` raises."""

    def mark(old: Reference) -> tuple[Reference, Event]:
        event = VersionSealed(
            namespace=package.namespace, package=package.path, version=version, digest=str(old.digest)
        )
        return replace(old, sealed=True), event

    await _mark(registry, caller, package, version, mark=mark, action=Action.PUBLISH)


async def yank(
    registry: Registry, caller: Caller, package: PackageId, version: ReferenceName, *, reason: str = ""
) -> None:
    """Ask that nobody newly picks a version. Raises `ReferenceUnknown`, or what `access.require` raises."""
    event = VersionYanked(namespace=package.namespace, package=package.path, version=version, reason=reason)
    await _mark(registry, caller, package, version, mark=lambda old: (replace(old, yanked=reason), event))


async def unyank(registry: Registry, caller: Caller, package: PackageId, version: ReferenceName) -> None:
    """Take a yank back. Raises `ReferenceUnknown`, or what `access.require` raises."""
    event = VersionUnyanked(namespace=package.namespace, package=package.path, version=version)
    await _mark(registry, caller, package, version, mark=lambda old: (replace(old, yanked=None), event))


async def deprecate(
    registry: Registry, caller: Caller, package: PackageId, version: ReferenceName, *, reason: str = ""
) -> None:
    """Say that there is something better. Raises `ReferenceUnknown`, or what `access.require` raises."""
    event = VersionDeprecated(namespace=package.namespace, package=package.path, version=version, reason=reason)
    await _mark(registry, caller, package, version, mark=lambda old: (replace(old, deprecated=reason), event))


async def undeprecate(registry: Registry, caller: Caller, package: PackageId, version: ReferenceName) -> None:
    """Take a deprecation back. Raises `ReferenceUnknown`, or what `access.require` raises."""
    event = VersionUndeprecated(namespace=package.namespace, package=package.path, version=version)
    await _mark(registry, caller, package, version, mark=lambda old: (replace(old, deprecated=None), event))


async def _mark(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    version: ReferenceName,
    *,
    mark: Callable[[Reference], tuple[Reference, Event]],
    action: Action = Action.DEPRECATE,
) -> None:
    await access.require(registry, caller, action, package)

    def change(transaction: Transaction) -> None:
        old = transaction.find_reference(package, version)
        if old is None or old.kind is not ReferenceKind.VERSION:
            raise ReferenceUnknown(version)
        new, event = mark(old)
        if new != old:
            transaction.mark_version(package, new)
            transaction.append(caller.name, event)

    await registry.catalog.write(change)
