"""``/files/<view>/<package>/<version>/<path>``: files in and out, by any HTTP client.

HTTP's own words are used where it has them: RFC 9110 for methods, ranges and conditions, RFC 9530 for checksums,
RFC 9457 for errors.
An upload session is the file's own address with ``?upload=<session>``.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.generic.checksums import Claims, print_digest_field, read_claims, verified
from entrepot.formats.generic.rules import GENERIC, RULES, parse_annotations, parse_media_type, parse_path
from entrepot.formats.generic.versions import FileAddition, read_contents
from entrepot.model.errors import (
    DigestMismatch,
    FileUnknown,
    Invalid,
    InvalidContentRange,
    MethodNotAllowed,
    ReferenceUnknown,
)
from entrepot.model.names import PackageId, PackageName, ReferenceName, View
from entrepot.model.reference import ReferenceKind
from entrepot.operations import access
from entrepot.operations.add_file import Incoming, add_file, add_uploaded_file
from entrepot.operations.browse import find_package, list_packages, list_references
from entrepot.operations.delete import delete_version
from entrepot.operations.mark import seal, unyank, yank
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.upload import add_chunk, begin_upload, cancel_upload, find_upload, received_size
from entrepot.wire.blob import blob_reply
from entrepot.wire.call import decode_json
from entrepot.wire.conditionals import is_unchanged, require_preconditions
from entrepot.wire.ranges import parse_chunk
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply, json_reply, text_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from entrepot.model.contents import Contents, File, FilePath
    from entrepot.model.digest import Digest
    from entrepot.model.upload import Upload
    from entrepot.operations.add_file import AddedFile
    from entrepot.operations.upload import StoredBlob
    from entrepot.ports.catalog import FoundArtifact
    from entrepot.wire.call import Call

_PAGE: Final = 1_000
_MAX_REASON: Final = 1_000
_MAX_BODY: Final = 16 * 1024
_OK: Final = 200
_METHODS: Final = "GET, HEAD, PUT"
"""What a file takes; a session takes more."""

_SAFE: Final = [
    # A file is what somebody pushed: a browser shall save it, and run nothing of it as ours.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox"),
]


# --- names in the path ---


def _view(call: Call) -> View:
    return View.parse(call.path["view"])


def _package(view: View, call: Call) -> PackageId:
    return PackageId(view.namespace, GENERIC, RULES.normalize(call.path["package"]))


def _version(call: Call) -> ReferenceName:
    return RULES.parse_version(call.path["version"])


def _writable(call: Call) -> tuple[PackageId, ReferenceName]:
    view = _view(call)
    access.require_writable(view)
    return _package(view, call), _version(call)


# --- files out ---


async def get_file(call: Call) -> Reply:
    """GET and HEAD of a file, whole or in part; or of an upload session, how far it has come."""
    session = call.query.get("upload")
    if session is not None:
        return await _get_session(call, session)
    view = _view(call)
    package, version, path = _package(view, call), _version(call), parse_path(call.path["path"])
    _, contents = await _resolve(call, view, package, version)
    file = contents.files.get(path)
    if file is None:
        raise FileUnknown(f"{version}/{path}")
    require_preconditions(call.headers, f'"{file.digest}"', reading=True)
    blob = await find_blob(call.registry, call.caller, view, package, file.digest)
    reply = await blob_reply(call, blob, _file_headers(file), of=package)
    if reply.status == _OK and call.method == "GET":
        # RFC 9530, B.2 and B.3: Content-Digest is about what this very answer carries, Repr-Digest about the file.
        reply.headers.append((b"content-digest", _digest_field(file.digest)))
    return reply


async def _resolve(
    call: Call, view: View, package: PackageId, version: ReferenceName
) -> tuple[FoundArtifact, Contents]:
    found = await resolve(call.registry, call.caller, view, package, name=version)
    contents = read_contents(found.digest, found.content)
    if contents is None:
        raise ReferenceUnknown(version)
    return found, contents


def _file_headers(file: File) -> HeaderList:
    headers = [
        (b"content-type", file.media_type.encode("ascii")),
        (b"content-disposition", _disposition(file.path)),
        (b"repr-digest", _digest_field(file.digest)),
        *_SAFE,
    ]
    if file.digest.algorithm == "sha256":
        headers.append((b"x-checksum-sha256", file.digest.hex.encode("ascii")))
    return headers


def _digest_field(digest: Digest) -> bytes:
    return print_digest_field({digest.algorithm: bytes.fromhex(digest.hex)}).encode("ascii")


def _disposition(path: FilePath) -> bytes:
    """The name to save it under: RFC 6266, and RFC 8187 for what ASCII does not have."""
    name = path.rpartition("/")[2]
    plain = re.sub(r"[^ !#-\[\]-~]", "_", name)
    encoded = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{encoded}'.encode("ascii")


# --- files in ---


async def put_file(call: Call) -> Reply:
    """PUT of a file: the whole of it, or what completes an upload session."""
    package, version = _writable(call)
    addition = _addition(call, package.name, version)
    claims = read_claims(call.headers)
    session = call.query.get("upload")
    if session is None:
        incoming = _whole(call, claims.for_whole_body())
        added = await add_file(call.registry, call.caller, package, addition, incoming)
    else:
        upload = await find_upload(call.registry, call.caller, package, session)
        async with _damage_ends(call, upload):
            added = await add_uploaded_file(call.registry, call.caller, upload, addition, _last_piece(call, claims))
    return _added(call, addition, added)


def _addition(call: Call, package: PackageName, version: ReferenceName) -> FileAddition:
    if (call.headers.get("content-encoding") or "identity").lower() != "identity":
        raise Invalid(
            f"Content-Encoding {call.headers.get('content-encoding')}", expected="the file's own bytes, not encoded"
        )
    return FileAddition(
        package=package,
        version=version,
        path=parse_path(call.path["path"]),
        media_type=parse_media_type(call.headers.get("content-type")),
        annotations=parse_annotations(call.headers.get("entrepot-annotations")),
    )


def _whole(call: Call, claims: Claims) -> Incoming:
    if not _is_whole(call):
        # RFC 9110, 14.5: a server that does not know partial PUT refuses it.
        raise Invalid("Content-Range", expected="the whole file, or an upload session (POST with ?upload)")
    others = {algorithm: value for algorithm, value in claims.file.items() if algorithm != "sha256"}
    return Incoming(
        content=verified(call.body.stream(), others),
        size=call.body.size,
        expected=claims.digest,
        demand=_demand(call),
    )


def _last_piece(call: Call, claims: Claims) -> Incoming:
    if call.body.size == 0:
        claims = claims.for_no_body()
    at = parse_chunk(call.headers, call.body.size)
    if at is None and call.body.size != 0 and not claims.file:
        # A piece that neither says where it belongs nor what the whole shall be is taken for the whole.
        at = 0
    match = _RANGE.fullmatch(call.headers.get("content-range") or "")
    if match is not None and int(match["last"]) + 1 != int(match["size"]):
        raise InvalidContentRange(match[0], expected="the last piece of the file")
    others = {algorithm: value for algorithm, value in claims.file.items() if algorithm != "sha256"}
    return Incoming(
        content=verified(call.body.stream(), claims.body),
        size=call.body.size,
        expected=claims.digest,
        verify=_verifier(call, others),
        demand=_demand(call),
        at=at,
    )


_RANGE: Final = re.compile(r"(?:bytes )?(?P<first>\d{1,19})-(?P<last>\d{1,19})/(?P<size>\d{1,19})")


def _is_whole(call: Call) -> bool:
    """Whether the request brings all of the file: ``curl -C -`` says so of a file that it sends from the beginning."""
    if parse_chunk(call.headers, call.body.size) is None:
        return True
    match = _RANGE.fullmatch(call.headers.get("content-range") or "")
    return match is not None and int(match["first"]) == 0 and int(match["last"]) + 1 == int(match["size"])


def _verifier(call: Call, expected: Mapping[str, bytes]) -> Callable[[StoredBlob], Awaitable[None]] | None:
    """Read the file once more for the checksums that were not made while its pieces came."""
    if not expected:
        return None

    async def verify(blob: StoredBlob) -> None:
        stored = (
            call.registry.blobs.read(blob.digest, generation=blob.generation)
            if blob.content is None
            else _one(blob.content)
        )
        async for _ in verified(stored, expected):
            pass

    return verify


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _demand(call: Call) -> Callable[[Digest | None], None]:
    """``If-None-Match`` and ``If-Match``, asked of the file that is there."""

    def demand(present: Digest | None) -> None:
        require_preconditions(call.headers, None if present is None else f'"{present}"')

    return demand


def _added(call: Call, addition: FileAddition, added: AddedFile) -> Reply:
    call.facts["digest"] = str(added.digest)
    call.facts["size"] = added.size
    return json_reply(
        {
            "path": addition.path,
            "digest": str(added.digest),
            "size": added.size,
            "version": addition.version,
            "artifact": str(added.artifact),
        },
        status=201 if added.is_new else 200,
        headers=[text_header("location", _address(call)), (b"etag", f'"{added.digest}"'.encode("ascii"))],
    )


# --- upload sessions ---


async def post_file(call: Call) -> Reply:
    """POST with ``?upload``: begin a session for a file that is large or comes over a bad line."""
    if call.query.get("upload") != "":
        raise MethodNotAllowed(call.method, expected=_METHODS)
    package, _ = _writable(call)
    parse_path(call.path["path"])
    upload = await begin_upload(call.registry, call.caller, package)
    return _session(call, upload, 0)


async def patch_file(call: Call) -> Reply:
    """PATCH of a session: the next piece, at the place that ``Content-Range`` says or wherever the session stands."""
    upload = await _upload(call)
    piece = verified(call.body.stream(), read_claims(call.headers).body)
    async with _damage_ends(call, upload):
        at = parse_chunk(call.headers, call.body.size)
        size = await add_chunk(call.registry, upload, piece, at=at, size=call.body.size)
    return _session(call, upload, size)


@asynccontextmanager
async def _damage_ends(call: Call, upload: Upload) -> AsyncIterator[None]:
    """Cancel a session that got other bytes than were sent: they are written, and none knows which are good."""
    try:
        yield
    except DigestMismatch:
        await cancel_upload(call.registry, upload)
        raise


async def _get_session(call: Call, session: str) -> Reply:
    package, _ = _writable(call)
    upload = await find_upload(call.registry, call.caller, package, session)
    return _session(call, upload, await received_size(call.registry, upload), status=204)


async def delete_file(call: Call) -> Reply:
    """DELETE of a session: cancel it. A file of a version is never deleted by itself."""
    await cancel_upload(call.registry, await _upload(call))
    return Reply(204)


async def _upload(call: Call) -> Upload:
    session = call.query.get("upload")
    if session is None:
        raise MethodNotAllowed(call.method, expected=_METHODS)
    package, _ = _writable(call)
    return await find_upload(call.registry, call.caller, package, session)


def _session(call: Call, upload: Upload, size: int, *, status: int = 202) -> Reply:
    headers = [
        text_header("location", f"{_address(call)}?upload={upload.seal(call.registry.upload_secret)}"),
        text_header("upload-offset", str(size)),
        (b"cache-control", b"no-store"),
    ]
    if size > 0:
        headers.append(text_header("range", f"0-{size - 1}"))
    return Reply(status, headers)


def _address(call: Call) -> str:
    return f"{call.base_url}{quote(call.target)}"


# --- versions ---


class _Reason(msgspec.Struct):
    reason: str = ""


async def get_version(call: Call) -> Reply:
    """What a version holds, and what is said of it."""
    view = _view(call)
    package, version = _package(view, call), _version(call)
    # The revision first: content that is newer than its tag is asked for again, older content would stay.
    row = await find_package(call.registry, call.caller, view, package)
    found, contents = await _resolve(call, view, package, version)
    call.facts["digest"] = str(found.digest)
    document = {
        "package": package.name,
        "version": version,
        "digest": str(found.digest),
        "sealed": found.sealed,
        "yanked": found.yanked,
        "deprecated": found.deprecated,
        "annotations": contents.annotations,
        "files": [
            {"path": file.path, "digest": str(file.digest), "size": file.size, "media_type": file.media_type}
            for file in contents.files.values()
        ],
    }
    return _listing(call, document, f'"{row.revision}"')


async def post_version(call: Call) -> Reply:
    """POST with ``?seal``, ``?yank`` or ``?unyank``."""
    package, version = _writable(call)
    asked = [verb for verb in ("seal", "yank", "unyank") if call.query.get(verb) is not None]
    match asked:
        case ["seal"]:
            await seal(call.registry, call.caller, package, version)
        case ["yank"]:
            await yank(call.registry, call.caller, package, version, reason=await _reason(call))
        case ["unyank"]:
            await unyank(call.registry, call.caller, package, version)
        case _:
            raise Invalid("query", expected="one of ?seal, ?yank and ?unyank")
    return Reply(204)


async def _reason(call: Call) -> str:
    content = await call.body.read(_MAX_BODY)
    reason = decode_json(content, _Reason).reason if content else ""
    if len(reason) > _MAX_REASON:
        raise Invalid("reason", expected=f"at most {_MAX_REASON} characters")
    return reason


async def delete_whole_version(call: Call) -> Reply:
    """DELETE of a version with all its files; its name stays used up."""
    package, version = _writable(call)
    await delete_version(call.registry, call.caller, package, version)
    return Reply(204)


# --- packages ---


async def get_package(call: Call) -> Reply:
    """The versions of a package, in byte order."""
    view = _view(call)
    package = _package(view, call)
    row = await find_package(call.registry, call.caller, view, package)
    after, limit = _page(call)
    found = await list_references(
        call.registry,
        call.caller,
        view,
        package,
        kind=ReferenceKind.VERSION,
        after=after,
        limit=limit + 1,
    )
    document = {
        "package": package.name,
        "revision": row.revision,
        "versions": [
            {
                "version": version.name,
                "digest": str(version.digest),
                "sealed": version.sealed,
                "yanked": version.yanked,
                "deprecated": version.deprecated,
            }
            for version in found[:limit]
        ],
        "next": found[limit - 1].name if len(found) > limit else None,
    }
    return _listing(call, document, f'"{row.revision}"')


async def get_view(call: Call) -> Reply:
    """The packages of a view, as far as the caller may read them, in byte order."""
    view = _view(call)
    after, limit = _page(call)
    last = PackageId(view.namespace, GENERIC, PackageName(after)) if after else None
    found = await list_packages(call.registry, call.caller, view=view, format=GENERIC, after=last, limit=limit + 1)
    document = {
        "namespace": view.namespace,
        "packages": [{"name": row.id.name, "revision": row.revision} for row in found[:limit]],
        "next": found[limit - 1].id.name if len(found) > limit else None,
    }
    # What it shows depends on who asks, so no revision says whether it has changed.
    return _listing(call, document, f'"{hashlib.sha256(msgspec.json.encode(document)).hexdigest()[:32]}"')


def _page(call: Call) -> tuple[str, int]:
    asked = call.query.number("limit")
    limit = _PAGE if asked is None else asked
    if not 0 < limit <= _PAGE:
        raise Invalid(f"limit={limit}", expected=f"1 to {_PAGE}")
    return call.query.get("after") or "", limit


def _listing(call: Call, document: object, etag: str) -> Reply:
    headers = [(b"etag", etag.encode("ascii")), REVALIDATE]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=True)
    return json_reply(document, headers=headers, cacheable=True)


_VIEW: Final = r"/files/(?P<view>[^/]+)"
_PACKAGE: Final = rf"{_VIEW}/(?P<package>[^/]+)"
_VERSION: Final = rf"{_PACKAGE}/(?P<version>[^/]+)"
_FILE: Final = rf"{_VERSION}/(?P<path>(?s:.+))"

ROUTES: Final = (
    Route("GET", _FILE, get_file, "get_file"),
    Route("PUT", _FILE, put_file, "put_file"),
    Route("POST", _FILE, post_file, "post_upload"),
    Route("PATCH", _FILE, patch_file, "patch_upload"),
    Route("DELETE", _FILE, delete_file, "delete_upload"),
    Route("GET", rf"{_VERSION}/?", get_version, "get_version"),
    Route("POST", rf"{_VERSION}/?", post_version, "post_version"),
    Route("DELETE", rf"{_VERSION}/?", delete_whole_version, "delete_version"),
    Route("GET", rf"{_PACKAGE}/?", get_package, "get_package"),
    Route("GET", rf"{_VIEW}/?", get_view, "get_view"),
)
