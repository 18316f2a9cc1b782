"""What namespaces and packages take up, and how much they may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.requests import parse_whole, read_body, read_query
from entrepot.api.shapes import usage as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.errors import Denied, NamespaceUnknown, PackageUnknown
from entrepot.model.names import parse_namespace
from entrepot.operations import quota, usage
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def list_usage(call: Call) -> Reply:
    """List the namespaces that take up most, the largest first; there is one page."""
    query = read_query(call, PageQuery)
    found = await usage.list_usage(call.registry, call.caller, limit=query.limit)
    return json_reply(Page(items=[shapes.Account.of(each) for each in found], next=None))


async def read_usage(call: Call) -> Reply:
    """Say what a namespace takes up, what that costs, and where it is going."""
    found = await usage.read_usage(call.registry, call.caller, parse_namespace(call.path["namespace"]))
    return json_reply(shapes.Usage.of(found))


async def read_package_usage(call: Call) -> Reply:
    """Say what a package takes up."""
    found = await usage.measure_package(call.registry, call.caller, parse_whole(call))
    return json_reply(shapes.PackageUsage.of(found, usage.package_cost(call.registry, found)))


async def set_quota(call: Call) -> Reply:
    """Let a namespace take up so much, and no more.

    What is there stays; what does not fit is refused before it is sent.
    """
    body = await read_body(call, shapes.Quota)
    found = await quota.set_quota(call.registry, call.caller, parse_namespace(call.path["namespace"]), body.read())
    return json_reply(shapes.Account.of(found))


async def remove_quota(call: Call) -> Reply:
    """Let a namespace take up whatever there is."""
    found = await quota.remove_quota(call.registry, call.caller, parse_namespace(call.path["namespace"]))
    return json_reply(shapes.Account.of(found))


_QUOTA = "/api/v1/namespaces/{namespace}/quota"

USAGE = Subject(
    "Usage and quotas",
    "A namespace is charged once for each blob that its packages have, until nobody can have it back from the trash. "
    "Quotas are set by administrators.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/usage",
            handler=list_usage,
            query=PageQuery,
            answers={200: Answer("The largest namespaces.", Page[shapes.Account])},
            errors=(Denied,),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/namespaces/{namespace}/usage",
            handler=read_usage,
            answers={200: Answer("What it takes up.", shapes.Usage)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="PUT",
            path=_QUOTA,
            handler=set_quota,
            body=shapes.Quota,
            answers={200: Answer("What the namespace takes up, and may.", shapes.Account)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="DELETE",
            path=_QUOTA,
            handler=remove_quota,
            answers={200: Answer("What the namespace takes up.", shapes.Account)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/packages/{view}/{format}/{package}/-/usage",
            handler=read_package_usage,
            answers={200: Answer("What it takes up.", shapes.PackageUsage)},
            errors=(Denied, PackageUnknown),
        ),
    ),
)
