"""Have bytes here no more, and never again: what the law forbids, or a secret that got out.

Nothing that is in use keeps them, only a hold does. Whatever they are a part of goes with them. The steps:

1. one change, and all parts are erased: nobody is served them from then on, on no node and from no cache, what the catalog
   had of them is gone with it, and nobody may bring them again;
2. each package that has any of it loses it, with the names that it had there: a change for each;
3. the bytes in the blob stores are deleted, without the collector's delay;
4. the log grows to there, and the tombstone is signed: who, when, why and what, with the proof that the journal goes on
   from what it was before.

After each the power may go; whoever comes next goes on (`continue_erasures`; docs/decisions/0033-erasing.md).
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.erasure import EVERYBODYS, ErasedPart, Erasure, Extent
from entrepot.model.errors import BlobUnknown, Corrupt, ErasureUnknown, Invalid, PlanOutdated, Protected, Unavailable
from entrepot.model.events import ArtifactsErased, BytesErased, ErasureLifted, ErasureSealed
from entrepot.model.names import View
from entrepot.model.position import START
from entrepot.model.protection import Protection, ProtectionKind
from entrepot.model.reference import ReferenceKind
from entrepot.model.tier import Tier
from entrepot.operations import access
from entrepot.operations.collect import delete_garbage
from entrepot.operations.log import grow_log, path_between, root_at
from entrepot.operations.read_blob import read_blob
from entrepot.trust.erasure import LogGrowth, seal_tombstone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.model.position import Position
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

ACTOR: Final = "erase"
_LONGEST_REASON: Final = 1_000
_REASONS: Final = 10_000
"""How many reasons to stay a plan tells of in a package; holds, which are the last ones, are asked for apart."""
_HOLDS: Final = frozenset({ProtectionKind.MANUAL, ProtectionKind.LEGAL})
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """What would go."""

    target: Digest
    extent: Extent
    protections: tuple[Protection, ...]
    """What runs, may be rolled back to, is leased or held of it: only holds keep it."""

    @property
    def id(self) -> str:
        """What the plan is applied by, as long as just that would go."""
        return f"{self.target}@{self.extent.fingerprint}"

    @property
    def holds(self) -> tuple[Protection, ...]:
        """What has to be lifted, or overruled by who may lift it."""
        return tuple(each for each in self.protections if each.kind in _HOLDS)


async def plan_erasure(registry: Registry, caller: Caller, target: Digest) -> ErasurePlan:
    """What would go with some bytes, where it is, and what uses it.

    Raises `Invalid` for what is a part of nearly everything, `TooMany`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ERASE)
    _require_somebodys(target)
    extent = await _measure(registry, target)
    now = registry.clock.now()
    found = [
        each
        for package, digests in _kept(extent).items()
        for each in await registry.catalog.protections.find_any(package, digests, now=now, limit=_REASONS)
    ]
    return ErasurePlan(target, extent, tuple(found))


async def erase(
    registry: Registry,
    caller: Caller,
    target: Digest,
    *,
    reason: str,
    fingerprint: str | None = None,
    despite_holds: bool = False,
) -> Erasure:
    """Erase some bytes, and all that is nothing without them; also what is not here, so that it does not come.

    What was erased already is no event. With a plan's *fingerprint* just what was planned is erased.
    *despite_holds* is for who may lift them.

    Raises `PlanOutdated`, `Protected` while a hold is on any of it, `Invalid`, `TooMany`, or what
    `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ERASE)
    if despite_holds:
        access.require_anywhere(caller, Action.LIFT)
    _require_somebodys(target)
    _require_reason(reason)
    read = await _measure(registry, target)

    def change(transaction: Transaction) -> Erasure:
        known = transaction.erasures.find(target)
        if known is not None:
            return known
        extent = _join(transaction.erasures.measure(target), read, transaction.erasures.measure)
        if fingerprint is not None and fingerprint != extent.fingerprint:
            raise PlanOutdated(target, expected=fingerprint, actual=extent.fingerprint)
        if not despite_holds:
            _require_not_held(transaction, target, extent)
        return erase_extent(transaction, caller.name, target, extent, reason=reason.strip())

    erasure = await registry.catalog.write(change)
    return await _finish(registry, erasure)


def erase_extent(transaction: Transaction, actor: str, target: Digest, extent: Extent, *, reason: str) -> Erasure:
    """The first step, which decides: the end of a change."""
    erasure = Erasure(target, reason, actor, extent, transaction.position, transaction.now)
    transaction.erasures.erase(erasure)
    transaction.append(
        actor,
        BytesErased(
            target=str(target),
            digests=tuple(str(digest) for digest in extent.digests),
            reason=reason,
            size=extent.size,
        ),
    )
    return erasure


async def continue_erasures(registry: Registry) -> int:
    """Go on with what somebody was interrupted in, and say how many erasures were."""
    begun = await registry.catalog.erasures.list_unfinished(limit=_BATCH)
    for erasure in begun:
        await _finish(registry, erasure)
    return len(begun)


async def _finish(registry: Registry, erasure: Erasure) -> Erasure:
    """The other steps; again where they are done already changes nothing."""
    if erasure.sealed_position is not None:
        return erasure
    for package in await registry.catalog.erasures.list_left(erasure):
        await registry.catalog.write(_dropping(package, erasure))
    await delete_garbage(registry)
    # Who had begun to bring them, or to move them, may have put them where no row says.
    tiers = {Tier.HOT} if registry.cold is None else set(Tier)
    for place in await registry.catalog.erasures.list_bytes(erasure):
        if place.tier in tiers:
            await registry.store(place.tier).remove(place.digest, generation=place.generation)
    await registry.catalog.shred()
    return await _seal(registry, erasure)


def _dropping(package: PackageId, erasure: Erasure) -> Callable[[Transaction], None]:
    def change(transaction: Transaction) -> None:
        members = transaction.erasures.list_members(package, erasure)
        if not members:
            return
        names = transaction.erasures.list_names(package, erasure)
        for name in names:
            if name.kind is ReferenceKind.VERSION:
                transaction.tombstones.keep(package, name.name)
        for digest in members:
            transaction.tombstones.keep(package, digest)
        transaction.erasures.drop(package, erasure)
        transaction.append(
            erasure.actor,
            ArtifactsErased(
                namespace=package.namespace,
                package=package.path,
                target=str(erasure.target),
                digests=tuple(str(digest) for digest in members),
                references=tuple(name.name for name in names),
            ),
        )

    return change


async def _seal(registry: Registry, erasure: Erasure) -> Erasure:
    """Sign what was done. Raises `Unavailable` while the key store does not: then it is done later."""
    growth = await _grow(registry, erasure)
    tombstone = None
    if registry.signing is not None:
        # The key may be behind a network.
        tombstone = await asyncio.to_thread(seal_tombstone, registry.signing, erasure, growth)

    def change(transaction: Transaction) -> Erasure:
        # What was being read when it went may have been found out since.
        transaction.erasures.forget(erasure)
        if not transaction.erasures.seal(erasure, tombstone):
            known = transaction.erasures.find(erasure.target)
            return erasure if known is None else known
        digest = None if tombstone is None else str(Digest.of(tombstone))
        position = transaction.append(
            ACTOR, ErasureSealed(target=str(erasure.target), erased=erasure.position, tombstone=digest)
        )
        return replace(erasure, sealed_position=position, tombstone=tombstone)

    return await registry.catalog.write(change)


async def _grow(registry: Registry, erasure: Erasure) -> LogGrowth | None:
    if registry.log is None:
        return None
    await grow_log(registry)
    head = await registry.catalog.log.head()
    if head is None or head.size < erasure.position:
        raise Unavailable("the log has not grown yet", after=1)
    before = erasure.position - 1
    path = await path_between(registry, before, head.size)
    return LogGrowth(before, await root_at(registry, before, head.size), head.size, head.root, tuple(path), head.note)


# --- by whatever name ---


async def _measure(registry: Registry, target: Digest) -> Extent:
    """What would go, with what it is called by the other algorithm; what cannot be read has no other name."""
    measured = await registry.catalog.erasures.measure(target)
    also = {part.digest: await _other_name(registry, measured, part) for part in measured.parts}
    named = replace(measured, parts=tuple(replace(part, also=also[part.digest]) for part in measured.parts))
    for digest in filter(None, also.values()):
        if await registry.catalog.collection.find(digest) is not None:
            named = named.joined(await registry.catalog.erasures.measure(digest))
    return named


def _join(measured: Extent, read: Extent, measure: Callable[[Digest], Extent]) -> Extent:
    """What goes by now, with the other names that were found out before."""
    also = {part.digest: part.also for part in read.parts}
    parts = tuple(replace(part, also=also.get(part.digest)) for part in measured.parts)
    joined = replace(measured, parts=parts)
    known = {part.digest for part in read.parts}
    for digest in (part.also for part in parts):
        if digest is not None and digest in known:
            joined = joined.joined(measure(digest))
    return joined


async def _other_name(registry: Registry, extent: Extent, part: ErasedPart) -> Digest | None:
    """A blob's digest by the other algorithm; an artifact is nothing without its blobs, whatever it is called."""
    if part.media_type is not None:
        return None
    for place in extent.places:
        if place.digest == part.digest and place.is_open:
            view = View(place.package.namespace)
            found = await registry.catalog.find_blob(view, place.package, part.digest, barred=True)
            break
    else:
        return None
    if found is None:
        return None
    algorithm = "sha512" if part.digest.algorithm == "sha256" else "sha256"
    if found.content is not None:
        return Digest.of(found.content, algorithm)
    sums = hashlib.new(algorithm)
    try:
        async for piece in read_blob(registry, found):
            sums.update(piece)
    except (BlobUnknown, Corrupt, Unavailable):
        return None
    return Digest(algorithm, sums.hexdigest())


# --- reading ---


async def find_erasure(registry: Registry, caller: Caller, digest: Digest) -> Erasure:
    """What was erased with some bytes, for who may erase, or audit every namespace that had them.

    Raises `ErasureUnknown`, also to who may not know, or `Unauthenticated`.
    """
    found = await registry.catalog.erasures.find(digest)
    if found is not None and _may_know(caller, found):
        return found
    if caller.principal is None:
        access.require_anywhere(caller, Action.ERASE)
    raise ErasureUnknown(digest)


async def list_erasures(
    registry: Registry, caller: Caller, *, after: Position = START, limit: int
) -> Sequence[Erasure]:
    """A page of all that was erased, the oldest first. Raises what `access.require_anywhere` raises."""
    if not caller.rights.allows(Action.ERASE):
        access.require_anywhere(caller, Action.AUDIT)
    return await registry.catalog.erasures.list(after=after, limit=limit)


def _may_know(caller: Caller, erasure: Erasure) -> bool:
    if caller.rights.allows(Action.ERASE) or caller.rights.allows(Action.AUDIT):
        return True
    views = {View(package.namespace) for package in erasure.extent.packages}
    return bool(views) and all(caller.rights.allows(Action.AUDIT, view) for view in views)


async def lift_erasure(registry: Registry, caller: Caller, digest: Digest, *, reason: str) -> None:
    """Let some bytes be brought again that were erased by mistake; nothing comes back by itself.

    Raises `ErasureUnknown`, `Invalid`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ERASE)
    _require_reason(reason)

    def change(transaction: Transaction) -> None:
        erasure = transaction.erasures.find(digest)
        if erasure is None:
            raise ErasureUnknown(digest)
        if erasure.sealed_position is None:
            raise Unavailable(f"{digest} is being erased", after=60)
        transaction.erasures.lift(digest)
        transaction.append(caller.name, ErasureLifted(digest=str(digest), reason=reason.strip()))

    await registry.catalog.write(change)


# --- what keeps it ---


def _require_somebodys(target: Digest) -> None:
    if target in EVERYBODYS:
        raise Invalid(target, expected="bytes that say something: these are a part of nearly everything")


def _require_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= _LONGEST_REASON:
        raise Invalid("reason", expected=f"1 to {_LONGEST_REASON} characters that say why")


def _require_not_held(transaction: Transaction, target: Digest, extent: Extent) -> None:
    for package, digests in _kept(extent).items():
        if (hold := transaction.protections.find_hold(package, digests)) is not None:
            expected = "it to be lifted first, or overruled by who may"
            raise Protected(f"{target}: {package} {hold.digest} is {hold}", expected=expected)


def _kept(extent: Extent) -> Mapping[PackageId, Sequence[Digest]]:
    """What of it somebody may need, by the package where it is."""
    artifacts = {part.digest for part in extent.parts if part.media_type is not None}
    kept: dict[PackageId, list[Digest]] = {}
    for place in extent.places:
        if place.is_open and place.digest in artifacts:
            kept.setdefault(place.package, []).append(place.digest)
    return kept
