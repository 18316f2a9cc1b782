"""Where bytes lie: in the hot tier or in the cold one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page_of_all
from entrepot.api.requests import parse_target, parse_whole, read_body, read_query
from entrepot.api.shapes import tiers as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.errors import ArtifactUnknown, Denied, NamespaceUnknown, PackageUnknown, ReferenceUnknown
from entrepot.model.names import parse_namespace
from entrepot.operations import tier
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply

_AT_ONCE: Final = 200
"""Blobs that one request moves."""
_AGAIN: Final = 2
"""Seconds after which it is worth asking again."""


async def read_tiering(call: Call) -> Reply:
    """Show what a namespace keeps hot."""
    found = await tier.read_tiering(call.registry, call.caller, parse_namespace(call.path["namespace"]))
    return json_reply(shapes.Tiering.of(found))


async def set_tiering(call: Call) -> Reply:
    """Keep that hot from now on. Nothing goes by that alone, unless it is automatic."""
    body = await read_body(call, shapes.Tiering)
    namespace = parse_namespace(call.path["namespace"])
    return json_reply(shapes.Tiering.of(await tier.set_tiering(call.registry, call.caller, namespace, body.read())))


async def plan_tiers(call: Call) -> Reply:
    """Say what the rules let go now, why, and what that saves. Nothing is changed."""
    query = read_query(call, shapes.TierPlanQuery)
    namespace = parse_namespace(call.path["namespace"])
    plan = await tier.plan_tiers(call.registry, call.caller, namespace, shown=query.limit)
    return json_reply(shapes.TierPlan.of(plan))


async def apply_tiers(call: Call) -> Reply:
    """Let go what the rules let go now. Of much some goes, and asked again it goes on."""
    namespace = parse_namespace(call.path["namespace"])
    return _told(await tier.apply_tiers(call.registry, call.caller, namespace, limit=_AT_ONCE))


async def list_placements(call: Call) -> Reply:
    """List where the blobs of an artifact lie, and of what it contains; small ones are in the catalog."""
    query = read_query(call, PageQuery)
    found = await tier.list_placements(call.registry, call.caller, parse_whole(call), parse_target(call))
    shown = page_of_all(
        found,
        after=query.after,
        limit=query.limit,
        show=shapes.PlacedBlob.of,
        cursor=lambda blob: str(blob.digest),
    )
    return json_reply(shown)


async def move_artifact(call: Call) -> Reply:
    """Let the blobs of an artifact lie in a tier. What somebody else is moving is left to him: then ask again."""
    body = await read_body(call, shapes.TierMove)
    return _told(await tier.move_artifact(call.registry, call.caller, parse_whole(call), parse_target(call), body.tier))


def _told(found: tier.Tiered) -> Reply:
    if not found.left:
        return json_reply(shapes.Tiered.of(found))
    return json_reply(shapes.Tiered.of(found), status=202, headers=[(b"retry-after", b"%d" % _AGAIN)])


_OF_NAMESPACE = "/api/v1/namespaces/{namespace}/tiers"
_OF_ARTIFACT = "/api/v1/packages/{view}/{format}/{package}/-/tiers/{artifact}"
_TIERED = {
    200: Answer("All of it lies there.", shapes.Tiered),
    202: Answer("Some is left: ask again after `Retry-After`.", shapes.Tiered),
}

TIERS = Subject(
    "Tiers",
    "What is old and not in use lies in the cold tier, compressed where that helps, and comes back when somebody asks for "
    "it. Rules say what stays hot; what is cleared, runs, may be rolled back to or is leased stays hot in any case.",
    (
        Endpoint(
            method="GET",
            path=_OF_NAMESPACE,
            handler=read_tiering,
            answers={200: Answer("The rules.", shapes.Tiering)},
            errors=(Denied,),
        ),
        Endpoint(
            method="PUT",
            path=_OF_NAMESPACE,
            handler=set_tiering,
            body=shapes.Tiering,
            answers={200: Answer("The rules as they are now.", shapes.Tiering)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path=_OF_NAMESPACE + "/plan",
            handler=plan_tiers,
            query=shapes.TierPlanQuery,
            answers={200: Answer("The plan.", shapes.TierPlan)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_OF_NAMESPACE + "/plan",
            handler=apply_tiers,
            answers=_TIERED,
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path=_OF_ARTIFACT,
            handler=list_placements,
            query=PageQuery,
            answers={200: Answer("A page of blobs.", Page[shapes.PlacedBlob])},
            errors=(Denied, PackageUnknown, ReferenceUnknown, ArtifactUnknown),
        ),
        Endpoint(
            method="POST",
            path=_OF_ARTIFACT,
            handler=move_artifact,
            body=shapes.TierMove,
            answers=_TIERED,
            errors=(Denied, PackageUnknown, ReferenceUnknown, ArtifactUnknown),
        ),
    ),
)
