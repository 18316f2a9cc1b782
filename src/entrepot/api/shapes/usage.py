"""What the management API reads and writes about what is taken up, and how much may be (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from entrepot.api.shapes.texts import FormatText, NamespaceText, PackageText
from entrepot.model import usage as model

if TYPE_CHECKING:
    from entrepot.operations import usage as operations
    from entrepot.ports import usage as ports

Size = Annotated[int, Meta(description="Bytes.", examples=[1_073_741_824])]
Cost = Annotated[float | None, Meta(description="By `storage_price`; null where none is set.", examples=[1.25])]


class Quota(Struct, frozen=True, forbid_unknown_fields=True):
    """How much a namespace may take up; null or nothing for as much as there is."""

    size: Annotated[int, Meta(ge=0, le=2**60, description="Bytes, the trash included.", examples=[10**9])] | None = None
    versions: Annotated[int, Meta(ge=0, le=2**60, description="Versions.", examples=[10_000])] | None = None

    def read(self) -> model.Quota:
        """The quota that is meant. Raises `Invalid`."""
        return model.Quota(self.size, self.versions)


class Account(Struct, frozen=True):
    """What a namespace is charged with: every blob once, however many versions and packages refer to it."""

    namespace: NamespaceText
    blobs: Annotated[int, Meta(examples=[120])]
    size: Size
    trash_size: Annotated[int, Meta(description="Bytes of it that were deleted, and can still be had back.")]
    versions: Annotated[int, Meta(examples=[14])]
    unique_size: Annotated[
        int | None,
        Meta(description="Bytes that no other namespace is charged for; null for who may not see the whole registry."),
    ]
    shared_size: Annotated[int | None, Meta(description="The other bytes; null like `unique_size`.")]
    quota: Quota | None
    room: Annotated[int | None, Meta(description="How many bytes more fit; null for as many as there are.")]

    @staticmethod
    def of(found: model.Account, *, shows_unique: bool = True) -> Account:
        """How an account is shown."""
        quota = found.quota
        return Account(
            namespace=found.namespace,
            blobs=found.blobs,
            size=found.size,
            trash_size=found.trash_size,
            versions=found.versions,
            unique_size=found.unique_size if shows_unique else None,
            shared_size=found.shared_size if shows_unique else None,
            quota=None if quota is None else Quota(quota.size, quota.versions),
            room=found.room,
        )


class DayOfUsage(Struct, frozen=True):
    """What a namespace came to at the end of a day, or so far today."""

    day: Annotated[date, Meta(examples=["2026-01-31"])]
    size: Size
    trash_size: Size
    versions: int


class Trend(Struct, frozen=True):
    """Where it is going, if the last 30 days go on like that."""

    daily_size: Annotated[float, Meta(description="Bytes more each day.", examples=[52_428_800.0])]
    days_left: Annotated[int | None, Meta(description="Until the quota is reached; null for never.", examples=[40])]
    full_on: Annotated[
        date | None, Meta(description="The day when it is, within a hundred years.", examples=["2026-03-12"])
    ]


class Usage(Struct, frozen=True):
    """What a namespace takes up, what that costs, and where it is going."""

    account: Account
    hot_size: Annotated[int, Meta(description="Bytes of it in the hot tier.")]
    cold_size: Annotated[int, Meta(description="Bytes of it in the cold tier.")]
    cold_stored: Annotated[int, Meta(description="Bytes that these take up there, compressed.")]
    monthly_cost: Cost
    trend: Annotated[Trend | None, Meta(description="Null before the second day.")]
    days: Annotated[list[DayOfUsage], Meta(description="The last 400 days, the earliest first.")]

    @staticmethod
    def of(found: operations.Usage) -> Usage:
        """How usage is shown."""
        trend = found.trend
        return Usage(
            account=Account.of(found.account, shows_unique=found.shows_unique),
            hot_size=found.account.size - found.cold.size,
            cold_size=found.cold.size,
            cold_stored=found.cold.stored,
            monthly_cost=_rounded(found.monthly_cost),
            trend=None if trend is None else Trend(round(trend.daily_size, 1), trend.days_left, found.full_on),
            days=[DayOfUsage(each.day, each.size, each.trash_size, each.versions) for each in found.samples],
        )


class PackageUsage(Struct, frozen=True):
    """What a package takes up: every blob once, however many versions refer to it."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    blobs: int
    size: Size
    unique_size: Annotated[int, Meta(description="Bytes that no other package of the namespace has.")]
    versions: int
    monthly_cost: Cost

    @staticmethod
    def of(found: ports.PackageUsage, cost: float | None) -> PackageUsage:
        """How a package's usage is shown."""
        return PackageUsage(
            namespace=found.package.namespace,
            format=found.package.format,
            package=found.package.name,
            blobs=found.blobs,
            size=found.size,
            unique_size=found.unique_size,
            versions=found.versions,
            monthly_cost=_rounded(cost),
        )


def _rounded(cost: float | None) -> float | None:
    return None if cost is None else round(cost, 6)
