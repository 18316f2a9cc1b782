"""Read through to other chart repositories: their indexes join ours, and their charts are fetched when they are wanted.

The index of a repository is one document about all its charts, so upstreams are surveyed, not asked for each chart.
Of a chart that several upstreams have, the first one's versions count.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from entrepot.formats.helm.archive import LIMITS, examine_remote_chart
from entrepot.formats.helm.provenance import MAX_SIZE, Provenance, check_provenance, examine_provenance
from entrepot.formats.helm.publish import adding_chart, adding_provenance, find_contents
from entrepot.formats.helm.remote_index import RemoteIndex, RemoteVersion, condense, read_condensed
from entrepot.formats.helm.rules import HELM, KIND, RULES, ChartFile, print_file, print_version
from entrepot.model.errors import (
    FileUnknown,
    InvalidMetadata,
    ReferenceUnknown,
    UpstreamInvalid,
    UpstreamUnavailable,
    VersionSealed,
)
from entrepot.model.names import PackageId, View
from entrepot.operations import access
from entrepot.operations.add_files import add_files
from entrepot.operations.fetch_file import Landing, Wanted, fetch_file
from entrepot.operations.mirror import own_names, upstreams_of
from entrepot.operations.registry import Fetched, Listed, Probe, Wish
from entrepot.operations.survey import Subject, hidden_of, survey

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.formats.helm.metadata import ChartMetadata
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageName, ReferenceName
    from entrepot.model.upstream import Upstream
    from entrepot.operations.fetch_file import Arrival
    from entrepot.operations.registry import Registry
    from entrepot.operations.survey import Survey
    from entrepot.operations.upload import StoredBlob

T = TypeVar("T")


def _versions(index: RemoteIndex) -> Mapping[PackageName, Mapping[str, datetime | None]]:
    return {name: {each.reference: each.created for each in versions} for name, versions in index.items()}


_INDEX: Final = Subject("/index.yaml", condense, read_condensed, _versions)


@dataclass(frozen=True, slots=True)
class RemoteChart:
    """What of another repository's chart is shown."""

    upstream: Upstream
    package: PackageId
    versions: Sequence[RemoteVersion]
    """Newest first."""
    shown: str
    """Another one whenever something else is shown of the same chart."""

    def find(self, version: ReferenceName) -> RemoteVersion | None:
        """The version of that name, if it is shown."""
        return next((each for each in self.versions if each.reference == version), None)


@dataclass(frozen=True, slots=True)
class RemoteCharts:
    """What upstreams show of all their charts."""

    charts: Mapping[PackageName, RemoteChart]
    shown: str
    stale: str | None
    """Which upstream could not be asked today, if any."""


async def read_remote_charts(registry: Registry, caller: Caller, view: View) -> RemoteCharts | None:
    """What upstreams have that the caller may read; None when there is nobody to ask.

    Who may read nothing of the view is told so before this is asked.
    One that never answered hides those behind it, which might have charts of the same names, but nothing of ours.
    """
    charts: dict[PackageName, RemoteChart] = {}
    stale: str | None = None
    upstreams = await upstreams_of(registry, view, HELM)
    if not upstreams:
        return None
    namespace = await registry.catalog.find_namespace(view.namespace)
    public = namespace is not None and namespace.public
    for upstream in upstreams:
        try:
            found = await survey(registry, upstream, _INDEX)
        except (UpstreamUnavailable, UpstreamInvalid):
            stale = upstream.name
            break
        if found is None:
            continue
        stale = stale or (None if found.stale is None else upstream.name)
        names = [
            name
            for name in found.content
            if name not in charts
            and upstream.rules.lets_in(HELM, name)
            and access.may_read(caller, view, PackageId(view.namespace, HELM, name), public=public)
        ]
        own = await own_names(registry, view.namespace, HELM, names)
        charts |= await _shown(registry, found, view, [name for name in names if name not in own])
    said = [f"{name} {charts[name].shown}" for name in sorted(charts)]
    return RemoteCharts(charts, _hash(said), stale)


async def read_remote_chart(
    registry: Registry, caller: Caller, view: View, package: PackageId
) -> tuple[RemoteChart, str | None] | None:
    """What the first upstream that has a chart shows of it, and why that is not today's if it is not.

    None when there is nothing, or nobody to ask.
    Raises `UpstreamUnavailable`, `UpstreamInvalid`, or what `access.require_read` raises.
    """
    upstreams = await upstreams_of(registry, view, HELM)
    if upstreams:
        await access.require_read(registry, caller, view, package)
    upstreams = [each for each in upstreams if each.rules.lets_in(HELM, package.name)]
    if not upstreams or await own_names(registry, view.namespace, HELM, [package.name]):
        return None
    for upstream in upstreams:
        found = await survey(registry, upstream, _INDEX)
        if found is not None and package.name in found.content:
            return (await _shown(registry, found, view, [package.name]))[package.name], found.stale
    return None


async def _shown(
    registry: Registry, found: Survey[RemoteIndex], view: View, names: Collection[PackageName]
) -> dict[PackageName, RemoteChart]:
    hidden = await hidden_of(
        registry, found, names, lambda name: {each.reference: each for each in found.content[name]}
    )
    charts = {}
    for name in names:
        concealed = hidden.get(name, frozenset())
        charts[name] = RemoteChart(
            found.upstream,
            PackageId(view.namespace, HELM, name),
            [each for each in found.content[name] if each.reference not in concealed],
            _hash(found.upstream.name, found.fetched_at, sorted(concealed)),
        )
    return charts


def _hash(*said: object) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


# --- charts ---


async def fetch_remote(
    registry: Registry, caller: Caller, view: View, package: PackageId, file: ChartFile
) -> Arrival | None:
    """Fetch a chart or its provenance, which become part of the version here; None when nobody shows such a version.

    Raises `FileUnknown` and like `fetch_file`, or what `access.require_read` raises.
    """
    remote = await read_remote_chart(registry, caller, view, package)
    version = None if remote is None else remote[0].find(file.version)
    if remote is None or version is None:
        return None
    if file.is_provenance:
        return await _fetch_provenance(registry, caller, remote[0], version)
    return await _fetch_chart(registry, remote[0], version)


async def _fetch_chart(registry: Registry, remote: RemoteChart, version: RemoteVersion) -> Arrival:
    async def publish(caller: Caller, blob: StoredBlob, chart: ChartMetadata) -> None:
        await add_files(registry, caller, remote.package, KIND, adding_chart(chart, blob))

    name = remote.package.name
    hashes = {} if version.sha256 is None else {"sha256": bytes.fromhex(version.sha256)}
    landing = Landing(partial(examine_remote_chart, name=name, version=version.reference), publish)
    path = print_file(name, version.reference)
    return await _fetch_first(
        registry,
        remote,
        [Wanted(url, path, hashes=hashes, limit=LIMITS.unpacked_size) for url in _urls(remote, version)],
        landing,
    )


async def _fetch_provenance(registry: Registry, caller: Caller, remote: RemoteChart, version: RemoteVersion) -> Arrival:
    """Behind the chart itself, which it must be about."""
    chart = await _have_chart(registry, caller, remote, version)

    def examine(file: BinaryIO) -> Provenance:
        found = examine_provenance(file)
        if (found.name, found.version) != (remote.package.name, version.reference):
            raise InvalidMetadata(path, expected="the provenance of this chart")
        check_provenance(found, chart.digest)
        return found

    async def publish(upstream: Caller, blob: StoredBlob, provenance: Provenance) -> None:
        try:
            await add_files(registry, upstream, remote.package, KIND, adding_provenance(provenance, blob))
        except VersionSealed as error:
            # What was cleared, or pushed whole, is what it is.
            raise FileUnknown(path) from error

    path = print_file(remote.package.name, version.reference, is_provenance=True)
    wanted = [Wanted(_provenance_url(url), path, limit=MAX_SIZE) for url in _urls(remote, version)]
    return await _fetch_first(registry, remote, wanted, Landing(examine, publish))


async def _have_chart(registry: Registry, caller: Caller, remote: RemoteChart, version: RemoteVersion) -> Fetched:
    path = print_file(remote.package.name, version.reference)
    contents = await find_contents(registry, caller, remote.package, version.reference)
    stored = None if contents is None else contents.files.get(path)
    if stored is not None:
        return Fetched(path, stored.digest, stored.size)
    blob = await (await _fetch_chart(registry, remote, version)).blob
    return Fetched(path, blob.digest, blob.size)


async def _fetch_first(
    registry: Registry, remote: RemoteChart, wanted: Sequence[Wanted], landing: Landing[T]
) -> Arrival:
    """From the first of several places that has it. Raises what the last one raises."""
    *others, last = wanted
    for each in others:
        try:
            return await fetch_file(registry, remote.upstream, remote.package, each, landing)
        except (FileUnknown, UpstreamUnavailable, UpstreamInvalid):
            continue
    return await fetch_file(registry, remote.upstream, remote.package, last, landing)


def _urls(remote: RemoteChart, version: RemoteVersion) -> Sequence[str]:
    """Where a chart is: relative to where the repository is said to be, as Helm has it. Raises `UpstreamInvalid`."""
    found = []
    for url in version.urls:
        with suppress(ValueError):
            parts = urlsplit(urljoin(f"{remote.upstream.url}/", url))
            if parts.scheme in ("http", "https") and parts.hostname:
                found.append(parts._replace(fragment="").geturl())
    if not found:
        raise UpstreamInvalid(
            print_file(remote.package.name, version.reference), expected="an address of http or https"
        )
    return found


def _provenance_url(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path}.prov").geturl()


class HelmReadThrough:
    """What is asked of this format when no client of its own is asking."""

    probe = Probe("/index.yaml", is_answer=lambda head: b"apiVersion" in head or b"entries" in head)

    async def list_versions(self, registry: Registry, caller: Caller, view: View, name: str) -> Listed | None:
        """As `entrepot.operations.registry.ReadThrough` says."""
        remote = await read_remote_chart(registry, caller, view, _package(view, name))
        if remote is None:
            return None
        chart, stale = remote
        return Listed([print_version(each.reference) for each in chart.versions], stale)

    async def fetch(self, registry: Registry, caller: Caller, wish: Wish) -> Sequence[Fetched]:
        """As `entrepot.operations.registry.ReadThrough` says: the chart, and its provenance if there is one."""
        reference = RULES.parse_version(wish.version)
        remote = await read_remote_chart(registry, caller, wish.view, _package(wish.view, wish.name))
        found = None if remote is None else remote[0].find(reference)
        if remote is None or found is None:
            raise ReferenceUnknown(wish.version)
        if found.sha256 is not None:
            # Before anything is fetched, where it can be said before.
            wish.select([(found, [f"sha256:{found.sha256}"])])
        chart = await _have_chart(registry, caller, remote[0], found)
        fetched = wish.select([(chart, [str(chart.digest)])])
        # Most charts have none, and one that is wrong is no reason to go without the chart.
        with suppress(FileUnknown, UpstreamInvalid, UpstreamUnavailable):
            provenance = await (await _fetch_provenance(registry, caller, remote[0], found)).blob
            path = print_file(remote[0].package.name, reference, is_provenance=True)
            fetched.append(Fetched(path, provenance.digest, provenance.size))
        return fetched


def _package(view: View, name: str) -> PackageId:
    return PackageId(view.namespace, HELM, RULES.normalize(name))
