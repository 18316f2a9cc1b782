"""A way to the registry that is cut in the middle of a transfer, once: what a lost connection does to a client."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Literal, Self

_PIECE = 16 << 10


class CutLine:
    """Listens on a port of its own and passes all on, until *after* bytes of one connection went in one direction.

    That connection is then closed; every later one works.
    """

    def __init__(self, target: str, *, after: int, direction: Literal["up", "down"]) -> None:
        """Lead to the registry at *target*, ``host:port``."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._after = after
        self._direction = direction
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._cutting = threading.Lock()
        self.was_cut = False

    @property
    def host(self) -> str:
        """The address to give to a client."""
        return f"localhost:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Start to accept connections."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Accept no more connections."""
        # Closing alone does not wake a thread that waits in accept.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                for source, sink, direction in ((near, far, "up"), (far, near, "down")):
                    threading.Thread(target=self._pass, args=(source, sink, direction), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                sink.sendall(piece)
                passed += len(piece)
                if direction == self._direction and passed >= self._after and self._cut():
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _cut(self) -> bool:
        """Whether this is the connection to cut: the first to ask is."""
        with self._cutting:
            first = not self.was_cut
            self.was_cut = True
        return first
