"""Cosign's older image signatures: a "simple signing" document as a layer, its signature in the annotations.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, "Properties" and "Payload".
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from entrepot.model.digest import Digest
from entrepot.model.errors import InvalidDigest, InvalidEvidence
from entrepot.trust import keyless
from entrepot.trust.evidence import Claims, Verdict
from entrepot.trust.question import Unproven
from entrepot.trust.statement import StatementSubject, decode_base64, parse_json

if TYPE_CHECKING:
    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question

MEDIA_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE: Final = "dev.cosignproject.cosign/signature"

_TYPE: Final = "cosign container image signature"
_SIZE: Final = 64 * 1024


def read(evidence: Evidence) -> Claims:
    """What the layer says of itself. Raises `InvalidEvidence`."""
    digest = _signed_digest(evidence.content)
    subject = StatementSubject(None, {digest.algorithm: digest.hex})
    return Claims(evidence.kind, subjects=(subject,), identity=keyless.claimed_identity(evidence.annotations))


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the layer. Raises `InvalidEvidence`, `Unproven`."""
    payload = evidence.content
    signature = decode_base64(evidence.annotations.get(SIGNATURE), f"annotation {SIGNATURE}")
    digest = _signed_digest(payload)
    if digest not in question.subject.digests:
        raise Unproven(f"the signature is about {digest}, not about {question.subject.digest}")
    if evidence.annotations.get(keyless.CERTIFICATE):
        accepted = keyless.accept_identities(
            evidence.annotations,
            question,
            signature=signature,
            signed_bytes=payload,
            logged_sha256=hashlib.sha256(payload).hexdigest(),
        )
    else:
        accepted = question.accept_keys(lambda key: key.verify(signature, payload))
    return Verdict(accepted)


def _signed_digest(payload: bytes) -> Digest:
    """What the document is about; the name that it gives the image is anybody's."""
    document = parse_json(payload, "signature payload", size=_SIZE)
    critical = _member(document, "critical")
    kind = critical.get("type")
    if kind != _TYPE:
        raise InvalidEvidence("signature payload, critical.type", expected=_TYPE, actual=str(kind)[:200])
    text = _member(critical, "image").get("docker-manifest-digest")
    try:
        return Digest.parse(str(text))
    except InvalidDigest as error:
        raise InvalidEvidence(
            "signature payload", expected="a docker-manifest-digest", actual=str(text)[:200]
        ) from error


def _member(document: Any, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, dict):
        raise InvalidEvidence("signature payload", expected=f"an object {name}")
    return found
