"""``/maven/<view>/``: a repository of the layout that Maven and its kin read (GET, HEAD) and write (PUT)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.formats.maven import checksums
from entrepot.formats.maven.metadata import (
    ListedPlugin,
    find_listed_plugin,
    list_builds,
    list_versions,
    render_builds,
    render_plugins,
    render_versions,
)
from entrepot.formats.maven.publish import Incoming, add_artifact, check_checksum
from entrepot.formats.maven.rules import (
    CHECKSUMS,
    KIND,
    MAVEN,
    RULES,
    ArtifactPath,
    Build,
    MetadataPath,
    is_snapshot,
    parse_file,
    parse_folder,
    parse_path,
    snapshot_of,
)
from entrepot.formats.maven.stored import read_stored
from entrepot.model.access import Action
from entrepot.model.errors import (
    Denied,
    FileUnknown,
    InvalidName,
    InvalidReference,
    PackageUnknown,
    ReferenceUnknown,
    RouteUnknown,
    TooLarge,
    Unauthenticated,
)
from entrepot.model.names import PackageId, PackageName, ReferenceName, View
from entrepot.operations import access
from entrepot.operations.browse import find_package, list_packages
from entrepot.operations.delete import delete_version
from entrepot.operations.read_package import read_package
from entrepot.operations.resolve import find_blob
from entrepot.wire.blob import blob_reply
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.formats.maven.stored import StoredFiles
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
        raise RouteUnknown(call.path["path"][:200], expected=error.expected) from error
    if isinstance(path, ArtifactPath):
        return await _get_artifact(call, view, path)
    return await _get_metadata(call, view, path)


async def _get_artifact(call: Call, view: View, path: ArtifactPath) -> Reply:
    package = _package(view, path.package)
    if path.version is None:
        stored, file = await _find_newest(call, view, package, path)
    else:
        stored = await read_stored(call.registry, call.caller, view, package, path.version)
        found = stored.find(path.file)
        if found is None:
            raise FileUnknown(path.file)
        file = found
    sums = stored.checksums(file)
    if path.checksum is not None:
        return _text(call, sums[path.checksum], f'"{file.digest}-{path.checksum}"')
    blob = await find_blob(call.registry, call.caller, view, package, file.digest)
    headers = [(b"content-type", file.media_type.encode("ascii")), *checksums.checksum_headers(sums), _SAFE]
    if path.version is None:
        return blob_reply(call, blob, [*headers, REVALIDATE], immutable=False)
    return blob_reply(call, blob, headers)


async def _find_newest(call: Call, view: View, package: PackageId, path: ArtifactPath) -> tuple[StoredFiles, File]:
    """The file of the newest build of a snapshot, for who asks for no build (``lib-1.0-SNAPSHOT.jar``)."""
    listed = list_builds(await _read(call, view, package), path.package, path.folder)
    for known in () if listed is None else listed.files:
        if (known.classifier, known.extension) == (path.classifier, path.extension):
            stored = await read_stored(call.registry, call.caller, view, package, ReferenceName(known.build.value))
            for file in stored.contents.files.values():
                named = parse_file(path.package, path.folder, file.path)
                if (named.classifier, named.extension) == (path.classifier, path.extension):
                    return stored, file
    raise FileUnknown(path.file)


async def _read(call: Call, view: View, package: PackageId) -> StoredPackage:
    return await read_package(call.registry, call.caller, view, package, KIND)


def _text(call: Call, text: str, etag: str) -> Reply:
    """A checksum, as the clients that do not read headers want it."""
    headers = [_TEXT, (b"etag", etag.encode("ascii")), REVALIDATE]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return Reply(200, headers, text.encode("ascii"), cacheable=True)


async def _get_metadata(call: Call, view: View, path: MetadataPath) -> Reply:
    if path.snapshot is not None:
        name, snapshot = path.snapshot
        return await _get_builds(call, view, path, name, snapshot)
    if path.package is not None:
        package = _package(view, path.package)
        try:
            row = await find_package(call.registry, call.caller, view, package)
        except PackageUnknown:
            pass  # It may be a group: only one of the two has anything to say, but for very few names.
        else:
            return await _get_versions(call, view, path, row)
    return await _get_plugins(call, view, path)


async def _get_builds(call: Call, view: View, path: MetadataPath, name: PackageName, snapshot: str) -> Reply:
    package = _package(view, name)
    row = await find_package(call.registry, call.caller, view, package)

    async def render() -> bytes:
        listed = list_builds(await _read(call, view, package), name, snapshot)
        return _NOTHING if listed is None else render_builds(name, snapshot, listed)

    return await _document(call, path, row, f"builds of {snapshot}", render)


async def _get_versions(call: Call, view: View, path: MetadataPath, row: PackageRow) -> Reply:
    async def render() -> bytes:
        listed = list_versions(await _read(call, view, row.id))
        return render_versions(row.id.name, listed) if listed.versions else _NOTHING

    return await _document(call, path, row, "versions", render)


async def _document(call: Call, path: MetadataPath, row: PackageRow, kind: str, render: Render) -> Reply:
    """A document about one package: a function of its revision and the view (I11)."""
    key = (MAVEN, kind, call.path["view"], row.id.name)
    content = await call.documents.get(key, row.revision, render)
    return _metadata_reply(call, path, content, str(row.revision))


async def _get_plugins(call: Call, view: View, path: MetadataPath) -> Reply:
    """The plugins of a group: of several packages, so the tag is made of their revisions."""
    rows = await _list_group(call, view, path.group)
    plugins = [found for row in rows if (found := await _plugin(call, view, row)) is not None]
    if not plugins:
        raise FileUnknown(call.path["path"])
    state = "\n".join(f"{row.id.name} {row.revision}" for row in rows)
    return _metadata_reply(call, path, render_plugins(plugins), hashlib.sha256(state.encode()).hexdigest()[:32])


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


def _metadata_reply(call: Call, path: MetadataPath, content: bytes, state: str) -> Reply:
    if not content:
        raise FileUnknown(call.path["path"])
    sums = {algorithm: hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() for algorithm in CHECKSUMS}
    if path.checksum is not None:
        return _text(call, sums[path.checksum], f'"{state}-{path.checksum}"')
    etag = f'"{state}-xml"'
    headers: HeaderList = [_XML, (b"etag", etag.encode("ascii")), REVALIDATE, *checksums.checksum_headers(sums)]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return Reply(200, headers, content, cacheable=True)


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
