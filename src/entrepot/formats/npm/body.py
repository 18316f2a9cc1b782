"""A publication's body as it comes: JSON whose attachments are taken out of it while they stream.

npm's clients send a tarball as base64 inside a JSON document, so the document may be as long as a tarball is large.
`Splitter` follows just enough of JSON's grammar to know where ``_attachments.<name>.data`` is; all other bytes it keeps
and hands on, with an empty string where the data was.
Whether they are JSON is for a real parser to say: for what is, both agree.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model.errors import InvalidMetadata, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from entrepot.wire.call import Body

_MAX_DEPTH: Final = 128
_STRUCTURE: Final = re.compile(rb'["{}\[\],:]')
_STRING: Final = re.compile(rb'["\\]')
_ESCAPE: Final = re.compile(rb"\\(?:/|u00([0-7][0-9a-fA-F]))")
_OBJECT: Final = ord("{")
_NAMED: Final = 3
"""How many levels of keys it remembers: ``_attachments``, the file's name, ``data``."""


@dataclass(frozen=True, slots=True)
class Begin:
    """The data of an attachment begins."""

    name: str


@dataclass(frozen=True, slots=True)
class Data:
    """Some of it, decoded."""

    content: bytes


@dataclass(frozen=True, slots=True)
class End:
    """That was all of it."""


Event = Begin | Data | End


class Splitter:
    """Takes a document in pieces, in whatever way it is cut; not for use after it has raised."""

    def __init__(self, *, limit: int) -> None:
        """Keep at most *limit* bytes of what is no attachment."""
        self._limit = limit
        self._kept = bytearray()
        self._stack = bytearray()
        self._keys: list[str] = []
        self._seen: list[set[str]] = []
        self._before_key = False
        self._string_start: int | None = None
        self._is_key = False
        self._skip = 0
        self._base64: _Base64 | None = None

    @property
    def kept_size(self) -> int:
        """How many bytes it holds."""
        return len(self._kept)

    def finish(self) -> bytes:
        """The document without its attachments. Raises `InvalidMetadata` when it ends within something."""
        if self._stack or self._string_start is not None or self._base64 is not None:
            raise InvalidMetadata("body", expected="a whole JSON document")
        return bytes(self._kept)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """What *piece* brings. Raises `InvalidMetadata`, `TooLarge`."""
        at = 0
        while at < len(piece):
            if self._base64 is not None:
                at = yield from self._feed_data(piece, at, self._base64)
            elif self._string_start is not None:
                at = self._feed_string(piece, at)
            else:
                begun, at = self._feed_structure(piece, at)
                if begun is not None:
                    yield begun

    def _keep(self, content: bytes) -> None:
        self._kept += content
        if len(self._kept) > self._limit:
            raise TooLarge("body", expected=f"at most {self._limit} bytes beside the attached file")

    # --- between strings ---

    def _feed_structure(self, piece: bytes, at: int) -> tuple[Begin | None, int]:
        match = _STRUCTURE.search(piece, at)
        if match is None:
            self._keep(piece[at:])
            return None, len(piece)
        self._keep(piece[at : match.end()])
        begun = None
        match match[0]:
            case b'"':
                begun = self._begin_string()
            case b"{" | b"[":
                self._open(match[0][0])
            case b"}" | b"]":
                self._close()
            case b",":
                self._before_key = self._stack[-1:] == b"{"
            case _:
                self._before_key = False
        return begun, match.end()

    def _open(self, kind: int) -> None:
        if len(self._stack) >= _MAX_DEPTH:
            raise InvalidMetadata("body", expected=f"JSON of at most {_MAX_DEPTH} levels")
        self._stack.append(kind)
        self._before_key = kind == _OBJECT
        if len(self._stack) <= _NAMED:
            del self._keys[len(self._stack) - 1 :]
            del self._seen[len(self._stack) - 1 :]
            self._keys.append("")
            self._seen.append(set())

    def _close(self) -> None:
        if not self._stack:
            raise InvalidMetadata("body", expected="one JSON document")
        self._stack.pop()
        self._before_key = False

    # --- strings ---

    def _begin_string(self) -> Begin | None:
        self._is_key = self._before_key
        if not self._is_key and self._is_attached():
            self._base64 = _Base64()
            return Begin(self._keys[1])
        self._string_start = len(self._kept) - 1
        return None

    def _is_attached(self) -> bool:
        """Whether the value that begins is what is streamed: a bundle of signatures is text, and short."""
        if self._stack != b"{{{":
            return False
        top, name, key = self._keys
        return top == "_attachments" and key == "data" and not name.endswith(".sigstore")

    def _feed_string(self, piece: bytes, at: int) -> int:
        if self._skip:
            self._skip = 0
            self._keep(piece[at : at + 1])
            return at + 1
        match = _STRING.search(piece, at)
        if match is None:
            self._keep(piece[at:])
            return len(piece)
        self._keep(piece[at : match.end()])
        if match[0] == b"\\":
            self._skip = 1
        else:
            self._end_string()
        return match.end()

    def _end_string(self) -> None:
        start, self._string_start = self._string_start, None
        depth = len(self._stack)
        if not self._is_key or depth > _NAMED:
            return
        self._before_key = False
        try:
            key = msgspec.json.decode(bytes(self._kept[start:]), type=str)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidMetadata("body", expected=f"JSON: {error}") from error
        seen = self._seen[depth - 1]
        # Of two readers one would take the first and the other the last.
        if self._is_watched(depth) and key in seen:
            raise InvalidMetadata(f"body: {key[:200]!a}", expected="each key once")
        seen.add(key)
        self._keys[depth - 1] = key

    def _is_watched(self, depth: int) -> bool:
        return depth == 1 or self._keys[0] == "_attachments"

    # --- attached data ---

    def _feed_data(self, piece: bytes, at: int, base64: _Base64) -> Generator[Event, None, int]:
        end = piece.find(b'"', at)
        content = base64.feed(piece[at:] if end < 0 else piece[at:end])
        if content:
            yield Data(content)
        if end < 0:
            return len(piece)
        base64.finish()
        self._base64 = None
        self._keep(b'"')
        yield End()
        return end + 1


class _Base64:
    """Base64 (RFC 4648, 4) as a JSON string may have it: some encoders escape ``/``, ``+`` and ``=``."""

    def __init__(self) -> None:
        self._rest = b""
        self._padded = False

    def feed(self, text: bytes) -> bytes:
        text = self._rest + text
        cut = b""
        if b"\\" in text:
            # An escape may be cut in two by the end of the piece.
            last = text.rfind(b"\\", max(0, len(text) - 6))
            if last >= 0 and len(text) - last < (6 if text[last + 1 : last + 2] == b"u" else 2):
                text, cut = text[:last], text[last:]
            text = _ESCAPE.sub(_unescape, text)
        whole = len(text) - len(text) % 4
        self._rest = text[whole:] + cut
        return self._decode(text[:whole])

    def finish(self) -> None:
        if self._rest:
            raise InvalidMetadata("_attachments", expected="base64 with its padding")

    def _decode(self, text: bytes) -> bytes:
        if not text:
            return b""
        if self._padded:
            raise InvalidMetadata("_attachments", expected="nothing behind the padding of base64")
        try:
            content = a2b_base64(text, strict_mode=True)
        except Error as error:
            raise InvalidMetadata("_attachments", expected=f"base64: {error}") from error
        self._padded = text.endswith(b"=")
        return content


def _unescape(match: re.Match[bytes]) -> bytes:
    return b"/" if match[1] is None else bytes([int(match[1], 16)])


class Attachments:
    """The attachments of a request's body, one after another, and what is left of the body when they are read."""

    def __init__(self, body: Body, *, limit: int) -> None:
        """Hold at most *limit* bytes of what is no attachment."""
        self._body = body
        self._splitter = Splitter(limit=limit)
        self._events = self._read()
        self._held = 0

    async def __aiter__(self) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Each attachment's name with its content, which must be read before the next is asked for."""
        async for event in self._events:
            if isinstance(event, Begin):
                yield event.name, self._content()

    def finish(self) -> bytes:
        """The document without them. Raises `InvalidMetadata`."""
        return self._splitter.finish()

    def release(self) -> None:
        """Count what was kept as not kept any more."""
        self._body.release(self._held)
        self._held = 0

    async def _content(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            if isinstance(event, End):
                return
            if isinstance(event, Data):
                yield event.content

    async def _read(self) -> AsyncIterator[Event]:
        async for piece in self._body.stream():
            for event in self._splitter.feed(piece):
                yield event
            more = self._splitter.kept_size - self._held
            self._body.hold(more)
            self._held += more
