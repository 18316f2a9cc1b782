"""Hand advisories on to other registries, and take in what another one hands on: only what changed since the last time.

The one that asks says how far it has read (a cursor: the name of the other's set of advisories, and a number in it);
the answer is a page of what changed since, each advisory as it is now, in the order of its last change. Who asks with
no cursor, or with one of another set, is told everything from the beginning, and forgets what is not in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from entrepot.model.errors import Invalid, Unauthenticated, UpstreamInvalid
from entrepot.ports.advisories import SourceOrigin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.model.access import Caller
    from entrepot.operations.registry import Registry
    from entrepot.ports.advisories import Change
    from entrepot.ports.fetch import Document, Origin

TARGET: Final = "api/v1/advisories/changes"
"""Where another Entrepot says what has changed, below its address."""
_PAGE_SIZE: Final = 8 * 1024 * 1024
"""Bytes of records on a page, when there is more than one."""
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a page that is read: one record of the largest size, escaped."""
_ASKED: Final = 2_000
_FARTHEST: Final = 16
"""Registries that advisories may come through."""
_OK: Final = 200
_REFUSED: Final = (401, 403)


@dataclass(frozen=True, slots=True)
class Changes:
    """A page of what changed."""

    instance: str
    """What the set of advisories is called, unlike any other."""
    cursor: str
    """What to ask with for what changed after these."""
    complete: bool
    """Whether this page is the beginning: of what is not on it or those that follow, nothing is known here."""
    more: bool
    """Whether there is more to be asked for now."""
    sources: Sequence[SourceOrigin]
    """Who says it, and since when they were not asked."""
    changes: Sequence[Change]


async def list_changes(registry: Registry, caller: Caller, *, since: str | None, limit: int) -> Changes:
    """What changed since a cursor; everything from the beginning when there is none, or it is no cursor of here.

    Raises `Unauthenticated`.
    """
    if caller.principal is None:
        raise Unauthenticated
    advisories = registry.catalog.advisories
    instance, head = await advisories.read_feed()
    after = _number(since, instance, head)
    found = [
        each._replace(content=_clean(each.content))
        for each in await advisories.list_changes(after=after or 0, limit=limit, size=_PAGE_SIZE)
    ]
    sources: list[SourceOrigin] = []
    for source in await advisories.list_sources():
        if source.advisories > sum(each.advisories for each in source.origins):
            sources.append(SourceOrigin(source.name, source.checked_at or source.imported_at))
        for origin in source.origins:
            times = [at for at in (origin.read_at, source.imported_at) if at is not None]
            sources.append(
                SourceOrigin(f"{source.name}/{origin.name}", min(times, default=None), through=origin.through)
            )
    last = found[-1].number if found else head
    return Changes(instance, f"{instance}.{last}", after is None, last < head, sources, found)


def _clean(content: bytes | None) -> bytes | None:
    """A record as part of a document, which is UTF-8 throughout: some are not, where nobody looks."""
    return None if content is None else content.decode("utf-8", "replace").encode()


def _number(cursor: str | None, instance: str, head: int) -> int | None:
    name, _, digits = (cursor or "").partition(".")
    if name != instance or not (digits.isascii() and digits.isdecimal()) or len(digits) > len(str(head)):
        return None
    # One that lies ahead of everything was given out before this catalog was restored from a copy.
    return None if int(digits) > head else int(digits)


# --- from another one ---

_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+([-/][a-z0-9]+)*$", max_length=400)]
_Instance = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class _Source(msgspec.Struct, frozen=True):
    name: _Name
    read_at: datetime | None
    through: Annotated[list[_Instance], msgspec.Meta(max_length=1_000)]


class _Record(msgspec.Struct, frozen=True):
    id: str
    source: _Name
    record: msgspec.Raw


class _Page(msgspec.Struct, frozen=True):
    instance: _Instance
    cursor: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-z.]{1,100}$")]
    complete: bool
    more: bool
    sources: Annotated[list[_Source], msgspec.Meta(max_length=10_000)]
    records: list[_Record]
    removed: list[str]


_DECODER: Final = msgspec.json.Decoder(_Page)


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A record that another registry hands on."""

    id: str
    content: bytes
    origin: str
    """Which of the page's origins says it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What another registry says has changed, without what it has from here."""

    cursor: str
    complete: bool
    more: bool
    origins: Sequence[SourceOrigin]
    records: Sequence[HandedOn]
    removed: Sequence[str]


async def recognise(registry: Registry, origin: Origin) -> Page | None:
    """The beginning of all that another registry has; None when nothing at the address says that it is one.

    Raises `Invalid` when it is this very registry, `UpstreamUnavailable`, `UpstreamInvalid`.
    """
    _, page = await _get(registry, origin, None)
    return None if page is None else await _without_ours(registry, origin, page)


async def ask(registry: Registry, origin: Origin, cursor: str) -> Page:
    """What changed at another registry since a cursor. Raises like `recognise`."""
    status, page = await _get(registry, origin, cursor)
    if page is None:
        raise UpstreamInvalid(str(origin), expected="a page of changed advisories", actual=status)
    return await _without_ours(registry, origin, page)


async def _get(registry: Registry, origin: Origin, cursor: str | None) -> tuple[int, _Page | None]:
    since = "" if cursor is None else f"&since={cursor}"
    document = await registry.fetcher.get(
        origin, f"{TARGET}?limit={_ASKED}{since}", headers={"accept": "application/json"}, limit=_LARGEST
    )
    if document.status in _REFUSED:
        raise UpstreamInvalid(
            str(origin), expected="what may be read with the token that it has of us", actual=document.status
        )
    return document.status, await asyncio.to_thread(_read, document)


async def _without_ours(registry: Registry, origin: Origin, page: _Page) -> Page:
    """What came from here, or from too far away, goes round in circles: it would outlive whoever said it."""
    instance, _ = await registry.catalog.advisories.read_feed()
    if page.instance == instance:
        raise Invalid(str(origin), expected="another registry than this one, or than one made of a copy of it")
    if page.more and not (page.records or page.removed):
        raise UpstreamInvalid(str(origin), expected="changes, where there are more to come", actual="none")
    if unnamed := {each.source for each in page.records} - {each.name for each in page.sources}:
        raise UpstreamInvalid(str(origin), expected="the source of each record", actual=min(unnamed))
    origins = {
        each.name: SourceOrigin(each.name, _aware(each.read_at), (page.instance, *each.through))
        for each in page.sources
        if instance not in each.through and len(each.through) < _FARTHEST
    }
    return Page(page.cursor, page.complete, page.more, list(origins.values()), list(_of(page, origins)), page.removed)


def _read(document: Document) -> _Page | None:
    if document.status != _OK:
        return None
    try:
        return _DECODER.decode(document.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _of(page: _Page, origins: dict[str, SourceOrigin]) -> Iterator[HandedOn]:
    for each in page.records:
        if each.source in origins:
            yield HandedOn(each.id, bytes(each.record), each.source)


def _aware(time: datetime | None) -> datetime | None:
    """Without a zone nobody knows when that was."""
    return time if time is not None and time.tzinfo is not None else None
