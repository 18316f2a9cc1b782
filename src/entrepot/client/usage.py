"""What namespaces and packages take up, and how much they may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from entrepot.client.connection import escape
from entrepot.client.packages import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.client.address import Address
    from entrepot.client.connection import Connection
    from entrepot.client.packages import Packages


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a namespace may take up; None for as much as there is."""

    size: int | None = None
    """Bytes, the trash included."""
    versions: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What a namespace is charged with: every blob once, however many versions and packages refer to it."""

    namespace: str
    blobs: int
    size: int
    """Bytes."""
    trash_size: int
    """Bytes of it that were deleted, and can still be had back."""
    versions: int
    unique_size: int | None = None
    """Bytes that no other namespace is charged for; None for who may not see the whole registry."""
    shared_size: int | None = None
    quota: Quota | None = None
    room: int | None = None
    """How many bytes more fit; None for as many as there are."""


@dataclass(frozen=True, slots=True)
class DayOfUsage:
    """What a namespace came to at the end of a day, or so far today."""

    day: date
    size: int
    trash_size: int
    versions: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Where it is going, if the last 30 days go on like that."""

    daily_size: float
    """Bytes more each day."""
    days_left: int | None = None
    """Until the quota is reached; None for never."""
    full_on: date | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a namespace takes up, what that costs, and where it is going."""

    account: Account
    hot_size: int
    cold_size: int
    cold_stored: int
    """Bytes that what is cold takes up there, compressed."""
    monthly_cost: float | None
    trend: Trend | None
    days: tuple[DayOfUsage, ...]


@dataclass(frozen=True, slots=True)
class PackageUsage:
    """What a package takes up: every blob once, however many versions refer to it."""

    namespace: str
    format: str
    package: str
    blobs: int
    size: int
    unique_size: int
    """Bytes that no other package of the namespace has."""
    versions: int
    monthly_cost: float | None


@dataclass(frozen=True, slots=True)
class Usages:
    """What is taken up, and how much may be. Every method raises `ClientError`."""

    _connection: Connection
    _packages: Packages

    def iter(self) -> Iterator[Account]:
        """The thousand namespaces that take up most, the largest first."""
        return self._connection.pages("/api/v1/usage", Account, query={"limit": 1_000})

    def read(self, namespace: str) -> Usage:
        """What a namespace takes up."""
        return self._connection.call("GET", f"{_namespace(namespace)}/usage").read(Usage)

    def read_package(self, address: Address | str) -> PackageUsage:
        """What a package takes up."""
        path = path_of(self._packages.locate(address))
        return self._connection.call("GET", f"{path}/-/usage").read(PackageUsage)

    def set_quota(self, namespace: str, *, size: int | None = None, versions: int | None = None) -> Account:
        """Let a namespace take up so much, and no more."""
        document = {"size": size, "versions": versions}
        return self._connection.call("PUT", f"{_namespace(namespace)}/quota", document=document).read(Account)

    def remove_quota(self, namespace: str) -> Account:
        """Let a namespace take up whatever there is."""
        return self._connection.call("DELETE", f"{_namespace(namespace)}/quota").read(Account)


def _namespace(name: str) -> str:
    return f"/api/v1/namespaces/{escape(name)}"
