"""Which representation of an index a client gets (PEP 691, "Version + format selection"; RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

_QUALITY: Final = re.compile(r"[01](?:\.[0-9]{0,3})?")
_LONGEST: Final = 4096


class MediaType(StrEnum):
    """What an index can be sent as, the best first."""

    JSON = "application/vnd.pypi.simple.v1+json"
    HTML = "application/vnd.pypi.simple.v1+html"
    PLAIN_HTML = "text/html"


_ALIASES: Final = {
    "application/vnd.pypi.simple.latest+json": MediaType.JSON,
    "application/vnd.pypi.simple.latest+html": MediaType.HTML,
}
_BY_DEFAULT: Final = (MediaType.PLAIN_HTML, MediaType.HTML, MediaType.JSON)
"""For who takes anything: a browser, or a client from before there was a choice."""


@lru_cache(maxsize=512)
def choose(accept: str | None) -> MediaType | None:
    """The representation that ``Accept`` asks for; None when it takes none of ours."""
    if accept is None or not accept.strip():
        return MediaType.PLAIN_HTML
    wanted = _read(accept[:_LONGEST])
    offers = [kind for kind in MediaType if _quality(wanted, kind)]
    return max(offers, key=lambda kind: (_quality(wanted, kind), _rank(wanted, kind)), default=None)


def named(name: str) -> MediaType | None:
    """The representation of a name, as in ``?format=``; None when we have none of it."""
    return _ALIASES.get(name) or next((kind for kind in MediaType if kind == name), None)


def _read(accept: str) -> dict[str, float]:
    """Quality by media type or range; of a type that is there twice, the best."""
    wanted: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                value = value.strip()
                quality = min(float(value), 1.0) if _QUALITY.fullmatch(value) else 0.0
        kind = _ALIASES.get(name, name)
        wanted[kind] = max(quality, wanted.get(kind, 0.0))
    return wanted


def _quality(wanted: dict[str, float], kind: MediaType) -> float:
    """What the most specific range that covers it says."""
    return next((wanted[name] for name in (kind, f"{kind.partition('/')[0]}/*", "*/*") if name in wanted), 0.0)


def _rank(wanted: dict[str, float], kind: MediaType) -> tuple[bool, int]:
    """Among equally wanted ones: what is asked for by name before what a wildcard lets through."""
    order = list(MediaType) if kind in wanted else list(_BY_DEFAULT)
    return kind in wanted, -order.index(kind)
