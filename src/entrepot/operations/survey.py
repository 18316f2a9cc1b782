"""What an upstream says of all that it has, for formats whose repositories have one index for everything.

Such a document may be tens of megabytes. What is kept of it is made once for each change (`Question.condense`), and each
process reads that once, and remembers it for as long as it is what is kept: else it would be read for every request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from entrepot.model.names import PackageId, PackageName
from entrepot.operations.mirror import Question, Versions, ask, hidden_versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

T = TypeVar("T")

_MOST = 100
"""Surveys that are remembered."""
_AT_ONCE = 1_000
"""Versions whose first sight is written in one change, so that others can write in between."""


@dataclass(frozen=True, slots=True)
class Subject(Generic[T]):
    """A document about all that an upstream has."""

    target: str
    """Below the upstream's address, percent-encoded."""
    condense: Callable[[bytes, str], bytes]
    """What is kept of its content. Pure; raises `UpstreamInvalid`."""
    read: Callable[[bytes], T]
    """What was kept, as its format understands it. Pure."""
    versions: Callable[[T], Mapping[PackageName, Versions]]
    """The versions of every package in it. Pure."""


@dataclass(frozen=True, slots=True)
class Survey(Generic[T]):
    """What an upstream says of all that it has, or said last."""

    upstream: Upstream
    content: T
    url: str
    """Where it was found: what relative references in it relate to."""
    fetched_at: datetime
    """When it became what it is: another one whenever it says something else."""
    stale: str | None
    """Why it is not today's; None when it is."""


async def survey(registry: Registry, upstream: Upstream, subject: Subject[T]) -> Survey[T] | None:
    """Ask an upstream for all that it has; None when it has no such document.

    Raises `UpstreamUnavailable`, `UpstreamInvalid` when it never answered and does not now.
    """
    key = ("survey", upstream.namespace, upstream.format, upstream.name, subject.target)
    known: Survey[T] | None = registry.surveys.get(key)
    times = await registry.catalog.find_mirrored_times(upstream, subject.target)
    if known is not None and times is not None:
        fetched_at, checked_at = times
        if known.fetched_at == fetched_at and registry.clock.now() - checked_at < upstream.rules.refresh:
            return replace(known, upstream=upstream)
    found = await registry.flights.join(key, partial(_survey, registry, upstream, subject, known))
    if found is not None:
        registry.surveys.pop(key, None)
        while len(registry.surveys) >= _MOST:
            del registry.surveys[next(iter(registry.surveys))]
        registry.surveys[key] = replace(found, stale=None)
    return found


async def _survey(
    registry: Registry, upstream: Upstream, subject: Subject[T], known: Survey[T] | None
) -> Survey[T] | None:
    question = Question(
        subject.target,
        condense=subject.condense,
        before_keeping=partial(_see, registry, upstream, subject),
    )
    answer = await ask(registry, upstream, None, question)
    if answer is None:
        return None
    if known is not None and known.fetched_at == answer.fetched_at:
        content = known.content
    else:
        content = await asyncio.to_thread(subject.read, answer.content)
    return Survey(upstream, content, answer.url, answer.fetched_at, answer.stale)


async def _see(registry: Registry, upstream: Upstream, subject: Subject[T], before: bytes | None, after: bytes) -> None:
    """Remember which versions are new, before they are shown to anybody."""
    known = {} if before is None else await asyncio.to_thread(_read_versions, subject, before)
    found = await asyncio.to_thread(_read_versions, subject, after)
    now = registry.clock.now()
    news = (
        # Who tells us of versions for the first time is believed how old they are; of later ones, we know.
        (name, version, min(at, now) if before is None and at is not None else now)
        for name, versions in found.items()
        for version, at in versions.items()
        if version not in known.get(name, ())
    )
    for portion in _portions(news):
        await registry.catalog.write(partial(_remember, upstream=upstream, seen=portion))


def _read_versions(subject: Subject[T], content: bytes) -> Mapping[PackageName, Versions]:
    return subject.versions(subject.read(content))


def _portions(
    news: Iterator[tuple[PackageName, str, datetime]],
) -> Iterator[Mapping[PackageName, Mapping[str, datetime]]]:
    portion: dict[PackageName, dict[str, datetime]] = {}
    for count, (name, version, at) in enumerate(news, 1):
        portion.setdefault(name, {})[version] = at
        if count % _AT_ONCE == 0:
            yield portion
            portion = {}
    if portion:
        yield portion


def _remember(
    transaction: Transaction, *, upstream: Upstream, seen: Mapping[PackageName, Mapping[str, datetime]]
) -> None:
    for name, versions in seen.items():
        transaction.see_versions(upstream, PackageId(upstream.namespace, upstream.format, name), versions)


async def hidden_of(
    registry: Registry,
    found: Survey[T],
    names: Collection[PackageName],
    versions: Callable[[PackageName], Mapping[str, object]],
) -> Mapping[PackageName, frozenset[str]]:
    """Which versions of packages are not to be shown, as `hidden_versions` says; who has none is left out."""
    upstream = found.upstream
    hidden: dict[PackageName, frozenset[str]] = {}
    if not (upstream.rules.allow or upstream.rules.block or upstream.rules.cooldown):
        # Of most, nothing is hidden; there may be many thousands.
        withheld = await registry.catalog.tombstones.list_all_withheld(upstream.namespace, upstream.format)
        names = [name for name in names if name in withheld]
    for name in names:
        package = PackageId(upstream.namespace, upstream.format, name)
        if concealed := await hidden_versions(registry, upstream, package, versions(name)):
            hidden[name] = concealed
    return hidden
