"""What a verifier is asked: whether evidence is about a subject, and signed by one of some signers.

Every verifier takes a `Question` and answers with a `Verdict`, or raises `Unproven` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from entrepot.model.errors import InvalidEvidence
from entrepot.trust.evidence import Acceptance, Identity, Subject
from entrepot.trust.keys import PublicKey
from entrepot.trust.roots import TrustedRoot
from entrepot.trust.signers import IdentitySigner, KeySigner, OpenPgpSigner, Signer, X509Signer
from entrepot.trust.statement import Statement

Accepted = tuple[Acceptance, ...]
FindTime = Callable[[TrustedRoot, PublicKey], datetime]
"""When a root's log took in a key's signature; raises `Unproven`."""


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

    def accept_keys(self, proves: Callable[[PublicKey], bool], find_time: FindTime | None = None) -> Accepted:
        """The keys that *proves* says made the signature, with the time that *find_time* proves for each.

        Raises `Unproven` where there is none.
        """
        accepted = tuple(
            Acceptance(signer.id, signer.key.fingerprint, signed_at=self._time(signer.key, find_time))
            for signer in self.keys
            if proves(signer.key)
        )
        if not accepted:
            raise Unproven("none of the keys that are trusted here made the signature")
        return accepted

    def _time(self, key: PublicKey, find_time: FindTime | None) -> datetime | None:
        """The earliest time that one of the roots proves; a time is never a condition for a key's signature."""
        if find_time is None:
            return None
        times = []
        for root in self.roots:
            with suppress(Unproven, InvalidEvidence):
                times.append(find_time(root, key))
        return min(times, default=None)

    def accept_under_roots(self, check: Callable[[TrustedRoot], tuple[Identity, datetime]], key: str) -> Accepted:
        """The identities that hold, where *check* finds out who signed and when under one root.

        Each root is checked once. Raises `Unproven` where nobody who is trusted signed.
        """
        if not self.identities:
            raise Unproven("it is signed with a certificate, and no identity is trusted here")
        accepted: list[Acceptance] = []
        reasons: list[str] = []
        for root in dict.fromkeys(signer.root for signer in self.identities):
            try:
                identity, signed_at = check(root)
            except Unproven as error:
                reasons.append(f"under the root {root.name}: {error}")
                continue
            covering = [signer for signer in self.identities if signer.root == root and signer.covers(identity)]
            accepted += [Acceptance(signer.id, key, identity, signed_at) for signer in covering]
            if not covering:
                reasons.append(f"it is signed by {identity.subject} ({identity.issuer}), whom nobody here trusts")
        if not accepted:
            raise Unproven("; ".join(reasons))
        return tuple(accepted)
