"""The policies of namespaces, with all that they ever were: an area of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.names import NamespaceName
    from entrepot.model.policy import Policy


class Policies(Protocol):
    """What is asked of them."""

    async def list(self, namespace: NamespaceName, *, history: bool = False) -> Sequence[Policy]:
        """A namespace's own policies by name; with *history* also what they were before, the oldest first."""


class PolicyChanges(Protocol):
    """What a change may do to them."""

    def list(self, namespace: NamespaceName) -> Sequence[Policy]:
        """A namespace's own policies by name."""

    def set(self, policy: Policy, actor: str) -> Policy | None:
        """Set a policy of a namespace, and return it with its version; None when it is so already."""

    def remove(self, namespace: NamespaceName, name: str) -> bool:
        """Take a policy away; False when there is none."""
