"""What a view shows of charts: each chart's versions as data, and the documents that are made of them.

The index of a repository is about every chart of the view, so it has no revision of its own; its entity tag is made of
the charts that the caller may see, each with its revision (I11), and of what upstreams show.
Each chart's part is rendered once for its revision, so a new version costs its own chart's part and one concatenation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.formats.helm.rules import CHART, HELM, KIND, ChartVersion, print_version, url_of
from entrepot.formats.helm.upstream import read_remote_charts
from entrepot.model.errors import PackageUnknown
from entrepot.model.names import PackageId
from entrepot.operations.browse import list_packages
from entrepot.operations.read_package import read_package

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from entrepot.formats.helm.upstream import RemoteChart, RemoteCharts
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageName, ReferenceName, View
    from entrepot.operations.read_package import StoredPackage, StoredVersion
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import PackageRow
    from entrepot.wire.call import Call

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class IndexedChart:
    """One version of a chart, as an index lists it."""

    version: ChartVersion
    fields: Mapping[str, Any]
    """What the chart says of itself."""
    url: str
    """Relative to the index."""
    sha256: str
    created_at: datetime
    is_deprecated: bool

    def entry(self) -> dict[str, Any]:
        """The entry, in the fields of Helm's index."""
        entry = {
            **self.fields,
            "urls": [self.url],
            "created": self.created_at.isoformat().replace("+00:00", "Z"),
            "digest": self.sha256,
        }
        return entry | {"deprecated": True} if self.is_deprecated else entry

    def encoded(self) -> bytes:
        """The same as JSON."""
        return msgspec.json.encode(self.entry())


def index_charts(package: StoredPackage, name: PackageName) -> list[IndexedChart]:
    """The versions that nobody has yanked, newest first."""
    charts = [_index(name, version) for version in package.versions if version.yanked is None]
    return sorted((chart for chart in charts if chart is not None), key=lambda chart: chart.version, reverse=True)


def _index(name: PackageName, stored: StoredVersion) -> IndexedChart | None:
    for file in stored.contents.files.values():
        if file.media_type == CHART:
            return IndexedChart(
                ChartVersion.parse(print_version(stored.name)),
                stored.metadata,
                url_of(name, file.path),
                file.digest.hex,
                stored.published_at,
                stored.deprecated is not None,
            )
    return None


async def _list_rows(registry: Registry, caller: Caller, view: View) -> list[PackageRow]:
    found: list[PackageRow] = []
    after: PackageId | None = None
    while True:
        page = await list_packages(registry, caller, view=view, format=HELM, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found
        after = page[-1].id


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a view shows the caller of all charts: what is stored here, and what upstreams have."""

    view: View
    rows: Mapping[PackageName, PackageRow]
    remote: RemoteCharts | None

    @property
    def names(self) -> Sequence[PackageName]:
        """Of every chart, in order."""
        return sorted(self.rows.keys() | (self.remote.charts.keys() if self.remote is not None else ()))

    @property
    def tag(self) -> str:
        """The entity tag of what is made of these charts at these revisions."""
        state = "\n".join(f"{row.id.name} {row.revision}" for row in self.rows.values())
        if self.remote is not None:
            state += f"\n{self.remote.shown}"
        return f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'


async def read_catalogue(registry: Registry, caller: Caller, view: View) -> Catalogue:
    """All that *view* shows the caller. Raises like `list_packages`."""
    rows = await _list_rows(registry, caller, view)
    return Catalogue(view, {row.id.name: row for row in rows}, await read_remote_charts(registry, caller, view))


async def render_index(call: Call, catalogue: Catalogue) -> bytes:
    """The index: JSON, which is YAML too and which Helm reads faster; a line for each version."""
    # By its context path the clients of ChartMuseum's API know what to put before and behind "api".
    head = msgspec.json.encode({"apiVersion": "v1", "serverInfo": {"contextPath": f"/helm/{catalogue.view}"}})
    return head[:-1] + b',"entries":' + await render_entries(call, catalogue) + b"}\n"


async def render_entries(call: Call, catalogue: Catalogue) -> bytes:
    """The entries of every chart, by name."""
    parts = []
    for name in catalogue.names:
        remote = None if catalogue.remote is None else catalogue.remote.charts.get(name)
        entries = await render_chart(call, catalogue.view, catalogue.rows.get(name), remote)
        if entries != _NONE:
            parts.append(msgspec.json.encode(name) + b":" + entries)
    return b"{\n" + b",\n".join(parts) + b"}"


_NONE: Final = b"[]"


async def render_chart(call: Call, view: View, row: PackageRow | None, remote: RemoteChart | None) -> bytes:
    """The entries of one chart's versions, as JSON; an empty list when there is none left."""
    if row is None:
        # They were rendered when they came.
        return _rendered([] if remote is None else [bytes(each.entry) for each in remote.versions])
    package = row.id

    async def render() -> bytes:
        try:
            stored = await read_package(call.registry, call.caller, view, package, KIND)
        except PackageUnknown:
            return _NONE
        charts = index_charts(stored, package.name)
        if remote is None:
            return _rendered([chart.encoded() for chart in charts])
        yanked = frozenset(version.name for version in stored.versions if version.yanked is not None)
        return _rendered(_joined(charts, remote, withheld=yanked))

    key = (HELM, "chart", str(view), package.name, None if remote is None else remote.shown)
    return await call.documents.get(key, row.revision, render)


def _joined(stored: Sequence[IndexedChart], remote: RemoteChart, *, withheld: Collection[ReferenceName]) -> list[bytes]:
    """The entries of what is stored here, which stays as it is, and of what is there but for the *withheld*."""
    known = {each.version: each for each in stored}
    entries = []
    for each in remote.versions:
        ours = known.pop(each.version, None)
        if ours is not None:
            created = ours.created_at if each.created is None else each.created
            told = replace(ours, created_at=created, is_deprecated=ours.is_deprecated or each.deprecated)
            entries.append((each.version, told.encoded()))
        elif each.reference not in withheld:
            entries.append((each.version, bytes(each.entry)))
    entries += [(each.version, each.encoded()) for each in known.values()]
    return [entry for _, entry in sorted(entries, reverse=True)]


def _rendered(entries: Sequence[bytes]) -> bytes:
    return b"[" + b",\n".join(entries) + b"]"
