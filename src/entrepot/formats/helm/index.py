"""What a view shows of charts: each chart's versions as data, and the documents that are made of them.

The index of a repository is about every chart of the view, so it has no revision of its own; its entity tag is made of
the charts that the caller may see, each with its revision (I11).
Each chart's part is rendered once for its revision, so a new version costs its own chart's part and one concatenation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.formats.helm.rules import CHART, HELM, KIND, ChartVersion, print_version
from entrepot.model.errors import PackageUnknown
from entrepot.model.names import PackageId
from entrepot.operations.browse import list_packages
from entrepot.operations.read_package import read_package

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.contents import FilePath
    from entrepot.model.names import PackageName, View
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


def url_of(name: PackageName, path: FilePath) -> str:
    """Where a chart's file is, from the index."""
    return f"charts/{name}/{path}"


async def list_charts(registry: Registry, caller: Caller, view: View) -> list[PackageRow]:
    """Every chart that *view* shows the caller. Raises like `list_packages`."""
    found: list[PackageRow] = []
    after: PackageId | None = None
    while True:
        page = await list_packages(registry, caller, view=view, format=HELM, after=after, limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found
        after = page[-1].id


def tag_of(rows: Sequence[PackageRow]) -> str:
    """The entity tag of what is made of these packages at these revisions."""
    state = "\n".join(f"{row.id.name} {row.revision}" for row in rows)
    return f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'


async def render_index(call: Call, view: View, rows: Sequence[PackageRow]) -> bytes:
    """The index: JSON, which is YAML too and which Helm reads faster; a line for each version."""
    # By its context path the clients of ChartMuseum's API know what to put before and behind "api".
    head = msgspec.json.encode({"apiVersion": "v1", "serverInfo": {"contextPath": f"/helm/{view}"}})
    return head[:-1] + b',"entries":' + await render_entries(call, view, rows) + b"}\n"


async def render_entries(call: Call, view: View, rows: Sequence[PackageRow]) -> bytes:
    """The entries of every chart, by name."""
    parts = []
    for row in rows:
        entries = await render_chart(call, view, row)
        if entries != _NONE:
            parts.append(msgspec.json.encode(row.id.name) + b":" + entries)
    return b"{\n" + b",\n".join(parts) + b"}"


_NONE: Final = b"[]"


async def render_chart(call: Call, view: View, row: PackageRow) -> bytes:
    """The entries of one chart's versions, as JSON; an empty list when there is none left."""

    async def render() -> bytes:
        try:
            package = await read_package(call.registry, call.caller, view, row.id, KIND)
        except PackageUnknown:
            return _NONE
        entries = [msgspec.json.encode(chart.entry()) for chart in index_charts(package, row.id.name)]
        return b"[" + b",\n".join(entries) + b"]"

    return await call.documents.get((HELM, "chart", str(view), row.id.name), row.revision, render)
