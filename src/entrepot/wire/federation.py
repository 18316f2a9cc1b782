"""Where jobs trade their identity tokens: OAuth 2.0 Token Exchange (RFC 8693), and what the formats' own forms share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

import msgspec

from entrepot.model import errors as e
from entrepot.model.errors import IdentityTokenInvalid, Invalid, InvalidName, NoTrustedPublisher, SeveralPublishers
from entrepot.model.federation import parse_publisher_name
from entrepot.model.names import parse_namespace
from entrepot.operations.exchange import Wanted, exchange
from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError
from entrepot.wire.format import Surface
from entrepot.wire.reply import Reply, json_reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.model.access import TokenSecret
    from entrepot.ports.catalog import TokenRow
    from entrepot.wire.call import Call
    from entrepot.wire.reply import HeaderList

BODY_SIZE: Final = 32 * 1024
"""The largest request with an identity token: one of the largest size that is read, with room for what is around it."""
NO_STORE: Final = (b"cache-control", b"no-store")

_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 (the name of a kind)
_SUBJECT_TYPES: Final = frozenset({"urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt"})
_FIELDS: Final = 20


class InvalidTarget(Invalid):
    """There is no such audience to trade a token for."""


class UnsupportedGrant(Invalid):
    """Tokens are given for identity tokens alone."""


async def trade(call: Call, text: str, wanted: Wanted) -> tuple[TokenRow, TokenSecret]:
    """Trade an identity token, counting what is refused like logins that fail.

    Raises what `entrepot.operations.exchange.exchange` raises, and `RateLimited`.
    """
    try:
        row, secret = await exchange(call.registry, text, wanted)
    except (IdentityTokenInvalid, NoTrustedPublisher) as error:
        call.facts["reason"] = error.reason if isinstance(error, IdentityTokenInvalid) else "no-publisher"
        call.gate.count_failure(call.address)
        raise
    call.facts["publisher"] = row.principal
    call.facts["token"] = row.id
    return row, secret


def lifetime_seconds(row: TokenRow) -> int:
    """How long a token works from when it was made."""
    return 0 if row.expires_at is None else int((row.expires_at - row.created_at).total_seconds())


async def post_token(call: Call) -> Reply:
    """RFC 8693 §2.1: ``audience`` names the namespace, or ``namespace/publisher``; it may be left out."""
    try:
        body = (await call.body.read(BODY_SIZE)).decode("utf-8")
        form = parse_qs(body, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise Invalid("body", expected="a form in UTF-8") from error
    for name, values in form.items():
        # RFC 6749 §3.2: parameters must not be included more than once.
        if len(values) > 1:
            raise Invalid(name[:100], expected="it once")
    given = {name: values[0] for name, values in form.items() if values[0]}
    if given.get("grant_type") != _GRANT:
        raise UnsupportedGrant("grant_type", expected=_GRANT)
    if given.get("subject_token_type") not in _SUBJECT_TYPES:
        raise Invalid("subject_token_type", expected=" or ".join(sorted(_SUBJECT_TYPES)))
    if given.get("requested_token_type", _ACCESS_TOKEN) != _ACCESS_TOKEN:
        raise Invalid("requested_token_type", expected=_ACCESS_TOKEN)
    for name in ("actor_token", "actor_token_type", "resource", "scope"):
        if name in given:
            raise Invalid(name, expected="none: what the token may do is what the trusted publisher may")
    if "subject_token" not in given:
        raise Invalid("subject_token", expected="an identity token")
    row, secret = await trade(call, given["subject_token"], _target(given.get("audience")))
    return json_reply(
        {
            "access_token": secret.text,
            "issued_token_type": _ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": lifetime_seconds(row),
        },
        headers=[NO_STORE],
    )


def _target(audience: str | None) -> Wanted:
    if audience is None:
        return Wanted()
    namespace, slash, publisher = audience.partition("/")
    try:
        return Wanted(parse_namespace(namespace), parse_publisher_name(publisher) if slash else None)
    except InvalidName as error:
        raise InvalidTarget(audience[:100], expected="a namespace, or namespace/publisher") from error


def _render(row: WireError, error: e.RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    """RFC 6749 §5.2; a description has no quotation mark and no backslash, and is ASCII."""
    text = "".join(character if " " <= character <= "~" else "?" for character in str(error))
    body = {
        "error": row.code,
        "error_description": text.replace('"', "'").replace("\\", "/"),
        "request_id": request_id,
    }
    if isinstance(error, IdentityTokenInvalid):
        body["reason"] = error.reason
    return [(b"content-type", b"application/json")], msgspec.json.encode(body)


def _code(cls: type[e.RegistryError]) -> str:
    for family, code in (
        (e.RateLimited, "temporarily_unavailable"),
        (e.Unavailable, "temporarily_unavailable"),
        (e.UpstreamUnavailable, "temporarily_unavailable"),
        (SeveralPublishers, "invalid_target"),
        (e.Invalid, "invalid_request"),
        # RFC 8693 §2.2.2: a subject token that is not valid, or not acceptable, is an invalid request.
        (e.Unauthenticated, "invalid_request"),
        (e.Denied, "invalid_request"),
        (e.NotFound, "invalid_request"),
    ):
        if issubclass(cls, family):
            return code
    return "server_error"


SURFACE: Final = Surface(
    name="oauth2",
    prefix="oauth2",
    routes=(Route("POST", r"/oauth2/token", post_token, "exchange_token", authenticates=False),),
    errors=ErrorTable(
        rows={
            **{cls: WireError(row.status, _code(cls)) for cls, row in PROBLEMS.rows.items()},
            **{cls: WireError(400, "invalid_request") for cls in (IdentityTokenInvalid, NoTrustedPublisher)},
            SeveralPublishers: WireError(400, "invalid_target"),
            InvalidTarget: WireError(400, "invalid_target"),
            UnsupportedGrant: WireError(400, "unsupported_grant_type"),
        },
        render=_render,
    ),
)
"""``POST /oauth2/token``."""
