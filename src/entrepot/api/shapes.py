"""What the management API reads and writes, as shapes of JSON.

Digests are text, times RFC 3339 in UTC, positions and sizes whole numbers.
A shape that clients send refuses fields that it does not know, so that a misspelt one is not silently left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from entrepot.model.access import Action, Allowance, PrincipalKind, Role
from entrepot.model.advisory import Level, State
from entrepot.model.artifact import LinkKind
from entrepot.model.assessment import VexStatus
from entrepot.model.digest import Digest
from entrepot.model.federation import Algorithm, Provider
from entrepot.model.names import PackagePattern
from entrepot.model.reference import ReferenceKind
from entrepot.model.signer import Scope as ModelScope
from entrepot.model.signer import SignerKind, SignerState
from entrepot.ports import attestations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.inventory.compare import Change
    from entrepot.model import (
        access,
        artifact,
        assessment,
        component,
        events,
        federation,
        namespace,
        reference,
        signer,
        upstream,
        webhook,
    )
    from entrepot.model.build import Build as ModelBuild
    from entrepot.operations import impact, scan
    from entrepot.operations.advisories import Imported
    from entrepot.operations.advisory_changes import Changes
    from entrepot.operations.deliver import Attempt
    from entrepot.operations.exchange import Preview
    from entrepot.operations.inspect import Inspection
    from entrepot.operations.read_sbom import Known
    from entrepot.operations.registry import Fetched
    from entrepot.operations.upstreams import Trial
    from entrepot.ports import catalog, inventories
    from entrepot.ports.advisories import Source
    from entrepot.ports.assessments import ReportRow, VexRow

T = TypeVar("T")

_ID = "0b8f7e5c-6a0e-4c38-9a55-3a4b4f0f7a41"
_TIME = "2026-01-31T12:00:00Z"
_DIGEST = "sha256:" + 64 * "a"

_MAX_TEXT = 1_000
_MAX_PATTERNS = 100
_MAX_PURLS = 500
_MAX_SECRET = 16 * 1024
_MAX_POSITION = 2**63 - 1
_MAX_SECONDS = 100 * 365 * 24 * 60 * 60


def _text(description: str, example: str, pattern: str | None = None, longest: int = _MAX_TEXT) -> Meta:
    """How a text is documented. Only its length is checked here; the model's own parsers know the rest."""
    extra = None if pattern is None else {"pattern": pattern}
    return Meta(description=description, examples=[example], max_length=longest, extra_json_schema=extra)


_LABEL = "[a-z0-9]+(-[a-z0-9]+)*"

NamespaceText = Annotated[str, _text("The name of a namespace.", "acme", f"^{_LABEL}$", 63)]
ChannelText = Annotated[str, _text("The name of a channel.", "prod", f"^{_LABEL}$", 63)]
ViewText = Annotated[
    str,
    _text(
        "A namespace (`acme`), or what one of its channels shows (`acme.prod`, read-only).",
        "acme",
        rf"^{_LABEL}(\.{_LABEL})?$",
        127,
    ),
]
FormatText = Annotated[str, _text("A package's format; `GET /api/v1/status` lists them.", "oci")]
PackageText = Annotated[str, _text("A package's name, with its slashes as they are.", "team/api")]
ReferenceText = Annotated[
    str, _text("The name of a tag or a version.", "1.4.0", "^[a-zA-Z0-9_][a-zA-Z0-9._+-]{0,127}$")
]
DigestText = Annotated[
    str, _text("The digest of an artifact or a blob.", _DIGEST, "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")
]
ArtifactText = Annotated[str, _text("A tag, a version, or the digest of an artifact.", "1.4.0")]
MediaTypeText = Annotated[str, _text("A media type.", "application/vnd.oci.image.manifest.v1+json")]
PrincipalText = Annotated[
    str,
    _text(
        "The name of a user or robot.",
        "build-robot",
        f"^([a-z0-9]([a-z0-9._@-]{{0,62}}[a-z0-9])?|publisher:{_LABEL}/{_LABEL})$",
    ),
]
WebhookId = Annotated[str, _text("The id of a webhook.", _ID)]
TokenId = Annotated[str, _text("The public id of a token.", _ID)]
PatternText = Annotated[str, _text("A glob over the names of packages; `*` is any run of characters.", "*")]
PolicyText = Annotated[str, _text("The name of a policy.", "no-criticals", "^[a-z0-9][a-z0-9-]*$", 63)]
ExemptionId = Annotated[str, _text("An exemption.", _ID, longest=100)]
HoldId = Annotated[str, _text("A lease or a hold.", _ID, longest=100)]
ClusterText = Annotated[str, _text("A cluster, as whoever deploys calls it.", "eu-1", longest=128)]
SecretText = Annotated[
    str, _text("What a secret is called.", "aws-access-key-0a1b2c3d4e5f", "^[a-z0-9-]+-[0-9a-f]{12}$", 100)
]
PromotionId = Annotated[str, _text("A promotion.", _ID, longest=100)]
UpstreamText = Annotated[str, _text("The name of an upstream in its namespace.", "public", f"^{_LABEL}$", 63)]
IssuerText = Annotated[str, _text("The name of an issuer of identity tokens.", "github", f"^{_LABEL}$", 63)]
PublisherText = Annotated[str, _text("The name of a trusted publisher in its namespace.", "release", f"^{_LABEL}$", 63)]
AdvisorySourceText = Annotated[str, _text("The name of a source of advisories.", "osv", f"^{_LABEL}$", 63)]
AdvisoryText = Annotated[str, _text("The name of an advisory, as its database has it.", "PYSEC-2023-74")]
SignerText = Annotated[
    str, _text("The name of a signer in its namespace.", "ci-2026", "^[a-z0-9]+([._-][a-z0-9]+)*$", 63)
]
RootText = Annotated[str, _text("The name of a trusted root.", "acme-sigstore", f"^{_LABEL}$", 63)]
SbomFormText = Annotated[str, _text("The form of an SBOM: `cyclonedx` or `spdx`.", "cyclonedx")]
PurlText = Annotated[
    str,
    _text("A package URL; `*` in it is any run of characters. Without a version it is all of them.", "pkg:oci/lib*"),
]
RoleName = Annotated[Role, Meta(description="What it allows.", examples=[Role.PUBLISHER])]
ActionNames = Annotated[list[Action], Meta(description="What it comes to.", examples=[sorted(Role.PUBLISHER.actions)])]
Reason = Annotated[str, _text("Why, for people.", "broken on arm64")]
Position = Annotated[int, Meta(description="A place in the journal.", examples=[42])]
Size = Annotated[int, Meta(description="In bytes.", examples=[1234])]
Annotations = Annotated[
    dict[str, str],
    Meta(
        description="What the artifact's manifest says of itself.",
        examples=[{"org.opencontainers.image.revision": "4f2c1e0"}],
    ),
]


class Page(Struct, Generic[T], frozen=True):
    """Some of a list, and where it goes on."""

    items: list[T]
    next: Annotated[str | None, Meta(description="What to send as `after` for the rest.", examples=[None])]


class PageQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list is asked for."""

    after: Annotated[str, Meta(description="`next` of the page before.", max_length=_MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Problem(Struct, frozen=True):
    """Why a request was refused (RFC 9457)."""

    type: Annotated[str, Meta(examples=["about:blank"])]
    title: Annotated[str, Meta(description="What the code stands for.", examples=["The name is not well formed."])]
    status: Annotated[int, Meta(description="The status of the answer.", examples=[400])]
    detail: Annotated[str, Meta(examples=["The name is not well formed: Acme (expected a namespace: lower-case …)"])]
    code: Annotated[str, Meta(description="For programs; it never changes.", examples=["invalid-name"])]
    request_id: Annotated[str, Meta(description="To find the request in the log.", examples=["5e1f0c9a"])]
    expected: Annotated[str, Meta(description="What would have been right.")] | UnsetType = UNSET
    actual: Annotated[str, Meta(description="What there was instead.")] | UnsetType = UNSET


# --- namespaces ---


class Namespace(Struct, frozen=True):
    """A team or tenant, with its rules and its channels."""

    name: NamespaceText
    public: Annotated[bool, Meta(description="Whether anybody may read it without credentials.")]
    movable: Annotated[list[PatternText], Meta(description="Which tags publishers may move.", max_length=_MAX_PATTERNS)]
    versions: Annotated[
        list[PatternText],
        Meta(
            description="Which names are versions, and never move, beside those that look like one.",
            max_length=_MAX_PATTERNS,
        ),
    ]
    channels: Annotated[list[ChannelText], Meta(description="Its stages, in order.")]
    reserved: Annotated[
        list[PurlText],
        Meta(
            description="Names that are its own, published or not: no upstream is ever asked for them.",
            max_length=_MAX_PURLS,
        ),
    ]
    rollbacks: Annotated[
        int,
        Meta(description="How many artifacts that ran at a place before are kept, to be rolled back to.", examples=[3]),
    ]
    revision: Position | None

    @staticmethod
    def of(found: namespace.Namespace) -> Namespace:
        """How a namespace is shown."""
        return Namespace(
            name=found.name,
            public=found.public,
            movable=[str(pattern) for pattern in found.rules.movable],
            versions=[str(pattern) for pattern in found.rules.versions],
            channels=list(found.channels),
            reserved=_texts(found.reserved),
            rollbacks=found.rollbacks,
            revision=found.revision,
        )


class NewNamespace(Struct, frozen=True, forbid_unknown_fields=True):
    """A namespace to be."""

    name: NamespaceText
    public: Annotated[bool, Meta(description="Whether anybody may read it without credentials.")] = False


class NamespaceChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different about a namespace; what is left out stays."""

    public: Annotated[bool, Meta(description="Whether anybody may read it without credentials.")] | UnsetType = UNSET
    movable: (
        Annotated[list[PatternText], Meta(description="Which tags publishers may move.", max_length=_MAX_PATTERNS)]
        | UnsetType
    ) = UNSET
    versions: (
        Annotated[list[PatternText], Meta(description="Which names are versions.", max_length=_MAX_PATTERNS)]
        | UnsetType
    ) = UNSET
    reserved: (
        Annotated[list[PurlText], Meta(description="Which names are its own, without versions.", max_length=_MAX_PURLS)]
        | UnsetType
    ) = UNSET
    rollbacks: (
        Annotated[int, Meta(description="How many artifacts that ran at a place before are kept.", ge=0, le=100)]
        | UnsetType
    ) = UNSET


class Channels(Struct, frozen=True, forbid_unknown_fields=True):
    """The stages of a namespace, in order."""

    channels: list[ChannelText]


# --- upstreams ---

_URL = Meta(
    description="Where it is: `http://` or `https://`, a host, perhaps a port and a path.",
    examples=["https://registry.example.com/v2"],
    max_length=_MAX_TEXT,
)
_PRIVATE = Meta(description="Whether it may be at an address of a private network; only an administrator allows that.")
_ALLOW = Meta(description="Only these are let in, when there are any.", max_length=_MAX_PURLS)
_BLOCK = Meta(description="None of these is let in.", max_length=_MAX_PURLS)
_EXEMPT = Meta(description="These need no cooldown.", max_length=_MAX_PURLS)
_COOLDOWN = Meta(
    description="How long a version that is new to us stays hidden.", examples=[604_800], ge=0, le=_MAX_SECONDS
)
_REFRESH = Meta(
    description="How old what it said may be before it is asked again.", examples=[300], ge=0, le=_MAX_SECONDS
)


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """What an upstream is asked with: `user` and `password`, or `token`. It is never shown."""

    user: Annotated[str, Meta(examples=["ci"], max_length=_MAX_TEXT)] | UnsetType = UNSET
    password: Annotated[str, Meta(examples=["a password"], max_length=_MAX_SECRET)] | UnsetType = UNSET
    token: Annotated[str, Meta(examples=["a token"], max_length=_MAX_SECRET)] | UnsetType = UNSET


_CREDENTIALS = Meta(
    description="What it is asked with, null for nothing. It is never shown.", examples=[{"token": "a token"}]
)


class Upstream(Struct, frozen=True):
    """Another registry that a namespace reads through to, for one format."""

    namespace: NamespaceText
    format: FormatText
    name: UpstreamText
    url: Annotated[str, _URL]
    private: Annotated[bool, _PRIVATE]
    allow: Annotated[list[PurlText], _ALLOW]
    block: Annotated[list[PurlText], _BLOCK]
    exempt: Annotated[list[PurlText], _EXEMPT]
    cooldown_seconds: Annotated[int, _COOLDOWN]
    refresh_seconds: Annotated[int, _REFRESH]
    has_credentials: Annotated[bool, Meta(description="Whether it is asked with credentials, which nobody is shown.")]

    @staticmethod
    def of(found: upstream.Upstream) -> Upstream:
        """How an upstream is shown."""
        rules = found.rules
        return Upstream(
            namespace=found.namespace,
            format=found.format,
            name=found.name,
            url=found.url,
            private=found.private,
            allow=_texts(rules.allow),
            block=_texts(rules.block),
            exempt=_texts(rules.exempt),
            cooldown_seconds=int(rules.cooldown.total_seconds()),
            refresh_seconds=int(rules.refresh.total_seconds()),
            has_credentials=found.has_credentials,
        )


class UpstreamsQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which upstreams are asked for."""

    format: FormatText | UnsetType = UNSET


class NewUpstream(Struct, frozen=True, forbid_unknown_fields=True):
    """An upstream to be."""

    format: FormatText
    name: UpstreamText
    url: Annotated[str, _URL]
    private: Annotated[bool, _PRIVATE] = False
    allow: Annotated[list[PurlText], _ALLOW] = []
    block: Annotated[list[PurlText], _BLOCK] = []
    exempt: Annotated[list[PurlText], _EXEMPT] = []
    cooldown_seconds: Annotated[int, _COOLDOWN] = 0
    refresh_seconds: Annotated[int, _REFRESH] = 300
    credentials: Annotated[Credentials | None, _CREDENTIALS] = None


class UpstreamChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be different about an upstream; what is left out stays.

    Its credentials are forgotten with its address, unless new ones are sent.
    """

    url: Annotated[str, _URL] | UnsetType = UNSET
    private: Annotated[bool, _PRIVATE] | UnsetType = UNSET
    allow: Annotated[list[PurlText], _ALLOW] | UnsetType = UNSET
    block: Annotated[list[PurlText], _BLOCK] | UnsetType = UNSET
    exempt: Annotated[list[PurlText], _EXEMPT] | UnsetType = UNSET
    cooldown_seconds: Annotated[int, _COOLDOWN] | UnsetType = UNSET
    refresh_seconds: Annotated[int, _REFRESH] | UnsetType = UNSET
    credentials: Annotated[Credentials | UnsetType | None, _CREDENTIALS] = UNSET


class MirroredPackage(Struct, frozen=True):
    """A package that an upstream was asked for."""

    name: PackageText


class PackageToRefresh(Struct, frozen=True, forbid_unknown_fields=True):
    """What an upstream is to be asked for again."""

    package: PackageText


class RefreshedPackage(Struct, frozen=True):
    """What an upstream says of a package, now that it was asked again."""

    package: PackageText
    versions: Annotated[int, Meta(description="How many it shows.", examples=[12])]
    stale: Annotated[
        str | None,
        Meta(description="Why this is its last answer, and not today's; null when it is today's.", examples=[None]),
    ]


class VersionToFetch(Struct, frozen=True, forbid_unknown_fields=True):
    """A version that will be wanted."""

    version: Annotated[str, Meta(description="As the format writes it.", examples=["1.0.0"], max_length=_MAX_TEXT)]
    hashes: Annotated[
        list[Annotated[str, Meta(examples=["sha256:e3b0c442…"], max_length=_MAX_TEXT)]],
        Meta(description="Of its files those with one of these; all, when there are none.", max_length=1_000),
    ] = []


class FetchedFile(Struct, frozen=True):
    """A file of a version that is here."""

    name: Annotated[str, Meta(examples=["pkg-1.0.0-py3-none-any.whl"])]
    digest: DigestText
    size: Annotated[int, Meta(description="Bytes.", examples=[123])]


class FetchedVersion(Struct, frozen=True):
    """A version that is here."""

    version: Annotated[str, Meta(examples=["1.0.0"])]
    files: list[FetchedFile]

    @staticmethod
    def of(version: str, found: Sequence[Fetched]) -> FetchedVersion:
        """How it is shown."""
        return FetchedVersion(version, [FetchedFile(each.name, str(each.digest), each.size) for each in found])


class UpstreamTrial(Struct, frozen=True):
    """What came of asking an upstream."""

    status: Annotated[int | None, Meta(description="Null when there was no answer of use.", examples=[200])]
    seconds: Annotated[float, Meta(description="How long it took.", examples=[0.21])]
    problem: Annotated[
        str | None,
        Meta(description="Why reading through to it will not work; null when nothing is wrong.", examples=[None]),
    ]

    @staticmethod
    def of(found: Trial) -> UpstreamTrial:
        """How a trial is shown."""
        return UpstreamTrial(found.status, found.took.total_seconds(), found.problem)


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


# --- who may ---


class Principal(Struct, frozen=True):
    """Somebody whom the registry knows."""

    name: PrincipalText
    kind: Annotated[PrincipalKind, Meta(examples=[PrincipalKind.ROBOT])]
    disabled: bool

    @staticmethod
    def of(found: tuple[access.Principal, bool]) -> Principal:
        """How a principal is shown."""
        principal, disabled = found
        return Principal(principal.name, principal.kind, disabled)


class NewPrincipal(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to be known."""

    name: PrincipalText
    kind: Annotated[PrincipalKind, Meta(examples=[PrincipalKind.ROBOT])]


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """A role that a principal has; without a view, everywhere."""

    principal: PrincipalText
    role: RoleName
    view: ViewText | None = None
    pattern: PatternText = "*"

    @staticmethod
    def of(found: catalog.Grant) -> Grant:
        """How a grant is shown."""
        held = found.allowance
        return Grant(found.principal, held.role, None if held.view is None else str(held.view), str(held.pattern))


class GrantsQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Whose grants are asked for."""

    principal: PrincipalText | UnsetType = UNSET


class GrantQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """One grant, spelt out; without a view, everywhere."""

    principal: PrincipalText
    role: RoleName
    view: ViewText | UnsetType = UNSET
    pattern: PatternText = "*"


class Scope(Struct, frozen=True):
    """Actions on the packages that a pattern names, seen through a view; without a view, everywhere."""

    role: RoleName
    actions: ActionNames
    view: ViewText | None
    pattern: PatternText

    @staticmethod
    def of(held: access.Allowance) -> Scope:
        """How an allowance is shown."""
        view = None if held.view is None else str(held.view)
        return Scope(held.role, sorted(held.actions), view, str(held.pattern))


class Token(Struct, frozen=True):
    """A token, without its secret."""

    id: TokenId
    label: Annotated[str, Meta(description="What it was called when it was made.", examples=["build-robot"])]
    principal: PrincipalText
    scope: Annotated[list[Scope], Meta(description="What it is narrowed to; null when it is not.")] | None
    parent: Annotated[str | None, Meta(description="The token that it was made with, and ends with.", examples=[None])]
    created_at: Annotated[datetime, Meta(examples=[_TIME])]
    expires_at: Annotated[datetime, Meta(examples=[_TIME])] | None
    revoked: bool

    @staticmethod
    def of(found: catalog.TokenRow) -> Token:
        """How a token is shown."""
        return Token(
            id=found.id,
            label=found.label,
            principal=found.principal,
            scope=None if found.scope is None else [Scope.of(allowance) for allowance in found.scope],
            parent=found.parent,
            created_at=found.created_at,
            expires_at=found.expires_at,
            revoked=found.revoked,
        )


class NewToken(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be: what it is for, and for how long."""

    name: PrincipalText
    role: RoleName
    view: ViewText | None = None
    pattern: PatternText = "*"
    actions: (
        Annotated[
            list[Action],
            Meta(description="Of what the role allows, these alone.", examples=[[Action.PUBLISH]], min_length=1),
        ]
        | None
    ) = None
    ttl_seconds: Annotated[int, Meta(description="Without it, until it is revoked.", ge=1, le=_MAX_SECONDS)] | None = (
        None
    )


class MintedToken(Struct, frozen=True):
    """A token with its secret, which is shown this once."""

    token: Annotated[str, Meta(description="The secret.", examples=["ent_bot_" + 36 * "x"])]
    id: TokenId
    principal: PrincipalText
    expires_at: Annotated[datetime, Meta(examples=[_TIME])] | None


class Right(Struct, frozen=True):
    """Something that the caller may do; without a view, everywhere."""

    role: Annotated[Role | None, Meta(description="Null for an access token's own scope.", examples=[Role.PUBLISHER])]
    actions: ActionNames
    view: ViewText | None
    pattern: PatternText

    @staticmethod
    def of(held: access.Allowance | access.Permit) -> Right:
        """How an allowance, or what an access token was asked for, is shown."""
        if isinstance(held, Allowance):
            view = None if held.view is None else str(held.view)
            return Right(held.role, sorted(held.actions), view, str(held.pattern))
        return Right(None, sorted(held.actions), str(held.view), held.package)


class Whoami(Struct, frozen=True):
    """Who asks, and what they may do."""

    principal: Annotated[str, Meta(description="Null for who has no credentials.", examples=["build-robot"])] | None
    kind: Annotated[PrincipalKind | None, Meta(examples=[PrincipalKind.ROBOT])]
    token_id: TokenId | None
    expires_at: Annotated[datetime, Meta(examples=[_TIME])] | None
    allowances: Annotated[
        list[list[Right]],
        Meta(description="The principal's grants, then what each token on the way narrows them to: all must allow it."),
    ]

    @staticmethod
    def of(caller: access.Caller) -> Whoami:
        """How a caller is shown."""
        return Whoami(
            principal=None if caller.principal is None else caller.principal.name,
            kind=None if caller.principal is None else caller.principal.kind,
            token_id=caller.token_id,
            expires_at=caller.token_expires_at,
            allowances=[[Right.of(held) for held in layer] for layer in caller.rights.layers],
        )


# --- trusted publishers ---

_PROVIDER = Meta(description="Whose claims its tokens have.", examples=[Provider.GITHUB])
_ISSUER_URL = _text("Exactly what its tokens have as `iss`.", "https://gitlab.example.com", longest=512)
_AUDIENCES = Meta(
    description="What a token may be for; it must be for one of them, and nothing else. The first is told to clients.",
    examples=[["https://registry.example.com"]],
    max_length=10,
)
_ALGORITHMS = Meta(description="How its tokens may be signed.", examples=[[Algorithm.RS256]], max_length=10)
_MAX_LIFETIME = Meta(description="How long a token may be good for.", examples=[3600], ge=60, le=86_400)
_ISSUER_PRIVATE = Meta(description="Whether it may be at an address of a private network.", examples=[False])
_RULES = Meta(
    description="What claims must be: a text, or a glob in which `*` does not cross `/`, `:` or `@`.",
    examples=[{"repository": "acme/app", "workflow_file": "release.yml", "environment": "release"}],
    max_length=30,
)
_RULE_TEXT = Meta(max_length=512)
_PUBLISHED = Meta(description="Which packages it is for.", examples=[["app", "lib-*"]], max_length=50)
_PUBLISHER_LIFETIME = Meta(
    description="How long the tokens work that its jobs get.", examples=[900], ge=60, le=12 * 60 * 60
)


class Issuer(Struct, frozen=True):
    """A system whose identity tokens are believed, as far as trusted publishers say so."""

    name: IssuerText
    provider: Annotated[Provider, _PROVIDER]
    url: Annotated[str, _ISSUER_URL]
    audiences: Annotated[list[str], _AUDIENCES]
    algorithms: Annotated[list[Algorithm], _ALGORITHMS]
    max_lifetime_seconds: Annotated[int, _MAX_LIFETIME]
    private: Annotated[bool, _ISSUER_PRIVATE]
    has_keys: Annotated[bool, Meta(description="Whether its keys were uploaded; else it is asked for them.")]

    @classmethod
    def of(cls, issuer: federation.Issuer) -> Issuer:
        """What is shown of an issuer."""
        return cls(
            issuer.name,
            issuer.provider,
            issuer.url,
            list(issuer.audiences),
            list(issuer.algorithms),
            int(issuer.max_lifetime.total_seconds()),
            issuer.private,
            issuer.keys is not None,
        )


class NewIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """An issuer to be."""

    name: IssuerText
    url: Annotated[str, _ISSUER_URL]
    provider: Annotated[Provider, _PROVIDER] = Provider.GENERIC
    audiences: Annotated[list[Annotated[str, Meta(max_length=512)]], _AUDIENCES] = []
    algorithms: Annotated[list[Algorithm], _ALGORITHMS] = msgspec.field(default_factory=lambda: [Algorithm.RS256])
    max_lifetime_seconds: Annotated[int, _MAX_LIFETIME] = 3600
    private: Annotated[bool, _ISSUER_PRIVATE] = False
    keys: Annotated[
        dict[str, Any] | None,
        Meta(description="Its public keys, a JWK set, where it cannot be asked.", examples=[None]),
    ] = None


class RemovedIssuer(Struct, frozen=True):
    """An issuer that is believed no more."""

    name: IssuerText
    publishers: Annotated[
        list[str], Meta(description="The trusted publishers that went with it.", examples=[["acme/release"]])
    ]


class Publisher(Struct, frozen=True):
    """Jobs that may do something in a namespace, without a secret."""

    namespace: NamespaceText
    name: PublisherText
    principal: Annotated[
        str, Meta(description="The robot that acts for it, in the journal too.", examples=["publisher:acme/release"])
    ]
    issuer: IssuerText
    rules: Annotated[dict[str, Annotated[str, _RULE_TEXT]], _RULES]
    packages: Annotated[list[PatternText], _PUBLISHED]
    role: RoleName
    lifetime_seconds: Annotated[int, _PUBLISHER_LIFETIME]
    used_at: Annotated[
        datetime | None,
        Meta(description="When a job was believed last; null while it is pending.", examples=[_TIME]),
    ]
    lapses_at: Annotated[
        datetime | None,
        Meta(
            description="Until when a job has to come, while it is pending; null for one whose jobs came.",
            examples=[_TIME],
        ),
    ]

    @classmethod
    def of(cls, publisher: federation.Publisher) -> Publisher:
        """What is shown of a trusted publisher."""
        return cls(
            publisher.namespace,
            publisher.name,
            publisher.principal,
            publisher.issuer,
            {rule.claim: rule.pattern for rule in publisher.rules},
            [str(pattern) for pattern in publisher.packages],
            publisher.role,
            int(publisher.lifetime.total_seconds()),
            publisher.used_at,
            publisher.lapses_at,
        )


class NewPublisher(Struct, frozen=True, forbid_unknown_fields=True):
    """A trusted publisher to be."""

    name: PublisherText
    issuer: IssuerText
    rules: Annotated[dict[str, Annotated[str, _RULE_TEXT]], _RULES]
    packages: Annotated[list[PatternText], _PUBLISHED] = msgspec.field(default_factory=lambda: ["*"])
    role: RoleName = Role.PUBLISHER
    lifetime_seconds: Annotated[int, _PUBLISHER_LIFETIME] = 900


class TokenToPreview(Struct, frozen=True, forbid_unknown_fields=True):
    """An identity token to be looked at."""

    token: Annotated[str, Meta(description="As the CI system gave it.", examples=["eyJ…"], max_length=32 * 1024)]


class TokenProblem(Struct, frozen=True):
    """Why an identity token would be refused, whoever the job is."""

    reason: Annotated[str, Meta(description="For programs.", examples=["expired"])]
    detail: Annotated[str, Meta(description="For people.", examples=["exp (expected later than 2026-01-31T12:00:00Z)"])]


class ClaimCheck(Struct, frozen=True):
    """One thing that a trusted publisher asks of a job."""

    claim: Annotated[str, Meta(examples=["repository"])]
    expected: Annotated[str, Meta(examples=["acme/app"])]
    actual: Annotated[str | None, Meta(description="What the token says; null for nothing.", examples=["acme/app"])]
    holds: Annotated[bool, Meta(examples=[True])]


class JudgedPublisher(Struct, frozen=True):
    """A trusted publisher, and whether it is for the job."""

    name: PublisherText
    matches: Annotated[bool, Meta(description="Whether every check holds, and it has not lapsed.", examples=[True])]
    checks: Annotated[list[ClaimCheck], Meta(description="All that it asks.")]
    lapsed: Annotated[bool, Meta(description="Whether it waited too long for its first job.", examples=[False])]


class TokenPreview(Struct, frozen=True):
    """What would come of trading an identity token."""

    issuer: Annotated[IssuerText | None, Meta(description="Who made it; null when nobody known did.")]
    problems: Annotated[list[TokenProblem], Meta(description="Why it would be refused; none when it is good.")]
    subject: Annotated[
        str | None,
        Meta(
            description="Whom it is about; null when its signature is not good.",
            examples=["repo:acme/app:ref:refs/heads/main"],
        ),
    ]
    expires_at: Annotated[datetime | None, Meta(description="Until when it is good.", examples=[_TIME])]
    publishers: Annotated[
        list[JudgedPublisher],
        Meta(description="The namespace's for this issuer, those that match first; none while its signature is bad."),
    ]
    unknown_claims: Annotated[
        list[str], Meta(description="Claims that nobody here knows, and no rule looks at.", examples=[[]])
    ]

    @classmethod
    def of(cls, found: Preview) -> TokenPreview:
        """What is shown of a preview; never the token."""
        return cls(
            None if found.issuer is None else found.issuer.name,
            [TokenProblem(each.reason, str(each)) for each in found.problems],
            found.subject,
            found.expires_at,
            [
                JudgedPublisher(
                    each.publisher.name,
                    each.matches,
                    [ClaimCheck(check.claim, check.expected, check.actual, check.holds) for check in each.checks],
                    each.lapsed,
                )
                for each in found.publishers
            ],
            list(found.unknown),
        )


# --- what is there ---


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


class Because(Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done."""

    reason: Reason = ""


class ArtifactSummary(Struct, frozen=True):
    """An immutable node: the bytes of one manifest or index."""

    digest: DigestText
    size: Size
    media_type: MediaTypeText
    artifact_type: Annotated[str, Meta(examples=["application/vnd.cncf.helm.config.v1+json"])] | None
    annotations: Annotations
    published_position: Position
    published_at: Annotated[datetime, Meta(examples=[_TIME])]

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

    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=_MAX_POSITION)] = 0
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


class Sbom(Struct, frozen=True):
    """A document that says what is in an artifact."""

    carrier: Annotated[
        str, Meta(description="The referrer that brings it; the artifact itself where none could be made.")
    ]
    content: Annotated[str, Meta(description="The digest of the bytes that hold the document.")]
    source: Annotated[
        str,
        Meta(
            description="`attested`: in a signed statement; `uploaded`: by itself; `generated`: made here.",
            examples=["generated"],
        ),
    ]
    form: Annotated[str, Meta(description="Empty where nobody can tell.", examples=["CycloneDX 1.6"])]
    components: Annotated[int, Meta(description="How many it lists.", examples=[120])]
    unread: Annotated[int, Meta(description="How many files could not be looked into.", examples=[0])]
    problem: Annotated[
        str | None, Meta(description="Why it cannot be read: nothing is known from it then.", examples=[None])
    ]
    position: Position

    @staticmethod
    def of(row: inventories.SbomRow) -> Sbom:
        """How a document is shown."""
        found = row.sbom
        return Sbom(
            str(found.carrier),
            str(found.content),
            str(found.source),
            found.form,
            found.components,
            found.unread,
            found.problem,
            row.position,
        )


class Licence(Struct, frozen=True):
    """A licence of what is in an artifact."""

    expression: Annotated[
        str,
        Meta(description="An SPDX expression, or as it is written where it is none.", examples=["MIT OR Apache-2.0"]),
    ]
    category: Annotated[
        str,
        Meta(
            description="What it asks: `public-domain`, `permissive`, `weak-copyleft`, `strong-copyleft`, "
            "`network-copyleft`, `proprietary` or `unknown`.",
            examples=["permissive"],
        ),
    ]
    components: Annotated[int, Meta(description="How many components have it.", examples=[12])]


class Sboms(Struct, frozen=True):
    """What is known of what is in an artifact."""

    digest: DigestText
    documents: list[Sbom]
    licences: list[Licence]

    @staticmethod
    def of(found: Known) -> Sboms:
        """How that is shown."""
        return Sboms(
            str(found.digest),
            [Sbom.of(row) for row in found.documents],
            [Licence(row.expression, row.category, row.components) for row in found.licences],
        )


class Component(Struct, frozen=True):
    """A package in an artifact, or one that it needs."""

    name: Annotated[str, Meta(examples=["requests"])]
    version: Annotated[str | None, Meta(description="Null where no version is said.", examples=["2.31.0"])]
    purl: Annotated[str | None, Meta(description="Its package URL.", examples=["pkg:pypi/requests@2.31.0"])]
    licence: Annotated[str | None, Meta(examples=["Apache-2.0"])]
    relation: Annotated[
        str,
        Meta(
            description="`subject`, `contained`, `dependency` (needed, and perhaps not in it) or `declared` (by a lockfile in it)."
        ),
    ]
    kind: Annotated[str, Meta(description="In the words of CycloneDX.", examples=["library"])]
    constraint: Annotated[str | None, Meta(description="Which versions will do.", examples=[">=2,<3"])]
    hashes: list[str]
    found_in: Annotated[list[str], Meta(description="Paths in the artifact.")]

    @staticmethod
    def of(found: component.Component) -> Component:
        """How a component is shown."""
        return Component(
            found.name,
            found.version,
            None if found.purl is None else str(found.purl),
            found.licence,
            str(found.relation),
            found.kind,
            found.constraint,
            list(found.hashes),
            list(found.found_in),
        )


class ComponentChange(Struct, frozen=True):
    """A difference between two artifacts."""

    kind: Annotated[str, Meta(description="`added`, `removed`, `version` or `licence`.", examples=["version"])]
    component: Component
    before: Annotated[Component | None, Meta(description="What it was, when it is something else now.")]

    @staticmethod
    def of(found: Change) -> ComponentChange:
        """How a difference is shown."""
        before = None if found.before is None else Component.of(found.before)
        return ComponentChange(str(found.kind), Component.of(found.component), before)


class ChangesQuery(PageQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """With what an artifact is compared."""

    before: ArtifactText


class ClearancesQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Which clearances are asked for."""

    history: Annotated[bool, Meta(description="Whether those that were closed are wanted too.")] = False


class Opened(Struct, frozen=True):
    """What is cleared now."""

    channel: ChannelText
    digest: DigestText


# --- what is known to be bad ---


class NewAdvisorySource(Struct, frozen=True, forbid_unknown_fields=True):
    """Where advisories are to come from."""

    name: AdvisorySourceText
    url: Annotated[
        str,
        _text(
            "A zip of OSV records, a record a line, or the address of another Entrepot.",
            "https://osv.example.com/PyPI/all.zip",
        ),
    ]
    private: Annotated[bool, Meta(description="Whether it may be at an address of a private network.")] = False
    credentials: Annotated[Credentials | None, _CREDENTIALS] = None


class AdvisoryOrigin(Struct, frozen=True):
    """Where a source has its advisories from, when it is another Entrepot."""

    name: Annotated[str, Meta(description="What it is called there.", examples=["pypi"])]
    read_at: Annotated[datetime | None, Meta(description="When it was last read, or asked, there.", examples=[_TIME])]
    advisories: Annotated[int, Meta(examples=[2661])]


class AdvisorySource(Struct, frozen=True):
    """Where advisories come from, and how old they are."""

    name: AdvisorySourceText
    url: Annotated[str | None, Meta(description="Null for what was given as files.", examples=[None])]
    private: bool
    imported_at: Annotated[datetime | None, Meta(description="When it was last read.", examples=[_TIME])]
    checked_at: Annotated[datetime | None, Meta(description="When it was last asked.", examples=[_TIME])]
    problem: Annotated[str | None, Meta(description="Why it could not be read the last time.", examples=[None])]
    advisories: Annotated[int, Meta(examples=[2661])]
    newest: Annotated[datetime | None, Meta(description="When its youngest record was changed.", examples=[_TIME])]
    credentials: Annotated[bool, Meta(description="Whether it is asked with credentials.")]
    origins: Annotated[list[AdvisoryOrigin], Meta(description="Where another Entrepot has them from.", examples=[[]])]

    @staticmethod
    def of(found: Source) -> AdvisorySource:
        """How a source is shown."""
        return AdvisorySource(
            name=found.name,
            url=found.url,
            private=found.private,
            imported_at=found.imported_at,
            checked_at=found.checked_at,
            problem=found.problem,
            advisories=found.advisories,
            newest=found.newest,
            credentials=found.has_credentials,
            origins=[AdvisoryOrigin(each.name, each.read_at, each.advisories) for each in found.origins],
        )


class AdvisoryChangesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which changes are asked for."""

    since: Annotated[str, Meta(description="`cursor` of the page before.", max_length=200)] = ""
    limit: Annotated[int, Meta(description="How many changes are wanted.", ge=1, le=10_000)] = 1_000


class AdvisoryChangesSource(Struct, frozen=True):
    """Who says it."""

    name: Annotated[str, Meta(examples=["pypi"])]
    read_at: Annotated[datetime | None, Meta(description="When it was last read, or asked.", examples=[_TIME])]
    through: Annotated[
        list[str], Meta(description="The `instance`s that it came through, the nearest first.", examples=[[]])
    ]


class ChangedAdvisory(Struct, frozen=True):
    """An advisory that is new, or says something else than before."""

    id: AdvisoryText
    source: Annotated[str, Meta(description="Which of the `sources` says it.", examples=["pypi"])]
    record: Annotated[
        Raw,
        Meta(
            description="The OSV record, as it was sent.",
            examples=[{"id": "PYSEC-2023-74", "modified": _TIME}],
            extra_json_schema={"type": "object"},
        ),
    ]


class AdvisoryChanges(Struct, frozen=True):
    """What changed, and where to go on."""

    instance: Annotated[str, Meta(description="What this set of advisories is called.", examples=["0" * 32])]
    cursor: Annotated[str, Meta(description="What to send as `since` for the rest.", examples=[f"{'0' * 32}.17"])]
    complete: Annotated[
        bool, Meta(description="Whether this is the first page of everything, since `since` was none of here.")
    ]
    more: Annotated[bool, Meta(description="Whether there is more to be asked for now.")]
    sources: list[AdvisoryChangesSource]
    records: list[ChangedAdvisory]
    removed: Annotated[list[AdvisoryText], Meta(description="What was forgotten.", examples=[[]])]

    @staticmethod
    def of(found: Changes) -> AdvisoryChanges:
        """How a page of changes is shown."""
        return AdvisoryChanges(
            instance=found.instance,
            cursor=found.cursor,
            complete=found.complete,
            more=found.more,
            sources=[AdvisoryChangesSource(each.name, each.read_at, list(each.through)) for each in found.sources],
            records=[
                ChangedAdvisory(each.id, each.source, Raw(each.content))
                for each in found.changes
                if each.content is not None
            ],
            removed=[each.id for each in found.changes if each.content is None],
        )


class AdvisoryImportQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose records are sent."""

    source: AdvisorySourceText


class ImportedAdvisories(Struct, frozen=True):
    """What came of an import."""

    source: AdvisorySourceText
    records: Annotated[int, Meta(description="How many were read.", examples=[2661])]
    changed: Annotated[int, Meta(description="Those that are new, or say something else than before.", examples=[12])]
    withdrawn: Annotated[int, Meta(description="Of these, those that are withdrawn.", examples=[1])]
    older: Annotated[int, Meta(description="Records of which another source has a younger form.", examples=[0])]
    matches: Annotated[int, Meta(description="Components that the changed ones mean, or may mean.", examples=[3])]
    removed: Annotated[int, Meta(description="What another Entrepot had handed on, and does no more.", examples=[0])]
    refused: Annotated[int, Meta(description="Records that could not be read.", examples=[0])]
    problems: Annotated[list[str], Meta(description="What was wrong with the first of them.", examples=[[]])]

    @staticmethod
    def of(found: Imported) -> ImportedAdvisories:
        """How an import is shown."""
        return ImportedAdvisories(
            source=found.source,
            records=found.records,
            changed=found.changed,
            withdrawn=found.withdrawn,
            older=found.older,
            matches=found.matches,
            removed=found.removed,
            refused=found.refused,
            problems=list(found.problems),
        )


class ImportedScores(Struct, frozen=True):
    """How many flaws something was said of."""

    flaws: Annotated[int, Meta(examples=[240_000])]


class RemovedAdvisorySource(Struct, frozen=True):
    """A source that is gone, with what it had said."""

    advisories: Annotated[int, Meta(examples=[2661])]


class Suppression(Struct, frozen=True):
    """Why a finding does not count."""

    by: Annotated[str, Meta(description="Whose word it is.", examples=["ada"])]
    reason: Annotated[str, Meta(examples=["the function is never called"])]
    status: Annotated[VexStatus, Meta(examples=[VexStatus.NOT_AFFECTED])]
    at: Annotated[datetime | None, Meta(description="When it was said.", examples=[_TIME])]
    until: Annotated[datetime | None, Meta(description="When it ends.", examples=[_TIME])]
    through: Annotated[str, Meta(description="The exemption's id, or what brought the statement.", examples=[_ID])]

    @staticmethod
    def of(found: assessment.Suppression | None) -> Suppression | None:
        """How it is shown."""
        if found is None:
            return None
        return Suppression(found.by, found.why, found.status, found.at, found.until, found.through)


class Finding(Struct, frozen=True):
    """A flaw that a component of an artifact has, or may have."""

    id: Annotated[str, Meta(description="Its CVE, if it has one.", examples=["CVE-2023-32681"])]
    names: Annotated[list[str], Meta(description="All that it is called.", examples=[["CVE-2023-32681"]])]
    component: Annotated[
        str,
        Meta(
            description="What has it, as a package URL; or as another scanner calls it, which may say nothing of it.",
            examples=["pkg:pypi/requests@2.30.0"],
        ),
    ]
    state: Annotated[State, Meta(description="`unknown` where it cannot be told.", examples=[State.AFFECTED])]
    severity: Annotated[Level, Meta(examples=[Level.MEDIUM])]
    score: Annotated[float | None, Meta(description="The CVSS base score.", examples=[6.1])]
    vector: Annotated[str | None, Meta(examples=["CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N"])]
    fixed: Annotated[str | None, Meta(description="The first version that has it no more.", examples=["2.31.0"])]
    summary: Annotated[str, Meta(examples=["Unintended leak of Proxy-Authorization header"])]
    source: Annotated[str, Meta(description="Of advisories; or the scanner that alone reports it.", examples=["pypi"])]
    imported_at: Annotated[
        datetime | None, Meta(description="When the source was last read, or the scanner looked.", examples=[_TIME])
    ]
    artifacts: Annotated[list[DigestText], Meta(description="What has the component.")]
    relation: Annotated[str, Meta(examples=["contained"])]
    epss: Annotated[float | None, Meta(description="How likely it is to be used within 30 days.", examples=[0.01])]
    exploited_since: Annotated[str | None, Meta(description="Since when it is known to be used.", examples=[None])]
    reported_by: Annotated[list[str], Meta(description="Other scanners that report it.", examples=[["trivy 0.70.0"]])]
    suppressed: Annotated[Suppression | None, Meta(description="Why it does not count; null when it does.")]

    @staticmethod
    def of(found: scan.Finding) -> Finding:
        """How a finding is shown."""
        return Finding(
            id=found.id,
            names=list(found.names),
            component=str(found.component),
            state=found.state,
            severity=found.severity.level,
            score=found.severity.score,
            vector=found.severity.vector,
            fixed=found.fixed,
            summary=found.summary,
            source=found.source,
            imported_at=found.imported_at,
            artifacts=[str(digest) for digest in found.artifacts],
            relation=found.relation,
            epss=found.epss,
            exploited_since=found.exploited_since,
            reported_by=list(found.reported_by),
            suppressed=Suppression.of(found.suppressed),
        )


class Scan(Struct, frozen=True):
    """What is known to be bad of an artifact, with all that it contains."""

    digest: DigestText
    complete: Annotated[
        bool, Meta(description="Whether all that is in it was compared: only then is nothing found a good sign.")
    ]
    components: Annotated[int, Meta(description="Packages that are known to be in it.", examples=[42])]
    pending: Annotated[int, Meta(description="How many of them were not compared yet.", examples=[0])]
    unread: Annotated[
        int,
        Meta(description="Documents about it that could not be read, or say that something was not.", examples=[0]),
    ]
    findings: Annotated[list[Finding], Meta(description="The worst first, with those that are suppressed.")]

    @staticmethod
    def of(found: scan.Scan) -> Scan:
        """How a scan is shown."""
        return Scan(
            digest=str(found.digest),
            complete=found.is_complete,
            components=found.components,
            pending=found.pending,
            unread=found.unread,
            findings=[Finding.of(each) for each in found.findings],
        )


class ImpactQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for."""

    q: Annotated[
        str,
        Meta(
            description="An advisory by any of its names, or a package URL, perhaps with a range behind it.",
            examples=["pkg:pypi/requests@<2.31"],
            max_length=_MAX_TEXT,
        ),
    ]
    limit: Annotated[int, Meta(description="How many places are wanted.", ge=1, le=10_000)] = 1_000


class Running(Struct, frozen=True):
    """As what, and where, an artifact runs."""

    environment: str
    service: str
    cluster: str
    region: str
    version: Annotated[str, Meta(description="The name that it was deployed by, if it was by one.", examples=["1.0"])]
    since: Annotated[datetime | None, Meta(examples=["2026-01-31T12:00:00Z"])]


class ImpactHit(Struct, frozen=True):
    """An artifact that has it, where it is."""

    namespace: NamespaceText
    format: FormatText
    name: PackageText
    digest: DigestText
    references: Annotated[list[ReferenceText], Meta(description="The names that mean it now.")]
    views: Annotated[list[ViewText], Meta(description="The channels that show it.", examples=[["acme.prod"]])]
    components: Annotated[list[str], Meta(description="What it has of it.", examples=[["pkg:pypi/requests@2.30.0"]])]
    state: Annotated[State, Meta(description="`unknown` where it cannot be told.", examples=[State.AFFECTED])]
    through: Annotated[str | None, Meta(description="What in it has the component.", examples=[None])]
    deployments: Annotated[list[Running], Meta(description="As what it runs now.", examples=[[]])]
    first_without: Annotated[
        str | None, Meta(description="The first later version that has it no more.", examples=["1.5.0"])
    ]
    suppressed: Annotated[Suppression | None, Meta(description="Why the flaw does not matter there.")]

    @staticmethod
    def of(found: impact.Hit) -> ImpactHit:
        """How a hit is shown."""
        return ImpactHit(
            namespace=found.package.namespace,
            format=found.package.format,
            name=found.package.name,
            digest=str(found.digest),
            references=list(found.names),
            views=[str(view) for view in found.channels],
            components=[str(component) for component in found.components],
            state=found.state,
            through=None if found.through is None else str(found.through),
            deployments=[
                Running(
                    each.place.environment,
                    each.place.service,
                    each.place.cluster,
                    each.place.region,
                    each.particulars.version,
                    each.since,
                )
                for each in found.deployments
            ],
            first_without=found.first_without,
            suppressed=Suppression.of(found.suppressed),
        )


class NewExemption(Struct, frozen=True, forbid_unknown_fields=True):
    """A decision that a flaw does not matter."""

    flaw: Annotated[str, _text("By any of its names.", "CVE-2023-32681")]
    reason: Annotated[str, _text("Why, for everybody who meets it.", "the function is never called")]
    artifact: Annotated[
        DigestText | None, Meta(description="Of this artifact alone; null for all of the package.", examples=[None])
    ] = None
    component: Annotated[str, _text("What has the flaw, as a package URL.", "pkg:pypi/requests@2.30.0")] | None = None
    status: Annotated[VexStatus, Meta(description="`not_affected` or `fixed`.", examples=[VexStatus.NOT_AFFECTED])] = (
        VexStatus.NOT_AFFECTED
    )
    until: Annotated[datetime, Meta(description="When it ends; null for no end.", examples=[_TIME], tz=True)] | None = (
        None
    )


class EndedExemption(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a decision is taken back."""

    reason: Annotated[str, _text("Why.", "it is called after all")] = ""


class Exemption(Struct, frozen=True):
    """A decision that a flaw does not matter."""

    id: ExemptionId
    flaw: Annotated[str, Meta(examples=["CVE-2023-32681"])]
    reason: Annotated[str, Meta(examples=["the function is never called"])]
    by: Annotated[str, Meta(examples=["ada"])]
    artifact: Annotated[str | None, Meta(description="Null for all of the package.", examples=[None])]
    component: Annotated[str | None, Meta(examples=["pkg:pypi/requests@2.30.0"])]
    status: Annotated[VexStatus, Meta(examples=[VexStatus.NOT_AFFECTED])]
    at: Annotated[datetime | None, Meta(examples=[_TIME])]
    until: Annotated[datetime | None, Meta(examples=[_TIME])]

    @staticmethod
    def of(found: assessment.Exemption) -> Exemption:
        """How it is shown."""
        return Exemption(
            id=found.id,
            flaw=found.flaw,
            reason=found.reason,
            by=found.actor,
            artifact=None if found.digest is None else str(found.digest),
            component=None if found.component is None else str(found.component),
            status=found.status,
            at=found.at,
            until=found.until,
        )


class VexStatement(Struct, frozen=True):
    """What a signed statement says of flaws."""

    subject: DigestText
    carrier: Annotated[DigestText, Meta(description="What brings it.")]
    flaws: Annotated[list[str], Meta(examples=[["CVE-2023-32681"]])]
    status: Annotated[VexStatus, Meta(examples=[VexStatus.NOT_AFFECTED])]
    reason: Annotated[str, Meta(examples=["vulnerable_code_not_present"])]
    author: Annotated[str, Meta(description="As it says itself.", examples=["Ada"])]
    at: Annotated[datetime | None, Meta(examples=[_TIME])]
    until: Annotated[datetime | None, Meta(examples=[None])]
    signed_by: Annotated[list[str], Meta(description="The signers on whose word it counts.", examples=[["security"]])]
    refused: Annotated[list[str], Meta(description="Why others' word does not count.", examples=[[]])]

    @staticmethod
    def of(row: VexRow) -> VexStatement:
        """How it is shown."""
        said = row.statement
        return VexStatement(
            subject=str(row.subject),
            carrier=str(row.carrier),
            flaws=sorted(said.flaws),
            status=said.status,
            reason=said.reason,
            author=said.author,
            at=said.at,
            until=said.until,
            signed_by=sorted(each.name for each in row.signers if each.counts),
            refused=[
                f"{each.name}: {each.reason or 'its scope does not say that it may suppress findings'}"
                for each in row.signers
                if not each.counts
            ],
        )


class PushedReport(Struct, frozen=True):
    """A scanner's report that was taken in."""

    digest: Annotated[DigestText, Meta(description="Of the artifact that refers to the subject.")]
    form: Annotated[str, Meta(examples=["Trivy"])]
    tool: Annotated[str, Meta(examples=["trivy"])]
    version: Annotated[str, Meta(description="The tool's.", examples=["0.70.0"])]
    at: Annotated[datetime | None, Meta(description="When it looked.", examples=[_TIME])]
    findings: Annotated[int, Meta(examples=[3])]


class Report(PushedReport, frozen=True):
    """A scanner's report."""

    subject: DigestText
    sent_by: Annotated[str, Meta(examples=["ci"])]
    problem: Annotated[str | None, Meta(description="Why it could not be read.", examples=[None])]

    @staticmethod
    def of(row: ReportRow) -> Report:
        """How it is shown."""
        return Report(
            digest=str(row.carrier),
            form=row.report.form,
            tool=row.report.tool,
            version=row.report.version,
            at=row.report.at,
            findings=row.findings,
            subject=str(row.subject),
            sent_by=row.actor,
            problem=row.problem,
        )


class Impact(Struct, frozen=True):
    """Who has it."""

    asked: Annotated[str, Meta(examples=["pkg:pypi/requests@<2.31"])]
    names: Annotated[list[str], Meta(description="What the advisory is called by everybody.", examples=[[]])]
    components: Annotated[
        list[str], Meta(description="The versions that are meant and here.", examples=[["pkg:pypi/requests@2.30.0"]])
    ]
    artifacts: Annotated[int, Meta(description="How many have one, also where you may not look.", examples=[1])]
    truncated: Annotated[bool, Meta(description="Whether there are more than were looked at.")]
    hits: list[ImpactHit]

    @staticmethod
    def of(found: impact.Impact) -> Impact:
        """How the answer is shown."""
        return Impact(
            asked=found.asked,
            names=list(found.advisories),
            components=[str(each) for each in found.components],
            artifacts=found.artifacts,
            truncated=found.truncated,
            hits=[ImpactHit.of(each) for each in found.hits],
        )


# --- searching, the journal, the registry ---


class SearchQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """What is searched for."""

    q: Annotated[
        str,
        Meta(
            description="`commit:`, `repository:`, `version:`, `created:`, `build:` or `builder:` and how the value "
            "begins; or part of a package's name, a reference, or a digest.",
            examples=["commit:4f2c1e0"],
            max_length=_MAX_TEXT,
        ),
    ]
    limit: Annotated[int, Meta(description="How many are wanted.", ge=1, le=1_000)] = 100


class Hit(Struct, frozen=True):
    """An artifact that was found."""

    namespace: NamespaceText
    format: FormatText
    name: PackageText
    digest: DigestText
    references: Annotated[list[ReferenceText], Meta(description="The names that mean it now.")]
    annotations: Annotations

    @staticmethod
    def of(found: catalog.Hit) -> Hit:
        """How a hit is shown."""
        package = found.package
        return Hit(
            namespace=package.namespace,
            format=package.format,
            name=package.name,
            digest=str(found.digest),
            references=list(found.references),
            annotations=found.annotations,
        )


class JournalQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of the journal is asked for."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[int, Meta(description="The last position that is known already.", ge=0, le=_MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Entry(Struct, frozen=True):
    """An event in its place."""

    position: Position
    at: Annotated[datetime, Meta(examples=[_TIME])]
    actor: Annotated[str, Meta(description="Who did it.", examples=["build-robot"])]
    type: Annotated[str, Meta(description="What happened.", examples=["dev.entrepot.artifact.published.v1"])]
    data: Annotated[dict[str, Any], Meta(description="The facts, by the event's type.", examples=[{"digest": _DIGEST}])]
    hash: Annotated[str, Meta(description="What ties it to all before it, in hexadecimal.", examples=[64 * "a"])]

    @staticmethod
    def of(found: events.Entry) -> Entry:
        """How an entry of the journal is shown."""
        data = msgspec.json.decode(found.content, type=dict[str, Any])
        return Entry(found.position, found.at, found.actor, data.pop("type"), data, found.hash.hex())


class Follower(Struct, frozen=True):
    """A reader of the journal, and how far it is."""

    name: Annotated[str, Meta(examples=["transparency"])]
    position: Position
    behind: Annotated[int, Meta(ge=0, description="Entries that it has not dealt with.", examples=[0])]


class Status(Struct, frozen=True):
    """What this registry is, and how much it holds."""

    version: Annotated[str, Meta(examples=["0.1.0"])]
    formats: list[FormatText]
    storage: (
        Annotated[
            dict[str, int],
            Meta(
                description="Totals, for who may audit; null for everybody else.",
                examples=[{"blobs": 3, "bytes": 4096, "artifacts": 1, "packages": 1, "namespaces": 1}],
            ),
        ]
        | None
    )


# --- the log ---

_HASH = "A" * 43 + "="
_CHECKPOINT = f"registry.example.com/log\n7\n{_HASH}\n\n— registry.example.com/log {'A' * 91}=\n"
_Size = Annotated[int, Meta(ge=0, le=_MAX_POSITION, description="How many entries the tree has.", examples=[7])]
_Root = Annotated[str, Meta(description="The tree's root, in base64.", examples=[_HASH])]
_Path = Annotated[list[str], Meta(description="The hashes of the proof, in base64, as RFC 6962 orders them.")]
_Checkpoint = Annotated[str, Meta(description="The signed checkpoint, byte for byte.", examples=[_CHECKPOINT])]


class LogState(Struct, frozen=True):
    """The transparency log, and what its checkpoints are verified with."""

    origin: Annotated[str, Meta(description="The log's name.", examples=["registry.example.com/log"])]
    keys: Annotated[list[str], Meta(description="The verifier keys that it signs with, one at least of Ed25519.")]
    witness: Annotated[str, Meta(description="The verifier key that it signs other logs' checkpoints with.")]
    size: _Size
    root: _Root
    checkpoint: _Checkpoint
    signed_at: Annotated[datetime, Meta(examples=[_TIME])]
    witnesses: Annotated[
        list[str], Meta(description="The verifier keys of those who are asked to sign its checkpoints.")
    ]
    cosigned: Annotated[
        str | None,
        Meta(description="The last checkpoint that witnesses have signed: where much happens, an earlier one."),
    ]


class InclusionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which entry is to be proved."""

    position: Annotated[int, Meta(description="The entry's position in the journal.", ge=1, le=_MAX_POSITION)]


class LogInclusion(Struct, frozen=True):
    """That an entry of the journal is in the log."""

    index: Annotated[int, Meta(description="The leaf's place in the tree: one less than the position.", examples=[3])]
    size: _Size
    root: _Root
    path: _Path
    leaf: Annotated[str, Meta(description="The leaf that the proof is of, in base64.", examples=["e30="])]
    checkpoint: _Checkpoint
    proof: Annotated[str, Meta(description="All of it as a proof file, `c2sp.org/tlog-proof@v1`.")]


class ConsistencyQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Between which trees consistency is to be proved."""

    old: Annotated[int, Meta(description="The size of the earlier tree.", ge=0, le=_MAX_POSITION)]
    size: Annotated[int, Meta(description="The size of the later one; else the last.", ge=0, le=_MAX_POSITION)] | (
        UnsetType
    ) = UNSET


class LogConsistency(Struct, frozen=True):
    """That a tree begins with all of an earlier one."""

    old: _Size
    size: _Size
    path: _Path
    checkpoint: _Checkpoint


# --- webhooks ---

_WEBHOOK_URL = "https://hooks.example.com/entrepot"
_WebhookUrl = Annotated[
    str, _text("Where events are sent, by POST; secrets and queries in it are refused.", _WEBHOOK_URL)
]
_EventTypes = Annotated[
    list[str],
    Meta(
        description="Patterns of the events that are sent; `*` is any run of characters.",
        examples=[["dev.entrepot.artifact.*"]],
        min_length=1,
        max_length=50,
    ),
]
_PrivateHook = Annotated[
    bool, Meta(description="Whether it may be at a private address; for administrators of the registry.")
]


class NewWebhook(Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook to be made."""

    url: _WebhookUrl
    namespace: NamespaceText | UnsetType = UNSET
    types: _EventTypes = msgspec.field(default_factory=lambda: ["*"])
    private: _PrivateHook = False


class WebhookChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to change of a webhook."""

    url: _WebhookUrl | UnsetType = UNSET
    types: _EventTypes | UnsetType = UNSET
    private: _PrivateHook | UnsetType = UNSET
    enabled: Annotated[bool, Meta(description="Whether anything is sent.")] | UnsetType = UNSET


class Webhook(Struct, frozen=True):
    """Somebody who is told of events."""

    id: WebhookId
    url: _WebhookUrl
    namespace: Annotated[str | None, Meta(description="The namespace whose events are sent; null: everything.")]
    types: _EventTypes
    private: _PrivateHook
    created_at: Annotated[datetime | None, Meta(examples=[_TIME])]
    disabled: Annotated[str | None, Meta(description="Why nothing is sent; null when something is.", examples=[None])]
    position: Annotated[int, Meta(ge=0, description="The last position that was dealt with.", examples=[7])]
    due_at: Annotated[datetime | None, Meta(description="When it is tried again.", examples=[None])]
    failing_since: Annotated[datetime | None, Meta(description="Since when nothing has arrived.", examples=[None])]

    @staticmethod
    def of(found: webhook.Webhook) -> Webhook:
        """How a webhook is shown."""
        return Webhook(
            id=found.id,
            url=found.url,
            namespace=found.namespace,
            types=list(found.types),
            private=found.private,
            created_at=found.created_at,
            disabled=found.disabled,
            position=found.position,
            due_at=found.due_at,
            failing_since=found.failing_since,
        )


class WebhookSecret(Struct, frozen=True):
    """What a webhook's messages are signed with, shown this once."""

    secret: Annotated[
        str, Meta(description="A secret as Standard Webhooks writes it.", examples=["whsec_" + 43 * "A" + "="])
    ]


class AddedWebhook(Struct, frozen=True):
    """A webhook that was made."""

    webhook: Webhook
    secret: Annotated[str, Meta(description="Its secret, shown this once.", examples=["whsec_" + 43 * "A" + "="])]


class WebhooksQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose webhooks are asked for."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[str, Meta(description="The cursor of the page before.", max_length=_MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """From where events are sent again."""

    after: Annotated[int, Meta(description="The last position that is not sent again.", ge=0, le=_MAX_POSITION)]


class WebhookTrial(Struct, frozen=True):
    """What came of sending a test."""

    status: Annotated[int | None, Meta(description="What the receiver answered; null: nothing.", examples=[200])]
    problem: Annotated[str | None, Meta(description="Why it did not arrive; null when it did.", examples=[None])]

    @staticmethod
    def of(found: Attempt) -> WebhookTrial:
        """How an attempt is shown."""
        return WebhookTrial(found.status, found.problem)


class DeliveriesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which deliveries are asked for."""

    after: Annotated[int, Meta(description="The last position that is known already.", ge=0, le=_MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100
    failed: Annotated[bool, Meta(description="Whether only what has not arrived is wanted.")] = False


class Delivery(Struct, frozen=True):
    """What became of an event."""

    position: Position
    type: Annotated[str, Meta(description="What happened.", examples=["dev.entrepot.artifact.published.v1"])]
    outcome: Annotated[
        str, Meta(description="`delivered`, `failed` (to be tried again) or `dead`.", examples=["delivered"])
    ]
    attempts: Annotated[int, Meta(ge=1, examples=[1])]
    status: Annotated[int | None, Meta(description="What the receiver answered last.", examples=[200])]
    problem: Annotated[str | None, Meta(examples=[None])]
    at: Annotated[datetime, Meta(examples=[_TIME])]

    @staticmethod
    def of(found: webhook.Delivery) -> Delivery:
        """How a delivery is shown."""
        return Delivery(
            found.position, found.type, found.outcome, found.attempts, found.status, found.problem, found.at
        )


# --- signers and what they signed ---

_MAX_MATERIAL = 256 * 1024
_PACKAGES = Meta(
    description="Which packages it may vouch for: globs over `<format>/<name>`.",
    examples=[["oci/*"]],
    min_length=1,
    max_length=_MAX_PATTERNS,
)
_PREDICATES = Meta(
    description="With what: globs over predicate types; `signature` is a plain signature.",
    examples=[["*"]],
    min_length=1,
    max_length=_MAX_PATTERNS,
)
_BUILDERS = Meta(
    description="The builders that it speaks for, each with the highest SLSA build level that is believed of both.",
    examples=[{"https://build.example.com": 3}],
    max_length=_MAX_PATTERNS,
)
_STATE = Meta(description="Whether it is believed.", examples=["active"])


class Vouching(Struct, frozen=True, forbid_unknown_fields=True):
    """What a signer may vouch for."""

    packages: Annotated[list[str], _PACKAGES] = msgspec.field(default_factory=lambda: ["*"])
    predicate_types: Annotated[list[str], _PREDICATES] = msgspec.field(default_factory=lambda: ["*"])
    builders: Annotated[dict[str, int], _BUILDERS] = {}

    def parse(self) -> signer.Scope:
        """As the model has it. Raises `InvalidName`."""
        return ModelScope(
            tuple(map(PackagePattern.parse, self.packages)),
            tuple(map(PackagePattern.parse, self.predicate_types)),
            dict(self.builders),
        )

    @staticmethod
    def of(found: signer.Scope) -> Vouching:
        """How a scope is shown."""
        return Vouching(_texts(found.packages), _texts(found.predicate_types), dict(found.builders))


class NewSigner(Struct, frozen=True, forbid_unknown_fields=True):
    """A signer to be.

    It has `key` for a key, `certificate` for OpenPGP, `root`, `issuer` and `subject` for an identity, `roots` and
    `subject_attributes` for X.509.
    """

    name: SignerText
    namespace: Annotated[NamespaceText | None, Meta(description="Whose it is; without one, the registry's.")] = None
    key: Annotated[str, _text("A public key in PEM.", "-----BEGIN PUBLIC KEY-----…", longest=_MAX_MATERIAL)] | None = (
        None
    )
    certificate: (
        Annotated[str, _text("An OpenPGP certificate, armoured.", "-----BEGIN PGP…", longest=_MAX_MATERIAL)] | None
    ) = None
    roots: (
        Annotated[str, _text("X.509 root certificates in PEM.", "-----BEGIN CERTIFICATE-----…", longest=_MAX_MATERIAL)]
        | None
    ) = None
    subject_attributes: Annotated[
        dict[str, str],
        Meta(
            description="What the certificate's subject must have.", examples=[{"O": "Acme"}], max_length=_MAX_PATTERNS
        ),
    ] = {}
    root: RootText | None = None
    issuer: Annotated[str, _text("Who vouches for the identity; a glob.", "https://id.example.com")] | None = None
    subject: Annotated[str, _text("The identity; a glob.", "https://git.example.com/acme/**")] | None = None
    claims: Annotated[
        dict[str, str],
        Meta(
            description="What else the certificate must say; globs.",
            examples=[{"source_repository_ref": "refs/tags/*"}],
            max_length=_MAX_PATTERNS,
        ),
    ] = {}
    scope: Vouching = Vouching()
    pending: Annotated[bool, Meta(description="Whether it is to be believed only later.")] = False


class SignersQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signers."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[str, Meta(description="`next` of the page before.", max_length=_MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class OwnerQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signer or root; without a namespace, the registry's."""

    namespace: NamespaceText | UnsetType = UNSET


class AffectedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signer, and which part of the list."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=_MAX_POSITION)] = 0
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class Signer(Struct, frozen=True):
    """Somebody whose signatures a namespace knows."""

    name: SignerText
    namespace: NamespaceText | None
    kind: SignerKind
    state: Annotated[SignerState, _STATE]
    until: Annotated[datetime | None, Meta(description="When it ceased to be believed.", examples=[None])]
    reason: Reason
    scope: Vouching
    material: Annotated[
        dict[str, str | dict[str, str]],
        Meta(description="What it is recognised by.", examples=[{"key": "-----BEGIN PUBLIC KEY-----…"}]),
    ]
    added: Position
    changed: Position

    @staticmethod
    def of(row: attestations.SignerRow) -> Signer:
        """How a signer is shown."""
        found = row.signer
        return Signer(
            name=found.name,
            namespace=found.namespace,
            kind=found.kind,
            state=found.state,
            until=found.until,
            reason=found.reason,
            scope=Vouching.of(found.scope),
            material={key: value if isinstance(value, str) else dict(value) for key, value in found.material.items()},
            added=row.added,
            changed=row.changed,
        )


class SignerChange(Struct, frozen=True, forbid_unknown_fields=True):
    """What shall become of a signer."""

    state: Annotated[SignerState, _STATE]
    since: Annotated[
        datetime | None, Meta(description="Since when it is not to be believed; now by default.", examples=[_TIME])
    ] = None
    reason: Reason = ""


class Affected(Struct, frozen=True):
    """Something that a signer vouches for."""

    namespace: NamespaceText
    format: FormatText
    package: PackageText
    subject: DigestText
    predicate_type: str | None
    references: list[ReferenceText]
    channels: Annotated[list[ChannelText], Meta(description="What it is cleared for.")]
    still_verified: Annotated[bool, Meta(description="Whether some signer's word for it counts.")]

    @staticmethod
    def of(found: attestations.Affected) -> Affected:
        """How it is shown."""
        return Affected(
            namespace=found.package.namespace,
            format=found.package.format,
            package=found.package.name,
            subject=str(found.subject),
            predicate_type=found.predicate_type,
            references=list(found.references),
            channels=list(found.channels),
            still_verified=found.still_verified,
        )


class ChangedSigner(Struct, frozen=True):
    """A signer as it stands now."""

    signer: Signer
    affected: Annotated[list[Affected], Meta(description="What nobody vouches for any more; the first 1000.")]


class TrustedRoot(Struct, frozen=True):
    """A Sigstore instance that is trusted."""

    name: RootText
    namespace: NamespaceText | None
    digest: DigestText
    changed: Position

    @staticmethod
    def of(row: attestations.RootRow) -> TrustedRoot:
        """How a root is shown."""
        return TrustedRoot(row.name, row.namespace, str(Digest.of(row.content)), row.changed)


class NewRoot(Struct, frozen=True, forbid_unknown_fields=True):
    """A Sigstore instance to be trusted."""

    trusted_root: Annotated[
        dict[str, Any], Meta(description="The document `trusted_root.json`.", examples=[{"mediaType": "…"}])
    ]


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
        datetime | None, Meta(description="When, at the latest, where a log proves it.", examples=[_TIME])
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
    started_at: Annotated[datetime | None, Meta(description="As the builder says.", examples=[_TIME])]
    finished_at: Annotated[datetime | None, Meta(description="As the builder says.", examples=[_TIME])]

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
    seen_at: Annotated[datetime, Meta(description="When it came.", examples=[_TIME])]
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

    predicate_type: Annotated[str, _text("What kind of statement it is.", "https://example.com/reviewed/v1")]
    predicate: Annotated[dict[str, Any], Meta(description="What is stated.", examples=[{"reviewed": True}])]


class Stated(Struct, frozen=True):
    """A statement that was published."""

    digest: Annotated[DigestText, Meta(description="Of the artifact that refers to the subject.")]


class BuildsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """By what builds are looked for: exactly one of commit, repository, build, builder and material."""

    commit: Annotated[str, _text("A commit, or how it begins.", "4f2c1e0")] | UnsetType = UNSET
    repository: Annotated[str, _text("Where the source is.", "https://git.example.com/acme/app")] | UnsetType = UNSET
    build: Annotated[str, _text("The id of a run.", "https://ci.example.com/runs/7")] | UnsetType = UNSET
    builder: Annotated[str, _text("The id of a builder.", "https://build.example.com")] | UnsetType = UNSET
    material: Annotated[str, _text("A digest, or the address, of what went in.", _DIGEST)] | UnsetType = UNSET
    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=_MAX_POSITION)] = 0
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


class OwnKey(Struct, frozen=True, rename={"id": "kid"}):
    """A key that the registry signs with or did, also as a JSON Web Key (RFC 7517)."""

    id: Annotated[str, Meta(description="Its fingerprint.", examples=[_DIGEST])]
    kty: Annotated[str, Meta(examples=["EC"])]
    use: Annotated[str, Meta(examples=["sig"])]
    pem: Annotated[str, Meta(description="The key in PEM.", examples=["-----BEGIN PUBLIC KEY-----…"])]
    signer: SignerText
    state: Annotated[SignerState, _STATE]
    crv: str | UnsetType = UNSET
    x: str | UnsetType = UNSET
    y: str | UnsetType = UNSET
    n: str | UnsetType = UNSET
    e: str | UnsetType = UNSET


class OwnKeys(Struct, frozen=True):
    """The registry's keys (RFC 7517, "JWK Set Format")."""

    keys: list[OwnKey]
