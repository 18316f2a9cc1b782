"""Connecting to the very address that was checked.

Between a check of a name and its use by somebody else, the name may come to mean another address ("DNS rebinding").
So we resolve it ourselves, once for each connection, and dial what we found; TLS and ``Host`` still speak of the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from entrepot.drivers.fetch.addresses import Reach, admits
from entrepot.model.errors import UpstreamInvalid

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a name, best first. Raises `OSError`."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system says, with its hosts file and search domains."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Dials only where its reach goes."""

    def __init__(self, reach: Reach, resolve: Resolve) -> None:
        """Ask *resolve* what names mean."""
        self._reach = reach
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of *host* that may be asked and answers."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
                return await self._connect_first(addresses, port, local_address, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection within {timeout} seconds") from error

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"its name is not known: {error}") from error
        allowed = [address for address in found if admits(self._reach, address)]
        if not allowed:
            # Which address a name has inside is not the business of whoever made us ask.
            raise UpstreamInvalid(host, expected=f"a host at {self._reach.value}")
        return allowed

    async def _connect_first(
        self,
        addresses: Sequence[str],
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        refused: Exception = httpcore.ConnectError("it has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, local_address=local_address, socket_options=socket_options
                )
            except httpcore.ConnectError as error:
                refused = error
        raise refused
