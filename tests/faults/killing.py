"""A command in a process of its own that kills itself before its n-th step: at a file, a folder, a sync, a statement.

The processes are forked from one that has imported everything, so that each costs milliseconds.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from entrepot.app import backups, bundles
from entrepot.model.position import Position
from entrepot.operations.backup import find_backup
from entrepot.operations.prune_backups import Keep
from entrepot.settings import Settings
from entrepot.trust.keys import PublicKey

LONG: Final = os.environ.get("ENTREPOT_TEST_LONG") == "1"
_SOME: Final = 6
"""Steps to be killed at, where not all are."""
_CHANGES: Final = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree"}
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_FORKING: Final = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["pytest", __name__])

Deed = Callable[..., Coroutine[Any, Any, object]]


# --- what is killed: as the commands do it ---


async def back_up(data: Path, target: Path) -> None:
    await backups.back_up(Settings(data=str(data)), str(target), passphrase=None)


async def prune(target: Path) -> None:
    await backups.prune(str(target), Keep(last=1))


async def recover(data: Path, target: Path, position: int) -> None:
    async with backups.open_backups(str(target)) as store:
        backup = await find_backup(store, Position(position))
        await backups.recover(Settings(data=str(data)), store, backup, passphrase=None, new_keys=True)


async def bring(data: Path, bundle: Path, key: str) -> None:
    await bundles.import_file(Settings(data=str(data)), bundle, [PublicKey.parse(key.encode())], None)


# --- how it is killed ---


def steps_of(folder: Path, deed: Deed, *arguments: object) -> int:
    """How many steps it has when nobody kills it."""
    count = folder / "steps"
    assert _run(deed, arguments, 0, count) == 0
    return int(count.read_text())


def some_of(steps: int) -> Sequence[int]:
    """The steps to be killed at: all of them, or some from the first to the last."""
    every = 1 if LONG else max(1, steps // _SOME)
    return sorted({*range(1, steps + 1, every), steps})


def kill_at(step: int, deed: Deed, *arguments: object) -> bool:
    """Do it until it is killed before a step; whether it was, for threads take turns as they like."""
    code = _run(deed, arguments, step, None)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def _run(deed: Deed, arguments: Sequence[object], step: int, count: Path | None) -> int | None:
    process = _FORKING.Process(target=_do, args=(deed, arguments, step, count))
    process.start()
    process.join()
    code = process.exitcode
    process.close()
    return code


def _do(deed: Deed, arguments: Sequence[object], last: int, count: Path | None) -> None:
    steps = _Steps(last)
    steps.watch()
    asyncio.run(deed(*arguments))
    if count is not None:
        count.write_text(str(steps.next() - 1))


class _Steps:
    """What this process does to files and to databases, up to the step before which it dies."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.next = itertools.count(1).__next__  # one step of the interpreter: threads count together

    def watch(self) -> None:
        """Count from now on, and for as long as the process lives."""
        for name in ("fsync", "fdatasync", "write", "pwrite"):
            setattr(os, name, self._counted(getattr(os, name)))
        setattr(sqlite3, "connect", self._traced(sqlite3.connect))  # noqa: B010 - it is overloaded
        sys.addaudithook(self._look)

    def _take(self) -> None:
        if self.next() == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and arguments[2] & _WRITING):
            self._take()

    def _trace(self, statement: str) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            self._take()

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._take()
            return function(*arguments, **options)

        return call

    def _traced(self, connect: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def call(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(self._trace)
            return connection

        return call
