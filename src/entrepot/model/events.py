"""Past-tense facts: what the journal is made of.

Every accepted change appends exactly one (I5). Their types are CloudEvents names,
``dev.entrepot.<noun>.<past-tense verb>.v1``; a field is added, never renamed or taken away.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from entrepot.model.position import Position


class Event(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, kw_only=True):
    """What happened. `namespace` and `package` say where, if anywhere."""

    namespace: str | None = None
    package: str | None = None
    """``<format>/<name>``."""

    @property
    def type(self) -> str:
        """Its CloudEvents type."""
        return str(self.__struct_config__.tag)


# --- namespaces and who may ---


class NamespaceCreated(Event, frozen=True, tag="dev.entrepot.namespace.created.v1"):
    """A team or tenant got its place."""

    public: bool = False


class NamespaceChanged(Event, frozen=True, tag="dev.entrepot.namespace.changed.v1"):
    """A namespace's rules changed; the new values."""

    public: bool
    movable: tuple[str, ...]
    versions: tuple[str, ...]
    reserved: tuple[str, ...] = ()
    rollbacks: int = 3


class ChannelsChanged(Event, frozen=True, tag="dev.entrepot.channels.changed.v1"):
    """A namespace's channels changed; all of them, in order."""

    channels: tuple[str, ...]


class UpstreamAdded(Event, frozen=True, tag="dev.entrepot.upstream.added.v1"):
    """A namespace reads through to another registry. Of its credentials only whether there are any."""

    format: str
    upstream: str
    url: str
    private: bool = False
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    cooldown: float = 0
    exempt: tuple[str, ...] = ()
    refresh: float = 300
    credentials: bool = False


class UpstreamChanged(Event, frozen=True, tag="dev.entrepot.upstream.changed.v1"):
    """What an upstream is asked for, or where it is, changed; the new values. Of its credentials only that they did."""

    format: str
    upstream: str
    url: str
    private: bool
    allow: tuple[str, ...]
    block: tuple[str, ...]
    cooldown: float
    exempt: tuple[str, ...]
    refresh: float
    credentials: bool = False


class UpstreamRemoved(Event, frozen=True, tag="dev.entrepot.upstream.removed.v1"):
    """A namespace reads through to another registry no more. What came from there stays."""

    format: str
    upstream: str


class UpstreamIndexChanged(Event, frozen=True, tag="dev.entrepot.upstream-index.changed.v1"):
    """An upstream said something new of a package; or, without one, of all that it has of its `format`."""

    upstream: str
    target: str
    hash: str
    format: str | None = None


class PrincipalCreated(Event, frozen=True, tag="dev.entrepot.principal.created.v1"):
    """Somebody became known."""

    principal: str
    kind: str


class PrincipalDisabled(Event, frozen=True, tag="dev.entrepot.principal.disabled.v1"):
    """Somebody may do nothing any more."""

    principal: str


class GrantAdded(Event, frozen=True, tag="dev.entrepot.grant.added.v1"):
    """A principal got a role."""

    principal: str
    role: str
    view: str | None = None
    pattern: str = "*"


class GrantRemoved(Event, frozen=True, tag="dev.entrepot.grant.removed.v1"):
    """A principal lost a role."""

    principal: str
    role: str
    view: str | None = None
    pattern: str = "*"


class TokenCreated(Event, frozen=True, tag="dev.entrepot.token.created.v1"):
    """A principal got a token (its secret is nowhere), and with it, when it has no parent, the role it is for."""

    token: str
    label: str
    principal: str
    role: str | None = None
    view: str | None = None
    pattern: str = "*"
    parent: str | None = None
    expires_at: datetime | None = None


class TokenRevoked(Event, frozen=True, tag="dev.entrepot.token.revoked.v1"):
    """A token, and all that were minted from it, stopped working."""

    token: str
    principal: str
    reason: str = ""
    """Why, where nobody asked for it."""


class IssuerAdded(Event, frozen=True, tag="dev.entrepot.issuer.added.v1"):
    """Identity tokens of another system are believed, as far as trusted publishers say so."""

    issuer: str
    provider: str
    url: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    max_lifetime: float
    private: bool = False
    keys: str | None = None
    """The hash of the keys that were uploaded; None when the issuer is asked for them."""


class IssuerRemoved(Event, frozen=True, tag="dev.entrepot.issuer.removed.v1"):
    """Identity tokens of another system are believed no more; the trusted publishers that went with it."""

    issuer: str
    url: str
    publishers: tuple[str, ...] = ()


class PublisherAdded(Event, frozen=True, tag="dev.entrepot.publisher.added.v1"):
    """Jobs of an issuer's may do something in a namespace."""

    publisher: str
    principal: str
    issuer: str
    rules: tuple[str, ...]
    packages: tuple[str, ...]
    role: str
    lifetime: float


class PublisherRemoved(Event, frozen=True, tag="dev.entrepot.publisher.removed.v1"):
    """A trusted publisher is trusted no more, and its tokens stopped working."""

    publisher: str
    principal: str


class TokenExchanged(Event, frozen=True, tag="dev.entrepot.token.exchanged.v1"):
    """A job traded its identity token for one of the registry: which job, and what it may do for how long."""

    token: str
    publisher: str
    principal: str
    issuer: str
    """Its URL."""
    subject: str
    claims: str
    """The digest of all that the identity token said."""
    role: str
    packages: tuple[str, ...]
    expires_at: datetime
    pinned: tuple[str, ...] = ()
    """The rules that the publisher got with its first use."""


# --- content ---


class BlobAdded(Event, frozen=True, tag="dev.entrepot.blob.added.v1"):
    """Some bytes are now in a package."""

    digest: str
    size: int
    mounted_from: str | None = None


class BlobDeleted(Event, frozen=True, tag="dev.entrepot.blob.deleted.v1"):
    """Some bytes are no longer in a package."""

    digest: str


class BlobDamaged(Event, frozen=True, tag="dev.entrepot.blob.damaged.v1"):
    """Stored bytes were found to be not what they were."""

    digest: str
    problem: str


class BlobRepaired(Event, frozen=True, tag="dev.entrepot.blob.repaired.v1"):
    """Sound bytes took the place of damaged ones; *source* is where they came from."""

    digest: str
    source: str


class TieringSet(Event, frozen=True, tag="dev.entrepot.tiering.set.v1"):
    """A namespace was told what it keeps in the hot tier, and whether the rest goes by itself."""

    rules: tuple[dict[str, object], ...]
    stays: tuple[str, ...]
    automatic: bool


class BlobsMoved(Event, frozen=True, tag="dev.entrepot.blobs.moved.v1"):
    """Blobs lie in the other tier from now on."""

    digests: tuple[str, ...]
    tier: str
    size: int


class BlobsDropped(Event, frozen=True, tag="dev.entrepot.blobs.dropped.v1"):
    """Blobs left a package because none of its artifacts had taken them up in time."""

    digests: tuple[str, ...]


class BlobsCondemned(Event, frozen=True, tag="dev.entrepot.blobs.condemned.v1"):
    """Blobs that no package has wait to be given up."""

    digests: tuple[str, ...]
    size: int


class BlobsCollected(Event, frozen=True, tag="dev.entrepot.blobs.collected.v1"):
    """Blobs had waited long enough; nothing finds their bytes any more, and these are deleted."""

    digests: tuple[str, ...]
    size: int


class ArtifactPublished(Event, frozen=True, tag="dev.entrepot.artifact.published.v1"):
    """An artifact entered a package, or names were given to one that was there."""

    digest: str
    media_type: str
    artifact_type: str | None = None
    subject: str | None = None
    references: tuple[str, ...] = ()
    policies: dict[str, str] = {}
    """Those that were asked whether it may come in: ``name@version`` with the digest of their words."""
    awaiting: str | None = None
    """Why it is not served yet, where a policy asks for what nobody knows yet."""
    warnings: tuple[str, ...] = ()
    """What policies that only warn say."""
    unenforced: tuple[str, ...] = ()
    """What policies say that are only tried."""


class ArtifactRestored(ArtifactPublished, frozen=True, tag="dev.entrepot.artifact.restored.v1"):
    """An artifact that had been deleted is back, with all that it contains, under these names; or a name of it is."""

    others: dict[str, str] = {}
    """The names that are back of what had left with it and came back with it, and what each means."""


class AdmissionRefused(Event, frozen=True, tag="dev.entrepot.admission.refused.v1"):
    """A policy did not let an artifact in, and nothing of it was kept."""

    digest: str
    references: tuple[str, ...] = ()
    """The names that it should have had."""
    refusals: tuple[str, ...] = ()
    policies: dict[str, str] = {}
    """Those that were asked: ``name@version`` with the digest of their words."""


class InventoryIndexed(Event, frozen=True, tag="dev.entrepot.inventory.indexed.v1"):
    """What an SBOM says is in an artifact is known; or that it cannot be read."""

    digest: str
    """Of the artifact."""
    carrier: str
    """The referrer that brings the document."""
    source: str
    form: str
    components: int
    problem: str | None = None


class ArtifactDeleted(Event, frozen=True, tag="dev.entrepot.artifact.deleted.v1"):
    """An artifact left a package, with the names that meant it."""

    digest: str
    references: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    """What left with it: what it contains and what refers to it, as far as nothing else needs that."""
    plan: str | None = None
    """The plan of retention that it was in."""


class ArtifactPurged(Event, frozen=True, tag="dev.entrepot.artifact.purged.v1"):
    """An artifact that was deleted cannot be had back any more."""

    digest: str
    parts: tuple[str, ...] = ()
    """What had left with it, and went with it."""
    blobs: tuple[str, ...] = ()
    """Whose bytes were given up at once: those that nobody has or may have back."""
    size: int = 0
    """Bytes of these."""


class BytesErased(Event, frozen=True, tag="dev.entrepot.bytes.erased.v1"):
    """Bytes are here no more, whoever had them, and may not come again."""

    target: str
    """What was asked for; the others went with it."""
    digests: tuple[str, ...]
    reason: str
    size: int = 0


class ArtifactsErased(Event, frozen=True, tag="dev.entrepot.artifacts.erased.v1"):
    """A package has nothing more of what was erased, and no name for it."""

    target: str
    digests: tuple[str, ...]
    references: tuple[str, ...] = ()


class ErasureSealed(Event, frozen=True, tag="dev.entrepot.erasure.sealed.v1"):
    """All of an erasure is done, and the tombstone signed."""

    target: str
    erased: int
    """The position of the erasure."""
    tombstone: str | None = None
    """The digest of the signed statement; None where the registry signs nothing."""


class ErasureLifted(Event, frozen=True, tag="dev.entrepot.erasure.lifted.v1"):
    """Bytes that were erased may come again."""

    digest: str
    reason: str


class ReferenceDeleted(Event, frozen=True, tag="dev.entrepot.reference.deleted.v1"):
    """A tag or version is no longer there. A version's name stays used up (I4)."""

    kind: str
    name: str
    digest: str


class VersionSealed(Event, frozen=True, tag="dev.entrepot.version.sealed.v1"):
    """A version takes no more files."""

    version: str
    digest: str


class VersionYanked(Event, frozen=True, tag="dev.entrepot.version.yanked.v1"):
    """Nobody should newly pick this version; who has it may keep it."""

    version: str
    reason: str = ""


class VersionUnyanked(Event, frozen=True, tag="dev.entrepot.version.unyanked.v1"):
    """A yank was taken back."""

    version: str


class VersionDeprecated(Event, frozen=True, tag="dev.entrepot.version.deprecated.v1"):
    """There is something better than this version."""

    version: str
    reason: str = ""


class VersionUndeprecated(Event, frozen=True, tag="dev.entrepot.version.undeprecated.v1"):
    """A deprecation was taken back."""

    version: str


class ClearanceOpened(Event, frozen=True, tag="dev.entrepot.clearance.opened.v1"):
    """An artifact, with all that it contains and its referrers, may be seen through a channel's view."""

    channel: str
    digest: str
    reason: str = ""
    promotion: str | None = None
    """Which promotion was applied; None when an administrator decided."""
    policies: dict[str, str] = {}
    """Those that were asked: ``name@version`` with the digest of their words."""
    statement: str | None = None
    """The signed summary of the decision."""


class ClearanceClosed(Event, frozen=True, tag="dev.entrepot.clearance.closed.v1"):
    """An artifact may no longer be seen through a channel's view."""

    channel: str
    digest: str
    reason: str = ""


# --- whom to believe ---


class SignerAdded(Event, frozen=True, tag="dev.entrepot.signer.added.v1"):
    """A namespace, or the registry, knows a signer. All of the material is public."""

    signer: str
    kind: str
    material: dict[str, str | dict[str, str]]
    packages: tuple[str, ...] = ("*",)
    predicate_types: tuple[str, ...] = ("*",)
    builders: dict[str, int] = {}
    state: str = "active"


class SignerChanged(Event, frozen=True, tag="dev.entrepot.signer.changed.v1"):
    """Whether a signer is believed, or what it may vouch for, changed; the new values."""

    signer: str
    kind: str
    state: str
    rescoped: bool = False
    """Whether what it may vouch for is something else than before."""
    until: datetime | None = None
    reason: str = ""
    packages: tuple[str, ...] = ("*",)
    predicate_types: tuple[str, ...] = ("*",)
    builders: dict[str, int] = {}


class TrustedRootSet(Event, frozen=True, tag="dev.entrepot.trusted-root.set.v1"):
    """Certificates of a Sigstore instance are believed; the digest is that of its ``trusted_root.json``."""

    root: str
    digest: str


class TrustedRootRemoved(Event, frozen=True, tag="dev.entrepot.trusted-root.removed.v1"):
    """Certificates of a Sigstore instance are believed no more."""

    root: str


class ArtifactBlocked(Event, frozen=True, tag="dev.entrepot.artifact.blocked.v1"):
    """An artifact, with what is only in it, is kept and not served any more."""

    digest: str
    kind: str
    """``blocked``, ``quarantined``, or ``awaiting`` while it is examined."""
    reason: str = ""
    policy: str | None = None
    references: tuple[str, ...] = ()


class LeaseTaken(Event, frozen=True, tag="dev.entrepot.lease.taken.v1"):
    """An artifact is kept until a time, for somebody."""

    digest: str
    lease: str
    holder: str
    reason: str
    expires_at: datetime


class LeaseRenewed(Event, frozen=True, tag="dev.entrepot.lease.renewed.v1"):
    """A leased artifact is kept for longer."""

    digest: str
    lease: str
    holder: str
    expires_at: datetime


class LeaseReleased(Event, frozen=True, tag="dev.entrepot.lease.released.v1"):
    """A lease is needed no more."""

    digest: str
    lease: str
    holder: str


class LeaseExpired(Event, frozen=True, tag="dev.entrepot.lease.expired.v1"):
    """A lease was found to have run out; it had protected nothing since then."""

    digest: str
    lease: str
    holder: str
    expires_at: datetime


class HoldPlaced(Event, frozen=True, tag="dev.entrepot.hold.placed.v1"):
    """An artifact is kept until somebody lifts the hold."""

    digest: str
    hold: str
    kind: str
    """``manual`` or ``legal``."""
    holder: str
    reason: str


class HoldLifted(Event, frozen=True, tag="dev.entrepot.hold.lifted.v1"):
    """A hold keeps an artifact no more."""

    digest: str
    hold: str
    kind: str
    holder: str
    reason: str = ""


class DeploymentRecorded(Event, frozen=True, tag="dev.entrepot.deployment.recorded.v1"):
    """An artifact runs as a service; or something else is known of that."""

    digest: str
    deployment: int
    environment: str
    service: str
    cluster: str = ""
    region: str = ""
    version: str = ""
    tags: dict[str, str] = {}
    risks: tuple[str, ...] = ()
    repository: str = ""
    replaced: str | None = None
    """The digest of what ran there before, until now."""


class DeploymentEnded(Event, frozen=True, tag="dev.entrepot.deployment.ended.v1"):
    """A service runs no more where it ran."""

    digest: str
    deployment: int
    environment: str
    service: str
    cluster: str = ""
    region: str = ""


class VersionReadmitted(Event, frozen=True, tag="dev.entrepot.version.readmitted.v1"):
    """What was deleted may come from an upstream again."""

    target: str
    """A version's name, or an artifact's digest."""
    reason: str = ""


class ArtifactReleased(Event, frozen=True, tag="dev.entrepot.artifact.released.v1"):
    """An artifact is not blocked any more."""

    digest: str
    reason: str = ""
    references: tuple[str, ...] = ()


# --- what should not be in it ---


class SecretsFound(Event, frozen=True, tag="dev.entrepot.secrets.found.v1"):
    """Secrets are in what was published. What they are is not said, only what they are called."""

    digest: str
    """Of the bytes that have them."""
    artifact: str | None = None
    secrets: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    """The ids of those that are tokens of this registry."""


class SecretAccepted(Event, frozen=True, tag="dev.entrepot.secret.accepted.v1"):
    """Somebody says that a secret in a package is none, or is meant to be there."""

    secret: str
    reason: str
    expires_at: datetime | None = None


class SecretUnaccepted(Event, frozen=True, tag="dev.entrepot.secret.unaccepted.v1"):
    """A secret in a package is accepted no more."""

    secret: str


# --- what is known to be bad ---


class AdvisorySourceAdded(Event, frozen=True, tag="dev.entrepot.advisory-source.added.v1"):
    """Advisories come from an address."""

    source: str
    url: str
    private: bool = False
    credentials: bool = False


class AdvisorySourceRemoved(Event, frozen=True, tag="dev.entrepot.advisory-source.removed.v1"):
    """Advisories come from a source no more, and those that came are forgotten."""

    source: str
    advisories: int = 0


class AdvisoriesImported(Event, frozen=True, tag="dev.entrepot.advisories.imported.v1"):
    """Something new is known to be bad, or no more, and was compared with all that is here."""

    source: str
    changed: int = 0
    withdrawn: int = 0
    matches: int = 0
    removed: int = 0


class ExemptionAdded(Event, frozen=True, tag="dev.entrepot.exemption.added.v1"):
    """Somebody decided that a flaw does not matter in a package, or in an artifact of it."""

    exemption: str
    flaw: str
    status: str
    reason: str
    digest: str | None = None
    component: str | None = None
    until: datetime | None = None


class ExemptionEnded(Event, frozen=True, tag="dev.entrepot.exemption.ended.v1"):
    """A flaw matters again. What ends by itself, at its time, has no event."""

    exemption: str
    flaw: str
    reason: str = ""


class ReportIndexed(Event, frozen=True, tag="dev.entrepot.report.indexed.v1"):
    """What another scanner found in an artifact is known; or that its report cannot be read."""

    digest: str
    """Of the artifact."""
    carrier: str
    """The referrer that brings the report."""
    form: str
    tool: str
    sent_by: str
    version: str = ""
    findings: int = 0
    problem: str | None = None


class ComponentsMatched(Event, frozen=True, tag="dev.entrepot.components.matched.v1"):
    """Components that were seen for the first time were compared with all that is known to be bad."""

    components: int = 0
    matches: int = 0


# --- who is told ---


class WebhookAdded(Event, frozen=True, tag="dev.entrepot.webhook.added.v1"):
    """Somebody is told of events."""

    webhook: str
    url: str
    types: tuple[str, ...]
    private: bool = False


class WebhookChanged(Event, frozen=True, tag="dev.entrepot.webhook.changed.v1"):
    """Where somebody is told of events, or of which, changed; the new values. Of its secret only that it did."""

    webhook: str
    url: str
    types: tuple[str, ...]
    private: bool
    enabled: bool
    secret: bool = False


class WebhookDisabled(Event, frozen=True, tag="dev.entrepot.webhook.disabled.v1"):
    """Somebody who took nothing for long is told no more."""

    webhook: str
    reason: str


class WebhookRemoved(Event, frozen=True, tag="dev.entrepot.webhook.removed.v1"):
    """Somebody is told of events no more."""

    webhook: str


class PromotionProposed(Event, frozen=True, tag="dev.entrepot.promotion.proposed.v1"):
    """Somebody wants an artifact in a channel, and what is in the way may go away."""

    promotion: str
    channel: str
    digest: str
    version: str = ""
    reason: str = ""
    refusals: tuple[str, ...] = ()


class PromotionApproved(Event, frozen=True, tag="dev.entrepot.promotion.approved.v1"):
    """Somebody stands for a promotion."""

    promotion: str
    channel: str
    digest: str
    note: str = ""


class PromotionRefused(Event, frozen=True, tag="dev.entrepot.promotion.refused.v1"):
    """An artifact was not let into a channel, and why."""

    promotion: str
    channel: str
    digest: str
    version: str = ""
    refusals: tuple[str, ...] = ()
    policies: dict[str, str] = {}
    statement: str | None = None
    """The signed summary of the decision."""


class ReadingDoubted(Event, frozen=True, tag="dev.entrepot.reading.doubted.v1"):
    """Policies that do not enforce say something else than before of what may be read; nothing at all is a yes."""

    digest: str
    channel: str | None = None
    """Through whose view; None for the namespace itself."""
    warnings: tuple[str, ...] = ()
    """What policies that only warn say."""
    unenforced: tuple[str, ...] = ()
    """What policies say that are only tried."""


class PolicySet(Event, frozen=True, tag="dev.entrepot.policy.set.v1"):
    """A namespace demands something, from now on in these words."""

    policy: str
    version: int
    door: str
    condition: str
    mode: str
    channels: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    packages: str = "*"
    message: str | None = None
    description: str = ""


class PolicyRemoved(Event, frozen=True, tag="dev.entrepot.policy.removed.v1"):
    """A namespace demands something no more; where there is a default of that name, it holds again."""

    policy: str


class ChannelRulesSet(Event, frozen=True, tag="dev.entrepot.channel-rules.set.v1"):
    """What a channel asks of whoever comes in, beside the policies; the new values."""

    channel: str
    approvals: int
    self_approval: bool
    soak_seconds: int
    ordered: bool
    automatic: bool


class QuotaSet(Event, frozen=True, tag="dev.entrepot.quota.set.v1"):
    """A namespace may take up so much from now on, and no more."""

    size: int | None
    """Bytes; null for whatever there is."""
    versions: int | None


class QuotaRemoved(Event, frozen=True, tag="dev.entrepot.quota.removed.v1"):
    """A namespace may take up whatever there is."""


class RetentionSet(Event, frozen=True, tag="dev.entrepot.retention.set.v1"):
    """A namespace keeps its versions by these rules from now on."""

    rules: tuple[dict[str, object], ...]
    automatic: bool


class RetentionPlanned(Event, frozen=True, tag="dev.entrepot.retention.planned.v1"):
    """It was found out what the rules of a namespace let go; nothing has gone."""

    plan: str
    digest: str
    """Of all that the plan says."""
    artifacts: int
    """How many would go."""
    size: int
    """Bytes that would be free then."""


class RetentionBegun(Event, frozen=True, tag="dev.entrepot.retention.begun.v1"):
    """A plan was as the world is, and is being carried out."""

    plan: str
    digest: str


class RetentionApplied(Event, frozen=True, tag="dev.entrepot.retention.applied.v1"):
    """A plan was carried out."""

    plan: str
    deleted: int
    moved: int
    """How many stayed because something about them had changed meanwhile."""


class BackupMade(Event, frozen=True, tag="dev.entrepot.backup.made.v1"):
    """All that was here at a position was copied elsewhere, and that was sealed."""

    position: int
    manifest: str
    """The digest of what was signed."""
    missing: int = 0
    """Of how many blobs there were no sound bytes any more."""


class RegistryRecovered(Event, frozen=True, tag="dev.entrepot.registry.recovered.v1"):
    """The registry is what it was at a position: whatever an earlier journal says after that did not stay."""

    position: int
    manifest: str
    """The digest of what was signed when the backup was made."""
    made_at: datetime
    """When that was."""


AnyEvent = (
    NamespaceCreated
    | NamespaceChanged
    | ChannelsChanged
    | UpstreamAdded
    | UpstreamChanged
    | UpstreamRemoved
    | UpstreamIndexChanged
    | PrincipalCreated
    | PrincipalDisabled
    | GrantAdded
    | GrantRemoved
    | TokenCreated
    | TokenRevoked
    | IssuerAdded
    | IssuerRemoved
    | PublisherAdded
    | PublisherRemoved
    | TokenExchanged
    | BlobAdded
    | BlobDeleted
    | BlobsDropped
    | BlobsCondemned
    | BlobsCollected
    | BlobsMoved
    | TieringSet
    | BlobRepaired
    | BlobDamaged
    | ArtifactPublished
    | InventoryIndexed
    | ArtifactDeleted
    | ArtifactRestored
    | ReferenceDeleted
    | VersionSealed
    | VersionYanked
    | VersionUnyanked
    | VersionDeprecated
    | VersionUndeprecated
    | ClearanceOpened
    | ClearanceClosed
    | WebhookAdded
    | WebhookChanged
    | WebhookDisabled
    | WebhookRemoved
    | SignerAdded
    | SignerChanged
    | TrustedRootSet
    | TrustedRootRemoved
    | ArtifactBlocked
    | ArtifactReleased
    | LeaseTaken
    | LeaseRenewed
    | LeaseReleased
    | LeaseExpired
    | HoldPlaced
    | HoldLifted
    | DeploymentRecorded
    | DeploymentEnded
    | VersionReadmitted
    | SecretsFound
    | SecretAccepted
    | SecretUnaccepted
    | AdvisorySourceAdded
    | AdvisorySourceRemoved
    | AdvisoriesImported
    | ComponentsMatched
    | AdmissionRefused
    | ExemptionAdded
    | ExemptionEnded
    | ReportIndexed
    | PromotionProposed
    | PromotionApproved
    | PromotionRefused
    | ReadingDoubted
    | PolicySet
    | PolicyRemoved
    | ChannelRulesSet
    | ArtifactPurged
    | BytesErased
    | ArtifactsErased
    | ErasureSealed
    | ErasureLifted
    | QuotaSet
    | QuotaRemoved
    | RetentionSet
    | RetentionPlanned
    | RetentionBegun
    | RetentionApplied
    | BackupMade
    | RegistryRecovered
)
"""All of them; `decode` tells them apart by their type."""


ACCESS_EVENTS: Final = (
    NamespaceCreated,
    NamespaceChanged,
    PrincipalCreated,
    PrincipalDisabled,
    GrantAdded,
    GrantRemoved,
    TokenCreated,
    TokenRevoked,
    IssuerRemoved,
    PublisherAdded,
    PublisherRemoved,
)
"""Those that change who may do what."""


class Entry(msgspec.Struct, frozen=True):
    """An event in its place: who did it, when, and the hash that ties it to all before it."""

    position: Position
    at: datetime
    actor: str
    event: Event
    content: bytes
    """The event exactly as it was appended, as `hash` has it."""
    hash: bytes


GENESIS: Final = sha256(b"entrepot journal v1").digest()
"""What the first entry's hash is tied to."""

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """The event's canonical bytes: JSON with sorted keys."""
    return _ENCODER.encode(event)


def decode(content: bytes | str) -> Event:
    """Read what `encode` wrote."""
    return _DECODER.decode(content)


def chain(previous: bytes, position: Position, at: datetime, *, actor: str, content: bytes) -> bytes:
    """The hash of an entry: over the hash before it and all that it says. Each field is preceded by its length."""
    place, time, who = str(position).encode(), at.isoformat(timespec="microseconds").encode(), actor.encode()
    # Hashed in one go: a million entries are checked at a time.
    said = (previous, _length(place), place, _length(time), time, _length(who), who, _length(content), content)
    return sha256(b"".join(said)).digest()


def _length(field: bytes) -> bytes:
    return len(field).to_bytes(8, "big")
