"""``multipart/form-data`` (RFC 7578) as it comes: small fields read whole, files streamed, never a body in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from entrepot.model.errors import Invalid, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.wire.call import Call

_MAX_PARTS: Final = 2_000
_MAX_HEADERS: Final = 16 * 1024
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
        async for piece in self.stream():
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

    Raises `Invalid` when the body is no form, is not whole, or has too many parts; `Disconnected`.
    """
    kind, options = parse_options_header(call.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise Invalid(
            f"Content-Type {(call.headers.get('content-type') or '')[:200]}",
            expected="multipart/form-data with a boundary",
        )
    reader = _Reader(call.body.stream(), boundary)
    for _ in range(_MAX_PARTS):
        headers = await reader.next_part()
        if headers is None:
            return
        yield _part(headers, reader)
    raise Invalid("form", expected=f"at most {_MAX_PARTS} fields")


def _part(headers: dict[bytes, bytes], reader: _Reader) -> Part:
    disposition, options = parse_options_header(headers.get(b"content-disposition"))
    name = options.get(b"name")
    if disposition != b"form-data" or name is None:
        raise Invalid("form", expected="a Content-Disposition of form-data with a name for each part")
    filename = options.get(b"filename")
    try:
        return Part(
            name.decode(),
            None if filename is None else filename.decode(),
            headers.get(b"content-type", b"text/plain").decode("latin-1"),
            reader,
        )
    except UnicodeDecodeError as error:
        raise Invalid("form", expected="names in UTF-8") from error


@dataclass(slots=True)
class _Events:
    """What the parser has seen and nobody has taken yet."""

    queue: deque[dict[bytes, bytes] | bytes | None] = field(default_factory=deque)
    """Headers begin a part, bytes are content, None ends a part."""
    ended: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _field: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _size: int = 0

    def on_part_begin(self) -> None:
        self._headers, self._size = {}, 0

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._field += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field, self._value = bytearray(), bytearray()

    def on_headers_finished(self) -> None:
        self.queue.append(self._headers)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.queue.append(data[start:end])

    def on_part_end(self) -> None:
        self.queue.append(None)

    def on_end(self) -> None:
        self.ended = True

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > _MAX_HEADERS:
            raise TooLarge("headers of a form's part", expected=f"at most {_MAX_HEADERS} bytes")


class _Reader:
    """Feeds the parser with as much of the body as is asked for."""

    def __init__(self, body: AsyncIterator[bytes], boundary: bytes) -> None:
        self._body = body
        self._events = _Events()
        events = self._events
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": events.on_part_begin,
                "on_part_data": events.on_part_data,
                "on_part_end": events.on_part_end,
                "on_header_field": events.on_header_field,
                "on_header_value": events.on_header_value,
                "on_header_end": events.on_header_end,
                "on_headers_finished": events.on_headers_finished,
                "on_end": events.on_end,
            },
        )
        self._inside = False

    async def next_part(self) -> dict[bytes, bytes] | None:
        """The headers of the next part, or None at the end."""
        async for _ in self.content():
            pass
        event = await self._next()
        self._inside = event is not None
        if event is None and self._events.ended:
            return None
        if not isinstance(event, dict):
            raise Invalid("form", expected="a part's headers")
        return event

    async def content(self) -> AsyncIterator[bytes]:
        """What is left of the present part."""
        while self._inside:
            event = await self._next()
            if isinstance(event, bytes):
                yield event
            else:
                self._inside = False

    async def _next(self) -> dict[bytes, bytes] | bytes | None:
        """The next event; None ends a part, or all of them."""
        while not self._events.queue:
            if self._events.ended:
                async for _ in self._body:  # What follows the last boundary means nothing (RFC 2046, 5.1.1).
                    pass
                return None
            piece = await anext(self._body, None)
            if piece is None:
                raise Invalid("form", expected="a body that ends with its boundary")
            try:
                self._parser.write(piece)
            except MultipartParseError as error:
                raise Invalid(f"form: {error}", expected="multipart/form-data (RFC 7578)") from error
        return self._events.queue.popleft()
