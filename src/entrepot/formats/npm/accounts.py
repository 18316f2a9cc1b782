"""Who is logged in: ``npm login``, ``logout``, ``whoami``, ``token`` and ``profile``, over the registry's own tokens.

There are no passwords. Where npm asks for one, it is given a token; the user's name is then whatever it likes.
A login answers with a token of its own, which can do no more than publish, read and take back packages of the view, and
ends with the one that was given: so ``npm logout`` ends the session and not the token that others use, too.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.access import Action, Allowance, Role
from entrepot.model.errors import Denied, Invalid, RouteUnknown, TokenUnknown, Unauthenticated
from entrepot.model.names import PrincipalName, View
from entrepot.operations.token import create_token, list_tokens, revoke_token
from entrepot.wire.reply import Reply, json_reply

if TYPE_CHECKING:
    from entrepot.model.access import Caller
    from entrepot.ports.catalog import TokenRow
    from entrepot.wire.call import Call

_BODY_SIZE: Final = 64 * 1024
_LOGIN: Final = PrincipalName("npm-login")
_TOKEN: Final = PrincipalName("npm-token")
"""What their tokens are called in listings."""
_READ: Final = frozenset({Action.READ})
_SESSIONS: Final = (
    frozenset({Action.READ, Action.PUBLISH, Action.OVERWRITE, Action.DELETE, Action.DEPRECATE}),
    frozenset({Action.READ, Action.PUBLISH}),
    _READ,
)
"""What a login may do: the first of these that whoever logs in may do."""
_MAX_DAYS: Final = 3650
_NO_STORE: Final = (b"cache-control", b"no-store")


class _Login(msgspec.Struct):
    password: str = ""


class _NewToken(msgspec.Struct):
    password: str = ""
    readonly: bool = False
    expires: int | None = None
    cidr_whitelist: list[str] | None = None


async def ping(_: Call) -> Reply:
    """``npm ping``: whether there is a registry."""
    return json_reply({})


async def whoami(call: Call) -> Reply:
    """``npm whoami``."""
    return json_reply({"username": _require_somebody(call.caller)}, headers=[_NO_STORE])


async def web_login(_: Call) -> Reply:
    """``npm login`` asks for a page first; told that there is none, it asks for name and password."""
    raise RouteUnknown("login in a browser", expected="a user name, and a token as the password")


async def login(call: Call) -> Reply:
    """``npm login --auth-type=legacy`` and ``npm adduser``: CouchDB's form, with a token as the password."""
    form = await call.body.json(_Login, limit=_BODY_SIZE)
    caller = await _identify(call, form.password)
    view = View.parse(call.path["view"])
    allowance = next((found for actions in _SESSIONS if (found := _may(caller, view, actions)) is not None), None)
    # Whose rights are for some packages alone keeps the token that has them.
    text = form.password if allowance is None else (await _mint(call, caller, _LOGIN, allowance))[1]
    answer = {"ok": f"you are logged in as {_require_somebody(caller)}", "token": text}
    return json_reply(answer, status=201, headers=[_NO_STORE])


async def logout(call: Call) -> Reply:
    """``npm logout``: end the token, for everybody who has it."""
    text = call.path["token"]
    call.facts["target"] = call.target.removesuffix(text) + "…"  # The log shows no secrets.
    caller = await _identify(call, text)
    await revoke_token(call.registry, caller, caller.token_id or "")
    return json_reply({"ok": True}, headers=[_NO_STORE])


async def get_tokens(call: Call) -> Reply:
    """``npm token list``: one's own."""
    name = _require_somebody(call.caller)
    tokens = await list_tokens(call.registry, call.caller)
    own = [_described(token) for token in tokens if token.principal == name and not token.revoked]
    return json_reply({"objects": own, "total": len(own), "urls": {}}, headers=[_NO_STORE])


async def post_token(call: Call) -> Reply:
    """``npm token create``: a narrower token of one's own."""
    form = await call.body.json(_NewToken, limit=_BODY_SIZE)
    name = _require_somebody(call.caller)
    if form.password and _require_somebody(await _identify(call, form.password)) != name:
        raise Unauthenticated("the password is another's token")
    if form.cidr_whitelist:
        raise Invalid("cidr_whitelist", expected="none: tokens of this registry are good from everywhere")
    if form.expires is not None and not 0 < form.expires <= _MAX_DAYS:
        raise Invalid("expires", expected=f"1 to {_MAX_DAYS} days", actual=form.expires)
    view = View.parse(call.path["view"])
    allowance = next(
        (
            found
            for actions in ((_READ,) if form.readonly else _SESSIONS)
            if (found := _may(call.caller, view, actions)) is not None
        ),
        None,
    )
    if allowance is None:
        raise Denied(f"{name} cannot hand on what {name} may not do in all of {view}")
    row, text = await _mint(call, call.caller, _TOKEN, allowance, days=form.expires)
    return json_reply({**_described(row), "token": text}, status=201, headers=[_NO_STORE])


async def delete_token(call: Call) -> Reply:
    """``npm token revoke``, by the key that the list shows or by the token itself."""
    key = call.path["key"]
    if key.startswith("ent_"):
        call.facts["target"] = call.target.removesuffix(key) + "…"
        key = (await _identify(call, key)).token_id or ""
    if not await revoke_token(call.registry, call.caller, key):
        raise TokenUnknown(key)
    return Reply(204)


async def get_profile(call: Call) -> Reply:
    """``npm profile get``."""
    name = _require_somebody(call.caller)
    profile = {"name": name, "fullname": "", "email": "", "email_verified": False, "tfa": None, "cidr_whitelist": None}
    return json_reply(profile, headers=[_NO_STORE])


async def post_profile(call: Call) -> Reply:
    """``npm profile set``: there is nothing to set."""
    _require_somebody(call.caller)
    raise Denied("profiles", expected="whoever administers the registry to change who is known")


async def _identify(call: Call, secret: str) -> Caller:
    """Whom a token stands for. Raises `Unauthenticated`, `RateLimited`."""
    if not secret.startswith("ent_"):
        raise Unauthenticated("the password must be one of this registry's tokens")
    return await call.gate.identify_secret(secret, call.address)


def _require_somebody(caller: Caller) -> str:
    if caller.principal is None:
        raise Unauthenticated
    return caller.principal.name


def _may(caller: Caller, view: View, actions: frozenset[Action]) -> Allowance | None:
    """The scope of a token for *actions* in *view*; None when the caller may not do all of that."""
    allowance = Allowance(Role.MAINTAINER, view, only=actions)
    return allowance if caller.rights.covers(allowance) else None


async def _mint(
    call: Call, caller: Caller, label: PrincipalName, allowance: Allowance, *, days: int | None = None
) -> tuple[TokenRow, str]:
    # Without the right to grant, what is minted is the caller's own, and no robot's.
    narrowed = replace(caller, rights=caller.rights.narrowed([allowance]))
    ttl = None if days is None else timedelta(days=days)
    row, secret = await create_token(call.registry, narrowed, label, allowance, ttl=ttl)
    return row, secret.text


def _described(token: TokenRow) -> dict[str, object]:
    scope = token.scope
    return {
        "key": token.id,
        "token": token.label,
        "name": token.label,
        "created": token.created_at.isoformat(),
        "updated": token.created_at.isoformat(),
        "expiry": None if token.expires_at is None else token.expires_at.isoformat(),
        "readonly": scope is not None and all(allowance.actions == _READ for allowance in scope),
        "cidr_whitelist": [],
    }
