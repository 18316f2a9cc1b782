"""Read through to another proxy: its list becomes ours, its documents are kept, its zips are fetched when wanted.

A proxy says what it knows of a module in many small documents, one for each version and question.
Those of a version (``.info``, ``.mod``) never change, and are asked for once: the go command wants go.mod of thousands
of versions whose zip nobody needs.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.go.index import Release
from entrepot.formats.go.module import GO_MOD_SIZE, ZIP_SIZE, examine_remote, hash_go_mod
from entrepot.formats.go.release import KIND, file_path, publish_module
from entrepot.formats.go.rules import GO, RULES, Version, check_version, escape, parse_module
from entrepot.model.contents import Contents
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    FileUnknown,
    InvalidReference,
    NotFound,
    ReferenceUnknown,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId
from entrepot.operations.fetch_file import Landing, Wanted, fetch_file
from entrepot.operations.mirror import Question, ask, hidden_versions, upstreams_for
from entrepot.operations.registry import Fetched, Listed, Probe, Wish
from entrepot.operations.resolve import find_blob, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from entrepot.formats.go.module import Module
    from entrepot.model.access import Caller
    from entrepot.model.names import View
    from entrepot.model.upstream import Upstream
    from entrepot.operations.fetch_file import Arrival
    from entrepot.operations.mirror import Answer
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

_OK: Final = 200
_LIST_SIZE: Final = 1024 * 1024
_SHORT_SIZE: Final = 16 * 1024
"""Of a list that is remembered as it was read."""
_INFO_SIZE: Final = 64 * 1024
_REMEMBERED: Final = 128
_DATED: Final = 256
"""How many versions of a list are asked for their times at once, the highest first, when new ones are hidden."""
_AT_ONCE: Final = 8
_DIRECTIVE: Final = re.compile(rb"^[ \t]*module[ \t(]", re.MULTILINE)
_QUERY: Final = re.compile(r"[^\x00-\x20/\\!\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class RemoteList:
    """What of another proxy's list is shown."""

    upstream: Upstream
    versions: Sequence[Version]
    shown: str
    """Another one whenever something else is shown of the same list."""
    stale: str | None
    """Why it is not today's; None when it is."""

    def joined(self, stored: Sequence[Release]) -> list[Release]:
        """What is there and what is stored here, which stays as it is."""
        known = {str(release.version) for release in stored}
        found = [_undated(version) for version in self.versions if str(version) not in known]
        return [*stored, *found]


def _undated(version: Version) -> Release:
    """A version as far as the list tells of it."""
    return Release(version, version.pseudo_time, yanked=False)


@dataclass(frozen=True, slots=True)
class RemoteInfo:
    """A version as another proxy tells of it."""

    version: Version
    time: datetime | None

    @property
    def release(self) -> Release:
        """The same as our index has it."""
        return Release(self.version, self.time, yanked=False)


def parse_query(text: str) -> str:
    """Read what a version may be asked for by: a branch, a commit, the beginning of a version.

    Raises `InvalidReference`.
    """
    if _QUERY.fullmatch(text) is None or not text.isprintable() or text in (".", ".."):
        raise InvalidReference(text[:200], expected="a version, or a branch or commit of one element")
    return text


# --- whom to ask ---


async def _holders(registry: Registry, caller: Caller, view: View, package: PackageId) -> Sequence[Upstream]:
    """Whom to ask for a module, in order.

    Nobody behind the first who has a list of it: there its name may be somebody else's.
    """
    upstreams = await upstreams_for(registry, caller, view, package)
    for count, upstream in enumerate(upstreams[:-1], 1):
        if await _ask_list(registry, upstream, package) is not None:
            return upstreams[:count]
    return upstreams


async def _ask(registry: Registry, upstream: Upstream, package: PackageId, question: Question) -> Answer | None:
    """Like `ask`; but who cannot be asked, and had nothing when it last could, has nothing."""
    try:
        return await ask(registry, upstream, package, question)
    except UpstreamUnavailable:
        if await registry.catalog.find_mirrored(upstream, question.target) is None:
            raise
        return None


def _target(package: PackageId, rest: str) -> str:
    return f"/{quote(escape(package.name), safe='/!~')}/{rest}"


def _file_target(package: PackageId, version: str, kind: str) -> str:
    return _target(package, f"@v/{quote(escape(version), safe='!~+')}.{kind}")


# --- the list ---


async def read_remote_list(registry: Registry, caller: Caller, view: View, package: PackageId) -> RemoteList | None:
    """What upstreams list of a module; None when there is nothing, or nobody to ask.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    for upstream in await _holders(registry, caller, view, package):
        answer = await _ask_list(registry, upstream, package)
        if answer is not None:
            return await _shown(registry, upstream, package, answer)
    return None


async def _ask_list(registry: Registry, upstream: Upstream, package: PackageId) -> Answer | None:
    question = Question(_target(package, "@v/list"), limit=_LIST_SIZE, versions=_listed)
    return await _ask(registry, upstream, package, question)


async def _shown(registry: Registry, upstream: Upstream, package: PackageId, answer: Answer) -> RemoteList:
    versions = {str(version): version for version in read_list(answer.content) if _fits(package, version)}
    hidden = await hidden_versions(registry, upstream, package, versions)
    if hidden and upstream.rules.cooldown and await _date(registry, upstream, package, [versions[v] for v in hidden]):
        hidden = await hidden_versions(registry, upstream, package, versions)
    shown = hashlib.sha256(repr((upstream.name, sorted(hidden))).encode()).hexdigest()[:16]
    found = [version for text, version in versions.items() if text not in hidden]
    return RemoteList(upstream, found, shown, answer.stale)


async def _date(registry: Registry, upstream: Upstream, package: PackageId, versions: Sequence[Version]) -> bool:
    """Ask how old versions are of which nobody knows it yet: a list does not tell. Whether there were any."""
    seen = await registry.catalog.list_first_seen(upstream, package)
    unknown = [
        version
        for version in sorted(versions, key=lambda version: version.order, reverse=True)
        if str(version) not in seen and upstream.rules.lets_in(GO, package.name, str(version))
    ]
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def date(version: Version) -> None:
        async with at_once:
            await _ask_info(registry, upstream, package, str(version), wanted=version)

    asked = await asyncio.gather(*map(date, unknown[:_DATED]), return_exceptions=True)
    for outcome in asked:
        # Of what is not told now, it is told another time; until then it is new.
        if isinstance(outcome, BaseException) and not isinstance(outcome, UpstreamUnavailable | UpstreamInvalid):
            raise outcome
    return bool(asked)


def _fits(package: PackageId, version: Version) -> bool:
    try:
        check_version(package.name, version)
    except InvalidReference:
        return False
    return not version.is_pseudo


def _listed(content: bytes, _: str) -> Mapping[str, datetime | None]:
    return {str(version): time for version, time in _read(content)}


def read_list(content: bytes) -> Sequence[Version]:
    """Read a list; lines that say no version are passed over, as the go command does. Raises `UpstreamInvalid`."""
    return [version for version, _ in _read(content)]


def _read(content: bytes) -> Sequence[tuple[Version, datetime | None]]:
    return _read_again(content) if len(content) <= _SHORT_SIZE else _read_lines(content)


@lru_cache(maxsize=_REMEMBERED)
def _read_again(content: bytes) -> Sequence[tuple[Version, datetime | None]]:
    return _read_lines(content)


def _read_lines(content: bytes) -> Sequence[tuple[Version, datetime | None]]:
    lines = [line.split() for line in content.decode("utf-8", "replace").splitlines() if line.strip()]
    found = []
    for text, *more in lines:
        try:
            RULES.parse_version(text)
            version = Version.parse(text)
        except InvalidReference:
            continue
        found.append((version, _time(more[0]) if more else None))
    if lines and not found:
        raise UpstreamInvalid("the module's list", expected="a version on each line")
    return tuple(found)


# --- .info and @latest ---


async def read_remote_info(
    registry: Registry, caller: Caller, view: View, package: PackageId, query: str
) -> RemoteInfo | None:
    """What a version is, or what a branch or a commit means; None when nobody shows it. Raises like `read_remote_list`."""
    wanted = _canonical(package, query)
    for upstream in await _holders(registry, caller, view, package):
        info = await _ask_info(registry, upstream, package, query, wanted=wanted)
        if info is not None:
            return info if await _is_shown(registry, upstream, package, info.version) else None
    return None


async def read_remote_latest(registry: Registry, caller: Caller, view: View, package: PackageId) -> RemoteInfo | None:
    """What upstreams say is the latest; None when they do not, or when it is not shown. Raises like `read_remote_list`."""
    for upstream in await _holders(registry, caller, view, package):
        info = await _ask_info(registry, upstream, package, None, wanted=None)
        if info is not None:
            return info if await _is_shown(registry, upstream, package, info.version) else None
    return None


def _canonical(package: PackageId, query: str) -> Version | None:
    """The version that a query names; None for one that an upstream finds a version for."""
    try:
        version = Version.parse(query)
        check_version(package.name, version)
    except InvalidReference:
        return None
    return version


async def _ask_info(
    registry: Registry, upstream: Upstream, package: PackageId, query: str | None, *, wanted: Version | None
) -> RemoteInfo | None:
    """``.info`` of a query, which is the version *wanted* if it is one; ``@latest`` without a query."""
    target = _target(package, "@latest") if query is None else _file_target(package, query, "info")
    listed = await _listed_before(registry, upstream, package, target, is_final=wanted is not None)
    now = registry.clock.now()

    def versions(content: bytes, _: str) -> Mapping[str, datetime | None]:
        info = read_info(content, package.name, wanted=wanted)
        is_believed = listed is None or info.version.is_pseudo or str(info.version) in listed
        return {str(info.version): info.time if is_believed else now}

    question = Question(target, limit=_INFO_SIZE, versions=versions, final=wanted is not None, indexes=False)
    answer = await _ask(registry, upstream, package, question)
    return None if answer is None else read_info(answer.content, package.name, wanted=wanted)


async def _listed_before(
    registry: Registry, upstream: Upstream, package: PackageId, target: str, *, is_final: bool
) -> Collection[str] | None:
    """The versions of the list, which is looked at before a version may say how old it is; None without a list.

    So one that came after our first look counts from when we saw it, and not from when it says (ADR 13).
    """
    if not upstream.rules.cooldown:
        return None
    if is_final:
        known = await registry.catalog.find_mirrored(upstream, target)
        if known is not None and known.status == _OK:
            return None
    answer = await _ask_list(registry, upstream, package)
    return None if answer is None else {str(version) for version in read_list(answer.content)}


async def _is_shown(registry: Registry, upstream: Upstream, package: PackageId, version: Version) -> bool:
    return not await hidden_versions(registry, upstream, package, {str(version): None})


class _Info(msgspec.Struct, rename="pascal"):
    version: str
    time: str | None = None


_INFOS: Final = msgspec.json.Decoder(_Info)


def read_info(content: bytes, module: str, *, wanted: Version | None = None) -> RemoteInfo:
    """Read what is said of a version of *module*, of that which was *wanted* if any was. Raises `UpstreamInvalid`."""
    try:
        info = _INFOS.decode(content)
        RULES.parse_version(info.version)
        version = Version.parse(info.version)
        check_version(module, version)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidReference) as error:
        raise UpstreamInvalid("what is said of a version", expected="its Version and Time in JSON") from error
    if wanted is not None and version != wanted:
        raise UpstreamInvalid("what is said of a version", expected=wanted, actual=version)
    return RemoteInfo(version, version.pseudo_time or _time(info.time))


def _time(text: str | None) -> datetime | None:
    try:
        time = None if text is None else datetime.fromisoformat(text)
        return None if time is None or time.tzinfo is None else time.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        return None


# --- .mod ---


async def read_remote_mod(
    registry: Registry, caller: Caller, view: View, package: PackageId, version: Version
) -> bytes | None:
    """The go.mod of a version; None when nobody shows it. Raises like `read_remote_list`."""
    found = await _find_mod(registry, caller, view, package, version)
    return None if found is None else found[1]


async def _find_mod(
    registry: Registry, caller: Caller, view: View, package: PackageId, version: Version
) -> tuple[Upstream, bytes] | None:
    """Whoever has a version, and its go.mod."""
    if _canonical(package, str(version)) is None:
        return None
    for upstream in await _holders(registry, caller, view, package):
        # How old the version is says only this.
        if upstream.rules.cooldown and not await _ask_info(registry, upstream, package, str(version), wanted=version):
            continue
        question = Question(
            _file_target(package, str(version), "mod"),
            limit=GO_MOD_SIZE,
            versions=_no_page,
            final=True,
            indexes=False,
            content=True,
        )
        answer = await _ask(registry, upstream, package, question)
        if answer is not None:
            return (upstream, answer.content) if await _is_shown(registry, upstream, package, version) else None
    return None


def _no_page(content: bytes, _: str) -> Mapping[str, datetime | None]:
    """Refuse what is no go.mod at all before it is kept for ever.

    Whose it is does not matter: that of a fork may have the path of what it was forked from.
    """
    if _DIRECTIVE.search(content) is None:
        raise UpstreamInvalid("go.mod", expected="a module directive")
    return {}


# --- .zip ---


async def fetch_remote(
    registry: Registry,
    caller: Caller,
    view: View,
    package: PackageId,
    version: Version,
    *,
    zip_hashes: Collection[str] = (),
) -> Arrival | None:
    """Fetch a zip, which becomes a version here, with one of *zip_hashes* (``h1:…``) if there are any.

    None when nobody shows it. Raises like `fetch_file` and `read_remote_list`.
    """
    found = await _find_mod(registry, caller, view, package, version)
    if found is None:
        return None
    upstream, go_mod = found
    info = await _ask_info(registry, upstream, package, str(version), wanted=version)

    async def publish(by: Caller, blob: StoredBlob, module: Module) -> None:
        # What the upstream says is go.mod is what go.sum has a hash of.
        whole = replace(module, go_mod=go_mod, go_mod_hash=hash_go_mod(go_mod))
        time = None if info is None else info.time
        await publish_module(registry, by, package, version, archive=blob, found=whole, time=time)

    wanted = Wanted(_file_target(package, str(version), "zip"), f"{package.name} {version}.zip", limit=ZIP_SIZE)
    examine = partial(examine_remote, module=package.name, version=version, zip_hashes=frozenset(zip_hashes))
    try:
        return await fetch_file(registry, upstream, package, wanted, Landing(examine, publish))
    except FileUnknown:
        return None


def _is_list(head: bytes) -> bool:
    try:
        read_list(head)
    except UpstreamInvalid:
        return False
    return True


class GoReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/example.com/module/@v/list", is_everywhere=False, is_answer=_is_list)
    """A proxy has nothing that each has; but what it has there, if anything, is a list of versions."""

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says."""
        remote = await read_remote_list(registry, caller, view, _package(view, name))
        return None if remote is None else Listed([str(version) for version in remote.versions], remote.stale)

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: the version's zip and go.mod.

        For most versions in a go.sum only go.mod is wanted: when all of the hashes are its own, the zip is left where
        it is.
        """
        package, wanted = _package(wish.view, wish.name), Version.parse(wish.version)
        check_version(package.name, wanted)
        found = await _find_stored(registry, caller, wish.view, package, wanted)
        if found is None:
            go_mod = await read_remote_mod(registry, caller, wish.view, package, wanted)
            if go_mod is None:
                raise ReferenceUnknown(wish.version)
            digest = Digest.of(go_mod)
            others = wish.hashes - {hash_go_mod(go_mod), str(digest)}
            if wish.hashes and not others:
                return [Fetched(file_path(wanted, "mod"), digest, len(go_mod))]
            zip_hashes = others if all(each.startswith("h1:") for each in others) else ()
            arrival = await fetch_remote(registry, caller, wish.view, package, wanted, zip_hashes=zip_hashes)
            if arrival is None:
                raise ReferenceUnknown(wish.version)
            await arrival.blob
            found = await _find_stored(registry, caller, wish.view, package, wanted) or {}
        return wish.select(found.items())


def _package(view: View, name: str) -> PackageId:
    return PackageId(view.namespace, GO, parse_module(name))


async def _find_stored(
    registry: Registry, caller: Caller, view: View, package: PackageId, version: Version
) -> Mapping[Fetched, set[str]] | None:
    """The files of a version that is here, each with all that it may be called by; None when it is not."""
    try:
        artifact = await resolve(registry, caller, view, package, name=RULES.parse_version(str(version)))
    except NotFound:
        return None
    contents = Contents.read(artifact.content, KIND)
    if contents is None or contents.config is None:
        return None
    config = await find_blob(registry, caller, view, package, contents.config)
    said = msgspec.json.decode(config.content or b"{}", type=dict[str, str])
    sums = {file_path(version, "zip"): said.get("zip_hash", ""), file_path(version, "mod"): said.get("go_mod_hash", "")}
    return {
        Fetched(path, file.digest, file.size): {str(file.digest), sums.get(path, "")}
        for path, file in contents.files.items()
    }
