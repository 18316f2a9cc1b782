"""``/maven/<view>/``: a repository of the layout that Maven and its kin read (GET, HEAD) and write (PUT)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from entrepot.formats.maven import checksums
from entrepot.formats.maven.metadata import (
    ListedPlugin,
    find_listed_plugin,
    list_builds,
    list_versions,
    list_yanked,
    render_builds,
    render_plugins,
    render_versions,
)
from entrepot.formats.maven.publish import Incoming, add_artifact, check_checksum, media_type
from entrepot.formats.maven.rules import (
    CHECKSUMS,
    KIND,
    MAVEN,
    RULES,
    ArtifactPath,
    Build,
    MetadataPath,
    is_snapshot,
    parse_folder,
    parse_loose,
    parse_path,
    snapshot_of,
)
from entrepot.formats.maven.stored import read_stored
from entrepot.formats.maven.upstream import (
    fetch_remote,
    newest_path,
    read_remote,
    read_remote_builds,
    read_remote_group,
)
from entrepot.model.access import Action
from entrepot.model.errors import (
    Denied,
    FileUnknown,
    InvalidName,
    InvalidReference,
    NotFound,
    PackageUnknown,
    ReferenceUnknown,
    RouteUnknown,
    TooLarge,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import PackageId, PackageName, View
from entrepot.operations import access
from entrepot.operations.browse import find_package, find_time, list_packages
from entrepot.operations.delete import delete_version
from entrepot.operations.mirror import answer_soon
from entrepot.operations.read_package import read_package
from entrepot.operations.resolve import find_blob
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from entrepot.formats.maven.stored import StoredFiles
    from entrepot.formats.maven.upstream import RemoteGroup
    from entrepot.model.contents import File
    from entrepot.operations.read_package import StoredPackage
    from entrepot.ports.catalog import PackageRow
    from entrepot.wire.call import Call
    from entrepot.wire.documents import Render

_MAX_METADATA: Final = 64 * 1024 * 1024
_PAGE: Final = 100
_NOTHING: Final = b""
"""What is rendered where there is nothing to list."""
_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_XML: Final = (b"content-type", b"application/xml")
_SAFE: Final = (b"x-content-type-options", b"nosniff")


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(view: View, name: PackageName) -> PackageId:
    return PackageId(view.namespace, MAVEN, name)


# --- out ---


async def get_path(call: Call) -> Reply:
    """GET and HEAD of a file, of metadata, or of a checksum of either."""
    view = _view(call)
    try:
        path = parse_path(call.path["path"])
    except (InvalidName, InvalidReference) as error:
        # Clients look for files that not every repository has, and must be told that they are not there.
        unknown = RouteUnknown(call.path["path"][:200], expected=error.expected)
        unknown.__cause__ = error
        return await _get_loose(call, view, unknown)
    if isinstance(path, ArtifactPath):
        return await _get_artifact(call, view, path)
    return await _get_metadata(call, view, path)


async def _get_loose(call: Call, view: View, unknown: RouteUnknown) -> Reply:
    """A file that our layout does not have: there may be one that came from an upstream."""
    try:
        return await _get_artifact(call, view, parse_loose(call.path["path"]))
    except (InvalidName, InvalidReference, NotFound):
        raise unknown from unknown.__cause__


async def _get_artifact(call: Call, view: View, asked: ArtifactPath) -> Reply:
    package = _package(view, asked.package)
    path = await _newest_path(call, view, package, asked) if asked.version is None else asked
    try:
        stored, file = await _find_file(call, view, package, path)
    except NotFound:
        arrival = await fetch_remote(call.registry, call.caller, view, package, path)
        if arrival is None:
            raise
        if path.checksum is None and call.method == "GET" and asked.version is not None:
            now = call.registry.clock.now()
            headers = [_content_type(media_type(path)), _SAFE, _last_modified(min(arrival.modified_at or now, now))]
            return await arrival_reply(call, arrival, headers)
        await arrival.blob
        stored, file = await _find_file(call, view, package, path)
    sums = stored.checksums(file)
    if path.checksum is not None:
        return _text(call, sums[path.checksum], f'"{file.digest}-{path.checksum}"')
    blob = await find_blob(call.registry, call.caller, view, package, file.digest)
    headers = [_content_type(file.media_type), *checksums.checksum_headers(sums), _SAFE]
    at = stored.modified_at(file) or await find_time(call.registry, call.caller, view, package, file.digest)
    if at is not None:
        headers.append(_last_modified(at))
    if asked.version is None:
        return await blob_reply(call, blob, [*headers, REVALIDATE], of=package, immutable=False)
    return await blob_reply(call, blob, headers, of=package)


def _last_modified(at: datetime) -> tuple[bytes, bytes]:
    """What another registry, reading through to this one, takes for the version's age."""
    return b"last-modified", format_datetime(at.astimezone(UTC), usegmt=True).encode("ascii")


def _content_type(media_type: str) -> tuple[bytes, bytes]:
    return b"content-type", media_type.encode("ascii")


async def _find_file(call: Call, view: View, package: PackageId, path: ArtifactPath) -> tuple[StoredFiles, File]:
    """A file that is here. Raises `FileUnknown`, and like `read_stored`."""
    if path.version is None:
        raise FileUnknown(path.file)
    stored = await read_stored(call.registry, call.caller, view, package, path.version)
    found = stored.find(path.file)
    if found is None:
        raise FileUnknown(path.file)
    return stored, found


async def _newest_path(call: Call, view: View, package: PackageId, path: ArtifactPath) -> ArtifactPath:
    """The file of the newest build of a snapshot, for who asks for no build (``lib-1.0-SNAPSHOT.jar``)."""
    remote = await read_remote_builds(call.registry, call.caller, view, package, path.folder)
    try:
        listed = list_builds(await _read(call, view, package), path.package, path.folder)
    except PackageUnknown:
        if remote is None:
            raise
        listed = None
    newest = newest_path(listed if remote is None else remote.joined(listed), path)
    if newest is None:
        raise FileUnknown(path.file)
    return newest


async def _read(call: Call, view: View, package: PackageId) -> StoredPackage:
    return await read_package(call.registry, call.caller, view, package, KIND)


def _text(call: Call, text: str, etag: str) -> Reply:
    """A checksum, as the clients that do not read headers want it."""
    headers = [_TEXT, (b"etag", etag.encode("ascii")), REVALIDATE]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return Reply(200, headers, text.encode("ascii"), cacheable=True)


async def _get_metadata(call: Call, view: View, path: MetadataPath) -> Reply:
    """A document, which clients also ask for before they deploy."""
    name = path.package if path.snapshot is None else path.snapshot[0]
    read = partial(_find_metadata, call, view, path)
    if name is None:
        return await read()
    return await answer_soon(call.registry, call.caller, _package(view, name), read)


async def _find_metadata(call: Call, view: View, path: MetadataPath) -> Reply:
    if path.snapshot is not None:
        name, snapshot = path.snapshot
        return await _get_builds(call, view, path, name, snapshot)
    # It may be a group: only one of the two has anything to say, but for very few names.
    if path.package is None:
        return await _get_plugins(call, view, path)
    try:
        reply = await _get_versions(call, view, path, path.package)
    except (UpstreamUnavailable, UpstreamInvalid) as failure:
        return await _get_plugins(call, view, path, failure)
    return await _get_plugins(call, view, path) if reply is None else reply


async def _get_builds(call: Call, view: View, path: MetadataPath, name: PackageName, snapshot: str) -> Reply:
    package = _package(view, name)
    remote = await read_remote_builds(call.registry, call.caller, view, package, snapshot)
    row = await find_package(call.registry, call.caller, view, package)

    async def render() -> bytes:
        listed = list_builds(await _read(call, view, package), name, snapshot)
        listed = listed if remote is None else remote.joined(listed)
        return _NOTHING if listed is None else render_builds(name, snapshot, listed)

    content = await _document(call, row, (f"builds of {snapshot}", remote and remote.shown), render)
    return _metadata_reply(call, path, content, str(row.revision), mirrored=remote)


async def _get_versions(call: Call, view: View, path: MetadataPath, name: PackageName) -> Reply | None:
    """The versions of a package; None when there are none."""
    package = _package(view, name)
    try:
        remote = await read_remote(call.registry, call.caller, view, package)
        row = await find_package(call.registry, call.caller, view, package)
    except PackageUnknown:
        return None

    async def render() -> bytes:
        stored = await _read(call, view, package)
        listed = list_versions(stored)
        listed = listed if remote is None else remote.joined(listed, list_yanked(stored))
        # In a thread, because an upstream may list many that are hard to put in order.
        return await asyncio.to_thread(render_versions, name, listed) if listed.versions else _NOTHING

    content = await _document(call, row, ("versions", remote and remote.shown), render)
    return _metadata_reply(call, path, content, str(row.revision), mirrored=remote) if content else None


async def _document(call: Call, row: PackageRow, kind: Hashable, render: Render) -> bytes:
    """A document about one package: a function of its revision, the view, and what of upstreams is shown (I11)."""
    return await call.documents.get((MAVEN, kind, call.path["view"], row.id.name), row.revision, render)


async def _get_plugins(
    call: Call, view: View, path: MetadataPath, failure: UpstreamUnavailable | UpstreamInvalid | None = None
) -> Reply:
    """The plugins of a group: of several packages, so the tag is made of their revisions.

    After a *failure* nobody is asked again; ours are there all the same.
    """
    rows = await _list_group(call, view, path.group)
    plugins = [found for row in rows if (found := await _plugin(call, view, row)) is not None]
    remote = None
    if failure is None:
        try:
            remote = await read_remote_group(call.registry, call.caller, view, path.group)
        except (UpstreamUnavailable, UpstreamInvalid) as error:
            failure = error
    if failure is not None and not plugins:
        raise failure
    if remote is not None:
        plugins = _join_plugins(plugins, remote, {row.id.name for row in rows if row.hosted}, path.group)
    if not plugins:
        raise FileUnknown(call.path["path"])
    state = "\n".join(f"{row.id.name} {row.revision}" for row in rows)
    tag = hashlib.sha256(state.encode()).hexdigest()[:32]
    return _metadata_reply(call, path, render_plugins(plugins), tag, mirrored=remote)


def _join_plugins(
    stored: list[ListedPlugin], remote: RemoteGroup, hosted: Collection[str], group: str
) -> list[ListedPlugin]:
    """Ours, and those of upstreams; a prefix of ours is never theirs, nor is an artifact that is published here."""
    joined = list(stored)
    prefixes, artifacts = {each.prefix for each in stored}, {each.artifact for each in stored}
    for each in remote.plugins:
        if each.prefix in prefixes or each.artifact in artifacts or f"{group}/{each.artifact}" in hosted:
            continue
        joined.append(each)
        prefixes.add(each.prefix)
    return joined


async def _list_group(call: Call, view: View, group: str) -> list[PackageRow]:
    prefix = f"{group}/"
    found: list[PackageRow] = []
    after = PackageId(view.namespace, MAVEN, PackageName(prefix))
    while True:
        page = await list_packages(call.registry, call.caller, view=view, format=MAVEN, after=after, limit=_PAGE)
        members = [row for row in page if row.id.name.startswith(prefix)]
        found += members
        if len(members) < _PAGE:
            return found
        after = members[-1].id


async def _plugin(call: Call, view: View, row: PackageRow) -> ListedPlugin | None:
    async def render() -> bytes:
        try:
            package = await _read(call, view, row.id)
        except PackageUnknown:
            return _NOTHING
        found = find_listed_plugin(package, row.id.name)
        return _NOTHING if found is None else msgspec.json.encode(found)

    content = await call.documents.get((MAVEN, "plugin", str(view), row.id.name), row.revision, render)
    return msgspec.json.decode(content, type=ListedPlugin) if content else None


class _Mirrored(Protocol):
    """What of upstreams is shown in a document."""

    @property
    def shown(self) -> str: ...

    @property
    def stale(self) -> str | None: ...


def _metadata_reply(
    call: Call, path: MetadataPath, content: bytes, state: str, *, mirrored: _Mirrored | None = None
) -> Reply:
    """A document, or a checksum of it. One that shows what upstreams say is made anew as time passes."""
    if not content:
        raise FileUnknown(call.path["path"])
    if mirrored is not None:
        state = f"{state}-{hashlib.sha256(mirrored.shown.encode()).hexdigest()[:16]}"
    sums = {algorithm: hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() for algorithm in CHECKSUMS}
    if path.checksum is not None:
        return replace(_text(call, sums[path.checksum], f'"{state}-{path.checksum}"'), cacheable=mirrored is None)
    etag = f'"{state}-xml"'
    headers: HeaderList = [_XML, (b"etag", etag.encode("ascii")), REVALIDATE, *checksums.checksum_headers(sums)]
    if mirrored is not None and mirrored.stale is not None:
        # What a cache says of an answer that it could not renew (RFC 7234, 5.5).
        headers.append(text_header("warning", '111 - "an upstream could not be asked: its last answer"'))
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=mirrored is None)
    return Reply(200, headers, content, cacheable=mirrored is None)


# --- in ---


async def put_path(call: Call) -> Reply:
    """PUT of a file, of a checksum (compared, not stored), or of metadata (neither: ours are made from the files)."""
    view = _view(call)
    access.require_writable(view)
    path = parse_path(call.path["path"])
    if isinstance(path, MetadataPath):
        return await _pass_over(call, view, path)
    package = _package(view, path.package)
    if path.checksum is not None:
        await access.require(call.registry, call.caller, Action.PUBLISH, package)
        text = (await call.body.read(checksums.MAX_SIZE)).decode("latin-1")
        await check_checksum(call.registry, call.caller, package, path, algorithm=path.checksum, text=text)
        return Reply(200)
    incoming = Incoming(call.body.stream(), call.body.size, checksums.read_claims(call.headers))
    is_new = await add_artifact(call.registry, call.caller, package, path, incoming)
    return Reply(201 if is_new else 200)


async def _pass_over(call: Call, view: View, path: MetadataPath) -> Reply:
    """Take metadata from whoever may publish anything here, because every client sends some, and keep nothing."""
    named = path.snapshot[0] if path.snapshot is not None else path.package
    allowed = named is not None and call.caller.rights.allows(Action.PUBLISH, view, named)
    # A group's is about packages that are not said, so it is taken from who may publish some of them.
    if not allowed and not all(
        any(Action.PUBLISH in each.actions and each.touches(view) for each in layer)
        for layer in call.caller.rights.layers
    ):
        if call.caller.principal is None:
            raise Unauthenticated
        if named is not None:
            await access.require(call.registry, call.caller, Action.PUBLISH, _package(view, named))
        raise Denied(f"{call.caller.name} may not {Action.PUBLISH} {view}/{path.group}")
    size = 0
    async for piece in call.body.stream():
        size += len(piece)
        if size > _MAX_METADATA:
            raise TooLarge(call.path["path"], expected=f"at most {_MAX_METADATA} bytes")
    return Reply(200)


async def delete_path(call: Call) -> Reply:
    """DELETE of a version's folder; of a snapshot's, every build. The names stay used up."""
    view = _view(call)
    access.require_writable(view)
    name, version = parse_folder(call.path["path"])
    package = _package(view, name)
    if not is_snapshot(version):
        await delete_version(call.registry, call.caller, package, RULES.parse_version(version))
        return Reply(204)
    await access.require(call.registry, call.caller, Action.DELETE, package)
    builds = [
        stored.name
        for stored in (await _read(call, view, package)).versions
        if Build.parse(stored.name) is not None and snapshot_of(stored.name) == version
    ]
    if not builds:
        raise ReferenceUnknown(version[:200])
    for build in builds:
        await delete_version(call.registry, call.caller, package, build)
    return Reply(204)


_PATH: Final = r"/maven/(?P<view>[^/]+)/(?P<path>(?s:.+))"

ROUTES: Final = (
    Route("GET", _PATH, get_path, "get_file"),
    Route("PUT", _PATH, put_path, "put_file"),
    Route("DELETE", _PATH, delete_path, "delete_version"),
)
