"""Read evidence, and verify it: two functions for every form that people sign in.

`read` parses and believes nothing: its answer is for indexes and for showing what is there.
`verify` answers who of the given signers signed this about that subject. Whatever goes wrong on the way, in our code
or in somebody else's, is a reason and never a yes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import Invalid, InvalidEvidence
from entrepot.trust import (
    attestation,
    bare,
    bundle,
    clearsigned,
    cosign,
    detached,
    model_signing,
    notation,
    npm,
    pep740,
)
from entrepot.trust.evidence import Claims, Evidence, EvidenceKind, Subject, Verdict
from entrepot.trust.question import Question, Unproven

if TYPE_CHECKING:
    from datetime import datetime

    from entrepot.trust.roots import TrustedRoot
    from entrepot.trust.signers import Signer

Reader = Callable[[Evidence], Claims]
Verifier = Callable[[Evidence, Question], Verdict]

_READERS: Final[dict[EvidenceKind, Reader]] = {
    EvidenceKind.COSIGN_SIMPLE: cosign.read,
    EvidenceKind.DSSE: attestation.read,
    EvidenceKind.STATEMENT: bare.read,
    EvidenceKind.SIGSTORE_BUNDLE: bundle.read,
    EvidenceKind.NOTATION: notation.read,
    EvidenceKind.OPENPGP_DETACHED: detached.read,
    EvidenceKind.OPENPGP_CLEARSIGNED: clearsigned.read,
    EvidenceKind.PEP740: pep740.read,
    EvidenceKind.NPM_SIGNATURE: npm.read_signature,
    EvidenceKind.NPM_PROVENANCE: npm.read_provenance,
    EvidenceKind.MODEL_SIGNING: model_signing.read,
}
_VERIFIERS: Final[dict[EvidenceKind, Verifier]] = {
    EvidenceKind.COSIGN_SIMPLE: cosign.verify,
    EvidenceKind.DSSE: attestation.verify,
    EvidenceKind.STATEMENT: bare.verify,
    EvidenceKind.SIGSTORE_BUNDLE: bundle.verify,
    EvidenceKind.NOTATION: notation.verify,
    EvidenceKind.OPENPGP_DETACHED: detached.verify,
    EvidenceKind.OPENPGP_CLEARSIGNED: clearsigned.verify,
    EvidenceKind.PEP740: pep740.verify,
    EvidenceKind.NPM_SIGNATURE: npm.verify_signature,
    EvidenceKind.NPM_PROVENANCE: npm.verify_provenance,
    EvidenceKind.MODEL_SIGNING: model_signing.verify,
}
_REASON: Final = 500


def read(evidence: Evidence) -> Claims:
    """What evidence says of itself; nobody has checked any of it.

    Raises `InvalidEvidence` where it is not what its kind demands.
    """
    try:
        return _READERS[evidence.kind](evidence)
    except InvalidEvidence:
        raise
    except BaseException as error:
        _let_through(error)
        raise InvalidEvidence(evidence.kind, expected="a readable one", actual=_words(error)) from error


def verify(
    evidence: Evidence,
    subject: Subject,
    signers: Sequence[Signer],
    *,
    now: datetime,
    roots: Sequence[TrustedRoot] = (),
) -> Verdict:
    """Find out which of *signers* signed *evidence* about *subject*.

    *roots* are believed about when a key's signature was made; an identity brings the root that it is under.
    Nothing is raised: what cannot be checked is not verified, and the verdict says why.
    """
    try:
        return _VERIFIERS[evidence.kind](evidence, Question(subject, signers, roots, now))
    except (Invalid, Unproven) as error:
        return Verdict(reason=_words(error))
    except BaseException as error:  # noqa: BLE001 (foreign libraries raise what they like; none of it is a yes)
        _let_through(error)
        return Verdict(
            reason=f"the {evidence.kind} evidence cannot be checked: {type(error).__name__}: {_words(error)}"
        )


def _let_through(error: BaseException) -> None:
    """Raise what is not about the evidence: a request to stop. A panic of a library in Rust is no Exception either."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error


def _words(error: BaseException) -> str:
    """The first line of what a library says: some append their own stack."""
    return str(error).partition("\n")[0][:_REASON] or type(error).__name__
