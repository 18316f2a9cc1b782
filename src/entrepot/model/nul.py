"""NUL in texts: some readers end a text there and others go on, SQLite cuts it off, and PostgreSQL cannot keep it."""

from __future__ import annotations

import re
from typing import Final

_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def has_nul(document: bytes) -> bool:
    """Whether a text in a JSON document has NUL: it must be escaped there, by a backslash that is not escaped itself."""
    # Most have no such letters at all, and to look for these takes no time.
    return b"u0000" in document and _NUL.search(document) is not None


def without_nul(document: bytes) -> bytes:
    """The same document with U+FFFD for each NUL: nothing that it says of flaws is lost, and none of it is taken for less."""
    return _NUL.sub(rb"\1\\ufffd", document) if b"u0000" in document else document
