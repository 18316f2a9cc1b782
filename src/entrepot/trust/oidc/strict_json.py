"""JSON of strangers, read in one way: no member twice, no NaN, nothing that is not Unicode."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from entrepot.model.errors import Invalid


def decode_object(content: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object. Raises `Invalid`, without repeating what was in it.

    RFC 7519 §4 lets a reader refuse an object that has a member twice, or take the last: two readers who choose
    differently would see different claims.
    """
    try:
        text = content.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        # Half of a surrogate pair can be escaped, and cannot be written anywhere.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Invalid(what, expected="a JSON object in UTF-8, with each member once") from error
    if not isinstance(found, dict):
        raise Invalid(what, expected="a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError
