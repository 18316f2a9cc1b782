"""Sockets to accept connections on, from the words a person writes: ``localhost:8080``, ``127.0.0.1:0``, ``[::1]:80``."""

from __future__ import annotations

import errno
import os
import re
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

BACKLOG: Final = 2048
"""Connections that the kernel holds for us until we accept them; it may allow fewer."""

_LISTEN: Final = re.compile(r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<plain>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_PORTS_TRIED: Final = 20


class BindError(OSError):
    """The server cannot listen there."""


def bind(listen: str) -> list[socket.socket]:
    """Listen at ``HOST:PORT``; port 0 is any free one.

    A name is bound at each of its addresses, with the same port even when that is chosen freely. ``localhost`` is
    127.0.0.1 and ::1, because some clients try one and some the other; a machine without IPv6 makes do with the first.

    Raises `BindError`, whose text is for the person who wrote *listen*.
    """
    match = _LISTEN.fullmatch(listen)
    if match is None or int(match["port"]) > 0xFFFF:  # noqa: PLR2004
        raise BindError(f"cannot listen at {listen!r}: write HOST:PORT, such as localhost:8080 or [::1]:8080")
    host = match["bracketed"] or match["plain"]
    if not host:
        raise BindError(f"cannot listen at {listen!r}: say the address too; 0.0.0.0 is every one of the machine")
    port = int(match["port"])
    addresses = _resolve(host, listen)
    for _ in range(_PORTS_TRIED if port == 0 else 1):
        try:
            return _bind_all(addresses, port, optional=host == "localhost")
        except OSError as error:
            problem = error
            if error.errno != errno.EADDRINUSE:
                break
    raise BindError(f"cannot listen at {listen}: {_explain(problem)}") from problem


def urls(sockets: Iterable[socket.socket], scheme: str = "http") -> list[str]:
    """Where each of *sockets* answers, such as ``http://127.0.0.1:8080``."""
    found = []
    for listening in sockets:
        host, port = listening.getsockname()[:2]
        found.append(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
    return found


def _resolve(host: str, listen: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise BindError(f"cannot listen at {listen}: nothing is known of the host {host!r}") from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bind_all(
    addresses: list[tuple[socket.AddressFamily, str]],
    port: int,
    *,
    optional: bool,
) -> list[socket.socket]:
    """Listen at every one of *addresses*, or, when those after the first are *optional*, where there is IPv6."""
    bound: list[socket.socket] = []
    try:
        for family, address in addresses:
            try:
                listening = _bind_one(family, address, port)
            except OSError as error:
                if optional and bound and error.errno != errno.EADDRINUSE:
                    continue
                raise
            bound.append(listening)
            port = listening.getsockname()[1]
    except BaseException:
        for listening in bound:
            listening.close()
        raise
    return bound


def _bind_one(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # [::] is every address of both kinds; any other is only itself.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        listening.bind((address, port))
        # Not only bound: Linux lets two sockets bind one port until one of them listens.
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening


def _explain(problem: OSError) -> str:
    match problem.errno:
        case errno.EADDRINUSE:
            return "another program listens there already"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case errno.EACCES:
            return "only root may listen at a port below 1024"
        case number if number is not None:
            return os.strerror(number)
        case _:
            return str(problem)
