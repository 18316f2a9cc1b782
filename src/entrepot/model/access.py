"""Who asks, and what they may do.

A *principal* holds *grants*: a role over a view and a pattern of packages.
A *token* acts for a principal; its *scope*, if it has one, is a list of the same shape that narrows it.
`Rights` is what is left: allowed by the principal's grants *and* by every scope on the way.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import Invalid, Unauthenticated
from entrepot.model.names import EVERY_PACKAGE, PackageName, PackagePattern, PrincipalName, View

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self


class Action(StrEnum):
    """One thing that somebody may be allowed to do."""

    READ = "read"
    PUBLISH = "publish"
    """Add content; make new tags and versions; move the tags that the namespace lets move."""
    OVERWRITE = "overwrite"
    """Move a tag that the namespace does not let move. No right moves a version."""
    DELETE = "delete"
    PURGE = "purge"
    """Take out of the trash for good what was deleted."""
    ERASE = "erase"
    """Have bytes here no more, whoever has them, and never again."""
    DEPRECATE = "deprecate"
    """Yank, deprecate, and take it back."""
    PROMOTE = "promote"
    """Let artifacts into channels where the policies allow it, and take them out."""
    APPROVE = "approve"
    """Approve or refuse what somebody else wants to promote."""
    BLOCK = "block"
    """Block and quarantine artifacts, and let them go."""
    LEASE = "lease"
    """Keep artifacts for a bounded time, and let them go again."""
    HOLD = "hold"
    """Keep artifacts until somebody lifts the hold."""
    LIFT = "lift"
    """Lift holds, place legal ones, and end the leases of others."""
    DEPLOY = "deploy"
    """Record what runs where, which keeps it."""
    GOVERN = "govern"
    """Change the namespace's rules, channels, policies and upstreams, and grant roles in it."""
    AUDIT = "audit"
    """Read the journal, the grants and the tokens."""
    ADMINISTER = "administer"
    """Create namespaces and principals; clear content without a policy; let upstreams be at private addresses."""


class Role(StrEnum):
    """A set of actions that people already have a word for."""

    READER = "reader"
    PUBLISHER = "publisher"
    APPROVER = "approver"
    PROMOTER = "promoter"
    DEPLOYER = "deployer"
    """A pipeline, a cluster or a replica: reads, and says what of it is in use."""
    CUSTODIAN = "custodian"
    """Who answers for what is kept: the only one, beside administrators, who lifts a hold, and may delete nothing."""
    MAINTAINER = "maintainer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"

    @property
    def actions(self) -> frozenset[Action]:
        """What the role allows."""
        return _ACTIONS[self]


_ACTIONS: Final = {
    Role.READER: frozenset({Action.READ}),
    Role.PUBLISHER: frozenset({Action.READ, Action.PUBLISH, Action.LEASE}),
    Role.APPROVER: frozenset({Action.READ, Action.APPROVE}),
    Role.PROMOTER: frozenset(
        {Action.READ, Action.PROMOTE, Action.APPROVE, Action.BLOCK, Action.LEASE, Action.HOLD, Action.DEPLOY}
    ),
    Role.DEPLOYER: frozenset({Action.READ, Action.LEASE, Action.DEPLOY}),
    Role.CUSTODIAN: frozenset({Action.READ, Action.LEASE, Action.HOLD, Action.LIFT}),
    Role.MAINTAINER: frozenset(
        set(Action) - {Action.PURGE, Action.ERASE, Action.LIFT, Action.AUDIT, Action.ADMINISTER}
    ),
    Role.AUDITOR: frozenset({Action.READ, Action.AUDIT}),
    Role.ADMINISTRATOR: frozenset(Action),
}


class PrincipalKind(StrEnum):
    """Whether a person or a program asks."""

    USER = "user"
    ROBOT = "robot"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whom the registry knows."""

    name: PrincipalName
    kind: PrincipalKind


@dataclass(frozen=True, slots=True)
class Allowance:
    """A role over the packages that a pattern names, seen through a view; ``view=None`` means everywhere.

    A grant gives it to a principal, a scope narrows a token to it.
    An allowance for ``acme`` covers its channels' views too; one for ``acme.prod`` covers that view alone.
    """

    role: Role
    view: View | None = None
    pattern: PackagePattern = EVERY_PACKAGE
    only: frozenset[Action] | None = None
    """In a scope: of the role's actions, these alone. A grant gives the whole role."""

    @property
    def actions(self) -> frozenset[Action]:
        """What it is about."""
        return self.role.actions if self.only is None else self.role.actions & self.only

    def allows(self, action: Action, view: View | None, package: PackageName | None) -> bool:
        """Whether *action* on *package* through *view* is within it.

        ``view=None`` asks about the whole registry; ``package=None`` about the whole namespace.
        """
        if action not in self.actions:
            return False
        if self.view is not None and (view is None or not self.view.covers(view)):
            return False
        return self.pattern.text == "*" if package is None else self.pattern.matches(package)

    def reaches(self, action: Action, view: View) -> bool:
        """Whether *action* through *view* is within it for any package at all."""
        return action in self.actions and (self.view is None or self.view.covers(view))

    def touches(self, view: View) -> bool:
        """Whether it covers anything at all in *view*; a channel's view is in its namespace's."""
        return self.view is None or self.view.covers(view) or view.covers(self.view)

    def covers(self, other: Allowance) -> bool:
        """Whether whatever *other* allows is allowed by this one."""
        if not other.actions <= self.actions:
            return False
        if self.view is not None and (other.view is None or not self.view.covers(other.view)):
            return False
        return self.pattern.covers(other.pattern)


@dataclass(frozen=True, slots=True)
class Permit:
    """What a short-lived access token was asked for: some actions on one package."""

    actions: frozenset[Action]
    view: View
    package: PackageName

    def allows(self, action: Action, view: View | None, package: PackageName | None) -> bool:
        """Whether it names just that."""
        return action in self.actions and package == self.package and view is not None and self.view.covers(view)

    def reaches(self, action: Action, view: View) -> bool:
        """Whether it names that action through that view."""
        return action in self.actions and self.view.covers(view)

    def touches(self, view: View) -> bool:
        """Whether its package is in *view*."""
        return self.view.covers(view) or view.covers(self.view)

    def covers(self, _: Allowance) -> bool:
        """Nothing can be handed on with an access token."""
        return False


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may do: every layer must allow it.

    The first layer is the principal's grants, each further one the scope of a token on the way.
    """

    layers: tuple[tuple[Allowance | Permit, ...], ...] = ((),)

    def allows(self, action: Action, view: View | None = None, package: PackageName | None = None) -> bool:
        """Whether every layer allows *action* on *package* through *view*."""
        for layer in self.layers:
            for allowance in layer:
                if allowance.allows(action, view, package):
                    break
            else:
                return False
        return True

    def reaches(self, action: Action, view: View) -> bool:
        """Whether there may be a package to which every layer allows *action* through *view*."""
        return all(any(allowance.reaches(action, view) for allowance in layer) for layer in self.layers)

    def touches(self, view: View) -> bool:
        """Whether there is anything in *view* that the caller may do."""
        return all(any(allowance.touches(view) for allowance in layer) for layer in self.layers)

    def covers(self, allowance: Allowance) -> bool:
        """Whether the caller could hand *allowance* on."""
        return all(any(held.covers(allowance) for held in layer) for layer in self.layers)

    def narrowed(self, scope: Iterable[Allowance | Permit]) -> Rights:
        """These rights, and no more than *scope*."""
        return Rights((*self.layers, tuple(scope)))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, on this request, with what rights."""

    principal: Principal | None = None
    """None for an anonymous caller."""
    rights: Rights = Rights()
    token_id: str | None = None
    token_expires_at: datetime | None = None
    unscoped: Rights | None = None
    """The rights without the access token's own scope, when the request came with a scoped access token."""
    lists_catalog: bool = True
    """Whether the access token, if the request came with one, was asked for to list all packages."""
    told: list[str] | None = field(default=None, compare=False, repr=False)
    """What they are told beside the answer, such as the warnings of policies; None where nobody would tell them."""

    @property
    def name(self) -> str:
        """What the journal and the log call the caller."""
        return "anonymous" if self.principal is None else self.principal.name


ANONYMOUS: Final = Caller()


# --- tokens -----------------------------------------------------------------------------------------------------

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH: Final = 30
_CHECK_LENGTH: Final = 6
_TOKEN_KINDS: Final = frozenset({"adm", "usr", "bot"})


class TokenKind(StrEnum):
    """What a token is for: the second part of its text."""

    ADMIN = "adm"
    USER = "usr"
    ROBOT = "bot"


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """A token's text, ``ent_<kind>_<30 base62><6 base62 CRC32>``: shown once, stored hashed.

    The checksum lets a secret scanner, and a client with a typing error, tell a token from noise without asking us.
    """

    text: str

    @classmethod
    def generate(cls, kind: TokenKind) -> Self:
        """Make a new one of 178 random bits."""
        body = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_LENGTH))
        return cls(f"ent_{kind}_{body}{_checksum(body)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a client sent. Raises `Unauthenticated`, without repeating the text."""
        prefix, _, rest = text.partition("_")
        kind, _, tail = rest.partition("_")
        body, check = tail[:_RANDOM_LENGTH], tail[_RANDOM_LENGTH:]
        if prefix != "ent" or kind not in _TOKEN_KINDS or len(body) != _RANDOM_LENGTH or check != _checksum(body):
            raise Unauthenticated("that is not one of this registry's tokens")
        return cls(text)

    @property
    def hash(self) -> bytes:
        """What is stored. 178 random bits need no slow hash."""
        return sha256(self.text.encode()).digest()

    def __repr__(self) -> str:
        return f"TokenSecret({self.text[:8]}…)"


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode("utf-8", "replace")), ""
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits


def parse_role(text: str) -> Role:
    """Read a role's name. Raises `Invalid`."""
    try:
        return Role(text)
    except ValueError:
        raise Invalid(text[:80], expected=", ".join(Role)) from None


def parse_action(text: str) -> Action:
    """Read an action's name. Raises `Invalid`."""
    try:
        return Action(text)
    except ValueError:
        raise Invalid(text[:80], expected=", ".join(Action)) from None
