"""Packages, what they hold, and what that is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, at_revision, page, page_of_all, unchanged
from entrepot.api.requests import (
    parse_artifact,
    parse_format,
    parse_place,
    parse_whole,
    parse_writable,
    read_body,
    read_query,
)
from entrepot.api.shapes import packages as shapes
from entrepot.api.shapes.basics import Because, Page, PageQuery
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    Denied,
    Invalid,
    NamespaceUnknown,
    PackageUnknown,
    Protected,
    ReadOnly,
    ReferenceUnknown,
    TagImmutable,
    VersionExists,
)
from entrepot.model.names import (
    FormatName,
    PackageId,
    PackageName,
    View,
    parse_namespace,
    parse_reference,
)
from entrepot.model.position import Position
from entrepot.operations import browse, delete, mark
from entrepot.operations.inspect import inspect
from entrepot.operations.tag import tag
from entrepot.ports.catalog import ends_early
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.model.names import ReferenceName
    from entrepot.wire.call import Call

_PARTS_OF_CURSOR = 3


async def list_packages(call: Call) -> Reply:
    """List the packages that you may read."""
    query = read_query(call, shapes.PackagesQuery)
    found = await browse.list_packages(
        call.registry,
        call.caller,
        namespace=None if query.namespace is UNSET else parse_namespace(query.namespace),
        view=None if query.view is UNSET else View.parse(query.view),
        format=None if query.format is UNSET else parse_format(call, query.format).format,
        after=_parse_cursor(query.after) if query.after else None,
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Package.of, cursor=lambda last: str(last.id)))


def _parse_cursor(text: str) -> PackageId:
    parts = text.split("/", _PARTS_OF_CURSOR - 1)
    if len(parts) != _PARTS_OF_CURSOR:
        raise Invalid("after", expected="what the page before gave as next", actual=text[:100])
    namespace, format_name, name = parts
    return PackageId(parse_namespace(namespace), FormatName(format_name), PackageName(name))


async def read_package(call: Call) -> Reply:
    """Show a package."""
    view, package = parse_place(call)
    found = await browse.find_package(call.registry, call.caller, view, package)
    return unchanged(call, found.revision) or at_revision(shapes.Package.of(found), found.revision)


# --- references ---


async def list_references(call: Call) -> Reply:
    """List a package's tags and versions."""
    view, package = parse_place(call)
    query = read_query(call, shapes.ReferencesQuery)
    revision = (await browse.find_package(call.registry, call.caller, view, package)).revision
    if (reply := unchanged(call, revision)) is not None:
        return reply
    found = await browse.list_references(
        call.registry,
        call.caller,
        view,
        package,
        kind=None if query.kind is UNSET else query.kind,
        after=query.after,
        limit=query.limit + 1,
    )
    return at_revision(page(found, query.limit, show=shapes.Reference.of, cursor=lambda last: last.name), revision)


async def list_history(call: Call) -> Reply:
    """List all that a tag or a version ever meant, the oldest first."""
    package, name = parse_whole(call), parse_reference(call.path["name"])
    query = read_query(call, PageQuery)
    found = await browse.list_history(call.registry, call.caller, package, name)
    return json_reply(
        page_of_all(
            found,
            after=query.after,
            limit=query.limit,
            show=shapes.PastReference.past,
            cursor=lambda past: f"{past.from_position:020}",
        ),
        cacheable=True,
    )


async def set_tag(call: Call) -> Reply:
    """Let a tag mean an artifact of the package.

    The namespace's rules say which tags may move; a name that looks like a version never does.
    """
    package = parse_writable(call)
    name = call.registry.formats[package.format].parse_version(call.path["name"])
    digest = Digest.parse((await read_body(call, shapes.Target)).digest)
    call.facts["digest"] = str(digest)
    await tag(call.registry, call.caller, package, digest, name)
    return json_reply(shapes.Named(name, str(digest)))


async def delete_reference(call: Call) -> Reply:
    """Delete a tag or a version, and leave what it means.

    The name of a version stays used up: it never means other bytes.
    """
    package, name = parse_writable(call), parse_reference(call.path["name"])
    await delete.delete_reference(call.registry, call.caller, package, name)
    return Reply(DONE)


# --- versions ---


def _version(call: Call) -> tuple[PackageId, ReferenceName]:
    package = parse_writable(call)
    return package, call.registry.formats[package.format].parse_version(call.path["version"])


async def seal_version(call: Call) -> Reply:
    """Let a version take no more files."""
    package, version = _version(call)
    await mark.seal(call.registry, call.caller, package, version)
    return Reply(DONE)


async def yank_version(call: Call) -> Reply:
    """Ask that nobody newly picks a version.

    Who has it may keep it: it can still be downloaded.
    """
    package, version = _version(call)
    body = await read_body(call, Because, optional=True)
    await mark.yank(call.registry, call.caller, package, version, reason=body.reason)
    return Reply(DONE)


async def unyank_version(call: Call) -> Reply:
    """Take a yank back."""
    package, version = _version(call)
    await mark.unyank(call.registry, call.caller, package, version)
    return Reply(DONE)


async def deprecate_version(call: Call) -> Reply:
    """Say that there is something better than a version."""
    package, version = _version(call)
    body = await read_body(call, Because, optional=True)
    await mark.deprecate(call.registry, call.caller, package, version, reason=body.reason)
    return Reply(DONE)


async def undeprecate_version(call: Call) -> Reply:
    """Take a deprecation back."""
    package, version = _version(call)
    await mark.undeprecate(call.registry, call.caller, package, version)
    return Reply(DONE)


# --- artifacts ---


async def list_artifacts(call: Call) -> Reply:
    """List a package's artifacts, in the order they came."""
    view, package = parse_place(call)
    query = read_query(call, shapes.ArtifactsQuery)
    revision = (await browse.find_package(call.registry, call.caller, view, package)).revision
    if (reply := unchanged(call, revision)) is not None:
        return reply
    found = await browse.list_artifacts(
        call.registry, call.caller, view, package, after=Position(query.after), limit=query.limit + 1
    )
    shown = page(
        found,
        query.limit,
        show=shapes.ArtifactSummary.of,
        cursor=lambda last: str(last.published_position),
        early=ends_early(found),
    )
    return at_revision(shown, revision)


async def inspect_artifact(call: Call) -> Reply:
    """Show all that is known of an artifact, by name or by digest."""
    view, package = parse_place(call)
    name, digest = parse_artifact(call)
    revision = (await browse.find_package(call.registry, call.caller, view, package)).revision
    found = await inspect(call.registry, call.caller, view, package, name=name, digest=digest)
    call.facts["digest"] = str(found.summary.digest)
    return unchanged(call, revision) or at_revision(shapes.Artifact.inspected(found), revision)


async def delete_artifact(call: Call) -> Reply:
    """Delete an artifact, by its digest, with all its names.

    Its referrers stay. What a channel clears, or another artifact contains, is not deleted.
    """
    package, digest = parse_writable(call), Digest.parse(call.path["artifact"])
    call.facts["digest"] = str(digest)
    await delete.delete_artifact(call.registry, call.caller, package, digest)
    return Reply(DONE)


_PACKAGE = "/api/v1/packages/{view}/{format}/{package}"

PACKAGES = Subject(
    "Packages",
    "A package is what versions are versions of: an image, a chart, a set of files. It holds artifacts, which never "
    "change, and references, which name them.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/packages",
            handler=list_packages,
            query=shapes.PackagesQuery,
            answers={200: Answer("A page of packages, by namespace, format and name.", Page[shapes.Package])},
            errors=(NamespaceUnknown, ChannelUnknown),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE,
            handler=read_package,
            answers={200: Answer("The package.", shapes.Package)},
            errors=(PackageUnknown,),
            revisioned=True,
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/-/references",
            handler=list_references,
            query=shapes.ReferencesQuery,
            answers={200: Answer("A page of names, in byte order.", Page[shapes.Reference])},
            errors=(PackageUnknown,),
            revisioned=True,
        ),
        Endpoint(
            method="PUT",
            path=_PACKAGE + "/-/references/{name}",
            handler=set_tag,
            body=shapes.Target,
            answers={200: Answer("What the name means now.", shapes.Named)},
            errors=(Denied, ReadOnly, PackageUnknown, ArtifactUnknown, TagImmutable, VersionExists),
        ),
        Endpoint(
            method="DELETE",
            path=_PACKAGE + "/-/references/{name}",
            handler=delete_reference,
            answers={204: Answer("The name means nothing any more.")},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown, Protected),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/-/references/{name}/history",
            handler=list_history,
            query=PageQuery,
            answers={200: Answer("A page of what the name meant.", Page[shapes.PastReference])},
            errors=(PackageUnknown, ReferenceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/-/versions/{version}/seal",
            handler=seal_version,
            answers={204: Answer("The version is sealed.")},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/-/versions/{version}/yank",
            handler=yank_version,
            body=Because,
            body_optional=True,
            answers={204: Answer("The version is yanked.")},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/-/versions/{version}/unyank",
            handler=unyank_version,
            answers={204: Answer("The version is not yanked.")},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/-/versions/{version}/deprecate",
            handler=deprecate_version,
            body=Because,
            body_optional=True,
            answers={204: Answer("The version is deprecated.")},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PACKAGE + "/-/versions/{version}/undeprecate",
            handler=undeprecate_version,
            answers={204: Answer("The version is not deprecated.")},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/-/artifacts",
            handler=list_artifacts,
            query=shapes.ArtifactsQuery,
            answers={200: Answer("A page of artifacts, in the order of the journal.", Page[shapes.ArtifactSummary])},
            errors=(PackageUnknown,),
            revisioned=True,
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/-/artifacts/{artifact}",
            handler=inspect_artifact,
            answers={200: Answer("The artifact.", shapes.Artifact)},
            errors=(PackageUnknown, ReferenceUnknown, ArtifactUnknown),
            revisioned=True,
        ),
        Endpoint(
            method="DELETE",
            path=_PACKAGE + "/-/artifacts/{artifact}",
            handler=delete_artifact,
            answers={204: Answer("The artifact is not in the package any more.")},
            errors=(Denied, ReadOnly, PackageUnknown, ArtifactUnknown, Protected),
        ),
    ),
)
