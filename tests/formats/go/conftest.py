from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.testing.builders import World, open_world
from tests.formats.go.modules import MODULE, module


@dataclass
class Go:
    """The go command's requests, each by somebody: a role's name, or None for nobody."""

    world: World
    stack: AsyncExitStack
    clients: dict[str | None, httpx.AsyncClient] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, *, by: str | None = "publisher", view: str = "acme", **options: Any
    ) -> httpx.Response:
        """A request below the view; the go command sends what .netrc says."""
        if by not in self.clients:
            token = None if by is None else await self.world.token(by)
            client = self.world.client()
            if token is not None:
                client.auth = httpx.BasicAuth("any", token)
            self.clients[by] = await self.stack.enter_async_context(client)
        return await self.clients[by].request(method, f"/go/{view}/{path}", **options)

    async def get(self, path: str, *, by: str | None = "reader", **options: Any) -> httpx.Response:
        return await self.ask("GET", path, by=by, **options)

    async def put(self, path: str, content: Any, **options: Any) -> httpx.Response:
        return await self.ask("PUT", path, content=content, **options)

    async def publish(self, *versions: str, path: str = MODULE, **options: Any) -> None:
        """Upload versions that must be taken."""
        for version in versions:
            answer = await self.put(f"{path}/@v/{version}.zip", module(path, version, **options))
            assert answer.status_code == 201, answer.text


@pytest.fixture
async def go(tmp_path: Path) -> AsyncIterator[Go]:
    async with open_world(tmp_path) as world, AsyncExitStack() as stack:
        await world.namespace("acme")
        yield Go(world, stack)
