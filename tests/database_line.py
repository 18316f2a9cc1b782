"""A line to a real PostgreSQL that is cut around a commit, before the server hears of it or before its answer comes, or hangs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_SOCKET = ".s.PGSQL.5432"
_PIECE = 65_536
_COMMIT = b"COMMIT\0"
"""How a question ends, alone or behind another, that commits."""


class Cut(Enum):
    """Where a commit ends."""

    BEFORE = auto()
    """The server never hears of it."""
    AFTER = auto()
    """The server makes it, and nobody is told."""


class DatabaseLine:
    """What stands between a catalog and its database."""

    def __init__(self, address: str, folder: Path) -> None:
        """Pass on what the server at *address* says, at a socket in *folder*."""
        parts = urlsplit(address)
        self._behind = Path(parse_qs(parts.query)["host"][0]) / _SOCKET
        self.address = parts._replace(query=f"host={folder}").geturl()
        self.cut: Cut | None = None
        """What becomes of the next commit; None again after it."""
        self.away = False
        """Whether nobody is there for whoever connects anew; set by a cut with `stays_away`."""
        self.stays_away = False
        self.hangs = False
        """Whether connections are taken, and stay, and nothing comes through; what was sent meanwhile is lost."""
        self.hangs_at: bytes | None = None
        """Words of a question from which on it hangs."""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _SOCKET))
        self._listening.listen()
        self._open: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def close(self) -> None:
        """End everything."""
        for each in [self._listening, *self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._accepting.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.away:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._behind))
            self._open += [client, server]
            ending = threading.Event()
            threading.Thread(target=self._ask, args=(client, server, ending), daemon=True).start()
            threading.Thread(target=self._answer, args=(client, server, ending), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, ending: threading.Event) -> None:
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                if self.hangs_at is not None and self.hangs_at in piece:
                    self.hangs = True
                if self.hangs:
                    continue
                if self.cut is not None and _COMMIT in piece:
                    cut, self.cut = self.cut, None
                    self.away = self.stays_away
                    if cut is Cut.BEFORE:
                        break
                    ending.set()
                server.sendall(piece)
        _end(server)
        if not ending.is_set():
            _end(client)

    def _answer(self, client: socket.socket, server: socket.socket, ending: threading.Event) -> None:
        with suppress(OSError):
            while piece := server.recv(_PIECE):
                if self.hangs:
                    continue
                if ending.is_set():
                    break  # It is made: the server answers after that.
                client.sendall(piece)
        _end(client)
        _end(server)


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def database_line(address: str, folder: Path) -> Iterator[DatabaseLine]:
    """A line to the database at *address*, as long as the context lasts."""
    line = DatabaseLine(address, folder)
    try:
        yield line
    finally:
        line.close()
