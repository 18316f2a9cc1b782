"""Say what a namespace, a package or the whole registry takes up, what that costs, and where it is going.

Whether content is unique to a namespace tells whether others have it, too; so it is said only to who may see the whole
registry. To everybody else what they are charged with is the same either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import NamespaceUnknown, PackageUnknown
from entrepot.model.names import View
from entrepot.model.tier import Tier
from entrepot.model.usage import Account, Sample, Trend, find_trend
from entrepot.operations import access

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.usage import ColdUsage, PackageUsage

SAMPLE_SECONDS: Final = 3600.0
"""How often `sample_usage` is to be called."""
_REMEMBERED: Final = timedelta(days=400)
_LONGEST: Final = 36_500
"""Days that a projection may reach: what lies behind is no date that anybody plans by."""
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Usage:
    """What a namespace takes up."""

    account: Account
    shows_unique: bool
    """Whether the caller may know how much of it others have, too."""
    cold: ColdUsage
    monthly_cost: float | None
    """None where no prices are set."""
    samples: Sequence[Sample]
    """Day by day, the earliest first."""
    trend: Trend | None
    full_on: date | None
    """The day on which the quota is reached, if it goes on like that."""


async def read_usage(registry: Registry, caller: Caller, namespace: NamespaceName) -> Usage:
    """What a namespace takes up, for who may read all of it.

    Raises `NamespaceUnknown`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.READ, View(namespace))
    usages = registry.catalog.usage
    account = await usages.find(namespace)
    if account is None:
        raise NamespaceUnknown(namespace)
    cold = await usages.measure_cold(namespace)
    today = registry.clock.now().date()
    samples = list(await usages.list_samples(namespace, since=today - _REMEMBERED))
    trend = find_trend(samples, account)
    soon = trend is not None and trend.days_left is not None and trend.days_left <= _LONGEST
    return Usage(
        account=account,
        shows_unique=caller.rights.allows(Action.AUDIT),
        cold=cold,
        monthly_cost=_cost(registry, account, cold),
        samples=samples,
        trend=trend,
        full_on=today + timedelta(days=trend.days_left or 0) if trend is not None and soon else None,
    )


async def list_usage(registry: Registry, caller: Caller, *, limit: int) -> Sequence[Account]:
    """The namespaces that take up most, the largest first; for who may see the whole registry.

    Raises what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.AUDIT)
    return await registry.catalog.usage.list_largest(limit=limit)


async def measure_package(registry: Registry, caller: Caller, package: PackageId) -> PackageUsage:
    """What a package takes up. Raises `PackageUnknown`, or what `access.require_read` raises."""
    await access.require_read(registry, caller, View(package.namespace), package)
    found = await registry.catalog.usage.measure_package(package)
    if found is None or not found.blobs:
        raise PackageUnknown(f"{package.namespace}/{package.name}")
    return found


async def sample_usage(registry: Registry) -> None:
    """Remember what every namespace comes to today, for the trend; what is longer ago than a year is forgotten."""
    today = registry.clock.now().date()

    def change(transaction: Transaction) -> None:
        transaction.usage.sample(today)
        transaction.usage.forget_samples(before=today - _REMEMBERED)

    await registry.catalog.write(change)


def package_cost(registry: Registry, usage: PackageUsage) -> float | None:
    """What a package costs in a month, as if all of it were hot; None where no price is set."""
    price = registry.price(Tier.HOT)
    return usage.size / _GIB * price if price else None


def _cost(registry: Registry, account: Account, cold: ColdUsage) -> float | None:
    """What a namespace costs in a month: each byte as the tier costs that it lies in."""
    hot_price, cold_price = registry.price(Tier.HOT), registry.price(Tier.COLD)
    if not hot_price and not cold_price:
        return None
    return ((account.size - cold.size) * hot_price + cold.stored * cold_price) / _GIB
