"""From the registry's errors to a protocol's: look up the nearest class, render, in one place for all protocols.

Concealment has happened before: operations raise what the caller may know (`entrepot.operations.access`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from entrepot.model import errors as e

if TYPE_CHECKING:
    from entrepot.wire.reply import HeaderList


@dataclass(frozen=True, slots=True)
class WireError:
    """How a protocol says an error: the status, and its own code."""

    status: int
    code: str


Render = Callable[[WireError, e.RegistryError, str], "tuple[HeaderList, bytes]"]
"""``(row, error, request_id)`` to content headers and body."""

FAMILIES: Final[Mapping[type[e.RegistryError], int]] = {
    e.Invalid: 400,
    e.InvalidRange: 416,
    e.TooLarge: 413,
    e.TooMany: 414,
    e.Unauthenticated: 401,
    e.Denied: 403,
    e.NotFound: 404,
    e.Erased: 410,
    e.MethodNotAllowed: 405,
    e.Conflict: 409,
    e.PreconditionFailed: 412,
    e.QuotaExceeded: 403,
    e.RateLimited: 429,
    e.UpstreamUnavailable: 502,
    e.UpstreamInvalid: 502,
    e.Unavailable: 503,
    e.StorageFull: 507,
    e.StorageReadOnly: 503,
    e.Disconnected: 400,
    e.Corrupt: 500,
    e.RegistryError: 500,
}
"""The status of each family, for protocols that say no more than HTTP does."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """One protocol's way to say errors; a test proves that every error has a row."""

    rows: Mapping[type[e.RegistryError], WireError]
    render: Render
    reason: Callable[[e.RegistryError], str] | None = None
    """What the status line says, for protocols whose clients show nothing else; without it, HTTP's own phrase."""
    _found: dict[type[e.RegistryError], WireError] = field(default_factory=dict)

    def find(self, error: e.RegistryError) -> WireError:
        """The row of the nearest class, walking up from the error's own."""
        cls = type(error)
        row = self._found.get(cls)
        if row is None:
            row = self._found[cls] = next(self.rows[base] for base in cls.__mro__ if base in self.rows)
        return row


def render_problem(row: WireError, error: e.RegistryError, request_id: str) -> tuple[HeaderList, bytes]:
    """An answer by RFC 9457, "Problem Details for HTTP APIs"."""
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": error.summary,
        "status": row.status,
        "detail": str(error),
        "code": row.code,
        "request_id": request_id,
    }
    if error.expected is not None:
        problem["expected"] = str(error.expected)
    if error.actual is not None:
        problem["actual"] = str(error.actual)
    return [(b"content-type", b"application/problem+json")], msgspec.json.encode(problem)


def _code(cls: type[e.RegistryError]) -> str:
    """``VersionExists`` → ``version-exists``."""
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("-")


def _descendants(cls: type[e.RegistryError]) -> list[type[e.RegistryError]]:
    return [cls, *(below for child in cls.__subclasses__() for below in _descendants(child))]


def _status(cls: type[e.RegistryError]) -> int:
    return next(FAMILIES[base] for base in cls.__mro__ if base in FAMILIES)


PROBLEMS: Final = ErrorTable(
    rows={cls: WireError(_status(cls), _code(cls)) for cls in _descendants(e.RegistryError)},
    render=render_problem,
)
"""The table of whatever has no error form of its own: files, the management API, health."""
