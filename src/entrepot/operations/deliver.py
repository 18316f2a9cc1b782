"""Tell a webhook of what happened: CloudEvents 1.0, signed by Standard Webhooks.

https://github.com/cloudevents/spec (JSON event format, structured content mode) and
https://github.com/standard-webhooks/standard-webhooks (``webhook-id``, ``webhook-timestamp``, ``webhook-signature``).
Events are sent one behind another, in the journal's order. One that does not arrive is tried again, later and later;
then it is put aside, and the next one has its turn. A receiver that takes nothing for long is told no more.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.errors import Invalid, UpstreamInvalid, UpstreamUnavailable
from entrepot.model.events import WebhookDisabled
from entrepot.model.webhook import ACTOR, Delivery, Outcome, Webhook
from entrepot.operations.webhooks import find_webhook
from entrepot.ports.fetch import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from entrepot.model.access import Caller
    from entrepot.model.events import Entry
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_PAGE: Final = 100
_ANSWER_SIZE: Final = 64 * 1024
_KEPT: Final = 200
"""So many deliveries that arrived are remembered of each webhook."""
_PROBLEM_LENGTH: Final = 500

_DELAYS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200)
)
"""Before the second attempt, the third, and so on; after the last there is none. A day and a half together."""
_JITTER: Final = 0.25
_GIVES_UP: Final = timedelta(days=3)
"""A receiver that has taken nothing for so long is told no more, until somebody enables it again."""
_GONE: Final = 410
_MAX_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending something."""

    status: int | None
    problem: str | None
    """None when it has arrived."""
    after: timedelta | None = None
    """How long the receiver asks to wait."""


async def deliver_due(registry: Registry, id: str) -> bool:
    """Tell a webhook of the next entries, up to one that does not arrive; whether there may be more to do now.

    Raises `TurnOver` once another process does this.
    """
    webhook = await registry.catalog.webhooks.find(id)
    if webhook is None or not is_due(webhook, registry.clock.now()):
        return False
    entries = await registry.catalog.list_entries(after=webhook.position, limit=_PAGE)
    for entry in entries:
        if not webhook.wants(entry.event):
            continue
        # A process that was stopped meanwhile goes on with nothing.
        await registry.catalog.confirm_turn()
        attempt = await send(registry, webhook, message_of(webhook, entry), f"{webhook.id}_{entry.position}")
        settled = await _settle(registry, webhook, entry, attempt)
        if settled is None:
            return False
        webhook = settled
    # What it is not told of is passed over by the page: a step of its own for each would be a commit for nothing.
    if len(entries) == _PAGE and webhook.position < entries[-1].position:
        await _pass(registry, webhook, entries[-1])
    return len(entries) == _PAGE


def is_due(webhook: Webhook, now: datetime) -> bool:
    """Whether there may be something to send just now."""
    return webhook.disabled is None and (webhook.due_at is None or webhook.due_at <= now)


async def test_webhook(registry: Registry, caller: Caller, id: str) -> Attempt:
    """Send something that says it is a test, whether or not the webhook is disabled.

    Raises what `find_webhook` raises.
    """
    webhook = await find_webhook(registry, caller, id)
    unique = registry.clock.new_id()
    message = {
        "specversion": "1.0",
        "id": unique,
        "source": webhook.source,
        "type": "dev.entrepot.webhook.tested.v1",
        "time": registry.clock.now().isoformat(),
        "datacontenttype": "application/json",
        "data": {"webhook": webhook.id},
    }
    return await send(registry, webhook, msgspec.json.encode(message), f"{webhook.id}_{unique}")


def message_of(webhook: Webhook, entry: Entry) -> bytes:
    """An entry of the journal as a CloudEvent in JSON; the same bytes each time it is sent."""
    data = msgspec.json.decode(entry.content, type=dict[str, object])
    del data["type"]
    message: dict[str, object] = {
        "specversion": "1.0",
        "id": str(entry.position),  # unique for the source, as the specification demands
        "source": webhook.source,
        "type": entry.event.type,
        "time": entry.at.isoformat(),
        "datacontenttype": "application/json",
        "actor": entry.actor,
    }
    subject = "/".join(part for part in (entry.event.namespace, entry.event.package) if part)
    if subject:
        message["subject"] = subject
    return msgspec.json.encode(message | {"data": data})


async def send(registry: Registry, webhook: Webhook, content: bytes, message_id: str) -> Attempt:
    """Send one message, once."""
    now = registry.clock.now()
    secrets = await registry.catalog.webhooks.find_secrets(webhook.id, now)
    headers = {
        "content-type": "application/cloudevents+json; charset=utf-8",
        **sign(secrets, message_id, int(now.timestamp()), content),
    }
    try:
        # The target is the whole address: an origin alone forgets a slash at its end.
        origin = Origin.parse(webhook.url, private=webhook.private)
        answer = await registry.fetcher.post(origin, webhook.url, headers=headers, content=content, limit=_ANSWER_SIZE)
    except (UpstreamUnavailable, UpstreamInvalid, Invalid) as error:
        return Attempt(None, str(error)[:_PROBLEM_LENGTH])
    if 200 <= answer.status < 300:  # noqa: PLR2004 (HTTP's own: successful)
        return Attempt(answer.status, None)
    return Attempt(answer.status, f"it answered {answer.status}", _retry_after(answer.headers))


def sign(secrets: Sequence[str], message_id: str, seconds: int, content: bytes) -> Mapping[str, str]:
    """The headers of Standard Webhooks: a signature for each secret, so that secrets can be replaced."""
    signed = b"%b.%d.%b" % (message_id.encode(), seconds, content)
    signatures = [
        "v1," + b64encode(hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, sha256)).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
    }


async def _settle(registry: Registry, webhook: Webhook, entry: Entry, attempt: Attempt) -> Webhook | None:
    """Remember what came of it; the webhook as it goes on, or None when it does not go on now."""
    now = registry.clock.now()
    new, outcome = _judge(webhook, entry, attempt, now)
    tries = webhook.attempts + 1
    delivery = Delivery(entry.position, entry.event.type, outcome, tries, attempt.status, attempt.problem, now)

    def change(transaction: Transaction) -> bool:
        if transaction.webhooks.find(webhook.id) != webhook:
            return False  # Somebody has changed or removed it meanwhile, and that stands.
        transaction.webhooks.set(new)
        transaction.webhooks.record(webhook.id, delivery, keep=_KEPT)
        if new.disabled is not None:
            event = WebhookDisabled(namespace=webhook.namespace, webhook=webhook.id, reason=new.disabled)
            transaction.append(f"{ACTOR}{webhook.id}", event)
        return True

    stands = await registry.catalog.write(change)
    return new if stands and is_due(new, now) else None


def _judge(webhook: Webhook, entry: Entry, attempt: Attempt, now: datetime) -> tuple[Webhook, Outcome]:
    """What follows from an attempt."""
    done = replace(webhook, position=entry.position, attempts=0, due_at=None)
    if attempt.problem is None:
        return replace(done, failing_since=None), Outcome.DELIVERED
    since = webhook.failing_since or now
    # "410 Gone: the receiver does not want it any more" (Standard Webhooks)
    if attempt.status == _GONE or now - since >= _GIVES_UP:
        reason = "it is gone" if attempt.status == _GONE else f"nothing has arrived since {since:%Y-%m-%d %H:%M} UTC"
        return replace(webhook, disabled=f"{reason}: {attempt.problem}", failing_since=since), Outcome.FAILED
    if webhook.attempts >= len(_DELAYS):
        return replace(done, failing_since=since), Outcome.DEAD
    delay = _DELAYS[webhook.attempts]
    # Which receivers come back when is spread by what is known of them: no two fall into step.
    chance = sha256(f"{webhook.id} {entry.position} {webhook.attempts}".encode()).digest()[0] / 255
    delay = max(delay * (1 + _JITTER * chance), attempt.after or timedelta())
    return replace(webhook, attempts=webhook.attempts + 1, due_at=now + delay, failing_since=since), Outcome.FAILED


async def _pass(registry: Registry, webhook: Webhook, entry: Entry) -> None:
    """Go past entries that the webhook is not told of."""

    def change(transaction: Transaction) -> None:
        if transaction.webhooks.find(webhook.id) == webhook:
            transaction.webhooks.set(replace(webhook, position=entry.position))

    await registry.catalog.write(change)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("retry-after", "")
    if not (text.isascii() and text.isdigit() and len(text) < 7):  # noqa: PLR2004 (days)
        return None
    return min(timedelta(seconds=int(text)), _MAX_AFTER)
