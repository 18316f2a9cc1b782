"""Mint, list and revoke tokens.

Whoever may grant what the token shall allow gives it to a robot of the token's name, with a grant of its own: it
works until it is revoked, whatever becomes of who made it.
Anybody else may mint a narrower token of their own: it acts for them, never allows more than the token it was made
with, and ends with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from entrepot.model.access import (
    Action,
    Allowance,
    PrincipalKind,
    Role,
    TokenKind,
    TokenSecret,
)
from entrepot.model.errors import (
    Denied,
    InsufficientScope,
    Invalid,
    NamespaceUnknown,
    NameTaken,
    TokenUnknown,
    Unauthenticated,
)
from entrepot.model.events import TokenCreated, TokenRevoked
from entrepot.model.names import PrincipalName
from entrepot.operations.grant import may_grant
from entrepot.ports.catalog import Grant, TokenRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from entrepot.model.access import Caller
    from entrepot.operations.registry import Registry
    from entrepot.ports.catalog import Transaction

ADMINISTRATOR = PrincipalName("administrator")
"""Who holds the token that the first start makes."""


async def create_token(
    registry: Registry, caller: Caller, name: PrincipalName, allowance: Allowance, *, ttl: timedelta | None = None
) -> tuple[TokenRow, TokenSecret]:
    """Mint a token called *name*, and return it with its secret, which is stored nowhere.

    Raises `Unauthenticated`, `Denied`, `Invalid`, `NamespaceUnknown`, `NameTaken` (a person has that name).
    """
    if caller.principal is None or caller.token_id is None:
        raise Unauthenticated
    if ttl is not None and ttl.total_seconds() < 1:
        raise Invalid("ttl", expected="at least a second")
    # A grant gives the whole role, also when this token's scope is less.
    grant = Grant(name, replace(allowance, only=None))
    granting = may_grant(caller, grant.allowance)
    if not granting and not caller.rights.covers(allowance):
        raise Denied(f"{caller.name} cannot hand on what {caller.name} may not do")
    holder = name if granting else caller.principal.name
    kind = TokenKind.USER if not granting and caller.principal.kind is PrincipalKind.USER else TokenKind.ROBOT
    secret = TokenSecret.generate(kind)
    now = registry.clock.now()
    ends = () if ttl is None else (now + ttl,)
    if not granting and caller.token_expires_at is not None:
        ends = (*ends, caller.token_expires_at)
    token = TokenRow(
        id=registry.clock.new_id(),
        label=name,
        principal=holder,
        scope=(allowance,),
        parent=None if granting else caller.token_id,
        created_at=now,
        expires_at=min(ends, default=None),
        revoked=False,
    )

    def change(transaction: Transaction) -> None:
        if allowance.view is not None and transaction.find_namespace(allowance.view.namespace) is None:
            raise NamespaceUnknown(allowance.view.namespace)
        if granting:
            _make_robot(transaction, name)
            transaction.add_grant(grant)
        transaction.add_token(token, secret.hash)
        transaction.append(caller.name, _created(token))

    await registry.catalog.write(change)
    return token, secret


def _make_robot(transaction: Transaction, name: PrincipalName) -> None:
    """The robot that holds the token; a person's name is not taken over."""
    if not transaction.add_principal(name, PrincipalKind.ROBOT) and not transaction.is_robot(name):
        raise NameTaken(name, expected="a name that is not a person's")


async def create_first_token(registry: Registry, keep: Callable[[TokenSecret], None]) -> TokenSecret | None:
    """Make the administrator's token of a new installation; None when the registry has any principal already.

    *keep* stores the secret where its owner finds it. It is called before the change is durable: whatever is killed
    when, the installation has no token that nobody has.
    """
    if await registry.catalog.list_principals():
        return None
    token, secret = _administrators(registry)

    def change(transaction: Transaction) -> bool:
        if not transaction.add_principal(ADMINISTRATOR, PrincipalKind.USER):
            return False
        keep(secret)
        transaction.add_grant(Grant(ADMINISTRATOR, Allowance(Role.ADMINISTRATOR)))
        transaction.add_token(token, secret.hash)
        transaction.append("entrepot", _created(token))
        return True

    return secret if await registry.catalog.write(change) else None


async def recover_administrator(registry: Registry) -> TokenSecret:
    """Make another administrator's token, for whoever owns the data directory; the server is not asked."""
    token, secret = _administrators(registry)

    def change(transaction: Transaction) -> None:
        transaction.add_principal(ADMINISTRATOR, PrincipalKind.USER)
        transaction.enable_principal(ADMINISTRATOR)
        transaction.add_grant(Grant(ADMINISTRATOR, Allowance(Role.ADMINISTRATOR)))
        transaction.add_token(token, secret.hash)
        transaction.append("operator", _created(token))

    await registry.catalog.write(change)
    return secret


def _administrators(registry: Registry) -> tuple[TokenRow, TokenSecret]:
    token = TokenRow(
        id=registry.clock.new_id(),
        label=ADMINISTRATOR,
        principal=ADMINISTRATOR,
        scope=None,
        parent=None,
        created_at=registry.clock.now(),
        expires_at=None,
        revoked=False,
    )
    return token, TokenSecret.generate(TokenKind.ADMIN)


async def revoke_token(registry: Registry, caller: Caller, token_id: str) -> bool:
    """Stop a token, and all that were minted from it, at once; False when it is stopped already.

    One's own tokens, and those of robots in namespaces that one governs.

    Raises `TokenUnknown`, `Unauthenticated`, `InsufficientScope`.
    """
    token = next((token for token in await list_tokens(registry, caller) if token.id == token_id), None)
    if token is None or not _may_revoke(caller, token):
        raise TokenUnknown(token_id)

    def change(transaction: Transaction) -> bool:
        if not transaction.revoke_token(token_id):
            return False
        transaction.append(caller.name, TokenRevoked(token=token_id, principal=token.principal))
        return True

    return await registry.catalog.write(change)


async def list_tokens(registry: Registry, caller: Caller) -> Sequence[TokenRow]:
    """The tokens that the caller may see: all for an auditor, else one's own and those one may revoke.

    Raises `Unauthenticated`, `InsufficientScope`.
    """
    if caller.principal is None:
        raise Unauthenticated
    if caller.unscoped is not None:
        raise InsufficientScope("tokens")
    tokens = await registry.catalog.list_tokens()
    if caller.rights.allows(Action.AUDIT):
        return tokens
    return [token for token in tokens if _may_revoke(caller, token)]


def _may_revoke(caller: Caller, token: TokenRow) -> bool:
    if caller.rights.allows(Action.ADMINISTER):
        return True
    if caller.principal is not None and token.principal == caller.principal.name:
        # A narrowed token does not end the one it came from, nor its siblings.
        return caller.token_id in (token.parent, token.id) or len(caller.rights.layers) == 1
    return token.scope is not None and all(may_grant(caller, allowance) for allowance in token.scope)


def _created(token: TokenRow) -> TokenCreated:
    allowance = token.scope[0] if token.scope else None
    return TokenCreated(
        token=token.id,
        label=token.label,
        principal=token.principal,
        role=None if allowance is None else allowance.role,
        view=None if allowance is None or allowance.view is None else str(allowance.view),
        pattern="*" if allowance is None else str(allowance.pattern),
        parent=token.parent,
        expires_at=token.expires_at,
    )
