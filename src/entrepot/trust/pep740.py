"""PEP 740: attestations of Python distributions, which are Sigstore bundles spelt differently.

https://peps.python.org/pep-0740/#attestation-objects. They are checked as bundles, against the roots that are
configured here; and each is about exactly one file, by its name too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from entrepot.model.errors import InvalidEvidence
from entrepot.trust.bundle import MEDIA_TYPE, Bundle, read_bundle, verify_statement
from entrepot.trust.question import Unproven
from entrepot.trust.statement import PAYLOAD_TYPE, parse_json

if TYPE_CHECKING:
    from entrepot.trust.evidence import Claims, Evidence, Verdict
    from entrepot.trust.question import Question

PREDICATES: Final = ("https://docs.pypi.org/attestations/publish/v1", "https://slsa.dev/provenance/v1")
"""What an attestation may say (https://docs.pypi.org/attestations/)."""

_SIZE: Final = 1024 * 1024


def read(evidence: Evidence) -> Claims:
    """What the attestation says of itself. Raises `InvalidEvidence`."""
    return read_bundle(_as_bundle(evidence.content), evidence)


def verify(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the attestation. Raises `InvalidEvidence`, `Unproven`."""
    bundle = _as_bundle(evidence.content)
    statement = bundle.envelope.statement
    question.require_subject(statement)
    if len(statement.subjects) != 1:
        raise Unproven("an attestation of a distribution is about exactly one file")
    name = statement.subjects[0].name
    if question.subject.name is not None and not _are_same(name, question.subject.name):
        raise Unproven(f"the attestation is about a file {name}, not about {question.subject.name}")
    if statement.predicate_type not in PREDICATES:
        raise Unproven(f"attestations of distributions are not of type {statement.predicate_type[:200]}")
    return verify_statement(bundle, statement, question)


def _as_bundle(content: bytes) -> Bundle:
    document = _object(parse_json(content, "attestation", size=_SIZE), "attestation")
    if document.get("version") != 1 or isinstance(document.get("version"), bool):
        raise InvalidEvidence("attestation, version", expected=1, actual=str(document.get("version"))[:100])
    material = _object(document.get("verification_material"), "attestation, verification_material")
    envelope = _object(document.get("envelope"), "attestation, envelope")
    signed = {
        "payloadType": PAYLOAD_TYPE,
        "payload": envelope.get("statement"),
        "signatures": [{"sig": envelope.get("signature")}],
    }
    certificate = {
        "certificate": {"rawBytes": material.get("certificate")},
        "tlogEntries": material.get("transparency_entries"),
    }
    bundle = {"mediaType": MEDIA_TYPE, "verificationMaterial": certificate, "dsseEnvelope": signed}
    return Bundle.parse(json.dumps(bundle).encode())


def _object(found: Any, what: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise InvalidEvidence(what, expected="a JSON object")
    return found


def _are_same(name: str | None, filename: str) -> bool:
    """Whether two names are one distribution's: they may be spelt differently (PEP 740, "subject")."""
    if name == filename:
        return True
    if name is None:
        return False
    try:
        if name.endswith(".whl") and filename.endswith(".whl"):
            return parse_wheel_filename(name) == parse_wheel_filename(filename)
        return parse_sdist_filename(name) == parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return False
