"""What the management API reads and writes about what is erased (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.deployments import Protection
from entrepot.api.shapes.texts import (
    TIME,
    ChannelText,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    Position,
    PrincipalText,
    ReferenceText,
)

if TYPE_CHECKING:
    from entrepot.model import erasure as model
    from entrepot.operations import erase

EraseReason = Annotated[
    str,
    Meta(description="Why. It is journaled and signed.", examples=["a key got out"], min_length=1, max_length=1_000),
]
Fingerprint = Annotated[
    str, Meta(description="A plan's, to erase just what it says.", examples=["5f8a3c1e9b7d2046"], max_length=16)
]


class ErasuresQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the erasures is asked for, the oldest first."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=1, le=2**63 - 1)] | UnsetType = UNSET
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class ErasePlease(Struct, frozen=True, forbid_unknown_fields=True):
    """That it shall be erased."""

    reason: EraseReason
    fingerprint: Fingerprint | None = None
    despite_holds: Annotated[bool, Meta(description="Also what is held; for who may lift holds.")] = False


class LiftPlease(Struct, frozen=True, forbid_unknown_fields=True):
    """That it may come again."""

    reason: EraseReason


class ErasedPart(Struct, frozen=True):
    """Bytes that go."""

    digest: DigestText
    size: Annotated[int, Meta(description="Bytes.", examples=[4096])]
    media_type: Annotated[str | None, Meta(description="An artifact's; null for a blob that is none.")]
    artifact_type: str | None
    also: Annotated[DigestText | None, Meta(description="What the same bytes are called by the other algorithm.")]


class ErasedPlace(Struct, frozen=True):
    """A package that has, or had, one of the parts."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    digest: DigestText
    is_open: Annotated[bool, Meta(description="Whether it had it still.")]
    names: Annotated[list[ReferenceText], Meta(description="What means it there, or meant it.")]
    channels: Annotated[list[ChannelText], Meta(description="In which it is cleared.")]


class Extent(Struct, frozen=True):
    """What goes with some bytes, and where all of it is."""

    parts: list[ErasedPart]
    places: list[ErasedPlace]
    shared: Annotated[list[DigestText], Meta(description="What of an artifact stays: something else has it, too.")]
    size: Annotated[int, Meta(description="Bytes of all parts.", examples=[4096])]

    @staticmethod
    def of(found: model.Extent) -> Extent:
        """How it is shown."""
        return Extent(
            parts=[
                ErasedPart(
                    digest=str(each.digest),
                    size=each.size,
                    media_type=each.media_type,
                    artifact_type=each.artifact_type,
                    also=None if each.also is None else str(each.also),
                )
                for each in found.parts
            ],
            places=[
                ErasedPlace(
                    namespace=each.package.namespace,
                    format=each.package.format,
                    package=each.package.name,
                    digest=str(each.digest),
                    is_open=each.is_open,
                    names=list(each.names),
                    channels=list(each.channels),
                )
                for each in found.places
            ],
            shared=[str(each) for each in found.shared],
            size=found.size,
        )


class ErasurePlan(Struct, frozen=True):
    """What would be erased."""

    plan: Annotated[str, Meta(description="What it is applied by: the digest and the fingerprint.")]
    target: DigestText
    fingerprint: Fingerprint
    extent: Extent
    protections: Annotated[
        list[Protection], Meta(description="What runs, may be rolled back to, is leased or held: only holds keep it.")
    ]
    held: Annotated[bool, Meta(description="Whether a hold keeps it.")]

    @staticmethod
    def of(found: erase.ErasurePlan) -> ErasurePlan:
        """How it is shown."""
        return ErasurePlan(
            plan=found.id,
            target=str(found.target),
            fingerprint=found.extent.fingerprint,
            extent=Extent.of(found.extent),
            protections=[Protection.of(each) for each in found.protections],
            held=bool(found.holds),
        )


class TombstoneSignature(Struct, frozen=True):
    """A signature over the statement and its type."""

    sig: Annotated[str, Meta(description="In base64.")]


class Tombstone(Struct, frozen=True, rename="camel"):
    """What is said of an erasure: an in-toto statement in a DSSE envelope."""

    payload: Annotated[str, Meta(description="The statement, in base64.")]
    payload_type: Annotated[str, Meta(examples=["application/vnd.in-toto+json"])]
    signatures: list[TombstoneSignature]


class Erasure(Struct, frozen=True):
    """Bytes that were erased."""

    target: DigestText
    reason: EraseReason
    actor: PrincipalText
    at: Annotated[datetime, Meta(examples=[TIME])]
    position: Position
    sealed: Annotated[int | None, Meta(description="Where the journal says that all is done; null before.")]
    extent: Extent
    tombstone: Annotated[Tombstone | None, Meta(description="Null before, and where nothing is signed.")]

    @staticmethod
    def of(found: model.Erasure) -> Erasure:
        """How it is shown."""
        return Erasure(
            target=str(found.target),
            reason=found.reason,
            actor=found.actor,
            at=found.at,
            position=found.position,
            sealed=found.sealed_position,
            extent=Extent.of(found.extent),
            tombstone=None if found.tombstone is None else msgspec.json.decode(found.tombstone, type=Tombstone),
        )
