"""An answer, as a handler makes it: values, no sending."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HeaderList = list[tuple[bytes, bytes]]

IMMUTABLE: Final = (b"cache-control", b"public, max-age=31536000, immutable")
"""For what can never change, to whoever may read it without credentials."""
PRIVATE_IMMUTABLE: Final = (b"cache-control", b"private, max-age=31536000, immutable")
REVALIDATE: Final = (b"cache-control", b"no-cache")
"""For what may change: ask again each time, with the ETag."""
_LONGEST_WARNING: Final = 1_000


@dataclass(frozen=True, slots=True)
class FileSlice:
    """A part of a file, for the server to hand to the kernel."""

    path: str
    offset: int
    count: int


@dataclass(slots=True)
class Reply:
    """Status, headers, and a body that is bytes, a part of a file, or a stream of known size."""

    status: int = 200
    headers: HeaderList = field(default_factory=list)
    body: bytes | FileSlice | AsyncIterator[bytes] = b""
    size: int | None = None
    """The body's size when it is a stream."""
    cacheable: bool = False
    """Whether the same request gets the same answer until its namespace, or who may do what, changes."""
    reason: str | None = None
    """What the status line says; None for HTTP's own phrase."""

    @property
    def length(self) -> int:
        """The body's size in bytes."""
        if isinstance(self.body, bytes):
            return len(self.body)
        return self.body.count if isinstance(self.body, FileSlice) else self.size or 0


def json_reply(
    content: object, *, status: int = 200, headers: HeaderList | None = None, cacheable: bool = False
) -> Reply:
    """An answer in JSON."""
    return Reply(
        status,
        [(b"content-type", b"application/json"), *(headers or ())],
        msgspec.json.encode(content),
        cacheable=cacheable,
    )


def text_header(name: str, value: str) -> tuple[bytes, bytes]:
    """A header field; what a header cannot carry becomes a question mark."""
    if not (value.isascii() and value.isprintable()):
        value = "".join(c if " " <= c <= "~" else "?" for c in value)
    return name.encode("ascii"), value.encode("ascii")


def warning_header(text: str) -> tuple[bytes, bytes]:
    """A header field that says something to people, beside the answer (RFC 7234, 5.5; OCI distribution 1.1, "Warnings")."""
    quoted = text[:_LONGEST_WARNING].replace("\\", "\\\\").replace('"', '\\"')
    return text_header("warning", f'299 - "{quoted}"')
