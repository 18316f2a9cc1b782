"""Who is known, what roles they have, and the tokens that act for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import UNSET

from entrepot.api.endpoint import Answer, Endpoint, Subject
from entrepot.api.replies import DONE, NO_STORE, page_of_all
from entrepot.api.requests import parse_allowance, read_body, read_query
from entrepot.api.shapes import access as shapes
from entrepot.api.shapes.basics import Page, PageQuery
from entrepot.model.errors import (
    Denied,
    GrantUnknown,
    NamespaceUnknown,
    NameTaken,
    PrincipalUnknown,
    TokenUnknown,
)
from entrepot.model.federation import parse_holder
from entrepot.model.names import parse_principal
from entrepot.operations import grant, token
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.ports.catalog import Grant, TokenRow
    from entrepot.wire.call import Call


async def whoami(call: Call) -> Reply:
    """Say who you are, and what you may do."""
    return json_reply(shapes.Whoami.of(call.caller), headers=[NO_STORE])


# --- principals ---


async def list_principals(call: Call) -> Reply:
    """List everybody whom the registry knows."""
    query = read_query(call, PageQuery)
    found = await grant.list_principals(call.registry, call.caller)
    return json_reply(
        page_of_all(
            found,
            after=query.after,
            limit=query.limit,
            show=shapes.Principal.of,
            cursor=lambda principal: principal[0].name,
        )
    )


async def create_principal(call: Call) -> Reply:
    """Make a user or a robot known."""
    body = await read_body(call, shapes.NewPrincipal)
    await grant.create_principal(call.registry, call.caller, parse_principal(body.name), body.kind)
    return json_reply(shapes.Principal(body.name, body.kind, disabled=False), status=201)


async def disable_principal(call: Call) -> Reply:
    """Stop a principal and all of their tokens, at once.

    Doing it again changes nothing.
    """
    await grant.disable_principal(call.registry, call.caller, parse_principal(call.path["principal"]))
    return Reply(DONE)


# --- grants ---


async def list_grants(call: Call) -> Reply:
    """List the grants that you may see.

    An auditor sees all of them; everybody else their own, and those in the namespaces that they govern.
    """
    query = read_query(call, shapes.GrantsQuery)
    principal = None if query.principal is UNSET else parse_holder(query.principal)
    found = await grant.list_grants(call.registry, call.caller, principal=principal)
    return json_reply(
        page_of_all(found, after=query.after, limit=query.limit, show=shapes.Grant.of, cursor=_grant_cursor)
    )


def _grant_cursor(held: Grant) -> str:
    allowance = held.allowance
    return f"{held.principal}/{allowance.role}/{allowance.view or ''}/{allowance.pattern}"


async def add_grant(call: Call) -> Reply:
    """Give a principal a role.

    You can give what you have yourself, in the namespaces that you govern.
    """
    body = await read_body(call, shapes.Grant)
    allowance = parse_allowance(body.role, body.view, body.pattern)
    added = await grant.add_grant(call.registry, call.caller, parse_principal(body.principal), allowance)
    return json_reply(body, status=201 if added else 200)


async def remove_grant(call: Call) -> Reply:
    """Take a role from a principal, at once."""
    query = read_query(call, shapes.GrantQuery)
    allowance = parse_allowance(query.role, None if query.view is UNSET else query.view, query.pattern)
    await grant.remove_grant(call.registry, call.caller, parse_principal(query.principal), allowance)
    return Reply(DONE)


# --- tokens ---


async def list_tokens(call: Call) -> Reply:
    """List the tokens that you may see, without their secrets.

    An auditor sees all of them; everybody else their own, and those that they may revoke.
    """
    query = read_query(call, PageQuery)
    found = await token.list_tokens(call.registry, call.caller)
    return json_reply(
        page_of_all(found, after=query.after, limit=query.limit, show=shapes.Token.of, cursor=_token_cursor)
    )


def _token_cursor(row: TokenRow) -> str:
    return f"{row.created_at:%Y-%m-%dT%H:%M:%S.%f}/{row.id}"


async def create_token(call: Call) -> Reply:
    """Mint a token; its secret is in this answer, and nowhere else.

    Who may grant what it shall allow gives it to a robot of its name. Anybody else gets a narrower token of their own,
    which ends with the one that it was made with.
    """
    body = await read_body(call, shapes.NewToken)
    ttl = None if body.ttl_seconds is None else timedelta(seconds=body.ttl_seconds)
    allowance = parse_allowance(body.role, body.view, body.pattern)
    if body.actions is not None:
        allowance = replace(allowance, only=frozenset(body.actions))
    row, secret = await token.create_token(call.registry, call.caller, parse_principal(body.name), allowance, ttl=ttl)
    minted = shapes.MintedToken(secret.text, row.id, row.principal, row.expires_at)
    return json_reply(minted, status=201, headers=[NO_STORE])


async def revoke_token(call: Call) -> Reply:
    """Stop a token, and all that were minted from it, at once.

    Doing it again changes nothing.
    """
    await token.revoke_token(call.registry, call.caller, call.path["token"])
    return Reply(DONE)


ACCESS = Subject(
    "Access",
    "A principal is a user or a robot. A grant gives a principal a role, over the packages that a pattern names, "
    "seen through a view. A token acts for a principal, and may be narrower.",
    (
        Endpoint(
            method="GET",
            path="/api/v1/whoami",
            handler=whoami,
            answers={200: Answer("Who you are.", shapes.Whoami)},
        ),
        Endpoint(
            method="GET",
            path="/api/v1/principals",
            handler=list_principals,
            query=PageQuery,
            answers={200: Answer("A page of principals, by name.", Page[shapes.Principal])},
            errors=(Denied,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/principals",
            handler=create_principal,
            body=shapes.NewPrincipal,
            answers={201: Answer("The principal is known.", shapes.Principal)},
            errors=(Denied, NameTaken),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/principals/{principal}/disable",
            handler=disable_principal,
            answers={204: Answer("The principal may do nothing any more.")},
            errors=(Denied, PrincipalUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/grants",
            handler=list_grants,
            query=shapes.GrantsQuery,
            answers={200: Answer("A page of grants, by principal, role, view and pattern.", Page[shapes.Grant])},
            errors=(Denied,),
        ),
        Endpoint(
            method="POST",
            path="/api/v1/grants",
            handler=add_grant,
            body=shapes.Grant,
            answers={
                200: Answer("The principal has that role already.", shapes.Grant),
                201: Answer("The principal has that role now.", shapes.Grant),
            },
            errors=(Denied, NamespaceUnknown, PrincipalUnknown),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/grants",
            handler=remove_grant,
            query=shapes.GrantQuery,
            answers={204: Answer("The principal does not have that role any more.")},
            errors=(Denied, GrantUnknown, PrincipalUnknown),
        ),
        Endpoint(
            method="GET",
            path="/api/v1/tokens",
            handler=list_tokens,
            query=PageQuery,
            answers={200: Answer("A page of tokens, the oldest first.", Page[shapes.Token])},
        ),
        Endpoint(
            method="POST",
            path="/api/v1/tokens",
            handler=create_token,
            body=shapes.NewToken,
            answers={201: Answer("The token, with its secret.", shapes.MintedToken)},
            errors=(Denied, NamespaceUnknown, NameTaken),
        ),
        Endpoint(
            method="DELETE",
            path="/api/v1/tokens/{token}",
            handler=revoke_token,
            answers={204: Answer("The token does not work any more.")},
            errors=(TokenUnknown,),
        ),
    ),
)
