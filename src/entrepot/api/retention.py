"""What stays of a namespace's versions, and what goes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import page, page_of_all
from entrepot.api.requests import parse_whole, read_body, read_query
from entrepot.api.shapes import retention as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model import retention as model
from entrepot.model.errors import Denied, NamespaceUnknown, PackageUnknown, PlanOutdated, PlanUnknown
from entrepot.model.names import parse_namespace
from entrepot.operations import judge_retention, retain
from entrepot.operations import replay_retention as replays
from entrepot.wire.reply import json_reply

if TYPE_CHECKING:
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply

_MOST_PLANS = 1_000


async def read_retention(call: Call) -> Reply:
    """Show by what rules a namespace keeps its versions."""
    found = await retain.read_retention(call.registry, call.caller, parse_namespace(call.path["namespace"]))
    return json_reply(shapes.Retention.of(found))


async def set_retention(call: Call) -> Reply:
    """Keep by these rules from now on. Nothing goes by that alone, unless it is automatic."""
    body = await read_body(call, shapes.Retention)
    namespace = parse_namespace(call.path["namespace"])
    found = await retain.set_retention(call.registry, call.caller, namespace, body.read())
    return json_reply(shapes.Retention.of(found))


async def plan_retention(call: Call) -> Reply:
    """Find out what the rules let go now. Nothing is changed."""
    plan = await retain.plan_retention(call.registry, call.caller, parse_namespace(call.path["namespace"]))
    return json_reply(shapes.RetentionPlan.of(plan, call.registry.storage_price), status=201)


async def list_retention_plans(call: Call) -> Reply:
    """List the plans of a namespace that are remembered."""
    query = read_query(call, PageQuery)
    namespace = parse_namespace(call.path["namespace"])
    found = await retain.list_plans(call.registry, call.caller, namespace, limit=_MOST_PLANS)
    price = call.registry.storage_price
    shown = page_of_all(
        found,
        after=query.after,
        limit=query.limit,
        show=lambda plan: shapes.RetentionPlan.of(plan, price),
        cursor=lambda plan: f"{plan.at:%Y%m%dT%H%M%S%f}-{plan.name}",
    )
    return json_reply(shown)


async def read_retention_plan(call: Call) -> Reply:
    """Show a plan: how much would go, and what has become of it."""
    plan = await retain.read_plan(call.registry, call.caller, call.path["plan"])
    return json_reply(shapes.RetentionPlan.of(plan, call.registry.storage_price))


async def list_planned_items(call: Call) -> Reply:
    """List what a plan lets go, in the order in which it goes, and what the rules would let go if nothing kept it."""
    query = read_query(call, shapes.PlanItemsQuery)
    found = await retain.list_items(
        call.registry, call.caller, call.path["plan"], after=query.after, limit=query.limit + 1
    )
    return json_reply(page(found, query.limit, show=shapes.PlannedItem.of, cursor=lambda item: str(item.ordinal)))


async def apply_retention_plan(call: Call) -> Reply:
    """Let go what a plan says, into the trash.

    It is refused when anything in it is not as it was planned any more. Of a large plan some goes now and the rest soon;
    asked again, it goes on.
    """
    body = await read_body(call, shapes.PlanReviewed, optional=True)
    digest = None if body.digest is UNSET else body.digest
    plan = await retain.apply_plan(call.registry, call.caller, call.path["plan"], digest=digest)
    return json_reply(shapes.RetentionPlan.of(plan, call.registry.storage_price))


async def explain_retention(call: Call) -> Reply:
    """List what the rules say of everything in a package, each with its reason."""
    query = read_query(call, PageQuery)
    found = await judge_retention.explain_retention(call.registry, call.caller, parse_whole(call))
    shown = page_of_all(
        found,
        after=query.after,
        limit=query.limit,
        show=shapes.JudgedArtifact.of,
        cursor=lambda each: f"{each.candidate.position:020}-{each.candidate.row:020}",
    )
    return json_reply(shown)


async def replay_retention(call: Call) -> Reply:
    """Hold rules against the past: what would they have deleted that somebody pulled later? Nothing is changed."""
    body = await read_body(call, shapes.NewRetentionReplay, optional=True)
    draft = model.Retention(tuple(rule.read() for rule in body.rules)) if body.rules else None
    namespace = parse_namespace(call.path["namespace"])
    found = await replays.replay_retention(
        call.registry, call.caller, namespace, draft=draft, over=timedelta(days=body.days)
    )
    return json_reply(shapes.RetentionReplay.of(found))


_OF_NAMESPACE = "/api/v1/namespaces/{namespace}/retention"
_PLAN = "/api/v1/retention-plans/{plan}"

RETENTION = Subject(
    "Retention",
    "Rules say what stays; a plan says what goes by them, and why; applying it lets go exactly that. What runs, is leased, "
    "held or cleared stays whatever the rules say.",
    (
        Endpoint(
            method="GET",
            path=_OF_NAMESPACE,
            handler=read_retention,
            answers={200: Answer("The rules.", shapes.Retention)},
            errors=(Denied,),
        ),
        Endpoint(
            method="PUT",
            path=_OF_NAMESPACE,
            handler=set_retention,
            body=shapes.Retention,
            answers={200: Answer("The rules as they are now.", shapes.Retention)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path=_OF_NAMESPACE + "/plans",
            handler=plan_retention,
            answers={201: Answer("The plan.", shapes.RetentionPlan)},
            errors=(Denied, NamespaceUnknown, PlanOutdated),
        ),
        Endpoint(
            method="GET",
            path=_OF_NAMESPACE + "/plans",
            handler=list_retention_plans,
            query=PageQuery,
            answers={200: Answer("A page of plans, the oldest first.", Page[shapes.RetentionPlan])},
            errors=(Denied,),
        ),
        Endpoint(
            method="POST",
            path=_OF_NAMESPACE + "/replay",
            handler=replay_retention,
            body=shapes.NewRetentionReplay,
            body_optional=True,
            answers={200: Answer("What they would have done.", shapes.RetentionReplay)},
            errors=(Denied,),
        ),
        Endpoint(
            method="GET",
            path=_PLAN,
            handler=read_retention_plan,
            answers={200: Answer("The plan.", shapes.RetentionPlan)},
            errors=(Denied, PlanUnknown),
        ),
        Endpoint(
            method="POST",
            path=_PLAN,
            handler=apply_retention_plan,
            body=shapes.PlanReviewed,
            body_optional=True,
            answers={200: Answer("The plan, and how far it is.", shapes.RetentionPlan)},
            errors=(Denied, PlanUnknown, PlanOutdated),
        ),
        Endpoint(
            method="GET",
            path=_PLAN + "/items",
            handler=list_planned_items,
            query=shapes.PlanItemsQuery,
            answers={200: Answer("A page of what goes.", Page[shapes.PlannedItem])},
            errors=(Denied, PlanUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/packages/{view}/{format}/{package}/-/retention",
            handler=explain_retention,
            query=PageQuery,
            answers={200: Answer("A page of artifacts, the oldest first.", Page[shapes.JudgedArtifact])},
            errors=(Denied, PackageUnknown, PlanOutdated),
        ),
    ),
)
