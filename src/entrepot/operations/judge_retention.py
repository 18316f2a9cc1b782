"""What the rules of a namespace say of a package, and what keeps things whatever they say.

Only what stands for itself is asked about: what an index contains, and what refers to something that is here, goes or
stays with that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from entrepot.model.errors import PlanOutdated
from entrepot.model.names import ReferenceName, View
from entrepot.model.reference import is_fallback
from entrepot.model.retention import UNNAMED, judge
from entrepot.model.tier import Stays
from entrepot.operations import access
from entrepot.operations.version_order import order_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.model.position import Position
    from entrepot.model.retention import RetentionRule, Stored, Verdict
    from entrepot.operations.registry import Registry
    from entrepot.ports.retention import Candidate, Surveyed

_STRETCH: Final = 250
"""Artifacts that one question is about: a few milliseconds."""
_FEW: Final = 250
_AT_ONCE: Final = 2_000
"""Artifacts of a package that is judged together with others, and of all of these."""
_TRIES: Final = 5
_PROTECTIONS: Final = 100


class Judged(msgspec.Struct, frozen=True, gc=False):  # one of a million
    """What the rules say of an artifact that stands for itself."""

    candidate: Candidate
    verdict: Verdict
    keeper: str | None = None
    """What keeps it, though the rules would not."""
    parts: tuple[Digest, ...] = ()
    """What goes with it."""

    @property
    def goes(self) -> bool:
        """Whether it would be deleted."""
        return not self.verdict.stays and self.keeper is None


@dataclass(frozen=True, slots=True)
class Known:
    """An artifact that stands for itself."""

    stored: Stored
    keeper: str | None
    """What keeps it whatever the rules say."""


async def explain_retention(registry: Registry, caller: Caller, package: PackageId) -> Sequence[Judged]:
    """What the rules of its namespace say of everything in a package, each with its reason, the oldest first.

    Raises what `access.require_read` raises.
    """
    await access.require_read(registry, caller, View(package.namespace), package)
    rules = (await registry.catalog.retentions.find(package.namespace)).rules
    return (await judge_package(registry, package, rules))[1]


async def judge_package(
    registry: Registry,
    package: PackageId,
    rules: Sequence[RetentionRule],
    *,
    stays: Collection[Stays] = tuple(Stays),
) -> tuple[Position, list[Judged]]:
    """Everything in a package, and at which of its revisions that is so; *stays* is what keeps things whatever they say.

    Raises `PlanOutdated` for a package that never rests.
    """
    for _ in range(_TRIES):
        revision = await registry.catalog.retentions.find_revision(package)
        judged = await _judge_once(registry, package, rules, stays)
        if revision == await registry.catalog.retentions.find_revision(package):
            return revision, judged
    raise PlanOutdated(package, expected="a package that is not changed all the time")


async def judge_namespace(
    registry: Registry, namespace: NamespaceName, rules: Sequence[RetentionRule]
) -> AsyncGenerator[tuple[PackageId, Sequence[Judged]], None]:
    """Everything in the packages of a namespace that rules speak of, package by package.

    Raises `PlanOutdated` as `judge_package` does.
    """
    asked: deque[_Stretch] = deque()
    try:
        async for packages in _stretches(registry, namespace, rules):
            # What is in the next is asked while the last is judged.
            asked.append(_Stretch(packages, asyncio.ensure_future(_list_few(registry, packages))))
            if len(asked) > 1:
                for each in await _judge_stretch(registry, asked.popleft(), rules):
                    yield each
        while asked:
            for each in await _judge_stretch(registry, asked.popleft(), rules):
                yield each
    finally:
        for left in asked:
            left.candidates.cancel()
        await asyncio.gather(*(left.candidates for left in asked), return_exceptions=True)


class _Stretch(NamedTuple):
    """Packages that are judged together, and what is in each of them, which is being asked."""

    packages: Sequence[Surveyed]
    candidates: asyncio.Future[Sequence[Sequence[Candidate]]]


async def _stretches(
    registry: Registry, namespace: NamespaceName, rules: Sequence[RetentionRule]
) -> AsyncIterator[Sequence[Surveyed]]:
    """Packages that rules speak of: small ones together, in which nothing is protected, and any other by itself."""
    few: list[Surveyed] = []
    count = 0
    async for each in _survey(registry, namespace):
        if not each.count or not any(rule.speaks_of(each.package) for rule in rules):
            continue
        if few and (_stands_alone(each) or count + each.count > _AT_ONCE):
            yield few
            few, count = [], 0
        if _stands_alone(each):
            yield [each]
        else:
            few.append(each)
            count += each.count
    if few:
        yield few


def _stands_alone(surveyed: Surveyed) -> bool:
    return surveyed.count > _FEW or surveyed.protected


async def _list_few(registry: Registry, packages: Sequence[Surveyed]) -> Sequence[Sequence[Candidate]]:
    """What is in small packages; nothing of one that stands alone, which is asked page by page when it is judged."""
    return () if _stands_alone(packages[0]) else await registry.catalog.retentions.list_candidates_of(packages)


async def _judge_stretch(
    registry: Registry, stretch: _Stretch, rules: Sequence[RetentionRule]
) -> Sequence[tuple[PackageId, Sequence[Judged]]]:
    first, candidates = stretch.packages[0], await stretch.candidates
    if _stands_alone(first):
        return [(first.package, (await judge_package(registry, first.package, rules))[1])]
    return await _judge_few(registry, stretch.packages, candidates, rules)


async def _survey(registry: Registry, namespace: NamespaceName) -> AsyncIterator[Surveyed]:
    after: PackageId | None = None
    while page := await registry.catalog.retentions.survey(namespace, after=after, most=_FEW + 1, limit=_AT_ONCE):
        for each in page:
            yield each
        after = page[-1].package


async def _judge_few(
    registry: Registry,
    packages: Sequence[Surveyed],
    found: Sequence[Sequence[Candidate]],
    rules: Sequence[RetentionRule],
) -> Sequence[tuple[PackageId, Sequence[Judged]]]:
    """Everything in some packages that are small, and in which nothing is protected: one question for all of them."""
    judged: list[tuple[PackageId, Sequence[Judged]]] = []
    pulls_since = await registry.catalog.pulls.find_start()
    asked = [
        tuple(
            zip(
                candidates,
                _ask_rules(registry, each.package, rules, candidates, pulls_since=pulls_since),
                strict=True,
            )
        )
        for each, candidates in zip(packages, found, strict=True)
    ]
    going = [one for pairs in asked for one, said in pairs if not said.stays]
    having_parts = await registry.catalog.retentions.list_having_parts(going)
    for each, pairs in zip(packages, asked, strict=True):
        if any(one.row in having_parts or _has_fallbacks(one) for one, _ in pairs):
            # What goes together is found out artifact by artifact, while nothing moves.
            judged.append((each.package, (await judge_package(registry, each.package, rules))[1]))
        else:
            judged.append((each.package, [Judged(*pair, keeper=_kept_by_channel(*pair)) for pair in pairs]))
    await asyncio.sleep(0)  # Others have their turn between stretches.
    return judged


async def _list_candidates(registry: Registry, package: PackageId) -> list[Candidate]:
    candidates: list[Candidate] = []
    last: Candidate | None = None
    while page := await registry.catalog.retentions.list_candidates(package, after=last, limit=_STRETCH):
        last = page[-1]
        candidates += [own for each in page if (own := await _own(registry, package, each)) is not None]
        await asyncio.sleep(0)  # Others have their turn between pages.
        if len(page) < _STRETCH:
            break
    return candidates


async def list_known(registry: Registry, package: PackageId) -> Sequence[Known]:
    """Everything in a package that rules are asked about, with what keeps it whatever they say."""
    now, guarded = registry.clock.now(), await registry.catalog.retentions.is_protected(package)
    return [
        Known(each.stored, await _keeper(registry, package, each, now, guarded=guarded))
        for each in await _list_candidates(registry, package)
    ]


async def _judge_once(
    registry: Registry, package: PackageId, rules: Sequence[RetentionRule], stays: Collection[Stays]
) -> list[Judged]:
    retentions, now = registry.catalog.retentions, registry.clock.now()
    candidates = await _list_candidates(registry, package)
    verdicts = _ask_rules(registry, package, rules, candidates, pulls_since=await registry.catalog.pulls.find_start())
    guarded = await retentions.is_protected(package)
    having_parts = await retentions.list_having_parts(
        [one for one, said in zip(candidates, verdicts, strict=True) if not said.stays]
    )
    judged = []
    for number, (candidate, verdict) in enumerate(zip(candidates, verdicts, strict=True)):
        keeper: str | None = None
        parts: tuple[Digest, ...] = ()
        if not verdict.stays:
            keeper = await _keeper(registry, package, candidate, now, guarded=guarded, stays=stays)
            if keeper is None and candidate.row in having_parts:
                parts = tuple(await retentions.list_parts(package, candidate.stored.digest, now=now))
        judged.append(Judged(candidate, verdict, keeper, parts))
        if number % _STRETCH == _STRETCH - 1:
            await asyncio.sleep(0)
    return judged


def _has_fallbacks(candidate: Candidate) -> bool:
    return any(is_fallback(name.text) for name in candidate.stored.names)


def _ask_rules(
    registry: Registry,
    package: PackageId,
    rules: Sequence[RetentionRule],
    candidates: Sequence[Candidate],
    *,
    pulls_since: datetime | None,
) -> Sequence[Verdict]:
    return judge(
        package,
        rules,
        [each.stored for each in candidates],
        order=order_of(registry.ecosystems.get(package.format)),
        now=registry.clock.now(),
        pulls_since=pulls_since,
    )


async def _own(registry: Registry, package: PackageId, candidate: Candidate) -> Candidate | None:
    """It with the names that people gave it; None for what lies under a tag made of the digest of another that is here."""
    names = candidate.stored.names
    tags = [name.text for name in names if is_fallback(name.text)]
    if not tags:
        return candidate
    own = tuple(name for name in names if name.text not in tags)
    if not own:
        for tag in tags:
            if await registry.catalog.retentions.is_subject_here(package, ReferenceName(tag)):
                return None
    return replace(candidate, stored=replace(candidate.stored, names=own or UNNAMED))


async def _keeper(
    registry: Registry,
    package: PackageId,
    candidate: Candidate,
    now: datetime,
    *,
    guarded: bool,
    stays: Collection[Stays] = tuple(Stays),
) -> str | None:
    """What keeps it whatever the rules say (I9); *guarded* says whether that can be asked for in the package at all."""
    if candidate.stored.channel is not None and Stays.CLEARED in stays:
        return f"cleared for {candidate.stored.channel}"
    if guarded:
        found = await registry.catalog.protections.find(package, candidate.stored.digest, now=now, limit=_PROTECTIONS)
        return next((str(each) for each in found if str(each.kind) in stays), None)
    return None


def _cleared(candidate: Candidate) -> str | None:
    return None if candidate.stored.channel is None else f"cleared for {candidate.stored.channel}"


def _kept_by_channel(candidate: Candidate, verdict: Verdict) -> str | None:
    return None if verdict.stays else _cleared(candidate)
