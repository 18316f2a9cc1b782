"""What a verifier is asked: whether evidence is about a subject, and signed by one of some signers.

Every verifier takes a `Question` and answers with a `Verdict`, or raises `Unproven` with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from entrepot.trust.evidence import Subject
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentitySigner, KeySigner, OpenPgpSigner, Signer, X509Signer
from entrepot.trust.statement import Statement


class Unproven(Exception):
    """The evidence is well formed, and does not prove what was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller wants to know of some evidence."""

    subject: Subject
    signers: Sequence[Signer]
    roots: Sequence[TrustedRoot]
    """Whose logs and timestamp authorities are believed about the time of a key's signature."""
    now: datetime

    @property
    def keys(self) -> tuple[KeySigner, ...]:
        """The signers that are keys."""
        return tuple(signer for signer in self.signers if isinstance(signer, KeySigner))

    @property
    def identities(self) -> tuple[IdentitySigner, ...]:
        """The signers that are identities under a trusted root."""
        return tuple(signer for signer in self.signers if isinstance(signer, IdentitySigner))

    @property
    def openpgp(self) -> tuple[OpenPgpSigner, ...]:
        """The signers that are OpenPGP certificates."""
        return tuple(signer for signer in self.signers if isinstance(signer, OpenPgpSigner))

    @property
    def x509(self) -> tuple[X509Signer, ...]:
        """The signers that are names under X.509 roots."""
        return tuple(signer for signer in self.signers if isinstance(signer, X509Signer))

    def require_subject(self, statement: Statement) -> None:
        """Raise `Unproven` unless the statement is about the subject."""
        if statement.find_subject(self.subject.digests) is None:
            about = ", ".join(
                f"{algorithm}:{value[:128]}"
                for subject in statement.subjects[:3]
                for algorithm, value in list(subject.digests.items())[:3]
            )
            raise Unproven(f"the statement is about {about}, not about {self.subject.digest}")
