"""Evidence, what it is about, and what is found when it is checked.

`Evidence` is what lies beside an artifact or a file and says something of it: a signature, an attestation, a bundle.
`Subject` is the thing that the caller asks about. `entrepot.trust.verify` holds one against the other, and answers
with a `Verdict`; what evidence says of itself, believed by nobody, is its `Claims`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from entrepot.model.digest import Digest
from entrepot.trust.statement import Statement, StatementSubject


class EvidenceKind(StrEnum):
    """The forms in which people sign."""

    COSIGN_SIMPLE = "cosign-simple"
    """A layer of cosign's ``.sig`` manifest: its bytes are what is signed, the signature is in its annotations."""
    DSSE = "dsse"
    """A DSSE envelope with an in-toto statement; also a layer of cosign's ``.att`` manifest, with its annotations."""
    STATEMENT = "statement"
    """An in-toto statement without an envelope, as BuildKit leaves them: nobody signed it."""
    SIGSTORE_BUNDLE = "sigstore-bundle"
    """A Sigstore bundle 0.1 to 0.3, with a certificate or a key's hint."""
    NOTATION = "notation"
    """A Notation signature: a JWS."""
    OPENPGP_DETACHED = "openpgp-detached"
    """An OpenPGP signature beside its file (Maven's ``.asc``); the payload is the file."""
    OPENPGP_CLEARSIGNED = "openpgp-clearsigned"
    """An OpenPGP clear-signed document that lists files with their digests (Helm's ``.prov``)."""
    PEP740 = "pep740"
    """A PEP 740 attestation object."""
    NPM_SIGNATURE = "npm-signature"
    """One of ``dist.signatures`` of an npm package: the base64 of ``sig``, with the annotation `KEY_ID`."""
    NPM_PROVENANCE = "npm-provenance"
    """The bundle of one of an npm package's attestations."""
    MODEL_SIGNING = "model-signing"
    """A ``model.sig``: a bundle over the digests of a model's files."""


KEY_ID = "keyid"
"""The annotation of an npm signature that says which key made it; only a hint."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found beside an artifact or a file."""

    kind: EvidenceKind
    content: bytes
    """The envelope, bundle, signature or clear-signed document, as it is stored."""
    payload: bytes | None = None
    """The file that a detached signature is beside. OpenPGP needs it; a Sigstore bundle over a file only where the
    key is an Ed25519 one, for others the digest is enough."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Those of the layer or manifest that holds it."""
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What the caller asks about: some bytes by their digests, and what they are called where that is signed too."""

    digest: Digest
    name: str | None = None
    """A file's name (PEP 740, Helm), or ``name@version`` (npm). None demands no name."""
    others: tuple[Digest, ...] = ()
    """Names of the same bytes by other algorithms: npm signs the sha512 of a tarball."""
    files: Mapping[str, Digest] = field(default_factory=dict)
    """For model signatures: every file of the version, by its path, with the sha256 that it is stored with."""

    @property
    def digests(self) -> tuple[Digest, ...]:
        """All names of the bytes."""
        return (self.digest, *self.others)

    def find(self, algorithm: str) -> Digest | None:
        """The name of the bytes by *algorithm*, where the caller knows it."""
        return next((digest for digest in self.digests if digest.algorithm == algorithm), None)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed, as a certificate says it."""

    issuer: str
    """Who vouches for the identity: the address of an OpenID provider; of other X.509 certificates, the issuer's name."""
    subject: str
    """The address or e-mail address in the certificate; of other X.509 certificates, the subject's name."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """What Fulcio's extensions say of the build, by their names (`entrepot.trust.certificate.CLAIMS`)."""
    root: str | None = None
    """The name of the trusted root that the certificate hangs from; None while nobody has checked."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What evidence says of itself. Nobody has checked any of it."""

    kind: EvidenceKind
    statement: Statement | None = None
    subjects: tuple[StatementSubject, ...] = ()
    """What it says it is about."""
    key_hints: tuple[str, ...] = ()
    """How it names the keys that made it: a help in looking for them, never proof."""
    identity: Identity | None = None
    claimed_at: datetime | None = None

    @property
    def predicate_type(self) -> str | None:
        """The type of what is said, where there is a statement."""
        return None if self.statement is None else self.statement.predicate_type


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One signer is proven to have signed this."""

    signer: str
    """The caller's own name for the signer."""
    key: str | None = None
    """The fingerprint of the key that made the signature (`PublicKey.fingerprint`, or OpenPGP's own)."""
    identity: Identity | None = None
    """Who signed, where a certificate says it."""
    signed_at: datetime | None = None
    """When it was signed at the latest, where a trusted log or timestamp authority proves it."""
    claimed_at: datetime | None = None
    """When the signer says that it was signed; a stolen key says what it likes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of checking evidence: by whom it is signed, or why that is not proven."""

    accepted: tuple[Acceptance, ...] = ()
    statement: Statement | None = None
    """What was signed, where that is an in-toto statement; None unless verified."""
    reason: str | None = None
    """Why nothing is proven, in words; None when verified."""

    @property
    def verified(self) -> bool:
        """Whether at least one of the signers that were asked about has signed this, about this subject."""
        return bool(self.accepted)
