"""How Cargo is told of errors, and where to get a token.

"Registry Web API" in The Cargo Book: whatever the status, Cargo shows each ``detail``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError

if TYPE_CHECKING:
    from entrepot.model.errors import RegistryError
    from entrepot.wire.reply import HeaderList


def _render(_: WireError, error: RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    body = msgspec.json.encode({"errors": [{"detail": str(error)}], "request_id": request_id})
    return [(b"content-type", b"application/json")], body


ERRORS: Final = ErrorTable(rows=PROBLEMS.rows, render=_render)
"""Cargo has no codes of its own: the statuses are HTTP's."""


def authenticate(base_url: str, path: str) -> str:
    """The challenge that ``cargo login`` reads: where a person gets a token for the view that *path* begins with."""
    # A path is decoded and may be anything; what a quoted string cannot carry names no view.
    view = path.split("/")[2:3]
    place = view[0] if view and view[0].isascii() and view[0].replace("-", "").replace(".", "").isalnum() else ""
    return f'Cargo login_url="{base_url}/cargo/{place}/me"' if place else "Cargo"
