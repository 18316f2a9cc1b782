"""Has it changed? RFC 9110, section 13."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.wire.call import Headers


def is_unchanged(headers: Headers, etag: str) -> bool:
    """Whether the client has *etag* already (``If-None-Match``), so that 304 is the answer."""
    text = headers.get("if-none-match")
    return text is not None and names(text, etag)


def names(text: str, etag: str) -> bool:
    """Whether a list of entity tags has *etag*, or is ``*``. Compares weakly."""
    if text.strip() == "*":
        return True
    return any(tag.strip().removeprefix("W/") == etag for tag in text.split(","))
