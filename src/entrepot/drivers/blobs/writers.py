"""Who is appending to which stage in this process, so that a later request may take the stage over.

A line that broke is known to the client long before the server: its request may wait for bytes for a minute more.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from entrepot.model.errors import UploadBusy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from entrepot.model.upload import UploadId


@dataclass(slots=True)
class _Writing:
    timeout: asyncio.Timeout
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Writers:
    """The appends that are under way; there is one at most for each stage."""

    def __init__(self) -> None:
        """Begin with none."""
        self._writing: dict[UploadId, _Writing] = {}

    @asynccontextmanager
    async def writing(self, stage: UploadId) -> AsyncIterator[None]:
        """Append to *stage* inside of this block. Raises `UploadBusy` when another request takes it over."""
        timeout = asyncio.timeout(None)
        writing = self._writing[stage] = _Writing(timeout)
        try:
            async with timeout:
                yield
        except TimeoutError:
            if timeout.expired():
                raise UploadBusy(stage) from None
            raise
        finally:
            del self._writing[stage]
            writing.ended.set()

    async def stop(self, stage: UploadId) -> None:
        """End what is being appended to *stage*: what has come stays."""
        writing = self._writing.get(stage)
        if writing is None:
            return
        if not writing.timeout.expired():
            writing.timeout.reschedule(asyncio.get_running_loop().time())
        await writing.ended.wait()
