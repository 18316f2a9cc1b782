"""How artifacts come into channels, and what keeps them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, page, page_of_all
from entrepot.api.requests import parse_target, parse_whole, parse_writable, read_body, read_query
from entrepot.api.shapes import promotions as shapes
from entrepot.api.shapes.basics import Because, Page, PageQuery
from entrepot.model.block import BlockKind
from entrepot.model.errors import (
    ArtifactUnknown,
    BlockUnknown,
    ChannelUnknown,
    ClearanceUnknown,
    Denied,
    Invalid,
    NamespaceUnknown,
    NameTaken,
    PackageUnknown,
    PromotionUnknown,
    ReadOnly,
    ReferenceUnknown,
    StaleRevision,
)
from entrepot.model.names import View, parse_channel, parse_namespace
from entrepot.model.position import Position
from entrepot.operations import block, promote
from entrepot.operations.why import why
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.model import promotion
    from entrepot.model.names import NamespaceName, PackageId
    from entrepot.wire.call import Call


async def plan_promotion(call: Call) -> Reply:
    """Say what would come of promoting an artifact now, and why. Nothing is changed.

    It waits for what is found out about the artifact as long as promoting it would.
    """
    package, channel = parse_whole(call), parse_channel(call.path["channel"])
    plan = await promote.plan_promotion(
        call.registry, call.caller, package, parse_target(call), channel, seconds=promote.WAIT_SECONDS
    )
    return json_reply(shapes.PromotionPlan.of(plan))


async def promote_artifact(call: Call) -> Reply:
    """Let an artifact into a channel, if nothing is in the way.

    Else it is proposed, where what is in the way may go away, or refused: the answer says which, and why.
    Its versions are sealed, and the decision is signed and kept beside it.
    """
    package, channel = parse_writable(call), parse_channel(call.path["channel"])
    body = await read_body(call, shapes.NewPromotion, optional=True)
    found = await promote.promote(
        call.registry,
        call.caller,
        package,
        parse_target(call),
        channel,
        reason=body.reason,
        expected=body.plan,
    )
    return json_reply(shapes.Promotion.of(found))


async def unpromote_artifact(call: Call) -> Reply:
    """Take an artifact out of a channel again. What runs goes on running, and the answer says so."""
    package, channel = parse_writable(call), parse_channel(call.path["channel"])
    query = read_query(call, Because)
    target = parse_target(call)
    done = await promote.unpromote(call.registry, call.caller, package, target, channel, reason=query.reason)
    return json_reply(shapes.Unpromoted(str(done.digest), channel, [str(each) for each in done.running]))


async def list_package_promotions(call: Call) -> Reply:
    """List how a package's artifacts came into channels, or did not, the newest first."""
    package = parse_whole(call)
    return await _page(call, package.namespace, package)


async def list_promotions(call: Call) -> Reply:
    """List how a namespace's artifacts came into channels, or did not, the newest first."""
    return await _page(call, parse_namespace(call.path["namespace"]), None)


async def _page(call: Call, namespace: NamespaceName, package: PackageId | None) -> Reply:
    query = read_query(call, shapes.PromotionsQuery)
    if query.after and not query.after.isdigit():
        raise Invalid(query.after[:80], expected="`next` of the page before")
    found = await promote.list_promotions(
        call.registry,
        call.caller,
        namespace,
        package,
        open_only=query.open,
        before=Position(min(int(query.after), 2**63 - 1)) if query.after else None,
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Promotion.of, cursor=_cursor))


def _cursor(last: promotion.Promotion) -> str:
    return str(last.from_position)


async def read_promotion(call: Call) -> Reply:
    """Show a promotion."""
    found = await promote.find_promotion(call.registry, call.caller, call.path["promotion"])
    return json_reply(shapes.Promotion.of(found))


async def approve_promotion(call: Call) -> Reply:
    """Stand for what somebody proposed; it is applied at once when nothing else is in its way."""
    body = await read_body(call, shapes.Note, optional=True)
    found = await promote.approve(call.registry, call.caller, call.path["promotion"], note=body.note)
    return json_reply(shapes.Promotion.of(found))


async def refuse_promotion(call: Call) -> Reply:
    """Refuse what somebody proposed."""
    body = await read_body(call, Because, optional=True)
    found = await promote.refuse(call.registry, call.caller, call.path["promotion"], reason=body.reason)
    return json_reply(shapes.Promotion.of(found))


async def list_channel_rules(call: Call) -> Reply:
    """List a namespace's channels, in order, with what each asks beside the policies."""
    namespace = parse_namespace(call.path["namespace"])
    query = read_query(call, PageQuery)
    found = list((await promote.list_rules(call.registry, call.caller, namespace)).items())
    shown = page_of_all(
        enumerate(found),
        after=query.after,
        limit=query.limit,
        show=lambda each: shapes.RuledChannel(
            each[1][0], str(View(namespace, each[1][0])), shapes.ChannelRules.of(each[1][1])
        ),
        cursor=lambda each: f"{each[0]:04}",
    )
    return json_reply(shown)


async def set_channel_rules(call: Call) -> Reply:
    """Say what a channel asks of whoever comes in, beside the policies."""
    namespace, channel = parse_namespace(call.path["namespace"]), parse_channel(call.path["channel"])
    body = await read_body(call, shapes.ChannelRules)
    await promote.set_rules(call.registry, call.caller, namespace, channel, body.rules)
    return json_reply(shapes.RuledChannel(channel, str(View(namespace, channel)), body))


async def list_blocks(call: Call) -> Reply:
    """List what is kept in a namespace and not served, the oldest first."""
    query = read_query(call, shapes.BlocksQuery)
    found = await block.list_blocks(
        call.registry,
        call.caller,
        parse_namespace(call.path["namespace"]),
        history=query.history,
        after=Position(query.after),
        limit=query.limit + 1,
    )
    return json_reply(page(found, query.limit, show=shapes.Block.of, cursor=lambda last: str(last.from_position)))


async def block_artifact(call: Call) -> Reply:
    """Serve an artifact no more, nor what is only in it.

    Its bytes stay, no name resolves to it, and it cannot be published again.
    """
    package = parse_writable(call)
    body = await read_body(call, shapes.NewBlock)
    found = await block.block(
        call.registry,
        call.caller,
        package,
        parse_target(call),
        kind=BlockKind.QUARANTINED if body.quarantine else BlockKind.BLOCKED,
        reason=body.reason,
    )
    return json_reply(shapes.Block.of(found))


async def unblock_artifact(call: Call) -> Reply:
    """Serve an artifact again."""
    package = parse_writable(call)
    query = read_query(call, Because)
    target = parse_target(call)
    await block.release(call.registry, call.caller, package, target, reason=query.reason)
    return Reply(DONE)


async def explain_artifact(call: Call) -> Reply:
    """Say why an artifact is visible or not, blocked, kept, cleared or not promotable; who signed it; what was found."""
    package = parse_whole(call)
    return json_reply(shapes.Why.of(await why(call.registry, call.caller, package, parse_target(call))))


_PACKAGE = "/api/v1/packages/{view}/{format}/{package}/-"
_PROMOTION = _PACKAGE + "/promotions/{channel}/{artifact}"
_NAMESPACE = "/api/v1/namespaces/{namespace}"
_ARTIFACT = (PackageUnknown, ReferenceUnknown, ArtifactUnknown)

PROMOTIONS = Subject(
    "Promotions",
    "A promotion lets an artifact into a channel, where policies and the channel's own rules allow it. A block keeps "
    "one from being served at all.",
    (
        Endpoint(
            method="GET",
            path=_PROMOTION,
            handler=plan_promotion,
            answers={200: Answer("The plan.", shapes.PromotionPlan)},
            errors=(Denied, NamespaceUnknown, ChannelUnknown, *_ARTIFACT),
        ),
        Endpoint(
            method="POST",
            path=_PROMOTION,
            handler=promote_artifact,
            body=shapes.NewPromotion,
            body_optional=True,
            answers={200: Answer("What came of it: applied, proposed or refused.", shapes.Promotion)},
            errors=(Denied, ReadOnly, NamespaceUnknown, ChannelUnknown, StaleRevision, *_ARTIFACT),
        ),
        Endpoint(
            method="DELETE",
            path=_PROMOTION,
            handler=unpromote_artifact,
            query=Because,
            answers={200: Answer("It is not in the channel any more.", shapes.Unpromoted)},
            errors=(Denied, ReadOnly, NamespaceUnknown, ChannelUnknown, ClearanceUnknown, *_ARTIFACT),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/promotions",
            handler=list_package_promotions,
            query=shapes.PromotionsQuery,
            answers={200: Answer("A page of promotions.", Page[shapes.Promotion])},
            errors=(PackageUnknown,),
        ),
        Endpoint(
            method="GET",
            path=_NAMESPACE + "/promotions",
            handler=list_promotions,
            query=shapes.PromotionsQuery,
            answers={200: Answer("A page of promotions.", Page[shapes.Promotion])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/promotions/{promotion}",
            handler=read_promotion,
            answers={200: Answer("The promotion.", shapes.Promotion)},
            errors=(PromotionUnknown,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/promotions/{promotion}/approve",
            handler=approve_promotion,
            body=shapes.Note,
            body_optional=True,
            answers={200: Answer("The promotion as it is now.", shapes.Promotion)},
            errors=(Denied, PromotionUnknown, NameTaken, StaleRevision, *_ARTIFACT),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/promotions/{promotion}/refuse",
            handler=refuse_promotion,
            body=Because,
            body_optional=True,
            answers={200: Answer("The promotion as it is now.", shapes.Promotion)},
            errors=(Denied, PromotionUnknown),
        ),
        Endpoint(
            method="GET",
            path=_NAMESPACE + "/channels",
            handler=list_channel_rules,
            query=PageQuery,
            answers={200: Answer("A page of channels, in their order.", Page[shapes.RuledChannel])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="PUT",
            path=_NAMESPACE + "/channels/{channel}",
            handler=set_channel_rules,
            body=shapes.ChannelRules,
            answers={200: Answer("What it asks now.", shapes.RuledChannel)},
            errors=(Denied, NamespaceUnknown, ChannelUnknown),
        ),
        Endpoint(
            method="GET",
            path=_NAMESPACE + "/blocks",
            handler=list_blocks,
            query=shapes.BlocksQuery,
            answers={200: Answer("A page of blocks.", Page[shapes.Block])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="PUT",
            path=_PACKAGE + "/blocks/{artifact}",
            handler=block_artifact,
            body=shapes.NewBlock,
            answers={200: Answer("The block.", shapes.Block)},
            errors=(Denied, ReadOnly, *_ARTIFACT),
        ),
        Endpoint(
            method="DELETE",
            path=_PACKAGE + "/blocks/{artifact}",
            handler=unblock_artifact,
            query=Because,
            answers={204: Answer("It is served again.")},
            errors=(Denied, ReadOnly, BlockUnknown, *_ARTIFACT),
        ),
        Endpoint(
            method="GET",
            path=_PACKAGE + "/why/{artifact}",
            handler=explain_artifact,
            answers={200: Answer("Why it stands as it does.", shapes.Why)},
            errors=(Denied, *_ARTIFACT),
        ),
    ),
)
