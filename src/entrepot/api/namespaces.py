"""Namespaces, and their channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import at_revision, page, unchanged
from entrepot.api.requests import read_body, read_query
from entrepot.api.shapes import namespaces as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.errors import Denied, NamespaceUnknown, NameTaken, Protected
from entrepot.model.names import PackagePattern, parse_channel, parse_namespace
from entrepot.model.upstream import PurlPattern
from entrepot.operations import browse, govern
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import UnsetType

    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply


async def list_namespaces(call: Call) -> Reply:
    """List the namespaces that you may know."""
    query = read_query(call, PageQuery)
    found = await browse.list_namespaces(call.registry, call.caller, after=query.after, limit=query.limit + 1)
    return json_reply(page(found, query.limit, show=shapes.Namespace.of, cursor=lambda last: last.name))


async def create_namespace(call: Call) -> Reply:
    """Create a namespace."""
    body = await read_body(call, shapes.NewNamespace)
    name = parse_namespace(body.name)
    created = await govern.create_namespace(call.registry, call.caller, name, public=body.public)
    return json_reply(shapes.Namespace.of(created), status=201)


async def read_namespace(call: Call) -> Reply:
    """Show a namespace."""
    found = await govern.read_namespace(call.registry, call.caller, parse_namespace(call.path["namespace"]))
    return unchanged(call, found.revision) or at_revision(shapes.Namespace.of(found), found.revision)


async def change_namespace(call: Call) -> Reply:
    """Change who may read a namespace, its rules for tags, which names are its own, or how many rollbacks it keeps."""
    name = parse_namespace(call.path["namespace"])
    body = await read_body(call, shapes.NamespaceChange)
    changed = await govern.set_namespace(
        call.registry,
        call.caller,
        name,
        public=None if body.public is UNSET else body.public,
        movable=_patterns(body.movable),
        versions=_patterns(body.versions),
        reserved=None if body.reserved is UNSET else [PurlPattern.parse(text) for text in body.reserved],
        rollbacks=None if body.rollbacks is UNSET else body.rollbacks,
    )
    return json_reply(shapes.Namespace.of(changed))


def _patterns(texts: list[str] | UnsetType) -> Sequence[PackagePattern] | None:
    return None if texts is UNSET else [PackagePattern.parse(text) for text in texts]


async def set_channels(call: Call) -> Reply:
    """Set a namespace's channels, in order.

    One that clears something must stay.
    """
    name = parse_namespace(call.path["namespace"])
    body = await read_body(call, shapes.Channels)
    channels = [parse_channel(channel) for channel in body.channels]
    return json_reply(shapes.Namespace.of(await govern.set_channels(call.registry, call.caller, name, channels)))


NAMESPACES = Subject(
    "Namespaces",
    "A namespace is a team or tenant: the boundary of permission and rules. Its channels are the stages through which "
    "artifacts are cleared.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/namespaces",
            handler=list_namespaces,
            query=PageQuery,
            answers={200: Answer("A page of namespaces, by name.", Page[shapes.Namespace])},
        ),
        Endpoint(
            method="POST",
            path="/api/v1/namespaces",
            handler=create_namespace,
            body=shapes.NewNamespace,
            answers={201: Answer("It was created.", shapes.Namespace)},
            errors=(Denied, NameTaken),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/namespaces/{namespace}",
            handler=read_namespace,
            answers={200: Answer("The namespace.", shapes.Namespace)},
            errors=(NamespaceUnknown,),
            revisioned=True,
        ),
        Endpoint(
            method="PATCH",
            path="/api/v1/namespaces/{namespace}",
            handler=change_namespace,
            body=shapes.NamespaceChange,
            answers={200: Answer("The namespace as it is now.", shapes.Namespace)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="PUT",
            path="/api/v1/namespaces/{namespace}/channels",
            handler=set_channels,
            body=shapes.Channels,
            answers={200: Answer("The namespace as it is now.", shapes.Namespace)},
            errors=(Denied, NamespaceUnknown, Protected),
        ),
    ),
)
