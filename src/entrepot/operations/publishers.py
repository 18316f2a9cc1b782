"""Say which jobs are trusted to publish into a namespace: trusted publishers, each with a robot that acts for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from entrepot.model.access import Action, PrincipalKind, Role
from entrepot.model.errors import Invalid, IssuerUnknown, NamespaceUnknown, NameTaken, PublisherUnknown, TooMany
from entrepot.model.events import PublisherAdded, PublisherRemoved
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.govern import read_namespace
from entrepot.operations.grant import require_grantable
from entrepot.ports.catalog import Grant
from entrepot.trust.oidc.claims import require_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.federation import Publisher, PublisherName
    from entrepot.model.names import NamespaceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

_MOST: Final = 500
"""In one namespace."""
_PACKAGES: Final = 50
_RULES: Final = 30
_LIFETIMES: Final = (timedelta(minutes=1), timedelta(hours=12))


async def add_publisher(registry: Registry, caller: Caller, publisher: Publisher) -> Publisher:
    """Trust jobs of an issuer, as far as the caller could grant it. Their packages need not be there yet.

    Raises `Invalid`, `TooMany`, `NameTaken`, `IssuerUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, publisher.namespace)
    _check(publisher)
    for allowance in publisher.allowances:
        require_grantable(caller, allowance)
    if len(await registry.catalog.federation.list_publishers(publisher.namespace)) >= _MOST:
        raise TooMany("publishers", expected=f"at most {_MOST} in a namespace")
    publisher = replace(publisher, rules=tuple(sorted(publisher.rules)), used_at=None, added_at=registry.clock.now())

    def change(transaction: Transaction) -> None:
        issuer = transaction.federation.find_issuer(publisher.issuer)
        if issuer is None:
            raise IssuerUnknown(publisher.issuer)
        require_rules(issuer.provider, publisher.rules)
        if not transaction.federation.add_publisher(publisher):
            raise NameTaken(publisher.name)
        if not transaction.add_principal(publisher.principal, PrincipalKind.ROBOT):
            transaction.enable_principal(publisher.principal)
        for allowance in publisher.allowances:
            transaction.add_grant(Grant(publisher.principal, allowance))
        transaction.append(
            caller.name,
            PublisherAdded(
                namespace=publisher.namespace,
                publisher=publisher.name,
                principal=publisher.principal,
                issuer=issuer.url,
                rules=tuple(map(str, publisher.rules)),
                packages=tuple(map(str, publisher.packages)),
                role=publisher.role,
                lifetime=publisher.lifetime.total_seconds(),
            ),
        )

    await registry.catalog.write(change)
    return publisher


async def list_publishers(registry: Registry, caller: Caller, namespace: NamespaceName) -> Sequence[Publisher]:
    """A namespace's, by name. Raises `NamespaceUnknown`, `Unauthenticated`, `Denied`."""
    await _require_govern(registry, caller, namespace)
    return await registry.catalog.federation.list_publishers(namespace)


async def remove_publisher(registry: Registry, caller: Caller, namespace: NamespaceName, name: PublisherName) -> None:
    """Trust it no more, and stop its tokens at once. What it published stays.

    Raises `PublisherUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    await _require_govern(registry, caller, namespace)

    def change(transaction: Transaction) -> None:
        publisher = transaction.federation.find_publisher(namespace, name)
        if publisher is None:
            raise PublisherUnknown(name)
        stop_robot(transaction, publisher)
        transaction.federation.remove_publisher(namespace, name)
        transaction.append(
            caller.name, PublisherRemoved(namespace=namespace, publisher=name, principal=publisher.principal)
        )

    await registry.catalog.write(change)


def stop_robot(transaction: Transaction, publisher: Publisher) -> None:
    """Take from a publisher's robot what it may do."""
    for allowance in publisher.allowances:
        transaction.remove_grant(Grant(publisher.principal, allowance))
    transaction.disable_principal(publisher.principal)


async def _require_govern(registry: Registry, caller: Caller, namespace: NamespaceName) -> None:
    await read_namespace(registry, caller, namespace)
    access.require_anywhere(caller, Action.GOVERN, View(namespace))
    if await registry.catalog.find_namespace(namespace) is None:
        raise NamespaceUnknown(namespace)


def _check(publisher: Publisher) -> None:
    if publisher.role is Role.ADMINISTRATOR:
        raise Invalid("role", expected="any other role")
    if not 0 < len(publisher.packages) <= _PACKAGES or len(set(publisher.packages)) < len(publisher.packages):
        raise Invalid("packages", expected=f"1 to {_PACKAGES} patterns, each once")
    if not 0 < len(publisher.rules) <= _RULES:
        raise Invalid("rules", expected=f"1 to {_RULES}", actual=len(publisher.rules))
    least, most = _LIFETIMES
    if not least <= publisher.lifetime <= most:
        raise Invalid("lifetime", expected=f"{least.total_seconds():.0f} to {most.total_seconds():.0f} seconds")
