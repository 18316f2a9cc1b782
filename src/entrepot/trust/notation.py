"""Notation signatures: a JWS over an OCI descriptor, by a certificate under roots that are trusted.

https://github.com/notaryproject/specifications, "signature-specification.md" and "signature-envelope-jws.md".
The leaf's key decides the algorithm, and the header has to agree. A time that the signer writes down is no proof; a
certificate has to be valid now.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, InvalidEvidence
from entrepot.trust.certificate import load_certificate
from entrepot.trust.chains import accept_x509, named
from entrepot.trust.evidence import Claims, Verdict
from entrepot.trust.keys import PublicKey
from entrepot.trust.question import Unproven
from entrepot.trust.statement import StatementSubject, decode_base64, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question

MEDIA_TYPE: Final = "application/jose+json"

_COSE: Final = "application/cose"
_CONTENT_TYPE: Final = "application/vnd.cncf.notary.payload.v1+json"
_SCHEME: Final = "io.cncf.notary.signingScheme"
_TIME: Final = "io.cncf.notary.signingTime"
_EXPIRY: Final = "io.cncf.notary.expiry"
_KNOWN: Final = frozenset({_SCHEME, _EXPIRY})
"""The critical headers that are understood; the specification demands that others are refused."""

_SIZE: Final = 1024 * 1024
_CHAIN: Final = 10

# signature-specification.md, "Signature Algorithm Requirements": by the size of the key.
_RSA: Final = {2048: ("PS256", hashes.SHA256()), 3072: ("PS384", hashes.SHA384()), 4096: ("PS512", hashes.SHA512())}
_EC: Final = {256: ("ES256", hashes.SHA256()), 384: ("ES384", hashes.SHA384()), 521: ("ES512", hashes.SHA512())}


@dataclass(frozen=True, slots=True)
class _Envelope:
    """A signature as it was read; nothing in it is checked."""

    signed_bytes: bytes
    signature: bytes
    header: Mapping[str, Any]
    target: Digest
    chain: tuple[x509.Certificate, ...]
    signed_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def parse(cls, content: bytes) -> Self:
        document = _object(parse_json(content, "JWS", size=_SIZE), "JWS")
        protected, payload = document.get("protected"), document.get("payload")
        if not isinstance(protected, str) or not isinstance(payload, str):
            raise InvalidEvidence("JWS", expected="protected and payload")
        header = _object(parse_json(_decode(protected, "protected"), "JWS, protected"), "JWS, protected")
        unprotected = _object(document.get("header"), "JWS, header")
        chain = unprotected.get("x5c")
        if not isinstance(chain, list) or not 0 < len(chain) <= _CHAIN:
            raise InvalidEvidence("JWS, x5c", expected=f"1 to {_CHAIN} certificates")
        return cls(
            f"{protected}.{payload}".encode(),
            _decode(document.get("signature"), "signature"),
            header,
            _target(_decode(payload, "payload")),
            tuple(load_certificate(decode_base64(each, "JWS, x5c")) for each in chain),
            _moment(header.get(_TIME)),
            _moment(header.get(_EXPIRY)),
        )


def read(evidence: Evidence) -> Claims:
    """What the signature says of itself. Raises `InvalidEvidence`."""
    envelope = _parse(evidence)
    subject = StatementSubject(None, {envelope.target.algorithm: envelope.target.hex})
    return Claims(evidence.kind, None, (subject,), identity=named(envelope.chain[0]), claimed_at=envelope.signed_at)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the artifact. Raises `InvalidEvidence`, `Unproven`."""
    envelope = _parse(evidence)
    if envelope.target not in question.subject.digests:
        raise Unproven(f"the signature is about {envelope.target}, not about {question.subject.digest}")
    _require_header(envelope.header)
    if envelope.expires_at is not None and envelope.expires_at <= question.now:
        raise Unproven(f"the signature was good until {envelope.expires_at:%Y-%m-%d}")
    key = PublicKey.of(envelope.chain[0].public_key())
    _require_signature(envelope, key)
    return Verdict(accept_x509(question, envelope.chain, claimed_at=envelope.signed_at))


def _parse(evidence: Evidence) -> _Envelope:
    if evidence.media_type == _COSE:
        raise InvalidEvidence(
            "Notation's COSE envelope", expected=f"a signature made with --signature-format jws ({MEDIA_TYPE})"
        )
    return _Envelope.parse(evidence.content)


def _require_header(header: Mapping[str, Any]) -> None:
    critical = header.get("crit")
    if not isinstance(critical, list) or _SCHEME not in critical:
        raise InvalidEvidence("JWS, crit", expected=_SCHEME)
    unknown = [each for each in critical if each not in _KNOWN]
    if unknown:
        raise Unproven(f"the signature demands what is not understood here: {str(unknown)[:200]}")
    if _EXPIRY in header and _EXPIRY not in critical:
        raise InvalidEvidence("JWS, crit", expected=_EXPIRY)
    if header.get("cty") != _CONTENT_TYPE:
        raise InvalidEvidence("JWS, cty", expected=_CONTENT_TYPE, actual=str(header.get("cty"))[:200])
    if header.get(_SCHEME) != "notary.x509":
        raise Unproven(
            f"the signing scheme is {str(header.get(_SCHEME))[:200]}, and only notary.x509 is understood here"
        )


def _require_signature(envelope: _Envelope, key: PublicKey) -> None:
    """Raise `Unproven` unless the key made the signature, by the one algorithm that the specification gives it."""
    public = key.key
    try:
        if isinstance(public, rsa.RSAPublicKey) and public.key_size in _RSA:
            name, algorithm = _RSA[public.key_size]
            _require_algorithm(envelope, name)
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            public.verify(envelope.signature, envelope.signed_bytes, pss, algorithm)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            name, algorithm = _EC[public.curve.key_size]
            _require_algorithm(envelope, name)
            # RFC 7518, section 3.4: both numbers at full length, without ASN.1.
            length = (public.curve.key_size + 7) // 8
            if len(envelope.signature) != 2 * length:
                raise Unproven("the signature does not have the length that its key demands")
            numbers = (int.from_bytes(half) for half in (envelope.signature[:length], envelope.signature[length:]))
            public.verify(utils.encode_dss_signature(*numbers), envelope.signed_bytes, ec.ECDSA(algorithm))
        else:
            raise Unproven(f"Notation does not sign with keys of kind {key.algorithm}")
    except InvalidSignature as error:
        raise Unproven("the certificate's key did not make the signature") from error


def _require_algorithm(envelope: _Envelope, name: str) -> None:
    if envelope.header.get("alg") != name:
        raise Unproven(
            f"the header says {str(envelope.header.get('alg'))[:50]}, and the certificate's key is for {name}"
        )


def _target(payload: bytes) -> Digest:
    document = _object(parse_json(payload, "JWS, payload", size=_SIZE), "JWS, payload")
    digest = _object(document.get("targetArtifact"), "JWS, targetArtifact").get("digest")
    try:
        return Digest.parse(str(digest))
    except InvalidDigest as error:
        raise InvalidEvidence("JWS, targetArtifact", expected="a digest", actual=str(digest)[:200]) from error


def _decode(text: object, what: str) -> bytes:
    """RFC 7515, section 2: base64url without padding."""
    if not isinstance(text, str) or "=" in text:
        raise InvalidEvidence(f"JWS, {what}", expected="base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvidence(f"JWS, {what}", expected="base64url", actual=text[:100]) from error


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise InvalidEvidence("JWS", expected="a time", actual=str(text)[:100]) from error
    if moment.tzinfo is None:
        raise InvalidEvidence("JWS", expected="a time with its zone", actual=str(text)[:100])
    return moment


def _object(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InvalidEvidence(what, expected="a JSON object")
    return found
