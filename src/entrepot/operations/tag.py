"""Give an artifact that is there another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.artifact import Artifact
from entrepot.model.errors import ArtifactUnknown, Denied
from entrepot.model.names import View
from entrepot.operations.publish import Draft, publish_composed
from entrepot.operations.resolve import resolve

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId, ReferenceName
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction


async def tag(registry: Registry, caller: Caller, package: PackageId, digest: Digest, name: ReferenceName) -> None:
    """Let *name* mean the artifact *digest*, by the namespace's rules for tags.

    Only OCI names its artifacts freely; the versions of other formats come from what is published.

    Raises `ArtifactUnknown`, `Denied`, or what `publish` raises.
    """
    if package.format != "oci":
        raise Denied(f"{package.format} packages are named by what is published")
    found = await resolve(registry, caller, View(package.namespace), package, digest=digest)

    artifact = Artifact.parse(found.content, found.media_type, digest=digest)

    def compose(transaction: Transaction) -> Draft:
        if not transaction.has_artifact(package, digest):
            raise ArtifactUnknown(digest)
        return Draft(artifact, tags=(name,))

    await publish_composed(registry, caller, package, compose)
