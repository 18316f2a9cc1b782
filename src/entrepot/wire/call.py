"""A request, as a handler sees it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from entrepot.model.errors import Disconnected, Invalid, SizeMismatch, TooLarge, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping

    from entrepot.model.access import Caller
    from entrepot.model.digest import Digest
    from entrepot.model.names import PackageId
    from entrepot.operations.registry import Registry
    from entrepot.wire.documents import Documents
    from entrepot.wire.gate import Gate

T = TypeVar("T")

_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_MAX_FIELDS: Final = 1_000
_MISSHAPEN: Final = re.compile(r"Expected (?P<expected>.+?)(?:, got (?P<actual>.+?))?(?: - at `\$(?P<where>.+)`)?")


class Headers:
    """Request headers by lower-case name."""

    __slots__ = ("_fields",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._fields: dict[bytes, bytes] = {}
        for name, value in raw:
            # A repeated field is one list (RFC 9110, 5.3).
            known = self._fields.get(name)
            self._fields[name] = value if known is None else known + b", " + value

    def get(self, name: str) -> str | None:
        """The field's value; None when it was not sent."""
        value = self._fields.get(name.encode("ascii"))
        return None if value is None else value.decode("latin-1").strip()


class Query:
    """Query parameters, in their order."""

    __slots__ = ("_pairs",)

    def __init__(self, raw: bytes) -> None:
        try:
            self._pairs = parse_qsl(
                raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError as error:
            raise Invalid("query", expected="percent-encoded UTF-8") from error

    def get(self, name: str) -> str | None:
        """The first value of a parameter; None when it was not sent."""
        return next((value for key, value in self._pairs if key == name), None)

    def names(self) -> set[str]:
        """The parameters that were sent."""
        return {key for key, _ in self._pairs}

    def all(self, name: str) -> list[str]:
        """Every value of a parameter."""
        return [value for key, value in self._pairs if key == name]

    def number(self, name: str) -> int | None:
        """A parameter that is a whole number. Raises `Invalid`."""
        text = self.get(name)
        if text is None:
            return None
        if _DIGITS.fullmatch(text) is None:
            raise Invalid(f"{name}={text[:80]}", expected="a whole number")
        return int(text)


class Load:
    """What a worker has on its hands: requests at work, and bytes of bodies in memory, for all requests together."""

    __slots__ = ("_concurrency", "_held", "_held_size", "_working")

    def __init__(self, *, concurrency: int, held_size: int) -> None:
        self._concurrency = concurrency
        self._held_size = held_size
        self._working = 0
        self._held = 0

    def begin(self) -> None:
        """One request more, until `end`. Raises `Unavailable` when there are too many."""
        self._working += 1
        if self._working > self._concurrency:
            raise Unavailable("too many requests at once", after=1)

    def end(self) -> None:
        """One less, also after `begin` has raised."""
        self._working -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Surround the wait for a client, who may be slow and shall keep nobody out."""
        self._working -= 1
        try:
            yield
        finally:
            self._working += 1

    def hold(self, size: int) -> None:
        """Keep *size* bytes more in memory. Raises `Unavailable` when that is too much."""
        if self._held + size > self._held_size:
            raise Unavailable("too much is being sent at once", after=1)
        self._held += size

    def release(self, size: int) -> None:
        """Keep *size* bytes less."""
        self._held -= size


class Body:
    """What the client sends, once, as it comes."""

    __slots__ = ("_load", "_receive", "received", "size")

    def __init__(self, receive: Callable[[], Awaitable[dict[str, Any]]], size: int | None, load: Load) -> None:
        self._receive = receive
        self._load = load
        self.size = size
        """From Content-Length; 0 when there is no body, None when its end is not known beforehand."""
        self.received = 0

    async def stream(self) -> AsyncIterator[bytes]:
        """The pieces. Raises `Disconnected` when the client goes away before the end."""
        while True:
            with self._load.waiting():
                message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece: bytes = message.get("body", b"")
            if piece:
                self.received += len(piece)
                yield piece
            if not message.get("more_body", False):
                break
        if self.size is not None and self.received != self.size:
            raise SizeMismatch("body", expected=f"{self.size} bytes", actual=self.received)

    async def read(self, limit: int) -> bytes:
        """All of it, when it is no more than *limit*. Raises `TooLarge`, `Disconnected`, `Unavailable`."""
        if self.size is not None and self.size > limit:
            raise TooLarge("body", expected=f"at most {limit} bytes", actual=self.size)
        pieces: list[bytes] = []
        held = 0
        try:
            async for piece in self.stream():
                if self.received > limit:
                    raise TooLarge("body", expected=f"at most {limit} bytes")
                self._load.hold(len(piece))
                held += len(piece)
                pieces.append(piece)
        finally:
            self._load.release(held)
        return b"".join(pieces)

    def hold(self, size: int) -> None:
        """Count *size* bytes that a handler keeps in memory, until `release`. Raises `Unavailable`."""
        self._load.hold(size)

    def release(self, size: int) -> None:
        """Count them no longer."""
        self._load.release(size)

    async def json(self, shape: type[T], *, limit: int = 1024 * 1024) -> T:
        """A JSON document of the given shape. Raises `Invalid`, `TooLarge`, `Disconnected`."""
        return decode_json(await self.read(limit), shape)


def decode_json(content: bytes, shape: type[T]) -> T:
    """Read JSON of a shape. Raises `Invalid`."""
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        raise misshapen("body", error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(f"body: {error}", expected="JSON") from error
    except RecursionError as error:
        raise Invalid("body", expected="JSON that is not nested so deeply") from error


def misshapen(what: str, error: msgspec.ValidationError) -> Invalid:
    """What msgspec found wrong with the shape of something, as facts: where, what was expected, and what there was."""
    match = _MISSHAPEN.fullmatch(str(error))
    if match is None or match["expected"] is None:
        return Invalid(f"{what}: {error}")
    return Invalid(f"{what}{match['where'] or ''}", expected=match["expected"], actual=match["actual"])


@dataclass(slots=True)
class Call:
    """One request, parsed as far as every protocol needs it."""

    registry: Registry
    caller: Caller
    method: str
    path: Mapping[str, str]
    """The parts that the route's pattern names, decoded."""
    target: str
    """The whole path, as it was sent."""
    query: Query
    headers: Headers
    body: Body
    base_url: str
    """``http://host:port``, how this registry is called by its clients; no final slash."""
    request_id: str
    address: str
    """The client's, behind the proxies that are trusted."""
    gate: Gate
    """For the few handlers that take credentials in a body, or give out access tokens."""
    documents: Documents
    """What this worker has rendered."""
    facts: dict[str, str | int]
    """What the log's line should also say, such as the digest."""
    used: list[tuple[PackageId, Digest]] = field(default_factory=list)
    """What the answer is a use of, see `use`."""

    def use(self, package: PackageId, digest: Digest) -> None:
        """Note that the client gets an artifact, or a file of one, or hears that what it has is still right."""
        self.registry.pulls.note(package, digest, self.caller.name, self.registry.clock.now())
        self.used.append((package, digest))
