"""What the management API reads and writes about who may do what."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from entrepot.api.shapes.basics import PageQuery
from entrepot.api.shapes.texts import (
    MAX_SECONDS,
    TIME,
    ActionNames,
    PatternText,
    PrincipalText,
    RoleName,
    TokenId,
    ViewText,
)
from entrepot.model.access import Action, Allowance, PrincipalKind, Role

if TYPE_CHECKING:
    from entrepot.model import access
    from entrepot.ports import catalog


class Principal(Struct, frozen=True):
    """Somebody whom the registry knows."""

    name: PrincipalText
    kind: Annotated[PrincipalKind, Meta(examples=[PrincipalKind.ROBOT])]
    disabled: bool

    @staticmethod
    def of(found: tuple[access.Principal, bool]) -> Principal:
        """How a principal is shown."""
        principal, disabled = found
        return Principal(principal.name, principal.kind, disabled)


class NewPrincipal(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody to be known."""

    name: PrincipalText
    kind: Annotated[PrincipalKind, Meta(examples=[PrincipalKind.ROBOT])]


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """A role that a principal has; without a view, everywhere."""

    principal: PrincipalText
    role: RoleName
    view: ViewText | None = None
    pattern: PatternText = "*"

    @staticmethod
    def of(found: catalog.Grant) -> Grant:
        """How a grant is shown."""
        held = found.allowance
        return Grant(found.principal, held.role, None if held.view is None else str(held.view), str(held.pattern))


class GrantsQuery(PageQuery, frozen=True, forbid_unknown_fields=True):
    """Whose grants are asked for."""

    principal: PrincipalText | UnsetType = UNSET


class GrantQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """One grant, spelt out; without a view, everywhere."""

    principal: PrincipalText
    role: RoleName
    view: ViewText | UnsetType = UNSET
    pattern: PatternText = "*"


class Scope(Struct, frozen=True):
    """Actions on the packages that a pattern names, seen through a view; without a view, everywhere."""

    role: RoleName
    actions: ActionNames
    view: ViewText | None
    pattern: PatternText

    @staticmethod
    def of(held: access.Allowance) -> Scope:
        """How an allowance is shown."""
        view = None if held.view is None else str(held.view)
        return Scope(held.role, sorted(held.actions), view, str(held.pattern))


class Token(Struct, frozen=True):
    """A token, without its secret."""

    id: TokenId
    label: Annotated[str, Meta(description="What it was called when it was made.", examples=["build-robot"])]
    principal: PrincipalText
    scope: Annotated[list[Scope], Meta(description="What it is narrowed to; null when it is not.")] | None
    parent: Annotated[str | None, Meta(description="The token that it was made with, and ends with.", examples=[None])]
    created_at: Annotated[datetime, Meta(examples=[TIME])]
    expires_at: Annotated[datetime, Meta(examples=[TIME])] | None
    revoked: bool

    @staticmethod
    def of(found: catalog.TokenRow) -> Token:
        """How a token is shown."""
        return Token(
            id=found.id,
            label=found.label,
            principal=found.principal,
            scope=None if found.scope is None else [Scope.of(allowance) for allowance in found.scope],
            parent=found.parent,
            created_at=found.created_at,
            expires_at=found.expires_at,
            revoked=found.revoked,
        )


class NewToken(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be: what it is for, and for how long."""

    name: PrincipalText
    role: RoleName
    view: ViewText | None = None
    pattern: PatternText = "*"
    actions: (
        Annotated[
            list[Action],
            Meta(description="Of what the role allows, these alone.", examples=[[Action.PUBLISH]], min_length=1),
        ]
        | None
    ) = None
    ttl_seconds: Annotated[int, Meta(description="Without it, until it is revoked.", ge=1, le=MAX_SECONDS)] | None = (
        None
    )


class MintedToken(Struct, frozen=True):
    """A token with its secret, which is shown this once."""

    token: Annotated[str, Meta(description="The secret.", examples=["ent_bot_" + 36 * "x"])]
    id: TokenId
    principal: PrincipalText
    expires_at: Annotated[datetime, Meta(examples=[TIME])] | None


class Right(Struct, frozen=True):
    """Something that the caller may do; without a view, everywhere."""

    role: Annotated[Role | None, Meta(description="Null for an access token's own scope.", examples=[Role.PUBLISHER])]
    actions: ActionNames
    view: ViewText | None
    pattern: PatternText

    @staticmethod
    def of(held: access.Allowance | access.Permit) -> Right:
        """How an allowance, or what an access token was asked for, is shown."""
        if isinstance(held, Allowance):
            view = None if held.view is None else str(held.view)
            return Right(held.role, sorted(held.actions), view, str(held.pattern))
        return Right(None, sorted(held.actions), str(held.view), held.package)


class Whoami(Struct, frozen=True):
    """Who asks, and what they may do."""

    principal: Annotated[str, Meta(description="Null for who has no credentials.", examples=["build-robot"])] | None
    kind: Annotated[PrincipalKind | None, Meta(examples=[PrincipalKind.ROBOT])]
    token_id: TokenId | None
    expires_at: Annotated[datetime, Meta(examples=[TIME])] | None
    allowances: Annotated[
        list[list[Right]],
        Meta(description="The principal's grants, then what each token on the way narrows them to: all must allow it."),
    ]

    @staticmethod
    def of(caller: access.Caller) -> Whoami:
        """How a caller is shown."""
        return Whoami(
            principal=None if caller.principal is None else caller.principal.name,
            kind=None if caller.principal is None else caller.principal.kind,
            token_id=caller.token_id,
            expires_at=caller.token_expires_at,
            allowances=[[Right.of(held) for held in layer] for layer in caller.rights.layers],
        )
