"""Attach an SBOM to an artifact: a referrer, as OCI 1.1 has it, so that it lives and moves with its subject."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.inventory.documents import read_document
from entrepot.model.access import Action
from entrepot.model.artifact import EMPTY, IMAGE_MANIFEST, TITLE, Artifact
from entrepot.model.contents import CREATED
from entrepot.model.digest import Digest
from entrepot.model.errors import ArtifactUnknown
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.publish import Draft, publish
from entrepot.operations.receive_file import receive_file
from entrepot.operations.upload import StoredBlob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from typing import BinaryIO

    from entrepot.inventory.documents import Document
    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

GENERATED: Final = "dev.entrepot.generated"
"""The annotation by which a registry's own SBOMs are told from what clients attach; nobody believes it."""

_NOTHING: Final = b"{}"
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


async def attach_sbom(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    subject: Digest,
    content: bytes,
    *,
    created_at: datetime | None = None,
) -> Digest:
    """Check a document and make it a referrer of *subject*; return the referrer's digest.

    *created_at* is when the registry itself was given what it makes a document of; None for everybody else's.
    The same document again is not an error. Raises `InvalidInventory`, `TooLarge`, `ArtifactUnknown`, or what `publish`
    raises.
    """
    await access.require(registry, caller, Action.PUBLISH, package)
    found = await registry.catalog.find_artifact(View(package.namespace), package, digest=subject)
    if found is None:
        raise ArtifactUnknown(subject)
    document = await asyncio.to_thread(read_document, content)
    blob, _ = await receive_file(registry, caller, package, _once(content), _look_nowhere, size=len(content))
    artifact = Artifact.parse(
        _manifest(
            document, blob, subject=_descriptor(found.media_type, found.digest, len(found.content)), at=created_at
        ),
        IMAGE_MANIFEST,
    )
    nothing = StoredBlob(Digest.of(_NOTHING), len(_NOTHING), _NOTHING)
    await publish(registry, caller, package, Draft(artifact, blobs=(nothing, blob)))
    return artifact.digest


def _manifest(document: Document, blob: StoredBlob, *, subject: dict[str, object], at: datetime | None) -> bytes:
    """OCI image specification, "Guidelines for Artifact Usage": the empty config, the document as the one layer."""
    name = "sbom.cdx.json" if document.format == "CycloneDX" else "sbom.spdx.json"
    layer = _descriptor(document.media_type, blob.digest, blob.size)
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": document.media_type,
        "config": _descriptor(EMPTY, Digest.of(_NOTHING), len(_NOTHING)),
        "layers": [{**layer, "annotations": {TITLE: name}}],
        "subject": subject,
    }
    if at is not None:
        manifest["annotations"] = {CREATED: at.isoformat(), GENERATED: "true"}
    return _ENCODER.encode(manifest)


def _descriptor(media_type: str, digest: Digest, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _look_nowhere(_: BinaryIO) -> None:
    """It was read already."""
