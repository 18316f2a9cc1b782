"""A decorator of `Objects`: a read that has not begun after a while is asked for again, and the first answer counts.

Now and then one request of many is slow for no reason of its own; a second one seldom is.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import BinaryIO

    from entrepot.drivers.blobs.objects import Assembly, Objects, Page, Reader, StoredObject

_SHARE: Final = 0.1
"""Of all reads may be asked for twice: more would be a load on a store that is slow already."""
_SAVED: Final = 10.0


class HedgedObjects:
    """Implements `entrepot.drivers.blobs.objects.Objects`."""

    def __init__(self, objects: Objects, *, after_seconds: float = 1.0, threads: int = 32) -> None:
        """Do what *objects* does, and ask again for what was not begun *after_seconds*."""
        self._objects = objects
        self._after = after_seconds
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="hedged")
        self._lock = Lock()
        self._budget = _SAVED

    def open(self, key: str, start: int = 0, stop: int | None = None) -> Reader:
        """Read an object."""
        self._save()
        first = self._threads.submit(self._objects.open, key, start, stop)
        done, _ = wait([first], timeout=self._after)
        if done or not self._may_ask_again():
            return first.result()
        asked = {first, self._threads.submit(self._objects.open, key, start, stop)}
        done, late = wait(asked, return_when=FIRST_COMPLETED)
        if late and all(each.exception() is not None for each in done):
            done, late = wait(asked)
            done = {each for each in done if each.exception() is None} or done
        chosen = done.pop()
        for each in (*done, *late):
            each.add_done_callback(_close)
        return chosen.result()

    def _may_ask_again(self) -> bool:
        """Each read saves a tenth of a second one."""
        with self._lock:
            if self._budget < 1:
                return False
            self._budget -= 1
            return True

    def _save(self) -> None:
        with self._lock:
            self._budget = min(_SAVED, self._budget + _SHARE)

    def now(self) -> float:
        """The same."""
        return self._objects.now()

    def put(self, key: str, body: bytes | BinaryIO, *, new: bool = False) -> bool:
        """The same."""
        return self._objects.put(key, body, new=new)

    def stat(self, key: str) -> StoredObject | None:
        """The same."""
        return self._objects.stat(key)

    def list(self, prefix: str, *, after: str = "") -> Page:
        """The same."""
        return self._objects.list(prefix, after=after)

    def delete(self, key: str) -> None:
        """The same."""
        self._objects.delete(key)

    def begin(self, key: str) -> Assembly:
        """The same."""
        return self._objects.begin(key)

    def add(self, assembly: Assembly, number: int, body: bytes | BinaryIO) -> str:
        """The same."""
        return self._objects.add(assembly, number, body)

    def add_copy(self, assembly: Assembly, number: int, source: str) -> str:
        """The same."""
        return self._objects.add_copy(assembly, number, source)

    def complete(self, assembly: Assembly, parts: Sequence[str], *, new: bool = False) -> bool:
        """The same."""
        return self._objects.complete(assembly, parts, new=new)

    def abort(self, assembly: Assembly) -> None:
        """The same."""
        self._objects.abort(assembly)

    def list_assemblies(self) -> Sequence[Assembly]:
        """The same."""
        return self._objects.list_assemblies()

    def sign(self, key: str, seconds: int) -> str:
        """The same."""
        return self._objects.sign(key, seconds)

    def close(self) -> None:
        """Let go of all connections."""
        self._objects.close()
        self._threads.shutdown()


def _close(late: Future[Reader]) -> None:
    """Let go of an answer that came second."""
    if late.exception() is None:
        late.result().close()
