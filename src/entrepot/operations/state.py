"""Say something in the registry's own name: a statement about an artifact or a file, signed, as its referrer.

What is signed can be checked by anybody who has the public key: a Sigstore bundle of version 0.3, in the manifest that
cosign writes (https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.access import Action
from entrepot.model.artifact import EMPTY, IMAGE_MANIFEST, Artifact
from entrepot.model.contents import CREATED
from entrepot.model.digest import Digest
from entrepot.model.errors import BlobUnknown, Denied, Unavailable
from entrepot.model.names import View
from entrepot.model.upload import UploadId
from entrepot.operations import access
from entrepot.operations.publish import Draft, publish
from entrepot.operations.upload import StoredBlob, keep
from entrepot.trust.bundle import MEDIA_TYPE
from entrepot.trust.provenance import PROVENANCE_V0_2, PROVENANCE_V1
from entrepot.trust.signing import Named, make_statement, sign_statement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry

CONTENT: Final = "dev.sigstore.bundle.content"
PREDICATE_TYPE: Final = "dev.sigstore.bundle.predicateType"
SIGNED_FOR: Final = "dev.entrepot.signed-for"
"""The annotation that says who had the registry sign."""

SIGN_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
VSA_PREDICATE: Final = "https://slsa.dev/verification_summary/v1"

_ITS_OWN: Final = (VSA_PREDICATE, PROVENANCE_V1, PROVENANCE_V0_2)
"""What the registry says of itself or not at all: that it let something through, and how something was built."""
_EMPTY: Final = b"{}"
_FILE: Final = "application/octet-stream"


async def attest(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    subject: Digest,
    *,
    predicate_type: str,
    predicate: Mapping[str, Any],
) -> Digest:
    """Have the registry sign a statement for somebody who governs the namespace; the digest of the referrer.

    Raises `Denied` for what only the registry itself may say, `BlobUnknown`, `Unavailable` without a key, or what
    `access.require` and `publish` raise.
    """
    await access.require(registry, caller, Action.GOVERN, package)
    if predicate_type in _ITS_OWN:
        raise Denied(f"the registry does not sign {predicate_type} for others", expected="a key of your own")
    return await publish_statement(
        registry, caller, package, subject, predicate_type=predicate_type, predicate=predicate
    )


async def publish_statement(
    registry: Registry,
    caller: Caller,
    package: PackageId,
    subject: Digest,
    *,
    predicate_type: str,
    predicate: Mapping[str, Any],
) -> Digest:
    """State something of an artifact or a file of the package, and return the digest of the referrer.

    For what the registry found out or decided itself: *caller* must be allowed to publish in the package.
    Raises `BlobUnknown` when the package does not have *subject*, `Unavailable` without a key, or like `publish`.
    """
    draft = await draft_statement(
        registry,
        package,
        subject,
        predicate_type=predicate_type,
        predicate=predicate,
        annotations={SIGNED_FOR: caller.name},
    )
    return (await publish(registry, caller, package, draft)).digest


async def draft_statement(
    registry: Registry,
    package: PackageId,
    subject: Digest,
    *,
    predicate_type: str,
    predicate: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Draft:
    """The referrer with the signed statement, to be published with something else in one transaction.

    There `entrepot.operations.publish.add_content` adds it to the package, before the event that the change is about.
    Raises `BlobUnknown`, `Unavailable` without a key.
    """
    signing = registry.signing
    if signing is None:
        raise Unavailable("the registry has no key to sign with")
    described = await describe_subject(registry, package, subject)
    statement = make_statement([Named(str(package), (subject,))], predicate_type, predicate)
    # The key may be behind a network.
    bundle = await asyncio.to_thread(sign_statement, signing, statement)
    said = {
        CONTENT: "dsse-envelope",
        PREDICATE_TYPE: predicate_type,
        CREATED: registry.clock.now().isoformat(timespec="seconds"),
        **(annotations or {}),
    }
    return await draft_referrer(registry, described, MEDIA_TYPE, bundle, said)


async def draft_referrer(
    registry: Registry, subject: Mapping[str, Any], media_type: str, content: bytes, annotations: Mapping[str, str]
) -> Draft:
    """An artifact with one layer, which says something of *subject*, a descriptor."""
    manifest = msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": media_type,
            "config": {"mediaType": EMPTY, **_named(_EMPTY)},
            "layers": [{"mediaType": media_type, **_named(content)}],
            "subject": subject,
            "annotations": annotations,
        }
    )
    blobs = (await _store(registry, _EMPTY), await _store(registry, content))
    return Draft(Artifact.parse(manifest, IMAGE_MANIFEST), blobs=blobs)


async def _store(registry: Registry, content: bytes) -> StoredBlob:
    """Bytes that a change may announce: large ones durable first (I1)."""
    digest = Digest.of(content)
    if len(content) <= registry.limits.inline_size:
        return StoredBlob(digest, len(content), content)
    stage = UploadId(registry.clock.new_id())
    await registry.blobs.append(stage, _once(content), at=0, limit=len(content))
    return await keep(registry, stage, digest)


async def describe_subject(registry: Registry, package: PackageId, subject: Digest) -> dict[str, Any]:
    """The descriptor of an artifact or a file of the package. Raises `BlobUnknown`."""
    view = View(package.namespace)
    artifact = await registry.catalog.find_artifact(view, package, digest=subject, barred=True)
    if artifact is not None:
        return {"mediaType": artifact.media_type, "digest": str(subject), "size": len(artifact.content)}
    blob = await registry.catalog.find_blob(view, package, subject, barred=True)
    if blob is None:
        raise BlobUnknown(subject)
    return {"mediaType": _FILE, "digest": str(subject), "size": blob.size}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _named(content: bytes) -> dict[str, object]:
    return {"digest": str(Digest.of(content)), "size": len(content)}
