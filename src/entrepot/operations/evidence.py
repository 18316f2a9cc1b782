"""Find the evidence that an artifact holds, however people put it there.

- As a referrer (OCI image specification 1.1, "subject"), or listed under the subject's fallback tag (OCI distribution
  1.1, "Referrers Tag Schema"). What it is, its own manifest says: what clients write into the list is often wrong.
- Under cosign's older tags ``sha256-….sig`` and ``sha256-….att``.
- In the attestation manifests that BuildKit puts into an index (`entrepot.operations.described`).
- Among the files of a version, as its format's own tools put it there (`entrepot.operations.registry.FindCarried`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.artifact import Artifact, LinkKind
from entrepot.model.contents import FilePath
from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidManifest
from entrepot.model.names import View
from entrepot.operations.described import iter_attestations
from entrepot.operations.read_blob import read_whole
from entrepot.operations.registry import Carried
from entrepot.ports.attestations import Source
from entrepot.trust import bundle, cosign, dsse
from entrepot.trust.evidence import Evidence, EvidenceKind, Subject
from entrepot.trust.statement import PAYLOAD_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from entrepot.model.artifact import Descriptor
    from entrepot.model.contents import File
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import ArtifactDetails

NOTATION: Final = "application/vnd.cncf.notary.signature"

_TAG: Final = re.compile(r"sha256-(?P<hex>[0-9a-f]{64})(?P<suffix>\.sig|\.att)?")
"""Of sha512 the tags have only the first half."""
_BUNDLE: Final = bundle.MEDIA_TYPE.partition(".bundle")[0] + ".bundle"
_SIZE: Final = 64 * 1024 * 1024
"""Of evidence, and of files that a signature beside them is over: what is larger is not read."""
_PIECES: Final = 1_000
"""So much evidence is looked at in one artifact."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a piece of evidence is, and what it is about; nothing of it is read."""

    kind: EvidenceKind
    subject: Subject
    content: Digest
    source: Source
    carrier: Digest
    ordinal: int
    annotations: Mapping[str, str]
    media_type: str | None
    payload: Digest | None = None
    """What a detached signature is over."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What an artifact holds."""

    pieces: Sequence[Piece]
    details: ArtifactDetails


async def find_evidence(registry: Registry, package: PackageId, digest: Digest) -> Holding | None:
    """All evidence in an artifact of the package; None when there is no such artifact there."""
    view = View(package.namespace)
    details = await registry.catalog.find_details(view, package, digest)
    found = None if details is None else await registry.catalog.find_artifact(view, package, digest=digest, barred=True)
    if details is None or found is None:
        return None
    artifact = Artifact.parse(found.content, found.media_type, digest=digest)
    pieces: list[Piece] = []
    if artifact.subject is not None:
        pieces += _in_layers(artifact, artifact.subject.digest, Source.REFERRER)
    for name in details.references:
        if (tag := _TAG.fullmatch(name)) is None:
            continue
        about = Digest("sha256", tag["hex"])
        if artifact.is_index and tag["suffix"] is None:
            pieces += await _listed(registry, package, artifact, about)
        elif not artifact.is_index and tag["suffix"] is not None and artifact.subject is None:
            pieces += _in_layers(artifact, about, Source.TAG)
    if artifact.is_index:
        pieces += await _described(registry, package, artifact)
    if details.references and package.format in registry.evidence:
        pieces += await _carried(registry, package, artifact)
    return Holding(pieces[:_PIECES], details)


async def read_evidence(registry: Registry, package: PackageId, piece: Piece) -> Evidence | str:
    """The evidence with its bytes; in words, why they cannot be had."""
    content = await _read(registry, package, piece.content)
    if isinstance(content, str):
        return content
    payload = None if piece.payload is None else await _read(registry, package, piece.payload)
    if isinstance(payload, str):
        return payload
    return Evidence(piece.kind, content, payload, piece.annotations, piece.media_type)


def content_of(evidence: Evidence) -> Digest:
    """What evidence is known by: all of it that signs. Cosign's older signatures are in the annotations."""
    if not evidence.annotations:
        return Digest.of(evidence.content)
    said = msgspec.json.encode(dict(evidence.annotations), order="sorted")
    return Digest.of(b"%d\0%b%b" % (len(evidence.content), evidence.content, said))


def _in_layers(artifact: Artifact, about: Digest, source: Source) -> list[Piece]:
    layers = [link.target for link in artifact.links if link.kind is LinkKind.LAYER]
    return [
        Piece(
            kind=kind,
            subject=Subject(about),
            content=layer.digest,
            source=source,
            carrier=artifact.digest,
            ordinal=ordinal,
            annotations=layer.annotations,
            media_type=layer.media_type,
        )
        for ordinal, layer in enumerate(layers)
        if (kind := _kind_of(artifact, layer)) is not None
    ]


def _kind_of(artifact: Artifact, layer: Descriptor) -> EvidenceKind | None:
    if artifact.effective_type == NOTATION:
        return EvidenceKind.NOTATION
    if layer.media_type.startswith(_BUNDLE):
        return EvidenceKind.SIGSTORE_BUNDLE
    return _KINDS.get(layer.media_type)


_KINDS: Final = {
    dsse.MEDIA_TYPE: EvidenceKind.DSSE,
    PAYLOAD_TYPE: EvidenceKind.STATEMENT,
    cosign.MEDIA_TYPE: EvidenceKind.COSIGN_SIMPLE,
}


async def _described(registry: Registry, package: PackageId, index: Artifact) -> list[Piece]:
    """What is in the index about its own images."""
    pieces: list[Piece] = []
    for carrier, about in islice(iter_attestations(index), _PIECES):
        found = await registry.catalog.find_artifact(View(package.namespace), package, digest=carrier, barred=True)
        if found is None:
            continue
        try:
            artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
        except InvalidManifest:
            continue
        # One that says its subject itself is found by that.
        if artifact.subject is None and not artifact.is_index:
            pieces += _in_layers(artifact, about, Source.REFERRER)
    return pieces


async def _listed(registry: Registry, package: PackageId, listing: Artifact, about: Digest) -> list[Piece]:
    """What is under a fallback tag and does not say its subject itself; what says it is found by that."""
    pieces: list[Piece] = []
    for link in listing.links[:_PIECES]:
        found = await registry.catalog.find_artifact(
            View(package.namespace), package, digest=link.target.digest, barred=True
        )
        if found is None:
            continue
        try:
            artifact = Artifact.parse(found.content, found.media_type, digest=found.digest)
        except InvalidManifest:
            continue
        if artifact.subject is None and not artifact.is_index:
            pieces += _in_layers(artifact, about, Source.REFERRER)
    return pieces


async def _carried(registry: Registry, package: PackageId, artifact: Artifact) -> list[Piece]:
    """What the version's format finds among its files."""
    config = next((link.target.digest for link in artifact.links if link.kind is LinkKind.CONFIG), None)
    content = None if config is None else await _read(registry, package, config)
    metadata = {}
    if isinstance(content, bytes):
        try:
            metadata = msgspec.json.decode(content, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            metadata = {}  # One that a client pushed is whatever it is.
    found = registry.evidence[package.format](package, artifact, metadata)
    return [_piece(each) for each in found]


def _piece(carried: Carried) -> Piece:
    return Piece(
        kind=carried.kind,
        subject=Subject(carried.subject, carried.name, carried.others, carried.files),
        content=carried.content,
        source=Source.FILE,
        carrier=carried.content,
        ordinal=0,
        annotations={},
        media_type=None,
        payload=carried.subject if carried.kind is EvidenceKind.OPENPGP_DETACHED else None,
    )


async def _read(registry: Registry, package: PackageId, digest: Digest) -> bytes | str:
    """The bytes of a blob of the package; in words, why they cannot be had."""
    found = await registry.catalog.find_blob(View(package.namespace), package, digest)
    if found is None:
        return f"{digest} is not in the package"
    if found.size > _SIZE:
        return f"{digest} has {found.size} bytes, and no more than {_SIZE} are looked into"
    if found.content is not None:
        return found.content
    return await read_whole(registry, found)


def signatures_beside(files: Mapping[FilePath, File]) -> Iterator[Carried]:
    """The signatures that lie beside the files they are over, under names that every ecosystem has the same.

    ``lib.jar.asc`` is OpenPGP's, ``lib.jar.sigstore.json`` (and ``.sigstore``) a Sigstore bundle.
    """
    for path, file in files.items():
        for suffix, kind in _BESIDE.items():
            about = files.get(FilePath(path.removesuffix(suffix))) if path.endswith(suffix) else None
            if about is not None:
                yield Carried(kind, file.digest, about.digest)


_BESIDE: Final = {
    ".asc": EvidenceKind.OPENPGP_DETACHED,
    ".sigstore": EvidenceKind.SIGSTORE_BUNDLE,
    ".sigstore.json": EvidenceKind.SIGSTORE_BUNDLE,
}
