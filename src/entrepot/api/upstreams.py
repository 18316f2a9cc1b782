"""Upstreams: the other registries that a namespace reads through to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, page, page_of_all
from entrepot.api.requests import (
    parse_credentials,
    parse_format,
    parse_target,
    parse_writable,
    read_body,
    read_query,
)
from entrepot.api.shapes import upstreams as shapes
from entrepot.api.shapes.basics import Because, Page, PageQuery
from entrepot.model.errors import (
    Denied,
    NamespaceUnknown,
    NameTaken,
    PackageUnknown,
    ReadOnly,
    ReferenceUnknown,
    TombstoneUnknown,
    TooMany,
    UpstreamInvalid,
    UpstreamUnavailable,
    UpstreamUnknown,
)
from entrepot.model.names import View, parse_namespace
from entrepot.model.upstream import PurlPattern, Upstream, UpstreamRules, parse_upstream_name
from entrepot.operations import upstreams, warm
from entrepot.operations.readmit import readmit
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call


async def list_upstreams(call: Call) -> Reply:
    """List a namespace's upstreams.

    Those of one format are in the order in which they are asked.
    """
    query = read_query(call, shapes.UpstreamsQuery)
    namespace = parse_namespace(call.path["namespace"])
    format_ = None if query.format is UNSET else parse_format(call, query.format).format
    found = await upstreams.list_upstreams(call.registry, call.caller, namespace, format=format_)
    numbered = [(f"{number:06}", upstream) for number, upstream in enumerate(found, 1)]
    return json_reply(
        page_of_all(
            numbered,
            after=query.after,
            limit=query.limit,
            show=lambda each: shapes.Upstream.of(each[1]),
            cursor=lambda each: each[0],
        )
    )


async def add_upstream(call: Call) -> Reply:
    """Read through to another registry.

    It is asked after those of its format that are there already. Its credentials are kept, and never shown.
    """
    body = await read_body(call, shapes.NewUpstream)
    upstream = Upstream(
        namespace=parse_namespace(call.path["namespace"]),
        format=parse_format(call, body.format).format,
        name=parse_upstream_name(body.name),
        url=body.url,
        private=body.private,
        rules=_rules(UpstreamRules(), body),
    )
    added = await upstreams.add_upstream(call.registry, call.caller, upstream, parse_credentials(body.credentials))
    return json_reply(shapes.Upstream.of(added), status=201)


async def read_upstream(call: Call) -> Reply:
    """Show an upstream."""
    return json_reply(shapes.Upstream.of(await _find(call)))


async def change_upstream(call: Call) -> Reply:
    """Change where an upstream is, what of it is let in, or what it is asked with.

    Its credentials are forgotten with its address, unless new ones are sent.
    """
    body = await read_body(call, shapes.UpstreamChange)
    credentials = None if body.credentials is UNSET else parse_credentials(body.credentials)
    upstream = await _find(call)
    changed = await upstreams.set_upstream(
        call.registry,
        call.caller,
        upstream,
        url=None if body.url is UNSET else body.url,
        private=None if body.private is UNSET else body.private,
        rules=_rules(upstream.rules, body),
        credentials=credentials,
        forget_credentials=body.credentials is None,
    )
    return json_reply(shapes.Upstream.of(changed))


async def remove_upstream(call: Call) -> Reply:
    """Read through to an upstream no more.

    What came from there stays.
    """
    await upstreams.remove_upstream(call.registry, call.caller, await _find(call))
    return Reply(DONE)


async def test_upstream(call: Call) -> Reply:
    """Ask an upstream's own address, with its credentials, and say what came of it.

    Nothing is kept. Many registries have nothing at their own address, so a 404 is no problem.
    """
    trial = await upstreams.test_upstream(call.registry, call.caller, await _find(call))
    return json_reply(shapes.UpstreamTrial.of(trial))


async def list_mirrored_packages(call: Call) -> Reply:
    """List the packages that an upstream was asked for, by name."""
    query = read_query(call, PageQuery)
    found = await warm.list_mirrored_packages(
        call.registry, call.caller, await _find(call), after=query.after, limit=query.limit + 1
    )
    return json_reply(page(found, query.limit, show=shapes.MirroredPackage, cursor=str))


async def refresh(call: Call) -> Reply:
    """Ask an upstream now what it has of a package, however new its last answer is."""
    body = await read_body(call, shapes.PackageToRefresh)
    listed = await warm.refresh(call.registry, call.caller, await _find(call), body.package)
    return json_reply(shapes.RefreshedPackage(body.package, len(listed.versions), listed.stale))


async def fetch_version(call: Call) -> Reply:
    """Have a version of a package here before it is wanted.

    It is fetched from an upstream, unless it is here already or one of the namespace's own.
    """
    body = await read_body(call, shapes.VersionToFetch)
    view, format_ = View.parse(call.path["view"]), parse_format(call, call.path["format"]).format
    found = await warm.fetch_version(
        call.registry,
        call.caller,
        view,
        format_,
        call.path["package"],
        version=body.version,
        hashes=frozenset(body.hashes),
    )
    return json_reply(shapes.FetchedVersion.of(body.version, found))


async def _find(call: Call) -> Upstream:
    namespace = parse_namespace(call.path["namespace"])
    rules, name = parse_format(call, call.path["format"]), parse_upstream_name(call.path["upstream"])
    return await upstreams.find_upstream(call.registry, call.caller, namespace, rules.format, name)


def _rules(old: UpstreamRules, body: shapes.NewUpstream | shapes.UpstreamChange) -> UpstreamRules:
    """The rules, with what the body says of them."""
    return replace(
        old,
        allow=_purls(body.allow, old.allow),
        block=_purls(body.block, old.block),
        exempt=_purls(body.exempt, old.exempt),
        cooldown=_length(body.cooldown_seconds, old.cooldown),
        refresh=_length(body.refresh_seconds, old.refresh),
    )


def _purls(texts: list[str] | UnsetType, old: tuple[PurlPattern, ...]) -> tuple[PurlPattern, ...]:
    return old if texts is UNSET else tuple(PurlPattern.parse(text) for text in texts)


def _length(seconds: int | UnsetType, old: timedelta) -> timedelta:
    return old if seconds is UNSET else timedelta(seconds=seconds)


_UPSTREAMS = "/api/v1/namespaces/{namespace}/upstreams"


async def readmit_artifact(call: Call) -> Reply:
    """Let a version or an artifact that was deleted come from an upstream again.

    Nothing is fetched by that; what comes must be as it was.
    """
    package = parse_writable(call)
    query = read_query(call, Because)
    await readmit(call.registry, call.caller, package, parse_target(call), reason=query.reason)
    return Reply(DONE)


_UPSTREAM = f"{_UPSTREAMS}/{{format}}/{{upstream}}"

UPSTREAMS = Subject(
    "Upstreams",
    "An upstream is another registry that a namespace reads through to, for one format. What once came from there "
    "stays; names that are the namespace's own never come from there.",
    (
        Endpoint(
            method="GET",
            path=_UPSTREAMS,
            handler=list_upstreams,
            query=shapes.UpstreamsQuery,
            answers={200: Answer("A page of upstreams, by format and order.", Page[shapes.Upstream])},
            errors=(NamespaceUnknown,),
        ),
        Endpoint(
            method="POST",
            path=_UPSTREAMS,
            handler=add_upstream,
            body=shapes.NewUpstream,
            answers={201: Answer("It is read through to.", shapes.Upstream)},
            errors=(Denied, NamespaceUnknown, NameTaken, TooMany),
        ),
        Endpoint(
            method="GET",
            path=_UPSTREAM,
            handler=read_upstream,
            answers={200: Answer("The upstream.", shapes.Upstream)},
            errors=(NamespaceUnknown, UpstreamUnknown),
        ),
        Endpoint(
            method="PATCH",
            path=_UPSTREAM,
            handler=change_upstream,
            body=shapes.UpstreamChange,
            answers={200: Answer("The upstream as it is now.", shapes.Upstream)},
            errors=(Denied, NamespaceUnknown, UpstreamUnknown),
        ),
        Endpoint(
            method="DELETE",
            path=_UPSTREAM,
            handler=remove_upstream,
            answers={204: Answer("It is not read through to any more.")},
            errors=(Denied, NamespaceUnknown, UpstreamUnknown),
        ),
        Endpoint(
            method="POST",
            path=f"{_UPSTREAM}/test",
            handler=test_upstream,
            answers={200: Answer("What came of it, good or bad.", shapes.UpstreamTrial)},
            errors=(Denied, NamespaceUnknown, UpstreamUnknown),
        ),
        Endpoint(
            method="GET",
            path=f"{_UPSTREAM}/packages",
            handler=list_mirrored_packages,
            query=PageQuery,
            answers={200: Answer("A page of packages, by name.", Page[shapes.MirroredPackage])},
            errors=(Denied, NamespaceUnknown, UpstreamUnknown),
        ),
        Endpoint(
            method="POST",
            path=f"{_UPSTREAM}/refresh",
            handler=refresh,
            body=shapes.PackageToRefresh,
            answers={200: Answer("What it says now.", shapes.RefreshedPackage)},
            errors=(
                Denied,
                NamespaceUnknown,
                UpstreamUnknown,
                PackageUnknown,
                UpstreamUnavailable,
                UpstreamInvalid,
            ),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/packages/{view}/{format}/{package}/-/fetch",
            handler=fetch_version,
            body=shapes.VersionToFetch,
            answers={200: Answer("The version, with its files that are here now.", shapes.FetchedVersion)},
            errors=(Denied, ReadOnly, PackageUnknown, ReferenceUnknown, UpstreamUnavailable, UpstreamInvalid),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/packages/{view}/{format}/{package}/-/tombstones/{artifact}",
            handler=readmit_artifact,
            query=Because,
            answers={204: Answer("It may come from an upstream again.")},
            errors=(Denied, ReadOnly, PackageUnknown, TombstoneUnknown),
        ),
    ),
)
