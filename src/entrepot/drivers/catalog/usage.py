"""What namespaces take up, and how much they may: the usage area of the catalog."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Final

from entrepot.drivers.catalog.session import CHANGE, identity
from entrepot.drivers.catalog.statements import load
from entrepot.model.names import NamespaceName
from entrepot.model.usage import Account, Quota, Sample
from entrepot.ports.usage import ColdUsage, PackageUsage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.model.position import Position

USAGE: Final = load("usage")


class SqlUsages:
    """Implements `entrepot.ports.usage.Usages`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, namespace: NamespaceName) -> Account | None:
        """What a namespace is charged with; None where there is no such namespace."""
        row = await self._questions.one(USAGE.find_account, namespace=namespace)
        return None if row is None else _account(row)

    async def list_largest(self, *, limit: int) -> Sequence[Account]:
        """The namespaces that are charged with most, the largest first."""
        return [_account(row) for row in await self._questions.all(USAGE.list_largest, limit=limit)]

    async def is_charged(self, namespace: NamespaceName, digest: Digest) -> bool:
        """Whether a namespace is charged for some bytes already."""
        return await self._questions.one(USAGE.is_charged, namespace=namespace, digest=str(digest)) is not None

    async def measure_package(self, package: PackageId) -> PackageUsage | None:
        """What a package takes up, counted now; None where there is no such package."""
        row = await self._questions.one(CHANGE.package_id, **identity(package))
        if row is None:
            return None
        found = await self._questions.one(USAGE.measure_package, package=row[0])
        blobs, size, unique_size, versions = found or (0, 0, 0, 0)
        return PackageUsage(package, blobs, int(size), int(unique_size), versions)

    async def measure_cold(self, namespace: NamespaceName) -> ColdUsage:
        """What of a namespace lies in the cold tier, counted now."""
        size, stored = await self._questions.one(USAGE.measure_cold, namespace=namespace) or (0, 0)
        return ColdUsage(int(size), int(stored))

    async def list_samples(self, namespace: NamespaceName, *, since: date) -> Sequence[Sample]:
        """What a namespace came to day by day, the earliest first."""
        found = await self._questions.all(USAGE.list_samples, namespace=namespace, since=since.isoformat())
        return [Sample(date.fromisoformat(day), *sums) for day, *sums in found]


class SqlUsageChanges:
    """Implements `entrepot.ports.usage.UsageChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, namespace: NamespaceName) -> Account | None:
        """What a namespace is charged with by now; None where there is no such namespace."""
        row = self._session.one(USAGE.find_account, namespace=namespace)
        return None if row is None else _account(row)

    def set_quota(self, namespace: NamespaceName, quota: Quota) -> None:
        """Let a namespace take up so much, and no more."""
        number = self._session.namespace_id(namespace)
        self._session.run(USAGE.set_quota, namespace=number, bytes=quota.size, versions=quota.versions)
        self._session.run(CHANGE.touch_namespace, namespace=number, position=self._session.position)

    def remove_quota(self, namespace: NamespaceName) -> bool:
        """Let it take up whatever there is; False where nothing limits it."""
        number = self._session.namespace_id(namespace)
        if not self._session.run(USAGE.remove_quota, namespace=number):
            return False
        self._session.run(CHANGE.touch_namespace, namespace=number, position=self._session.position)
        return True

    def release(self, *, before: Position, limit: int) -> int:
        """Charge nobody for what left before a position and lives on elsewhere; how many charges ended."""
        return self._session.run(USAGE.release, before=before, limit=limit)

    def sample(self, day: date) -> None:
        """Remember what every namespace comes to by now as what it came to on a day."""
        self._session.run(USAGE.sample, day=day.isoformat())

    def forget_samples(self, *, before: date) -> None:
        """Forget the days before one."""
        self._session.run(USAGE.forget_samples, before=before.isoformat())


def _account(row: tuple[Any, ...]) -> Account:
    name, blobs, size, unique_size, trash_size, versions, most_size, most_versions = row
    return Account(
        namespace=NamespaceName(name),
        blobs=blobs,
        size=size,
        unique_size=unique_size,
        trash_size=trash_size,
        versions=versions,
        quota=None if most_size is most_versions is None else Quota(most_size, most_versions),
    )
