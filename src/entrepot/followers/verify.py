"""Verify signatures and attestations as they come.

What is here already is verified again by another follower (`entrepot.followers.verify_again`): that may be all that a
namespace ever took in, and nothing that is published meanwhile has to wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.followers.follower import package_of
from entrepot.model.digest import Digest
from entrepot.model.events import ArtifactPublished, ClearanceOpened, PromotionRefused
from entrepot.operations.examine import FOLLOWER, examine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.events import Entry
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


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
                    place = (package_of(namespace, path), Digest.parse(digest))
                    if place not in done:
                        done.add(place)
                        await examine(registry, *place)
