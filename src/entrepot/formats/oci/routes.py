"""The distribution API: OCI distribution specification 1.1.1 and what its main branch adds; each handler its end-point.

The numbers are those of the specification's table of end-points.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from entrepot.formats.oci.errors import API_VERSION
from entrepot.formats.oci.names import namespace_of, parse_name, print_name
from entrepot.formats.oci.rules import OCI, RULES
from entrepot.formats.oci.upstream import fetch_remote_blob, list_remote_referrers, read_remote_manifest
from entrepot.model.access import Action
from entrepot.model.artifact import IMAGE_INDEX, Artifact
from entrepot.model.digest import Digest, parse_algorithm
from entrepot.model.errors import (
    Denied,
    InsufficientScope,
    Invalid,
    InvalidManifest,
    InvalidName,
    InvalidReference,
    NotFound,
    PackageUnknown,
    Unauthenticated,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from entrepot.model.names import ReferenceName, View
from entrepot.model.reference import is_fallback
from entrepot.operations import access
from entrepot.operations.browse import list_packages, list_references, list_referrers
from entrepot.operations.delete import delete_artifact, delete_blob, delete_reference
from entrepot.operations.mount import mount
from entrepot.operations.publish import Draft, publish_composed
from entrepot.operations.registry import Listed, Wish
from entrepot.operations.resolve import find_blob, resolve
from entrepot.operations.upload import (
    add_blob,
    add_chunk,
    begin_upload,
    cancel_upload,
    find_upload,
    finish_upload,
    received_size,
)
from entrepot.ports.catalog import ends_early
from entrepot.wire.arrival import arrival_reply
from entrepot.wire.blob import blob_reply
from entrepot.wire.conditionals import is_conditional, is_unchanged, require_preconditions
from entrepot.wire.ranges import parse_chunk
from entrepot.wire.reply import REVALIDATE, HeaderList, Reply, json_reply, text_header, warning_header
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entrepot.formats.oci.upstream import RemoteReferrers
    from entrepot.model.names import PackageId
    from entrepot.model.upload import Upload
    from entrepot.ports.catalog import ArtifactSummary, FoundArtifact, Transaction
    from entrepot.wire.call import Call

_BYTES: Final = (b"content-type", b"application/octet-stream")
_PAGE: Final = 100
_MAX_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Place:
    """What the ``<name>`` of a path stands for."""

    name: str
    view: View
    package: PackageId


def _place(call: Call) -> _Place:
    view, package = parse_name(call.path["name"], call.registry.formats)
    return _Place(call.path["name"], view, package)


def _writable(call: Call) -> _Place:
    place = _place(call)
    access.require_writable(place.view)
    return place


# --- end-1 ---


async def ping(call: Call) -> Reply:
    """end-1: say that the registry speaks this, and whether the credentials are good.

    Clients learn from the 401 where to authenticate, so it is sent also where anonymous reading is allowed.
    A token that was given to nobody in particular is good here, even where nothing is public: a client that is refused
    with the token that it was just given believes that there is no registry.
    """
    if call.caller.principal is None and call.caller.unscoped is None:
        raise Unauthenticated
    return json_reply({}, headers=[API_VERSION], cacheable=True)


# --- end-2, end-10: blobs ---


async def get_blob(call: Call) -> Reply:
    """end-2: GET and HEAD of a blob, whole or in part."""
    place, digest = _place(call), Digest.parse(call.path["digest"])
    headers = [_BYTES, _digest_header(digest), API_VERSION]
    try:
        blob = await find_blob(call.registry, call.caller, place.view, place.package, digest)
    except NotFound:
        # What another format's versions are made of comes with them.
        if place.package.format != OCI:
            raise
        arrival = None
        with _as_nothing_to_who_pushes(call, place):
            arrival = await fetch_remote_blob(call.registry, call.caller, place.view, place.package, digest)
        if arrival is None:
            raise
        return await arrival_reply(call, arrival, headers)
    return await blob_reply(call, blob, headers)


async def remove_blob(call: Call) -> Reply:
    """end-10: take a blob out of the package; its bytes wait for the collector."""
    place, digest = _writable(call), Digest.parse(call.path["digest"])
    await delete_blob(call.registry, call.caller, place.package, digest)
    return Reply(202, [_digest_header(digest)])


# --- end-3, end-7, end-9: manifests ---


async def get_manifest(call: Call) -> Reply:
    """end-3: GET and HEAD of a manifest, exactly as it was pushed; what the client accepts does not convert it."""
    place = _place(call)
    name, digest = _asked(call.path["reference"])
    try:
        found = await resolve(call.registry, call.caller, place.view, place.package, name=name, digest=digest)
    except NotFound:
        remote = None
        with _as_nothing_to_who_pushes(call, place):
            remote = await _read_remote(call, place, name, digest)
        if remote is None:
            raise
        return remote
    if digest is None and not found.sealed:
        # What is here does not get lost with the upstream.
        with suppress(UpstreamUnavailable, UpstreamInvalid):
            if (remote := await _read_remote(call, place, name, None)) is not None:
                return remote
    return _manifest(
        call, place.package, found.digest, found.media_type, found.content, more=_warnings(found), cacheable=True
    )


@contextmanager
def _as_nothing_to_who_pushes(call: Call, place: _Place) -> Iterator[None]:
    """Clients look whether something is there before they push it: an upstream that fails does not keep them from it.

    Who only pulls is told of the failure.
    """
    try:
        yield
    except (UpstreamUnavailable, UpstreamInvalid):
        if call.method != "HEAD" or not call.caller.rights.allows(Action.PUBLISH, place.view, place.package.name):
            raise


async def _read_remote(call: Call, place: _Place, name: ReferenceName | None, digest: Digest | None) -> Reply | None:
    """What an upstream has under a tag, which may have moved there, or under a digest that is not here."""
    if place.package.format != OCI:
        return await _fetch_version(call, place, name)
    found = await read_remote_manifest(call.registry, call.caller, place.view, place.package, name=name, digest=digest)
    if found is None:
        return None
    stale = [] if found.stale is None else [warning_header(f"stale: {found.stale}")]
    artifact = found.artifact
    return _manifest(
        call, place.package, artifact.digest, artifact.media_type, artifact.content, more=stale, cacheable=False
    )


async def _fetch_version(call: Call, place: _Place, name: ReferenceName | None) -> Reply | None:
    """A version of another format, which comes as its format's upstreams have it; None when it is here already."""
    reading = call.registry.read_through.get(place.package.format)
    if reading is None or name is None:
        return None
    known = await call.registry.catalog.find_artifact(place.view, place.package, name=name)
    if known is not None:
        return None
    try:
        await reading.fetch(call.registry, call.caller, Wish(place.view, place.package.name, name))
        found = await resolve(call.registry, call.caller, place.view, place.package, name=name)
    except (NotFound, InvalidName, InvalidReference):
        return None
    return _manifest(
        call, place.package, found.digest, found.media_type, found.content, more=_warnings(found), cacheable=False
    )


def _manifest(
    call: Call,
    package: PackageId,
    digest: Digest,
    media_type: str,
    content: bytes,
    *,
    more: HeaderList,
    cacheable: bool,
) -> Reply:
    call.facts["digest"] = str(digest)
    # Who asks for a manifest uses the image, whichever of its layers they have already.
    call.use(package, digest)
    etag = f'"{digest}"'
    headers = [
        (b"content-type", media_type.encode("ascii")),
        _digest_header(digest),
        (b"etag", etag.encode("ascii")),
        REVALIDATE,
        API_VERSION,
        *more,
    ]
    if is_unchanged(call.headers, etag):
        return Reply(304, headers, cacheable=cacheable)
    return Reply(200, headers, content, cacheable=cacheable)


async def put_manifest(call: Call) -> Reply:
    """end-7a, end-7b: publish a manifest by tag, by digest, or by digest with tags."""
    place = _writable(call)
    name, digest = _given(call.path["reference"])
    tags = tuple(dict.fromkeys(RULES.parse_version(tag) for tag in call.query.all("tag")))
    if name is not None:
        tags = tuple(dict.fromkeys((name, *tags)))
    # Before the body is read, so that who waits for 100 (Continue) is spared to send it.
    await access.require(call.registry, call.caller, Action.PUBLISH, place.package)
    content = await call.body.read(call.registry.limits.manifest_size)
    artifact = Artifact.parse(content, _media_type(call, content), digest=digest)
    call.facts["digest"] = str(artifact.digest)
    version = await _accepted(call, place.package, artifact, tags)

    def compose(transaction: Transaction) -> Draft:
        if is_conditional(call.headers):
            require_preconditions(call.headers, _etag(transaction, place.package, name or artifact.digest))
        return Draft(artifact, tags=tags) if version is None else Draft(artifact, version=version)

    await publish_composed(call.registry, call.caller, place.package, compose)
    headers = [
        text_header("location", f"/v2/{place.name}/manifests/{artifact.digest}"),
        _digest_header(artifact.digest),
    ]
    if artifact.subject is not None:
        headers.append(text_header("oci-subject", str(artifact.subject.digest)))
    if tags:
        headers.append(text_header("oci-tag", ", ".join(tags)))
    return Reply(201, headers)


def _etag(transaction: Transaction, package: PackageId, address: ReferenceName | Digest) -> str | None:
    """What GET would say of a manifest's address; None where there is nothing."""
    if isinstance(address, Digest):
        return f'"{address}"' if transaction.has_artifact(package, address) else None
    reference = transaction.find_reference(package, address)
    return None if reference is None else f'"{reference.digest}"'


async def remove_manifest(call: Call) -> Reply:
    """end-9: a tag alone, or a manifest with all its tags."""
    place = _writable(call)
    name, digest = _asked(call.path["reference"])
    if digest is not None:
        await delete_artifact(call.registry, call.caller, place.package, digest)
    elif name is not None:
        await delete_reference(call.registry, call.caller, place.package, name)
    return Reply(202)


def _asked(text: str) -> tuple[ReferenceName | None, Digest | None]:
    """A tag or a digest: only a digest has a colon. What cannot be a tag is looked for too, and not found."""
    return (None, Digest.parse(text)) if ":" in text else (ReferenceName(text), None)


def _given(text: str) -> tuple[ReferenceName | None, Digest | None]:
    """A tag or a digest that a manifest is pushed by. Raises `InvalidReference`, `InvalidDigest`."""
    return (None, Digest.parse(text)) if ":" in text else (RULES.parse_version(text), None)


class _MediaType(msgspec.Struct, rename="camel"):
    media_type: str = ""


def _media_type(call: Call, content: bytes) -> str:
    """From Content-Type, without parameters; or, when a client sends none, from the manifest itself."""
    text = (call.headers.get("content-type") or "").partition(";")[0].strip()
    if text and text != "application/octet-stream":
        return text
    try:
        return msgspec.json.decode(content, type=_MediaType).media_type
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidManifest(str(error)) from error


async def _accepted(
    call: Call, package: PackageId, artifact: Artifact, tags: tuple[ReferenceName, ...]
) -> ReferenceName | None:
    """The version that a manifest becomes in a package of another format; None when it becomes none.

    Such packages get signatures and attestations here; versions only of formats whose clients push them.
    """
    if package.format == OCI or (all(is_fallback(tag) for tag in tags) and (tags or artifact.subject)):
        return None
    accept = call.registry.accept.get(package.format)
    if accept is None:
        raise Denied(f"{package.format} packages are published by their own protocol; only referrers are pushed here")
    return await accept(call.registry, package, artifact, tags)


def _warnings(found: FoundArtifact) -> HeaderList:
    """OCI distribution 1.1, "Warnings"."""
    said = [("yanked", found.yanked), ("deprecated", found.deprecated)]
    return [warning_header(f"{what}: {why}" if why else what) for what, why in said if why is not None]


# --- end-4, end-5, end-6, end-11, end-13, end-14: uploads ---


async def post_upload(call: Call) -> Reply:
    """end-4a, 4b, 4c, 11: begin an upload, or do all of it at once, or mount what another package has."""
    place = _writable(call)
    mounted, digest = call.query.get("mount"), call.query.get("digest")
    if mounted is not None:
        wanted = Digest.parse(mounted)
        if await _mount(call, place, wanted):
            return _created(place, wanted)
    if digest is not None and mounted is None:
        expected = Digest.parse(digest)
        call.facts["digest"] = str(expected)
        await add_blob(
            call.registry,
            call.caller,
            place.package,
            expected=expected,
            content=call.body.stream(),
            size=call.body.size,
        )
        return _created(place, expected)
    algorithm = parse_algorithm(call.query.get("digest-algorithm") or "sha256")
    return _session(call, place, await begin_upload(call.registry, call.caller, place.package, algorithm=algorithm), 0)


async def _mount(call: Call, place: _Place, digest: Digest) -> bool:
    """Whether the blob could be mounted; a source whose name nothing can have here does not have it."""
    source = call.query.get("from")
    try:
        origin = None if source is None else parse_name(source, call.registry.formats)
    except InvalidName:
        return False
    return await mount(call.registry, call.caller, place.package, digest, source=origin)


async def patch_upload(call: Call) -> Reply:
    """end-5: the next chunk, or a stream of unknown length."""
    place, upload = await _upload(call)
    at = parse_chunk(call.headers, call.body.size)
    size = await add_chunk(call.registry, upload, call.body.stream(), at=at, size=call.body.size)
    return _session(call, place, upload, size)


async def put_upload(call: Call) -> Reply:
    """end-6: the end of an upload, with the last chunk, the whole, or nothing more."""
    place, upload = await _upload(call)
    digest = call.query.get("digest")
    if digest is None:
        raise Invalid("digest", expected="the digest of the whole blob as the query parameter digest")
    return await _finish(call, place, upload, Digest.parse(digest))


async def get_upload(call: Call) -> Reply:
    """end-13: how far an upload has come."""
    place, upload = await _upload(call)
    return _session(call, place, upload, await received_size(call.registry, upload), status=204)


async def remove_upload(call: Call) -> Reply:
    """end-14: cancel an upload."""
    _, upload = await _upload(call)
    await cancel_upload(call.registry, upload)
    return Reply(204)


async def _upload(call: Call) -> tuple[_Place, Upload]:
    place = _writable(call)
    return place, await find_upload(call.registry, call.caller, place.package, call.path["session"])


async def _finish(call: Call, place: _Place, upload: Upload, expected: Digest) -> Reply:
    call.facts["digest"] = str(expected)
    await finish_upload(
        call.registry,
        call.caller,
        upload,
        expected=expected,
        content=call.body.stream(),
        size=call.body.size,
        at=parse_chunk(call.headers, call.body.size),
    )
    return _created(place, expected)


def _created(place: _Place, digest: Digest) -> Reply:
    return Reply(201, [text_header("location", f"/v2/{place.name}/blobs/{digest}"), _digest_header(digest)])


def _session(call: Call, place: _Place, upload: Upload, size: int, *, status: int = 202) -> Reply:
    location = f"/v2/{place.name}/blobs/uploads/{upload.seal(call.registry.upload_secret)}"
    return Reply(
        status,
        [
            text_header("location", location),
            text_header("range", f"0-{max(0, size - 1)}"),
            text_header("docker-upload-uuid", upload.id),
        ],
    )


# --- end-8, end-12: listings ---


async def get_tags(call: Call) -> Reply:
    """end-8: the names of a package, in byte order, with those that upstreams have."""
    place = _place(call)
    limit, after = _page(call), call.query.get("last") or ""
    try:
        references = await list_references(
            call.registry, call.caller, place.view, place.package, after=after, limit=limit + 1
        )
        remote = await _list_remote(call, place, known=True)
    except PackageUnknown:
        remote, references = await _list_remote(call, place, known=False), []
        if remote is None:
            raise
    found = {str(reference.name) for reference in references}
    if remote is not None:
        found |= {tag for tag in _tags(call, place, remote.versions) if tag > after}
    names = sorted(found)
    headers = [REVALIDATE]
    if remote is not None and remote.stale is not None:
        headers.append(warning_header(f"stale: {remote.stale}"))
    if len(names) > limit > 0:
        headers.append(_next(f"/v2/{place.name}/tags/list", limit, names[limit - 1]))
    return json_reply({"name": place.name, "tags": names[:limit]}, headers=headers, cacheable=remote is None)


async def _list_remote(call: Call, place: _Place, *, known: bool) -> Listed | None:
    """What upstreams show of a package; where it is *known* here, one that fails takes nothing away."""
    reading = call.registry.read_through.get(place.package.format)
    if reading is None:
        return None
    try:
        return await reading.list_versions(call.registry, call.caller, place.view, place.package.name)
    except (UpstreamUnavailable, UpstreamInvalid) as error:
        if not known:
            raise
        return Listed((), str(error))


def _tags(call: Call, place: _Place, versions: Sequence[str]) -> Iterator[ReferenceName]:
    """What versions are called here."""
    rules = call.registry.formats[place.package.format]
    for version in versions:
        with suppress(InvalidReference):
            yield rules.parse_version(version)


async def get_referrers(call: Call) -> Reply:
    """end-12a, 12b: what refers to a digest, here and in upstreams; an empty index when nothing does."""
    place, subject = _place(call), Digest.parse(call.path["digest"])
    artifact_type = call.query.get("artifactType") or None
    limit, after = _page(call) or _PAGE, call.query.get("last") or ""
    remote = None
    if place.package.format == OCI:
        remote = await list_remote_referrers(call.registry, call.caller, place.view, place.package, subject)
    found = await list_referrers(
        call.registry,
        call.caller,
        place.view,
        place.package,
        subject,
        artifact_type=artifact_type,
        after=after,
        limit=limit + 1,
    )
    listed = {str(summary.digest): _descriptor(summary) for summary in found}
    headers = [(b"content-type", IMAGE_INDEX.encode("ascii")), REVALIDATE]
    if remote is not None:
        last = str(found[-1].digest) if ends_early(found) else None
        listed = _joined(remote, artifact_type, after=after, last=last) | listed
        if remote.stale is not None:
            headers.append(warning_header(f"stale: {remote.stale}"))
    if artifact_type is not None:
        headers.append((b"oci-filters-applied", b"artifactType"))
    shown = sorted(listed)[:limit]
    if len(listed) > limit or ends_early(found):
        path = f"/v2/{place.name}/referrers/{subject}"
        filtered = "" if artifact_type is None else f"&artifactType={quote(artifact_type, safe='')}"
        headers.append(_next(path, limit, shown[-1], filtered))
    index = {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [listed[digest] for digest in shown],
    }
    return Reply(200, headers, msgspec.json.encode(index), cacheable=remote is None)


def _joined(
    remote: RemoteReferrers, artifact_type: str | None, *, after: str, last: str | None
) -> dict[str, dict[str, object]]:
    """What upstreams have of a page that begins after one digest and may end with another, each by its digest."""
    return {
        str(each.digest): _described(each.media_type, each.digest, each.size, each.artifact_type, each.annotations)
        for each in remote.found
        if str(each.digest) > after
        and (last is None or str(each.digest) <= last)
        and artifact_type in (None, each.artifact_type)
    }


def _descriptor(summary: ArtifactSummary) -> dict[str, object]:
    return _described(
        summary.media_type, summary.digest, summary.size, summary.artifact_type, annotations=summary.annotations
    )


def _described(
    media_type: str, digest: Digest, size: int, artifact_type: str | None, annotations: Mapping[str, str]
) -> dict[str, object]:
    descriptor: dict[str, object] = {"mediaType": media_type, "digest": str(digest), "size": size}
    if artifact_type is not None:
        descriptor["artifactType"] = artifact_type
    if annotations:
        descriptor["annotations"] = annotations
    return descriptor


async def get_catalog(call: Call) -> Reply:
    """Docker's catalog (not OCI): every package that the caller may read, by its OCI name."""
    if call.caller.principal is None and call.caller.unscoped is None:
        raise Unauthenticated
    if not call.caller.lists_catalog:
        raise InsufficientScope("the catalog")
    caller = call.caller if call.caller.unscoped is None else replace(call.caller, rights=call.caller.unscoped)
    limit, last = _page(call), call.query.get("last")
    after = None if not last else parse_name(last, call.registry.formats)[1]
    rows = await list_packages(call.registry, caller, after=after, limit=limit + 1) if limit else []
    names = [print_name(View(row.id.namespace), row.id) for row in rows[:limit]]
    headers = [_next("/v2/_catalog", limit, names[-1])] if len(rows) > limit else []
    return json_reply({"repositories": names}, headers=headers)


async def discover(call: Call) -> Reply:
    """The extensions that the registry has: none (OCI distribution, "Extensions")."""
    del call
    return json_reply({"extensions": []})


def _page(call: Call) -> int:
    """``n``, the length of a page; an unlimited list is a long page with a link to the next."""
    asked = call.query.number("n")
    return _MAX_PAGE if asked is None else min(asked, _MAX_PAGE)


def _next(path: str, limit: int, last: str, more: str = "") -> tuple[bytes, bytes]:
    return text_header("link", f'<{path}?n={limit}&last={quote(last, safe="")}{more}>; rel="next"')


def _digest_header(digest: Digest) -> tuple[bytes, bytes]:
    return b"docker-content-digest", str(digest).encode("ascii")


_NAME: Final = r"/v2/(?P<name>[^?#]{1,300}?)"
_BLOB: Final = rf"{_NAME}/blobs/(?P<digest>[^/]+)"
_UPLOADS: Final = rf"{_NAME}/blobs/uploads/?"
_UPLOAD: Final = rf"{_NAME}/blobs/uploads/(?P<session>[^/]+)"
_MANIFEST: Final = rf"{_NAME}/manifests/(?P<reference>[^/]+)"

ROUTES: Final = (
    Route("GET", _MANIFEST, get_manifest, "get_manifest", namespace_of),
    Route("GET", _BLOB, get_blob, "get_blob", namespace_of),
    Route("PUT", _MANIFEST, put_manifest, "put_manifest", namespace_of),
    Route("POST", _UPLOADS, post_upload, "post_upload", namespace_of),
    Route("PATCH", _UPLOAD, patch_upload, "patch_upload", namespace_of),
    Route("PUT", _UPLOAD, put_upload, "put_upload", namespace_of),
    Route("GET", _UPLOAD, get_upload, "get_upload", namespace_of),
    Route("DELETE", _UPLOAD, remove_upload, "remove_upload", namespace_of),
    Route("DELETE", _MANIFEST, remove_manifest, "remove_manifest", namespace_of),
    Route("DELETE", _BLOB, remove_blob, "remove_blob", namespace_of),
    Route("GET", rf"{_NAME}/tags/list", get_tags, "get_tags", namespace_of),
    Route("GET", rf"{_NAME}/referrers/(?P<digest>[^/]+)", get_referrers, "get_referrers", namespace_of),
    Route("GET", r"/v2/?", ping, "ping"),
    Route("GET", r"/v2/_catalog", get_catalog, "get_catalog"),
    Route("GET", r"/v2/_oci/ext/discover", discover, "discover"),
    Route("GET", rf"{_NAME}/_oci/ext/discover", discover, "discover"),
)
