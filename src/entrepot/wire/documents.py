"""Index documents, rendered once for each revision and view, and served from memory until the revision changes (I11)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.model.position import Position

Render = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class _Rendered:
    revision: int
    content: bytes


class Documents:
    """What was rendered last, by key, up to some bytes in all. One of a key: that of its newest revision."""

    def __init__(self, size: int) -> None:
        """Keep at most *size* bytes."""
        self._room = size
        self._known: OrderedDict[Hashable, _Rendered] = OrderedDict()
        self._running: dict[tuple[Hashable, int], asyncio.Future[bytes]] = {}

    async def get(self, key: Hashable, revision: Position, render: Render) -> bytes:
        """The document of *key* at *revision*: remembered, or rendered by one of those who ask at the same time."""
        known = self._known.get(key)
        if known is not None and known.revision == revision:
            self._known.move_to_end(key)
            return known.content
        running = self._running.get((key, revision))
        if running is None:
            running = self._running[key, revision] = asyncio.ensure_future(self._render(key, revision, render))
        # Whoever goes away leaves the work to the others who wait for it.
        return await asyncio.shield(running)

    async def _render(self, key: Hashable, revision: Position, render: Render) -> bytes:
        try:
            content = await render()
            self._keep(key, _Rendered(revision, content))
            return content
        finally:
            del self._running[key, revision]

    def _keep(self, key: Hashable, rendered: _Rendered) -> None:
        known = self._known.get(key)
        if known is not None:
            if known.revision > rendered.revision:
                return
            self._room += len(known.content)
        self._known[key] = rendered
        self._known.move_to_end(key)
        self._room -= len(rendered.content)
        while self._room < 0:
            _, oldest = self._known.popitem(last=False)
            self._room += len(oldest.content)
