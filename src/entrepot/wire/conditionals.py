"""Has it changed? RFC 9110, section 13."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.model.errors import PreconditionFailed

if TYPE_CHECKING:
    from entrepot.wire.call import Headers


def is_unchanged(headers: Headers, etag: str) -> bool:
    """Whether the client has *etag* already (``If-None-Match``), so that 304 is the answer."""
    text = headers.get("if-none-match")
    return text is not None and names(text, etag)


def is_anything(headers: Headers) -> bool:
    """Whether the client has whatever is there (``If-None-Match: *``), so that it matters whether anything is."""
    return (headers.get("if-none-match") or "").strip() == "*"


def is_conditional(headers: Headers) -> bool:
    """Whether a change is asked for under a condition, so that what is there must be looked up first."""
    return headers.get("if-match") is not None or headers.get("if-none-match") is not None


def require_preconditions(headers: Headers, etag: str | None, *, reading: bool = False) -> None:
    """Raise `PreconditionFailed` unless the request may go on where *etag* is (None: nothing is there).

    ``If-Match``, by strong comparison (13.1.1); and, when not *reading*, ``If-None-Match`` (13.1.2), of which a reader
    learns from `is_unchanged`.
    """
    wanted = headers.get("if-match")
    if wanted is not None and (etag is None or not (wanted == "*" or etag in _listed(wanted))):
        raise PreconditionFailed("If-Match", expected=wanted[:200], actual=etag or "nothing")
    unwanted = headers.get("if-none-match")
    if not reading and unwanted is not None and etag is not None and names(unwanted, etag):
        raise PreconditionFailed("If-None-Match", expected=f"not {unwanted[:200]}", actual=etag)


def names(text: str, etag: str) -> bool:
    """Whether a list of entity tags has *etag*, or is ``*``. Compares weakly."""
    if text.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == etag for tag in _listed(text))


def _listed(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",")]
