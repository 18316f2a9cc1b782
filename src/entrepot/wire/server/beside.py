"""A process beside the workers, for what must not keep a request waiting: kept running until the server stops."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import uvloop

from entrepot.wire.server.first import call

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_log = logging.getLogger(__name__)

_FIRST_DELAY_SECONDS: Final = 0.5
_LONGEST_DELAY_SECONDS: Final = 60.0
_STABLE_SECONDS: Final = 60.0
_KILL_SECONDS: Final = 5.0
_NICENESS: Final = 5
"""What nobody waits for gives way to requests, but not so far that it would stand still before them."""

Work = Callable[..., Awaitable[None]]
"""A coroutine function that is cancelled when it shall end."""


class Beside:
    """Runs ``package.module:function``, a `Work`, in a process of its own; when that ends, in another."""

    def __init__(self, work: str, arguments: tuple[Any, ...]) -> None:
        self._work = work
        self._arguments = arguments
        self._stopping = threading.Event()
        self._process: SpawnProcess | None = None
        self._thread = threading.Thread(target=self._keep_running, name="beside", daemon=True)

    def start(self) -> None:
        """Start it, and see to it that it runs."""
        self._launch()
        self._thread.start()

    def stop(self) -> None:
        """Tell it to end, and wait; one that does not end in time is killed."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        process.terminate()
        process.join(_KILL_SECONDS)
        if process.is_alive():
            process.kill()
        self._thread.join()

    def _launch(self) -> SpawnProcess:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_be_beside, args=(self._work, self._arguments), name="beside")
        process.start()
        self._process = process
        return process

    def _keep_running(self) -> None:
        delay, process, started = _FIRST_DELAY_SECONDS, self._process, monotonic()
        while process is not None:
            process.join()
            if self._stopping.is_set():
                return
            if monotonic() - started >= _STABLE_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            _log.error("%s ended with status %s; again in %.1f s", self._work, process.exitcode, delay)
            if self._stopping.wait(delay):
                return
            delay = min(_LONGEST_DELAY_SECONDS, delay * 2)
            process, started = self._launch(), monotonic()


def _be_beside(work: str, arguments: tuple[Any, ...]) -> None:
    """The main function of the process."""
    # The terminal sends SIGINT to all of us; the server decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(work, arguments))


async def _until_told(work: str, arguments: tuple[Any, ...]) -> None:
    """Run it until it ends, somebody ends it, or the server is no more."""
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(call(work, arguments))
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    parent = multiprocessing.parent_process()
    if parent is not None:
        # What belongs to a server that was killed must not go on alone.
        loop.add_reader(parent.sentinel, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return
    finally:
        if parent is not None:
            loop.remove_reader(parent.sentinel)
