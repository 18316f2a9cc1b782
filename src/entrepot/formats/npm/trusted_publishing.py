"""How ``npm publish`` gets a token in a CI job, for the one package that it is about to publish.

npm (11.5 and later) asks at the root of the host, whatever the path of the registry's address is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.formats.npm.errors import ERRORS
from entrepot.formats.npm.rules import RULES
from entrepot.model.errors import Unauthenticated
from entrepot.model.names import View
from entrepot.operations import access
from entrepot.operations.exchange import Wanted
from entrepot.wire.federation import NO_STORE, trade
from entrepot.wire.format import Surface
from entrepot.wire.reply import Reply, json_reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.wire.call import Call


async def post_exchange(call: Call) -> Reply:
    """Trade the identity token that the request came with."""
    view = call.path.get("view")
    namespace = None
    if view is not None:
        parsed = View.parse(view)
        access.require_writable(parsed)
        namespace = parsed.namespace
    scheme, _, text = (call.headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise Unauthenticated("an identity token is needed, as a Bearer token")
    package = RULES.normalize(call.path["package"])
    row, secret = await trade(call, text.strip(), Wanted(namespace, package=package))
    answer = {"token": secret.text, "token_type": "oidc", "created": row.created_at, "expires": row.expires_at}
    return json_reply(answer, status=201, headers=[NO_STORE])


_EXCHANGE: Final = r"/-/npm/v1/oidc/token/exchange/package/(?P<package>(?:@[^/]+/)?[^/]+)"

ROUTES: Final = (
    Route("POST", rf"/npm/(?P<view>[^/]+){_EXCHANGE}", post_exchange, "exchange_token", authenticates=False),
)
SURFACE: Final = Surface(
    name="npm",
    prefix="-",
    routes=(Route("POST", _EXCHANGE, post_exchange, "exchange_token", authenticates=False),),
    errors=ERRORS,
)
