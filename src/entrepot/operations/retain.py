"""Keep exactly what the rules of a namespace keep: say what would go, and let go just that.

A plan is made of what is there, with a reason for everything that would go, and what keeps the rest of it; it changes
nothing. Applying it judges again: where the rules, the names, what keeps something or what is used have changed for
anything that is in it, it is refused as a whole. Then each artifact goes by a change of its own (I8), which looks again
whether its package was touched meanwhile; so a crash anywhere leaves a sound world and a plan that somebody goes on with.
What goes is in the trash, and can be had back (`entrepot.operations.restore`).
"""

from __future__ import annotations

import asyncio
from array import array
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto
from hashlib import sha256
from heapq import merge
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.access import Action
from entrepot.model.errors import InvalidRetention, PlanOutdated, PlanUnknown
from entrepot.model.events import RetentionApplied, RetentionBegun, RetentionPlanned, RetentionSet
from entrepot.model.names import ReferenceName, View
from entrepot.model.retention import Retention
from entrepot.operations import access
from entrepot.operations.delete import delete_whole
from entrepot.operations.judge_retention import judge_namespace, judge_package
from entrepot.ports.retention import ItemState, Plan, PlannedItem, PlanState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position
    from entrepot.model.retention import RetentionRule
    from entrepot.operations.judge_retention import Judged
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

ACTOR: Final = "retain"
_PAGE: Final = 1_000
"""Rows of a plan that one question or one change is about."""
_AT_ONCE: Final = 64
"""Deletions that may share a commit."""
_SOME: Final = 1_000
"""What is deleted while somebody waits for the answer; the schedule does the rest."""
_TOLD: Final = 5
_PLANNED: Final = ItemState.PLANNED
_KEPT: Final = ItemState.KEPT
_TRIES: Final = 5
PLAN_LASTS: Final = timedelta(days=7)
"""For how long a plan can be applied, and is remembered unless it is being applied."""
_REMEMBERED: Final = timedelta(days=30)


# --- rules ---


async def read_retention(registry: Registry, caller: Caller, namespace: NamespaceName) -> Retention:
    """By what rules a namespace keeps its versions. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.READ, View(namespace))
    return await registry.catalog.retentions.find(namespace)


async def set_retention(
    registry: Registry, caller: Caller, namespace: NamespaceName, retention: Retention
) -> Retention:
    """Keep by these rules from now on. The same again is no event; nothing goes by that alone.

    Raises `InvalidRetention`, `NamespaceUnknown`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    if retention.automatic:
        access.require_anywhere(caller, Action.DELETE, View(namespace))
    retention.check()
    require_known_formats(registry, retention.rules)

    def change(transaction: Transaction) -> Retention:
        if transaction.retentions.set(namespace, retention, caller.name):
            documents = tuple(rule.document for rule in retention.rules)
            transaction.append(
                caller.name, RetentionSet(namespace=namespace, rules=documents, automatic=retention.automatic)
            )
        return retention

    return await registry.catalog.write(change)


def require_known_formats(registry: Registry, rules: Sequence[RetentionRule]) -> None:
    """Raise `InvalidRetention` for rules that speak of formats that are not here."""
    for rule in rules:
        if any(each not in registry.formats for each in rule.formats):
            raise InvalidRetention(rule.name, expected=f"formats among {', '.join(sorted(registry.formats))}")


# --- planning ---


async def plan_retention(registry: Registry, caller: Caller, namespace: NamespaceName) -> Plan:
    """Say what the rules of a namespace let go now, and keep that for who wants to look at it and apply it.

    Raises `NamespaceUnknown`, `PlanOutdated`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.DELETE, View(namespace))
    return await make_plan(registry, namespace, caller.name)


async def make_plan(registry: Registry, namespace: NamespaceName, actor: str) -> Plan:
    """The same, for the registry itself. Raises `NamespaceUnknown`, `PlanOutdated`."""
    rules = (await registry.catalog.retentions.find(namespace)).rules
    plan = Plan(
        name=registry.clock.new_id(),
        namespace=namespace,
        state=PlanState.PLANNED,
        rules=rules,
        digest="",
        actor=actor,
        at=registry.clock.now(),
        looked_at=0,
        size=0,
        counts={},
    )
    await registry.catalog.write(lambda transaction: transaction.retentions.draft(plan))
    draft = _Draft(registry, plan)
    try:
        async with aclosing(judge_namespace(registry, namespace, rules)) as found:
            async for package, judged in found:
                await draft.add(package, judged)
        return await draft.finish()
    finally:
        await draft.stop()


class _Draft:
    """A plan that is being written: one page while the next is judged, and while it is asked what the last would free."""

    def __init__(self, registry: Registry, plan: Plan) -> None:
        self._registry = registry
        self._plan = plan
        self._items: list[PlannedItem] = []
        self._writing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing.set_result(None)
        self._measuring = self._writing
        self._shared: list[array[int]] = []
        """What the items of each page share with others: eight bytes for each."""
        self._sizes: dict[int, int] = {}
        """Those that are known, and not written yet."""
        self._size = 0
        self._last = 0
        self._looked_at = 0
        self._going = 0
        self._kept = 0
        self._hash = sha256(msgspec.json.encode([rule.document for rule in plan.rules]))

    async def add(self, package: PackageId, judged: Sequence[Judged]) -> None:
        self._looked_at += len(judged)
        for each in judged:
            if each.verdict.stays:
                continue
            self._last += 1
            item = _item(self._last, package, each)
            self._hash.update(_words(item))
            self._items.append(item)
            if item.keeper is None:
                self._going += 1
            else:
                self._kept += 1
            if len(self._items) >= _PAGE:
                await self._write()

    async def _write(self) -> None:
        """Begin to write what there is, once what was before it is written."""
        await self._writing
        if self._items:
            items, self._items = self._items, []
            self._writing = asyncio.ensure_future(self._write_page(items))

    async def _write_page(self, items: Sequence[PlannedItem]) -> None:
        """Write items, and begin to find out what becomes free with each by itself: that is written with later ones."""
        name, sizes = self._plan.name, self._take_sizes()

        def change(transaction: Transaction) -> None:
            transaction.retentions.add_items(name, items)
            transaction.retentions.add_sizes(name, sizes)

        await self._registry.catalog.write(change, aside=True)
        await self._measuring
        self._measuring = asyncio.ensure_future(self._measure(items[0].ordinal - 1, items[-1].ordinal))

    async def _measure(self, after: int, upto: int) -> None:
        measured = await self._registry.catalog.retentions.measure(self._plan.name, after=after, upto=upto)
        self._note_sizes(measured.sizes)
        self._shared.append(array("q", measured.shared))

    def _note_sizes(self, sizes: Mapping[int, int]) -> None:
        self._sizes.update(sizes)
        self._size += sum(sizes.values())

    def _take_sizes(self) -> Mapping[int, int]:
        sizes, self._sizes = self._sizes, {}
        return sizes

    async def stop(self) -> None:
        """Write no more."""
        for each in (self._writing, self._measuring):
            each.cancel()
            await asyncio.gather(each, return_exceptions=True)

    async def finish(self) -> Plan:
        """Find out what becomes free of what several share, and let others see it."""
        await self._write()
        await self._writing
        await self._measuring
        catalog, name = self._registry.catalog, self._plan.name
        shared = (blob for blob, _ in groupby(merge(*self._shared)))
        while page := list(islice(shared, _PAGE)):
            await catalog.write(_sizing(name, self._take_sizes()), aside=True)
            self._note_sizes(await catalog.retentions.measure_shared(name, page))
        sizes = self._take_sizes()
        counts = {ItemState.PLANNED: self._going, ItemState.KEPT: self._kept}
        plan = replace(
            self._plan,
            digest=f"sha256:{self._hash.hexdigest()}",
            looked_at=self._looked_at,
            size=self._size,
            counts={state: count for state, count in counts.items() if count},
        )

        def change(transaction: Transaction) -> Plan:
            transaction.retentions.add_sizes(name, sizes)
            transaction.retentions.finish(plan)
            transaction.append(
                plan.actor,
                RetentionPlanned(
                    namespace=plan.namespace, plan=plan.name, digest=plan.digest, artifacts=self._going, size=plan.size
                ),
            )
            return plan

        return await self._registry.catalog.write(change)


def _sizing(plan: str, sizes: Mapping[int, int]) -> Callable[[Transaction], None]:
    return lambda transaction: transaction.retentions.add_sizes(plan, sizes)


def _item(ordinal: int, package: PackageId, judged: Judged) -> PlannedItem:
    stored = judged.candidate.stored
    return PlannedItem(
        ordinal=ordinal,
        package=package,
        digest=stored.digest,
        names=tuple(ReferenceName(name.text) for name in stored.names if name.text),
        parts=judged.parts,
        rule=judged.verdict.rule,
        reason=judged.verdict.reason,
        at=stored.at,
        pulled_at=stored.pulled_at,
        pulled_by=stored.pulled_by,
        keeper=judged.keeper,
        rows=judged.candidate.rows,
        state=_PLANNED if judged.keeper is None else _KEPT,
    )


def _words(item: PlannedItem) -> bytes:
    """What a plan's digest has of an item: all that says what goes and why, and nothing that comes of it later."""
    words = (
        item.ordinal,
        str(item.package),
        str(item.digest),
        item.names,
        [str(part) for part in item.parts],
        item.rule,
        item.reason,
        item.keeper,
    )
    return msgspec.json.encode(words)


async def packages_of(registry: Registry, namespace: NamespaceName) -> AsyncIterator[PackageId]:
    """The packages of a namespace that have anything."""
    after: PackageId | None = None
    while page := await registry.catalog.list_packages(namespace=namespace, format=None, after=after, limit=_PAGE):
        for row in page:
            yield row.id
        after = page[-1].id


async def read_plan(registry: Registry, caller: Caller, name: str) -> Plan:
    """A plan, for who may delete in its namespace. Raises `PlanUnknown`, or what `access.require_anywhere` raises."""
    plan = await registry.catalog.retentions.find_plan(name)
    if plan is None or not caller.rights.touches(View(plan.namespace)):
        raise PlanUnknown(name)
    access.require_anywhere(caller, Action.DELETE, View(plan.namespace))
    return plan


async def list_plans(registry: Registry, caller: Caller, namespace: NamespaceName, *, limit: int) -> Sequence[Plan]:
    """The plans of a namespace, the newest first. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.DELETE, View(namespace))
    return await registry.catalog.retentions.list_plans(namespace, limit=limit)


async def list_items(
    registry: Registry, caller: Caller, name: str, *, after: int = 0, limit: int
) -> Sequence[PlannedItem]:
    """A page of a plan's items, in the order in which they would go. Raises what `read_plan` raises."""
    await read_plan(registry, caller, name)
    return await registry.catalog.retentions.list_items(name, after=after, limit=limit)


# --- applying ---


async def apply_plan(registry: Registry, caller: Caller, name: str, *, digest: str | None = None) -> Plan:
    """Let go what a plan says: some of it now, and all of it soon; asked again, it goes on. It is in the trash then.

    *digest* is the plan's as it was looked at. One that was applied is left as it is.
    Raises `PlanUnknown`, `PlanOutdated` when anything in it is not as it was planned any more, or what
    `access.require_anywhere` raises.
    """
    plan = await read_plan(registry, caller, name)
    if digest is not None and digest != plan.digest:
        raise PlanOutdated(name, expected=digest, actual=plan.digest)
    await begin_plan(registry, plan, caller.name)
    await carry_on(registry, name, limit=_SOME)
    return await read_plan(registry, caller, name)


async def begin_plan(registry: Registry, plan: Plan, actor: str) -> None:
    """Make sure that the world is as it was planned, and let the plan be carried out. Raises `PlanOutdated`."""
    if plan.state is not PlanState.PLANNED:
        return
    if registry.clock.now() - plan.at > PLAN_LASTS:
        raise PlanOutdated(plan.name, expected=f"a plan that is no older than {PLAN_LASTS.days} days")
    if (await registry.catalog.retentions.find(plan.namespace)).rules != plan.rules:
        raise PlanOutdated(plan.name, expected="the rules that it was made by")
    moved: list[str] = []
    async for items in _by_package(registry, plan):
        _, judged = await judge_package(registry, items[0].package, plan.rules)
        going = _going(judged)
        moved += [f"{item.package}: {_called(item)}" for item in items if not _is_as_planned(item, going)]
        if len(moved) >= _TOLD:
            break
    if moved:
        raise PlanOutdated("; ".join(moved[:_TOLD]), expected="everything in the plan as it was then")

    def change(transaction: Transaction) -> None:
        if transaction.retentions.find(plan.namespace).rules != plan.rules:
            raise PlanOutdated(plan.name, expected="the rules that it was made by")
        if transaction.retentions.begin(plan, actor):
            transaction.append(actor, RetentionBegun(namespace=plan.namespace, plan=plan.name, digest=plan.digest))

    await registry.catalog.write(change)


async def carry_on(registry: Registry, name: str, *, limit: int | None = None) -> bool:
    """Delete what is left of a plan that was begun, at most *limit* artifacts; whether that was all of it.

    It may be ended at any point, and two may do it at once.
    """
    plan = await registry.catalog.retentions.find_plan(name)
    if plan is None or plan.state is not PlanState.BEGUN:
        return True
    work, done = _Work(registry, plan), 0
    while limit is None or done < limit:
        items = await registry.catalog.retentions.list_items(name, state=ItemState.PLANNED, limit=_AT_ONCE)
        if not items:
            await registry.catalog.write(_ending(plan))
            return True
        for package, of_package in groupby(items, key=lambda item: item.package):
            await work.judge(package)
            await asyncio.gather(*(work.delete(item) for item in of_package))
        done += len(items)
    return False


class _Outcome(Enum):
    """What came of looking at an item inside a change."""

    DONE = auto()
    STALE = auto()
    """Something happened in the package, so it is to be judged again."""
    USED = auto()
    """It was pulled since, and the rules ask about that."""


class _Work:
    """What one who carries out a plan knows of a package: what goes, and of which revision that is true."""

    def __init__(self, registry: Registry, plan: Plan) -> None:
        self._registry = registry
        self._plan = plan
        self._asks_pulls = any(rule.pulled_within is not None for rule in plan.rules)
        self._package: PackageId | None = None
        self._revision: Position | None = None
        self._going: Mapping[Digest, Judged] = {}
        self._judging = asyncio.Lock()

    async def judge(self, package: PackageId) -> None:
        """Find out what goes of a package, unless that is known."""
        async with self._judging:
            retentions = self._registry.catalog.retentions
            if package == self._package and await retentions.find_revision(package) == self._revision:
                return
            self._package, self._revision, self._going = package, None, {}
            # Where too much happens all the time, what would go stays, and the next plan asks again.
            with suppress(PlanOutdated):
                self._revision, judged = await judge_package(self._registry, package, self._plan.rules)
                self._going = _going(judged)

    async def delete(self, item: PlannedItem) -> None:
        """Delete an artifact, if it is as it was planned; note that it stays if it is not."""
        for _ in range(_TRIES):
            if not _is_as_planned(item, self._going):
                break
            outcome = await self._registry.catalog.write(self._deleting(item))
            if outcome is _Outcome.DONE:
                return
            if outcome is _Outcome.USED:
                break
            await self.judge(item.package)
        await self._registry.catalog.write(self._leaving(item))

    def _deleting(self, item: PlannedItem) -> Callable[[Transaction], _Outcome]:
        package, name = item.package, self._plan.name
        seen = self._going[item.digest].candidate.stored.pulled_at

        def change(transaction: Transaction) -> _Outcome:
            if transaction.retentions.find_state(name, item.ordinal) is not ItemState.PLANNED:
                return _Outcome.DONE  # Somebody else does the same.
            if transaction.retentions.find_revision(package) != self._revision:
                return _Outcome.STALE
            if self._asks_pulls and transaction.pulls.find_last(package, item.digest) != seen:
                return _Outcome.USED
            actor = self._plan.begun_by or ACTOR
            delete_whole(transaction, actor, package, item.digest, item.parts, plan=name)
            transaction.retentions.mark(name, item.ordinal, ItemState.DELETED)
            self._revision = transaction.position
            return _Outcome.DONE

        return change

    def _leaving(self, item: PlannedItem) -> Callable[[Transaction], None]:
        def change(transaction: Transaction) -> None:
            if transaction.retentions.find_state(self._plan.name, item.ordinal) is ItemState.PLANNED:
                transaction.retentions.mark(self._plan.name, item.ordinal, ItemState.MOVED)

        return change


def _ending(plan: Plan) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        if transaction.retentions.end(plan):
            counts = transaction.retentions.count(plan.name)
            transaction.append(
                plan.begun_by or ACTOR,
                RetentionApplied(
                    namespace=plan.namespace,
                    plan=plan.name,
                    deleted=counts.get(ItemState.DELETED, 0),
                    moved=counts.get(ItemState.MOVED, 0),
                ),
            )

    return change


async def _by_package(registry: Registry, plan: Plan) -> AsyncIterator[list[PlannedItem]]:
    """What would go by a plan, package by package."""
    items: list[PlannedItem] = []
    after = 0
    while page := await registry.catalog.retentions.list_items(
        plan.name, state=ItemState.PLANNED, after=after, limit=_PAGE
    ):
        after = page[-1].ordinal
        for item in page:
            if items and item.package != items[0].package:
                yield items
                items = []
            items.append(item)
    if items:
        yield items


def _going(judged: Sequence[Judged]) -> dict[Digest, Judged]:
    return {each.candidate.stored.digest: each for each in judged if each.goes}


def _is_as_planned(item: PlannedItem, going: Mapping[Digest, Judged]) -> bool:
    now = going.get(item.digest)
    if now is None:
        return False
    stored = now.candidate.stored
    names = tuple(name.text for name in stored.names if name.text)
    # What more could go with it now does not: nobody looked at that.
    return names == item.names and stored.at == item.at and set(item.parts) <= set(now.parts)


def _called(item: PlannedItem) -> str:
    return ", ".join(item.names) or str(item.digest)


# --- forgetting ---


async def forget_plans(registry: Registry) -> None:
    """Forget plans that were made long ago, and drafts that nobody finished, a page at a time."""
    horizon = registry.clock.now() - _REMEMBERED
    for name in await registry.catalog.retentions.list_outdated(before=horizon, limit=_PAGE):
        while await registry.catalog.write(_forgetting(name)):
            pass


def _forgetting(name: str) -> Callable[[Transaction], bool]:
    return lambda transaction: transaction.retentions.forget(name, limit=_PAGE)
