"""What of a package is cleared, and for which channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, at_revision, page_of_all, unchanged
from entrepot.api.requests import parse_whole, parse_writable, read_body, read_query
from entrepot.api.shapes import packages as shapes
from entrepot.api.shapes.basics import Because, Page
from entrepot.model.digest import Digest
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    ClearanceUnknown,
    Denied,
    NamespaceUnknown,
    PackageUnknown,
    ReadOnly,
)
from entrepot.model.names import ChannelName, PackageId, View, parse_channel
from entrepot.operations import browse, clear
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.ports.catalog import Clearance
    from entrepot.wire.call import Call


async def list_clearances(call: Call) -> Reply:
    """List what of a package is cleared as such, and for which channel.

    A clearance covers what an index contains, and the referrers; those are not listed.
    """
    package = parse_whole(call)
    query = read_query(call, shapes.ClearancesQuery)
    revision = (await browse.find_package(call.registry, call.caller, View(package.namespace), package)).revision
    if (reply := unchanged(call, revision)) is not None:
        return reply
    found = await browse.list_clearances(call.registry, call.caller, package, history=query.history)
    shown = page_of_all(found, after=query.after, limit=query.limit, show=shapes.Clearance.of, cursor=_cursor)
    return at_revision(shown, revision)


def _cursor(clearance: Clearance) -> str:
    return f"{clearance.from_position:020}/{clearance.channel}/{clearance.digest}"


async def open_clearance(call: Call) -> Reply:
    """Let an artifact be seen through a channel's view, with what it contains and its referrers.

    Its versions are sealed.
    """
    package, channel, digest = _parse(call)
    body = await read_body(call, Because, optional=True)
    opened = await clear.open_clearance(call.registry, call.caller, package, channel, digest, reason=body.reason)
    return json_reply(shapes.Opened(channel, str(digest)), status=201 if opened else 200)


async def close_clearance(call: Call) -> Reply:
    """Let an artifact no longer be seen through a channel's view."""
    package, channel, digest = _parse(call)
    query = read_query(call, Because)
    await clear.close_clearance(call.registry, call.caller, package, channel, digest, reason=query.reason)
    return Reply(DONE)


def _parse(call: Call) -> tuple[PackageId, ChannelName, Digest]:
    digest = Digest.parse(call.path["digest"])
    call.facts["digest"] = str(digest)
    return parse_writable(call), parse_channel(call.path["channel"]), digest


_CLEARANCES = "/api/v1/packages/{view}/{format}/{package}/-/clearances"

CLEARANCES = Subject(
    "Clearances",
    "A clearance says that an artifact of a package is in a channel. Who reads through the channel's view sees what is "
    "cleared, and nothing else.",
    (
        Endpoint(
            method="GET",
            path=_CLEARANCES,
            handler=list_clearances,
            query=shapes.ClearancesQuery,
            answers={200: Answer("A page of clearances, the oldest first.", Page[shapes.Clearance])},
            errors=(PackageUnknown,),
            revisioned=True,
        ),
        Endpoint(
            method="PUT",
            path=_CLEARANCES + "/{channel}/{digest}",
            handler=open_clearance,
            body=Because,
            body_optional=True,
            answers={
                200: Answer("It was cleared already.", shapes.Opened),
                201: Answer("It is cleared now.", shapes.Opened),
            },
            errors=(Denied, ReadOnly, NamespaceUnknown, ChannelUnknown, ArtifactUnknown),
        ),
        Endpoint(
            method="DELETE",
            path=_CLEARANCES + "/{channel}/{digest}",
            handler=close_clearance,
            query=Because,
            answers={204: Answer("It is not cleared any more.")},
            errors=(Denied, ReadOnly, NamespaceUnknown, ChannelUnknown, ClearanceUnknown),
        ),
    ),
)
