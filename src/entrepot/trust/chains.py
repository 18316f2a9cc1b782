"""Certificates of lasting keys, under roots of one's own: Notation's, and those in bundles that are in no log.

Their time is not proven by anybody, so they have to be valid at the time that the question is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.trust.certificate import require_chain
from entrepot.trust.evidence import Acceptance, Identity
from entrepot.trust.keys import PublicKey
from entrepot.trust.question import Unproven

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509

    from entrepot.trust.question import Accepted, Question
    from entrepot.trust.signers import X509Signer


def named(leaf: x509.Certificate) -> Identity:
    """Who a certificate names, and who issued it."""
    return Identity(leaf.issuer.rfc4514_string(), leaf.subject.rfc4514_string())


def accept_x509(
    question: Question, chain: Sequence[x509.Certificate], *, claimed_at: datetime | None = None
) -> Accepted:
    """The signers that the leaf, first in the chain, belongs to; that its key signed is the caller's to check.

    Raises `Unproven` where there is none.
    """
    leaf, reasons, accepted = chain[0], [], []
    for signer in question.x509:
        try:
            _require_signer(chain, signer, question.now)
        except Unproven as error:
            reasons.append(str(error))
            continue
        key = PublicKey.of(leaf.public_key()).fingerprint
        accepted.append(Acceptance(signer.id, key, named(leaf), claimed_at=claimed_at))
    if not accepted:
        raise Unproven("; ".join(dict.fromkeys(reasons)) or "no X.509 roots are trusted here")
    return tuple(accepted)


def _require_signer(chain: Sequence[x509.Certificate], signer: X509Signer, now: datetime) -> None:
    """Raise `Unproven` unless the leaf is one that is meant, under the signer's roots."""
    leaf = chain[0]
    subject: dict[str, list[str]] = {}
    for attribute in leaf.subject:
        subject.setdefault(attribute.rfc4514_attribute_name, []).append(str(attribute.value))
    if any(subject.get(name) != [value] for name, value in signer.subject.items()):
        raise Unproven(f"it is signed by {leaf.subject.rfc4514_string()}, whom nobody here trusts")
    if leaf in signer.roots.certificates:
        # A trust store may have the signing certificate itself.
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            raise Unproven("the certificate is not valid now")
        return
    require_chain(leaf, signer.roots.certificates, now, chain[1:], usage_demanded=False)
