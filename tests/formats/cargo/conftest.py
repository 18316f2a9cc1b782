from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrepot.testing.builders import World, open_world
from tests.formats.cargo.crates import Made

ROOT = "http://registry.example.com/cargo/acme"


@dataclass
class Cargo:
    """Cargo's requests, each by somebody: a role's name, or None for nobody."""

    world: World
    stack: AsyncExitStack
    clients: dict[str | None, httpx.AsyncClient] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, *, by: str | None = "publisher", view: str = "acme", **options: Any
    ) -> httpx.Response:
        """A request below the view; Cargo sends its token as it is."""
        if by not in self.clients:
            token = None if by is None else await self.world.token(by)
            client = self.world.client()
            if token is not None:
                client.headers["authorization"] = token
            self.clients[by] = await self.stack.enter_async_context(client)
        return await self.clients[by].request(method, f"/cargo/{view}/{path}", **options)

    async def get(self, path: str, *, by: str | None = "reader", **options: Any) -> httpx.Response:
        return await self.ask("GET", path, by=by, **options)

    async def publish(self, made: Made, *, by: str | None = "publisher", **changes: Any) -> httpx.Response:
        return await self.send(made.body(**changes), by=by)

    async def send(self, body: Any, *, by: str | None = "publisher", view: str = "acme") -> httpx.Response:
        """A publish request with any body."""
        return await self.ask("PUT", "api/v1/crates/new", by=by, view=view, content=body)

    async def index(self, path: str, **options: Any) -> list[dict[str, Any]]:
        """The lines of an index file, which must be there."""
        answer = await self.get(path, **options)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


def detail(answer: httpx.Response) -> str:
    """What Cargo would show of an error."""
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json()["errors"]
    return str(error["detail"])


@pytest.fixture
async def cargo(tmp_path: Path) -> AsyncIterator[Cargo]:
    async with open_world(tmp_path) as world, AsyncExitStack() as stack:
        await world.namespace("acme")
        yield Cargo(world, stack)
