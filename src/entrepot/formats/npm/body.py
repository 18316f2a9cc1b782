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
_MAX_TOKENS: Final = 10_000
"""How much may be said on the way to the attachments: a publication says a hundred or two."""
_STRUCTURE: Final = re.compile(rb'["{}\[\],:]')
_WITHIN_STRING: Final = re.compile(rb'(?>[^"\\]++|\\.)*+', re.DOTALL)
_BETWEEN_BRACKETS: Final = re.compile(rb'(?>[^"{}\[\]]++|"(?>[^"\\]++|\\.)*+")*+', re.DOTALL)
"""Whole strings are passed over with what is between them; a string that goes on in the next piece is not."""
_ESCAPE: Final = re.compile(rb"\\(?:/|u00([0-7][0-9a-fA-F]))")
_QUOTE: Final = ord('"')
_OBJECT: Final = ord("{")
_OPENING: Final = frozenset(b"{[")
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
    """Takes a document in pieces, in whatever way it is cut; not for use after it has raised.

    Only on the way to the attachments is each token looked at.
    Whatever else is an object or a list is passed over as a whole, at the speed of a regular expression.
    """

    def __init__(self, *, limit: int) -> None:
        """Keep at most *limit* bytes of what is no attachment."""
        self._limit = limit
        self._tokens_left = _MAX_TOKENS
        self._kept = bytearray()
        self._depth = 0
        self._keys: list[str] = []
        self._seen: list[set[str]] = []
        self._before_key = False
        self._passing = 0
        """How deep it is in what it passes over."""
        self._in_string = False
        self._escaping = False
        self._key_start: int | None = None
        self._base64: _Base64 | None = None

    @property
    def kept_size(self) -> int:
        """How many bytes it holds."""
        return len(self._kept)

    def finish(self) -> bytes:
        """The document without its attachments. Raises `InvalidMetadata` when it ends within something."""
        if self._depth or self._passing or self._in_string or self._base64 is not None:
            raise InvalidMetadata("body", expected="a whole JSON document")
        return bytes(self._kept)

    def feed(self, piece: bytes) -> Iterator[Event]:
        """What *piece* brings. Raises `InvalidMetadata`, `TooLarge`."""
        at = 0
        while at < len(piece):
            if self._base64 is not None:
                at = yield from self._feed_data(piece, at, self._base64)
            elif self._in_string:
                at = self._feed_string(piece, at)
            elif self._passing:
                at = self._pass_over(piece, at)
            else:
                begun, at = self._feed_structure(piece, at)
                if begun is not None:
                    yield begun

    def _keep(self, content: bytes) -> None:
        self._kept += content
        if len(self._kept) > self._limit:
            raise TooLarge("body", expected=f"at most {self._limit} bytes beside the attached file")

    # --- on the way ---

    def _feed_structure(self, piece: bytes, at: int) -> tuple[Begin | None, int]:
        match = _STRUCTURE.search(piece, at)
        if match is None:
            self._keep(piece[at:])
            return None, len(piece)
        self._tokens_left -= 1
        if not self._tokens_left:
            raise InvalidMetadata("body", expected="a package's document, with fewer keys")
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
                self._before_key = self._depth > 0
            case _:
                self._before_key = False
        return begun, match.end()

    def _open(self, kind: int) -> None:
        self._before_key = False
        if not self._leads_on(kind):
            self._passing = 1
            return
        del self._keys[self._depth :]
        del self._seen[self._depth :]
        self._keys.append("")
        self._seen.append(set())
        self._depth += 1
        self._before_key = True

    def _leads_on(self, kind: int) -> bool:
        """Whether what begins is on the way to an attachment's data."""
        if kind != _OBJECT or self._depth >= _NAMED:
            return False
        return self._depth == 0 or self._keys[0] == "_attachments"

    def _close(self) -> None:
        if not self._depth:
            raise InvalidMetadata("body", expected="one JSON document")
        self._depth -= 1
        self._before_key = False

    # --- strings ---

    def _begin_string(self) -> Begin | None:
        if self._before_key:
            self._key_start = len(self._kept) - 1
        elif self._is_attached():
            self._base64 = _Base64()
            return Begin(self._keys[1])
        self._in_string = True
        return None

    def _is_attached(self) -> bool:
        """Whether the value that begins is what is streamed: a bundle of signatures is text, and short."""
        if self._depth != _NAMED:
            return False
        _, name, key = self._keys
        return key == "data" and not name.endswith(".sigstore")

    def _feed_string(self, piece: bytes, at: int) -> int:
        start = at
        if self._escaping:
            self._escaping = False
            at += 1
        found = _WITHIN_STRING.match(piece, at)
        at = len(piece) if found is None else found.end()
        if at < len(piece):
            # A quotation mark; or a backslash, when what it escapes is in the next piece.
            self._in_string = self._escaping = piece[at] != _QUOTE
            at += 1
        self._keep(piece[start:at])
        if not self._in_string and self._key_start is not None:
            self._end_key(self._key_start)
        return at

    def _end_key(self, start: int) -> None:
        self._key_start = None
        self._before_key = False
        try:
            key = msgspec.json.decode(bytes(self._kept[start:]), type=str)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InvalidMetadata("body", expected=f"JSON: {error}") from error
        seen = self._seen[self._depth - 1]
        # Of two readers one would take the first and the other the last.
        if key in seen:
            raise InvalidMetadata(f"body: {key[:200]!a}", expected="each key once")
        seen.add(key)
        self._keys[self._depth - 1] = key

    # --- elsewhere ---

    def _pass_over(self, piece: bytes, at: int) -> int:
        start = at
        while self._passing and not self._in_string:
            found = _BETWEEN_BRACKETS.match(piece, at)
            at = len(piece) if found is None else found.end()
            if at == len(piece):
                break
            token = piece[at]
            at += 1
            if token == _QUOTE:
                self._in_string = True
            elif token in _OPENING:
                self._passing += 1
                if self._passing > _MAX_DEPTH:
                    raise InvalidMetadata("body", expected=f"JSON of at most {_MAX_DEPTH} levels")
            else:
                self._passing -= 1
        self._keep(piece[start:at])
        return at

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
