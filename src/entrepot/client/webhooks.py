"""Webhooks: who is told of events, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.client.answers import Delivery, NewWebhook, Webhook, WebhookSecret, WebhookTrial
from entrepot.client.connection import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.client.connection import Connection

_ALL = "/api/v1/webhooks"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The webhooks of a registry, and of its namespaces. Every method raises `ClientError`."""

    _connection: Connection

    def add(
        self, url: str, *, namespace: str | None = None, types: Sequence[str] = ("*",), private: bool = False
    ) -> NewWebhook:
        """Tell somebody of what happens from now on, in a namespace or everywhere. The secret is told this once."""
        document: dict[str, object] = {"url": url, "types": list(types), "private": private}
        if namespace is not None:
            document["namespace"] = namespace
        return self._connection.call("POST", _ALL, document=document).read(NewWebhook)

    def iter(self, namespace: str | None = None) -> Iterator[Webhook]:
        """Those of a namespace, or those that are told everything."""
        return self._connection.pages(_ALL, Webhook, query={} if namespace is None else {"namespace": namespace})

    def enable(self, id: str, *, enabled: bool = True) -> Webhook:
        """Let it be told again from where it stopped; or let it be told nothing."""
        document = {"enabled": enabled}
        return self._connection.call("PATCH", _one(id), document=document, repeatable=True).read(Webhook)

    def remove(self, id: str) -> None:
        """Tell it nothing any more."""
        self._connection.call("DELETE", _one(id))

    def rotate(self, id: str) -> str:
        """Sign with a new secret, and for a day with the old one too; the new one, told this once."""
        return self._connection.call("POST", f"{_one(id)}/rotate").read(WebhookSecret).secret

    def test(self, id: str) -> WebhookTrial:
        """Have a test sent."""
        return self._connection.call("POST", f"{_one(id)}/test").read(WebhookTrial)

    def replay(self, id: str, *, after: int) -> Webhook:
        """Have all sent again that happened after a position."""
        return self._connection.call("POST", f"{_one(id)}/replay", document={"after": after}).read(Webhook)

    def deliveries(self, id: str, *, after: int = 0, failed: bool = False) -> Iterator[Delivery]:
        """What became of events, by position; *failed*: of those alone that have not arrived."""
        query: dict[str, str | int] = {"after": after, "failed": str(failed).lower()}
        return self._connection.pages(f"{_one(id)}/deliveries", Delivery, query=query)


def _one(id: str) -> str:
    return f"{_ALL}/{escape(id)}"
