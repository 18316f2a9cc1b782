"""Verify signatures and attestations as they come, and again when those who are believed change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entrepot.model.digest import Digest
from entrepot.model.events import (
    ArtifactPublished,
    ClearanceOpened,
    PromotionRefused,
    SignerAdded,
    SignerChanged,
    TrustedRootRemoved,
    TrustedRootSet,
)
from entrepot.model.names import FormatName, NamespaceName, PackageId, PackageName
from entrepot.operations.examine import FOLLOWER, KINDS_OF, examine

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.events import Entry
    from entrepot.operations.registry import Registry

_PAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Verify:
    """Idempotent: what an artifact holds is examined as it is now, whatever the event said of it then."""

    name: str = FOLLOWER

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Examine what came, each artifact once."""
        done: set[tuple[PackageId, Digest]] = set()
        for entry in entries:
            match entry.event:
                case (
                    ArtifactPublished(namespace=str(namespace), package=str(path), digest=digest)
                    # The decision itself came into the package with what was decided.
                    | ClearanceOpened(namespace=str(namespace), package=str(path), statement=str(digest))
                    | PromotionRefused(namespace=str(namespace), package=str(path), statement=str(digest))
                ):
                    place = (_package(namespace, path), Digest.parse(digest))
                    if place not in done:
                        done.add(place)
                        await examine(registry, *place)
                case SignerAdded(namespace=namespace, kind=kind):
                    await _examine_again(registry, namespace, KINDS_OF[kind])
                # How a signer stands is asked when its word is; only what it may vouch for changes what is kept.
                case SignerChanged(namespace=namespace, kind=kind, rescoped=True):
                    await _examine_again(registry, namespace, KINDS_OF[kind])
                case TrustedRootSet(namespace=namespace) | TrustedRootRemoved(namespace=namespace):
                    await _examine_again(registry, namespace, KINDS_OF["identity"] | KINDS_OF["x509"])


async def _examine_again(registry: Registry, namespace: str | None, kinds: Collection[str]) -> None:
    """Examine all evidence of some kinds, a page at a time."""
    owner = None if namespace is None else NamespaceName(namespace)
    after = 0
    while page := await registry.catalog.attestations.list_holders(owner, kinds, after=after, limit=_PAGE):
        for package, holder in dict.fromkeys((found.package, found.holder) for found in page):
            await examine(registry, package, holder, again=True)
        after = page[-1].id


def _package(namespace: str, path: str) -> PackageId:
    format_, _, name = path.partition("/")
    return PackageId(NamespaceName(namespace), FormatName(format_), PackageName(name))
