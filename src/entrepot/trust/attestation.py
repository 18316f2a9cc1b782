"""Plain DSSE envelopes with an in-toto statement, signed with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.trust.dsse import Envelope
from entrepot.trust.evidence import Acceptance, Claims, Verdict
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question


def read(evidence: Evidence) -> Claims:
    """What the envelope says of itself. Raises `InvalidEvidence`."""
    envelope = Envelope.parse(evidence.content)
    statement = envelope.statement
    hints = tuple(each.key_hint for each in envelope.signatures if each.key_hint is not None)
    return Claims(evidence.kind, statement, statement.subjects, hints)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the envelope. Raises `InvalidEvidence`, `Unproven`."""
    envelope = Envelope.parse(evidence.content)
    statement = envelope.statement
    question.require_subject(statement)
    accepted = tuple(
        Acceptance(signer.id, signer.key.fingerprint) for signer in question.keys if envelope.is_signed_by(signer.key)
    )
    if not accepted:
        raise Unproven("none of the keys that are trusted here made its signatures")
    return Verdict(accepted, statement)
