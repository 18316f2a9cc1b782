"""Who is known, and what roles they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import Denied, GrantUnknown, NamespaceUnknown, NameTaken
from entrepot.model.events import GrantAdded, GrantRemoved, PrincipalCreated, PrincipalDisabled
from entrepot.operations import access
from entrepot.ports.catalog import Grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Allowance, Caller, Principal, PrincipalKind
    from entrepot.model.names import PrincipalName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def create_principal(registry: Registry, caller: Caller, name: PrincipalName, kind: PrincipalKind) -> None:
    """Make somebody known. Raises `NameTaken`, `Unauthenticated`, `Denied`."""
    access.require_anywhere(caller, Action.ADMINISTER)

    def change(transaction: Transaction) -> None:
        if not transaction.add_principal(name, kind):
            raise NameTaken(name)
        transaction.append(caller.name, PrincipalCreated(principal=name, kind=kind))

    await registry.catalog.write(change)


async def disable_principal(registry: Registry, caller: Caller, name: PrincipalName) -> bool:
    """Stop somebody and all of their tokens at once; False when they were. Raises `PrincipalUnknown`, `Denied`."""
    access.require_anywhere(caller, Action.ADMINISTER)

    def change(transaction: Transaction) -> bool:
        if not transaction.disable_principal(name):
            return False
        transaction.append(caller.name, PrincipalDisabled(principal=name))
        return True

    return await registry.catalog.write(change)


async def add_grant(registry: Registry, caller: Caller, principal: PrincipalName, allowance: Allowance) -> bool:
    """Give a role; False when they have it already.

    Raises `PrincipalUnknown`, `NamespaceUnknown`, `Unauthenticated`, `Denied`.
    """
    require_grantable(caller, allowance)

    def change(transaction: Transaction) -> bool:
        if allowance.view is not None and transaction.find_namespace(allowance.view.namespace) is None:
            raise NamespaceUnknown(allowance.view.namespace)
        if not transaction.add_grant(Grant(principal, allowance)):
            return False
        transaction.append(caller.name, _added(principal, allowance))
        return True

    return await registry.catalog.write(change)


async def remove_grant(registry: Registry, caller: Caller, principal: PrincipalName, allowance: Allowance) -> None:
    """Take a role, at once. Raises `PrincipalUnknown`, `GrantUnknown`, `Unauthenticated`, `Denied`."""
    require_grantable(caller, allowance)

    def change(transaction: Transaction) -> None:
        if not transaction.remove_grant(Grant(principal, allowance)):
            raise GrantUnknown(f"{principal}: {allowance.role} of {allowance.view or 'everything'}")
        transaction.append(caller.name, _removed(principal, allowance))

    await registry.catalog.write(change)


async def list_grants(registry: Registry, caller: Caller, *, principal: PrincipalName | None = None) -> Sequence[Grant]:
    """The grants that the caller may see: all for an auditor, those of their namespaces for who governs them."""
    grants = await registry.catalog.list_grants(principal)
    if caller.rights.allows(Action.AUDIT):
        return grants
    visible = [
        grant
        for grant in grants
        if (caller.principal is not None and grant.principal == caller.principal.name)
        or caller.rights.allows(Action.GOVERN, grant.allowance.view)
    ]
    if not visible:
        access.require_anywhere(caller, Action.AUDIT)
    return visible


async def list_principals(registry: Registry, caller: Caller) -> Sequence[tuple[Principal, bool]]:
    """Everybody, and whether they are disabled. Raises `Unauthenticated`, `Denied`."""
    access.require_anywhere(caller, Action.AUDIT)
    return await registry.catalog.list_principals()


def may_grant(caller: Caller, allowance: Allowance) -> bool:
    """Whether the caller governs all that the allowance is about, and could do all of it themselves."""
    return caller.rights.allows(Action.GOVERN, allowance.view) and caller.rights.covers(allowance)


def require_grantable(caller: Caller, allowance: Allowance) -> None:
    """Raise unless the caller may grant it. Raises `Unauthenticated`, `Denied`."""
    access.require_anywhere(caller, Action.GOVERN, allowance.view)
    if not caller.rights.covers(allowance):
        raise Denied(f"{caller.name} cannot grant what {caller.name} may not do")


def _added(principal: PrincipalName, allowance: Allowance) -> GrantAdded:
    role, view, pattern = _parts(allowance)
    return GrantAdded(principal=principal, role=role, view=view, pattern=pattern)


def _removed(principal: PrincipalName, allowance: Allowance) -> GrantRemoved:
    role, view, pattern = _parts(allowance)
    return GrantRemoved(principal=principal, role=role, view=view, pattern=pattern)


def _parts(allowance: Allowance) -> tuple[str, str | None, str]:
    return allowance.role, None if allowance.view is None else str(allowance.view), str(allowance.pattern)
