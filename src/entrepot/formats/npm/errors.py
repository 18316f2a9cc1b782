"""How npm says errors: ``{"error": "…"}``, which is what its clients show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model import errors as e
from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError

if TYPE_CHECKING:
    from entrepot.wire.reply import HeaderList


def _render(row: WireError, error: e.RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    body = {"error": _message(error), "code": row.code, "request_id": request_id}
    return [(b"content-type", b"application/json")], msgspec.json.encode(body)


def _message(error: e.RegistryError) -> str:
    if isinstance(error, e.VersionExists) and error.subject is not None:
        # Word by word what clients look for to tell this conflict from others.
        return f"You cannot publish over the previously published versions: {error.subject}."
    return str(error)


ERRORS: Final = ErrorTable(rows=PROBLEMS.rows, render=_render)


def challenge(_method: str, _path: str, _query: bytes) -> str:
    """Nothing beyond ``Bearer``, which npm takes for its token and not for a password that was mistyped."""
    return ""
