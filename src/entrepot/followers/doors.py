"""Asks the doors of namespaces again when something about what is there has changed.

It reads behind those who examine: what they find out is what the doors are asked of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from entrepot.followers.follower import package_of
from entrepot.model.digest import Digest
from entrepot.model.events import (
    AdvisoriesImported,
    AdvisorySourceAdded,
    AdvisorySourceRemoved,
    PolicyRemoved,
    PolicySet,
    SignerAdded,
    SignerChanged,
    TrustedRootRemoved,
    TrustedRootSet,
    VersionDeprecated,
    VersionUndeprecated,
    VersionUnyanked,
    VersionYanked,
)
from entrepot.model.names import NamespaceName, PackageId, ReferenceName, View
from entrepot.operations.doors import (
    Tour,
    guards_reading,
    settle_around,
    settle_everything,
    settle_namespace,
    settle_package,
)
from entrepot.operations.facts import EXAMINERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.events import Entry, Event
    from entrepot.operations.registry import Registry

_CONCERNS_ALL: Final = (
    PolicySet,
    PolicyRemoved,
    SignerAdded,
    SignerChanged,
    TrustedRootSet,
    TrustedRootRemoved,
    AdvisorySourceAdded,
    AdvisorySourceRemoved,
    AdvisoriesImported,
)
"""What changes what is known of all that a namespace has, or what it demands; or of all namespaces."""
_MARKS: Final = (VersionYanked, VersionUnyanked, VersionDeprecated, VersionUndeprecated)


@dataclass(frozen=True, slots=True)
class Doors:
    """Idempotent: a door that says the same as before is no news."""

    name: str = "doors"
    behind: Collection[str] = EXAMINERS
    later: set[tuple[PackageId, Digest]] = field(default_factory=set, compare=False)
    """What could not be said yet, because something else happened to the package meanwhile: it is asked again.

    After a crash the schedule asks of everything."""

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Ask of what something happened to; of all that there is when that concerns all."""
        packages: dict[PackageId, None] = {}
        artifacts: dict[tuple[PackageId, Digest], None] = dict.fromkeys(self.later)
        namespaces: dict[str | None, None] = {}
        for event in (entry.event for entry in entries):
            if event.namespace and event.package:
                package = package_of(event.namespace, event.package)
                packages[package] = None
                for digest in await _touched(registry, package, event):
                    artifacts[package, digest] = None
            elif isinstance(event, _CONCERNS_ALL):
                namespaces[event.namespace] = None
        for namespace in namespaces:
            if namespace is None:
                self.later.update(await settle_everything(registry))
            else:
                self.later.update(await settle_namespace(registry, NamespaceName(namespace)))
        tour = Tour()
        for package in packages:
            await settle_package(registry, package, tour)
        await self._settle_artifacts(registry, list(artifacts), tour)

    async def _settle_artifacts(
        self, registry: Registry, artifacts: Sequence[tuple[PackageId, Digest]], tour: Tour
    ) -> None:
        guarded: dict[NamespaceName, bool] = {}
        for package, digest in artifacts:
            if package.namespace not in guarded:
                guarded[package.namespace] = await guards_reading(registry, package.namespace)
            if not guarded[package.namespace] or await settle_around(registry, package, digest, tour):
                self.later.discard((package, digest))
            else:
                self.later.add((package, digest))


async def _touched(registry: Registry, package: PackageId, event: Event) -> list[Digest]:
    """Which artifact something happened to."""
    digest = getattr(event, "digest", None)
    if isinstance(digest, str):
        return [Digest.parse(digest)]
    if isinstance(event, _MARKS):
        name = ReferenceName(event.version)
        found = await registry.catalog.find_artifact(View(package.namespace), package, name=name, barred=True)
        return [] if found is None else [found.digest]
    return []
