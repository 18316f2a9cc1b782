"""A browser that remembers credentials for us does nothing for another site's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.testing.builders import HOST

if TYPE_CHECKING:
    from entrepot.testing.builders import World


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_of_another_origin_changes_nothing(world: World, method: str) -> None:
    async with world.client(await world.token("administrator", None)) as client:
        answer = await client.request(method, "/api/v1/namespaces", headers={"origin": "https://elsewhere.example.com"})

    assert answer.status_code == (403 if method == "POST" else 405)


async def test_our_own_pages_and_programs_may(world: World) -> None:
    async with world.client(await world.token("administrator", None)) as client:
        ours = await client.post("/api/v1/namespaces", json={"name": "one"}, headers={"origin": HOST})
        programs = await client.post("/api/v1/namespaces", json={"name": "two"})

    assert (ours.status_code, programs.status_code) == (201, 201)


async def test_a_client_that_poses_as_a_proxy_leaves_nothing_in_the_cache(world: World) -> None:
    async with world.client(await world.token("administrator", None)) as client:
        honest = await client.get("/api/v1/openapi.json")
        posing = await client.get("/api/v1/openapi.json", headers={"x-forwarded-proto": "https"})

    assert "entrepot.cache" in honest.extensions["messages"][0]
    assert "entrepot.cache" not in posing.extensions["messages"][0]
