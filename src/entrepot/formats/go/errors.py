"""How the go command is told of errors: plain text, which it shows ("Communicating with proxies", Go Modules Reference).

404 and 410 let it ask the next proxy of its list; everything else makes it stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError

if TYPE_CHECKING:
    from entrepot.model.errors import RegistryError
    from entrepot.wire.reply import HeaderList


def _render(_: WireError, error: RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    # The go command shows a few lines, so a name with line feeds in it would say what it likes.
    lines = "".join(character if character.isprintable() else " " for character in str(error))
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    return headers, f"{lines}\nrequest {request_id}\n".encode("utf-8", "replace")


ERRORS: Final = ErrorTable(rows=PROBLEMS.rows, render=_render)
"""The go command knows no codes: the statuses are HTTP's."""
