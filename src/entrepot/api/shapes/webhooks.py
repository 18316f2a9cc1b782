"""What the management API reads and writes about webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import MAX_POSITION, MAX_TEXT, TIME, NamespaceText, Position, WebhookId, text

if TYPE_CHECKING:
    from entrepot.model import webhook
    from entrepot.operations.deliver import Attempt

_WEBHOOK_URL = "https://hooks.example.com/entrepot"
_WebhookUrl = Annotated[
    str, text("Where events are sent, by POST; secrets and queries in it are refused.", _WEBHOOK_URL)
]
_EventTypes = Annotated[
    list[str],
    Meta(
        description="Patterns of the events that are sent; `*` is any run of characters.",
        examples=[["dev.entrepot.artifact.*"]],
        min_length=1,
        max_length=50,
    ),
]
_PrivateHook = Annotated[
    bool, Meta(description="Whether it may be at a private address; for administrators of the registry.")
]


class NewWebhook(Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook to be made."""

    url: _WebhookUrl
    namespace: NamespaceText | UnsetType = UNSET
    types: _EventTypes = msgspec.field(default_factory=lambda: ["*"])
    private: _PrivateHook = False


class WebhookChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of a webhook."""

    url: _WebhookUrl | UnsetType = UNSET
    types: _EventTypes | UnsetType = UNSET
    private: _PrivateHook | UnsetType = UNSET
    enabled: Annotated[bool, Meta(description="Whether anything is sent.")] | UnsetType = UNSET


class Webhook(Struct, frozen=True):
    """Somebody who is told of events."""

    id: WebhookId
    url: _WebhookUrl
    namespace: Annotated[str | None, Meta(description="The namespace whose events are sent; null: everything.")]
    types: _EventTypes
    private: _PrivateHook
    created_at: Annotated[datetime | None, Meta(examples=[TIME])]
    disabled: Annotated[str | None, Meta(description="Why nothing is sent; null when something is.", examples=[None])]
    position: Annotated[int, Meta(ge=0, description="The last position that was dealt with.", examples=[7])]
    due_at: Annotated[datetime | None, Meta(description="When it is tried again.", examples=[None])]
    failing_since: Annotated[datetime | None, Meta(description="Since when nothing has arrived.", examples=[None])]

    @staticmethod
    def of(found: webhook.Webhook) -> Webhook:
        """How a webhook is shown."""
        return Webhook(
            id=found.id,
            url=found.url,
            namespace=found.namespace,
            types=list(found.types),
            private=found.private,
            created_at=found.created_at,
            disabled=found.disabled,
            position=found.position,
            due_at=found.due_at,
            failing_since=found.failing_since,
        )


class WebhookSecret(Struct, frozen=True):
    """What a webhook's messages are signed with, shown this once."""

    secret: Annotated[
        str, Meta(description="A secret as Standard Webhooks writes it.", examples=["whsec_" + 43 * "A" + "="])
    ]


class AddedWebhook(Struct, frozen=True):
    """A webhook that was made."""

    webhook: Webhook
    secret: Annotated[str, Meta(description="Its secret, shown this once.", examples=["whsec_" + 43 * "A" + "="])]


class WebhooksQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose webhooks are asked for."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[str, Meta(description="The cursor of the page before.", max_length=MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """From where events are sent again."""

    after: Annotated[int, Meta(description="The last position that is not sent again.", ge=0, le=MAX_POSITION)]


class WebhookTrial(Struct, frozen=True):
    """What came of sending a test."""

    status: Annotated[int | None, Meta(description="What the receiver answered; null: nothing.", examples=[200])]
    problem: Annotated[str | None, Meta(description="Why it did not arrive; null when it did.", examples=[None])]

    @staticmethod
    def of(found: Attempt) -> WebhookTrial:
        """How an attempt is shown."""
        return WebhookTrial(found.status, found.problem)


class DeliveriesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which deliveries are asked for."""

    after: Annotated[int, Meta(description="The last position that is known already.", ge=0, le=MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100
    failed: Annotated[bool, Meta(description="Whether only what has not arrived is wanted.")] = False


class Delivery(Struct, frozen=True):
    """What became of an event."""

    position: Position
    type: Annotated[str, Meta(description="What happened.", examples=["dev.entrepot.artifact.published.v1"])]
    outcome: Annotated[
        str, Meta(description="`delivered`, `failed` (to be tried again) or `dead`.", examples=["delivered"])
    ]
    attempts: Annotated[int, Meta(ge=1, examples=[1])]
    status: Annotated[int | None, Meta(description="What the receiver answered last.", examples=[200])]
    problem: Annotated[str | None, Meta(examples=[None])]
    at: Annotated[datetime, Meta(examples=[TIME])]

    @staticmethod
    def of(found: webhook.Delivery) -> Delivery:
        """How a delivery is shown."""
        return Delivery(
            found.position, found.type, found.outcome, found.attempts, found.status, found.problem, found.at
        )
