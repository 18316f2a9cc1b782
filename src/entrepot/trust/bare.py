"""In-toto statements as they are, without an envelope: what BuildKit says of the images that it makes.

Nobody signed them, so nobody vouches for them. Some clients give an envelope the media type of a statement; such a one
is an envelope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.trust import attestation
from entrepot.trust.evidence import Claims, Verdict
from entrepot.trust.question import Unproven
from entrepot.trust.statement import Statement, parse_json

if TYPE_CHECKING:
    from entrepot.trust.evidence import Evidence
    from entrepot.trust.question import Question


def read(evidence: Evidence) -> Claims:
    """What the statement says. Raises `InvalidEvidence`."""
    if _is_envelope(evidence.content):
        return attestation.read(evidence)
    statement = Statement.parse(evidence.content)
    return Claims(evidence.kind, statement, statement.subjects)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed it, if somebody did. Raises `InvalidEvidence`, `Unproven`."""
    if _is_envelope(evidence.content):
        return attestation.verify(evidence, question)
    question.require_subject(Statement.parse(evidence.content))
    raise Unproven("nobody signed it: it is a statement without an envelope")


def _is_envelope(content: bytes) -> bool:
    found = parse_json(content, "statement")
    return isinstance(found, dict) and "payload" in found
