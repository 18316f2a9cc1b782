"""DSSE envelopes with an in-toto statement: plain ones, and the layers of cosign's ``.att`` manifests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from entrepot.trust import keyless
from entrepot.trust.dsse import Envelope
from entrepot.trust.evidence import Claims, Verdict
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question


def read(evidence: Evidence) -> Claims:
    """What the envelope says of itself. Raises `InvalidEvidence`."""
    envelope = Envelope.parse(evidence.content)
    statement = envelope.statement
    identity = keyless.claimed_identity(evidence.annotations)
    return Claims(evidence.kind, statement, statement.subjects, envelope.key_hints, identity)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the envelope. Raises `InvalidEvidence`, `Unproven`."""
    envelope = Envelope.parse(evidence.content)
    statement = envelope.statement
    question.require_subject(statement)
    if evidence.annotations.get(keyless.CERTIFICATE):
        if len(envelope.signatures) != 1:
            raise Unproven("an envelope with a certificate has one signature")
        accepted = keyless.accept_identities(
            evidence.annotations,
            question,
            signature=envelope.signatures[0].signature,
            signed_bytes=envelope.signed_bytes,
            logged_sha256=hashlib.sha256(envelope.payload).hexdigest(),
        )
    else:
        accepted = question.accept_keys(envelope.is_signed_by)
    return Verdict(accepted, statement)
