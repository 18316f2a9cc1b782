"""Everything the registry knows, except bytes too large for a database.

Reads are coroutines of their own; changes are functions of a `Transaction`, run by `Catalog.write`.
A change cannot await, so no transaction is ever open while a client or another service is slow; and it may be run
together with others under one commit, or again after a conflict (docs/decisions/0004-transactions-are-functions.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from entrepot.model.tier import Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from entrepot.model.access import Allowance, Principal, PrincipalKind
    from entrepot.model.artifact import Artifact
    from entrepot.model.digest import Digest
    from entrepot.model.events import Entry, Event
    from entrepot.model.names import (
        ChannelName,
        FormatName,
        NamespaceName,
        PackageId,
        PackageName,
        PrincipalName,
        ReferenceName,
        View,
    )
    from entrepot.model.namespace import Namespace
    from entrepot.model.position import Position
    from entrepot.model.reference import Reference, ReferenceKind
    from entrepot.model.upload import Upload, UploadId
    from entrepot.model.upstream import Upstream
    from entrepot.ports.advisories import Advisories, AdvisoryChanges
    from entrepot.ports.assessments import AssessmentChanges, Assessments
    from entrepot.ports.attestations import AttestationChanges, Attestations
    from entrepot.ports.blocks import BlockChanges, Blocks
    from entrepot.ports.collection import Collection, CollectionChanges
    from entrepot.ports.cursors import CursorChanges, Cursors
    from entrepot.ports.deployments import DeploymentChanges, Deployments
    from entrepot.ports.erasures import ErasureChanges, Erasures
    from entrepot.ports.federation import Federation, FederationChanges
    from entrepot.ports.holds import HoldChanges, Holds
    from entrepot.ports.inventories import Inventories, InventoryChanges
    from entrepot.ports.log import Log, LogChanges
    from entrepot.ports.policies import Policies, PolicyChanges
    from entrepot.ports.promotions import PromotionChanges, Promotions
    from entrepot.ports.protections import ProtectionQuestions, Protections
    from entrepot.ports.pulls import PullChanges, Pulls
    from entrepot.ports.retention import RetentionChanges, Retentions
    from entrepot.ports.scrubs import ScrubChanges, Scrubs
    from entrepot.ports.secrets import SecretChanges, Secrets
    from entrepot.ports.tiers import TierChanges, Tiers
    from entrepot.ports.tombstones import TombstoneChanges, Tombstones
    from entrepot.ports.trash import Trash, TrashChanges
    from entrepot.ports.usage import UsageChanges, Usages
    from entrepot.ports.webhooks import WebhookChanges, Webhooks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FoundArtifact:
    """An artifact as a pull sees it: one row, nothing else to ask."""

    digest: Digest
    media_type: str
    content: bytes
    public: bool
    """Whether its namespace is."""
    sealed: bool = False
    """Whether the version that it was asked by is sealed."""
    yanked: str | None = None
    """Why the version that it was asked by is yanked, if it is."""
    deprecated: str | None = None


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob as a pull sees it."""

    digest: Digest
    size: int
    content: bytes | None
    """The bytes themselves when they live in the catalog."""
    public: bool
    generation: int = 0
    """Under which they are in the blob store, when they are there."""
    tier: Tier = Tier.HOT
    """In which blob store."""


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A present blob, for who reads them all."""

    digest: Digest
    size: int
    content: bytes | None
    """The bytes themselves when they live in the catalog."""
    generation: int
    tier: Tier = Tier.HOT


@dataclass(frozen=True, slots=True)
class ArtifactSummary:
    """What listings say of an artifact."""

    digest: Digest
    size: int
    media_type: str
    artifact_type: str | None
    annotations: dict[str, str]
    published_position: Position
    published_at: datetime


PAGE_SIZE: Final = 8 * 1024 * 1024
"""How many bytes of manifests a page of summaries is made from: it ends with the one that comes to that."""


def ends_early(page: Sequence[ArtifactSummary]) -> bool:
    """Whether a page ends because of `PAGE_SIZE`, so that there may be more."""
    return sum(summary.size for summary in page) >= PAGE_SIZE


@dataclass(frozen=True, slots=True)
class ArtifactDetails:
    """What the catalog says of one artifact of a package, beside what its bytes say."""

    summary: ArtifactSummary
    references: tuple[ReferenceName, ...]
    """The names that mean it now, in byte order."""
    clearances: tuple[Clearance, ...]
    """The open ones that it is under, as far as the view shows, in the order of the channels; the first of each."""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version with what index documents are made of."""

    name: ReferenceName
    digest: Digest
    manifest: bytes
    config: bytes | None
    """Its metadata; None when that is not in the catalog, because no format of ours wrote it."""
    sealed: bool
    yanked: str | None
    deprecated: str | None
    published_at: datetime
    """When the version was first published."""


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A package, and the position of the last event that touched it."""

    id: PackageId
    revision: Position
    hosted: bool = True
    """Whether somebody here published into it, so that it is never an upstream's."""


@dataclass(frozen=True, slots=True)
class Mirrored:
    """The last good answer of an upstream to one question."""

    status: int
    """200, or 404 when there was nothing."""
    url: str
    """Where it was found: what relative references in it relate to."""
    media_type: str
    etag: str | None
    content: bytes
    fetched_at: datetime
    """When it became what it is."""
    checked_at: datetime
    """When the upstream said so last."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """An artifact's place in a channel: the artifact that was cleared and, with it, all that it covers."""

    channel: ChannelName
    digest: Digest
    from_position: Position
    until_position: Position | None


@dataclass(frozen=True, slots=True)
class Credential:
    """What a token stands for: its holder, the holder's grants, and the scopes on the way up to the first token."""

    token_id: str
    principal: Principal
    grants: tuple[Allowance, ...]
    scopes: tuple[tuple[Allowance, ...], ...]
    expires_at: datetime | None
    """The earliest end of any token on the way."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as listings show it: never its secret."""

    id: str
    label: str
    principal: PrincipalName
    scope: tuple[Allowance, ...] | None
    parent: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked: bool


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a principal has."""

    principal: PrincipalName
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result."""

    package: PackageId
    digest: Digest
    references: tuple[str, ...]
    annotations: dict[str, str]
    """Its manifest's; left out once those of the hits before it come to `PAGE_SIZE`."""


class Reader(Protocol):
    """Questions that transactions ask as well as requests do, answered from one consistent state."""

    def find_namespace(self, name: NamespaceName) -> Namespace | None:
        """The namespace, or None."""

    def find_reference(self, package: PackageId, name: ReferenceName) -> Reference | None:
        """What *name* means in *package* now, or None."""

    def find_meaning(self, package: PackageId, name: ReferenceName) -> Reference | None:
        """What *name* means in *package*; or, when it means nothing now, the version that it meant last.

        None when it is neither: the name is free.
        """


class Transaction(Reader, Protocol):
    """What one change may do. Everything becomes visible at once, or nothing does.

    The order is the invariants' order: rows before references (I2), the event last (I5).
    """

    @property
    def position(self) -> Position:
        """The position that this change's event will have."""

    @property
    def now(self) -> datetime:
        """When this change happens."""

    # areas
    @property
    def blocks(self) -> BlockChanges:
        """What is kept and not served."""

    @property
    def policies(self) -> PolicyChanges:
        """What namespaces demand."""

    @property
    def promotions(self) -> PromotionChanges:
        """How artifacts come into channels."""

    @property
    def trash(self) -> TrashChanges:
        """What was deleted, and can be had back."""

    @property
    def tiers(self) -> TierChanges:
        """In which tier bytes lie."""

    @property
    def scrubs(self) -> ScrubChanges:
        """How far all blobs were read again."""

    @property
    def usage(self) -> UsageChanges:
        """What namespaces take up."""

    @property
    def pulls(self) -> PullChanges:
        """What is used."""

    @property
    def retentions(self) -> RetentionChanges:
        """What stays, and what was planned to go."""

    @property
    def collection(self) -> CollectionChanges:
        """Giving up bytes that nobody can reach."""

    @property
    def cursors(self) -> CursorChanges:
        """How far the followers have read."""

    @property
    def advisories(self) -> AdvisoryChanges:
        """What is known to be bad."""

    @property
    def assessments(self) -> AssessmentChanges:
        """What others say of flaws."""

    @property
    def attestations(self) -> AttestationChanges:
        """Who is believed, and what was found."""

    @property
    def federation(self) -> FederationChanges:
        """Issuers and trusted publishers."""

    @property
    def log(self) -> LogChanges:
        """The transparency log."""

    @property
    def webhooks(self) -> WebhookChanges:
        """Who is told of events."""

    @property
    def inventories(self) -> InventoryChanges:
        """What is in artifacts."""

    @property
    def holds(self) -> HoldChanges:
        """What is leased and held."""

    @property
    def deployments(self) -> DeploymentChanges:
        """What runs where."""

    @property
    def protections(self) -> ProtectionQuestions:
        """Why something cannot be deleted."""

    @property
    def tombstones(self) -> TombstoneChanges:
        """What does not come from upstreams again."""

    @property
    def erasures(self) -> ErasureChanges:
        """What is here no more, and may not come again."""

    @property
    def secrets(self) -> SecretChanges:
        """What should not be in them."""

    # namespaces
    def add_namespace(self, namespace: Namespace) -> bool:
        """Create it with its channels; False when it is there already."""

    def set_namespace(self, namespace: Namespace) -> None:
        """Replace its visibility and rules."""

    def set_channels(self, name: NamespaceName, channels: Sequence[ChannelName]) -> None:
        """Replace its channels; those that go must have no open clearance.

        Raises `Protected`.
        """

    # upstreams
    def add_upstream(self, upstream: Upstream, secret: str | None) -> bool:
        """Read through to it from now on; False when there is one of this name. *secret* is what it is asked with.

        Raises `NamespaceUnknown`.
        """

    def find_upstream(self, upstream: Upstream) -> Upstream | None:
        """What is known of the upstream that has this one's name now."""

    def set_upstream(self, upstream: Upstream) -> bool:
        """Replace where it is and its rules; False when there is none of this name."""

    def set_upstream_secret(self, upstream: Upstream, secret: str | None) -> None:
        """Replace what it is asked with."""

    def remove_upstream(self, upstream: Upstream) -> bool:
        """Forget it with what it said; what was fetched stays. False when there is none of this name."""

    def keep_mirrored(
        self,
        upstream: Upstream,
        package: PackageId | None,
        target: str,
        answer: Mirrored,
        *,
        compressed: bytes | None = None,
    ) -> bool:
        """Keep an upstream's answer about *package*, or about all; whether it says something else now.

        One that says the same only has its times renewed. *compressed* is its content in zlib's form, for who has made
        that beforehand: nobody else can change anything while it is made here, and of what is long it takes a while.
        Raises `UpstreamUnknown`.
        """

    def outdate_mirrored(self, upstream: Upstream, package: PackageId) -> bool:
        """Have an upstream asked again for all that it said of *package*; False when it never said anything.

        Raises `UpstreamUnknown`.
        """

    def see_versions(self, upstream: Upstream, package: PackageId, seen: Mapping[str, datetime]) -> None:
        """Remember when versions were first seen; those that were seen before stay as they are."""

    # who may
    def add_principal(self, name: PrincipalName, kind: PrincipalKind) -> bool:
        """Make somebody known; False when they are already."""

    def is_robot(self, name: PrincipalName) -> bool:
        """Whether somebody who is known is a program."""

    def disable_principal(self, name: PrincipalName) -> bool:
        """Let them do nothing any more; False when that is so already. Raises `PrincipalUnknown`."""

    def enable_principal(self, name: PrincipalName) -> bool:
        """Let them do again what they may; False when they can. Raises `PrincipalUnknown`."""

    def add_grant(self, grant: Grant) -> bool:
        """Give a role; False when they have it already. Raises `PrincipalUnknown`."""

    def remove_grant(self, grant: Grant) -> bool:
        """Take a role; False when they do not have it. Raises `PrincipalUnknown`."""

    def add_token(self, token: TokenRow, secret_hash: bytes) -> None:
        """Store a token. Raises `PrincipalUnknown`."""

    def revoke_token(self, token_id: str) -> bool:
        """Stop a token and what was minted from it; False when it is stopped already. Raises `TokenUnknown`."""

    # content
    def keep_blob(self, digest: Digest, size: int, content: bytes | None, *, generation: int = 0) -> None:
        """Know some bytes as present: in the catalog with *content*, else durable in the blob store already (I1).

        Raises `ErasedForGood` for what may not come again, `Unavailable` when the *generation* that they were kept under
        was given up meanwhile.
        """

    def damage_blob(self, digest: Digest) -> bool:
        """Know some bytes as damaged; False when that is known already."""

    def keep_artifact(self, artifact: Artifact) -> None:
        """Know an artifact, its bytes and its links."""

    def find_content(self, digest: Digest) -> bytes | None:
        """The bytes of a manifest, or of a small blob; None for what is not here, or waits to be given up."""

    def list_files(self, digest: Digest) -> Sequence[Digest]:
        """The files that an artifact is made of, also of one whose bytes were given up."""

    def has_member(self, package: PackageId, digest: Digest) -> bool:
        """Whether the bytes are in the package, and present."""

    def has_artifact(self, package: PackageId, digest: Digest) -> bool:
        """Whether they are in the package as an artifact."""

    def missing_members(self, package: PackageId, artifact: Artifact) -> Sequence[Digest]:
        """Which required targets of the artifact's links are not present members of *package* (I2)."""

    def add_blob_member(self, package: PackageId, digest: Digest) -> bool:
        """Put a blob into a package; False when it is there already. The package is made when it is new."""

    def add_artifact_member(self, package: PackageId, digest: Digest) -> bool:
        """Put an artifact into a package; False when it is there already.

        It is cleared wherever its subject, or an index that contains it, is.
        """

    def remove_member(self, package: PackageId, digest: Digest, *, artifact: bool) -> bool:
        """Take a blob or an artifact out of a package; False when it is not there."""

    def linked_by(self, package: PackageId, digest: Digest, *, artifact: bool) -> str | None:
        """The digest of an artifact of the package that needs *digest*, as an artifact or as a blob (I2)."""

    def cleared_for(self, package: PackageId, digest: Digest) -> ChannelName | None:
        """A channel in which the artifact is cleared, if there is one (I9)."""

    # names
    def list_deleted(self, package: PackageId, name: ReferenceName) -> Sequence[Reference]:
        """What a version's name meant each time when it was deleted; most never were."""

    def set_reference(self, package: PackageId, reference: Reference) -> None:
        """Give *reference* its meaning from this position on, ending what the name meant before."""

    def end_reference(self, package: PackageId, name: ReferenceName) -> None:
        """Let the name mean nothing from this position on."""

    def names_of(self, package: PackageId, digest: Digest) -> Sequence[Reference]:
        """The open references to an artifact."""

    def mark_version(self, package: PackageId, reference: Reference) -> None:
        """Store the marks (sealed, yanked, deprecated) of an open version."""

    # clearances
    def open_clearance(self, package: PackageId, channel: ChannelName, digest: Digest) -> bool:
        """Clear an artifact and all that it covers; False when it is already. Raises `ChannelUnknown`."""

    def close_clearance(self, package: PackageId, channel: ChannelName, digest: Digest) -> bool:
        """Close what `open_clearance` opened; False when it is not open."""

    # uploads
    def end_upload(self, upload: Upload) -> None:
        """Let an upload that was finished or cancelled be unknown."""

    def forget_uploads(self) -> None:
        """Forget the ended uploads whose names nobody can hold any more."""

    # the journal
    def append(self, actor: str, event: Event) -> Position:
        """Append the one event of this change: the last statement of a change (I5)."""


class Catalog(Protocol):
    """What the registry knows. Every driver passes ``entrepot.testing.contracts.catalog``."""

    # areas
    @property
    def blocks(self) -> Blocks:
        """What is kept and not served."""

    @property
    def policies(self) -> Policies:
        """What namespaces demand."""

    @property
    def promotions(self) -> Promotions:
        """How artifacts come into channels."""

    @property
    def trash(self) -> Trash:
        """What was deleted, and can be had back."""

    @property
    def tiers(self) -> Tiers:
        """In which tier bytes lie."""

    @property
    def scrubs(self) -> Scrubs:
        """How far all blobs were read again."""

    @property
    def usage(self) -> Usages:
        """What namespaces take up."""

    @property
    def pulls(self) -> Pulls:
        """What is used."""

    @property
    def retentions(self) -> Retentions:
        """What stays, and what was planned to go."""

    @property
    def collection(self) -> Collection:
        """What there is to give up."""

    @property
    def cursors(self) -> Cursors:
        """How far the followers have read."""

    @property
    def advisories(self) -> Advisories:
        """What is known to be bad."""

    @property
    def assessments(self) -> Assessments:
        """What others say of flaws."""

    @property
    def attestations(self) -> Attestations:
        """Who is believed, and who is proven to have signed what."""

    @property
    def federation(self) -> Federation:
        """Issuers and trusted publishers."""

    @property
    def log(self) -> Log:
        """The transparency log."""

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of events."""

    @property
    def inventories(self) -> Inventories:
        """What is in artifacts."""

    @property
    def holds(self) -> Holds:
        """What is leased and held."""

    @property
    def deployments(self) -> Deployments:
        """What runs where."""

    @property
    def protections(self) -> Protections:
        """Why something cannot be deleted."""

    @property
    def tombstones(self) -> Tombstones:
        """What does not come from upstreams again."""

    @property
    def erasures(self) -> Erasures:
        """What is here no more, and may not come again."""

    @property
    def secrets(self) -> Secrets:
        """What should not be in them."""

    async def write(self, change: Callable[[Transaction], T], *, aside: bool = False) -> T:
        """Run *change*, and return what it returned once it is durable.

        *aside* is for few statements about many rows: others have the loop meanwhile, and so does what is waiting for it.

        When it raises, nothing of it happened. What workers have cached of a namespace ends with every event in it,
        and what they have cached of who may do what with every event about that.

        Raises `StorageFull`, `StorageReadOnly`, `Unavailable`, and `TurnOver` where the catalog was opened for a turn
        (`entrepot.ports.turn`) that another process has taken since.
        """

    async def confirm_turn(self) -> None:
        """Make sure that the turn for which the catalog was opened, if for any, is not over.

        For what no transaction takes back: to be asked right before it. Raises `TurnOver`, `Unavailable`.
        """

    async def shred(self) -> None:
        """Have nothing of what was deleted in the catalog's own files any more, as far as they are ours to write.

        Raises `Unavailable` while somebody still reads what was there before.
        """

    # who asks
    async def find_credential(self, secret_hash: bytes) -> Credential | None:
        """What a token stands for; None when it is unknown, revoked, or its holder disabled."""

    async def find_credential_by_id(self, token_id: str) -> Credential | None:
        """The same, by the token's public id."""

    # the hot path: one statement each
    async def find_artifact(
        self,
        view: View,
        package: PackageId,
        *,
        name: ReferenceName | None = None,
        digest: Digest | None = None,
        barred: bool = False,
    ) -> FoundArtifact | None:
        """What a name or a digest means through a view (I7); with *barred* also what is blocked."""

    async def find_blob(
        self, view: View, package: PackageId, digest: Digest, *, barred: bool = False
    ) -> FoundBlob | None:
        """A blob, or an artifact's bytes, through a view (I7); with *barred* also what is blocked."""

    async def had_blob(self, package: PackageId, digest: Digest) -> bool | None:
        """Whether some bytes are in a package, or were, as far as anybody remembers; None when there is no package."""

    # listings
    async def find_namespace(self, name: NamespaceName) -> Namespace | None:
        """The namespace, or None."""

    async def list_namespaces(self, *, after: str, limit: int) -> Sequence[Namespace]:
        """A page of namespaces by name."""

    async def find_package(self, view: View, package: PackageId) -> PackageRow | None:
        """The package, if the view shows anything of it."""

    async def list_packages(
        self, *, namespace: NamespaceName | None, format: str | None, after: PackageId | None, limit: int
    ) -> Sequence[PackageRow]:
        """A page of packages that hold an artifact, by namespace, format and name."""

    async def list_references(
        self, view: View, package: PackageId, *, kind: ReferenceKind | None = None, after: str = "", limit: int
    ) -> Sequence[Reference]:
        """A page of what the view shows of a package's names, in byte order."""

    async def list_versions(
        self, view: View, package: PackageId, *, after: str = "", limit: int
    ) -> Sequence[VersionRow]:
        """A page of the versions that the view shows of a package, with what they are made of, in byte order."""

    async def list_times(self, package: PackageId) -> Mapping[Digest, datetime]:
        """When each blob that is in a package came into it."""

    async def find_time(self, package: PackageId, digest: Digest) -> datetime | None:
        """When a blob that is in a package came into it; None when it is not there."""

    async def list_upstreams(
        self, namespace: NamespaceName | None = None, *, format: FormatName | None = None
    ) -> Sequence[Upstream]:
        """The upstreams, by namespace, format and name."""

    async def find_upstream_secret(self, upstream: Upstream) -> str | None:
        """What an upstream is asked with; None for nothing, or when it is at another address by now."""

    async def find_mirrored(self, upstream: Upstream, target: str) -> Mirrored | None:
        """What an upstream answered last."""

    async def find_mirrored_times(self, upstream: Upstream, target: str) -> tuple[datetime, datetime] | None:
        """When that answer became what it is, and when the upstream said so last; without reading it."""

    async def list_mirrored_packages(self, upstream: Upstream, *, after: str, limit: int) -> Sequence[PackageName]:
        """The packages that an upstream was asked for, by name."""

    async def list_first_seen(self, upstream: Upstream, package: PackageId) -> Mapping[str, datetime]:
        """When each version of a package was first seen there."""

    async def list_history(self, package: PackageId, name: ReferenceName) -> Sequence[Reference]:
        """All that *name* ever meant in *package*, oldest first."""

    async def list_artifacts(
        self, view: View, package: PackageId, *, after: Position, limit: int
    ) -> Sequence[ArtifactSummary]:
        """A page of a package's artifacts, in the order they came; it may end early (`ends_early`)."""

    async def find_details(self, view: View, package: PackageId, digest: Digest) -> ArtifactDetails | None:
        """An artifact with its names and clearances, if the view shows it."""

    async def list_referrers(
        self, view: View, package: PackageId, subject: Digest, *, artifact_type: str | None, after: str, limit: int
    ) -> Sequence[ArtifactSummary]:
        """A page of the artifacts with this subject, by digest; it may end early (`ends_early`)."""

    async def list_sources(self, digest: Digest, *, limit: int) -> Sequence[tuple[PackageId, bool]]:
        """Packages that hold a blob, with whether their namespace is public: where it might be mounted from."""

    async def list_clearances(self, package: PackageId, *, history: bool = False) -> Sequence[Clearance]:
        """A package's clearances: what was cleared as such, not what that covers."""

    async def list_principals(self) -> Sequence[tuple[Principal, bool]]:
        """Everybody who is known, and whether they are disabled."""

    async def list_grants(self, principal: PrincipalName | None = None) -> Sequence[Grant]:
        """Who may do what."""

    async def list_tokens(self, principal: PrincipalName | None = None) -> Sequence[TokenRow]:
        """All tokens, without their secrets."""

    async def upload_has_ended(self, upload: UploadId) -> bool:
        """Whether an upload was finished or cancelled."""

    async def list_entries(
        self, *, after: Position, limit: int, namespace: NamespaceName | None = None
    ) -> Sequence[Entry]:
        """A page of the journal."""

    async def head(self) -> tuple[Position, bytes]:
        """The journal's last position and hash."""

    async def search(
        self, *, key: str | None, text: str, namespaces: Sequence[NamespaceName] | None, limit: int, offset: int = 0
    ) -> Sequence[Hit]:
        """Artifacts whose annotation *key* starts with *text*, or whose package's name contains it."""

    async def storage(self) -> dict[str, int]:
        """Totals for the metrics: blobs, bytes, damaged, artifacts, packages, namespaces."""

    async def violations(self) -> Sequence[tuple[str, str]]:
        """What the catalog itself can see broken: pairs of invariant (``I3``) and what is wrong."""

    async def iter_stored(self, *, after: int, limit: int) -> tuple[Sequence[BlobRow], int]:
        """A page of the blobs that are in a blob store, and where to go on; it is empty at the end."""

    async def iter_blobs(self, *, after: str, limit: int) -> Sequence[BlobRow]:
        """A page of the present blobs, with their content when it lives here; it may be short, and is empty at the end."""

    async def close(self) -> None:
        """Finish what is being written, and let go."""
