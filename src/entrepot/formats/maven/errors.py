"""How errors are said to Maven: by RFC 9457, but for what is not there.

maven-resolver shows what a problem's document says of a refusal.
But in the releases that read such documents it takes a 404 with one for a failure of the transfer, and a deployment
ends because there is no metadata yet; so what is not there is said in plain text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entrepot.wire.errors import PROBLEMS, ErrorTable, WireError, render_problem

if TYPE_CHECKING:
    from entrepot.model.errors import RegistryError
    from entrepot.wire.reply import HeaderList

_NOT_FOUND: Final = 404


def _render(row: WireError, error: RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    if row.status != _NOT_FOUND:
        return render_problem(row, error, request_id)
    said = f"{error}\nrequest {request_id}\n"
    return [(b"content-type", b"text/plain; charset=utf-8")], said.encode("utf-8", "replace")


ERRORS: Final = ErrorTable(rows=PROBLEMS.rows, render=_render)
