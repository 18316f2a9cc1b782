"""Who may trade another system's identity token for one of the registry: issuers, and trusted publishers.

A CI system signs for each job an identity token (a JWT, by OpenID Connect) that says which repository and workflow it
runs. An administrator registers the *issuer*; a namespace says with *trusted publishers* which of its jobs may publish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NewType

from entrepot.model.access import Allowance, Role
from entrepot.model.errors import Invalid, InvalidName
from entrepot.model.names import EVERY_PACKAGE, PrincipalName, View, parse_namespace, parse_principal

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

    from entrepot.model.names import NamespaceName, PackagePattern

IssuerName = NewType("IssuerName", str)
PublisherName = NewType("PublisherName", str)

PUBLISHER: Final = "publisher:"
PENDING_LIFETIME: Final = timedelta(days=30)
"""How long a publisher may wait for its first job."""
"""What the names of the robots begin with that act for trusted publishers. Nobody else can be called so."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_LENGTH: Final = 63
_CLAIM: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,256}")
_PATTERN_LENGTH: Final = 512
_SEPARATORS: Final = re.compile(r"([/:@])")
_WILDCARDS: Final = 16


def parse_issuer_name(text: str) -> IssuerName:
    """Read what an issuer is called here. Raises `InvalidName`."""
    return IssuerName(_parse_name(text, "an issuer"))


def parse_publisher_name(text: str) -> PublisherName:
    """Read what a trusted publisher is called in its namespace. Raises `InvalidName`."""
    return PublisherName(_parse_name(text, "a publisher"))


def parse_holder(text: str) -> PrincipalName:
    """Read the name of a user or robot who may be a publisher's: to look for, not to give. Raises `InvalidName`."""
    if not text.startswith(PUBLISHER):
        return parse_principal(text)
    namespace, _, name = text.removeprefix(PUBLISHER).partition("/")
    return PrincipalName(f"{PUBLISHER}{parse_namespace(namespace)}/{parse_publisher_name(name)}")


def _parse_name(text: str, whose: str) -> str:
    if len(text) > _NAME_LENGTH or _NAME.fullmatch(text) is None:
        raise InvalidName(
            text[:200], expected=f"{whose}'s name: lower-case letters, digits and dashes, at most {_NAME_LENGTH}"
        )
    return text


class Provider(StrEnum):
    """Whose claims an issuer's tokens have."""

    GITHUB = "github"
    """GitHub Actions, also of an Enterprise Server."""
    GITLAB = "gitlab"
    """GitLab CI, also self-managed."""
    GENERIC = "generic"
    """Any other: what its claims mean is known to whoever writes the rules alone."""


class Algorithm(StrEnum):
    """How tokens may be signed (RFC 7518 §3.1, RFC 8037 §3.1): with a private key, never with a shared secret."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"


@dataclass(frozen=True, slots=True)
class Issuer:
    """A system whose identity tokens are believed, as far as trusted publishers say so."""

    name: IssuerName
    provider: Provider
    url: str
    """Exactly what its tokens have as ``iss``."""
    audiences: tuple[str, ...]
    """What a token may be for; it names one of them, and nothing else. Clients that ask are told the first."""
    algorithms: tuple[Algorithm, ...] = (Algorithm.RS256,)
    """How its tokens may be signed, whatever they say themselves."""
    max_lifetime: timedelta = timedelta(hours=1)
    """How long a token may be good for, from when it was issued."""
    private: bool = False
    """Whether it may be at an address of a private network."""
    keys: str | None = None
    """Its public keys (a JWK set, RFC 7517 §5), for registries that cannot ask; None asks the issuer."""


@dataclass(frozen=True, slots=True, order=True)
class ClaimRule:
    """What one claim of a token must be: a text, or a glob.

    ``*`` stands for any run of characters but ``/``, ``:`` and ``@``, which hold names apart; ``**`` as the last part
    stands for one or more parts between slashes. Whatever has no ``*`` must be equal.
    """

    claim: str
    pattern: str

    @classmethod
    def parse(cls, claim: str, pattern: str) -> Self:
        """Read a rule. Raises `Invalid`."""
        if _CLAIM.fullmatch(claim) is None:
            raise Invalid(claim[:300], expected="the name of a claim")
        if not 0 < len(pattern) <= _PATTERN_LENGTH or not pattern.isprintable():
            raise Invalid(pattern[:300], expected=f"a pattern of 1 to {_PATTERN_LENGTH} printable characters")
        *parts, last = _SEPARATORS.split(pattern)
        if any("**" in part for part in parts) or ("**" in last and last != "**"):
            raise Invalid(pattern, expected="** as the last part alone, such as refs/heads/**")
        if pattern.count("*") > _WILDCARDS:
            raise Invalid(pattern, expected=f"at most {_WILDCARDS} wildcards")
        return cls(claim, pattern)

    @property
    def exact(self) -> bool:
        """Whether it names one value."""
        return "*" not in self.pattern

    def matches(self, value: str, *, caseless: bool = False) -> bool:
        """Whether *value*, all of it, is what the rule says."""
        pattern = self.pattern
        if caseless:
            pattern, value = pattern.casefold(), value.casefold()
        if "*" not in pattern:
            return pattern == value
        wanted, found = _SEPARATORS.split(pattern), _SEPARATORS.split(value)
        if wanted[-1] == "**":
            *wanted, _ = wanted
            rest = found[len(wanted) :]
            if not rest or any(separator != "/" for separator in rest[1::2]) or not all(rest[::2]):
                return False
            found = found[: len(wanted)]
        return len(wanted) == len(found) and all(map(_matches_part, wanted, found))

    def __str__(self) -> str:
        return f"{self.claim}={self.pattern}"


def _matches_part(pattern: str, text: str) -> bool:
    """Whether *text* is *pattern*, ``*`` being any run of characters; in time linear in both.

    What stands between two stars is found at its first place: were a later one needed, the first one serves as well.
    """
    head, *pieces = pattern.split("*")
    if not pieces:
        return pattern == text
    *middle, tail = pieces
    if not text.startswith(head):
        return False
    position = len(head)
    for piece in middle:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(text) - len(tail) >= position and text.endswith(tail)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Jobs of an issuer's that may do something in a namespace, without a secret that they would have to keep."""

    namespace: NamespaceName
    name: PublisherName
    issuer: IssuerName
    rules: tuple[ClaimRule, ...]
    """All of them must hold."""
    packages: tuple[PackagePattern, ...] = (EVERY_PACKAGE,)
    """Which packages it is for; they need not be there yet."""
    role: Role = Role.PUBLISHER
    lifetime: timedelta = timedelta(minutes=15)
    """How long the tokens work that it gets."""
    used_at: datetime | None = None
    """When a job was believed last; None while the publisher is pending."""
    added_at: datetime | None = None
    """Since when it is trusted; None when that was not written down."""

    @property
    def lapses_at(self) -> datetime | None:
        """When a publisher that is pending is trusted no more; None for one whose jobs came.

        Until the first job its names are not pinned to numbers, and a name may become somebody else's.
        """
        return None if self.used_at is not None or self.added_at is None else self.added_at + PENDING_LIFETIME

    @property
    def principal(self) -> PrincipalName:
        """The robot that acts for it, and what the journal calls whoever published: ``publisher:acme/release``."""
        return PrincipalName(f"{PUBLISHER}{self.namespace}/{self.name}")

    @property
    def allowances(self) -> tuple[Allowance, ...]:
        """What its robot may do."""
        return tuple(Allowance(self.role, View(self.namespace), pattern) for pattern in self.packages)
