"""``/pypi/<view>/``: the simple index, the upload form, files, the JSON API, provenance and project status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.pypi import attestations
from entrepot.formats.pypi.core_metadata import read_fields
from entrepot.formats.pypi.errors import TEXT
from entrepot.formats.pypi.json_api import NOT_FOUND, newest_release, render_json
from entrepot.formats.pypi.negotiation import MediaType, choose, named
from entrepot.formats.pypi.project import read_project
from entrepot.formats.pypi.release import KIND, media_type
from entrepot.formats.pypi.rules import PYPI, RULES
from entrepot.formats.pypi.simple import render_project, render_projects
from entrepot.formats.pypi.status import ProjectStatus, Status, read_status, set_status
from entrepot.formats.pypi.uploads import ActionGone, receive_upload
from entrepot.formats.pypi.upstream import fetch_metadata, fetch_provenance, fetch_remote, read_remote
from entrepot.model.digest import Digest
from entrepot.model.errors import FileUnknown, NotFound, ReferenceUnknown, UpstreamInvalid, UpstreamUnavailable
from entrepot.model.names import PackageId, View
from entrepot.operations import access
from entrepot.operations.browse import find_package, list_packages
from entrepot.operations.read_blob import read_whole
from entrepot.operations.resolve import find_blob, resolve
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.conditionals import is_unchanged
from entrepot.wire.index import index_reply
from entrepot.wire.reply import PRIVATE_IMMUTABLE, REVALIDATE, HeaderList, Reply, json_reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.formats.pypi.project import ProjectRelease
    from entrepot.formats.pypi.upstream import RemoteProject
    from entrepot.model.names import PackageName
    from entrepot.wire.call import Call

_PAGE: Final = 1_000
_VARY: Final = (b"vary", b"Accept")
_SAFE: Final = [
    # A file is what somebody pushed: a browser shall run nothing of it as ours.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox"),
]
_JSON: Final = "application/json"


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(view: View, call: Call) -> PackageId:
    return PackageId(view.namespace, PYPI, RULES.normalize(call.path["project"]))


def _root(call: Call, view: View) -> str:
    return f"{call.base_url}/pypi/{view}"


# --- the simple index ---


async def get_project(call: Call) -> Reply:
    """PEP 503 and 691: one project's page."""
    view = _view(call)
    package = _package(view, call)
    if call.path["project"] != package.name or not call.target.endswith("/"):
        return _moved(call, f"/pypi/{view}/simple/{package.name}/")
    kind = _representation(call)
    if kind is None:
        return _not_acceptable()
    remote = await read_remote(call.registry, call.caller, view, package)
    row = await find_package(call.registry, call.caller, view, package)
    root = _root(call, view)

    async def render() -> bytes:
        project = await read_project(call.registry, call.caller, view, package)
        return render_project(project if remote is None else remote.joined(project), kind, root)

    return await index_reply(
        call,
        ("pypi", "simple", str(view), package.name, kind, root),
        row.revision,
        render,
        content_type=_content_type(kind),
        headers=[_VARY, text_header("x-pypi-last-serial", str(row.revision)), *_staleness(remote)],
        mirrored=None if remote is None else remote.shown,
    )


def _staleness(remote: RemoteProject | None) -> HeaderList:
    """What a cache says of an answer that it could not renew (RFC 7234, 5.5)."""
    if remote is None or remote.stale is None:
        return []
    return [text_header("warning", f'111 - "the upstream {remote.upstream.name} could not be asked: its last answer"')]


async def get_projects(call: Call) -> Reply:
    """PEP 503 and 691: all projects that the view shows, as far as the caller may know of them."""
    view = _view(call)
    if not call.target.endswith("/"):
        return _moved(call, f"/pypi/{view}/simple/")
    kind = _representation(call)
    if kind is None:
        return _not_acceptable()
    content = render_projects(await _list_projects(call, view), kind)
    # What is listed depends on who asks, so the tag is the content's own; the server remembers the answer by who asks.
    etag = f'"{Digest.of(content).hex}"'
    headers: HeaderList = [
        text_header("content-type", _content_type(kind)),
        text_header("etag", etag),
        REVALIDATE,
        _VARY,
    ]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return Reply(200, headers, content, cacheable=True)


async def _list_projects(call: Call, view: View) -> list[PackageName]:
    names: list[PackageName] = []
    after: PackageId | None = None
    while True:
        page = await list_packages(call.registry, call.caller, view=view, format=PYPI, after=after, limit=_PAGE)
        names += [row.id.name for row in page]
        if len(page) < _PAGE:
            return names
        after = page[-1].id


def _representation(call: Call) -> MediaType | None:
    asked = call.query.get("format")
    return choose(call.headers.get("accept")) if asked is None else named(asked)


def _content_type(kind: MediaType) -> str:
    return f"{kind}; charset=utf-8" if kind is MediaType.PLAIN_HTML else kind


def _not_acceptable() -> Reply:
    offers = ", ".join(MediaType)
    return Reply(406, [TEXT, _VARY], f"The index comes as {offers}.\n".encode(), cacheable=True)


def _moved(call: Call, target: str) -> Reply:
    asked = call.query.get("format")
    query = "" if asked is None else f"?format={quote(asked, safe='')}"
    return Reply(301, [text_header("location", f"{target}{query}")], cacheable=True)


# --- files ---


class _Layer(msgspec.Struct):
    """A file in a release's manifest."""

    digest: str
    annotations: dict[str, str] = {}


class _Manifest(msgspec.Struct):
    """As much of a release's manifest as a download needs: it is read on each."""

    artifact_type: str = msgspec.field(name="artifactType", default="")
    layers: list[_Layer] = []


_MANIFESTS: Final = msgspec.json.Decoder(_Manifest)
_TITLE: Final = "org.opencontainers.image.title"


async def get_file(call: Call) -> Reply:
    """A file, or with ``.metadata`` behind its name what is inside it (PEP 658), or with ``.asc`` its signature."""
    view = _view(call)
    package = _package(view, call)
    filename = call.path["filename"]
    headers = [text_header("content-type", media_type(filename)), *_SAFE]
    try:
        digest = (await _list_files(call, view, package)).get(filename)
    except NotFound:
        if (reply := await _fetch(call, view, package, filename, headers)) is not None:
            return reply
        raise
    if digest is None:
        if (reply := await _fetch(call, view, package, filename, headers)) is not None:
            return reply
        raise FileUnknown(f"{call.path['version'][:200]}/{filename[:300]}")
    blob = await find_blob(call.registry, call.caller, view, package, digest)
    return await blob_reply(call, blob, headers, of=package)


async def _fetch(call: Call, view: View, package: PackageId, filename: str, headers: HeaderList) -> Reply | None:
    """A file that is not here yet, from an upstream; None when no upstream shows it."""
    remote = await read_remote(call.registry, call.caller, view, package)
    if remote is None:
        return None
    file = remote.files.get(filename)
    if file is not None:
        return await arrival_reply(call, await fetch_remote(call.registry, remote, file), headers)
    described = remote.files.get(filename.removesuffix(".metadata"))
    content = None if described is None else await fetch_metadata(call.registry, remote, described)
    return None if content is None else Reply(200, [*headers, PRIVATE_IMMUTABLE], content)


async def _list_files(call: Call, view: View, package: PackageId) -> Mapping[str, Digest]:
    """The files of the release that the path names. Raises `ReferenceUnknown`, and like `resolve`."""
    version = RULES.parse_version(call.path["version"])
    found = await resolve(call.registry, call.caller, view, package, name=version)
    manifest = _MANIFESTS.decode(found.content)
    if manifest.artifact_type != KIND.artifact_type:
        raise ReferenceUnknown(version)
    return {layer.annotations.get(_TITLE, ""): Digest.parse(layer.digest) for layer in manifest.layers}


# --- uploads ---


async def post_upload(call: Call) -> Reply:
    """The upload form."""
    try:
        filename = await receive_upload(call, _view(call))
    except ActionGone:
        return Reply(410, [TEXT], b"Metadata and documentation come with the file: upload it with file_upload.\n")
    return Reply(200, [TEXT], f"{filename.text} is stored.\n".encode())


# --- the JSON API ---


async def get_json(call: Call) -> Reply:
    """A project, or one of its releases."""
    try:
        return await _get_json(call)
    except NotFound:
        return json_reply(NOT_FOUND, status=404)


async def _get_json(call: Call) -> Reply:
    view = _view(call)
    package = _package(view, call)
    text = call.path.get("version")
    version = None if text is None else RULES.parse_version(text)
    row = await find_package(call.registry, call.caller, view, package)
    if version is not None:
        await resolve(call.registry, call.caller, view, package, name=version)
    root = _root(call, view)

    async def render() -> bytes:
        project = await read_project(call.registry, call.caller, view, package)
        release = newest_release(project)
        if version is not None:
            release = next((each for each in project.releases if each.name == version), None)
        description = await _read_description(call, view, package, release)
        return render_json(project, release, description, root, whole=version is None)

    return await index_reply(
        call,
        ("pypi", "json", str(view), package.name, version, root),
        row.revision,
        render,
        content_type=_JSON,
        headers=[text_header("x-pypi-last-serial", str(row.revision))],
    )


async def _read_description(call: Call, view: View, package: PackageId, release: ProjectRelease | None) -> str:
    if release is None or release.description_in is None:
        return ""
    return read_fields(await _read_blob(call, view, package, release.description_in))[1]


async def _read_blob(call: Call, view: View, package: PackageId, digest: Digest) -> bytes:
    """The bytes of something small, of which the limit was kept when it came."""
    blob = await find_blob(call.registry, call.caller, view, package, digest)
    if blob.content is not None:
        return blob.content
    return await read_whole(call.registry, blob)


# --- the integrity API ---


async def get_provenance(call: Call) -> Reply:
    """PEP 740: the attestations of one file."""
    accept = call.headers.get("accept")
    if not _takes_provenance(accept):
        return Reply(406, [TEXT], f"Provenance comes as {attestations.PROVENANCE_TYPE}.\n".encode(), cacheable=True)
    try:
        return await _get_provenance(call)
    except NotFound:
        return json_reply(NOT_FOUND, status=404)


def _takes_provenance(accept: str | None) -> bool:
    kinds = ("*/*", "application/*", _JSON, attestations.PROVENANCE_TYPE)
    return accept is None or any(item.partition(";")[0].strip().lower() in kinds for item in accept.split(","))


async def _get_provenance(call: Call) -> Reply:
    view = _view(call)
    package = _package(view, call)
    filename = call.path["filename"]
    failure: UpstreamUnavailable | UpstreamInvalid | None = None
    try:
        if (content := await _ask_for_provenance(call, view, package)) is not None:
            headers = [text_header("content-type", attestations.PROVENANCE_TYPE), REVALIDATE]
            return Reply(200, headers, content)
    except (UpstreamUnavailable, UpstreamInvalid) as error:
        failure = error
    row = await find_package(call.registry, call.caller, view, package)
    files = await _list_files(call, view, package)
    digests = [digest for path, digest in sorted(files.items()) if attestations.subject_of(path) == filename]
    if not digests:
        raise failure or FileUnknown(f"the provenance of {filename[:300]}")

    async def render() -> bytes:
        return attestations.provenance([await _read_blob(call, view, package, digest) for digest in digests])

    return await index_reply(
        call,
        ("pypi", "provenance", str(view), package.name, filename),
        row.revision,
        render,
        content_type=attestations.PROVENANCE_TYPE,
    )


async def _ask_for_provenance(call: Call, view: View, package: PackageId) -> bytes | None:
    """As the upstream has it, which knows who published: what came from there says only who signed."""
    version = RULES.parse_version(call.path["version"])
    remote = await read_remote(call.registry, call.caller, view, package)
    file = None if remote is None else remote.files.get(call.path["filename"])
    if remote is None or file is None or file.filename.release != version:
        return None
    return await fetch_provenance(call.registry, remote, file)


# --- project status ---


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a change of status, and of the answer to a question about it."""

    status: Status
    reason: str = ""


async def get_status(call: Call) -> Reply:
    """PEP 792: what a project's status is."""
    view = _view(call)
    package = _package(view, call)
    await find_package(call.registry, call.caller, view, package)
    said = await read_status(call.registry, package)
    return json_reply(_Status(said.status, said.reason), headers=[REVALIDATE])


async def put_status(call: Call) -> Reply:
    """Say what a project's status is."""
    view = _view(call)
    access.require_writable(view)
    package = _package(view, call)
    asked = await call.body.json(_Status, limit=16 * 1024)
    await set_status(call.registry, call.caller, package, ProjectStatus(asked.status, asked.reason))
    return Reply(204)


_VIEW: Final = r"/pypi/(?P<view>[^/]+)"
_PROJECT: Final = r"(?P<project>[^/]+)"
_VERSION: Final = r"(?P<version>[^/]+)"
_FILE: Final = r"(?P<filename>[^/]+)"

ROUTES: Final = [
    Route("GET", rf"{_VIEW}/simple/?", get_projects, "list_projects"),
    Route("GET", rf"{_VIEW}/simple/{_PROJECT}/?", get_project, "get_project"),
    Route("GET", rf"{_VIEW}/files/{_PROJECT}/{_VERSION}/{_FILE}", get_file, "get_file"),
    Route("POST", rf"{_VIEW}/legacy/?", post_upload, "upload_file"),
    Route("GET", rf"{_VIEW}/json/{_PROJECT}", get_json, "get_json"),
    Route("GET", rf"{_VIEW}/json/{_PROJECT}/{_VERSION}", get_json, "get_json"),
    # The same where tools look that are given the address of a registry and know the rest, some of them with a slash.
    Route("GET", rf"{_VIEW}/pypi/{_PROJECT}/json/?", get_json, "get_json"),
    Route("GET", rf"{_VIEW}/pypi/{_PROJECT}/{_VERSION}/json/?", get_json, "get_json"),
    Route("GET", rf"{_VIEW}/integrity/{_PROJECT}/{_VERSION}/{_FILE}/provenance/?", get_provenance, "get_provenance"),
    Route("GET", rf"{_VIEW}/status/{_PROJECT}", get_status, "get_status"),
    Route("PUT", rf"{_VIEW}/status/{_PROJECT}", put_status, "put_status"),
]
