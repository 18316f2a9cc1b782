"""Read through to another registry: its packuments stand for ours, and its tarballs are fetched when they are wanted.

It is always asked for the full packument: only there are the times that a cooldown counts from, and that clients with
a waiting time of their own look for; and there is one answer to keep, whatever form a client wants.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from entrepot.formats.npm.hosted import read_stored
from entrepot.formats.npm.metadata import KIND, TARBALL_TYPE, Claim, describe_remote
from entrepot.formats.npm.packument import Packument, Release, substitute
from entrepot.formats.npm.remote import (
    check_attestations,
    check_signatures,
    condense,
    read_keys,
    recall_packument,
)
from entrepot.formats.npm.rules import NPM, RULES, parse_loose, tarball_name
from entrepot.formats.npm.tarball import examine
from entrepot.model.contents import Contents, FilePath
from entrepot.model.errors import (
    Denied,
    Erased,
    NotFound,
    ReferenceUnknown,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId
from entrepot.operations.add_files import Addition, NewFile, add_files
from entrepot.operations.fetch_file import Landing, Wanted, fetch_file
from entrepot.operations.mirror import Question, ask, ask_first, hidden_versions
from entrepot.operations.registry import Fetched, Listed, Probe, Wish
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.upstreams import is_page, list_upstreams

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.formats.npm.remote import Key, RemoteRelease
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageName, ReferenceName, View
    from entrepot.model.upstream import Upstream
    from entrepot.operations.add_files import Metadata
    from entrepot.operations.fetch_file import Arrival
    from entrepot.operations.mirror import Answer
    from entrepot.operations.registry import Registry
    from entrepot.operations.upload import StoredBlob

_PACKUMENT_SIZE: Final = 128 * 1024 * 1024
_KEYS: Final = "/-/npm/v1/keys"
_KEYS_SIZE: Final = 256 * 1024
_ATTESTATIONS_SIZE: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RemotePackage:
    """What of another registry's package is shown."""

    upstream: Upstream
    package: PackageId
    url: str
    """Where its packument was found."""
    releases: Mapping[ReferenceName, RemoteRelease]
    tags: Mapping[ReferenceName, ReferenceName]
    maintainers: Sequence[str]
    readme: str | None
    keys: Sequence[Key]
    """The keys whose signatures are passed on: clients take others for a forgery."""
    shown: str
    """Another one whenever something else is shown of the same packument."""
    stale: str | None
    """Why it is not today's; None when it is."""

    def joined(self, stored: Packument) -> Packument:
        """What is there, in its order, and what is stored here and is there no more."""
        known = {release.version: release for release in stored.releases}
        found = [
            self._joined(known.pop(version), each) if version in known else self._listed(each)
            for version, each in self.releases.items()
        ]
        releases = [*known.values(), *found]
        return replace(
            stored,
            releases=releases,
            tags={**stored.tags, **self._tags({release.version for release in releases})},
            maintainers=self.maintainers,
            readme=self.readme,
        )

    def _listed(self, release: RemoteRelease) -> Release:
        listed = release.listed(self.package.name, self.upstream.actor)
        return replace(listed, signatures=self._signatures(release)) if release.signatures else listed

    def _joined(self, stored: Release, release: RemoteRelease) -> Release:
        """What is stored is as it was; the other registry says when it was published, and what is thought of it now."""
        return replace(
            stored,
            published_at=release.published_at or stored.published_at,
            deprecated=release.deprecated if stored.deprecated is None else stored.deprecated,
            # They are of its integrity as it is written there.
            signatures=self._signatures(release) if release.integrity == stored.integrity else (),
            provenance=stored.provenance or release.provenance,
        )

    def _signatures(self, release: RemoteRelease) -> list[Mapping[str, str]]:
        known = {key.keyid for key in self.keys}
        return [each for each in release.signatures if each["keyid"] in known]

    def _tags(self, shown: Collection[ReferenceName]) -> dict[ReferenceName, ReferenceName]:
        meant = {tag: version if version in shown else substitute(version, shown) for tag, version in self.tags.items()}
        return {tag: version for tag, version in meant.items() if version is not None}


async def read_remote(registry: Registry, caller: Caller, view: View, package: PackageId) -> RemotePackage | None:
    """What upstreams have of a package that the caller may read; None when there is nothing, or nobody to ask.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    reading = _Reading(package.name)
    question = Question(
        f"/{package.name.replace('/', '%2f')}",
        {"accept": "application/json"},
        limit=_PACKUMENT_SIZE,
        versions=reading.find_versions,
        condense=reading.condense,
    )
    answer = await ask_first(registry, caller, view, package, question)
    return None if answer is None else await _shown(registry, package, answer)


class _Reading:
    """A packument that is read once for both that is wanted of it: some have tens of megabytes."""

    def __init__(self, package: PackageName) -> None:
        self._package = package
        self._read: tuple[bytes, bytes] = (b"", b"")
        """What was read last, and what was made of it."""

    def find_versions(self, content: bytes, _: str) -> Mapping[str, datetime | None]:
        """The versions, with their times."""
        condensed, times = condense(content, self._package)
        self._read = content, condensed
        return times

    def condense(self, content: bytes, _: str) -> bytes:
        """What is kept of it."""
        known, condensed = self._read
        return condensed if content is known else condense(content, self._package)[0]


async def _shown(registry: Registry, package: PackageId, answer: Answer) -> RemotePackage:
    packument = await recall_packument(answer.content, package.name)
    upstream = answer.upstream
    hidden = await hidden_versions(registry, upstream, package, packument.times)
    releases = packument.releases
    if hidden:
        releases = {version: each for version, each in releases.items() if version not in hidden}
    keys = await _ask_keys(registry, upstream) if packument.signed else ()
    ids = sorted({key.keyid for key in keys})
    shown = hashlib.sha256(repr((upstream.name, answer.url, sorted(hidden), ids)).encode()).hexdigest()[:16]
    return RemotePackage(
        upstream,
        package,
        answer.url,
        releases,
        packument.tags,
        packument.maintainers,
        packument.readme,
        keys,
        shown,
        answer.stale,
    )


# --- tarballs ---


async def fetch_remote(registry: Registry, remote: RemotePackage, release: RemoteRelease) -> Arrival:
    """Fetch a tarball, which becomes a version here.

    What the upstream signed has to be what it announces. Raises like `fetch_file`.
    """
    name = remote.package.name
    check_signatures(name, release, remote.keys)
    file = tarball_name(name, release.version)
    claim = Claim(
        name,
        release.version,
        release.read_original(),
        publisher=release.publisher or remote.upstream.actor,
        written=release.written,
    )

    def look(content: BinaryIO) -> Metadata:
        return describe_remote(claim, examine(content))

    async def publish(caller: Caller, blob: StoredBlob, metadata: Metadata) -> None:
        def metadata_of(_: Metadata | None) -> Metadata:
            return metadata

        files = (NewFile(FilePath(file), TARBALL_TYPE, blob),)
        addition = Addition(release.version, files=files, describe=metadata_of, sealed=True)
        await add_files(registry, caller, remote.package, KIND, addition)

    wanted = Wanted(_absolute(remote.url, release.tarball), file, hashes=release.sums)
    return await fetch_file(registry, remote.upstream, remote.package, wanted, Landing(look, publish))


def _absolute(url: str, reference: str) -> str:
    """A reference in a packument that was found at *url*. Raises `UpstreamInvalid`.

    Registries behind proxies write ``http`` where they are asked by ``https``.
    """
    try:
        found, base = urlsplit(urljoin(url, reference)), urlsplit(url)
        if (found.scheme, base.scheme) == ("http", "https") and found.hostname == base.hostname:
            found = found._replace(scheme="https", netloc=base.netloc)
    except ValueError as error:
        raise UpstreamInvalid(ascii(reference[:200]), expected="a URL") from error
    return found.geturl()


class NpmReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/-/ping", is_answer=lambda head: not is_page(head))

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says."""
        remote = await read_remote(registry, caller, view, _package(view, name))
        return None if remote is None else Listed(list(remote.releases), remote.stale)

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: the version's tarball."""
        package, wanted = _package(wish.view, wish.name), parse_loose(wish.version)
        remote = await read_remote(registry, caller, wish.view, package)
        release = None if remote is None else remote.releases.get(wanted)
        sums = {} if release is None else release.sums
        # Before anything is fetched, as far as it can be said before.
        if release is not None and {text.partition(":")[0] for text in wish.hashes} <= sums.keys():
            wish.select([(release, _print_sums(sums))])
        file = tarball_name(package.name, wanted)
        digest = await find_tarball(registry, caller, wish.view, package, wanted)
        if digest is not None:
            blob = await find_blob(registry, caller, wish.view, package, digest)
            fetched = Fetched(file, blob.digest, blob.size)
        elif remote is None or release is None:
            raise ReferenceUnknown(wish.version)
        else:
            kept = await (await fetch_remote(registry, remote, release)).blob
            fetched = Fetched(file, kept.digest, kept.size)
        if not wish.hashes:
            return [fetched]
        stored = (await read_stored(registry, caller, wish.view, package)).find(wanted)
        sums = {} if stored is None else stored.sums
        return wish.select([(fetched, [*_print_sums(sums), str(fetched.digest)])])


def _print_sums(sums: Mapping[str, bytes]) -> list[str]:
    return [f"{algorithm}:{value.hex()}" for algorithm, value in sums.items()]


def _package(view: View, name: str) -> PackageId:
    return PackageId(view.namespace, NPM, RULES.normalize(name))


async def find_tarball(
    registry: Registry, caller: Caller, view: View, package: PackageId, version: ReferenceName
) -> Digest | None:
    """The file of a version that is stored here; None when there is none. Raises `Erased`, `Unauthenticated` and the like."""
    try:
        found = await resolve(registry, caller, view, package, name=version)
    except Erased:
        raise
    except NotFound:
        return None
    contents = Contents.read(found.content, KIND)
    file = None if contents is None else contents.files.get(FilePath(tarball_name(package.name, version)))
    return None if file is None else file.digest


# --- signatures and attestations ---


async def _ask_keys(registry: Registry, upstream: Upstream) -> Sequence[Key]:
    """The keys of an upstream's signatures; none where it has none, or does not say: an installation needs none."""
    question = Question(_KEYS, limit=_KEYS_SIZE, versions=_no_versions(read_keys), indexes=False)
    try:
        answer = await ask(registry, upstream, None, question)
    except (UpstreamUnavailable, UpstreamInvalid):
        return ()
    return () if answer is None else read_keys(answer.content)


async def list_remote_keys(registry: Registry, caller: Caller, view: View) -> Sequence[Key]:
    """The keys of all upstreams whose signatures are passed on in *view*, to who may know of the namespace."""
    if view.channel is not None:
        return ()
    try:
        upstreams = await list_upstreams(registry, caller, view.namespace, format=NPM)
    except (NotFound, Unauthenticated, Denied):
        return ()
    found: dict[str, Key] = {}
    for upstream in upstreams:
        # They were asked for with the first packument that has signatures.
        known = await registry.catalog.find_mirrored(upstream, _KEYS)
        if known is not None and known.content:
            found |= {key.keyid: key for key in read_keys(known.content)}
    return list(found.values())


async def fetch_attestations(registry: Registry, remote: RemotePackage, release: RemoteRelease) -> bytes | None:
    """What the upstream has of a version's provenance; None when there is nothing.

    Raises `UpstreamUnavailable`, `UpstreamInvalid`.
    """
    if release.attestations is None:
        return None
    question = Question(
        _absolute(remote.url, release.attestations),
        limit=_ATTESTATIONS_SIZE,
        versions=_no_versions(check_attestations),
        indexes=False,
    )
    answer = await ask(registry, remote.upstream, remote.package, question)
    return None if answer is None else answer.content


def _no_versions(check: Callable[[bytes], Any]) -> Callable[[bytes, str], Mapping[str, datetime | None]]:
    """For answers that tell of no versions, and are kept only when they can be read."""

    def read(content: bytes, _: str) -> Mapping[str, datetime | None]:
        check(content)
        return {}

    return read
