"""Sigstore bundles: a signature with all that is needed to check it.

https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto, versions 0.1 to 0.3.
A bundle with a key's hint is checked here, with registered keys alone. One with a certificate is checked by the
`sigstore` library against a configured root, and without the network: certificate, its log, log entry with proof and
promise, signature. What the library says it has checked is held against what we have read, so that no reading of ours
can differ from its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidEvidence
from entrepot.trust.certificate import identity_of, load_certificate
from entrepot.trust.chains import accept_x509, named
from entrepot.trust.dsse import Envelope
from entrepot.trust.evidence import Claims, Verdict
from entrepot.trust.keys import PublicKey
from entrepot.trust.question import Unproven
from entrepot.trust.statement import StatementSubject, decode_base64, parse_json
from entrepot.trust.transparency import LogEntry, Signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from entrepot.trust.evidence import Evidence, Identity
    from entrepot.trust.question import Accepted, Question
    from entrepot.trust.roots import TrustedRoot
    from entrepot.trust.statement import Statement

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"

_OLD: Final = (
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
)
_NEW: Final = (MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3")
_SIZE: Final = 32 * 1024 * 1024
_ENTRIES: Final = 16
_TIMESTAMPS: Final = 16
_ALGORITHMS: Final = {"SHA2_256": "sha256", "SHA2_512": "sha512"}


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a file, with the digest that the signer wrote down beside it."""

    signature: bytes
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as it was read; nothing in it is checked."""

    media_type: str
    signed: Envelope | MessageSignature
    certificate: x509.Certificate | None
    chain: tuple[x509.Certificate, ...]
    """What came with the certificate, the next one up first; believed by nobody until a root is found."""
    key_hint: str | None
    entries: tuple[dict[str, Any], ...] = field(repr=False)
    timestamps: tuple[bytes, ...] = field(repr=False)
    content: bytes = field(repr=False)

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a bundle in JSON. Raises `InvalidEvidence`."""
        document = _object(parse_json(content, "bundle", size=_SIZE), "bundle")
        media_type = document.get("mediaType")
        if media_type not in (*_OLD, *_NEW):
            raise InvalidEvidence("bundle, mediaType", expected=MEDIA_TYPE, actual=str(media_type)[:200])
        material = _object(document.get("verificationMaterial"), "bundle, verificationMaterial")
        certificates, hint = _signer(material, media_type)
        entries = _list(material.get("tlogEntries"), "bundle, tlogEntries", _ENTRIES)
        data = _object(material.get("timestampVerificationData") or {}, "bundle, timestampVerificationData")
        stamps = _list(data.get("rfc3161Timestamps"), "bundle, rfc3161Timestamps", _TIMESTAMPS)
        return cls(
            media_type,
            _signed(document),
            certificates[0] if certificates else None,
            certificates[1:],
            hint,
            tuple(_object(entry, "bundle, tlogEntries") for entry in entries),
            tuple(
                decode_base64(_object(stamp, "timestamp").get("signedTimestamp"), "bundle, signedTimestamp")
                for stamp in stamps
            ),
            content,
        )

    @property
    def is_logged(self) -> bool:
        """Whether it says when it was signed: without, its certificate is one that lasts."""
        return bool(self.entries or self.timestamps)

    @property
    def envelope(self) -> Envelope:
        """The envelope. Raises `InvalidEvidence` where the bundle signs a file instead."""
        if not isinstance(self.signed, Envelope):
            raise InvalidEvidence("bundle", expected="a dsseEnvelope", actual="messageSignature")
        return self.signed


def read(evidence: Evidence) -> Claims:
    """What the bundle says of itself. Raises `InvalidEvidence`."""
    return read_bundle(Bundle.parse(evidence.content), evidence)


def read_bundle(bundle: Bundle, evidence: Evidence) -> Claims:
    """What a bundle that was parsed says of itself. Raises `InvalidEvidence`."""
    identity = _claimed_identity(bundle)
    hints = (bundle.key_hint,) if bundle.key_hint else ()
    if isinstance(bundle.signed, Envelope):
        statement = bundle.signed.statement
        return Claims(evidence.kind, statement, statement.subjects, hints or bundle.signed.key_hints, identity)
    digest = bundle.signed.digest
    subjects = (StatementSubject(None, {digest.algorithm: digest.hex}),) if digest is not None else ()
    return Claims(evidence.kind, None, subjects, hints, identity)


def _claimed_identity(bundle: Bundle) -> Identity | None:
    if bundle.certificate is None:
        return None
    return identity_of(bundle.certificate) if bundle.is_logged else named(bundle.certificate)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the bundle. Raises `InvalidEvidence`, `Unproven`."""
    bundle = Bundle.parse(evidence.content)
    if isinstance(bundle.signed, MessageSignature):
        return Verdict(_accept_file(bundle, bundle.signed, evidence.payload, question))
    statement = bundle.signed.statement
    question.require_subject(statement)
    return verify_statement(bundle, statement, question)


def verify_statement(bundle: Bundle, statement: Statement, question: Question) -> Verdict:
    """Who signed the statement in a bundle; that it is about the subject is the caller's to check.

    Raises `InvalidEvidence`, `Unproven`.
    """
    envelope = bundle.envelope
    if len(envelope.signatures) != 1:
        raise Unproven("the envelope of a bundle has exactly one signature")
    (signature,) = envelope.signatures
    sha256 = hashlib.sha256(envelope.payload).hexdigest()
    certificate = bundle.certificate
    if certificate is None:
        return Verdict(_accept_keys(bundle, signature.signature, sha256, envelope.is_signed_by, question), statement)

    if not bundle.is_logged:
        return Verdict(_accept_lasting(bundle, certificate, envelope.is_signed_by, question), statement)

    def check(root: TrustedRoot) -> None:
        from entrepot.trust import offline  # noqa: PLC0415 - slow to import, and mostly not needed

        if offline.check_envelope(bundle.content, certificate, root) != (envelope.payload_type, envelope.payload):
            raise Unproven("the bundle reads in two ways")

    return Verdict(_accept_identities(bundle, certificate, check, question), statement)


def _accept_file(bundle: Bundle, signed: MessageSignature, payload: bytes | None, question: Question) -> Accepted:
    digest = question.subject.find("sha256")
    if digest is None:
        raise Unproven("the sha256 of the file is not known")
    if payload is not None and Digest.of(payload) != digest:
        raise Unproven("the file is not the one that was asked about")
    if signed.digest is not None and signed.digest not in question.subject.digests:
        raise Unproven(f"the signature is about {signed.digest}, not about {digest}")

    def proves(key: PublicKey) -> bool:
        if payload is not None:
            return key.verify(signed.signature, payload)
        return any(key.verify_digest(signed.signature, each) for each in question.subject.digests)

    certificate = bundle.certificate
    if certificate is None:
        return _accept_keys(bundle, signed.signature, digest.hex, proves, question)
    if not bundle.is_logged:
        return _accept_lasting(bundle, certificate, proves, question)

    def check(root: TrustedRoot) -> None:
        from entrepot.trust import offline  # noqa: PLC0415 - slow to import, and mostly not needed

        offline.check_file(bundle.content, certificate, root, digest)

    return _accept_identities(bundle, certificate, check, question)


def _accept_lasting(
    bundle: Bundle, certificate: x509.Certificate, proves: Callable[[PublicKey], bool], question: Question
) -> Accepted:
    """The names under X.509 roots that a certificate without a log belongs to."""
    if not question.x509:
        raise Unproven("its certificate is in no log, and no X.509 roots are trusted here")
    if not proves(PublicKey.of(certificate.public_key())):
        raise Unproven("the certificate's key did not make the signature")
    return accept_x509(question, (certificate, *bundle.chain))


def _accept_keys(
    bundle: Bundle, signature: bytes, sha256: str, proves: Callable[[PublicKey], bool], question: Question
) -> Accepted:
    """The keys that made a signature; with the time of the log, where a root's log vouches for it."""

    def find_time(root: TrustedRoot, key: PublicKey) -> datetime:
        for found in bundle.entries:
            entry = LogEntry.of_bundle(found)
            if entry is not None:
                entry.require_about(Signed(signature, sha256, key.der))
                return entry.require_promise(root)
        raise Unproven("there is no entry of a log with a promise")

    return question.accept_keys(proves, find_time)


def _accept_identities(
    bundle: Bundle, certificate: x509.Certificate, check: Callable[[TrustedRoot], None], question: Question
) -> Accepted:
    """The identities that a certificate names, where *check* succeeds with their root."""

    def under(root: TrustedRoot) -> tuple[Identity, datetime]:
        from entrepot.trust import offline  # noqa: PLC0415 - slow to import, and mostly not needed

        check(root)
        return identity_of(certificate, root.name), offline.proven_time(bundle.content, root)

    return question.accept_under_roots(under, PublicKey.of(certificate.public_key()).fingerprint)


def _signer(material: dict[str, Any], media_type: str) -> tuple[tuple[x509.Certificate, ...], str | None]:
    """The certificates, the leaf first, or the hint of the key: exactly one form (a `oneof` of the protocol)."""
    forms = [name for name in ("certificate", "x509CertificateChain", "publicKey") if material.get(name) is not None]
    if len(forms) != 1:
        raise InvalidEvidence("bundle", expected="exactly one of certificate and publicKey", actual=", ".join(forms))
    (form,) = forms
    found = _object(material[form], f"bundle, {form}")
    if form == "publicKey":
        hint = found.get("hint")
        if hint is not None and not isinstance(hint, str):
            raise InvalidEvidence("bundle, publicKey hint", expected="a text")
        return (), hint or None
    if form == "certificate" and media_type not in _NEW:
        raise InvalidEvidence("bundle, certificate", expected=f"the form that {media_type} has")
    chain = [found] if form == "certificate" else _list(found.get("certificates"), f"bundle, {form}", _ENTRIES)
    if not chain:
        raise InvalidEvidence(f"bundle, {form}", expected="at least one certificate")
    return tuple(_certificate(_object(each, f"bundle, {form}")) for each in chain), None


def _certificate(found: dict[str, Any]) -> x509.Certificate:
    return load_certificate(decode_base64(found.get("rawBytes"), "bundle, certificate"))


def _signed(document: dict[str, Any]) -> Envelope | MessageSignature:
    envelope, message = document.get("dsseEnvelope"), document.get("messageSignature")
    if (envelope is None) == (message is None):
        raise InvalidEvidence("bundle", expected="exactly one of dsseEnvelope and messageSignature")
    if envelope is not None:
        return Envelope.of(envelope)
    found = _object(message, "bundle, messageSignature")
    signature = decode_base64(found.get("signature"), "bundle, signature")
    digest = found.get("messageDigest")
    return MessageSignature(signature, None if digest is None else _digest(_object(digest, "bundle, messageDigest")))


def _digest(found: dict[str, Any]) -> Digest:
    algorithm = _ALGORITHMS.get(str(found.get("algorithm")))
    if algorithm is None:
        raise InvalidEvidence("bundle, messageDigest", expected=" or ".join(_ALGORITHMS))
    return Digest(algorithm, decode_base64(found.get("digest"), "bundle, messageDigest").hex())


def _object(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InvalidEvidence(what, expected="a JSON object")
    return found


def _list(found: Any, what: str, most: int) -> list[Any]:
    """A list; null and nothing are the empty one, as in protobuf's JSON."""
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > most:
        raise InvalidEvidence(what, expected=f"a list of at most {most}")
    return found
