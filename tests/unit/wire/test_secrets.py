"""No secret is logged, wherever a client puts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entrepot.testing.builders import open_world
from entrepot.wire.asgi import Options


async def test_a_token_in_a_path_is_not_logged_whoever_sends_it(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    async with open_world(tmp_path, options=Options(log_request=lines.append)) as world:
        await world.namespace("acme")
        token = await world.token("reader")
        for credentials in (None, token, "ent_bot_" + "0" * 36):
            async with world.client(credentials) as client:
                await client.delete(f"/npm/acme/-/user/token/{token}")

    assert len(lines) == 3
    assert token not in repr(lines)
