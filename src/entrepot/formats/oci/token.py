"""Docker token authentication: where clients get the access tokens that a challenge asks for.

Clients present a token of the registry as the password of Basic (GET), or in a form (POST, the OAuth 2 flavour that
containerd tries first), or nothing for what is public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from entrepot.formats.oci.challenge import CATALOG_SCOPE
from entrepot.formats.oci.names import parse_name
from entrepot.model.errors import Invalid, InvalidName, Unauthenticated
from entrepot.wire.reply import json_reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from entrepot.model.access import Caller
    from entrepot.model.names import PackageName, View
    from entrepot.wire.call import Call
    from entrepot.wire.reply import Reply

_MAX_FORM: Final = 16 * 1024
_MAX_SCOPES: Final = 100


async def get_token(call: Call) -> Reply:
    """Docker's "Token Authentication Specification": GET with Basic credentials, or none."""
    return _token(call, call.caller, call.query.all("scope"), call.query.get("service"))


async def post_token(call: Call) -> Reply:
    """Docker's "OAuth2 Token Authentication": POST with the credentials in a form."""
    try:
        form = parse_qs((await call.body.read(_MAX_FORM)).decode("utf-8"), max_num_fields=_MAX_SCOPES)
    except ValueError as error:
        raise Invalid("body", expected="a form in UTF-8") from error
    match form.get("grant_type"):
        case ["password"]:
            secret = form.get("password", [""])[0] or form.get("username", [""])[0]
        case ["refresh_token"]:
            secret = form.get("refresh_token", [""])[0]
        case _:
            raise Invalid("grant_type", expected="password or refresh_token")
    if not secret:
        raise Unauthenticated
    caller = await call.gate.identify_secret(secret, call.address)
    return _token(call, caller, form.get("scope", []), form.get("service", [None])[0])


def _token(call: Call, caller: Caller, scopes: Sequence[str], service: str | None) -> Reply:
    if caller.unscoped is not None:
        raise Unauthenticated("an access token gets no other one: it would be wider, or last longer")
    words = [word for scope in scopes for word in scope.split()][:_MAX_SCOPES]
    token = call.gate.issue(
        caller, (service or "entrepot")[:256], list(_permits(call, words)), catalog=CATALOG_SCOPE in words
    )
    return json_reply(
        {
            "token": token.text,
            "access_token": token.text,
            "expires_in": token.expires_in,
            "issued_at": token.issued_at,
            "scope": " ".join(words),
        },
        headers=[(b"cache-control", b"no-store")],
    )


def _permits(call: Call, scopes: Iterable[str]) -> Iterable[tuple[View, PackageName, Sequence[str]]]:
    """What of the scopes is about a package: ``repository:<name>:<action>,…``; a name may hold a colon itself."""
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind != "repository":
            continue
        try:
            view, package = parse_name(name, call.registry.formats)
        except InvalidName:
            continue  # Asking for what cannot exist is asking for nothing.
        yield view, package.name, actions.split(",")


TOKEN_ROUTES = (
    Route("GET", r"/token", get_token, "token"),
    Route("POST", r"/token", post_token, "token"),
)
