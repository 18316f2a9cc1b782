"""What was deleted, and is not to come from upstreams again: the tombstone area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.drivers.catalog.session import identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.names import PackageName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.digest import Digest
    from entrepot.model.names import FormatName, NamespaceName, PackageId, ReferenceName

TOMBSTONES: Final = load("tombstones")


class SqlTombstones:
    """Implements `entrepot.ports.tombstones.Tombstones`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def list_withheld(self, package: PackageId) -> frozenset[str]:
        """What of a package is deleted or blocked."""
        found = await self._questions.all(TOMBSTONES.list_withheld, **identity(package))
        return frozenset(target for (target,) in found)

    async def list_all_withheld(
        self, namespace: NamespaceName, format: FormatName
    ) -> Mapping[PackageName, frozenset[str]]:
        """The same for all packages of a format."""
        withheld: dict[PackageName, set[str]] = {}
        for name, target in await self._questions.all(TOMBSTONES.list_all_withheld, namespace=namespace, format=format):
            withheld.setdefault(PackageName(name), set()).add(target)
        return {name: frozenset(targets) for name, targets in withheld.items()}


class SqlTombstoneChanges:
    """Implements `entrepot.ports.tombstones.TombstoneChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def keep(self, package: PackageId, target: ReferenceName | Digest) -> None:
        """Let a version or an artifact not come from upstreams again."""
        package_id, position = self._session.package_id(package), self._session.position
        self._session.run(TOMBSTONES.keep_tombstone, package=package_id, target=str(target), position=position)

    def lift(self, package: PackageId, target: ReferenceName | Digest) -> bool:
        """Let it come again; False when nothing kept it from coming."""
        package_id = self._session.find_package_id(package)
        return self._session.run(TOMBSTONES.lift_tombstone, package=package_id, target=str(target)) > 0

    def holds(self, package: PackageId, target: ReferenceName | Digest) -> bool:
        """Whether something keeps it from coming."""
        package_id = self._session.find_package_id(package)
        return self._session.one(TOMBSTONES.has_tombstone, package=package_id, target=str(target)) is not None
