"""Asks the doors of namespaces again when something about what is there has changed.

It reads behind those who examine: what they find out is what the doors are asked of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
)
from entrepot.model.names import FormatName, NamespaceName, PackageId, PackageName
from entrepot.operations.doors import settle_all, settle_package
from entrepot.operations.facts import EXAMINERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from entrepot.model.events import Entry
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


@dataclass(frozen=True, slots=True)
class Doors:
    """Idempotent: a door that says the same as before is no news."""

    name: str = "doors"
    behind: Collection[str] = EXAMINERS

    async def handle(self, registry: Registry, entries: Sequence[Entry]) -> None:
        """Ask of each package once that something happened to, and of all when it concerns all."""
        packages: dict[PackageId, None] = {}
        for event in (entry.event for entry in entries):
            if event.namespace and event.package:
                packages[_package(event.namespace, event.package)] = None
            elif isinstance(event, _CONCERNS_ALL):
                await settle_all(registry, None if event.namespace is None else NamespaceName(event.namespace))
        for package in packages:
            await settle_package(registry, package)


def _package(namespace: str, path: str) -> PackageId:
    format_name, _, name = path.partition("/")
    return PackageId(NamespaceName(namespace), FormatName(format_name), PackageName(name))
