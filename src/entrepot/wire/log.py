"""``/log/``: the transparency log as static files (``c2sp.org/tlog-tiles``), and the registry as a witness.

What is below this prefix can be mirrored by anything that copies files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.model.errors import LogInconsistent, LogMoved
from entrepot.operations import log, witness
from entrepot.trust.log.tiles import Tile
from entrepot.trust.log.witness import MAX_REQUEST
from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError, render_problem
from entrepot.wire.format import Surface
from entrepot.wire.reply import IMMUTABLE, PRIVATE_IMMUTABLE, Reply
from entrepot.wire.routes import Route

if TYPE_CHECKING:
    from entrepot.wire.call import Call

_TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")
_BINARY: Final = (b"content-type", b"application/octet-stream")
_SIZE: Final = (b"content-type", b"text/x.tlog.size")
_SAFE: Final = (b"x-content-type-options", b"nosniff")
# "its headers SHOULD prevent caching beyond a few seconds"
_BRIEF: Final = (b"cache-control", b"public, max-age=1")
_PRIVATE_BRIEF: Final = (b"cache-control", b"private, max-age=1")

_ERRORS: Final = ErrorTable(
    # 400, 403, 404 and 409 are their families'; that a proof does not fit is said so that a log can tell.
    rows={**PROBLEMS.rows, LogInconsistent: WireError(422, "log-inconsistent")},
    render=render_problem,
)
"""What ``c2sp.org/tlog-witness`` demands; `LogMoved` is told with the size, by the handler."""


async def get_checkpoint(call: Call) -> Reply:
    """https://c2sp.org/tlog-tiles, "Checkpoints"."""
    head = await log.read_checkpoint(call.registry, call.caller)
    return Reply(200, [_TEXT, _SAFE, _BRIEF if log.is_public(call.registry) else _PRIVATE_BRIEF], head.note)


async def get_tile(call: Call) -> Reply:
    """https://c2sp.org/tlog-tiles, "Merkle Tree" and "Log entries"."""
    tile = Tile.parse(call.path["tile"])
    content = await log.read_tile(call.registry, call.caller, tile)
    # "This endpoint is immutable", partial tiles too: a wider one is at another address.
    kept = IMMUTABLE if log.is_public(call.registry, tile) else PRIVATE_IMMUTABLE
    return Reply(200, [_BINARY, _SAFE, kept], content)


async def add_checkpoint(call: Call) -> Reply:
    """https://c2sp.org/tlog-witness, "add-checkpoint": "there is no authentication of requests"."""
    body = await call.body.read(MAX_REQUEST)
    try:
        signature = await witness.cosign(call.registry, body)
    except LogMoved as error:
        return Reply(409, [_SIZE, _SAFE], f"{error.expected}\n".encode())
    return Reply(200, [_TEXT, _SAFE], str(signature).encode())


SURFACE: Final = Surface(
    name="log",
    prefix="log",
    errors=_ERRORS,
    routes=(
        Route("GET", "/log/checkpoint", get_checkpoint, "get_checkpoint"),
        Route("GET", "/log/(?P<tile>tile/.+)", get_tile, "get_tile"),
        Route("POST", "/log/add-checkpoint", add_checkpoint, "add_checkpoint"),
    ),
)
