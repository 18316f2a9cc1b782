"""What the management API reads and writes about what was signed and said, and what it was built from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import (
    DIGEST,
    MAX_POSITION,
    TIME,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    ReferenceText,
    SignerText,
    text,
)
from entrepot.model.signer import SignerKind
from entrepot.ports import attestations

if TYPE_CHECKING:
    from entrepot.model.build import Build as ModelBuild


class Verification(Struct, frozen=True):
    """A signer's signature."""

    signer: SignerText
    namespace: Annotated[NamespaceText | None, Meta(description="Who knows the signer; none is the registry.")]
    kind: SignerKind
    counts: Annotated[bool, Meta(description="Whether it counts now.")]
    reason: Annotated[str | None, Meta(description="Why it does not count.", examples=[None])]
    key: Annotated[str | None, Meta(description="The fingerprint of the key.")]
    issuer: str | None
    identity: str | None
    signed_at: Annotated[
        datetime | None, Meta(description="When, at the latest, where a log proves it.", examples=[TIME])
    ]
    level: Annotated[int, Meta(description="The SLSA build level of provenance.", examples=[0])]

    @staticmethod
    def of(row: attestations.VerificationRow) -> Verification:
        """How it is shown."""
        return Verification(
            signer=row.signer,
            namespace=row.namespace,
            kind=row.kind,
            counts=row.reason is None,
            reason=row.reason,
            key=row.key,
            issuer=row.issuer,
            identity=row.identity,
            signed_at=row.signed_at,
            level=row.level,
        )


class Build(Struct, frozen=True):
    """A build, as its provenance tells it."""

    builder: str | None
    build_type: str | None
    build: str | None
    repository: str | None
    revision: str | None
    started_at: Annotated[datetime | None, Meta(description="As the builder says.", examples=[TIME])]
    finished_at: Annotated[datetime | None, Meta(description="As the builder says.", examples=[TIME])]

    @staticmethod
    def of(found: ModelBuild) -> Build:
        """How a build is shown."""
        return Build(
            builder=found.builder,
            build_type=found.build_type,
            build=found.build,
            repository=found.repository,
            revision=found.revision,
            started_at=found.started_at,
            finished_at=found.finished_at,
        )


class Attestation(Struct, frozen=True):
    """A signature or a statement, and what comes of it."""

    subject: Annotated[DigestText, Meta(description="What it is about.")]
    holder: Annotated[DigestText, Meta(description="The artifact that it is in.")]
    source: attestations.Source
    kind: Annotated[str, Meta(description="In what form it is signed.", examples=["sigstore-bundle"])]
    predicate_type: str | None
    seen_at: Annotated[datetime, Meta(description="When it came.", examples=[TIME])]
    verified: Annotated[bool, Meta(description="Whether anybody's signature counts.")]
    reason: Annotated[str | None, Meta(description="Why nobody is proven to have signed it.", examples=[None])]
    verifications: list[Verification]
    build: Build | None
    claimed_identity: Annotated[str | None, Meta(description="Who signed, as it says itself.")]
    claimed_key: Annotated[str | None, Meta(description="With what key, as it says itself.")]

    @staticmethod
    def of(row: attestations.AttestationRow) -> Attestation:
        """How evidence is shown."""
        found = row.attestation
        return Attestation(
            subject=str(found.subject),
            holder=str(found.holder),
            source=found.source,
            kind=found.kind,
            predicate_type=found.predicate_type,
            seen_at=found.seen_at,
            verified=row.verified,
            reason=None if row.verifications else found.reason,
            verifications=[Verification.of(each) for each in row.verifications],
            build=None if found.build is None else Build.of(found.build),
            claimed_identity=found.identity,
            claimed_key=found.hint,
        )


class AttestationReport(Struct, frozen=True):
    """All that is said of an artifact, what it contains, and its files."""

    digest: DigestText
    current: Annotated[bool, Meta(description="Whether all that has come is examined.")]
    attestations: list[Attestation]


class NewStatement(Struct, frozen=True, forbid_unknown_fields=True):
    """Something for the registry to sign."""

    predicate_type: Annotated[str, text("What kind of statement it is.", "https://example.com/reviewed/v1")]
    predicate: Annotated[dict[str, Any], Meta(description="What is stated.", examples=[{"reviewed": True}])]


class Stated(Struct, frozen=True):
    """A statement that was published."""

    digest: Annotated[DigestText, Meta(description="Of the artifact that refers to the subject.")]


class BuildsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """By what builds are looked for: exactly one of commit, repository, build, builder and material."""

    commit: Annotated[str, text("A commit, or how it begins.", "4f2c1e0")] | UnsetType = UNSET
    repository: Annotated[str, text("Where the source is.", "https://git.example.com/acme/app")] | UnsetType = UNSET
    build: Annotated[str, text("The id of a run.", "https://ci.example.com/runs/7")] | UnsetType = UNSET
    builder: Annotated[str, text("The id of a builder.", "https://build.example.com")] | UnsetType = UNSET
    material: Annotated[str, text("A digest, or the address, of what went in.", DIGEST)] | UnsetType = UNSET
    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Built(Struct, frozen=True):
    """Something that was built."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    subject: DigestText
    references: list[ReferenceText]
    build: Build
    verified_by: Annotated[list[SignerText], Meta(description="Whose word for it counts; of nobody's it is a claim.")]
    level: Annotated[int, Meta(description="The SLSA build level.", examples=[3])]

    @staticmethod
    def of(found: attestations.Built) -> Built:
        """How it is shown."""
        return Built(
            namespace=found.package.namespace,
            format=found.package.format,
            package=found.package.name,
            subject=str(found.subject),
            references=list(found.references),
            build=Build.of(found.build),
            verified_by=list(found.verified_by),
            level=found.level,
        )


class AttestationsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait."""

    wait: Annotated[
        float, Meta(description="How many seconds it may take until what came last is examined.", ge=0, le=60)
    ] = 10.0


class OriginsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """How far back."""

    depth: Annotated[int, Meta(description="How many builds to go back.", ge=1, le=20)] = 20


class Origin(Struct, frozen=True):
    """Something that went into a product."""

    depth: Annotated[int, Meta(description="How many builds lie between.", examples=[0])]
    product: Annotated[DigestText, Meta(description="What it went into.")]
    uri: str | None
    digest: Annotated[str | None, Meta(description="`sha256:…`, or `gitCommit:…` of sources.")]
    name: str | None
    builder: str | None
    build: str | None
    verified_by: list[SignerText]

    @staticmethod
    def of(found: attestations.Origin) -> Origin:
        """How it is shown."""
        return Origin(
            depth=found.depth,
            product=str(found.product),
            uri=found.material.uri,
            digest=found.material.digest,
            name=found.material.name,
            builder=found.builder,
            build=found.build,
            verified_by=list(found.verified_by),
        )


class Completeness(Struct, frozen=True):
    """How much of a namespace is signed, and how much has provenance that counts."""

    total: Annotated[int, Meta(description="Artifacts that a version or a tag means.", examples=[20])]
    signed: Annotated[int, Meta(description="Those with a signature or statement that counts.", examples=[19])]
    built: Annotated[int, Meta(description="Those with provenance that counts.", examples=[15])]
    share: Annotated[float, Meta(description="The part with provenance that counts.", examples=[0.75])]
