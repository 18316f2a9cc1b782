"""What the management API reads and writes about what is there: packages, artifacts, their names and clearances."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.basics import PageQuery
from entrepot.api.shapes.texts import (
    MAX_POSITION,
    TIME,
    Annotations,
    ChannelText,
    DigestText,
    FormatText,
    MediaTypeText,
    NamespaceText,
    PackageText,
    Position,
    ReferenceText,
    Size,
    ViewText,
)
from entrepot.model.artifact import LinkKind
from entrepot.model.reference import ReferenceKind

if TYPE_CHECKING:
    from entrepot.model import artifact, reference
    from entrepot.operations.inspect import Inspection
    from entrepot.ports import catalog


class Package(Struct, frozen=True):
    """What versions are versions of."""

    namespace: NamespaceText
    format: FormatText
    name: PackageText
    revision: Annotated[int, Meta(description="The last position in the journal that touched it.", examples=[42])]

    @staticmethod
    def of(found: catalog.PackageRow) -> Package:
        """How a package is shown."""
        return Package(found.id.namespace, found.id.format, found.id.name, found.revision)


class PackagesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which packages are asked for."""

    view: ViewText | UnsetType = UNSET
    namespace: NamespaceText | UnsetType = UNSET
    format: FormatText | UnsetType = UNSET


class Reference(Struct, frozen=True):
    """A name for an artifact: a version, which never moves, or a tag, which may."""

    kind: Annotated[ReferenceKind, Meta(examples=[ReferenceKind.VERSION])]
    name: ReferenceText
    digest: DigestText
    from_position: Position
    sealed: Annotated[bool, Meta(description="Whether the version takes no more files.")]
    yanked: Annotated[str | None, Meta(description="Why nobody should newly pick it.", examples=[None])]
    deprecated: Annotated[str | None, Meta(description="Why something else is better.", examples=[None])]

    @staticmethod
    def of(found: reference.Reference) -> Reference:
        """How a reference is shown."""
        return Reference(
            kind=found.kind,
            name=found.name,
            digest=str(found.digest),
            from_position=found.from_position,
            sealed=found.sealed,
            yanked=found.yanked,
            deprecated=found.deprecated,
        )


class PastReference(Reference, frozen=True):
    """What a name meant, from one position until another."""

    until_position: Annotated[int | None, Meta(description="Null while it holds.", examples=[None])]

    @staticmethod
    def past(found: reference.Reference) -> PastReference:
        """How a reference is shown in its name's history."""
        return PastReference(
            **msgspec.structs.asdict(Reference.of(found)),
            until_position=found.until_position,
        )


class ReferencesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which names are asked for."""

    kind: ReferenceKind | UnsetType = UNSET


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """What a tag shall mean."""

    digest: DigestText


class Named(Struct, frozen=True):
    """What a tag means now."""

    name: ReferenceText
    digest: DigestText


class ArtifactSummary(Struct, frozen=True):
    """An immutable node: the bytes of one manifest or index."""

    digest: DigestText
    size: Size
    media_type: MediaTypeText
    artifact_type: Annotated[str, Meta(examples=["application/vnd.cncf.helm.config.v1+json"])] | None
    annotations: Annotations
    published_position: Position
    published_at: Annotated[datetime, Meta(examples=[TIME])]

    @staticmethod
    def of(found: catalog.ArtifactSummary) -> ArtifactSummary:
        """How an artifact is shown in a list."""
        return ArtifactSummary(
            digest=str(found.digest),
            size=found.size,
            media_type=found.media_type,
            artifact_type=found.artifact_type,
            annotations=found.annotations,
            published_position=found.published_position,
            published_at=found.published_at,
        )


class ArtifactsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list that is in the order of the journal is asked for."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Link(Struct, frozen=True):
    """What an artifact points at."""

    kind: Annotated[LinkKind, Meta(examples=[LinkKind.LAYER])]
    digest: DigestText
    size: Size
    media_type: MediaTypeText
    annotations: Annotations

    @staticmethod
    def of(found: artifact.Link) -> Link:
        """How a link is shown."""
        target = found.target
        return Link(found.kind, str(target.digest), target.size, target.media_type, dict(target.annotations))


class Referrer(Struct, frozen=True):
    """An artifact that says something about this one: a signature, an SBOM, an attestation."""

    digest: DigestText
    artifact_type: Annotated[str, Meta(examples=["application/spdx+json"])] | None
    size: Size
    annotations: Annotations

    @staticmethod
    def of(found: catalog.ArtifactSummary) -> Referrer:
        """How a referrer is shown."""
        return Referrer(str(found.digest), found.artifact_type, found.size, found.annotations)


class Cleared(Struct, frozen=True):
    """A channel that shows the artifact."""

    channel: ChannelText
    from_position: Position


class Artifact(ArtifactSummary, frozen=True):
    """All that the registry knows of an artifact in a package."""

    references: Annotated[list[ReferenceText], Meta(description="The names that mean it now.")]
    links: list[Link]
    subject: Annotated[str | None, Meta(description="The digest of what it says something about.", examples=[None])]
    referrers: Annotated[list[Referrer], Meta(description="By digest; the first thousand of them.")]
    clearances: Annotated[list[Cleared], Meta(description="The channels that show it, as far as the view does.")]

    @staticmethod
    def inspected(found: Inspection) -> Artifact:
        """How an artifact is shown in detail."""
        return Artifact(
            **msgspec.structs.asdict(ArtifactSummary.of(found.summary)),
            references=list(found.references),
            links=[Link.of(link) for link in found.links],
            subject=None if found.subject is None else str(found.subject),
            referrers=[Referrer.of(referrer) for referrer in found.referrers],
            clearances=[Cleared(clearance.channel, clearance.from_position) for clearance in found.clearances],
        )


class Clearance(Struct, frozen=True):
    """An artifact's place in a channel, with all that the artifact covers."""

    channel: ChannelText
    digest: DigestText
    from_position: Position
    until_position: Annotated[int | None, Meta(description="Null while it holds.", examples=[None])]

    @staticmethod
    def of(found: catalog.Clearance) -> Clearance:
        """How a clearance is shown."""
        return Clearance(found.channel, str(found.digest), found.from_position, found.until_position)


class ClearancesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which clearances are asked for."""

    history: Annotated[bool, Meta(description="Whether those that were closed are wanted too.")] = False


class Opened(Struct, frozen=True):
    """What is cleared now."""

    channel: ChannelText
    digest: DigestText
