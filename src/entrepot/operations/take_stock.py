"""Take stock of an artifact, whatever others say of it: a version's own metadata, or an image's layers."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Final

from entrepot import __version__
from entrepot.inventory import cyclonedx_writer
from entrepot.inventory.images.stock import Stock
from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.component import Component, Relation
from entrepot.model.errors import Invalid, NotFound
from entrepot.model.names import View
from entrepot.model.purl import Purl
from entrepot.operations.attach_sbom import attach_sbom
from entrepot.operations.index_sbom import note_failure
from entrepot.operations.receive_file import look_into_blob
from entrepot.ports.inventories import SbomSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from entrepot.inventory.inventory import Inventory
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

_IMAGES: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
_LAYERS: Final = (
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
)
_STATEMENT: Final = "application/vnd.in-toto"
_SIGNATURES: Final = (".sig", ".att", ".sbom")
"""Tags of cosign's, under which lie artifacts that look like images."""
_LAYER_SIZE: Final = 64 * 1024**3


async def take_stock(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    digest: Digest,
    *,
    names: Sequence[str] = (),
    created_at: datetime,
) -> bool:
    """Make an SBOM of an artifact and attach it, unless we have; return whether one was made.

    Also where one came with it: whoever publishes must not say alone what is in it. The same artifact makes the same document, so that doing it again changes nothing. What cannot be looked into is
    known as that: an artifact of which nothing is known is not one that holds nothing.
    """
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=digest, barred=True)
    if found is None:
        return False  # Deleted meanwhile.
    artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
    if artifact.subject is not None or artifact.is_index or any(name.endswith(_SIGNATURES) for name in names):
        return False
    known = await registry.catalog.inventories.list_sboms(package, digest)
    if any(row.sbom.source is SbomSource.GENERATED for row in known):
        return False
    try:
        inventory = await _inventory(registry, package, artifact)
        if inventory is None:
            return False
        content = cyclonedx_writer.write(inventory, created_at, __version__)
        await attach_sbom(registry, caller, package, digest, content, created_at=created_at)
    except (Invalid, NotFound) as error:
        await note_failure(registry, caller, package, digest, str(error))
        return False
    return True


async def _inventory(registry: Registry, package: PackageId, artifact: Artifact) -> Inventory | None:
    describe = registry.describe.get(package.format)
    if describe is not None:
        return await describe(registry, package, artifact)
    if artifact.config_type not in _IMAGES or artifact.artifact_type is not None:
        return None
    layers = [link.target.media_type for link in artifact.links if link.kind is LinkKind.LAYER]
    if layers and all(each.startswith(_STATEMENT) for each in layers):
        return None  # It looks like an image, and only says something of one.
    stock = Stock(tempfile.TemporaryFile)
    for link in artifact.links:
        if link.kind is LinkKind.LAYER and link.target.media_type.startswith(_LAYERS):
            # Layers that may not be distributed are not here; without one, nobody knows what is in the image.
            await look_into_blob(registry, package, link.target.digest, stock.add_layer, limit=_LAYER_SIZE)
    name = package.name.rpartition("/")[2]
    purl = Purl.of("oci", name, str(artifact.digest))
    return stock.inventory(
        Component(package.name, str(artifact.digest), purl, relation=Relation.SUBJECT, kind="container")
    )
