"""Webhooks: who is told of events, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, NO_STORE, page, page_of_all
from entrepot.api.requests import read_body, read_query
from entrepot.api.shapes import webhooks as shapes
from entrepot.api.shapes.basics import Page
from entrepot.model.errors import Denied, Invalid, NamespaceUnknown, TooMany, WebhookUnknown
from entrepot.model.names import parse_namespace
from entrepot.model.position import Position
from entrepot.operations import deliver, webhooks
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from msgspec import UnsetType

    from entrepot.model.names import NamespaceName
    from entrepot.wire.call import Call


async def list_webhooks(call: Call) -> Reply:
    """List the webhooks of a namespace, or those that are told everything."""
    query = read_query(call, shapes.WebhooksQuery)
    found = await webhooks.list_webhooks(call.registry, call.caller, _namespace(query.namespace))
    return json_reply(
        page_of_all(found, after=query.after, limit=query.limit, show=shapes.Webhook.of, cursor=lambda each: each.id)
    )


async def add_webhook(call: Call) -> Reply:
    """Tell somebody of what happens from now on, in a namespace or everywhere.

    What is sent are CloudEvents 1.0 in JSON, signed as Standard Webhooks says; the secret is shown this once.
    """
    body = await read_body(call, shapes.NewWebhook)
    added, secret = await webhooks.add_webhook(
        call.registry,
        call.caller,
        body.url,
        source=call.base_url,
        namespace=_namespace(body.namespace),
        types=tuple(body.types),
        private=body.private,
    )
    return json_reply(shapes.AddedWebhook(shapes.Webhook.of(added), secret), status=201, headers=[NO_STORE])


async def read_webhook(call: Call) -> Reply:
    """Show a webhook."""
    found = await webhooks.find_webhook(call.registry, call.caller, call.path["webhook"])
    return json_reply(shapes.Webhook.of(found))


async def change_webhook(call: Call) -> Reply:
    """Change where a webhook is, what it is told, or whether it is told anything."""
    body = await read_body(call, shapes.WebhookChange)
    changed = await webhooks.set_webhook(
        call.registry,
        call.caller,
        call.path["webhook"],
        url=None if body.url is UNSET else body.url,
        types=None if body.types is UNSET else tuple(body.types),
        private=None if body.private is UNSET else body.private,
        enabled=None if body.enabled is UNSET else body.enabled,
    )
    return json_reply(shapes.Webhook.of(changed))


async def remove_webhook(call: Call) -> Reply:
    """Tell it nothing any more."""
    await webhooks.remove_webhook(call.registry, call.caller, call.path["webhook"])
    return Reply(DONE)


async def rotate_webhook_secret(call: Call) -> Reply:
    """Sign with a new secret, and for a day with the old one too; the new one is shown this once."""
    secret = await webhooks.rotate_secret(call.registry, call.caller, call.path["webhook"])
    return json_reply(shapes.WebhookSecret(secret), headers=[NO_STORE])


async def test_webhook(call: Call) -> Reply:
    """Send a test, and say what came of it."""
    return json_reply(
        shapes.WebhookTrial.of(await deliver.test_webhook(call.registry, call.caller, call.path["webhook"]))
    )


async def replay_webhook(call: Call) -> Reply:
    """Send again all that happened after a position."""
    body = await read_body(call, shapes.Replay)
    found = await webhooks.replay(call.registry, call.caller, call.path["webhook"], Position(body.after))
    return json_reply(shapes.Webhook.of(found))


async def list_deliveries(call: Call) -> Reply:
    """List what became of events: of those that arrived the last ones, of the others all."""
    query = read_query(call, shapes.DeliveriesQuery)
    found = await webhooks.list_deliveries(
        call.registry,
        call.caller,
        call.path["webhook"],
        after=Position(query.after),
        limit=query.limit + 1,
        failed=query.failed,
    )
    return json_reply(page(found, query.limit, show=shapes.Delivery.of, cursor=lambda last: str(last.position)))


def _namespace(text: str | UnsetType) -> NamespaceName | None:
    return None if text is UNSET else parse_namespace(text)


_ONE = "/api/v1/webhooks/{webhook}"

WEBHOOKS = Subject(
    "Webhooks",
    "Who is told of events, as CloudEvents that are signed by Standard Webhooks.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/webhooks",
            handler=list_webhooks,
            query=shapes.WebhooksQuery,
            answers={200: Answer("A page of webhooks.", Page[shapes.Webhook])},
            errors=(Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/webhooks",
            handler=add_webhook,
            body=shapes.NewWebhook,
            answers={201: Answer("The webhook, with its secret.", shapes.AddedWebhook)},
            errors=(Invalid, TooMany, Denied, NamespaceUnknown),
        ),
        Endpoint(
            method="GET",
            path=_ONE,
            handler=read_webhook,
            answers={200: Answer("The webhook.", shapes.Webhook)},
            errors=(WebhookUnknown,),
        ),
        Endpoint(
            method="PATCH",
            path=_ONE,
            handler=change_webhook,
            body=shapes.WebhookChange,
            answers={200: Answer("The webhook.", shapes.Webhook)},
            errors=(Invalid, Denied, WebhookUnknown),
        ),
        Endpoint(
            method="DELETE",
            path=_ONE,
            handler=remove_webhook,
            answers={DONE: Answer("It is told nothing any more.")},
            errors=(WebhookUnknown,),
        ),
        Endpoint(
            method="POST",
            path=f"{_ONE}/rotate",
            handler=rotate_webhook_secret,
            answers={200: Answer("The new secret.", shapes.WebhookSecret)},
            errors=(WebhookUnknown,),
        ),
        Endpoint(
            method="POST",
            path=f"{_ONE}/test",
            handler=test_webhook,
            answers={200: Answer("What came of it.", shapes.WebhookTrial)},
            errors=(WebhookUnknown,),
        ),
        Endpoint(
            method="POST",
            path=f"{_ONE}/replay",
            handler=replay_webhook,
            body=shapes.Replay,
            answers={200: Answer("The webhook.", shapes.Webhook)},
            errors=(Invalid, WebhookUnknown),
        ),
        Endpoint(
            method="GET",
            path=f"{_ONE}/deliveries",
            handler=list_deliveries,
            query=shapes.DeliveriesQuery,
            answers={200: Answer("A page of deliveries.", Page[shapes.Delivery])},
            errors=(WebhookUnknown,),
        ),
    ),
)
