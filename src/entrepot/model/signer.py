"""Whom a namespace believes: signers, what each may vouch for, and how long it is believed.

That a signature is this signer's is cryptography (`entrepot.trust`); whether it counts is said here: the signer's state
now, when the signature was made, and what it is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NewType

from entrepot.model.errors import InvalidName
from entrepot.model.names import EVERY_PACKAGE, NamespaceName, PackagePattern

if TYPE_CHECKING:
    from entrepot.model.names import PackageId

SignerName = NewType("SignerName", str)

OWN_PREFIX: Final = "entrepot-"
"""What the names of the registry's own keys begin with, and nobody else's do."""

SIGNATURE: Final = "signature"
"""Stands for signatures that state nothing beside it, where predicate types are named."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_NAME_LENGTH: Final = 63
HIGHEST_LEVEL: Final = 4
"""Of SLSA's build track; version 1.2 defines three, and leaves room for one more."""


class SignerKind(StrEnum):
    """What a signer is known by."""

    KEY = "key"
    """A public key."""
    IDENTITY = "identity"
    """Who a certificate of a trusted Sigstore root says it is: keyless."""
    OPENPGP = "openpgp"
    """An OpenPGP certificate."""
    X509 = "x509"
    """A name under roots of X.509 certificates: Notation's trust store."""


class SignerState(StrEnum):
    """Whether a signer is believed."""

    PENDING = "pending"
    """Known, and not yet believed: the key of the next rotation."""
    ACTIVE = "active"
    RETIRED = "retired"
    """It signs no more; what it signed before stays good."""
    REVOKED = "revoked"
    """Not to be believed from a time on; what it is proven to have signed before stays good."""
    COMPROMISED = "compromised"
    """Nothing that it ever signed is good."""


CHANGES: Final[Mapping[SignerState, frozenset[SignerState]]] = {
    SignerState.PENDING: frozenset({SignerState.ACTIVE, SignerState.COMPROMISED}),
    SignerState.ACTIVE: frozenset({SignerState.RETIRED, SignerState.REVOKED, SignerState.COMPROMISED}),
    SignerState.RETIRED: frozenset({SignerState.ACTIVE, SignerState.REVOKED, SignerState.COMPROMISED}),
    SignerState.REVOKED: frozenset({SignerState.REVOKED, SignerState.COMPROMISED}),
    SignerState.COMPROMISED: frozenset(),
}
"""What each state may become. Who was revoked is never believed again: make another signer of the new key."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signer may vouch for."""

    packages: tuple[PackagePattern, ...] = (EVERY_PACKAGE,)
    """Over ``<format>/<name>``: ``oci/team-*``."""
    predicate_types: tuple[PackagePattern, ...] = (EVERY_PACKAGE,)
    """Over the types of statements; `SIGNATURE` for plain signatures."""
    builders: Mapping[str, int] = field(default_factory=dict)
    """The builders that it speaks for, by id, each with the highest SLSA build level that is believed of both."""

    def objection(self, package: PackageId, predicate_type: str | None, builder: str | None) -> str | None:
        """Why the signer's word does not count here; None when it does."""
        if not any(pattern.matches(package.path) for pattern in self.packages):
            return f"the signer may not vouch for {package.path}"
        said = predicate_type or SIGNATURE
        if not any(pattern.matches(said) for pattern in self.predicate_types):
            return f"the signer may not vouch with a {said}"
        if builder is not None and self.builders and builder not in self.builders:
            return f"the signer does not speak for the builder {builder}"
        return None

    def may_suppress(self, predicate_type: str) -> bool:
        """Whether the signer may say that findings do not matter.

        That has to be said in so many words: who may vouch for everything, such as a build, may not keep quiet what is
        found in what it built.
        """
        return any(
            pattern.text != EVERY_PACKAGE.text and pattern.matches(predicate_type) for pattern in self.predicate_types
        )

    def level_of(self, builder: str | None) -> int:
        """The SLSA build level of provenance that the signer signed: never what the provenance itself claims."""
        return 0 if builder is None else self.builders.get(builder, 0)


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whose signatures a namespace knows; without a namespace, the registry itself knows them."""

    name: SignerName
    kind: SignerKind
    material: Mapping[str, str | Mapping[str, str]]
    """What it is recognised by, all of it public."""
    namespace: NamespaceName | None = None
    scope: Scope = field(default_factory=Scope)
    state: SignerState = SignerState.ACTIVE
    until: datetime | None = None
    """When it ceased to be believed, if it did: only what was signed before may be good."""
    reason: str = ""
    """Why it is in this state, for people."""


def parse_signer(text: str) -> SignerName:
    """Read a signer's name. Raises `InvalidName`."""
    if len(text) > _NAME_LENGTH or _NAME.fullmatch(text) is None:
        raise InvalidName(
            text[:200], expected=f"a signer: lower-case letters, digits and single . _ -, at most {_NAME_LENGTH}"
        )
    return SignerName(text)
