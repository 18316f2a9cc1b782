"""Asking other servers: where they are, how documents and files are asked for, and how webhooks are told.

Everything that comes back was written by somebody else. What a driver promises about it:

1. Only addresses of the public internet are asked, whatever a name resolves to and whatever a redirect or a document
   says; `Origin.private` is how an administrator allows more, for one origin.
2. Credentials go to the origin itself (scheme, host and port) and nowhere else.
3. An answer is either what the origin sent, whole, or an error: `UpstreamUnavailable` (it does not answer now; asking
   later may help) or `UpstreamInvalid` (it answered with what cannot be used). Nothing else is raised.
4. What fails in passing is asked again before it is given up; an origin that keeps failing is left alone for a while,
   and is said to be unavailable at once.
"""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Final, Protocol

from entrepot.model.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

_URL: Final = re.compile(
    r"""(?P<scheme> https? ) ://
        (?P<host> [a-z0-9_] (?: [a-z0-9._-]{0,251} [a-z0-9_] )? \.? | \[ [0-9a-f:.]{2,45} \] )
        (?: : (?P<port> [0-9]{1,5} ) )?
        (?P<path> (?: / (?: [A-Za-z0-9._~!$&'()*+,;=:@-] | %[0-9A-Fa-f]{2} )* )* )
    """,
    re.VERBOSE,
)
_PORTS: Final = {"http": 80, "https": 443}
_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Basic:
    """A user and a password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token."""

    token: str = field(repr=False)


Credentials = Basic | Bearer


@dataclass(frozen=True, slots=True)
class Origin:
    """Where another registry is, and what we say to it: all that stays the same from one question to the next."""

    scheme: str
    host: str
    """In lower case; an IPv6 address without its brackets."""
    port: int
    path: str = ""
    """What every target lies below: empty, or ``/…`` without a slash at the end."""
    credentials: Credentials | None = None
    private: bool = False
    """Whether the origin itself may be at a loopback, private or link-local address: an administrator says so.

    Where it leads us may then be at a private address too (its storage beside it), never at a loopback or link-local
    one, which are this machine's own matters.
    """
    authority: str | None = field(default=None, repr=False)
    """Certificates (PEM) that are trusted here besides the machine's."""

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        credentials: Credentials | None = None,
        private: bool = False,
        authority: str | None = None,
    ) -> Origin:
        """Read an address as an administrator writes it; secrets in it are refused, as is a query.

        Raises `Invalid`.
        """
        scheme, mark, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        found = _URL.fullmatch(scheme.lower() + mark + host.lower() + slash + path)
        port = int((found and found["port"]) or _PORTS.get(scheme.lower(), 0))
        if not found or not 0 < port <= _LAST_PORT or _escapes(path):
            # What stands before an @ is perhaps a password, which may hold a slash.
            shown = f"{scheme}{mark}…@{rest.rpartition('@')[2]}" if "@" in rest else url
            raise Invalid(shown, expected="http:// or https://, a host, perhaps a port and a path, and nothing else")
        return cls(
            found["scheme"],
            _canonical(found["host"], url),
            port,
            found["path"].rstrip("/"),
            credentials=credentials,
            private=private,
            authority=authority,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def _canonical(host: str, url: str) -> str:
    if not host.startswith("["):
        return host.removesuffix(".")
    try:
        return str(IPv6Address(host[1:-1]))
    except ValueError as error:
        raise Invalid(url, expected="an IPv6 address between the brackets") from error


def _escapes(path: str) -> bool:
    return any(part.lower().replace("%2e", ".") in (".", "..") for part in path.split("/"))


@dataclass(frozen=True, slots=True)
class Document:
    """A small answer, whole: an index page, metadata, a refusal."""

    status: int
    """200, 304, 404 and any other below 500 but 429; a redirect was followed."""
    headers: Mapping[str, str]
    """Names are in lower case; one that came several times has its values joined by commas."""
    body: bytes
    """As it was before it was compressed for the way."""
    url: str
    """Where it was found, after redirects: what relative references in it relate to."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A file on its way."""

    status: int
    headers: Mapping[str, str]
    size: int | None
    """How many bytes the origin announces; the content is then exactly so long, or raises."""
    url: str
    content: AsyncIterator[bytes]
    """The bytes as they come, never more of them in memory than a piece.

    Raises `UpstreamUnavailable` (they stop coming), `UpstreamInvalid` (they end too early, or their framing is broken).
    """


class Fetcher(Protocol):
    """Asks other registries. Every driver passes ``entrepot.testing.contracts.fetch``.

    A *target* that begins with ``http://`` or ``https://`` is an absolute URL that was found in the upstream's
    metadata. Any other is a path below the origin's, percent-encoded, perhaps with a query; it cannot lead out of it
    (a ``..`` is `UpstreamInvalid`). A reference that is relative to a document must be made absolute first, by the
    document's `url`.

    *headers* say what to accept and what we have (``if-none-match``). Credentials are the origin's, never a header.
    """

    async def get(self, origin: Origin, target: str, *, headers: Mapping[str, str], limit: int) -> Document:
        """Ask for something small: no more than *limit* bytes, also when they come compressed.

        Raises `UpstreamUnavailable`, `UpstreamInvalid`.
        """

    async def post(
        self, origin: Origin, target: str, *, headers: Mapping[str, str], content: bytes, limit: int
    ) -> Document:
        """Send something small, once; the answer is of any status, and no more than *limit* bytes of it are read.

        A redirect is an answer too: what was meant for one place is not sent to another.

        Raises `UpstreamUnavailable`, `UpstreamInvalid`.
        """

    def stream(self, origin: Origin, target: str, *, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Stream]:
        """Ask for a file, as it is stored: no encoding is accepted.

        Any status that a `Document` may have can come. Who leaves the context early ends the transfer.

        Raises `UpstreamUnavailable`, `UpstreamInvalid`.
        """
