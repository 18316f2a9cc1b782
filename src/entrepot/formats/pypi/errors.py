"""How the upload API says errors: a status and a line of text, which its clients print.

The JSON API has a body of its own for what it does not find (`entrepot.formats.pypi.json_api`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.model import errors as e
from entrepot.wire.errors import FAMILIES, ErrorTable, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entrepot.wire.reply import HeaderList

_REASON_LENGTH: Final = 300
TEXT: Final = (b"content-type", b"text/plain; charset=utf-8")

_STATUSES: Final[Mapping[type[e.RegistryError], int]] = {
    **FAMILIES,
    # The upload API knows 400 for whatever is wrong with a file; twine takes 409 for "this very file is there".
    e.Conflict: 400,
    e.UploadBusy: 409,
    e.StaleRevision: 409,
}


def _code(cls: type[e.RegistryError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


def _sentence(error: e.RegistryError) -> str:
    """What is wrong, in the words that clients look for where they look for words."""
    if isinstance(error, e.VersionExists) and not isinstance(error, e.VersionSealed):
        # "already exist" is what twine --skip-existing, and others, read.
        return f"File already exists ({error.subject}): other content was uploaded under this name."
    return str(error)


def _render(_: WireError, error: e.RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    return [TEXT], f"{_sentence(error)}\nrequest {request_id}\n".encode("utf-8", "backslashreplace")


def _reason(error: e.RegistryError) -> str:
    """The same for the status line: twine shows nothing else, unless it is asked to."""
    return "".join(c if " " <= c <= "~" else "?" for c in _sentence(error)[:_REASON_LENGTH])


ERRORS: Final = ErrorTable(
    rows={cls: WireError(status, _code(cls)) for cls, status in _STATUSES.items()}, render=_render, reason=_reason
)
