"""What the management API reads and writes about signers, trusted roots and keys."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.texts import (
    DIGEST,
    MAX_PATTERNS,
    MAX_POSITION,
    MAX_TEXT,
    TIME,
    ChannelText,
    DigestText,
    FormatText,
    NamespaceText,
    PackageText,
    Position,
    Reason,
    ReferenceText,
    RootText,
    SignerText,
    text,
    texts_of,
)
from entrepot.model.digest import Digest
from entrepot.model.names import PackagePattern
from entrepot.model.signer import Scope as ModelScope
from entrepot.model.signer import SignerKind, SignerState
from entrepot.ports import attestations

if TYPE_CHECKING:
    from entrepot.model import signer

_MAX_MATERIAL = 256 * 1024
_PACKAGES = Meta(
    description="Which packages it may vouch for: globs over `<format>/<name>`.",
    examples=[["oci/*"]],
    min_length=1,
    max_length=MAX_PATTERNS,
)
_PREDICATES = Meta(
    description="With what: globs over predicate types; `signature` is a plain signature.",
    examples=[["*"]],
    min_length=1,
    max_length=MAX_PATTERNS,
)
_BUILDERS = Meta(
    description="The builders that it speaks for, each with the highest SLSA build level that is believed of both.",
    examples=[{"https://build.example.com": 3}],
    max_length=MAX_PATTERNS,
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
        return Vouching(texts_of(found.packages), texts_of(found.predicate_types), dict(found.builders))


class NewSigner(Struct, frozen=True, forbid_unknown_fields=True):
    """A signer to be.

    It has `key` for a key, `certificate` for OpenPGP, `root`, `issuer` and `subject` for an identity, `roots` and
    `subject_attributes` for X.509.
    """

    name: SignerText
    namespace: Annotated[NamespaceText | None, Meta(description="Whose it is; without one, the registry's.")] = None
    key: Annotated[str, text("A public key in PEM.", "-----BEGIN PUBLIC KEY-----…", longest=_MAX_MATERIAL)] | None = (
        None
    )
    certificate: (
        Annotated[str, text("An OpenPGP certificate, armoured.", "-----BEGIN PGP…", longest=_MAX_MATERIAL)] | None
    ) = None
    roots: (
        Annotated[str, text("X.509 root certificates in PEM.", "-----BEGIN CERTIFICATE-----…", longest=_MAX_MATERIAL)]
        | None
    ) = None
    subject_attributes: Annotated[
        dict[str, str],
        Meta(
            description="What the certificate's subject must have.", examples=[{"O": "Acme"}], max_length=MAX_PATTERNS
        ),
    ] = {}
    root: RootText | None = None
    issuer: Annotated[str, text("Who vouches for the identity; a glob.", "https://id.example.com")] | None = None
    subject: Annotated[str, text("The identity; a glob.", "https://git.example.com/acme/**")] | None = None
    claims: Annotated[
        dict[str, str],
        Meta(
            description="What else the certificate must say; globs.",
            examples=[{"source_repository_ref": "refs/tags/*"}],
            max_length=MAX_PATTERNS,
        ),
    ] = {}
    scope: Vouching = Vouching()
    pending: Annotated[bool, Meta(description="Whether it is to be believed only later.")] = False


class SignersQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signers."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[str, Meta(description="`next` of the page before.", max_length=MAX_TEXT)] = ""
    limit: Annotated[int, Meta(description="The longest page that is wanted.", ge=1, le=1_000)] = 100


class OwnerQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signer or root; without a namespace, the registry's."""

    namespace: NamespaceText | UnsetType = UNSET


class AffectedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose signer, and which part of the list."""

    namespace: NamespaceText | UnsetType = UNSET
    after: Annotated[int, Meta(description="`next` of the page before.", ge=0, le=MAX_POSITION)] = 0
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
        datetime | None, Meta(description="Since when it is not to be believed; now by default.", examples=[TIME])
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
    affected: Annotated[
        list[Affected], Meta(description="What nobody vouches for any more, of the first 1000 that it vouched for.")
    ]
    more: Annotated[bool, Meta(description="Whether it vouched for more than that: `affected` lists all of it.")]


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


class OwnKey(Struct, frozen=True, rename={"id": "kid"}):
    """A key that the registry signs with or did, also as a JSON Web Key (RFC 7517)."""

    id: Annotated[str, Meta(description="Its fingerprint.", examples=[DIGEST])]
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
