"""How much a namespace may take up: set it, take it back, and hold whoever publishes to it.

It is decided inside the change that publishes, so two who publish at once cannot both take the last place; what is known
not to fit is refused before, by `entrepot.operations.upload`, so that nobody sends it in vain.
What the registry itself adds, such as the statements of promotions, is charged and never refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.access import Action
from entrepot.model.errors import NamespaceUnknown
from entrepot.model.events import QuotaRemoved, QuotaSet
from entrepot.operations import access

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.names import NamespaceName
    from entrepot.model.usage import Account, Quota
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def set_quota(registry: Registry, caller: Caller, namespace: NamespaceName, quota: Quota) -> Account:
    """Let a namespace take up so much, and no more; less than it does is no error, and lets nothing in any more.

    For administrators: who governs a namespace does not raise their own. Raises `NamespaceUnknown`, or what
    `access.require_anywhere` raises.
    """
    access.require_anywhere(caller, Action.ADMINISTER)

    def change(transaction: Transaction) -> Account:
        account = _find(transaction, namespace)
        if account.quota == quota:
            return account
        transaction.usage.set_quota(namespace, quota)
        account = _find(transaction, namespace)
        transaction.append(caller.name, QuotaSet(namespace=namespace, size=quota.size, versions=quota.versions))
        return account

    return await registry.catalog.write(change)


async def remove_quota(registry: Registry, caller: Caller, namespace: NamespaceName) -> Account:
    """Let a namespace take up whatever there is. Raises like `set_quota`."""
    access.require_anywhere(caller, Action.ADMINISTER)

    def change(transaction: Transaction) -> Account:
        if transaction.usage.remove_quota(namespace):
            transaction.append(caller.name, QuotaRemoved(namespace=namespace))
        return _find(transaction, namespace)

    return await registry.catalog.write(change)


def require_within(transaction: Transaction, before: Account | None) -> None:
    """Raise `QuotaExceeded` when a change took more than the namespace may have; *before* is how it was found.

    What adds nothing is let through, however much there is already.
    """
    if before is not None and before.quota is not None:
        _find(transaction, before.namespace).require_within(before)


def _find(transaction: Transaction, namespace: NamespaceName) -> Account:
    account = transaction.usage.find(namespace)
    if account is None:
        raise NamespaceUnknown(namespace)
    return account
