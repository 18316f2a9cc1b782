"""What is in artifacts: SBOMs that came are indexed, with reports of other scanners; and one SBOM is made of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.followers.follower import ACTOR, caller_of, package_of
from entrepot.model.artifact import INDEX_TYPES
from entrepot.model.digest import Digest
from entrepot.model.events import ArtifactDeleted, ArtifactPublished
from entrepot.operations.index_sbom import forget_sbom, index_described, index_sbom
from entrepot.operations.report import index_reports
from entrepot.operations.take_stock import take_stock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.events import Entry
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry


@dataclass(frozen=True, slots=True)
class Inventory:
    """Idempotent: the same artifact makes the same document, and what is indexed is indexed as it is."""

    name: str = "inventory"

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Look at every artifact that came."""
        for entry in entries:
            event = entry.event
            if not event.namespace or not event.package:
                continue
            package = package_of(event.namespace, event.package)
            match event:
                case ArtifactPublished():
                    await self._look(registry, entry, event, package)
                case ArtifactDeleted():
                    await forget_sbom(registry, package, Digest.parse(event.digest))
                case _:
                    pass

    async def _look(self, registry: Registry, entry: Entry, event: ArtifactPublished, package: PackageId) -> None:
        caller, digest = caller_of(self), Digest.parse(event.digest)
        ours = entry.actor == f"{ACTOR}{self.name}"
        brings = await index_sbom(registry, caller, package, digest, event.references, ours=ours)
        if event.subject is not None:
            await index_reports(registry, caller, package, digest, sent_by=entry.actor)
        if event.media_type in INDEX_TYPES:
            await index_described(registry, caller, package, digest)
        elif not brings and event.subject is None:
            await take_stock(registry, caller, package, digest, names=event.references, created_at=entry.at)


INVENTORY = Inventory()
