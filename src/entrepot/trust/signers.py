"""Whom a caller trusts: keys, identities under a root, OpenPGP certificates, X.509 subjects.

Each signer has the caller's own name for it, which comes back with what it is proven to have signed.
Whether a signer is still trusted, since when and for what, is the caller's business: here it is only found out whether
it was this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import re2  # type: ignore[import-untyped]  # it brings no types

from entrepot.model.errors import InvalidName
from entrepot.trust.keys import PublicKey
from entrepot.trust.roots import CertificateStore, TrustedRoot

if TYPE_CHECKING:
    from typing import Self

    from entrepot.trust.evidence import Identity
    from entrepot.trust.openpgp import OpenPgpCertificate

_PATTERN_LENGTH: Final = 2048


@dataclass(frozen=True, slots=True)
class IdentityPattern:
    """A glob over the whole of an identity, an issuer or a claim.

    ``*`` stands for any run of characters but ``/`` and ``@``, ``**`` for any run. So a star never reaches past the
    repository or the workflow that it was written for: whoever may name a branch could otherwise spell, inside its
    name, a workflow that is trusted.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises `InvalidName`."""
        if not 0 < len(text) <= _PATTERN_LENGTH or not text.isprintable():
            raise InvalidName(text[:300], expected=f"a pattern of 1 to {_PATTERN_LENGTH} printable characters")
        return cls(text)

    def matches(self, value: str) -> bool:
        """Whether *value*, all of it, is what the pattern stands for."""
        return bool(_compile(self.text).fullmatch(value))

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=1024)
def _compile(glob: str) -> Any:
    """A pattern that takes linear time, whatever it is and whatever it is held against."""
    pieces = (
        "(?s:.*)".join("[^/@]*".join(re2.escape(part) for part in run.split("*")) for run in glob.split("**"))
        if "*" in glob
        else re2.escape(glob)
    )
    return re2.compile(pieces)


@dataclass(frozen=True, slots=True)
class KeySigner:
    """Whoever holds the private half of a key."""

    id: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class IdentitySigner:
    """Whoever a certificate of *root* names so: keyless signatures."""

    id: str
    root: TrustedRoot
    issuer: IdentityPattern
    subject: IdentityPattern
    claims: Mapping[str, IdentityPattern] = field(default_factory=dict)
    """What else the certificate must say, by the names of `entrepot.trust.certificate.CLAIMS`."""

    def covers(self, identity: Identity) -> bool:
        """Whether *identity* is one that is meant; a claim that the certificate does not make is no match."""
        return (
            self.issuer.matches(identity.issuer)
            and self.subject.matches(identity.subject)
            and all(
                name in identity.claims and pattern.matches(identity.claims[name])
                for name, pattern in self.claims.items()
            )
        )


@dataclass(frozen=True, slots=True)
class OpenPgpSigner:
    """Whoever holds a signing key of an OpenPGP certificate."""

    id: str
    certificate: OpenPgpCertificate


@dataclass(frozen=True, slots=True)
class X509Signer:
    """Whoever a certificate under one of *roots* names so: Notation's trust store with its trusted identities."""

    id: str
    roots: CertificateStore
    subject: Mapping[str, str] = field(default_factory=dict)
    """Attributes that the subject's name must have (``{"O": "Acme"}``); none is everybody under these roots."""


Signer = KeySigner | IdentitySigner | OpenPgpSigner | X509Signer
