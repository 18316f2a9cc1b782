"""What is done before a server serves, in a process that takes with it all that it had to load."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import multiprocessing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


class StartFailed(RuntimeError):
    """The server did not come up; why is in the log."""


def run_first(work: str, arguments: tuple[Any, ...]) -> None:
    """Call ``package.module:function`` in a process of its own, and wait for it.

    Raises what it raises, or `StartFailed` where it ended without a word.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_be_first, args=(work, arguments, theirs), name="first")
    process.start()
    theirs.close()
    failure: BaseException | None
    try:
        with ours:
            failure = ours.recv()
    except EOFError:
        process.join()
        failure = StartFailed(f"what comes before serving ended with status {process.exitcode}")
    process.join()
    if failure is not None:
        raise failure


def _be_first(work: str, arguments: tuple[Any, ...], told: Connection) -> None:
    """The main function of the process."""
    with contextlib.closing(told):
        try:
            call(work, arguments)
        except Exception as error:  # noqa: BLE001 (told to whoever waits)
            told.send(error)
        else:
            told.send(None)


def call(function: str, arguments: tuple[Any, ...]) -> Any:
    """What ``package.module:function`` returns, loaded now."""
    # What is loaded is no garbage: the collector need not look through it while more is loaded, nor ever after.
    gc.disable()
    module, _, name = function.partition(":")
    loaded = getattr(importlib.import_module(module), name)
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)
    return loaded(*arguments)
