"""Read through to upstreams: what they say of packages, kept, renewed, and used when they fail.

What was once answered stays answered: when an upstream fails, throttles us or has deleted something, its last good
answer is used, and is flagged as stale.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from entrepot.model.access import Action
from entrepot.model.digest import Digest
from entrepot.model.errors import Erased, InvalidReference, PackageUnknown, UpstreamInvalid, UpstreamUnavailable
from entrepot.model.events import UpstreamIndexChanged
from entrepot.model.names import PackageId, View
from entrepot.model.upstream import is_reserved
from entrepot.operations import access
from entrepot.operations.repairs import find_repairs
from entrepot.operations.upstreams import FindOrigin, origin_of, refusal
from entrepot.ports.catalog import Mirrored

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import FormatName, NamespaceName, PackageName
    from entrepot.model.upstream import Upstream
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.fetch import Document

T = TypeVar("T")

_OK, _NOT_MODIFIED = 200, 304
_ABSENT = (404, 410)
_NEGATIVE = timedelta(minutes=1)
"""How long it is believed that an upstream does not have something, at most."""
_PATIENCE = timedelta(seconds=5)
"""How long whoever may publish a name waits for what upstreams say of it, when nobody here has ever heard of it."""
_LONG = 256 * 1024
"""Bytes of an answer that take longer to read than a thread hop."""
_UNDATED = ""
"""Stands for the versions that were there at the first look, and of which nobody has said how old they are."""

Versions = Mapping[str, "datetime | None"]
"""The versions that an answer tells of, with when the upstream says that they were published."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something small to ask an upstream."""

    target: str
    """Below the upstream's address, percent-encoded."""
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = 64 * 1024 * 1024
    """Bytes that an answer may have."""
    versions: Callable[[bytes, str], Versions] | None = None
    """Reads from content and media type what versions there are; raises `UpstreamInvalid` for what cannot be read."""
    dates: Callable[[Versions], Awaitable[Versions]] | None = None
    """Finds out more of when the versions of a first answer were published, where the answer itself says too little."""
    condense: Callable[[bytes, str], bytes] | None = None
    """Makes of content and media type what is kept, in a thread: for what is large. Raises `UpstreamInvalid`."""
    before_keeping: Callable[[bytes | None, bytes], Awaitable[None]] | None = None
    """Is told what is kept so far, and what will be, when that is news."""
    origin: FindOrigin = origin_of
    """Where to ask, with what: for protocols whose credentials are exchanged for others first."""
    sha256: str | None = None
    """What the answer must hash to, when that is known: it is final then, and no part of the package's index."""
    final: bool = False
    """Whether what was once answered can never change, and is never asked for again."""
    indexes: bool = True
    """Whether the package's index is made of it: then all news in it are events."""
    content: bool = False
    """Whether the answer is content itself, as a manifest or a go.mod is: then what was erased here is no answer."""
    concerns: Callable[[bytes], bool] | None = None
    """Whether an answer is about the package after all; else it is about all that the upstream has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an upstream says, or said last."""

    upstream: Upstream
    content: bytes
    media_type: str
    url: str
    fetched_at: datetime
    stale: str | None = None
    """Why it is not today's; None when it is."""


async def upstreams_for(registry: Registry, caller: Caller, view: View, package: PackageId) -> Sequence[Upstream]:
    """Whom to ask for a package, in order: nobody when the name is the namespace's own, or through a channel's view.

    A name is the namespace's own when somebody published under it here, or when it is reserved.

    Raises what `access.require_read` raises when there is somebody to ask: nobody has others asked for what they may
    not read.
    """
    found = await upstreams_of(registry, view, package.format)
    found = [upstream for upstream in found if upstream.rules.lets_in(package.format, package.name)]
    if not found or await own_names(registry, package.namespace, package.format, [package.name]):
        return ()
    await access.require_read(registry, caller, view, package)
    return found


async def upstreams_of(registry: Registry, view: View, format: FormatName) -> Sequence[Upstream]:
    """Whom to ask for whatever is not the namespace's own, in order: nobody through a channel's view."""
    if view.channel is not None:
        return ()
    return await registry.catalog.list_upstreams(view.namespace, format=format)


async def own_names(
    registry: Registry, namespace: NamespaceName, format: FormatName, names: Collection[PackageName]
) -> frozenset[PackageName]:
    """Which of *names* are the namespace's own: somebody published under them here, or they are reserved."""
    found = await registry.catalog.find_namespace(namespace)
    if found is None:
        return frozenset(names)
    own = {name for name in names if is_reserved(found.reserved, format, name)}
    for name in names:
        row = await registry.catalog.find_package(View(namespace), PackageId(namespace, format, name))
        if row is not None and row.hosted:
            own.add(name)
    return frozenset(own)


async def ask_first(
    registry: Registry, caller: Caller, view: View, package: PackageId, question: Question
) -> Answer | None:
    """What the first upstream that has a package says of it; None when there is nothing, or nobody to ask.

    The first counts as long as those before it say that they have nothing.
    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    for upstream in await upstreams_for(registry, caller, view, package):
        answer = await ask(registry, upstream, package, question)
        if answer is not None:
            return answer
    return None


async def ask(registry: Registry, upstream: Upstream, package: PackageId | None, question: Question) -> Answer | None:
    """What an upstream says to *question* about a package, or (None) about all that it has; None when it has nothing.

    It is asked again only when what it said is older than its rules allow, and then whether it has changed.

    Raises `UpstreamUnavailable`, `UpstreamInvalid` when it never answered and does not now; `Erased`.
    """
    known = await registry.catalog.find_mirrored(upstream, question.target)
    if known is not None and known.status == _OK and (erased := await _find_erased(registry, question, known.content)):
        await keep_absent(registry, upstream, package, question.target)
        raise Erased(erased)
    if known is not None and (_is_final(question, known) or _is_fresh(registry, upstream, known)):
        return _answer(upstream, known)
    key = ("ask", upstream.namespace, upstream.format, upstream.name, question.target)
    return await registry.flights.join(key, lambda: _renew(registry, upstream, package, question, known))


async def _find_erased(registry: Registry, question: Question, content: bytes) -> Digest | None:
    """What the content is called, if it was erased here: it is not answered, and nothing of it is kept."""
    if not question.content and question.sha256 is None:
        return None
    digest = Digest.of(content)
    return None if await registry.catalog.erasures.find(digest) is None else digest


def _is_final(question: Question, known: Mirrored) -> bool:
    if known.status != _OK or question.final or question.sha256 is None:
        return known.status == _OK and question.final
    return question.sha256 == sha256(known.content).hexdigest()


def _is_fresh(registry: Registry, upstream: Upstream, known: Mirrored) -> bool:
    refresh = upstream.rules.refresh
    patience = refresh if known.status == _OK else min(refresh, _NEGATIVE)
    return registry.clock.now() - known.checked_at < patience


def _answer(upstream: Upstream, known: Mirrored, *, stale: str | None = None) -> Answer | None:
    if known.status != _OK:
        return None
    return Answer(upstream, known.content, known.media_type, known.url, known.fetched_at, stale)


async def _renew(
    registry: Registry, upstream: Upstream, package: PackageId | None, question: Question, known: Mirrored | None
) -> Answer | None:
    try:
        document = await registry.fetcher.get(
            await question.origin(registry, upstream),
            question.target,
            headers=_conditional(question.headers, known),
            limit=question.limit,
        )
        # What takes long to read does not keep others waiting.
        read = partial(_read, registry, question, known, document)
        fresh, versions = await asyncio.to_thread(read) if len(document.body) > _LONG else read()
        if question.condense is not None and document.status == _OK:
            condensed = await asyncio.to_thread(question.condense, fresh.content, fresh.media_type)
            fresh = replace(fresh, content=condensed)
        if versions and question.dates is not None and _is_first(known):
            versions = await question.dates(versions)
    except (UpstreamUnavailable, UpstreamInvalid) as error:
        if known is None or known.status != _OK:
            raise
        return _answer(upstream, known, stale=str(error))
    if known is not None and known.status == _OK and fresh.status != _OK:
        return _answer(upstream, known, stale="the upstream has it no more")
    if fresh.status == _OK and (erased := await _find_erased(registry, question, fresh.content)):
        raise Erased(erased)
    if known is not None and (known.status, known.content) == (fresh.status, fresh.content):
        fresh = replace(fresh, fetched_at=known.fetched_at)
    elif question.before_keeping is not None and fresh.status == _OK:
        await question.before_keeping(None if known is None or known.status != _OK else known.content, fresh.content)
    if question.concerns is not None and fresh.status == _OK and not question.concerns(fresh.content):
        package = None
    await _keep(registry, upstream, package, question, fresh, known=known, versions=versions)
    return _answer(upstream, fresh)


def _is_first(known: Mirrored | None) -> bool:
    return known is None or known.status != _OK


def _conditional(headers: Mapping[str, str], known: Mirrored | None) -> Mapping[str, str]:
    if known is None or known.etag is None or known.status != _OK:
        return headers
    return {**headers, "if-none-match": known.etag}


def _read(
    registry: Registry, question: Question, known: Mirrored | None, document: Document
) -> tuple[Mirrored, Versions]:
    now = registry.clock.now()
    if document.status == _NOT_MODIFIED and known is not None:
        fresh = Mirrored(
            known.status, known.url, known.media_type, known.etag, known.content, known.fetched_at, checked_at=now
        )
        return fresh, {}
    if document.status in _ABSENT:
        return Mirrored(404, document.url, "", None, b"", now, now), {}
    if document.status != _OK:
        raise refusal(question.target, document.status)
    if question.sha256 is not None and sha256(document.body).hexdigest() != question.sha256:
        raise UpstreamInvalid(question.target, expected=f"sha256:{question.sha256}")
    media_type = document.headers.get("content-type", "").partition(";")[0].strip().lower()
    versions = {} if question.versions is None else question.versions(document.body, media_type)
    etag = document.headers.get("etag")
    return Mirrored(_OK, document.url, media_type, etag, document.body, now, now), versions


async def _keep(
    registry: Registry,
    upstream: Upstream,
    package: PackageId | None,
    question: Question,
    fresh: Mirrored,
    *,
    known: Mirrored | None,
    versions: Versions,
) -> None:
    find_seen = partial(_first_seen, question, known, versions, registry.clock.now())
    is_long = known is not None and len(known.content) > _LONG
    seen = await asyncio.to_thread(find_seen) if is_long else find_seen()
    is_same = known is not None and known.content == fresh.content
    compressed = None if is_same else await _compress(fresh.content)

    def change(transaction: Transaction) -> None:
        if not transaction.keep_mirrored(upstream, package, question.target, fresh, compressed=compressed):
            return
        if package is not None:
            transaction.see_versions(upstream, package, seen)
        if question.sha256 is not None or not question.indexes or fresh.status != _OK:
            # That there is nothing is no news of anything: whoever asks for made-up names fills no journal.
            return
        transaction.append(
            upstream.actor,
            UpstreamIndexChanged(
                namespace=upstream.namespace,
                package=None if package is None else package.path,
                format=upstream.format if package is None else None,
                upstream=upstream.name,
                target=question.target,
                hash=f"sha256:{sha256(fresh.content).hexdigest()}",
            ),
        )

    await registry.catalog.write(change)


async def _compress(content: bytes) -> bytes | None:
    """What is long, as it is kept: before the change, so that nobody waits for it."""
    return await asyncio.to_thread(zlib.compress, content, 1) if len(content) > _LONG else None


async def answer_soon(registry: Registry, caller: Caller, package: PackageId, read: Callable[[], Awaitable[T]]) -> T:
    """What *read* says of a name, which asks upstreams; for who may publish it, also while they are away.

    Clients look a name up before they publish it. Who may take it need not wait for an upstream that never said
    anything of it: by publishing, the name becomes the namespace's own, whatever it is elsewhere (ADR 13). Whoever else
    asks is told that the upstream fails, and never that there is nothing.

    Raises `PackageUnknown` instead of `UpstreamUnavailable` and `UpstreamInvalid`, and what *read* raises.
    """
    view = View(package.namespace)
    may_take = caller.rights.allows(Action.PUBLISH, view, package.name)
    if not may_take or await registry.catalog.find_package(view, package) is not None:
        return await read()
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            return await read()
    except (TimeoutError, UpstreamUnavailable, UpstreamInvalid) as error:
        raise PackageUnknown(f"{package.name}: it is not here, and its upstreams could not be asked") from error


async def is_absent(registry: Registry, upstream: Upstream, target: str) -> bool:
    """Whether an upstream said a moment ago that it has no such file, so that it need not be asked."""
    known = await registry.catalog.find_mirrored(upstream, target)
    return known is not None and known.status != _OK and _is_fresh(registry, upstream, known)


async def was_absent(registry: Registry, upstream: Upstream, target: str) -> bool:
    """Whether that is what it said last, whenever: what counts while it cannot be asked."""
    known = await registry.catalog.find_mirrored(upstream, target)
    return known is not None and known.status != _OK


async def keep_absent(registry: Registry, upstream: Upstream, package: PackageId | None, target: str) -> None:
    """Remember that an upstream has no such file of a package: clients look for many that are not there."""
    now = registry.clock.now()
    nothing = Mirrored(404, "", "", None, b"", now, now)
    await registry.catalog.write(lambda transaction: transaction.keep_mirrored(upstream, package, target, nothing))


def _first_seen(
    question: Question, known: Mirrored | None, versions: Versions, now: datetime
) -> Mapping[str, datetime]:
    """Who tells us of versions for the first time is believed how old they are; of later ones, we know.

    Those that were there at the first look without a date count together, so that another answer may still date them.
    """
    seen = {_UNDATED: now} if None in versions.values() else {}
    if known is None or known.status != _OK:
        return seen | {name: min(at, now) for name, at in versions.items() if at is not None}
    before = question.versions(known.content, known.media_type) if question.versions is not None and versions else {}
    return seen | {name: now for name, at in versions.items() if at is not None or name not in before}


async def withheld_among(registry: Registry, package: PackageId, versions: Collection[str]) -> frozenset[str]:
    """Which of *versions*, as the format writes them, were deleted here or are blocked, whoever has them."""
    withheld = await registry.catalog.tombstones.list_withheld(package)
    return frozenset(each for each in versions if withheld and _reference_of(registry, package, each) in withheld)


def _reference_of(registry: Registry, package: PackageId, version: str) -> str:
    try:
        return registry.formats[package.format].parse_version(version)
    except InvalidReference:
        return version


async def hidden_versions(
    registry: Registry, upstream: Upstream, package: PackageId, versions: Mapping[str, object]
) -> frozenset[str]:
    """Which of an upstream's *versions* are not to be shown.

    These are withheld here (`withheld_among`), or not let in by its rules, or their cooldown is not over. A version that repairs what is known to be bad of an older one has no cooldown.
    """
    rules, now = upstream.rules, registry.clock.now()
    hidden = set(await withheld_among(registry, package, versions))
    if rules.allow or rules.block:
        hidden |= {name for name in versions if not rules.lets_in(package.format, package.name, name)}
    if rules.cooldown:
        seen = await registry.catalog.list_first_seen(upstream, package)
        undated = seen.get(_UNDATED, now)
        young = {
            name
            for name in versions
            if rules.hidden_until(package.format, package.name, name, seen.get(name, undated)) > now
        } - hidden
        hidden |= young - await find_repairs(registry, package, shown=versions.keys() - hidden - young, hidden=young)
    return frozenset(hidden)
