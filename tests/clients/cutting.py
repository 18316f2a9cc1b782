"""A way to the registry that is cut in the middle of a transfer, once: what a lost connection does to a client."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from types import TracebackType

_PIECE = 16 << 10
_NOTICE_SECONDS = 30

Direction = Literal["up", "down"]


class CutLine:
    """Listens on a port of its own and passes all on, until *after* bytes of one connection went in one direction.

    That connection is then closed; every later one works.
    """

    def __init__(self, target: str, *, after: int, direction: Direction) -> None:
        """Lead to the registry at *target*, ``host:port``."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._after = after
        self._direction = direction
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._cutting = threading.Lock()
        self._noticed = threading.Event()
        self.was_cut = False

    @property
    def host(self) -> str:
        """The address to give to a client."""
        return f"localhost:{self._listener.getsockname()[1]}"

    def wait(self) -> None:
        """Return when the registry, too, has ended the connection that was cut: it has taken in what reached it."""
        assert self._noticed.wait(_NOTICE_SECONDS), "no connection was cut, or the registry keeps it open"

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
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """Pass one connection on, both ways, to its end."""
        with near, far:
            ends: list[bool] = []
            down = threading.Thread(target=lambda: ends.append(self._pass(far, near, "down")), daemon=True)
            down.start()
            ends.append(self._pass(near, far, "up"))
            down.join()
        if any(ends):
            self._noticed.set()

    def _pass(self, source: socket.socket, sink: socket.socket, direction: Direction) -> bool:
        """Pass on what comes, and return whether this is where the line was cut."""
        passed, cut = 0, False
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                # Nobody listens any more, but what is said must be read, or its sender would never come to the end.
                with contextlib.suppress(OSError):
                    sink.sendall(piece)
                passed += len(piece)
                if direction == self._direction and passed >= self._after and self._cut():
                    cut = True
                    break
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        if cut:
            with contextlib.suppress(OSError):
                source.shutdown(socket.SHUT_RDWR)
        return cut

    def _cut(self) -> bool:
        """Whether this is the connection to cut: the first to ask is."""
        with self._cutting:
            first = not self.was_cut
            self.was_cut = True
        return first
