"""Ready-made responses, given out by the protocol itself without waking the application.

The application decides what may be here: with ``http.response.start`` it sends a `CacheTicket` under the key
``entrepot.cache``. The ticket promises that the answer is a function of the request's method, its raw target, the
header fields in `KEY_FIELDS` and what the named epochs stand for, and of nothing else: an answer that looked at another
header field, at the client's address or at the clock gets no ticket.

An entry is given out only while each of its epochs has the number that the application read before it computed the
answer, and until it expires. A request with a field of `BYPASS_FIELDS`, which can change an answer, never gets here.

Two dictionaries lead to an entry. One is keyed by what the request means (`Key`). The other is keyed by the very bytes
of a head that was once parsed and led to the entry: the same bytes mean the same, so the parser is skipped, which is
half the time of a hit. Both are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from entrepot.wire.server.epochs import Epochs, Observation

KEY_FIELDS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"authorization",
        b"host",
        b"if-none-match",
        b"origin",
        b"x-forwarded-host",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
    },
)
"""Part of the key, each with its value and in the order received."""

BYPASS_FIELDS: Final = frozenset(
    {
        b"content-length",
        b"cookie",
        b"expect",
        b"forwarded",
        b"if-match",
        b"if-modified-since",
        b"if-range",
        b"if-unmodified-since",
        b"range",
        b"transfer-encoding",
        b"upgrade",
        b"want-content-digest",
        b"want-digest",
        b"want-repr-digest",
    },
)
"""Their presence alone sends a request to the application."""

Key = tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]
"""Method, raw target, and the key fields that the request has."""

RAW_HEAD_SIZE: Final = 4096
"""A longer head is not remembered by its bytes."""

_JOINED_SIZE: Final = 8 * 1024  # below this, one string is cheaper to write than two
_ENTRY_OVERHEAD: Final = 1024  # what Python needs for an entry and its key, roughly
_SECOND_CHANCES: Final = 16  # given in a row, so that a cache full of what is wanted does not make a store slow
_RAW_HEADS: Final = 8  # remembered for one entry: clients that ask the same thing in other words


@dataclass(frozen=True, slots=True)
class CacheTicket:
    """The application's word that this answer may be given again."""

    epochs: Observation
    """From `Epochs.observe`, read before the answer was computed."""

    counter: Hashable
    """For `OnHits`: what to count a hit as, such as metric labels."""

    expires_at: float | None = None
    """On the clock of `time.monotonic`: when the token that was shown ends, for one."""

    log: object = None
    """For `LogHit`: what a log line says of this answer (principal, digest, route)."""

    used: Sequence[tuple[Any, ...]] = ()
    """For `OnUsed`: what giving it is a use of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSizes:
    """How much one worker's cache may hold; sizes in bytes."""

    entries: int = 8192
    total_size: int = 32 * 1024 * 1024
    body_size: int = 1024 * 1024


class Hit(NamedTuple):
    """One response given from the cache, for the access log; what the client or we sent is as it was sent."""

    log: object
    method: bytes
    target: bytes
    status: int
    body_size: int
    seconds: float
    request_id: bytes
    client: tuple[str, int] | None


OnHits = Callable[[Hashable, int, int, int, float], None]
"""``(counter, status, hits, body_bytes, seconds)`` since the last call, added up: metrics stay exact and cost nothing."""

OnUsed = Callable[..., None]
"""Called with each of what a ticket's answer is a use of, once for all hits since the last call."""

LogHit = Callable[[Hit], None]


class Entry:
    """One ready-made response."""

    __slots__ = (
        "body",
        "body_size",
        "counted",
        "epochs",
        "expires_at",
        "hits",
        "key",
        "looked_at",
        "raw_heads",
        "rest",
        "seconds",
        "size",
        "status",
        "status_line",
        "ticket",
    )

    def __init__(
        self,
        key: Key,
        ticket: CacheTicket,
        *,
        status: int,
        status_line: bytes,
        rest: bytes,
        body: bytes,
    ) -> None:
        self.key = key
        self.ticket = ticket
        self.epochs = ticket.epochs
        self.expires_at = ticket.expires_at
        self.status = status
        self.status_line = status_line
        self.body_size = len(body)
        joined = len(body) <= _JOINED_SIZE
        self.rest = rest + body if joined else rest
        self.body = b"" if joined else body
        self.raw_heads: list[bytes] = []
        self.hits = 0
        self.counted = 0
        self.looked_at = 0
        self.seconds = 0.0
        self.size = _ENTRY_OVERHEAD + len(rest) + len(body) + len(key[1]) + sum(len(value) for _, value in key[2])


class FrontCache:
    """The ready-made responses of one worker; bounded, least recently used out first (roughly: second chance)."""

    def __init__(
        self,
        epochs: Epochs,
        *,
        sizes: CacheSizes | None = None,
        on_hits: OnHits | None = None,
        on_used: OnUsed | None = None,
        log_hit: LogHit | None = None,
    ) -> None:
        self.sizes = sizes or CacheSizes()
        self.log_hit = log_hit
        self._on_hits = on_hits
        self._on_used = on_used
        self._slots = epochs.slots
        self._entries: dict[Key, Entry] = {}
        self._total_size = 0
        self.raw_heads: Final[dict[bytes, Entry]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def total_size(self) -> int:
        """What the entries weigh, about."""
        return self._total_size

    def find(self, key: Key) -> Entry | None:
        """The entry for *key*, which may have gone stale: ask `is_fresh`."""
        return self._entries.get(key)

    def is_fresh(self, entry: Entry, now: float) -> bool:
        """Whether *entry* may still be given out; if not, it is gone afterwards."""
        expires_at = entry.expires_at
        if expires_at is None or now < expires_at:
            slots = self._slots
            for slot, number in entry.epochs:
                if slots[slot] != number:
                    break
            else:
                return True
        self._discard(entry)
        return False

    def store(
        self,
        key: Key,
        ticket: CacheTicket,
        *,
        status: int,
        status_line: bytes,
        rest: bytes,
        body: bytes,
    ) -> None:
        """Keep an answer, unless it is too large or no longer true."""
        if len(body) > self.sizes.body_size:
            return
        entry = Entry(key, ticket, status=status, status_line=status_line, rest=rest, body=body)
        if entry.size > self.sizes.total_size or not self._is_settled(ticket) or not self.is_fresh(entry, monotonic()):
            return
        former = self._entries.get(key)
        if former is not None:
            self._discard(former)
        self._entries[key] = entry
        self._total_size += entry.size
        while len(self._entries) > self.sizes.entries or self._total_size > self.sizes.total_size:
            self._evict()

    def remember_head(self, head: bytes, entry: Entry) -> None:
        """Note that these very bytes ask for *entry*."""
        if len(head) > RAW_HEAD_SIZE or self._entries.get(entry.key) is not entry or head in self.raw_heads:
            return
        if len(entry.raw_heads) >= _RAW_HEADS:
            self._forget_head(entry, entry.raw_heads.pop(0))
        entry.raw_heads.append(head)
        entry.size += len(head)
        self._total_size += len(head)
        self.raw_heads[head] = entry

    def flush(self) -> None:
        """Report the hits that were not reported yet: on a timer, and before metrics are read."""
        for entry in self._entries.values():
            if entry.hits != entry.counted:
                self._report(entry)

    def clear(self) -> None:
        """Drop everything, reporting what was hit."""
        for entry in list(self._entries.values()):
            self._discard(entry)

    def _is_settled(self, ticket: CacheTicket) -> bool:
        return bool(ticket.epochs) and not any(number & 1 for _, number in ticket.epochs)

    def _evict(self) -> None:
        """Drop the oldest entry that was not hit since it was last looked at, or else the oldest."""
        for _ in range(_SECOND_CHANCES):
            entry = next(iter(self._entries.values()))
            if entry.hits == entry.looked_at:
                break
            entry.looked_at = entry.hits
            self._entries[entry.key] = self._entries.pop(entry.key)
        self._discard(next(iter(self._entries.values())))

    def _discard(self, entry: Entry) -> None:
        if self._entries.get(entry.key) is not entry:
            return
        del self._entries[entry.key]
        for head in entry.raw_heads:
            del self.raw_heads[head]
        self._total_size -= entry.size
        if entry.hits != entry.counted:
            self._report(entry)

    def _forget_head(self, entry: Entry, head: bytes) -> None:
        del self.raw_heads[head]
        entry.size -= len(head)
        self._total_size -= len(head)

    def _report(self, entry: Entry) -> None:
        hits, seconds = entry.hits - entry.counted, entry.seconds
        entry.counted, entry.seconds = entry.hits, 0.0
        if self._on_hits is not None:
            self._on_hits(entry.ticket.counter, entry.status, hits, hits * entry.body_size, seconds)
        if self._on_used is not None:
            for used in entry.ticket.used:
                self._on_used(*used)
