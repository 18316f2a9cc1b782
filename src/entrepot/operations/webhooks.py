"""Say who is told of events: everything that happens, or what happens in one namespace.

Whoever adds a webhook sees by it what an auditor sees, so it takes that right, and that of governing the place.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action
from entrepot.model.errors import Denied, Invalid, NamespaceUnknown, TooMany, Unauthenticated, WebhookUnknown
from entrepot.model.events import WebhookAdded, WebhookChanged, WebhookRemoved
from entrepot.model.names import View
from entrepot.model.position import Position
from entrepot.model.webhook import Webhook, parse_types
from entrepot.operations import access
from entrepot.ports.fetch import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import NamespaceName
    from entrepot.model.webhook import Delivery
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_MOST: Final = 50
"""Webhooks of one namespace, and of the whole registry."""
_SECRET_SIZE: Final = 32
_OVERLAP: Final = timedelta(hours=24)
"""How long what is sent is also signed with the secret that was replaced."""


async def add_webhook(
    registry: Registry,
    caller: Caller,
    url: str,
    *,
    source: str,
    namespace: NamespaceName | None = None,
    types: tuple[str, ...] = ("*",),
    private: bool = False,
) -> tuple[Webhook, str]:
    """Tell somebody of what happens from now on; with the webhook its secret, which is never shown again.

    Raises `Invalid`, `TooMany`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    _require(caller, namespace)
    _require_reach(caller, private=private)
    _check_url(url)
    parse_types(types)
    present = [each for each in await registry.catalog.webhooks.list() if each.namespace == namespace]
    if len(present) >= _MOST:
        raise TooMany("webhooks", expected=f"at most {_MOST} of one namespace", actual=len(present) + 1)
    secret = _new_secret()
    id = registry.clock.new_id()

    def change(transaction: Transaction) -> Webhook:
        webhook = Webhook(
            id=id,
            url=url,
            source=source,
            namespace=namespace,
            types=types,
            private=private,
            created_at=transaction.now,
            position=Position(transaction.position - 1),
        )
        transaction.webhooks.add(webhook, secret)
        transaction.append(
            caller.name, WebhookAdded(namespace=namespace, webhook=id, url=url, types=types, private=private)
        )
        return webhook

    return await registry.catalog.write(change), secret


async def list_webhooks(
    registry: Registry, caller: Caller, namespace: NamespaceName | None = None
) -> Sequence[Webhook]:
    """The webhooks of a namespace, or those of the whole registry.

    Raises `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    _require(caller, namespace)
    return [each for each in await registry.catalog.webhooks.list() if each.namespace == namespace]


async def find_webhook(registry: Registry, caller: Caller, id: str) -> Webhook:
    """One of them. Raises `WebhookUnknown` also where it is not for the caller to know, `Unauthenticated`."""
    if caller.principal is None:
        raise Unauthenticated
    webhook = await registry.catalog.webhooks.find(id)
    if webhook is None:
        raise WebhookUnknown(id[:100])
    try:
        _require(caller, webhook.namespace)
    except (Denied, NamespaceUnknown) as error:
        raise WebhookUnknown(id) from error
    return webhook


async def set_webhook(
    registry: Registry,
    caller: Caller,
    id: str,
    *,
    url: str | None = None,
    types: tuple[str, ...] | None = None,
    private: bool | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change where a webhook is, what it is told, or whether it is; None leaves something as it is.

    Raises `Invalid`, and like `find_webhook`.
    """
    await find_webhook(registry, caller, id)
    if url is not None:
        _check_url(url)

    def change(transaction: Transaction) -> Webhook:
        old = _found(transaction, id)
        new = replace(
            old,
            url=old.url if url is None else url,
            types=old.types if types is None else parse_types(types),
            private=old.private if private is None else private,
        )
        if (new.url, new.private) != (old.url, old.private):
            _require_reach(caller, private=new.private)
        if enabled is not None:
            disabled = None if enabled else f"by {caller.name}"
            new = replace(new, disabled=disabled, attempts=0, due_at=None, failing_since=None)
        if new == old:
            return old
        transaction.webhooks.set(new)
        transaction.append(
            caller.name,
            WebhookChanged(
                namespace=new.namespace,
                webhook=id,
                url=new.url,
                types=new.types,
                private=new.private,
                enabled=new.disabled is None,
            ),
        )
        return new

    return await registry.catalog.write(change)


async def rotate_secret(registry: Registry, caller: Caller, id: str) -> str:
    """Sign with a new secret, for a day also with the old one; the new one, which is never shown again.

    Raises what `find_webhook` raises.
    """
    await find_webhook(registry, caller, id)
    secret = _new_secret()

    def change(transaction: Transaction) -> None:
        webhook = _found(transaction, id)
        transaction.webhooks.set_secret(id, secret, old_until=transaction.now + _OVERLAP)
        transaction.append(
            caller.name,
            WebhookChanged(
                namespace=webhook.namespace,
                webhook=id,
                url=webhook.url,
                types=webhook.types,
                private=webhook.private,
                enabled=webhook.disabled is None,
                secret=True,
            ),
        )

    await registry.catalog.write(change)
    return secret


async def remove_webhook(registry: Registry, caller: Caller, id: str) -> None:
    """Tell it nothing any more. Raises what `find_webhook` raises."""
    await find_webhook(registry, caller, id)

    def change(transaction: Transaction) -> None:
        webhook = _found(transaction, id)
        transaction.webhooks.remove(id)
        transaction.append(caller.name, WebhookRemoved(namespace=webhook.namespace, webhook=id))

    await registry.catalog.write(change)


async def replay(registry: Registry, caller: Caller, id: str, after: Position) -> Webhook:
    """Tell a webhook again of all that happened after a position, also of what never arrived.

    Raises `Invalid` for a position that is still to come, and like `find_webhook`.
    """
    await find_webhook(registry, caller, id)
    end, _ = await registry.catalog.head()
    if not 0 <= after <= end:
        raise Invalid(f"position {after}", expected=f"one from 0 to {end}")

    def change(transaction: Transaction) -> Webhook:
        webhook = replace(_found(transaction, id), position=after, attempts=0, due_at=None, failing_since=None)
        transaction.webhooks.set(webhook)
        return webhook

    return await registry.catalog.write(change)


async def list_deliveries(
    registry: Registry, caller: Caller, id: str, *, after: Position, limit: int, failed: bool = False
) -> Sequence[Delivery]:
    """A page of what became of events: of those that arrived the last ones, of the others all.

    Raises what `find_webhook` raises.
    """
    await find_webhook(registry, caller, id)
    return await registry.catalog.webhooks.list_deliveries(id, after=after, limit=limit, failed=failed)


def _found(transaction: Transaction, id: str) -> Webhook:
    webhook = transaction.webhooks.find(id)
    if webhook is None:
        raise WebhookUnknown(id)
    return webhook


def _require(caller: Caller, namespace: NamespaceName | None) -> None:
    view = None if namespace is None else View(namespace)
    if caller.principal is not None and view is not None and not caller.rights.touches(view):
        raise NamespaceUnknown(namespace)
    access.require_anywhere(caller, Action.AUDIT, view)
    access.require_anywhere(caller, Action.GOVERN if view is not None else Action.ADMINISTER, view)


def _require_reach(caller: Caller, *, private: bool) -> None:
    """A private address is asked from where this registry stands: only who administers it can allow that."""
    if private:
        access.require_anywhere(caller, Action.ADMINISTER)


def _check_url(url: str) -> None:
    Origin.parse(url)


def _new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_SIZE)).decode()}"
