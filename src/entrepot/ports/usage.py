"""What namespaces take up, and how much they may: the area of usage.

The sums are kept with every change that alters them, whoever makes it, and never counted anew; `entrepot check` does
that and compares (I13).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position
    from entrepot.model.usage import Account, Quota, Sample


@dataclass(frozen=True, slots=True)
class PackageUsage:
    """What one package takes up."""

    package: PackageId
    blobs: int
    size: int
    """Bytes of all that it has, each blob once."""
    unique_size: int
    """Bytes that no other package of the namespace has."""
    versions: int


@dataclass(frozen=True, slots=True)
class ColdUsage:
    """What of a namespace lies in the cold tier."""

    size: int = 0
    """Bytes that it is charged with."""
    stored: int = 0
    """Bytes that it takes up there, compressed."""


class Usages(Protocol):
    """What is taken up."""

    async def find(self, namespace: NamespaceName) -> Account | None:
        """What a namespace is charged with; None where there is no such namespace."""

    async def list_largest(self, *, limit: int) -> Sequence[Account]:
        """The namespaces that are charged with most, the largest first."""

    async def is_charged(self, namespace: NamespaceName, digest: Digest) -> bool:
        """Whether a namespace is charged for some bytes already, so that they add nothing."""

    async def measure_package(self, package: PackageId) -> PackageUsage | None:
        """What a package takes up, counted now; None where there is no such package."""

    async def measure_cold(self, namespace: NamespaceName) -> ColdUsage:
        """What of a namespace lies in the cold tier, counted now."""

    async def list_samples(self, namespace: NamespaceName, *, since: date) -> Sequence[Sample]:
        """What a namespace came to day by day, the earliest first."""


class UsageChanges(Protocol):
    """What a change may do."""

    def find(self, namespace: NamespaceName) -> Account | None:
        """What a namespace is charged with by now; None where there is no such namespace."""

    def set_quota(self, namespace: NamespaceName, quota: Quota) -> None:
        """Let a namespace take up so much, and no more. Raises `NamespaceUnknown`."""

    def remove_quota(self, namespace: NamespaceName) -> bool:
        """Let it take up whatever there is; False where nothing limits it. Raises `NamespaceUnknown`."""

    def release(self, *, before: Position, limit: int) -> int:
        """Charge nobody for what left before a position and lives on elsewhere; how many charges ended, of *limit*."""

    def sample(self, day: date) -> None:
        """Remember what every namespace comes to by now as what it came to on a day."""

    def forget_samples(self, *, before: date) -> None:
        """Forget the days before one."""
