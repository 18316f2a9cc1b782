"""Take in what is known to be bad: from files, from addresses, from another Entrepot; only what is new of it.

A record that cannot be read is counted and told, and keeps no other from being read; what was known before of that
advisory stays.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import (
    AdvisoryUnknown,
    Invalid,
    RegistryError,
    TooLarge,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.events import AdvisoriesImported, AdvisorySourceAdded, AdvisorySourceRemoved
from entrepot.model.upload import UploadId
from entrepot.model.upstream import parse_upstream_name
from entrepot.operations import access
from entrepot.operations.advisory_changes import ask, recognise
from entrepot.operations.credentials import check_credentials, read_secret, secret_of
from entrepot.operations.match import match_advisory
from entrepot.ports.advisories import Source
from entrepot.ports.fetch import Origin
from entrepot.scanning.osv import parse_advisory
from entrepot.scanning.records import iter_records, read_exploitation

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import BinaryIO

    from entrepot.model.access import Caller
    from entrepot.operations.advisory_changes import HandedOn, Page
    from entrepot.operations.registry import Registry
    from entrepot.ports.advisories import Unmatched
    from entrepot.ports.catalog import Transaction
    from entrepot.ports.fetch import Credentials, Stream
    from entrepot.scanning.osv import Advisory

LARGEST: Final = 8 * 1024 * 1024 * 1024
_AT_ONCE: Final = 250
"""Advisories that one change takes in: others wait meanwhile."""
_MOST_PROBLEMS: Final = 20
_ATTEMPTS: Final = 5
_OK, _PARTIAL, _UNCHANGED = 200, 206, 304
EXPLOITATION_SIZE: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    source: str
    records: int = 0
    changed: int = 0
    """Advisories that are new, or say something else than before."""
    withdrawn: int = 0
    """Of these, those that are withdrawn."""
    older: int = 0
    """Records of which another source has a younger form."""
    matches: int = 0
    """Components that the changed ones mean, or may mean."""
    removed: int = 0
    """Advisories that another registry handed on, and does no more."""
    refused: int = 0
    """Records that could not be read."""
    problems: list[str] = field(default_factory=list)
    """The first of them, with what was wrong."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    advisory: Advisory
    content: bytes
    hash: bytes
    origin: str | None = None


async def list_sources(registry: Registry, caller: Caller) -> Sequence[Source]:
    """Where advisories come from, and how old they are. Raises `Unauthenticated`."""
    if caller.principal is None:
        raise Unauthenticated
    return await registry.catalog.advisories.list_sources()


async def read_advisory(registry: Registry, caller: Caller, id: str) -> bytes:
    """An advisory's record, as it was sent. Raises `Unauthenticated`, `AdvisoryUnknown`."""
    if caller.principal is None:
        raise Unauthenticated
    content = await registry.catalog.advisories.find_content(id)
    if content is None:
        raise AdvisoryUnknown(id[:200])
    return content


async def add_source(
    registry: Registry,
    caller: Caller,
    name: str,
    url: str,
    *,
    private: bool = False,
    credentials: Credentials | None = None,
) -> Source:
    """Let advisories come from an address, again and again; nothing is read yet.

    It is that of a document, or of another Entrepot. Its credentials are stored, never shown.

    Raises `Invalid`, `InvalidName`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    source = Source(parse_upstream_name(name), url, private, has_credentials=credentials is not None)
    _split(source)
    check_credentials(credentials)

    def change(transaction: Transaction) -> None:
        transaction.advisories.put_source(source)
        transaction.advisories.put_source_secret(source.name, secret_of(credentials))
        transaction.append(
            caller.name,
            AdvisorySourceAdded(source=source.name, url=url, private=private, credentials=source.has_credentials),
        )

    await registry.catalog.write(change)
    return source


async def remove_source(registry: Registry, caller: Caller, name: str) -> int:
    """Forget a source, its advisories and what they matched; how many there were.

    Raises `AdvisoryUnknown`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)

    def change(transaction: Transaction) -> int:
        removed = transaction.advisories.remove_source(name)
        if removed is None:
            raise AdvisoryUnknown(name, expected="the name of a source")
        transaction.append(caller.name, AdvisorySourceRemoved(source=name, advisories=removed))
        return removed

    return await registry.catalog.write(change)


async def import_advisories(registry: Registry, caller: Caller, name: str, content: AsyncIterator[bytes]) -> Imported:
    """Take in a zip of records, a record a line, or one record.

    Raises `InvalidName`, `InvalidArchive`, `InvalidMetadata`, `TooLarge`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    source = await _find(registry, parse_upstream_name(name)) or Source(name)
    stage = UploadId(registry.clock.new_id())
    try:
        await registry.blobs.append(stage, content, at=0, limit=LARGEST)
        imported = await _take_in(registry, caller.name, source, stage)
    finally:
        await registry.blobs.discard(stage)
    return imported


async def import_exploitation(registry: Registry, caller: Caller, content: bytes) -> int:
    """Take in EPSS scores or the catalogue of known exploited vulnerabilities; how many.

    Raises `InvalidMetadata`, `TooLarge`, or what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    rows = await asyncio.to_thread(read_exploitation, content)

    def change(transaction: Transaction) -> None:
        transaction.advisories.put_exploitation(rows)
        transaction.append(caller.name, AdvisoriesImported(source="exploitation", changed=len(rows)))

    await registry.catalog.write(change)
    return len(rows)


async def refresh_source(registry: Registry, caller: Caller, name: str) -> Imported:
    """Ask a source's address for what is new.

    Raises `AdvisoryUnknown`, `Invalid`, `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_anywhere`
    raises; what could not be read is also told with the source.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    source = await _find(registry, name)
    if source is None:
        raise AdvisoryUnknown(name, expected="the name of a source")
    if source.url is None:
        raise Invalid(name, expected="a source with an address; files are given again")
    stage = UploadId(registry.clock.new_id())
    try:
        if (found := await _recognise(registry, source)) is not None:
            return await _follow(registry, caller.name, source, *found)
        fetched = await _fetch(registry, source, stage)
        if fetched is None:
            await _note(registry, replace(source, checked_at=registry.clock.now(), problem=None))
            return Imported(source.name)
        return await _take_in(registry, caller.name, fetched, stage)
    except RegistryError as error:
        await _note(registry, replace(source, checked_at=registry.clock.now(), problem=str(error)[:500]))
        raise
    finally:
        await registry.blobs.discard(stage)


async def refresh_sources(registry: Registry, caller: Caller, *, older_than: timedelta) -> Sequence[Imported]:
    """Ask every source with an address that was not asked for a while; one that fails keeps no other from being asked.

    Raises what `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)
    horizon = registry.clock.now() - older_than
    done: list[Imported] = []
    for source in await registry.catalog.advisories.list_sources():
        if source.url is None or (source.checked_at is not None and source.checked_at > horizon):
            continue
        try:
            done.append(await refresh_source(registry, caller, source.name))
        except RegistryError as error:
            done.append(Imported(source.name, problems=[str(error)]))
    return done


async def _find(registry: Registry, name: str) -> Source | None:
    return next((each for each in await registry.catalog.advisories.list_sources() if each.name == name), None)


async def _note(registry: Registry, source: Source) -> None:
    """What was asked when is no event: nothing that anybody sees of the goods has changed."""
    await registry.catalog.write(lambda transaction: transaction.advisories.put_source(source))


# --- from another registry ---


async def _recognise(registry: Registry, source: Source) -> tuple[Origin, Page] | None:
    """The registry that is at a source's address, and the first of what it has to say; None when there is none."""
    if source.cursor is None and not _may_be_registry(source.url or ""):
        return None
    origin = await _with_credentials(registry, source, Origin.parse(source.url or "", private=source.private))
    if source.cursor is not None:
        return origin, await ask(registry, origin, source.cursor)
    page = await recognise(registry, origin)
    return None if page is None else (origin, page)


async def _follow(registry: Registry, actor: str, source: Source, origin: Origin, page: Page) -> Imported:
    """Take in what changed at another Entrepot, page by page.

    What is read from the beginning is remembered as read only at its end, when what it has no more is forgotten too:
    who is interrupted begins again, and finds most of it unchanged.
    """
    # A document that once was at the address is another thing.
    source = replace(source, etag=None, last_modified=None, checked_at=registry.clock.now(), problem=None)
    imported = Imported(source.name)
    seen: set[str] | None = None
    size = 0
    while True:
        size += sum(len(each.content) for each in page.records)
        if size > LARGEST:
            raise TooLarge(source.url, expected=f"at most {LARGEST} bytes of advisories")
        if page.complete:
            seen = set()
        await _take_in_page(registry, actor, imported, page)
        if seen is None:
            await _note(registry, replace(source, cursor=page.cursor))
        else:
            seen.update(each.id for each in page.records)
        if not page.more:
            break
        page = await ask(registry, origin, page.cursor)
    if seen is not None:
        names = await registry.catalog.advisories.list_names_of(source.name)
        await _remove(registry, actor, imported, [name for name in names if name not in seen])
    if imported.removed:
        await _put_origins(registry, imported.source, page)
    await _note(registry, replace(source, cursor=page.cursor, imported_at=registry.clock.now()))
    return imported


def _may_be_registry(url: str) -> bool:
    """Whether an address may be that of a registry: documents have a suffix."""
    path = url.partition("://")[2].partition("/")[2].rstrip("/")
    return "?" not in url and "." not in path.rpartition("/")[2]


async def _put_origins(registry: Registry, source: str, page: Page) -> None:
    await registry.catalog.write(lambda transaction: transaction.advisories.put_origins(source, page.origins))


async def _take_in_page(registry: Registry, actor: str, imported: Imported, page: Page) -> None:
    await _put_origins(registry, imported.source, page)
    for at in range(0, len(page.records), _AT_ONCE):
        batch = await asyncio.to_thread(_prepare_all, page.records[at : at + _AT_ONCE], imported)
        await _write(registry, actor, imported, batch)
    await _remove(registry, actor, imported, page.removed)


def _prepare_all(records: Sequence[HandedOn], imported: Imported) -> list[_Prepared]:
    found = (_prepare(each.content, each.id, imported, origin=each.origin) for each in records)
    return [each for each in found if each is not None]


async def _remove(registry: Registry, actor: str, imported: Imported, ids: Sequence[str]) -> None:
    for at in range(0, len(ids), _AT_ONCE):
        imported.removed += await registry.catalog.write(
            partial(_remove_some, actor=actor, source=imported.source, ids=ids[at : at + _AT_ONCE])
        )


def _remove_some(transaction: Transaction, *, actor: str, source: str, ids: Sequence[str]) -> int:
    removed = transaction.advisories.remove(ids, source)
    if removed:
        transaction.append(actor, AdvisoriesImported(source=source, removed=removed))
    return removed


# --- from an address ---


def _split(source: Source) -> tuple[Origin, str]:
    """The server to ask, and for what. Raises `Invalid`."""
    address, mark, query = (source.url or "").partition("?")
    origin = Origin.parse(address, private=source.private)
    return replace(origin, path=""), f"{origin.path}{mark}{query}"


async def _with_credentials(registry: Registry, source: Source, origin: Origin) -> Origin:
    secret = await registry.catalog.advisories.find_source_secret(source.name)
    return origin if secret is None else replace(origin, credentials=read_secret(secret))


async def _fetch(registry: Registry, source: Source, stage: UploadId) -> Source | None:
    """Stage what the source has; what is to be kept of the answer, or None when it has nothing new.

    A transfer that breaks goes on where it was (RFC 9110, 13.1.5 and 14.2).
    """
    origin, target = _split(source)
    origin = await _with_credentials(registry, source, origin)
    tag: str | None = None
    for attempt in range(1, _ATTEMPTS + 1):
        at = await registry.blobs.staged_size(stage)
        headers = _conditions(source) if at == 0 or tag is None else {"range": f"bytes={at}-", "if-range": tag}
        try:
            async with registry.fetcher.stream(origin, target.removeprefix("/"), headers=headers) as stream:
                if stream.status == _UNCHANGED and at == 0:
                    return None
                if stream.status == _OK and at:
                    await registry.blobs.discard(stage)
                    at = 0
                _require_content(stream, source, at)
                tag = _strong(stream.headers.get("etag")) if stream.status == _OK else tag
                kept = stream.headers
                await registry.blobs.append(stage, stream.content, at=at, limit=LARGEST)
        except UpstreamUnavailable:
            if attempt == _ATTEMPTS or tag is None:
                raise
        else:
            return replace(source, etag=kept.get("etag"), last_modified=kept.get("last-modified"))
    raise UpstreamUnavailable(source.url)


def _strong(tag: str | None) -> str | None:
    return None if tag is None or tag.startswith("W/") else tag


def _conditions(source: Source) -> Mapping[str, str]:
    if source.etag is not None:
        return {"if-none-match": source.etag}
    return {} if source.last_modified is None else {"if-modified-since": source.last_modified}


def _require_content(stream: Stream, source: Source, at: int) -> None:
    expected = _PARTIAL if at else _OK
    if stream.status != expected:
        raise UpstreamInvalid(source.url, expected=f"status {expected}", actual=stream.status)


# --- record by record ---


async def _take_in(registry: Registry, actor: str, source: Source, stage: UploadId) -> Imported:
    """Read what is staged in a thread, and write it some records at a time, while the next ones are read."""
    now = registry.clock.now()
    source = replace(source, checked_at=now, problem=None)
    await _note(registry, source)
    imported = Imported(source.name)
    loop = asyncio.get_running_loop()

    def read(file: BinaryIO) -> None:
        batch: list[_Prepared] = []
        for place, content in iter_records(file):
            if (prepared := _prepare(content, place, imported)) is not None:
                batch.append(prepared)
            if len(batch) >= _AT_ONCE:
                _hand_over(batch)
                batch = []
        _hand_over(batch)

    def _hand_over(batch: list[_Prepared]) -> None:
        asyncio.run_coroutine_threadsafe(_write(registry, actor, imported, batch), loop).result()

    await registry.blobs.examine(stage, read)
    await _note(registry, replace(source, imported_at=registry.clock.now()))
    return imported


def _prepare(content: bytes, place: str, imported: Imported, *, origin: str | None = None) -> _Prepared | None:
    """Read one record; None when it cannot be read, which is counted."""
    imported.records += 1
    try:
        return _Prepared(parse_advisory(content), content, sha256(content).digest(), origin)
    except RegistryError as error:
        imported.refused += 1
        if len(imported.problems) < _MOST_PROBLEMS:
            imported.problems.append(f"{place}: {error}"[:500])
        return None


async def _write(registry: Registry, actor: str, imported: Imported, batch: Sequence[_Prepared]) -> None:
    def change(transaction: Transaction) -> tuple[int, int, int, int]:
        changed = withdrawn = older = matches = 0
        seen: dict[tuple[str, str], Sequence[Unmatched]] = {}
        for each in batch:
            notice, rules = each.advisory.notice, each.advisory.rules
            if transaction.advisories.find_hash(notice.id) == each.hash:
                continue
            number = transaction.advisories.put(
                notice,
                imported.source,
                content=each.content,
                hash=each.hash,
                rules={subject: rule.encode() for subject, rule in rules.items()},
                origin=each.origin,
            )
            if number < 0:
                older += 1
                continue
            changed += 1
            withdrawn += notice.withdrawn is not None
            matches += match_advisory(transaction, number, rules, seen)
        if changed:
            transaction.append(
                actor,
                AdvisoriesImported(source=imported.source, changed=changed, withdrawn=withdrawn, matches=matches),
            )
        return changed, withdrawn, older, matches

    if not batch:
        return
    changed, withdrawn, older, matches = await registry.catalog.write(change)
    imported.changed += changed
    imported.withdrawn += withdrawn
    imported.older += older
    imported.matches += matches
