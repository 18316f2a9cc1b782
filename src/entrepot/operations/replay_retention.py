"""Hold rules against the past: say what they would have let go that somebody pulled later.

Day by day since then the rules are asked what they would have let go of what is here now, with its names of today, and
with the pulls as they were known on that day. What was deleted since, and names that moved, are not asked about; what
runs or is held now is taken to have been so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from entrepot.model.access import Action
from entrepot.model.names import View
from entrepot.model.retention import judge
from entrepot.operations import access
from entrepot.operations.judge_retention import list_known
from entrepot.operations.retain import packages_of, require_known_formats
from entrepot.operations.version_order import order_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.retention import Name, Retention, RetentionRule, Stored
    from entrepot.operations.registry import Registry
    from entrepot.ports.pulls import Pulled

_MOST: Final = 1_000
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Regretted:
    """Something that would have been deleted, and was pulled later."""

    package: PackageId
    digest: Digest
    names: tuple[Name, ...]
    gone_at: datetime
    """When the rules would have let it go."""
    pulled_at: datetime
    """The first day after that on which it was pulled."""
    pulled_by: str
    """Who pulled it last."""
    reason: str
    """Why it would have gone."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What the rules would have done."""

    looked_at: int
    gone: int
    """How many artifacts would have been deleted."""
    regretted: tuple[Regretted, ...]
    """Those of them that were pulled later; a thousand at most."""
    known_since: datetime | None
    """Before then nobody wrote down what was pulled."""


async def replay_retention(
    registry: Registry,
    caller: Caller,
    namespace: NamespaceName,
    *,
    draft: Retention | None = None,
    over: timedelta,
) -> Replay:
    """Hold the rules of a namespace, or a draft of others, against what was pulled since then. Nothing is changed.

    Raises `InvalidRetention`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.DELETE, View(namespace))
    if draft is None:
        rules: Sequence[RetentionRule] = (await registry.catalog.retentions.find(namespace)).rules
    else:
        draft.check()
        require_known_formats(registry, draft.rules)
        rules = draft.rules
    start = await registry.catalog.pulls.find_start()
    now = registry.clock.now()
    looked_at, gone, regretted = 0, 0, list[Regretted]()
    async for package in packages_of(registry, namespace):
        if not any(rule.speaks_of(package) for rule in rules):
            continue
        candidates = await list_known(registry, package)
        looked_at += len(candidates)
        stored = [each.stored for each in candidates if each.keeper is None]
        pulls = {
            each.digest: await registry.catalog.pulls.find(package, each.digest)
            for each in stored
            if each.pulled_at is not None
        }
        first = _First(package, rules, stored, pulls)
        for today in _days(now - over, now):
            first.ask(today, start)
            await asyncio.sleep(0)  # Others have their turn between days.
        gone += len(first.gone)
        regretted += first.regretted()
    return Replay(looked_at, gone, tuple(regretted[:_MOST]), start)


class _First:
    """When the rules would first have let go of each artifact of a package."""

    def __init__(
        self,
        package: PackageId,
        rules: Sequence[RetentionRule],
        stored: Sequence[Stored],
        pulls: dict[Digest, Pulled | None],
    ) -> None:
        self._package = package
        self._rules = rules
        self._stored = stored
        self._pulls = pulls
        self.gone: dict[Digest, tuple[Stored, datetime, str]] = {}

    def ask(self, today: datetime, start: datetime | None) -> None:
        """What would have gone that day of what was there, without what had gone before."""
        there = [self._as_of(each, today) for each in self._stored if each.at <= today and each.digest not in self.gone]
        order = order_of(self._package.format)
        verdicts = judge(self._package, self._rules, there, order=order, now=today, pulls_since=start)
        for each, verdict in zip(there, verdicts, strict=True):
            if not verdict.stays:
                self.gone[each.digest] = each, today, verdict.reason

    def _as_of(self, stored: Stored, today: datetime) -> Stored:
        last = max((at for at in _pulled_at(self._pulls.get(stored.digest)) if at <= today), default=None)
        return replace(stored, pulled_at=last)

    def regretted(self) -> Iterator[Regretted]:
        """What was pulled after it would have gone."""
        for stored, gone_at, reason in self.gone.values():
            pulled = self._pulls.get(stored.digest)
            after = min((at for at in _pulled_at(pulled) if at > gone_at), default=None)
            if pulled is not None and after is not None:
                yield Regretted(self._package, stored.digest, stored.names, gone_at, after, pulled.actor, reason)


def _pulled_at(pulled: Pulled | None) -> Iterator[datetime]:
    """A time on each day of its pulls: the hour is known of the last alone."""
    if pulled is not None:
        for day in pulled.days:
            yield pulled.at - day * _DAY


def _days(first: datetime, last: datetime) -> Iterator[datetime]:
    while first < last:
        yield first
        first += _DAY
