"""Parts of content: RFC 9110, section 14, and OCI's own ``Content-Range`` for chunks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from entrepot.model.errors import InvalidContentRange, InvalidRange

if TYPE_CHECKING:
    from entrepot.wire.call import Headers

_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*")
_CHUNK: Final = re.compile(r"(?:bytes )?(\d{1,19})-(\d{1,19})(?:/(?:\d{1,19}|\*))?")


def parse_range(headers: Headers, size: int, etag: str) -> tuple[int, int] | None:
    """Which bytes are asked for, as ``(start, stop)``; None for all of them.

    One range only: several, or another unit, or an ``If-Range`` that is not *etag*, mean the whole (RFC 9110, 14.2).

    Raises `InvalidRange` for one that cannot be satisfied.
    """
    text = headers.get("range")
    if text is None or headers.get("if-range") not in (None, etag):
        return None
    match = _RANGE.fullmatch(text)
    if match is None or match[0].endswith("=-"):
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= stop:
        raise InvalidRange(text, expected=f"a range within {size} bytes", actual=size)
    return start, stop


def parse_chunk(headers: Headers, size: int | None) -> int | None:
    """Where a chunk begins (OCI distribution, "Pushing a blob in chunks": ``<start>-<end>``); None when not said.

    Raises `InvalidContentRange` when it is no range, or not as long as the body.
    """
    text = headers.get("content-range")
    if text is None:
        return None
    match = _CHUNK.fullmatch(text)
    if match is None:
        raise InvalidContentRange(text[:80], expected="<first byte>-<last byte>")
    start, last = int(match[1]), int(match[2])
    if last + 1 < start:
        raise InvalidContentRange(text, expected="a range that does not end before it begins")
    if size is not None and last - start + 1 != size:
        raise InvalidContentRange(text, expected=f"a range of the {size} bytes that are sent")
    return start
