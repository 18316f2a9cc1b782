"""Verify what is here again when those who are believed change.

Beside `entrepot.followers.verify`, which examines what comes, also for the new signers, and is not kept waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.events import SignerAdded, SignerChanged, TrustedRootRemoved, TrustedRootSet
from entrepot.model.names import NamespaceName
from entrepot.operations.doors import settle_everything, settle_namespace
from entrepot.operations.examine import FOLLOWER_AGAIN, KINDS_OF, examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.events import Entry, Event
    from entrepot.operations.registry import Registry

_PAGE: Final = 256


@dataclass(frozen=True, slots=True)
class VerifyAgain:
    """Idempotent: everything is examined as it is now, for those who are believed now."""

    name: str = FOLLOWER_AGAIN

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Examine what the changes are about; once, however many there are of a namespace."""
        changed: dict[str | None, frozenset[str]] = {}
        for entry in entries:
            if (found := _concerned(entry.event)) is not None:
                namespace, kinds = found
                changed[namespace] = changed.get(namespace, frozenset()) | kinds
        for namespace, kinds in changed.items():
            owner = None if namespace is None else NamespaceName(namespace)
            after = 0
            while page := await registry.catalog.attestations.list_holders(owner, kinds, after=after, limit=_PAGE):
                for package, holder in dict.fromkeys((each.package, each.holder) for each in page):
                    await examine(registry, package, holder, again=True)
                after = page[-1].id
            # The doors were asked when the signers changed, and do not wait for what was found out since.
            # What could not be said yet, the schedule asks again.
            if owner is None:
                await settle_everything(registry)
            else:
                await settle_namespace(registry, owner)


def _concerned(event: Event) -> tuple[str | None, frozenset[str]] | None:
    """Whose evidence of which kinds may be believed otherwise now; None where none is."""
    match event:
        # How a signer stands is asked when its word is; only what it may vouch for changes what is kept.
        case SignerAdded(namespace=namespace, kind=kind) | SignerChanged(namespace=namespace, kind=kind, rescoped=True):
            return namespace, frozenset(KINDS_OF[kind])
        case TrustedRootSet(namespace=namespace) | TrustedRootRemoved(namespace=namespace):
            return namespace, frozenset(KINDS_OF["identity"] | KINDS_OF["x509"])
    return None
