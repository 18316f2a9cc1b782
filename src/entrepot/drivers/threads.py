"""Waiting for threads that work with something of the waiter's."""

from __future__ import annotations

import asyncio
from typing import TypeVar

T = TypeVar("T")


async def finished(running: asyncio.Future[T]) -> T:
    """Wait for what runs in a thread. Who is cancelled meanwhile waits too.

    A thread cannot be interrupted, and what it uses (a descriptor, a lock, a connection) must not be let go of before.
    """
    cancelled = False
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and running.exception() is None:
        raise asyncio.CancelledError
    return running.result()
