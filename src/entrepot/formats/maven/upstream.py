"""Read through to another repository: its metadata stands beside ours, and its files are fetched when they are wanted.

Public repositories are folders of static files: what there is of an artifact is said by ``maven-metadata.xml`` alone,
and of a version by nothing. So whoever wants a file is told what the other repository says to its path.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from entrepot.formats.maven import checksums
from entrepot.formats.maven.metadata import ListedBuilds, ListedFile, ListedPlugin, ListedVersions, find_newest
from entrepot.formats.maven.publish import describing, examine_remote, media_type
from entrepot.formats.maven.remote import is_version, read_metadata
from entrepot.formats.maven.rules import (
    CHECKSUMS,
    KIND,
    MAVEN,
    METADATA,
    RULES,
    ArtifactPath,
    Build,
    is_snapshot,
    parse_file,
    snapshot_of,
)
from entrepot.formats.maven.stored import find_stored
from entrepot.model.errors import (
    Conflict,
    FileUnknown,
    InvalidDigest,
    ReferenceUnknown,
    TooLarge,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId, PackageName, ReferenceName, View
from entrepot.model.upstream import is_reserved
from entrepot.operations import access
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.fetch_file import Landing, Wanted, fetch_file
from entrepot.operations.mirror import (
    Question,
    ask,
    hidden_versions,
    is_absent,
    keep_absent,
    upstreams_for,
    was_absent,
    withheld_among,
)
from entrepot.operations.registry import Fetched, Listed, Probe, Wish
from entrepot.operations.upstreams import last_modified, origin_of
from entrepot.scanning.versions.maven import sort_versions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from entrepot.formats.maven.publish import Found
    from entrepot.model.access import Caller
    from entrepot.model.upstream import Upstream, UpstreamRules
    from entrepot.operations.add_files import Describe
    from entrepot.operations.fetch_file import Arrival
    from entrepot.operations.mirror import Answer, Versions
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

_METADATA_SIZE: Final = 2 * 1024 * 1024
_OK: Final = 200
_DATED: Final = 256
"""How many versions of a first answer are asked for their age, at most; of more, the older ones count as new."""
_AT_ONCE: Final = 8
_DATING_SECONDS: Final = 60
"""How long that may take; whatever has not answered by then is as new as the newest."""
_BESIDE: Final = ("sha1", "sha256", "sha512", "md5")
"""The checksums to look for beside a file: what every client writes first.

Which is the strongest does not matter: who can change the file can change its checksum.
"""
_HEADERS: Final = ("x-checksum-", "x-goog-meta-checksum-", "x-amz-meta-checksum-")
"""Where servers say checksums of what they send, as maven-resolver reads them."""
_EXTENSION: Final = re.compile(r"[a-z0-9]{1,20}")


# --- artifacts ---


def _versions(content: bytes, _: str) -> Versions:
    """Each version with when the last of them came, at the latest: metadata says no more."""
    found = read_metadata(content)
    return dict.fromkeys(found.versions, found.updated_at)


@dataclass(frozen=True, slots=True)
class RemoteArtifact:
    """What of another repository's artifact is shown."""

    upstream: Upstream
    versions: frozenset[str]
    updated_at: datetime | None
    shown: str
    """Another one whenever something else is shown of the same document."""
    stale: str | None
    """Why it is not today's; None when it is."""

    def joined(self, stored: ListedVersions, yanked: Collection[str]) -> ListedVersions:
        """What is stored here and what is there, less what was yanked here."""
        return ListedVersions(
            stored.versions | (self.versions - frozenset(yanked)), self.updated_at or stored.updated_at
        )


async def read_remote(registry: Registry, caller: Caller, view: View, package: PackageId) -> RemoteArtifact | None:
    """What upstreams list of an artifact; None when there is nothing, or nobody to ask.

    The first that lists it counts, as long as those before it say that they do not.
    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    upstreams = await upstreams_for(registry, caller, view, package)
    namespace = await registry.catalog.find_namespace(view.namespace) if upstreams else None
    # The same document is that of a group, which may be one that nobody is asked for.
    group = f"{package.name.replace('/', '.')}/*"
    if namespace is not None and is_reserved(namespace.reserved, MAVEN, group):
        return None
    for upstream in upstreams:
        if any(pattern.matches(MAVEN, group, None) for pattern in upstream.rules.block):
            continue
        answer = await _ask_for_versions(registry, upstream, package)
        found = None if answer is None else read_metadata(answer.content)
        if answer is None or found is None or not found.versions:
            continue
        hidden = await hidden_versions(registry, upstream, package, dict.fromkeys(found.versions))
        return RemoteArtifact(
            upstream,
            frozenset(found.versions) - hidden,
            found.updated_at,
            _shown(upstream, sorted(hidden)),
            answer.stale,
        )
    return None


async def _ask_for_versions(registry: Registry, upstream: Upstream, package: PackageId) -> Answer | None:
    dates = partial(_find_dates, registry, upstream, package)
    question = Question(
        f"{_folder(package.name)}/{METADATA}",
        limit=_METADATA_SIZE,
        versions=_versions,
        dates=dates,
        # The same document may be that of a group.
        concerns=lambda content: bool(read_metadata(content).versions),
    )
    return await _ask(registry, upstream, package, question)


async def _ask(registry: Registry, upstream: Upstream, package: PackageId, question: Question) -> Answer | None:
    """The same as `ask`; what was not there when the upstream could be asked last is still not there."""
    try:
        return await ask(registry, upstream, package, question)
    except UpstreamUnavailable:
        if await was_absent(registry, upstream, question.target):
            return None
        raise


def _folder(name: PackageName, *below: str) -> str:
    group, _, artifact = name.partition("/")
    return "/" + "/".join(quote(part, safe="") for part in (*group.split("."), artifact, *below))


def _shown(upstream: Upstream, hidden: Sequence[str]) -> str:
    return hashlib.sha256(repr((upstream.name, hidden)).encode()).hexdigest()[:16]


async def _find_dates(registry: Registry, upstream: Upstream, package: PackageId, versions: Versions) -> Versions:
    """How old each version is by its POM's ``Last-Modified``, as far as that matters; else it is new.

    When the last of them is old enough they all are; nothing else is asked then.
    """
    now = registry.clock.now()
    said = next(iter(versions.values()))
    latest = now if said is None else min(said, now)
    if not upstream.rules.cooldown or now - latest >= upstream.rules.cooldown:
        return dict.fromkeys(versions, latest)
    origin = await origin_of(registry, upstream)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def find(version: str) -> datetime:
        target = f"{_folder(package.name, version)}/{quote(_pom_name(package.name, version), safe='')}"
        try:
            async with turns:
                answer = await registry.fetcher.get(origin, target, headers={}, limit=_METADATA_SIZE)
        except (UpstreamUnavailable, UpstreamInvalid):
            return latest
        at = last_modified(answer.headers) if answer.status == _OK else None
        return latest if at is None else min(at, latest)

    ordered = await asyncio.to_thread(sort_versions, versions)
    asked = [version for version in ordered if not is_snapshot(version)][-_DATED:]
    running = {asyncio.ensure_future(find(version)): version for version in asked}
    try:
        done = (await asyncio.wait(running, timeout=_DATING_SECONDS))[0] if running else set()
    finally:
        for each in running:
            each.cancel()
    return dict.fromkeys(versions, latest) | {running[each]: each.result() for each in done}


def _pom_name(name: PackageName, version: str) -> str:
    return f"{name.partition('/')[2]}-{version}.pom"


# --- snapshots ---


@dataclass(frozen=True, slots=True)
class RemoteBuilds:
    """What of another repository's snapshot is shown."""

    upstream: Upstream
    listed: ListedBuilds | None
    """None when all of it is hidden."""
    shown: str
    stale: str | None

    def joined(self, stored: ListedBuilds | None) -> ListedBuilds | None:
        """Of each file the newest build that has it, here or there."""
        if self.listed is None or stored is None:
            return self.listed or stored
        if not self.listed.files and self.listed.newest > stored.newest:
            return self.listed  # It does not say which files there are: the newest build is said to have them all.
        files: dict[tuple[str, str], Build] = {}
        for file in (*stored.files, *self.listed.files):
            kind = file.classifier, file.extension
            files[kind] = max(file.build, files.get(kind, file.build))
        newest = max(stored.newest, self.listed.newest)
        return ListedBuilds(newest, [ListedFile(*kind, build) for kind, build in sorted(files.items())])


async def read_remote_builds(
    registry: Registry, caller: Caller, view: View, package: PackageId, snapshot: str
) -> RemoteBuilds | None:
    """What upstreams have of a snapshot; None when there is nothing, or nobody to ask. Raises like `read_remote`."""
    for upstream in await _find_sources(registry, caller, view, package):
        if not upstream.rules.lets_in(MAVEN, package.name, snapshot):
            continue
        answer = await _ask_for_builds(registry, upstream, package, snapshot)
        found = None if answer is None else read_metadata(answer.content).builds(package.name, snapshot)
        if answer is None or found is None:
            continue
        builds = [build.value for build in _builds_of(found)]
        withheld = await withheld_among(registry, package, builds)
        hidden = [
            build
            for build in builds
            if build in withheld or await _is_cooling(registry, upstream, package, build, snapshot)
        ]
        return RemoteBuilds(upstream, _without(found, hidden), _shown(upstream, hidden), answer.stale)
    return None


async def _ask_for_builds(registry: Registry, upstream: Upstream, package: PackageId, snapshot: str) -> Answer | None:
    def versions(content: bytes, _: str) -> Versions:
        found = read_metadata(content).builds(package.name, snapshot)
        # The time in a build's name is what its publisher says: it counts from when it was seen.
        return {} if found is None else {build.value: registry.clock.now() for build in _builds_of(found)}

    question = Question(f"{_folder(package.name, snapshot)}/{METADATA}", limit=_METADATA_SIZE, versions=versions)
    return await _ask(registry, upstream, package, question)


def _builds_of(listed: ListedBuilds) -> Sequence[Build]:
    return sorted({listed.newest, *(file.build for file in listed.files)})


def _without(listed: ListedBuilds, hidden: Collection[str]) -> ListedBuilds | None:
    if not hidden:
        return listed
    files = [file for file in listed.files if file.build.value not in hidden]
    return ListedBuilds(max(file.build for file in files), files) if files else None


# --- groups ---


@dataclass(frozen=True, slots=True)
class RemoteGroup:
    """The plugins of a group, as other repositories list them."""

    plugins: Sequence[ListedPlugin]
    shown: str
    stale: str | None


async def read_remote_group(registry: Registry, caller: Caller, view: View, group: str) -> RemoteGroup | None:
    """The plugins that upstreams list of a group, in their order; None when there is nobody to ask, or nothing.

    What is blocked or reserved is not among them. A group of one word is not asked for: nothing could be kept of it.
    Raises `UpstreamUnavailable`, `UpstreamInvalid` when that is all that upstreams say.
    """
    parent, _, last = group.rpartition(".")
    # The same document is that of an artifact.
    kept = PackageId(view.namespace, MAVEN, PackageName(f"{parent}/{last}"))
    upstreams = await _whom_to_ask_for_group(registry, caller, view, kept, group) if parent else ()
    found: list[ListedPlugin] = []
    said: list[str] = []
    failure: UpstreamUnavailable | UpstreamInvalid | None = None
    stale: str | None = None
    for upstream in upstreams:
        try:
            answer = await _ask_for_versions(registry, upstream, kept)
        except (UpstreamUnavailable, UpstreamInvalid) as error:
            failure = error
            continue
        if answer is not None:
            stale = stale or answer.stale
            said.append(hashlib.sha256(answer.content).hexdigest())
            found += await _let_in(registry, upstream, group, read_metadata(answer.content).plugins)
    if failure is not None and not found:
        raise failure
    return RemoteGroup(found, "\n".join(said), stale or (None if failure is None else str(failure))) if found else None


async def _let_in(
    registry: Registry, upstream: Upstream, group: str, plugins: Sequence[ListedPlugin]
) -> list[ListedPlugin]:
    namespace = await registry.catalog.find_namespace(upstream.namespace)
    reserved = () if namespace is None else namespace.reserved
    names = {plugin: f"{group}/{plugin.artifact}" for plugin in plugins}
    return [
        plugin
        for plugin, name in names.items()
        if upstream.rules.lets_in(MAVEN, name) and not is_reserved(reserved, MAVEN, name)
    ]


async def _whom_to_ask_for_group(
    registry: Registry, caller: Caller, view: View, kept: PackageId, group: str
) -> Sequence[Upstream]:
    """Nobody for who may not read all of the group, nor where it, or the artifact called so, is the namespace's own."""
    namespace = await registry.catalog.find_namespace(view.namespace)
    if view.channel is not None or namespace is None:
        return ()
    everything = PackageId(view.namespace, MAVEN, PackageName(f"{group}/*"))
    row = await registry.catalog.find_package(view, kept)
    is_own = (row is not None and row.hosted) or any(
        is_reserved(namespace.reserved, MAVEN, each.name) for each in (kept, everything)
    )
    if is_own or not access.may_read(caller, view, everything, public=namespace.public):
        return ()
    upstreams = await registry.catalog.list_upstreams(view.namespace, format=MAVEN)
    return [upstream for upstream in upstreams if _may_have_of(upstream.rules, kept.name, group)]


def _may_have_of(rules: UpstreamRules, name: PackageName, group: str) -> bool:
    """Whether anything of a group may come from there."""
    everything = f"{group}/*"
    if any(pattern.matches(MAVEN, each, None) for pattern in rules.block for each in (name, everything)):
        return False
    return not rules.allow or any(
        pattern.name.matches(everything) or str(pattern.name).startswith(f"{group}/") for pattern in rules.allow
    )


# --- files ---


async def fetch_remote(
    registry: Registry, caller: Caller, view: View, package: PackageId, path: ArtifactPath
) -> Arrival | None:
    """Fetch a file, which becomes part of its version here; None when no upstream shows it.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    if path.version is None:
        return None
    version = path.version
    sources = await _find_sources(registry, caller, view, package)
    if sources:
        stored = await registry.catalog.find_artifact(view, package, name=version)
        if stored is not None and stored.sealed:
            return None
    for upstream in sources:
        target = f"{_folder(package.name, path.folder)}/{quote(path.file, safe='')}"
        if await is_absent(registry, upstream, target) or await _is_hidden(registry, upstream, package, path):
            continue
        try:
            return await _Fetching(registry, upstream, package, path, target, version).begin()
        except FileUnknown:
            await keep_absent(registry, upstream, package, target)
        except UpstreamUnavailable:
            if not await was_absent(registry, upstream, target):
                raise
    return None


async def _find_sources(registry: Registry, caller: Caller, view: View, package: PackageId) -> Sequence[Upstream]:
    """Those whom files may come from: in order, and none behind the first that lists the artifact.

    Else a version that one repository does not have would come from whoever has it.
    """
    upstreams = await upstreams_for(registry, caller, view, package)
    for at, upstream in enumerate(upstreams[:-1]):
        answer = await _ask_for_versions(registry, upstream, package)
        if answer is not None and read_metadata(answer.content).versions:
            return upstreams[: at + 1]
    return upstreams


async def _is_hidden(registry: Registry, upstream: Upstream, package: PackageId, path: ArtifactPath) -> bool:
    """Whether a file's version is blocked or was deleted, or its cooldown is not over."""
    version = path.version or path.folder
    if not upstream.rules.lets_in(MAVEN, package.name, path.folder):
        return True
    if await withheld_among(registry, package, [version]):
        return True
    if not await _is_cooling(registry, upstream, package, version, path.folder):
        return False
    # Perhaps nobody has asked yet what there is.
    others: Collection[str] = ()
    if is_snapshot(path.folder):
        await _ask_for_builds(registry, upstream, package, path.folder)
    else:
        answer = await _ask_for_versions(registry, upstream, package)
        others = () if answer is None else read_metadata(answer.content).versions
    if version not in await registry.catalog.list_first_seen(upstream, package):
        await _see_unlisted(registry, upstream, package, path)
    if not await _is_cooling(registry, upstream, package, version, path.folder):
        return False
    # One that repairs another does not wait.
    return is_snapshot(path.folder) or version in await hidden_versions(
        registry, upstream, package, dict.fromkeys((*others, version))
    )


async def _is_cooling(registry: Registry, upstream: Upstream, package: PackageId, version: str, written: str) -> bool:
    """Whether a version is too new; *written* is what people write for it."""
    rules, now = upstream.rules, registry.clock.now()
    if rules.hidden_until(MAVEN, package.name, written, now) <= now:
        return False
    seen = await registry.catalog.list_first_seen(upstream, package)
    return rules.hidden_until(MAVEN, package.name, written, seen.get(version, now)) > now


async def _see_unlisted(registry: Registry, upstream: Upstream, package: PackageId, path: ArtifactPath) -> None:
    """A version that no metadata lists counts from now, if it is there: else its name could be seen in advance."""
    version = path.version or path.folder
    for name in dict.fromkeys((_pom_name(package.name, version), path.file)):
        target = f"{_folder(package.name, path.folder)}/{quote(name, safe='')}"
        async with registry.fetcher.stream(await origin_of(registry, upstream), target, headers={}) as stream:
            found = stream.status == _OK
        if found:
            await registry.catalog.write(
                lambda transaction: transaction.see_versions(upstream, package, {version: transaction.now})
            )
            return


@dataclass(slots=True)
class _Fetching:
    """The fetch of a file, and what is known of it by then."""

    registry: Registry
    upstream: Upstream
    package: PackageId
    path: ArtifactPath
    target: str
    version: ReferenceName
    said: dict[str, str] = field(default_factory=dict)
    """Checksums from the answer's headers."""
    is_page: bool = False
    modified_at: datetime | None = None
    """When it was changed last, as the answer says."""

    async def begin(self) -> Arrival:
        """Begin, or join another. Raises like `fetch_file`."""
        wanted = Wanted(self.target, self.path.file, claims=self._read_headers)
        landing = Landing(examine_remote(self.path), self._publish)
        return await fetch_file(self.registry, self.upstream, self.package, wanted, landing)

    def _read_headers(self, headers: Mapping[str, str]) -> Mapping[str, bytes]:
        self.modified_at = last_modified(headers)
        self.is_page = headers.get("content-type", "").lower().startswith("text/html")
        for algorithm, digits in CHECKSUMS.items():
            for prefix in _HEADERS:
                value = headers.get(f"{prefix}{algorithm}", "").strip().lower()
                if re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
                    self.said[algorithm] = value
        return {algorithm: bytes.fromhex(value) for algorithm, value in self.said.items()}

    async def _publish(self, caller: Caller, blob: StoredBlob, found: Found) -> None:
        if not self.said:
            await self._verify({**found.checksums, blob.digest.algorithm: blob.digest.hex})
        new = NewFile(self.path.file, media_type(self.path), blob)
        addition = Addition(self.version, (new,), self._describe(found))
        try:
            await add_files(self.registry, caller, self.package, KIND, addition)
        except (Conflict, TooLarge) as error:
            raise UpstreamInvalid(self.path.file, expected=str(error)) from error

    def _describe(self, found: Found) -> Describe:
        now = self.registry.clock.now()
        at = now if self.modified_at is None else min(self.modified_at, now)
        return describing(self.path, self.version, found, modified_at=at)

    async def _verify(self, actual: Mapping[str, str]) -> None:
        """Compare with the checksum beside the file; the first that is there and can be read counts.

        A file without any is taken as it came, unless it is a web page: so servers say that something is not there,
        or that somebody must log in. Raises `DigestMismatch`, `UpstreamInvalid`, `UpstreamUnavailable`.
        """
        origin = await origin_of(self.registry, self.upstream)
        for algorithm in _BESIDE:
            try:
                answer = await self.registry.fetcher.get(
                    origin, f"{self.target}.{algorithm}", headers={}, limit=checksums.MAX_SIZE
                )
                if answer.status != _OK:
                    continue
                claim = checksums.parse_checksum(algorithm, answer.body.decode("latin-1"))
            except (InvalidDigest, UpstreamInvalid):
                continue
            checksums.verify({algorithm: claim}, actual)
            return
        if self.is_page and not self.path.file.endswith((".html", ".htm")):
            raise UpstreamInvalid(self.path.file, expected="a file, or a checksum beside it", actual="a web page")


def newest_path(listed: ListedBuilds | None, path: ArtifactPath) -> ArtifactPath | None:
    """The path of the same file in the newest build of its snapshot; None when no build has it."""
    build = None if listed is None else find_newest(listed, path.classifier, path.extension)
    if build is None:
        return None
    file = ListedFile(path.classifier, path.extension, build)
    return replace(file.path(path.package, path.folder), checksum=path.checksum)


# --- for others than Maven ---


class MavenReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/archetype-catalog.xml", is_everywhere=False, is_answer=lambda head: b"<archetype-catalog" in head)
    """A repository is a folder; there is nothing that every one has, but what may be there is known."""

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says."""
        remote = await read_remote(registry, caller, view, _package(view, name))
        if remote is None:
            return None
        return Listed(await asyncio.to_thread(sort_versions, remote.versions), remote.stale)

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: the POM, what it describes, and Gradle's metadata.

        Which other files there are, such as sources, no repository says.
        """
        view, package = wish.view, _package(wish.view, wish.name)
        folder, release = await _resolve_version(registry, caller, view, package, wish.version)
        artifact = package.name.partition("/")[2]

        async def here(extension: str) -> tuple[Fetched, frozenset[str]] | None:
            path = parse_file(package.name, folder, f"{artifact}-{release}.{extension}")
            return await _have(registry, caller, view, path)

        found = [each for each in (await here("pom"), await here("module")) if each is not None]
        stored = await find_stored(registry, caller, package, release)
        pom = {} if stored is None else stored.metadata.get("pom", {})
        packaging = pom.get("packaging", "")
        if packaging != "pom":
            main = await here("jar")
            if main is None and _EXTENSION.fullmatch(packaging) and packaging != "jar":
                main = await here(packaging)
            found += [] if main is None else [main]
        if not found:
            raise ReferenceUnknown(wish.version[:200])
        return wish.select(found)


def _package(view: View, name: str) -> PackageId:
    return PackageId(view.namespace, MAVEN, RULES.normalize(name))


async def _resolve_version(
    registry: Registry, caller: Caller, view: View, package: PackageId, version: str
) -> tuple[str, ReferenceName]:
    """The folder and the version, which is the newest build of a snapshot."""
    if not is_snapshot(version):
        release = RULES.parse_version(version)
        return snapshot_of(release), release
    remote = await read_remote_builds(registry, caller, view, package, version) if is_version(version) else None
    if remote is None or remote.listed is None:
        raise ReferenceUnknown(version[:200])
    return version, ReferenceName(remote.listed.newest.value)


async def _have(
    registry: Registry, caller: Caller, view: View, path: ArtifactPath
) -> tuple[Fetched, frozenset[str]] | None:
    """A file of a version, here now, with all its hashes; None when nobody has it."""
    package = PackageId(view.namespace, MAVEN, path.package)
    found = await _find_stored(registry, caller, package, path)
    if found is None:
        arrival = await fetch_remote(registry, caller, view, package, path)
        if arrival is None:
            return None
        await arrival.blob
        found = await _find_stored(registry, caller, package, path)
    return found


async def _find_stored(
    registry: Registry, caller: Caller, package: PackageId, path: ArtifactPath
) -> tuple[Fetched, frozenset[str]] | None:
    stored = None if path.version is None else await find_stored(registry, caller, package, path.version)
    file = None if stored is None else stored.find(path.file)
    if stored is None or file is None:
        return None
    names = frozenset(f"{algorithm}:{value}" for algorithm, value in stored.checksums(file).items())
    return Fetched(file.path, file.digest, file.size), names
