"""How twine, uv and others get a token in a CI job: the audience to ask for, and the exchange.

They look at the root of the host, whatever the address of the index is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.errors import IdentityTokenInvalid
from entrepot.operations.exchange import Wanted
from entrepot.operations.issuers import find_audience
from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError
from entrepot.wire.federation import BODY_SIZE, NO_STORE, lifetime_seconds, trade
from entrepot.wire.format import Surface
from entrepot.wire.reply import Reply, json_reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.model.errors import RegistryError
    from entrepot.wire.call import Call
    from entrepot.wire.reply import HeaderList


class _Mint(msgspec.Struct):
    token: str


async def get_audience(call: Call) -> Reply:
    """For whom an identity token must be."""
    return json_reply({"audience": await find_audience(call.registry)}, headers=[NO_STORE])


async def post_mint(call: Call) -> Reply:
    """Trade an identity token."""
    form = await call.body.json(_Mint, limit=BODY_SIZE)
    row, secret = await trade(call, form.token, Wanted())
    answer = {
        "success": True,
        "message": "the token works for a while",
        "token": secret.text,
        "expires": int(row.created_at.timestamp()) + lifetime_seconds(row),
    }
    return json_reply(answer, headers=[NO_STORE])


def _render(row: WireError, error: RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    code = error.reason if isinstance(error, IdentityTokenInvalid) else row.code
    body = {
        "message": "Token request failed",
        "errors": [{"code": code, "description": str(error)}],
        "request_id": request_id,
    }
    return [(b"content-type", b"application/json")], msgspec.json.encode(body)


SURFACE: Final = Surface(
    name="pypi",
    prefix="_",
    routes=(
        Route("GET", r"/_/oidc/audience", get_audience, "get_audience", authenticates=False),
        Route("POST", r"/_/oidc/mint-token", post_mint, "exchange_token", authenticates=False),
    ),
    errors=ErrorTable(rows=PROBLEMS.rows, render=_render),
)
