"""npm: the registry's signature of a version, and the bundles that come with one.

https://docs.npmjs.com/about-registry-signatures: a signature is over ``name@version:integrity``, by the registry's
ECDSA key. An attestation is a Sigstore bundle about the package URL of the version and the sha512 of its tarball.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.trust.bundle import Bundle, read_bundle, verify_statement
from entrepot.trust.evidence import KEY_ID, Claims, Verdict
from entrepot.trust.question import Unproven
from entrepot.trust.statement import decode_base64

if TYPE_CHECKING:
    from entrepot.trust.evidence import Evidence
    from entrepot.trust.keys import PublicKey
    from entrepot.trust.question import Question

_SIZE: Final = 4096


def read_signature(evidence: Evidence) -> Claims:
    """The hint that the signature comes with: it says nothing else. Raises `InvalidEvidence`."""
    _signature(evidence)
    hint = evidence.annotations.get(KEY_ID)
    return Claims(evidence.kind, key_hints=(hint,) if hint else ())


def verify_signature(evidence: Evidence, question: Question) -> Verdict:
    """Which registry's key signed the version. Raises `InvalidEvidence`, `Unproven`."""
    signature = _signature(evidence)
    # What is signed is made from what was asked about, so that it can be about nothing else.
    digest = question.subject.find("sha512")
    if question.subject.name is None or digest is None:
        raise Unproven("npm signs a name, a version and a sha512: one of them is not known")
    integrity = base64.b64encode(bytes.fromhex(digest.hex)).decode()
    signed = f"{question.subject.name}:sha512-{integrity}".encode()

    def proves(key: PublicKey) -> bool:
        return isinstance(key.key, ec.EllipticCurvePublicKey) and key.verify(signature, signed)

    return Verdict(question.accept_keys(proves))


def _signature(evidence: Evidence) -> bytes:
    return decode_base64(evidence.content[:_SIZE].decode("ascii", "replace").strip(), "npm signature")


def read_provenance(evidence: Evidence) -> Claims:
    """What the bundle says of itself. Raises `InvalidEvidence`."""
    return read_bundle(Bundle.parse(evidence.content), evidence)


def verify_provenance(evidence: Evidence, question: Question) -> Verdict:
    """Who signed the bundle. Raises `InvalidEvidence`, `Unproven`."""
    bundle = Bundle.parse(evidence.content)
    statement = bundle.envelope.statement
    about = statement.find_subject(question.subject.digests)
    question.require_subject(statement)
    name = question.subject.name
    if name is not None and (about is None or (about.name or "").replace("%40", "@") != f"pkg:npm/{name}"):
        raise Unproven(f"the statement is about {about.name if about else None}, not about {name}")
    return verify_statement(bundle, statement, question)
