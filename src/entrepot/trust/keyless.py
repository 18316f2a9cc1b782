"""Keyless signatures in cosign's older form: certificate and log entry in annotations of the layer.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md. There is no inclusion proof in them: what is
believed is the log's promise to hold the entry.
The chain in the annotations is not believed: a certificate hangs from the configured root, or from nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.serialization import Encoding

from entrepot.trust.certificate import identity_of, load_certificate, require_chain, require_logged
from entrepot.trust.keys import PublicKey
from entrepot.trust.question import Unproven
from entrepot.trust.transparency import LogEntry, Signed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cryptography import x509

    from entrepot.trust.evidence import Acceptance, Identity
    from entrepot.trust.question import Question
    from entrepot.trust.roots import TrustedRoot

CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
BUNDLE: Final = "dev.sigstore.cosign/bundle"


def claimed_identity(annotations: Mapping[str, str]) -> Identity | None:
    """Who the certificate in the annotations says signed; None where there is none. Raises `InvalidEvidence`."""
    text = annotations.get(CERTIFICATE)
    return identity_of(load_certificate(text.encode())) if text else None


def accept_identities(
    annotations: Mapping[str, str], question: Question, *, signature: bytes, signed_bytes: bytes, logged_sha256: str
) -> tuple[Acceptance, ...]:
    """Which identities made *signature* over *signed_bytes*; *logged_sha256* is what the log knows them by.

    Raises `Unproven`, `InvalidEvidence`.
    """
    if not annotations.get(CERTIFICATE):
        raise Unproven("there is no certificate beside the signature")
    if not annotations.get(BUNDLE):
        raise Unproven("there is no entry of a transparency log beside the signature")
    certificate = load_certificate(annotations[CERTIFICATE].encode())
    key = PublicKey.of(certificate.public_key())
    if not key.verify(signature, signed_bytes):
        raise Unproven("the certificate's key did not make the signature")
    entry = LogEntry.of_annotation(annotations[BUNDLE])
    entry.require_about(Signed(signature, logged_sha256, certificate.public_bytes(Encoding.DER)))

    def check(root: TrustedRoot) -> tuple[Identity, datetime]:
        signed_at = entry.require_promise(root)
        _require_hangs(certificate, root, signed_at)
        return identity_of(certificate, root.name), signed_at

    return question.accept_under_roots(check, key.fingerprint)


def _require_hangs(certificate: x509.Certificate, root: TrustedRoot, moment: datetime) -> None:
    """Raise `Unproven` unless the certificate was valid at *moment* under one of the root's authorities, and logged."""
    anchors = [
        each for authority in root.authorities if authority.validity.covers(moment) for each in authority.certificates
    ]
    chain = require_chain(certificate, anchors, moment)
    require_logged(certificate, chain[0], root)
