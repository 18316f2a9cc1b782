"""``/helm/<view>/``: a chart repository (https://helm.sh/docs/topics/chart_repository/), and ChartMuseum's API to fill it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.formats.helm.index import Catalogue, read_catalogue, render_chart, render_entries, render_index
from entrepot.formats.helm.provenance import MAX_SIZE
from entrepot.formats.helm.publish import Delivery, NamedChart
from entrepot.formats.helm.rules import HELM, KIND, RULES, parse_file, print_version
from entrepot.formats.helm.upstream import fetch_remote, read_remote_chart
from entrepot.model.access import Action
from entrepot.model.contents import Contents
from entrepot.model.errors import FileUnknown, Invalid, NotFound, PackageUnknown, ReferenceUnknown
from entrepot.model.names import PackageId, View
from entrepot.model.position import START
from entrepot.operations import access
from entrepot.operations.browse import find_package
from entrepot.operations.delete import delete_version
from entrepot.operations.resolve import find_blob, resolve
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.call import decode_json
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.index import index_reply
from entrepot.wire.multipart import read_form
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply, json_reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from entrepot.formats.helm.upstream import RemoteChart
    from entrepot.ports.catalog import PackageRow
    from entrepot.wire.call import Call

_FORM: Final = "multipart/form-data"
_JSON: Final = "application/json"


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(view: View, call: Call) -> PackageId:
    return PackageId(view.namespace, HELM, RULES.normalize(call.path["chart"]))


def _writable(call: Call) -> View:
    view = _view(call)
    access.require_writable(view)
    return view


def _delivery(call: Call, view: View) -> Delivery:
    return Delivery(call.registry, call.caller, view.namespace)


# --- the repository ---


async def get_index(call: Call) -> Reply:
    """GET and HEAD of the index of all charts that the view shows."""
    view = _view(call)
    catalogue = await read_catalogue(call.registry, call.caller, view)
    return await _reply(call, catalogue, "application/yaml", "index", lambda: render_index(call, catalogue))


async def _reply(
    call: Call, catalogue: Catalogue, content_type: str, kind: str, render: Callable[[], Awaitable[bytes]]
) -> Reply:
    """A document about several packages, whose key is what they are, so that its revision says nothing more."""
    etag = catalogue.tag
    remote = catalogue.remote
    headers: HeaderList = [
        (b"content-type", content_type.encode("ascii")),
        (b"etag", etag.encode("ascii")),
        REVALIDATE,
        *_staleness(None if remote is None else remote.stale),
    ]
    # What upstreams show changes as time passes.
    cacheable = remote is None
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=cacheable)
    newest = max((row.revision for row in catalogue.rows.values()), default=START)
    content = await call.documents.get((HELM, kind, call.path["view"], etag), newest, render)
    return Reply(200, headers, content, cacheable=cacheable)


def _staleness(upstream: str | None) -> HeaderList:
    """RFC 7234, 5.5.2: for people who wonder what they see."""
    if upstream is None:
        return []
    return [text_header("warning", f'111 - "the upstream {upstream} could not be asked: its last answer"')]


async def get_file(call: Call) -> Reply:
    """GET and HEAD of a chart or its provenance."""
    view = _view(call)
    package = _package(view, call)
    file = parse_file(package.name, call.path["file"])
    content_type = b"application/pgp-signature" if file.is_provenance else b"application/gzip"
    headers: HeaderList = [(b"content-type", content_type), (b"x-content-type-options", b"nosniff")]
    try:
        found = await resolve(call.registry, call.caller, view, package, name=file.version)
        contents = Contents.read(found.content, KIND)
        stored = None if contents is None else contents.files.get(file.path)
        if stored is None:
            raise FileUnknown(file.path)
    except NotFound:
        arrival = await fetch_remote(call.registry, call.caller, view, package, file)
        if arrival is None:
            raise
        return await arrival_reply(call, arrival, headers)
    return await blob_reply(
        call, await find_blob(call.registry, call.caller, view, package, stored.digest), headers, of=package
    )


async def put_file(call: Call) -> Reply:
    """PUT of a chart or its provenance, under the name that it must have."""
    view = _writable(call)
    package = _package(view, call)
    await access.require(call.registry, call.caller, Action.PUBLISH, package)
    file = parse_file(package.name, call.path["file"])
    delivery, named = _delivery(call, view), NamedChart(package.name, file.version)
    if file.is_provenance:
        await delivery.take_provenance(await call.body.read(MAX_SIZE), named=named)
    else:
        await delivery.take_chart(call.body.stream(), call.body.size, named=named)
    await delivery.publish()
    return _saved()


# --- ChartMuseum's API ---


async def post_charts(call: Call) -> Reply:
    """POST of a chart: as it is, or a form with the fields ``chart`` and ``prov``.

    What is there with other bytes stays (409), also with ChartMuseum's ``?force``.
    """
    delivery = _delivery(call, _writable(call))
    await delivery.require_may_publish()
    if _is_form(call):
        await _take_form(call, delivery)
    else:
        await delivery.take_chart(call.body.stream(), call.body.size)
    await delivery.publish()
    return _saved()


async def post_provenance(call: Call) -> Reply:
    """POST of a provenance file: as it is, or a form with the field ``prov``."""
    delivery = _delivery(call, _writable(call))
    await delivery.require_may_publish()
    if _is_form(call):
        await _take_form(call, delivery)
    else:
        await delivery.take_provenance(await call.body.read(MAX_SIZE))
    await delivery.publish()
    return _saved()


def _is_form(call: Call) -> bool:
    return (call.headers.get("content-type") or "").partition(";")[0].strip().lower() == _FORM


async def _take_form(call: Call, delivery: Delivery) -> None:
    taken: set[str] = set()
    async for part in read_form(call):
        if part.name not in ("chart", "prov"):
            continue
        if part.name in taken:
            raise Invalid(f"form field {part.name}", expected="it once")
        taken.add(part.name)
        if part.name == "chart":
            await delivery.take_chart(part.stream(), None)
        else:
            await delivery.take_provenance(await part.read(MAX_SIZE))


def _saved() -> Reply:
    return json_reply({"saved": True}, status=201)


async def get_charts(call: Call) -> Reply:
    """The entries of all charts, by name."""
    catalogue = await read_catalogue(call.registry, call.caller, _view(call))
    return await _reply(call, catalogue, _JSON, "charts", lambda: render_entries(call, catalogue))


async def get_chart(call: Call) -> Reply:
    """The entries of one chart, newest first."""
    view = _view(call)
    chart = await _read_chart(call, view)
    revision = START if chart.row is None else chart.row.revision
    return await index_reply(
        call,
        (HELM, "entries", str(view), chart.package.name),
        revision,
        lambda: render_chart(call, view, chart.row, chart.remote),
        content_type=_JSON,
        headers=_staleness(chart.stale),
        mirrored=None if chart.remote is None else chart.remote.shown,
    )


async def get_version(call: Call) -> Reply:
    """The entry of one version."""
    view = _view(call)
    version = print_version(RULES.parse_version(call.path["version"]))
    chart = await _read_chart(call, view)
    entries = decode_json(await render_chart(call, view, chart.row, chart.remote), list[dict[str, object]])
    for entry in entries:
        if entry["version"] == version:
            return json_reply(entry, headers=[REVALIDATE], cacheable=chart.remote is None)
    raise ReferenceUnknown(version)


@dataclass(frozen=True, slots=True)
class _Chart:
    package: PackageId
    row: PackageRow | None
    remote: RemoteChart | None
    stale: str | None


async def _read_chart(call: Call, view: View) -> _Chart:
    """What is stored here, or else upstream. Raises `PackageUnknown`."""
    package = _package(view, call)
    found = await read_remote_chart(call.registry, call.caller, view, package)
    remote, stale = (None, None) if found is None else found
    try:
        row = await find_package(call.registry, call.caller, view, package)
    except PackageUnknown:
        if remote is None:
            raise
        row = None
    return _Chart(package, row, remote, None if remote is None or stale is None else remote.upstream.name)


async def delete_chart(call: Call) -> Reply:
    """DELETE of one version; its name stays used up."""
    view = _writable(call)
    version = RULES.parse_version(call.path["version"])
    await delete_version(call.registry, call.caller, _package(view, call), version)
    return json_reply({"deleted": True})


_VIEW: Final = r"/helm/(?P<view>[^/]+)"
_FILE: Final = rf"{_VIEW}/charts/(?P<chart>[^/]+)/(?P<file>[^/]+)"
_CHARTS: Final = rf"{_VIEW}/api/charts"
_CHART: Final = rf"{_CHARTS}/(?P<chart>[^/]+)"
_VERSION: Final = rf"{_CHART}/(?P<version>[^/]+)"

ROUTES: Final = (
    Route("GET", rf"{_VIEW}/index\.yaml", get_index, "get_index"),
    Route("GET", _FILE, get_file, "get_chart_file"),
    Route("PUT", _FILE, put_file, "put_chart_file"),
    Route("POST", _CHARTS, post_charts, "post_chart"),
    Route("POST", rf"{_VIEW}/api/prov", post_provenance, "post_provenance"),
    Route("GET", _CHARTS, get_charts, "get_charts"),
    Route("GET", _CHART, get_chart, "get_chart"),
    Route("GET", _VERSION, get_version, "get_chart_version"),
    Route("DELETE", _VERSION, delete_chart, "delete_chart"),
)
