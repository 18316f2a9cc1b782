"""What the management API reads and writes about leases, holds and deployments (see `entrepot.api.shapes`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from entrepot.api.shapes.texts import (
    MAX_TEXT,
    TIME,
    YEAR_SECONDS,
    ClusterText,
    DigestText,
    FormatText,
    HoldId,
    NamespaceText,
    PackageText,
    Position,
    PrincipalText,
)
from entrepot.model.hold import HoldKind
from entrepot.model.protection import ProtectionKind

if TYPE_CHECKING:
    from entrepot.model import deployment, hold, protection

_MOST = 1_000

At = Annotated[datetime | None, Meta(examples=[TIME])]
HolderText = Annotated[str, Meta(description="For whom it is kept.", examples=["replica-eu-2"], max_length=128)]
WhyText = Annotated[
    str, Meta(description="Why, for people.", examples=["build 123"], min_length=1, max_length=MAX_TEXT)
]
TtlSeconds = Annotated[int, Meta(description="For how long, from now.", examples=[3_600], ge=1, le=YEAR_SECONDS)]
EnvironmentText = Annotated[str, Meta(description="The stage that it runs in.", examples=["prod"], max_length=128)]
ServiceText = Annotated[
    str,
    Meta(
        description="As what it runs: unique in its environment, cluster and region.",
        examples=["payments"],
        max_length=256,
    ),
]
RegionText = Annotated[str, Meta(description="Where in the world it runs.", examples=["eu"], max_length=128)]
Tags = Annotated[dict[str, str], Meta(description="What else is to be known.", examples=[{"team": "pay"}])]
Risks = Annotated[
    list[str],
    Meta(
        description="How exposed it is: `critical-resource`, `internet-exposed`, `lateral-movement`, `sensitive-data`.",
        examples=[["internet-exposed"]],
        max_length=4,
    ),
]
RepositoryText = Annotated[
    str, Meta(description="The repository of its source.", examples=["acme/api"], max_length=256)
]


# --- leases and holds ---


class NewLease(Struct, frozen=True, forbid_unknown_fields=True):
    """Why an artifact is to be kept for a time."""

    ttl_seconds: TtlSeconds
    reason: WhyText
    holder: HolderText = ""


class LeaseRenewal(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a lease is to last at least."""

    ttl_seconds: TtlSeconds


class NewHold(Struct, frozen=True, forbid_unknown_fields=True):
    """Why an artifact is to be kept until somebody lifts the hold."""

    reason: WhyText
    legal: Annotated[bool, Meta(description="Whether it is a legal one.")] = False
    holder: HolderText = ""


class Hold(Struct, frozen=True):
    """A reason to keep an artifact, with all that it contains and its referrers."""

    id: HoldId
    namespace: NamespaceText
    format: FormatText
    package: PackageText
    digest: DigestText
    kind: HoldKind
    holder: HolderText
    reason: WhyText
    actor: PrincipalText
    at: At
    expires_at: Annotated[datetime | None, Meta(description="Of a lease.", examples=[TIME])]
    ended_at: At
    from_position: Position | None
    until_position: Position | None

    @staticmethod
    def of(found: hold.Hold) -> Hold:
        """How a lease or a hold is shown."""
        return Hold(
            id=found.id,
            namespace=found.package.namespace,
            format=found.package.format,
            package=found.package.name,
            digest=str(found.digest),
            kind=found.kind,
            holder=found.holder,
            reason=found.reason,
            actor=found.actor,
            at=found.at,
            expires_at=found.expires_at,
            ended_at=found.ended_at,
            from_position=found.from_position,
            until_position=found.until_position,
        )


class HoldsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which leases or holds are asked for, the oldest first."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100
    history: Annotated[bool, Meta(description="Whether those that have ended are wanted, too.")] = False


# --- deployments ---


class NewDeployment(Struct, frozen=True, forbid_unknown_fields=True):
    """Where an artifact runs from now on."""

    environment: EnvironmentText
    service: ServiceText
    cluster: ClusterText = ""
    region: RegionText = ""
    tags: Tags = {}
    risks: Risks = []
    repository: RepositoryText = ""


class EndedDeployment(Struct, frozen=True, forbid_unknown_fields=True):
    """Where nothing runs from now on, or not this artifact."""

    environment: EnvironmentText
    service: ServiceText
    cluster: ClusterText = ""
    region: RegionText = ""
    digest: DigestText | None = None


class Deployment(Struct, frozen=True):
    """An artifact that runs, or ran, somewhere."""

    id: Annotated[int, Meta(examples=[7])]
    namespace: NamespaceText
    environment: EnvironmentText
    service: ServiceText
    cluster: ClusterText
    region: RegionText
    format: FormatText
    package: PackageText
    digest: DigestText
    version: Annotated[str, Meta(description="The name that it was deployed by, if it was by one.", examples=["1.0"])]
    status: Annotated[Literal["deployed", "decommissioned"], Meta(description="Whether it runs.")]
    since: At
    until: At
    tags: Tags
    risks: Risks
    repository: RepositoryText
    actor: PrincipalText

    @staticmethod
    def of(found: deployment.Deployment) -> Deployment:
        """How a deployment is shown."""
        return Deployment(
            id=found.id,
            namespace=found.place.namespace,
            environment=found.place.environment,
            service=found.place.service,
            cluster=found.place.cluster,
            region=found.place.region,
            format=found.package.format,
            package=found.package.name,
            digest=str(found.digest),
            version=found.particulars.version,
            status="deployed" if found.until_position is None else "decommissioned",
            since=found.since,
            until=found.until,
            tags=dict(found.particulars.tags),
            risks=list(found.particulars.risks),
            repository=found.particulars.repository,
            actor=found.actor,
        )


class DeploymentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which deployments are asked for, in the order in which they began."""

    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100
    environment: EnvironmentText = ""
    service: ServiceText = ""
    cluster: ClusterText = ""
    history: Annotated[bool, Meta(description="Whether those that have ended are wanted, too.")] = False


# --- GitHub's artifact metadata: https://docs.github.com/en/rest/orgs/artifact-metadata ---

VersionText = Annotated[str, Meta(description="The version that the artifact is.", examples=["1.0"], max_length=128)]
RecordDigest = Annotated[str, Meta(pattern="^sha256:[a-f0-9]{64}$", examples=["sha256:" + 64 * "a"])]
RecordStatus = Annotated[Literal["deployed", "decommissioned"], Meta(description="Whether it runs.")]


class NewDeploymentRecord(Struct, frozen=True):
    """A deployment record as GitHub's API takes it; what else its clients may send is passed over."""

    name: Annotated[
        str,
        Meta(
            description="The artifact's name, such as an image's.", examples=["acme/api"], min_length=1, max_length=256
        ),
    ]
    digest: RecordDigest
    status: RecordStatus
    logical_environment: EnvironmentText
    deployment_name: ServiceText
    version: VersionText | None = None
    physical_environment: RegionText | None = None
    cluster: ClusterText | None = None
    tags: Tags | None = None
    runtime_risks: Risks | None = None
    github_repository: RepositoryText | None = None
    return_records: Annotated[bool, Meta(description="Whether the answer has the record.")] = True


class ClusterDeployment(Struct, frozen=True):
    """One of the records of a cluster."""

    name: Annotated[str, Meta(examples=["acme/api"], min_length=1, max_length=256)]
    digest: RecordDigest
    deployment_name: ServiceText
    status: RecordStatus = "deployed"
    version: VersionText | None = None
    tags: Tags | None = None
    runtime_risks: Risks | None = None
    github_repository: RepositoryText | None = None


class ClusterDeploymentRecords(Struct, frozen=True):
    """What runs on a cluster in one environment, as GitHub's API takes it. What is not named stays as it is."""

    logical_environment: EnvironmentText
    deployments: Annotated[list[ClusterDeployment], Meta(min_length=1, max_length=_MOST)]
    physical_environment: RegionText | None = None
    return_records: Annotated[bool, Meta(description="Whether the answer has the records.")] = True


class DeploymentRecord(Struct, frozen=True):
    """A deployment record as GitHub's API gives it."""

    id: Annotated[int, Meta(examples=[7])]
    digest: DigestText
    status: RecordStatus
    logical_environment: EnvironmentText
    physical_environment: RegionText
    cluster: ClusterText
    deployment_name: ServiceText
    tags: Tags
    runtime_risks: Risks
    attestation_id: Annotated[int | None, Meta(description="Always null here.")]
    created_at: At
    updated_at: At

    @staticmethod
    def of(found: deployment.Deployment) -> DeploymentRecord:
        """How a deployment is shown to GitHub's clients."""
        return DeploymentRecord(
            id=found.id,
            digest=str(found.digest),
            status="deployed" if found.until_position is None else "decommissioned",
            logical_environment=found.place.environment,
            physical_environment=found.place.region,
            cluster=found.place.cluster,
            deployment_name=found.place.service,
            tags=dict(found.particulars.tags),
            runtime_risks=list(found.particulars.risks),
            attestation_id=None,
            created_at=found.since,
            updated_at=found.until or found.changed_at,
        )


class DeploymentRecords(Struct, frozen=True, omit_defaults=True):
    """What came of it, as GitHub's API answers."""

    total_count: Annotated[int, Meta(examples=[1])]
    deployment_records: list[DeploymentRecord] = []


# --- what protects ---


class Protection(Struct, frozen=True):
    """One reason why an artifact cannot be deleted."""

    kind: ProtectionKind
    id: Annotated[str, Meta(description="Of the deployment, the lease or the hold.", examples=["7"])]
    digest: DigestText
    text: Annotated[str, Meta(description="In words.", examples=["deployed as payments in prod on eu-1 since …"])]
    actor: PrincipalText
    holder: HolderText
    reason: str
    since: Annotated[datetime, Meta(examples=[TIME])]
    until: At
    environment: str | None
    service: str | None
    cluster: str | None
    region: str | None

    @staticmethod
    def of(found: protection.Protection) -> Protection:
        """How it is shown."""
        place = found.place
        return Protection(
            kind=found.kind,
            id=found.id,
            digest=str(found.digest),
            text=str(found),
            actor=found.actor,
            holder=found.holder,
            reason=found.reason,
            since=found.since,
            until=found.until,
            environment=None if place is None else place.environment,
            service=None if place is None else place.service,
            cluster=None if place is None else place.cluster,
            region=None if place is None else place.region,
        )
