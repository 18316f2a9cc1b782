"""What the driver over object storage asks of one: about a dozen requests, and what is true after each.

Calls block, and are made in threads. None holds more than a piece of a blob in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import BinaryIO


class ObjectMissing(Exception):
    """There is no such object, or no such assembly."""


class NotOffered(Exception):
    """This store does not know the request."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object, as a listing has it."""

    key: str
    size: int
    written_at: float
    """Seconds since the epoch, by the store's clock."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """An object that is being put together of parts: nobody sees it before it is complete."""

    key: str
    id: str
    begun_at: float
    """Seconds since the epoch, by the store's clock."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a listing, in the order of their keys."""

    objects: Sequence[StoredObject]
    is_last: bool


class Reader(Protocol):
    """The bytes of an object, or of a part of it."""

    def read(self, size: int, /) -> bytes:
        """At most *size* bytes; none at the end. Raises `Unavailable` when fewer came than were announced."""

    def close(self) -> None:
        """Let go of the connection."""


class NoBytes:
    """Implements `Reader`: the part of an object that begins behind its end."""

    def read(self, _size: int, /) -> bytes:
        """None."""
        return b""

    def close(self) -> None:
        """Nothing is held."""


class Objects(Protocol):
    """A bucket, or the part of one whose keys begin with our prefix.

    What was written is there for every reader and every listing from then on, as the stores of today promise.

    Any method may raise `Unavailable` or `StorageFull`; whether the request was done is then not known.
    """

    def now(self) -> float:
        """The time by the store's clock, as well as it is known from its answers."""

    def put(self, key: str, body: bytes | BinaryIO, *, new: bool = False) -> bool:
        """Write an object, whole or not at all.

        With *new* only where there is none: False when there is one, unless the store ignores the condition.
        """

    def open(self, key: str, start: int = 0, stop: int | None = None) -> Reader:
        """Read an object from *start* up to *stop*, as a slice would. Raises `ObjectMissing`."""

    def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of an object."""

    def list(self, prefix: str, *, after: str = "") -> Page:
        """Objects whose keys begin with *prefix*, and come after the key *after*."""

    def delete(self, key: str) -> None:
        """Delete an object. No error when there is none."""

    def begin(self, key: str) -> Assembly:
        """Begin to put an object together."""

    def add(self, assembly: Assembly, number: int, body: bytes | BinaryIO) -> str:
        """Write a part, and return what the store calls it: all but the last have 5 MiB or more."""

    def add_copy(self, assembly: Assembly, number: int, source: str) -> str:
        """Make a part of another object, inside of the store. Raises `NotOffered`, `ObjectMissing`."""

    def complete(self, assembly: Assembly, parts: Sequence[str], *, new: bool = False) -> bool:
        """Let the object be seen, made of *parts* in order; *new* as for `put`. Raises `ObjectMissing`."""

    def abort(self, assembly: Assembly) -> None:
        """Give up an assembly with its parts. No error when there is none."""

    def list_assemblies(self) -> Sequence[Assembly]:
        """All that were begun, and neither completed nor given up; empty where the store cannot say, or ends them."""

    def sign(self, key: str, seconds: int) -> str:
        """An address at which anybody can read the object for so many seconds."""

    def close(self) -> None:
        """Let go of all connections."""
