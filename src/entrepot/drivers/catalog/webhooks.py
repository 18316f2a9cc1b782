"""Who is told of events: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from entrepot.drivers.catalog.rows import parse_time, time_text
from entrepot.drivers.catalog.statements import load
from entrepot.model.names import NamespaceName
from entrepot.model.position import Position
from entrepot.model.webhook import Delivery, Outcome, Webhook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.drivers.catalog.questions import Questions
    from entrepot.drivers.catalog.session import Session

WEBHOOKS: Final = load("webhooks")


class SqlWebhooks:
    """Implements `entrepot.ports.webhooks.Webhooks`."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def find(self, id: str) -> Webhook | None:
        """One of them, or None."""
        row = await self._questions.one(WEBHOOKS.find_webhook, id=id)
        return None if row is None else _webhook(row)

    async def find_secrets(self, id: str, now: datetime) -> Sequence[str]:
        """What is signed with: the newest first."""
        row = await self._questions.one(WEBHOOKS.find_secrets, id=id, now=time_text(now))
        return [secret for secret in row or () if secret is not None]

    async def list_deliveries(
        self, id: str, *, after: Position, limit: int, failed: bool = False
    ) -> Sequence[Delivery]:
        """A page of what became of events, by position."""
        found = await self._questions.all(WEBHOOKS.list_deliveries, id=id, after=after, limit=limit, failed=failed)
        return [
            Delivery(Position(position), type, Outcome(outcome), attempts, status, problem, parse_time(at))
            for position, type, outcome, attempts, status, problem, at in found
        ]

    async def list(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""
        return [_webhook(row) for row in await self._questions.all(WEBHOOKS.list_webhooks)]


class SqlWebhookChanges:
    """Implements `entrepot.ports.webhooks.WebhookChanges`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, webhook: Webhook, secret: str) -> None:
        """Tell somebody of events from its position on."""
        namespace = None if webhook.namespace is None else self._session.namespace_id(webhook.namespace)
        self._session.run(
            WEBHOOKS.add,
            **_parameters(webhook),
            namespace=namespace,
            source=webhook.source,
            created_at=time_text(webhook.created_at or self._session.now),
            secret=secret,
        )

    def find(self, id: str) -> Webhook | None:
        """One of them, or None."""
        row = self._session.one(WEBHOOKS.find_webhook, id=id)
        return None if row is None else _webhook(row)

    def set(self, webhook: Webhook) -> None:
        """Replace what is known of it."""
        self._session.run(WEBHOOKS.set, **_parameters(webhook))

    def remove(self, id: str) -> None:
        """Forget it, and what became of what it was told."""
        self._session.run(WEBHOOKS.remove_deliveries, id=id)
        self._session.run(WEBHOOKS.remove, id=id)

    def set_secret(self, id: str, secret: str, *, old_until: datetime) -> None:
        """Sign with *secret*, and until then with the one before, too."""
        self._session.run(WEBHOOKS.set_secret, id=id, secret=secret, old_until=time_text(old_until))

    def record(self, id: str, delivery: Delivery, *, keep: int) -> None:
        """Remember what became of an event, and of those that arrived only the last *keep*."""
        self._session.run(
            WEBHOOKS.record,
            id=id,
            position=delivery.position,
            type=delivery.type,
            outcome=delivery.outcome,
            attempts=delivery.attempts,
            status=delivery.status,
            problem=delivery.problem,
            at=time_text(delivery.at),
        )
        if delivery.outcome is Outcome.DELIVERED:
            self._session.run(WEBHOOKS.forget_delivered, id=id, keep=keep)


def _parameters(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "types": msgspec.json.encode(webhook.types).decode(),
        "private": webhook.private,
        "disabled": webhook.disabled,
        "position": webhook.position,
        "attempts": webhook.attempts,
        "due_at": None if webhook.due_at is None else time_text(webhook.due_at),
        "failing_since": None if webhook.failing_since is None else time_text(webhook.failing_since),
    }


def _webhook(row: tuple[Any, ...]) -> Webhook:
    id, url, source, namespace, types, private, created_at, disabled, position, attempts, due_at, failing_since = row
    return Webhook(
        id=id,
        url=url,
        source=source,
        namespace=None if namespace is None else NamespaceName(namespace),
        types=msgspec.json.decode(types, type=tuple[str, ...]),
        private=bool(private),
        created_at=parse_time(created_at),
        disabled=disabled,
        position=Position(position),
        attempts=attempts,
        due_at=None if due_at is None else parse_time(due_at),
        failing_since=None if failing_since is None else parse_time(failing_since),
    )
