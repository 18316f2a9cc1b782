"""What a namespace demands at its doors."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, page_of_all
from entrepot.api.requests import parse_target, parse_whole, read_body, read_query
from entrepot.api.shapes import promotions as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model import policy as model
from entrepot.model.errors import (
    ArtifactUnknown,
    ChannelUnknown,
    Denied,
    Invalid,
    NamespaceUnknown,
    PackageUnknown,
    PolicyUnknown,
    ReferenceUnknown,
    TooMany,
)
from entrepot.model.names import FormatName, PackagePattern, parse_channel, parse_namespace
from entrepot.operations import policies
from entrepot.policy.facts import FACTS
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.model.names import NamespaceName
    from entrepot.wire.call import Call


async def list_policy_facts(call: Call) -> Reply:
    """List all that a policy can ask of an artifact."""
    query = read_query(call, PageQuery)
    return json_reply(
        page_of_all(
            FACTS, after=query.after, limit=query.limit, show=shapes.KnownFact.of, cursor=lambda each: each.name
        )
    )


async def list_policies(call: Call) -> Reply:
    """List what a namespace demands: its own policies, and the defaults that it has not replaced."""
    query = read_query(call, shapes.PoliciesQuery)
    namespace = parse_namespace(call.path["namespace"])
    found = await policies.list_policies(call.registry, call.caller, namespace, history=query.history)
    shown = page_of_all(
        found,
        after=query.after,
        limit=query.limit,
        show=shapes.Policy.of,
        cursor=lambda each: f"{each.name} {each.version:012}",
    )
    return json_reply(shown)


async def set_policy(call: Call) -> Reply:
    """Demand something from now on.

    What cannot be asked is refused, with the place in the expression.
    """
    namespace = parse_namespace(call.path["namespace"])
    body = await read_body(call, shapes.NewPolicy)
    wanted = _policy(namespace, call.path["policy"], body)
    return json_reply(shapes.Policy.of(await policies.set_policy(call.registry, call.caller, wanted)))


async def remove_policy(call: Call) -> Reply:
    """Demand it no more; where there is a default of that name, it holds again."""
    namespace = parse_namespace(call.path["namespace"])
    await policies.remove_policy(call.registry, call.caller, namespace, call.path["policy"])
    return Reply(DONE)


async def replay_policy(call: Call) -> Reply:
    """Hold a policy against what came to its door in the past, without changing anything.

    Promotions are asked about with what was known then; what came in, with what is known today.
    """
    namespace = parse_namespace(call.path["namespace"])
    body = await read_body(call, shapes.NewPolicyReplay)
    wanted = _policy(namespace, call.path["policy"], body.policy)
    found = await policies.replay_policy(call.registry, call.caller, wanted, over=timedelta(days=body.days))
    shown = [shapes.ReplayedPromotion.of(each) for each in found]
    return json_reply(shapes.PolicyReplay(shown, sum(not each.allowed for each in found)))


async def try_policies(call: Call) -> Reply:
    """Ask the policies of a door, and perhaps a draft, about one artifact. Nothing is changed."""
    package = parse_whole(call)
    body = await read_body(call, shapes.NewPolicyTrial)
    channel = None if body.channel is None else parse_channel(body.channel)
    draft = None if body.draft is None else _policy(package.namespace, body.name or "draft", body.draft)
    tried = await policies.try_policies(
        call.registry,
        call.caller,
        package,
        parse_target(call),
        door=body.door,
        channel=channel,
        draft=draft,
    )
    return json_reply(shapes.TriedPolicies(str(tried.digest), shapes.Decision.of(tried.decision), tried.facts.text()))


def _policy(namespace: NamespaceName, name: str, body: shapes.NewPolicy) -> model.Policy:
    return model.Policy(
        name=name,
        door=body.door,
        condition=body.condition,
        namespace=namespace,
        mode=body.mode,
        channels=tuple(parse_channel(each) for each in body.channels),
        formats=tuple(FormatName(each) for each in body.formats),
        packages=PackagePattern.parse(body.packages),
        message=body.message,
        description=body.description,
    )


_POLICIES = "/api/v1/namespaces/{namespace}/policies"

POLICIES = Subject(
    "Policies",
    "A policy is a condition, in CEL, that must hold before something enters a namespace or a channel, or may still be "
    "read.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/policy-facts",
            handler=list_policy_facts,
            query=PageQuery,
            answers={200: Answer("A page of facts, by name.", Page[shapes.KnownFact])},
        ),
        Endpoint(
            method="GET",
            path=_POLICIES,
            handler=list_policies,
            query=shapes.PoliciesQuery,
            answers={200: Answer("A page of policies, by name.", Page[shapes.Policy])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="PUT",
            path=_POLICIES + "/{policy}",
            handler=set_policy,
            body=shapes.NewPolicy,
            answers={200: Answer("The policy as it is now.", shapes.Policy)},
            errors=(Denied, NamespaceUnknown, ChannelUnknown, TooMany),
        ),
        Endpoint(
            method="DELETE",
            path=_POLICIES + "/{policy}",
            handler=remove_policy,
            answers={204: Answer("It is not demanded any more.")},
            errors=(Denied, NamespaceUnknown, PolicyUnknown),
        ),
        Endpoint(
            method="POST",
            path=_POLICIES + "/{policy}/replay",
            handler=replay_policy,
            body=shapes.NewPolicyReplay,
            answers={200: Answer("What it would have said.", shapes.PolicyReplay)},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/packages/{view}/{format}/{package}/-/policies/{artifact}",
            handler=try_policies,
            body=shapes.NewPolicyTrial,
            answers={200: Answer("What they say.", shapes.TriedPolicies)},
            errors=(Denied, Invalid, PackageUnknown, ReferenceUnknown, ArtifactUnknown, ChannelUnknown),
        ),
    ),
)
