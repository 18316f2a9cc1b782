"""How a CI job gets a token for ``cargo publish``, and gives it back: what the Rust project's action asks for.

Cargo itself does not do it: the action is given this registry's address, and puts the token where Cargo looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.errors import Denied, Unauthenticated
from entrepot.model.federation import PUBLISHER
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.exchange import Wanted
from entrepot.operations.token import revoke_token
from entrepot.wire.federation import BODY_SIZE, NO_STORE, trade
from entrepot.wire.reply import Reply, json_reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.wire.call import Call


class _Exchange(msgspec.Struct):
    jwt: str


async def put_token(call: Call) -> Reply:
    """Trade an identity token."""
    view = View.parse(call.path["view"])
    access.require_writable(view)
    form = await call.body.json(_Exchange, limit=BODY_SIZE)
    _, secret = await trade(call, form.jwt, Wanted(view.namespace))
    return json_reply({"token": secret.text}, headers=[NO_STORE])


async def delete_token(call: Call) -> Reply:
    """End the token that the request came with, when the job is done."""
    if call.caller.principal is None or call.caller.token_id is None:
        raise Unauthenticated
    if not call.caller.name.startswith(PUBLISHER):
        raise Denied(call.caller.name, expected="a token of a trusted publisher")
    await revoke_token(call.registry, call.caller, call.caller.token_id)
    return Reply(204)


_TOKENS: Final = r"/cargo/(?P<view>[^/]+)/api/v1/trusted_publishing/tokens"

ROUTES: Final = (
    Route("PUT", _TOKENS, put_token, "exchange_token", authenticates=False),
    Route("POST", _TOKENS, put_token, "exchange_token", authenticates=False),
    Route("DELETE", _TOKENS, delete_token, "revoke_token"),
)
