"""What the registry answers, as values: each is read from JSON by its annotations (`entrepot.client.decode`).

A newer registry may say more than is here: what is not known is left out, and words such as roles stay text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from entrepot.model.digest import Digest


@dataclass(frozen=True, slots=True)
class Status:
    """The registry itself."""

    version: str
    formats: tuple[str, ...]
    storage: Mapping[str, int] | None = None
    """For those who may audit."""


@dataclass(frozen=True, slots=True)
class Right:
    """Something that the caller may do; without a view, everywhere."""

    role: str | None = None
    """None for what an access token of the OCI protocol was asked for."""
    view: str | None = None
    pattern: str = "*"
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the registry takes us for."""

    principal: str | None = None
    """None for an anonymous caller."""
    kind: str | None = None
    token_id: str | None = None
    expires_at: datetime | None = None
    allowances: tuple[tuple[Right, ...], ...] = ()
    """The principal's grants, then what each token on the way narrows them to: every layer must allow what is done."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A team or tenant, and its rules."""

    name: str
    public: bool
    movable: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    reserved: tuple[str, ...] = ()
    """Names that no upstream is ever asked for, as package URLs with wildcards."""
    rollbacks: int | None = None
    """How many artifacts that ran at a place before are kept, to be rolled back to."""
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another registry that a namespace reads through to, for one format; its patterns are package URLs."""

    namespace: str
    format: str
    name: str
    url: str
    private: bool = False
    """Whether it may be at an address of a private network."""
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    """What needs no cooldown."""
    cooldown_seconds: int = 0
    refresh_seconds: int = 0
    has_credentials: bool = False
    """Whether it is asked with credentials, which nobody is shown."""


@dataclass(frozen=True, slots=True)
class UpstreamTrial:
    """What came of asking an upstream."""

    status: int | None = None
    """None when there was no answer of use."""
    seconds: float = 0.0
    problem: str | None = None
    """Why reading through to it will not work; None when nothing is wrong."""


@dataclass(frozen=True, slots=True)
class MirroredPackage:
    """A package that an upstream was asked for."""

    name: str


@dataclass(frozen=True, slots=True)
class RefreshedPackage:
    """What an upstream says of a package, now that it was asked again."""

    package: str
    versions: int
    """How many it shows."""
    stale: str | None = None
    """Why this is its last answer, and not today's; None when it is today's."""


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file of a version that is there."""

    name: str
    digest: Digest
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class FetchedVersion:
    """A version that is there, with those of its files that are."""

    version: str
    files: tuple[FetchedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Principal:
    """A user or a robot."""

    name: str
    kind: str
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a principal has."""

    principal: str
    role: str
    view: str | None = None
    pattern: str = "*"


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; not its secret."""

    id: str
    label: str
    principal: str
    scope: tuple[Right, ...] | None = None
    """None when it may do whatever its principal may."""
    parent: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made: the only time that its secret is told."""

    token: str = field(repr=False)
    id: str
    principal: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """What versions are versions of."""

    namespace: str
    format: str
    name: str
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A tag or a version: what it means, since and until when."""

    kind: str
    name: str
    digest: Digest
    from_position: int
    until_position: int | None = None
    sealed: bool = False
    yanked: str | None = None
    deprecated: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What an artifact points at."""

    kind: str
    digest: Digest
    size: int
    media_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Referrer:
    """An artifact that refers to another, such as a signature."""

    digest: Digest
    artifact_type: str | None = None
    size: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clearance:
    """An artifact of a package is in a channel."""

    channel: str
    digest: Digest
    from_position: int
    until_position: int | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """A channel that shows an artifact."""

    channel: str
    from_position: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """An immutable node; its links and what surrounds it only when it was asked for by name."""

    digest: Digest
    size: int
    media_type: str
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    published_position: int | None = None
    published_at: datetime | None = None
    references: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    subject: Digest | None = None
    referrers: tuple[Referrer, ...] = ()
    clearances: tuple[Cleared, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search found."""

    namespace: str
    format: str
    name: str
    digest: Digest
    references: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A change, in its place in the journal."""

    position: int
    at: datetime
    actor: str
    type: str
    data: Mapping[str, object] = field(default_factory=dict)
    hash: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a version."""

    path: str
    digest: Digest
    size: int
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A version of a package of plain files."""

    package: str
    version: str
    digest: Digest
    sealed: bool = False
    yanked: str | None = None
    deprecated: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuer:
    """A system whose identity tokens are believed, as far as trusted publishers say so."""

    name: str
    provider: str
    url: str
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    max_lifetime_seconds: int = 0
    private: bool = False
    """Whether it may be at an address of a private network."""
    has_keys: bool = False
    """Whether its keys were uploaded; else it is asked for them."""


@dataclass(frozen=True, slots=True)
class RemovedIssuer:
    """An issuer that is believed no more."""

    name: str
    publishers: tuple[str, ...] = ()
    """Those that went with it."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Jobs that may do something in a namespace, without a secret."""

    namespace: str
    name: str
    principal: str
    """The robot that acts for it, in the journal too."""
    issuer: str
    rules: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    role: str = ""
    lifetime_seconds: int = 0
    used_at: datetime | None = None
    """When a job was believed last; None while it is pending."""
    lapses_at: datetime | None = None
    """Until when a job has to come, while it is pending."""


@dataclass(frozen=True, slots=True)
class TokenProblem:
    """Why an identity token would be refused, whoever the job is."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One thing that a trusted publisher asks of a job."""

    claim: str
    expected: str
    actual: str | None = None
    holds: bool = False


@dataclass(frozen=True, slots=True)
class JudgedPublisher:
    """A trusted publisher, and whether it is for the job."""

    name: str
    matches: bool
    checks: tuple[ClaimCheck, ...] = ()
    lapsed: bool = False
    """Whether it waited too long for its first job."""


@dataclass(frozen=True, slots=True)
class TokenPreview:
    """What would come of trading an identity token."""

    issuer: str | None = None
    problems: tuple[TokenProblem, ...] = ()
    subject: str | None = None
    expires_at: datetime | None = None
    publishers: tuple[JudgedPublisher, ...] = ()
    """Those that match first."""
    unknown_claims: tuple[str, ...] = ()


# --- the log ---


@dataclass(frozen=True, slots=True)
class LogState:
    """The transparency log of the journal; nothing of it is verified yet."""

    origin: str
    keys: tuple[str, ...]
    """The verifier keys that it says it signs with."""
    witness: str
    size: int
    root: str
    checkpoint: str
    witnesses: tuple[str, ...] = ()
    """The verifier keys of those who are asked to sign its checkpoints."""
    cosigned: str | None = None
    """The last checkpoint that witnesses have signed."""


@dataclass(frozen=True, slots=True)
class LogInclusion:
    """That an entry of the journal is in the log; `proof` is the whole of it as a file."""

    index: int
    size: int
    leaf: str
    proof: str


@dataclass(frozen=True, slots=True)
class LogConsistency:
    """That a tree of the log begins with all of an earlier one."""

    old: int
    size: int
    path: tuple[str, ...]
    checkpoint: str


# --- webhooks ---


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told of events."""

    id: str
    url: str
    namespace: str | None = None
    types: tuple[str, ...] = ("*",)
    private: bool = False
    created_at: datetime | None = None
    disabled: str | None = None
    """Why nothing is sent; None when something is."""
    position: int = 0
    due_at: datetime | None = None
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook that was made, and the secret that its messages are signed with, told this once."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """The secret that a webhook's messages are signed with from now on."""

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookTrial:
    """What came of sending a test."""

    status: int | None = None
    problem: str | None = None
    """None when it has arrived."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an event that a webhook was to be told of."""

    position: int
    type: str
    outcome: str
    attempts: int
    at: datetime
    status: int | None = None
    problem: str | None = None


# --- what is in artifacts ---


@dataclass(frozen=True, slots=True)
class Sbom:
    """A document that says what is in an artifact."""

    carrier: Digest
    content: Digest
    source: str
    """``attested``, ``uploaded`` or ``generated``."""
    form: str
    components: int
    unread: int = 0
    problem: str | None = None
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence of what is in an artifact."""

    expression: str
    category: str
    components: int


@dataclass(frozen=True, slots=True)
class Sboms:
    """What is known of what is in an artifact."""

    digest: Digest
    documents: tuple[Sbom, ...] = ()
    licences: tuple[Licence, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """A package in an artifact, or one that it needs."""

    name: str
    version: str | None = None
    purl: str | None = None
    licence: str | None = None
    relation: str = "contained"
    kind: str = "library"
    constraint: str | None = None
    """Which versions will do, where none is said."""
    hashes: tuple[str, ...] = ()
    found_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComponentChange:
    """A difference between two artifacts."""

    kind: str
    component: Component
    before: Component | None = None
