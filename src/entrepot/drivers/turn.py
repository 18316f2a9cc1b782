"""Turns among the processes of one machine: a lock on a file, which the kernel takes back from a process that died."""

from __future__ import annotations

import asyncio
import fcntl
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from entrepot.ports.turn import Term

_LOOK_SECONDS: Final = 0.25


class FileTurn:
    """Implements `entrepot.ports.turn.Turn`."""

    def __init__(self, path: Path) -> None:
        """Lock the file at *path*; nothing is opened before `take`."""
        self._path = path
        self._file = -1

    async def take(self) -> Term | None:
        """Return once it is ours; a process that is stopped keeps it, so it has no term.

        Raises `OSError` where there can be no such file.
        """
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return None

    async def lost(self) -> None:
        """Never return: the kernel forgets nobody who lives."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Give it back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
