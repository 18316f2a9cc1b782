"""Who is told of events, and what became of it.

An area of the catalog (`entrepot.ports.cursors` says what that is).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.model.position import Position
    from entrepot.model.webhook import Delivery, Webhook


class Webhooks(Protocol):
    """Questions about webhooks."""

    async def list(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""

    async def find(self, id: str) -> Webhook | None:
        """One of them, or None."""

    async def find_secrets(self, id: str, now: datetime) -> Sequence[str]:
        """What is signed with: the newest first, then the one before it while it is still good."""

    async def list_deliveries(
        self, id: str, *, after: Position, limit: int, failed: bool = False
    ) -> Sequence[Delivery]:
        """A page of what became of events, by position; *failed*: of those alone that have not arrived."""


class WebhookChanges(Protocol):
    """What a change may do to them."""

    def add(self, webhook: Webhook, secret: str) -> None:
        """Tell somebody of events from its position on. Raises `NamespaceUnknown`."""

    def find(self, id: str) -> Webhook | None:
        """One of them, or None."""

    def set(self, webhook: Webhook) -> None:
        """Replace what is known of it."""

    def remove(self, id: str) -> None:
        """Forget it, and what became of what it was told."""

    def set_secret(self, id: str, secret: str, *, old_until: datetime) -> None:
        """Sign with *secret*, and until then with the one before, too."""

    def record(self, id: str, delivery: Delivery, *, keep: int) -> None:
        """Remember what became of an event, and of those that arrived only the last *keep*."""
