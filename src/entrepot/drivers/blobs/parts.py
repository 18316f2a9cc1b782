"""What an unfinished upload is made of in an object store, found again from a listing alone.

::

    staging/<upload id>/lock-<nonce>                    somebody is appending
    staging/<upload id>/part-<offset>-<term>-<nonce>    bytes that came, written once and never changed

Who appends has a *term*, the time of his lock by the store's clock. A lock that was not renewed has ended, and one
whose owner was only slow may be broken; what that owner still writes has an older term than what his successor
writes in the same place, and is never seen again. So what was acknowledged last is what counts, and no part of this
needs a store that can compare before it writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.drivers.blobs.objects import StoredObject

SMALLEST_PART: Final = 5 * 1024 * 1024
"""Of an assembled object, its last part aside: so the protocol says."""

_MOST_PARTS: Final = 9_000
"""Of an assembled object; the protocol has 10,000, and what is joined makes some more."""

_MIB: Final = 1024 * 1024
_SIZES: Final = ((6 * 1024 * _MIB, 8 * _MIB), (40 * 1024 * _MIB, 32 * _MIB))
_LARGEST: Final = 160 * _MIB


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of an upload."""

    key: str
    offset: int
    size: int
    term: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """Somebody's claim to append."""

    key: str
    written_at: float

    @property
    def term(self) -> int:
        """What the parts of its owner are ordered by."""
        return round(self.written_at * 1000)


@dataclass(frozen=True, slots=True)
class Stage:
    """All that a listing has of an upload."""

    parts: tuple[Part, ...]
    """In order, each where the one before ends."""
    locks: tuple[Lock, ...]
    keys: tuple[str, ...]
    """Everything, also what does not count any more."""

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self.parts[-1].offset + self.parts[-1].size if self.parts else 0

    @property
    def keys_of_parts(self) -> tuple[str, ...]:
        """What tells these bytes from any others of the same upload."""
        return tuple(part.key for part in self.parts)


def part_size(offset: int) -> int:
    """How large the part is that begins there: few enough for the largest blob, small for those that are usual."""
    return next((size for until, size in _SIZES if offset < until), _LARGEST)


def part_key(prefix: str, offset: int, term: int, nonce: str) -> str:
    """What a part is called."""
    return f"{prefix}part-{offset:016x}-{term:016x}-{nonce}"


def lock_key(prefix: str, nonce: str) -> str:
    """What a lock is called."""
    return f"{prefix}lock-{nonce}"


def read_stage(prefix: str, found: Iterable[StoredObject]) -> Stage:
    """Make sense of a listing of everything below *prefix*."""
    locks: list[Lock] = []
    latest: dict[int, Part] = {}
    keys: list[str] = []
    for each in found:
        keys.append(each.key)
        kind, *numbers = each.key.removeprefix(prefix).split("-")
        if kind == "lock":
            locks.append(Lock(each.key, each.written_at))
        elif kind == "part":
            part = Part(each.key, int(numbers[0], 16), each.size, int(numbers[1], 16))
            known = latest.get(part.offset)
            if known is None or (known.term, known.size) < (part.term, part.size):
                latest[part.offset] = part
    return Stage(tuple(_chain(latest)), tuple(locks), tuple(keys))


def _chain(latest: dict[int, Part]) -> Iterator[Part]:
    part = latest.pop(0, None)
    while part is not None:
        yield part
        part = latest.pop(part.offset + part.size, None)


def group(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts as an assembled object may have them: those that are too small are joined with what follows."""
    least = max(SMALLEST_PART, sum(part.size for part in parts) // _MOST_PARTS)
    joined: list[Part] = []
    size = 0
    for part in parts:
        joined.append(part)
        size += part.size
        if size >= least:
            yield joined
            joined, size = [], 0
    if joined:
        yield joined
