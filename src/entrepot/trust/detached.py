"""OpenPGP signatures beside files: Maven's ``.asc``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.trust.evidence import Acceptance, Claims, Verdict
from entrepot.trust.openpgp import key_hints, load_signature
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question


def read(evidence: Evidence) -> Claims:
    """Which key the signature says made it. Raises `InvalidEvidence`."""
    signature = load_signature(evidence.content)
    return Claims(evidence.kind, key_hints=key_hints(signature), claimed_at=signature.created)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the file. Raises `InvalidEvidence`, `DigestMismatch`, `Unproven`."""
    file = evidence.payload
    if file is None:
        raise Unproven("the file that the signature is about is not at hand")
    question.subject.digest.verify(file)
    signature = load_signature(evidence.content)
    accepted = tuple(
        Acceptance(signer.id, found[0], claimed_at=signature.created)
        for signer in question.openpgp
        if (found := signer.certificate.find_key(file, signature)) is not None
    )
    if not accepted:
        raise Unproven("none of the OpenPGP certificates that are trusted here made the signature")
    return Verdict(accepted)
