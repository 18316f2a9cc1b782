"""What is known to be in an artifact, as a document that others read; and what differs between two artifacts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from entrepot import __version__
from entrepot.inventory import cyclonedx_writer, spdx_writer
from entrepot.inventory.compare import Change, diff
from entrepot.inventory.documents import CYCLONEDX_TYPE, SPDX_TYPE
from entrepot.model.errors import Invalid
from entrepot.operations.read_sbom import read_inventory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName, View
    from entrepot.operations.registry import Registry

_WRITERS: Final = {
    "cyclonedx": (cyclonedx_writer.write, CYCLONEDX_TYPE),
    "spdx": (spdx_writer.write, SPDX_TYPE),
}

Wanted = tuple["ReferenceName | None", "Digest | None"]
"""A name or a digest."""


async def export_sbom(
    registry: Registry, caller: Caller, view: View, package: PackageId, wanted: Wanted, *, form: str
) -> tuple[bytes, str]:
    """A document in CycloneDX 1.6 or SPDX 2.3, and its media type. Raises `Invalid`, or what `read_inventory` raises."""
    found = _WRITERS.get(form)
    if found is None:
        raise Invalid(form[:100], expected=" or ".join(_WRITERS))
    write, media_type = found
    inventory = await read_inventory(registry, caller, view, package, name=wanted[0], digest=wanted[1])
    return await asyncio.to_thread(write, inventory, registry.clock.now(), __version__), media_type


async def compare_sboms(
    registry: Registry, caller: Caller, view: View, package: PackageId, before: Wanted, *, after: Wanted
) -> Sequence[Change]:
    """What is otherwise in one artifact of a package than in another. Raises like `read_inventory`."""
    old = await read_inventory(registry, caller, view, package, name=before[0], digest=before[1])
    new = await read_inventory(registry, caller, view, package, name=after[0], digest=after[1])
    return await asyncio.to_thread(diff, old, new)
