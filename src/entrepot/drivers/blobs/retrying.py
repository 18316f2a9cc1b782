"""A decorator of `Objects`: what fails is asked again, a little later, for a bounded time.

A store that was silent until a request gave up is asked by one at a time until it answers; the others are told at once.
Each would wait as long, in a thread that somebody needs who could be answered.

Every request may be repeated: what is written has a key that nobody else writes, or is verified content under its
name; who completes an assembly twice finds the object there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from entrepot.drivers.blobs.objects import Assembly, ObjectMissing, Objects, Page, Reader, StoredObject
from entrepot.model.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from typing import BinaryIO

T = TypeVar("T")

_log = structlog.stdlib.get_logger("entrepot.blobs")

_SILENT: Final = 2.0
"""Seconds after which a request that failed tells of silence, and not of a refusal."""

_ALONE: Final = 1.0
"""Seconds for which a store that did not answer in time is asked once only, lest everybody waits their full time."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often a request is repeated."""

    total_seconds: float = 8.0
    first_seconds: float = 0.1
    longest_seconds: float = 2.0


class RetryingObjects:
    """Implements `entrepot.drivers.blobs.objects.Objects`."""

    def __init__(self, objects: Objects, patience: Patience | None = None) -> None:
        """Do what *objects* does, again and again."""
        self._objects = objects
        self._patience = patience or Patience()
        self._away_until = 0.0
        self._silence = _Silence()

    def _again(self, request: Callable[[], T]) -> T:
        ends_at = time.monotonic() + self._patience.total_seconds
        pause = self._patience.first_seconds
        while True:
            try:
                return self._silence.ask(request)
            except StorageFull:
                raise
            except Unavailable as error:
                # Full jitter: those who failed together do not come back together.
                wait = random.uniform(0, pause)  # noqa: S311 (a pause is no secret)
                now = time.monotonic()
                if now < self._away_until or now + wait > ends_at:
                    if now >= self._away_until:
                        _log.warning("the object store is away", reason=str(error))
                    self._away_until = now + _ALONE
                    raise
                time.sleep(wait)
                pause = min(2 * pause, self._patience.longest_seconds)

    def now(self) -> float:
        """The time by the store's clock."""
        return self._objects.now()

    def put(self, key: str, body: bytes | BinaryIO, *, new: bool = False) -> bool:
        """Write an object. One that was written by a request whose answer was lost counts as there already."""

        def put() -> bool:
            if not isinstance(body, bytes):
                body.seek(0)
            return self._objects.put(key, body, new=new)

        return self._again(put)

    def open(self, key: str, start: int = 0, stop: int | None = None) -> Reader:
        """Read an object."""
        return self._again(lambda: self._objects.open(key, start, stop))

    def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of an object."""
        return self._again(lambda: self._objects.stat(key))

    def list(self, prefix: str, *, after: str = "") -> Page:
        """Objects whose keys begin with *prefix*."""
        return self._again(lambda: self._objects.list(prefix, after=after))

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._again(lambda: self._objects.delete(key))

    def begin(self, key: str) -> Assembly:
        """Begin to put an object together; one whose answer was lost is found by `list_assemblies`."""
        return self._again(lambda: self._objects.begin(key))

    def add(self, assembly: Assembly, number: int, body: bytes | BinaryIO) -> str:
        """Write a part."""

        def add() -> str:
            if not isinstance(body, bytes):
                body.seek(0)
            return self._objects.add(assembly, number, body)

        return self._again(add)

    def add_copy(self, assembly: Assembly, number: int, source: str) -> str:
        """Make a part of another object."""
        return self._again(lambda: self._objects.add_copy(assembly, number, source))

    def complete(self, assembly: Assembly, parts: Sequence[str], *, new: bool = False) -> bool:
        """Let the object be seen."""
        tried = False

        def complete() -> bool:
            nonlocal tried
            again, tried = tried, True
            try:
                return self._objects.complete(assembly, parts, new=new)
            except ObjectMissing:
                if again and self._objects.stat(assembly.key) is not None:
                    return False  # Done by the request whose answer was lost, or by another: to be looked at.
                raise

        return self._again(complete)

    def abort(self, assembly: Assembly) -> None:
        """Give up an assembly."""
        self._again(lambda: self._objects.abort(assembly))

    def list_assemblies(self) -> Sequence[Assembly]:
        """All that were begun, and neither completed nor given up."""
        return self._again(self._objects.list_assemblies)

    def sign(self, key: str, seconds: int) -> str:
        """An address at which anybody can read the object."""
        return self._objects.sign(key, seconds)

    def close(self) -> None:
        """Let go of all connections."""
        self._objects.close()


class _Silence:
    """Whether the store says nothing, and who finds out that it does again."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_silent = False
        self._is_asked = False

    def ask(self, request: Callable[[], T]) -> T:
        """Do it, unless somebody is finding out just now. Raises what *request* raises, and `Unavailable`."""
        finds_out = self._begin()
        began = time.monotonic()
        is_silent = False
        try:
            return request()
        except StorageFull:
            raise
        except Unavailable:
            is_silent = time.monotonic() - began > _SILENT
            raise
        finally:
            with self._lock:
                self._is_silent = is_silent
                self._is_asked = self._is_asked and not finds_out

    def _begin(self) -> bool:
        with self._lock:
            if not self._is_silent:
                return False
            if self._is_asked:
                raise Unavailable("the object store does not answer", after=1)
            self._is_asked = True
            return True
