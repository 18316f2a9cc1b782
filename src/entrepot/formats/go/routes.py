"""``/go/<view>/``: a module proxy ("GOPROXY protocol" in the Go Modules Reference), and the way in."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from entrepot.formats.go.index import decode_releases, encode_releases, find_latest, releases, render_info, render_list
from entrepot.formats.go.module import ZIP_SIZE, examine
from entrepot.formats.go.release import KIND, file_path, publish_module
from entrepot.formats.go.rules import GO, RULES, Version, check_version, parse_module, unescape
from entrepot.formats.go.sumdb import SUMDB_ROUTES
from entrepot.formats.go.upstream import (
    fetch_remote,
    parse_query,
    read_remote_info,
    read_remote_latest,
    read_remote_list,
    read_remote_mod,
)
from entrepot.model.contents import Contents
from entrepot.model.errors import (
    FileUnknown,
    Invalid,
    InvalidName,
    InvalidReference,
    NotFound,
    PackageUnknown,
    ReferenceUnknown,
    RouteUnknown,
    TooLarge,
    Unauthenticated,
    VersionExists,
)
from entrepot.model.names import PackageId, View
from entrepot.operations import access
from entrepot.operations.browse import find_package, list_packages
from entrepot.operations.read_package import read_package
from entrepot.operations.receive_file import receive_file
from entrepot.operations.resolve import find_blob, resolve
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.index import index_reply
from entrepot.wire.reply import PRIVATE_IMMUTABLE, REVALIDATE, Reply, json_reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from entrepot.formats.go.index import Release
    from entrepot.formats.go.upstream import RemoteInfo, RemoteList
    from entrepot.model.position import Position
    from entrepot.wire.call import Call
    from entrepot.wire.reply import HeaderList

_TYPES: Final = {"mod": "text/plain; charset=utf-8", "zip": "application/zip"}


# --- names in the path ---


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(view: View, call: Call) -> PackageId:
    """The module that is asked for. A path that no module can have is none that is here."""
    try:
        return PackageId(view.namespace, GO, parse_module(unescape(call.path["module"])))
    except InvalidName:
        raise PackageUnknown(f"{view}/{call.path['module'][:200]}") from None


def _version(call: Call) -> Version:
    """The version that is asked for, which only `get_info` finds for a branch or a commit."""
    try:
        return Version.parse(unescape(call.path["version"]))
    except (InvalidName, InvalidReference):
        raise ReferenceUnknown(call.path["version"][:200]) from None


def _query(call: Call) -> str:
    """What a version is asked for by."""
    try:
        return parse_query(unescape(call.path["version"]))
    except (InvalidName, InvalidReference):
        raise ReferenceUnknown(call.path["version"][:200]) from None


# --- versions out ---


async def get_list(call: Call) -> Reply:
    """``@v/list``."""
    view = _view(call)
    package = _package(view, call)
    remote = await read_remote_list(call.registry, call.caller, view, package)

    def render(found: list[Release]) -> bytes:
        if remote is not None:
            return render_list(remote.joined(found))
        if not found:
            raise PackageUnknown(f"{view}/{package.name}")
        return render_list(found)

    return await _index(call, "list", render, "text/plain; charset=utf-8", remote=remote)


async def get_latest(call: Call) -> Reply:
    """``@latest``: asked for when the list has nothing that suits."""
    view = _view(call)
    package = _package(view, call)
    info = await read_remote_latest(call.registry, call.caller, view, package)
    if info is None:
        info = await _latest_listed(call, view, package)

    def render(found: list[Release]) -> bytes:
        known = {str(release.version) for release in found}
        others = [info.release] if info is not None and str(info.version) not in known else []
        latest = find_latest([*found, *others])
        if latest is None:
            raise ReferenceUnknown("latest")
        return render_info(latest)

    if info is None:
        return await _index(call, "latest", render, "application/json")
    return _info_reply(render(await _list_stored(call, view, package)))


async def _latest_listed(call: Call, view: View, package: PackageId) -> RemoteInfo | None:
    """The highest that is shown, where an upstream does not say what its latest is, or it is not shown."""
    remote = await read_remote_list(call.registry, call.caller, view, package)
    latest = None if remote is None else find_latest(remote.joined([]))
    if latest is None:
        return None
    return await read_remote_info(call.registry, call.caller, view, package, str(latest.version))


async def get_info(call: Call) -> Reply:
    """``@v/<version>.info``: of a version; or, through an upstream, of what a branch or a commit means."""
    view, query = _view(call), _query(call)
    package = _package(view, call)
    await access.require_read(call.registry, call.caller, view, package)
    try:
        return await _stored_info(call)
    except NotFound:
        info = await read_remote_info(call.registry, call.caller, view, package, query)
        if info is None:
            raise
        return _info_reply(render_info(info.release))


async def _stored_info(call: Call) -> Reply:
    wanted = _version(call)

    def render(found: list[Release]) -> bytes:
        if not found:
            raise ReferenceUnknown(wanted)
        return render_info(found[0])

    return await _index(call, f"info {wanted}", render, "application/json", only=wanted)


def _info_reply(content: bytes) -> Reply:
    return Reply(200, [(b"content-type", b"application/json"), REVALIDATE], content)


async def _index(
    call: Call,
    what: str,
    render: Callable[[list[Release]], bytes],
    content_type: str,
    *,
    only: Version | None = None,
    remote: RemoteList | None = None,
) -> Reply:
    view = _view(call)
    package = _package(view, call)
    row = await find_package(call.registry, call.caller, view, package)

    async def render_known() -> bytes:
        return render(await _read_stored(call, view, package, row.revision, only=only))

    return await index_reply(
        call,
        (GO, what, str(view), package.name),
        row.revision,
        render_known,
        content_type=content_type,
        headers=_staleness(remote),
        mirrored=None if remote is None else remote.shown,
    )


async def _list_stored(call: Call, view: View, package: PackageId) -> list[Release]:
    """What is stored of a module, of which perhaps nothing is."""
    try:
        row = await find_package(call.registry, call.caller, view, package)
    except PackageUnknown:
        return []
    return await _read_stored(call, view, package, row.revision)


async def _read_stored(
    call: Call, view: View, package: PackageId, revision: Position, *, only: Version | None = None
) -> list[Release]:
    async def read() -> bytes:
        stored = await read_package(call.registry, call.caller, view, package, KIND)
        return encode_releases(releases(stored.versions))

    # Read once, however many versions are then asked for one by one.
    known = await call.documents.get((GO, "releases", str(view), package.name), revision, read)
    return decode_releases(known, only=only)


def _staleness(remote: RemoteList | None) -> HeaderList:
    """What a cache says of an answer that it could not renew (RFC 7234, 5.5)."""
    if remote is None or remote.stale is None:
        return []
    return [text_header("warning", f'111 - "the upstream {remote.upstream.name} could not be asked: its last answer"')]


async def get_file(call: Call) -> Reply:
    """``@v/<version>.mod`` and ``@v/<version>.zip``: the bytes, for ever."""
    view = _view(call)
    package, version, kind = _package(view, call), _version(call), call.path["kind"]
    headers = [(b"content-type", _TYPES[kind].encode("ascii")), (b"x-content-type-options", b"nosniff")]
    try:
        found = await resolve(call.registry, call.caller, view, package, name=RULES.parse_version(str(version)))
    except NotFound:
        if (reply := await _fetch(call, view, package, version, headers)) is not None:
            return reply
        raise
    contents = Contents.read(found.content, KIND)
    file = None if contents is None else contents.files.get(file_path(version, kind))
    if file is None:
        raise FileUnknown(f"{version}.{kind}")
    blob = await find_blob(call.registry, call.caller, view, package, file.digest)
    return await blob_reply(call, blob, headers, of=package)


async def _fetch(call: Call, view: View, package: PackageId, version: Version, headers: HeaderList) -> Reply | None:
    """A file that is not here, from an upstream; None when no upstream shows it."""
    if call.path["kind"] == "mod":
        content = await read_remote_mod(call.registry, call.caller, view, package, version)
        return None if content is None else Reply(200, [*headers, PRIVATE_IMMUTABLE], content)
    arrival = await fetch_remote(call.registry, call.caller, view, package, version)
    return None if arrival is None else await arrival_reply(call, arrival, headers)


# --- versions in ---


async def put_zip(call: Call) -> Reply:
    """``PUT @v/<version>.zip``: a version. ``?time=`` says when it was made, as ``.info`` will."""
    view = _view(call)
    access.require_writable(view)
    if call.caller.principal is None:
        # Nobody unknown publishes: before any of the body is read.
        raise Unauthenticated
    module, version = parse_module(unescape(call.path["module"])), Version.parse(unescape(call.path["version"]))
    check_version(module, version)
    time = _time(call, version)
    package = PackageId(view.namespace, GO, module)
    blob, found = await receive_file(
        call.registry,
        call.caller,
        package,
        _limited(call),
        partial(examine, module=module, version=version),
        size=call.body.size,
    )
    try:
        added = await publish_module(call.registry, call.caller, package, version, archive=blob, found=found, time=time)
    except VersionExists as error:
        raise VersionExists(f"{module}@{version}", expected=error.expected, actual=error.actual) from error
    call.facts["digest"] = str(blob.digest)
    call.facts["size"] = blob.size
    document = {
        "module": module,
        "version": str(version),
        "digest": str(blob.digest),
        "size": blob.size,
        "go_sum": [f"{module} {version} {found.zip_hash}", f"{module} {version}/go.mod {found.go_mod_hash}"],
    }
    return json_reply(document, status=201 if added.files else 200)


async def _limited(call: Call) -> AsyncIterator[bytes]:
    if call.body.size is not None and call.body.size > ZIP_SIZE:
        raise TooLarge("the zip of a module", expected=f"at most {ZIP_SIZE} bytes", actual=call.body.size)
    async for piece in call.body.stream():
        if call.body.received > ZIP_SIZE:
            raise TooLarge("the zip of a module", expected=f"at most {ZIP_SIZE} bytes")
        yield piece


def _time(call: Call, version: Version) -> datetime | None:
    """When the version was made, if that is said; a pseudo-version says it itself."""
    text = call.query.get("time")
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise Invalid(f"time={text[:80]}", expected="a time by RFC 3339, such as 2026-01-31T12:00:00Z")
    if version.is_pseudo and time != version.pseudo_time:
        raise Invalid(f"time={text}", expected=f"none, or the time that {version} says")
    try:
        return time.astimezone(UTC).replace(microsecond=0)
    except OverflowError:
        raise Invalid(f"time={text}", expected="a time that has a year in UTC") from None


# --- where modules that are called like this registry come from ---


async def get_page(call: Call) -> Reply:
    """``?go-get=1``: tells the go command that modules whose paths begin with this view's address are found here."""
    if call.query.get("go-get") != "1":
        raise RouteUnknown(call.target[:200])
    view = _view(call)
    # A page of nothing: it says whether the caller may know the view at all.
    await list_packages(call.registry, call.caller, view=view, limit=0)
    root = f"{call.base_url}/go/{view}"
    content = html.escape(f"{root.partition('://')[2]} mod {root}")
    page = f'<!DOCTYPE html>\n<html><head><meta name="go-import" content="{content}"></head><body></body></html>\n'
    return Reply(200, [(b"content-type", b"text/html; charset=utf-8"), REVALIDATE], page.encode(), cacheable=True)


_VIEW: Final = r"/go/(?P<view>[^/]+)"
_MODULE: Final = rf"{_VIEW}/(?P<module>(?s:.+))"
_FILE: Final = rf"{_MODULE}/@v/(?P<version>[^/]+)"

ROUTES: Final = (
    *SUMDB_ROUTES,
    Route("GET", rf"{_MODULE}/@v/list", get_list, "get_list"),
    Route("GET", rf"{_MODULE}/@latest", get_latest, "get_latest"),
    Route("GET", rf"{_FILE}\.info", get_info, "get_info"),
    Route("GET", rf"{_FILE}\.(?P<kind>mod|zip)", get_file, "get_file"),
    Route("PUT", rf"{_FILE}\.zip", put_zip, "put_zip"),
    Route("GET", rf"{_VIEW}/?", get_page, "get_page"),
    Route("GET", rf"{_VIEW}/(?P<path>(?s:.+))", get_page, "get_page"),
)
