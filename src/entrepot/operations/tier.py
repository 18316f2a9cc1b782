"""Let what is old and not in use lie in the cold tier, by rules that a namespace sets, and have it back.

What goes is decided of artifacts, in the words of retention; what lies somewhere are their blobs. A blob goes when
everything that needs it goes, in whatever package and namespace: each is judged by the rules of its own. Nothing is
lost by it, so that a plan is only to be looked at; whoever applies the rules judges again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.blob import BlobState
from entrepot.model.errors import PlanOutdated
from entrepot.model.events import TieringSet
from entrepot.model.names import View
from entrepot.model.tier import Recall, Tier
from entrepot.operations import access
from entrepot.operations.judge_retention import judge_package
from entrepot.operations.move import copy_blob, record_moves
from entrepot.operations.resolve import resolve
from entrepot.operations.retain import packages_of, require_known_formats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId, ReferenceName
    from entrepot.model.tier import Tiering
    from entrepot.operations.judge_retention import Judged
    from entrepot.operations.move import Copied
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.tiers import Placement

ACTOR: Final = "tier"
_MOST_USERS: Final = 1_000
"""What more artifacts than that need stays hot, like what is in use."""
_REMEMBERED: Final = 200
"""Packages whose judgement is remembered while others are looked at."""
_AT_ONCE: Final = 20
"""Blobs that are let lie elsewhere by one change."""
_MOST_LINKS: Final = 10_000
_GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Going:
    """An artifact that the rules let go, or would let go if nothing kept it hot."""

    package: PackageId
    digest: Digest
    names: tuple[str, ...]
    rule: str
    reason: str
    keeper: str | None
    """What keeps it hot."""
    recall: Recall
    blobs: tuple[Placement, ...] = ()
    """Its blobs that go, each told of with the first artifact only."""
    shared: int = 0
    """Bytes of it that stay hot because something else that stays needs them."""

    @property
    def size(self) -> int:
        """Bytes that go."""
        return sum(blob.size for blob in self.blobs)


@dataclass(frozen=True, slots=True)
class TierPlan:
    """What the rules of a namespace let go now."""

    namespace: NamespaceName
    looked_at: int
    """How many artifacts were looked at."""
    artifacts: int
    blobs: int
    size: int
    """Bytes that go; they take up less room there, where they can be compressed."""
    monthly_saving: float | None
    """What that saves in a month, at least; None where nobody said a price."""
    items: tuple[Going, ...]
    """The first of them, and of those that something keeps hot."""


@dataclass(frozen=True, slots=True)
class Tiered:
    """What came of applying rules, or of moving something."""

    moved: int
    size: int
    left: int
    """How many blobs are still to be moved; another one who does it is counted as well."""


# --- rules ---


async def read_tiering(registry: Registry, caller: Caller, namespace: NamespaceName) -> Tiering:
    """What a namespace keeps hot. Raises what `access.require_anywhere` raises."""
    access.require_anywhere(caller, Action.READ, View(namespace))
    return await registry.catalog.tiers.find_tiering(namespace)


async def set_tiering(registry: Registry, caller: Caller, namespace: NamespaceName, tiering: Tiering) -> Tiering:
    """Keep that hot from now on. The same again is no event; nothing goes by that alone.

    Raises `InvalidRetention`, `NamespaceUnknown`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    tiering.check()
    require_known_formats(registry, [rule.hot for rule in tiering.rules])

    def change(transaction: Transaction) -> Tiering:
        if transaction.tiers.set(namespace, tiering, caller.name):
            event = TieringSet(
                namespace=namespace,
                rules=tuple(rule.document for rule in tiering.rules),
                stays=tuple(sorted(tiering.stays)),
                automatic=tiering.automatic,
            )
            transaction.append(caller.name, event)
        return tiering

    return await registry.catalog.write(change)


# --- what goes ---


async def plan_tiers(registry: Registry, caller: Caller, namespace: NamespaceName, *, shown: int) -> TierPlan:
    """Say what the rules let go now, and why; of the artifacts no more than *shown*. Nothing is changed.

    Raises `NamespaceUnknown`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    looking = _Looking(registry)
    items: list[Going] = []
    artifacts = blobs = size = 0
    async for going in looking.list_going(namespace):
        if going.keeper is None:
            artifacts, blobs, size = artifacts + 1, blobs + len(going.blobs), size + going.size
        if len(items) < shown:
            items.append(going)
    saved = max(0.0, registry.price(Tier.HOT) - registry.price(Tier.COLD))
    return TierPlan(
        namespace=namespace,
        looked_at=looking.looked_at,
        artifacts=artifacts,
        blobs=blobs,
        size=size,
        monthly_saving=size / _GIB * saved if registry.storage_price else None,
        items=tuple(items),
    )


async def apply_tiers(registry: Registry, caller: Caller, namespace: NamespaceName, *, limit: int) -> Tiered:
    """Let go what the rules let go, at most *limit* blobs; another call goes on.

    Raises `NamespaceUnknown`, `Unavailable` without a cold tier, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    return await go_cold(registry, caller.name, namespace, limit=limit)


async def go_cold(registry: Registry, actor: str, namespace: NamespaceName, *, limit: int | None = None) -> Tiered:
    """The same, for the registry itself. It may be ended at any point, and two may do it at once."""
    registry.store(Tier.COLD)
    mover = _Mover(registry, actor, Tier.COLD)
    async for going in _Looking(registry).list_going(namespace):
        for blob in going.blobs if going.keeper is None else ():
            if limit is not None and mover.tried >= limit:
                await mover.finish()
                return Tiered(mover.moved, mover.size, left=1)
            await mover.move(blob, going.recall, going.rule)
    await mover.finish()
    return Tiered(mover.moved, mover.size, left=0)


class _Looking:
    """What one who goes through a namespace knows of the packages that he has been to."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._tierings: dict[NamespaceName, Tiering] = {}
        self._going: OrderedDict[PackageId, set[Digest]] = OrderedDict()
        self._told: set[Digest] = set()
        self.looked_at = 0

    async def list_going(self, namespace: NamespaceName) -> AsyncIterator[Going]:
        """All that goes, or would if nothing kept it, package by package. Raises `NamespaceUnknown`."""
        tiering = await self._tiering(namespace)
        async for package in packages_of(self._registry, namespace):
            if not any(rule.hot.speaks_of(package) for rule in tiering.rules):
                continue
            judged = await self._judge(package)
            self.looked_at += len(judged)
            for each in judged:
                if not each.verdict.stays:
                    yield await self._look(package, each, tiering)
            await asyncio.sleep(0)

    async def _look(self, package: PackageId, judged: Judged, tiering: Tiering) -> Going:
        stored, verdict = judged.candidate.stored, judged.verdict
        going = Going(
            package=package,
            digest=stored.digest,
            names=tuple(name.text for name in stored.names if name.text),
            rule=verdict.rule,
            reason=verdict.reason,
            keeper=judged.keeper,
            recall=tiering.recall_of(verdict.rule),
        )
        if not judged.goes:
            return going
        blobs, shared = list["Placement"](), 0
        for artifact in (stored.digest, *judged.parts):
            for blob in await self._registry.catalog.tiers.list_blobs(package, artifact):
                if blob.tier is Tier.COLD or blob.state is not BlobState.PRESENT or blob.digest in self._told:
                    continue
                self._told.add(blob.digest)
                if await self._is_needed(blob.digest):
                    shared += blob.size
                else:
                    blobs.append(blob)
        return replace(going, blobs=tuple(blobs), shared=shared)

    async def _is_needed(self, blob: Digest) -> bool:
        users = await self._registry.catalog.tiers.list_users(blob, limit=_MOST_USERS + 1)
        if len(users) > _MOST_USERS:
            return True
        for package, artifact in users:
            if package not in self._going:
                await self._judge(package)
            if artifact not in self._going[package]:
                return True
        return False

    async def _judge(self, package: PackageId) -> Sequence[Judged]:
        tiering = await self._tiering(package.namespace)
        judged: Sequence[Judged] = ()
        with suppress(PlanOutdated):  # Where too much happens all the time, everything is in use.
            rules = [rule.hot for rule in tiering.rules]
            _, judged = await judge_package(self._registry, package, rules, stays=tiering.stays)
        self._going[package] = {
            digest for each in judged if each.goes for digest in (each.candidate.stored.digest, *each.parts)
        }
        while len(self._going) > _REMEMBERED:
            self._going.popitem(last=False)
        return judged

    async def _tiering(self, namespace: NamespaceName) -> Tiering:
        if namespace not in self._tierings:
            self._tierings[namespace] = await self._registry.catalog.tiers.find_tiering(namespace)
        return self._tierings[namespace]


@dataclass(slots=True)
class _Mover:
    """Moves blobs, and lets the catalog know of several at a time: each time everything that is cached ends."""

    registry: Registry
    actor: str
    tier: Tier
    tried: int = 0
    moved: int = 0
    size: int = 0
    _copied: list[Copied] = field(default_factory=list)

    async def move(self, blob: Placement, recall: Recall, rule: str) -> None:
        self.tried += 1
        copied = await copy_blob(self.registry, self.actor, blob.digest, self.tier, recall=recall, rule=rule)
        if copied is not None:
            self._copied.append(copied)
        if len(self._copied) >= _AT_ONCE:
            await self.finish()

    async def finish(self) -> None:
        sizes = {each.move.digest: each.size for each in self._copied}
        moved = await record_moves(self.registry, self.actor, self._copied)
        self._copied = []
        self.moved += len(moved)
        self.size += sum(sizes[digest] for digest in moved)


# --- one artifact ---


async def list_placements(
    registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest
) -> Sequence[Placement]:
    """Where the blobs of an artifact lie, and of all that it contains. Raises like `resolve`."""
    view = View(package.namespace)
    name, digest = (None, target) if not isinstance(target, str) else (target, None)
    found = await resolve(registry, caller, view, package, name=name, digest=digest)
    blobs: dict[Digest, Placement] = {}
    waiting, seen = [found.digest], {found.digest}
    while waiting:
        artifact = waiting.pop()
        blobs |= {blob.digest: blob for blob in await registry.catalog.tiers.list_blobs(package, artifact)}
        content = await registry.catalog.find_artifact(view, package, digest=artifact)
        if content is None:
            continue
        links = Artifact.parse(content.content, content.media_type, digest=artifact).links
        for link in links:
            if link.kind is LinkKind.MANIFEST and link.target.digest not in seen and len(seen) < _MOST_LINKS:
                seen.add(link.target.digest)
                waiting.append(link.target.digest)
    return list(blobs.values())


async def move_artifact(
    registry: Registry, caller: Caller, package: PackageId, target: ReferenceName | Digest, tier: Tier
) -> Tiered:
    """Let the blobs of an artifact lie in a tier, whatever else needs them; they are what they were in either.

    To have something back is to read it; to send it away is to govern. Raises `Unavailable` without a cold tier, like
    `resolve`, and what `access.require` raises.
    """
    if tier is Tier.COLD:
        await access.require(registry, caller, Action.GOVERN, package)
    placements = await list_placements(registry, caller, package, target)
    mover = _Mover(registry, caller.name, tier)
    elsewhere = [blob for blob in placements if blob.tier is not tier and blob.state is BlobState.PRESENT]
    for blob in elsewhere:
        await mover.move(blob, Recall.STREAM, "")
    await mover.finish()
    return Tiered(mover.moved, mover.size, left=len(elsewhere) - mover.moved)
