"""Several files at once: a bounded number of threads, told apart by name, stopped by the first failure."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from entrepot.client.connection import Connection
    from entrepot.client.retry import Retry

T = TypeVar("T")

_STEP = 256 * 1024
"""How many bytes must have moved before it is told again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one file is."""

    name: str
    done: int
    """Bytes; it goes back when some of them have to be sent again."""
    size: int
    finished: bool = False


ProgressListener = Callable[[Progress], None]
"""Called from the threads that transfer, but never by two at once."""

Tell = Callable[[int], None]
"""Says how many bytes of a file are done."""


class _Stopped(Exception):
    """Another transfer failed, so this one need not go on."""


@dataclass(frozen=True, slots=True)
class _Ended(Generic[T]):
    """How a task ended."""

    number: int
    result: tuple[T, ...]
    error: BaseException | None = None


class Transfers:
    """Runs transfers, *parallel* of them at a time."""

    def __init__(self, parallel: int, listener: ProgressListener | None) -> None:
        self._parallel = max(1, parallel)
        self._listener = listener
        self._telling = threading.Lock()
        self._stop = threading.Event()
        self._failure: BaseException | None = None

    def patient(self, connection: Connection) -> Connection:
        """The connection, but its waits end when the transfers are stopped."""
        retry = connection.retry
        # A sleep that somebody else gave (a test's) is left alone.
        return replace(connection, retry=replace(retry, sleep=self._stop.wait)) if _sleeps(retry) else connection

    def tell(self, name: str, size: int) -> Tell:
        """A way to say how far the file *name* is; it ends the transfer if the transfers are to stop."""
        told = -_STEP

        def tell(done: int) -> None:
            nonlocal told
            if self._stop.is_set():
                raise _Stopped
            if abs(done - told) >= _STEP:
                told = done
                self._report(Progress(name, done, size))

        return tell

    def finish(self, name: str, size: int) -> None:
        """Say that a file is where it should be."""
        self._report(Progress(name, size, size, finished=True))

    def run(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Do all tasks and give their results in order.

        After a failure nothing new begins, what is under way ends at its next piece, and the failure is raised.
        After Ctrl-C nothing is waited for: the threads end with the process.
        """
        waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
        for task in enumerate(tasks):
            waiting.put(task)
        ended: queue.SimpleQueue[_Ended[T]] = queue.SimpleQueue()
        for _ in range(min(self._parallel, len(tasks))):
            threading.Thread(target=self._work, args=(waiting, ended), daemon=True).start()
        try:
            results = dict(self._ended(ended) for _ in tasks)
        except KeyboardInterrupt:
            self._stop.set()
            raise
        if self._failure is not None:
            raise self._failure
        return [result for number in range(len(tasks)) for result in results[number]]

    def _ended(self, ended: queue.SimpleQueue[_Ended[T]]) -> tuple[int, tuple[T, ...]]:
        """Wait for the next task to end. The first failure is the one that stopped the others."""
        end = ended.get()
        self._failure = self._failure or end.error
        return end.number, end.result

    def _work(
        self, waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]], ended: queue.SimpleQueue[_Ended[T]]
    ) -> None:
        """What one thread does."""
        while True:
            try:
                number, task = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                if self._stop.is_set():
                    raise _Stopped
                ended.put(_Ended(number, (task(),)))
            except BaseException as error:  # noqa: BLE001 - raised by whoever waits in `run`
                ended.put(_Ended(number, (), error))
                self._stop.set()

    def _report(self, progress: Progress) -> None:
        if self._listener is not None:
            with self._telling:
                self._listener(progress)


def _sleeps(retry: Retry) -> bool:
    return retry.sleep is time.sleep
