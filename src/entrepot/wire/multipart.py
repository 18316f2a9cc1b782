"""``multipart/form-data`` (RFC 7578) as it comes: small fields read whole, files streamed, never a body in memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from entrepot.model.errors import Invalid, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from entrepot.wire.call import Call

_MAX_PARTS: Final = 2_000
_MAX_HEADERS: Final = 8
"""RFC 7578 knows three, and old clients a few more."""
_MAX_HEADER: Final = 2 * 1024
_MAX_BOUNDARY: Final = 200


@dataclass(slots=True)
class Part:
    """One field of a form, or a file. Its content can be read once, before the next part is asked for."""

    name: str
    filename: str | None
    """None for a field that is no file."""
    media_type: str
    _reader: _Reader

    async def stream(self) -> AsyncIterator[bytes]:
        """The content, in pieces. Raises `Invalid`, `Disconnected`."""
        async for piece in self._reader.content():
            yield piece

    async def read(self, limit: int) -> bytes:
        """All of it, when it is no more than *limit*. Raises `TooLarge`, `Invalid`, `Disconnected`."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self._reader.content():
            size += len(piece)
            if size > limit:
                raise TooLarge(f"form field {self.name[:80]}", expected=f"at most {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    async def text(self, limit: int) -> str:
        """The same as text. Raises `Invalid` when it is not UTF-8."""
        try:
            return (await self.read(limit)).decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"form field {self.name[:80]}", expected="UTF-8") from error


async def read_form(call: Call) -> AsyncIterator[Part]:
    """The parts of the request's body, in their order. What of a part is not read is skipped.

    Raises `Invalid` when the body is no form, is not whole, or has too many parts; `TooLarge`, `Disconnected`.
    """
    said = call.headers.get("content-type") or ""
    kind, options = parse_options_header(said)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise Invalid(f"Content-Type {said[:200]}", expected="multipart/form-data with a boundary")
    reader = _Reader(call.body.stream(), boundary)
    for _ in range(_MAX_PARTS):
        segment = await reader.next_part()
        if segment is None:
            return
        if not segment.name:
            raise Invalid("form", expected="a Content-Disposition of form-data with a name for each part")
        yield Part(segment.name, segment.filename, segment.header("Content-Type", "text/plain"), reader)
    raise Invalid("form", expected=f"at most {_MAX_PARTS} fields")


class _Nothing(Enum):
    """What the parser says when it has seen all that it was given."""

    YET = auto()


class _Reader:
    """Feeds the parser with as much of the body as is asked for."""

    def __init__(self, body: AsyncIterator[bytes], boundary: str) -> None:
        self._body = body
        self._parser = PushMultipartParser(boundary, max_header_size=_MAX_HEADER, max_header_count=_MAX_HEADERS)
        self._events: Iterator[MultipartSegment | bytes | None] = iter(())
        self._inside = False

    async def next_part(self) -> MultipartSegment | None:
        """The next part's headers, or None at the end."""
        async for _ in self.content():
            pass
        event = await self._next()
        if isinstance(event, bytes):
            raise Invalid("form", expected="a part's headers")
        self._inside = event is not None
        return event

    async def content(self) -> AsyncIterator[bytes]:
        """What is left of the present part."""
        while self._inside:
            event = await self._next()
            if isinstance(event, bytes):
                yield event
            else:
                self._inside = False

    async def _next(self) -> MultipartSegment | bytes | None:
        """The next event; None ends a part, or all of them. What follows the last means nothing (RFC 2046, 5.1.1)."""
        try:
            while (event := next(self._events, _Nothing.YET)) is _Nothing.YET:
                piece = await anext(self._body, None)
                if piece is None:
                    self._parser.close()  # It knows whether that was all.
                    return None
                if piece:
                    self._events = self._parser.parse(piece)
        except ParserLimitReached as error:
            raise TooLarge(
                f"form: {error}", expected=f"{_MAX_HEADERS} headers of {_MAX_HEADER} bytes a part"
            ) from error
        except MultipartError as error:
            raise Invalid(f"form: {error}", expected="multipart/form-data (RFC 7578)") from error
        return event
