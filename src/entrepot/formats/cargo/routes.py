"""``/cargo/<view>/``: a sparse index, downloads, and Cargo's web API.

"Registries" in The Cargo Book: "Index Format" and "Web API".
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.formats.cargo.announcement import read_announcement
from entrepot.formats.cargo.crate import examine
from entrepot.formats.cargo.framing import reading_frame
from entrepot.formats.cargo.index import releases, render_index, summarize
from entrepot.formats.cargo.metadata import KIND, MEDIA_TYPE, adding, crate_path, describe
from entrepot.formats.cargo.owners import add_owners, describe_owner, list_owners, remove_owners
from entrepot.formats.cargo.rules import CARGO, RULES, index_path
from entrepot.formats.cargo.semver import Version
from entrepot.formats.cargo.upstream import fetch_remote, read_remote
from entrepot.model.contents import Contents
from entrepot.model.errors import (
    FileUnknown,
    Invalid,
    InvalidName,
    NameTaken,
    NotFound,
    PackageUnknown,
    ReferenceUnknown,
    Unauthenticated,
    VersionExists,
)
from entrepot.model.names import PackageId, View, parse_principal
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access
from entrepot.operations.add_files import add_files
from entrepot.operations.browse import find_package, list_packages, list_references
from entrepot.operations.govern import read_namespace
from entrepot.operations.mark import unyank, yank
from entrepot.operations.mirror import answer_soon
from entrepot.operations.read_package import read_package
from entrepot.operations.receive_file import receive_file
from entrepot.operations.resolve import find_blob, resolve
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.index import index_reply
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply, json_reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.formats.cargo.framing import Frame
    from entrepot.formats.cargo.index import Release
    from entrepot.formats.cargo.rules import CrateName
    from entrepot.formats.cargo.upstream import RemoteCrate
    from entrepot.model.names import PrincipalName
    from entrepot.ports.catalog import PackageRow
    from entrepot.wire.call import Call

_SCAN: Final = 1_000
_MOST_FOUND: Final = 100
_OWNERS: Final = 100


# --- names in the path ---


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(view: View, call: Call) -> PackageId:
    return PackageId(view.namespace, CARGO, RULES.normalize(call.path["crate"]))


def _writable(call: Call) -> PackageId:
    view = _view(call)
    access.require_writable(view)
    return _package(view, call)


# --- the index ---


async def get_config(call: Call) -> Reply:
    """``config.json``: where everything is, and whether a token is needed to read."""
    view = _view(call)
    # A page of nothing: it says whether the caller may know the view at all.
    await list_packages(call.registry, call.caller, view=view, limit=0)
    namespace = await read_namespace(call.registry, call.caller, view.namespace)
    root = f"{call.base_url}/cargo/{view}"
    config: dict[str, object] = {"dl": f"{root}/api/v1/crates", "api": root}
    if not namespace.public:
        config["auth-required"] = True
    content = msgspec.json.encode(config)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = [(b"content-type", b"application/json"), (b"etag", etag.encode("ascii")), REVALIDATE]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return Reply(200, headers, content, cacheable=True)


async def get_index(call: Call) -> Reply:
    """A crate's file in the index."""
    view = _view(call)
    path, name = call.path["path"], call.path["crate"]
    try:
        package = _package(view, call)
    except InvalidName:
        # Cargo also asks for names that only might be crates, and reads no error but that there is none.
        raise PackageUnknown(f"{view}/{name[:200]}") from None
    if path != index_path(name):
        raise PackageUnknown(f"{view}/{package.name}", expected=index_path(name), actual=path[:200])
    read = partial(read_remote, call.registry, call.caller, view, package, name)
    remote = await answer_soon(call.registry, call.caller, package, read)
    row = await find_package(call.registry, call.caller, view, package)

    async def render() -> bytes:
        found = [release for release in await _releases(call, view, package) if release.name.lower() == name]
        if remote is not None:
            found = remote.joined(found)
        if not found:
            raise PackageUnknown(f"{view}/{name}")
        return render_index(found)

    return await index_reply(
        call,
        (CARGO, "index", str(view), name),
        row.revision,
        render,
        content_type="text/plain; charset=utf-8",
        headers=_staleness(remote),
        mirrored=None if remote is None else remote.shown,
    )


def _staleness(remote: RemoteCrate | None) -> HeaderList:
    """What a cache says of an answer that it could not renew (RFC 7234, 5.5)."""
    if remote is None or remote.stale is None:
        return []
    return [text_header("warning", f'111 - "the upstream {remote.upstream.name} could not be asked: its last answer"')]


async def _releases(call: Call, view: View, package: PackageId) -> list[Release]:
    stored = await read_package(call.registry, call.caller, view, package, KIND)
    return releases(stored.versions)


# --- crates out ---


async def get_crate(call: Call) -> Reply:
    """GET and HEAD of a crate."""
    view = _view(call)
    package, version = _package(view, call), Version.parse(call.path["version"])
    headers = [(b"content-type", MEDIA_TYPE.encode("ascii")), (b"x-content-type-options", b"nosniff")]
    try:
        found = await resolve(call.registry, call.caller, view, package, name=RULES.parse_version(str(version)))
    except NotFound:
        remote = await read_remote(call.registry, call.caller, view, package, call.path["crate"].lower())
        arrival = None if remote is None else await fetch_remote(call.registry, remote, str(version))
        if arrival is None:
            raise
        return await arrival_reply(call, arrival, headers)
    contents = Contents.read(found.content, KIND)
    if contents is None:
        raise ReferenceUnknown(version)
    # By either spelling of the name; but a version's build metadata must be the one that it has.
    file = next((file for path, file in contents.files.items() if path.endswith(f"-{version}.crate")), None)
    if file is None:
        raise FileUnknown(crate_path(call.path["crate"], str(version)))
    blob = await find_blob(call.registry, call.caller, view, package, file.digest)
    return await blob_reply(call, blob, headers, of=package)


# --- crates in ---


async def put_crate(call: Call) -> Reply:
    """``cargo publish``."""
    view = _view(call)
    access.require_writable(view)
    if call.caller.principal is None:
        # Nobody unknown publishes: before any of the body is read.
        raise Unauthenticated
    async with reading_frame(call.body) as frame:
        await _publish(call, view, frame)
    return json_reply({"warnings": {"invalid_categories": [], "invalid_badges": [], "other": []}})


async def _publish(call: Call, view: View, frame: Frame) -> None:
    name, version, said = read_announcement(frame.announcement)
    package = PackageId(view.namespace, CARGO, RULES.normalize(name))
    await _require_spelling(call, view, package, name)
    blob, crate = await receive_file(
        call.registry, call.caller, package, frame.crate, partial(examine, said=said), size=frame.crate_size
    )
    addition = adding(describe(said, crate), blob)
    try:
        await add_files(call.registry, call.caller, package, KIND, addition)
    except VersionExists as error:
        raise VersionExists(f"{name}@{version}") from error
    call.facts["digest"] = str(blob.digest)
    call.facts["size"] = blob.size


async def _require_spelling(call: Call, view: View, package: PackageId, name: CrateName) -> None:
    """Raise `NameTaken` when the crate is there and is spelled another way.

    Of two who publish a new crate in two spellings at the same moment both may pass; then each has the index file of
    its own spelling.
    """
    known = await _find_spelling(call, view, package)
    if known not in (None, name):
        raise NameTaken(name, expected=known)


async def _find_spelling(call: Call, view: View, package: PackageId) -> str | None:
    try:
        first = await list_references(call.registry, call.caller, view, package, kind=ReferenceKind.VERSION, limit=1)
    except (PackageUnknown, Unauthenticated):
        return None
    if not first:
        return None
    found = await resolve(call.registry, call.caller, view, package, name=first[0].name)
    contents = Contents.read(found.content, KIND)
    # The name ends where the file says the version: it is read from there, which spares reading the metadata.
    return None if contents is None else next(iter(contents.files)).removesuffix(".crate")[: len(package.name)]


# --- what is said of crates ---


async def yank_version(call: Call) -> Reply:
    """``cargo yank``: a lock file that names the version still gets it."""
    await yank(call.registry, call.caller, _writable(call), RULES.parse_version(call.path["version"]))
    return json_reply({"ok": True})


async def unyank_version(call: Call) -> Reply:
    """``cargo yank --undo``."""
    await unyank(call.registry, call.caller, _writable(call), RULES.parse_version(call.path["version"]))
    return json_reply({"ok": True})


class _Users(msgspec.Struct):
    users: list[str]


async def get_owners(call: Call) -> Reply:
    """``cargo owner --list``."""
    view = _view(call)
    package = _package(view, call)
    await find_package(call.registry, call.caller, view, package)
    owners = await list_owners(call.registry, call.caller, package)
    return json_reply({"users": [describe_owner(name) for name in owners]})


async def put_owners(call: Call) -> Reply:
    """``cargo owner --add``."""
    package, names = await _owners(call)
    await add_owners(call.registry, call.caller, package, names)
    return json_reply({"ok": True, "msg": f"{', '.join(names)} may publish {package.name}"})


async def delete_owners(call: Call) -> Reply:
    """``cargo owner --remove``."""
    package, names = await _owners(call)
    await remove_owners(call.registry, call.caller, package, names)
    return json_reply({"ok": True, "msg": f"{', '.join(names)} may no longer publish {package.name}"})


async def _owners(call: Call) -> tuple[PackageId, list[PrincipalName]]:
    package = _writable(call)
    await find_package(call.registry, call.caller, View(package.namespace), package)
    users = (await call.body.json(_Users, limit=64 * 1024)).users
    if not 0 < len(users) <= _OWNERS:
        raise Invalid("users", expected=f"1 to {_OWNERS} names", actual=len(users))
    return package, [parse_principal(user) for user in users]


# --- search ---


async def search_crates(call: Call) -> Reply:
    """``cargo search``: crates whose names contain the words, the closest first."""
    view = _view(call)
    words = (call.query.get("q") or "").lower().replace("_", "-").split()
    size = call.query.number("per_page")
    page = call.query.number("page")
    size = 10 if size is None else size
    page = 1 if page is None else page
    if not 0 < size <= _MOST_FOUND or not page:
        raise Invalid(f"page={page}, per_page={size}", expected=f"a page from 1, and 1 to {_MOST_FOUND} crates on it")
    wanted = "-".join(words)
    found = [row for row in await _list_all(call, view) if all(word in row.id.name for word in words)]
    found.sort(key=lambda row: (row.id.name != wanted, not row.id.name.startswith(wanted), row.id.name))
    crates = [await _summary(call, view, row) for row in found[(page - 1) * size : page * size]]
    return json_reply(
        {"crates": [msgspec.Raw(crate) for crate in crates if crate], "meta": {"total": len(found)}},
        headers=[REVALIDATE],
        cacheable=True,
    )


async def _list_all(call: Call, view: View) -> list[PackageRow]:
    rows: list[PackageRow] = []
    while True:
        after = rows[-1].id if rows else None
        page = await list_packages(call.registry, call.caller, view=view, format=CARGO, after=after, limit=_SCAN)
        rows += page
        if len(page) < _SCAN:
            return rows


async def _summary(call: Call, view: View, row: PackageRow) -> bytes:
    async def render() -> bytes:
        found = await _releases(call, view, row.id)
        return summarize(found) if found else b""

    return await call.documents.get((CARGO, "summary", str(view), row.id.name), row.revision, render)


# --- people ---


async def get_me(call: Call) -> Reply:
    """Where ``cargo login`` sends people for a token."""
    view = _view(call)
    text = (
        f"A token for {view} comes from whoever administers this registry:\n\n"
        f"    entrepot token create NAME --role publisher --namespace {view.namespace}\n\n"
        "Give it to cargo login, as it is.\n"
    )
    return Reply(200, [(b"content-type", b"text/plain; charset=utf-8"), REVALIDATE], text.encode())


_VIEW: Final = r"/cargo/(?P<view>[^/]+)"
_API: Final = rf"{_VIEW}/api/v1/crates"
_CRATE: Final = rf"{_API}/(?P<crate>[^/]+)"
_VERSION: Final = rf"{_CRATE}/(?P<version>[^/]+)"

ROUTES: Final = (
    Route("GET", rf"{_VIEW}/config\.json", get_config, "get_config"),
    Route("GET", rf"{_VERSION}/download", get_crate, "get_crate"),
    Route("PUT", rf"{_API}/new", put_crate, "put_crate"),
    Route("DELETE", rf"{_VERSION}/yank", yank_version, "yank"),
    Route("PUT", rf"{_VERSION}/unyank", unyank_version, "unyank"),
    Route("GET", rf"{_CRATE}/owners", get_owners, "get_owners"),
    Route("PUT", rf"{_CRATE}/owners", put_owners, "put_owners"),
    Route("DELETE", rf"{_CRATE}/owners", delete_owners, "delete_owners"),
    Route("GET", rf"{_API}/?", search_crates, "search"),
    Route("GET", rf"{_VIEW}/me", get_me, "get_me"),
    Route("GET", rf"{_VIEW}/(?P<path>(?:[^/]{{1,3}}/){{1,2}}(?P<crate>[^/]+))", get_index, "get_index"),
)
