"""Files to sockets without passing through Python: `os.sendfile`, in turns, off the event loop.

A transfer is a series of turns. In a turn a thread of a small pool calls ``sendfile`` until the socket takes no more;
it then waits a moment, because a reader on a fast network comes back within microseconds, and otherwise gives the
thread up. The event loop waits for the socket to become writable and asks for the next turn. So a slow reader holds no
thread, a stalled one only its connection and only for a time, and many large downloads share few threads fairly.

The socket is one that the event loop's transport owns too. Three things follow:

- Nothing may be in the transport's buffer when a transfer begins, or bytes change places. `Transfer.run` demands it.
- The transport may close its descriptor at any moment, and the number be given to another connection, which would then
  receive our bytes. So a transfer works on a duplicate of the descriptor.
- The duplicate keeps the connection alive. So `Transfer.abort` shuts the connection down, which also ends a turn that
  is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import fcntl
import os
import select
import socket
import sys
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from typing import Self

CHUNK_SIZE: Final = 2 * 1024 * 1024
"""Asked of one ``sendfile``: about what a socket's buffer holds."""

QUICK_SIZE: Final = 512 * 1024
"""Up to this, what is in memory is sent on the event loop, which takes it some 0.1 ms."""

_TURN_SIZE: Final = 64 * 1024 * 1024  # then another transfer may have the thread
_POLL_MILLISECONDS: Final = 20
_PROBE_STRIDE: Final = 256 * 1024

_NOWAIT: Final[int] = getattr(os, "RWF_NOWAIT", 0)
_MORE: Final[int] = getattr(socket, "MSG_MORE", 0)
"""Linux has both. Elsewhere a read may wait for the disk, and a head may go out in a packet of its own."""

_CLIENT_GONE: Final = frozenset(
    {
        errno.EPIPE,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.ENOTCONN,
        errno.ESHUTDOWN,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    },
)


class FileTooShort(OSError):
    """The file ends before the bytes that were asked of it."""

    def __init__(self, path: str, *, expected: int, actual: int) -> None:
        super().__init__(f"{path} should hold {expected} bytes and holds {actual}")
        self.path = path
        self.expected = expected
        self.actual = actual


class ReaderStalled(OSError):
    """The client took not one byte for longer than it may."""


class Turn(enum.Enum):
    """How a turn ended."""

    DONE = enum.auto()
    BLOCKED = enum.auto()  # the socket takes no more for now
    SHARED = enum.auto()  # it is somebody else's turn
    SHORT = enum.auto()  # the file ended


class FileSlice:
    """*count* bytes of an open file from *offset* on; by default what there is.

    Raises `OSError` if the file cannot be opened, `FileTooShort` if it does not hold that many.
    """

    __slots__ = ("count", "file", "offset", "path")

    def __init__(self, path: str, offset: int = 0, count: int | None = None) -> None:
        self.path = path
        self.file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(self.file).st_size
            self.offset = offset
            self.count = max(0, size - offset) if count is None else count
            if offset + self.count > size:
                raise FileTooShort(path, expected=offset + self.count, actual=size)
        except BaseException:
            os.close(self.file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.file)

    def read_cached(self) -> bytearray | None:
        """All of it, if that needs no disk."""
        content = bytearray(self.count)
        try:
            got = os.preadv(self.file, [content], self.offset, _NOWAIT)
        except OSError:  # not in memory, or a file system that cannot tell
            return None
        return content if got == self.count else None

    def is_cached(self) -> bool:
        """Whether it seems to be in memory, judged by a byte here and there."""
        probe = bytearray(1)
        try:
            for place in range(self.offset, self.offset + self.count, _PROBE_STRIDE):
                os.preadv(self.file, [probe], place, _NOWAIT)
            os.preadv(self.file, [probe], self.offset + self.count - 1, _NOWAIT)
        except OSError:
            return False
        return True

    def read(self, offset: int, count: int) -> bytes:
        """Read *count* bytes, waiting for the disk if need be. Raises `FileTooShort`."""
        pieces = []
        while count:
            piece = os.pread(self.file, count, offset)
            if not piece:
                raise FileTooShort(self.path, expected=self.offset + self.count, actual=offset)
            pieces.append(piece)
            offset += len(piece)
            count -= len(piece)
        return b"".join(pieces)


class FileSender:
    """The threads that files are read and sent in, and the patience with their readers; one for each worker."""

    def __init__(self, *, threads: int = 8, stall_seconds: float = 60.0) -> None:
        self.threads: Final = ThreadPoolExecutor(threads, thread_name_prefix="sendfile")
        self.stall_seconds: Final = stall_seconds
        self._lock = threading.Lock()
        self._queued = 0

    @property
    def is_busy(self) -> bool:
        """Whether a turn waits for a thread, so that those who have one should not dawdle."""
        return self._queued > 0

    def submit(self, loop: AbstractEventLoop, turn: Callable[[], Turn]) -> asyncio.Future[Turn]:
        """Have a thread take *turn*."""
        with self._lock:
            self._queued += 1
        return loop.run_in_executor(self.threads, self._take, turn)

    def _take(self, turn: Callable[[], Turn]) -> Turn:
        with self._lock:
            self._queued -= 1
        return turn()

    def close(self) -> None:
        """Let the threads end once their turns have."""
        self.threads.shutdown(wait=False, cancel_futures=True)


class Transfer:
    """One file on its way to one connected socket."""

    def __init__(self, sender: FileSender, loop: AbstractEventLoop, descriptor: int, content: FileSlice) -> None:
        self._sender = sender
        self._loop = loop
        self._content = content
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, os.dup(descriptor))
        self._offset = content.offset
        self._remaining = content.count
        self._aborted = False
        self._writable: asyncio.Future[None] | None = None

    async def run(self, head: bytes) -> None:
        """Send *head* and the file; what the transport has buffered must have gone out before.

        Raises `ConnectionAbortedError` if the client or `abort` ended it, `ReaderStalled`, `FileTooShort`, and
        `OSError` if the file cannot be read. After any of them the connection is good for nothing.
        """
        try:
            await self._send_head(head)
            # What is not long and in memory is sent at once: a thread costs more than it saves.
            quick = self._content.count <= QUICK_SIZE and self._content.is_cached()
            turn = self._send_some(quick=True) if quick else await self._take_turn()
            while turn is not Turn.DONE:
                if turn is Turn.BLOCKED:
                    await self._wait_until_writable()
                elif turn is Turn.SHORT:
                    content = self._content
                    raise FileTooShort(content.path, expected=content.offset + content.count, actual=self._offset)
                turn = self._send_some(quick=True) if quick else await self._take_turn()
        except OSError as error:
            if error.errno in _CLIENT_GONE:
                raise ConnectionAbortedError(errno.ECONNABORTED, "the client went away") from error
            raise
        finally:
            self._socket.close()

    def abort(self) -> None:
        """End the transfer soon, from the event loop's thread, whatever it is doing."""
        self._aborted = True
        if self._socket.fileno() >= 0:
            with contextlib.suppress(OSError):  # it may no longer be connected
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._writable is not None:
            _resolve(self._writable)

    async def _send_head(self, head: bytes) -> None:
        # MSG_MORE does for one write what TCP_CORK does until it is taken off: the kernel waits for the first bytes
        # of the file to fill the packet. Two system calls fewer.
        while head:
            try:
                head = head[self._socket.send(head, _MORE) :]
            except BlockingIOError:
                await self._wait_until_writable()

    async def _take_turn(self) -> Turn:
        turn = self._sender.submit(self._loop, self._send_some)
        try:
            return await asyncio.shield(turn)
        except asyncio.CancelledError:
            # The thread still uses our descriptors; `abort` makes it stop, and only then may they be closed.
            self.abort()
            while not turn.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([turn])
            turn.exception()  # seen
            raise

    def _send_some(self, *, quick: bool = False) -> Turn:
        """Send until the socket is full, in a thread of the pool or, if it is *quick*, on the event loop."""
        target, source = self._socket.fileno(), self._content.file
        fair = self._offset + _TURN_SIZE
        while self._remaining:
            self._check()
            if self._offset >= fair and self._sender.is_busy and not quick:
                return Turn.SHARED
            try:
                sent = os.sendfile(target, source, self._offset, min(self._remaining, CHUNK_SIZE))
            except BlockingIOError:
                if quick or self._sender.is_busy or not _is_writable(target):
                    return Turn.BLOCKED
                continue
            if not sent:
                return Turn.SHORT
            self._offset += sent
            self._remaining -= sent
        return Turn.DONE

    async def _wait_until_writable(self) -> None:
        self._check()
        self._writable = writable = self._loop.create_future()
        descriptor = self._socket.fileno()
        self._loop.add_writer(descriptor, _resolve, writable)
        try:
            unsent = unsent_size(descriptor)
            while not (await asyncio.wait([writable], timeout=self._sender.stall_seconds))[0]:
                # A slow reader may need long until the socket has room for more, and yet take something.
                unsent, before = unsent_size(descriptor), unsent
                if unsent == before:
                    raise ReaderStalled
        finally:
            self._loop.remove_writer(descriptor)
            self._writable = None
        self._check()

    def _check(self) -> None:
        if self._aborted:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the transfer was aborted")


def unsent_size(descriptor: int) -> int:
    """Bytes in a connected socket's send buffer that the other side has not acknowledged."""
    answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _is_writable(descriptor: int) -> bool:
    """Whether the socket takes more within a moment."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(_POLL_MILLISECONDS))
