from __future__ import annotations

import pytest

from tests.unit.api.world import World

COMMIT = {"org.opencontainers.image.revision": "4f2c1e0aa"}


async def test_artifacts_are_found_by_commit(world: World) -> None:
    await world.namespace()
    image = await world.image("1.0", "latest", package="team/api", annotations=COMMIT)
    await world.image("2.0", package="team/api")

    found = await world.ask("GET", "/api/v1/search?q=commit:4f2c1e0")

    assert found.json == {
        "items": [
            {
                "namespace": "acme",
                "format": "oci",
                "name": "team/api",
                "digest": str(image.digest),
                "references": ["1.0", "latest"],
                "annotations": COMMIT,
            }
        ],
        "next": None,
    }


async def test_a_package_is_found_by_a_part_of_its_name_with_its_newest_artifact(world: World) -> None:
    await world.namespace()
    for version, package in (("1.0", "team/api"), ("2.0", "team/api"), ("3.0", "team/web"), ("4.0", "other")):
        await world.image(version, package=package)

    found = (await world.ask("GET", "/api/v1/search?q=team")).items

    assert [(item["name"], item["references"]) for item in found] == [("team/web", ["3.0"]), ("team/api", ["2.0"])]


async def test_only_what_the_caller_may_read_is_found(world: World) -> None:
    await world.namespace()
    await world.namespace("open", public=True)
    await world.image("1.0", annotations=COMMIT)
    await world.image("1.0", namespace="open", annotations=COMMIT)
    await world.image("1.0", package="secret", annotations=COMMIT)
    reader = await world.token("reader", pattern="api")

    async def found(token: str | None) -> list[str]:
        items = (await world.ask("GET", "/api/v1/search?q=commit:4f2c", token=token)).items
        return sorted(f"{item['namespace']}/{item['name']}" for item in items)

    assert await found("") == ["acme/api", "acme/secret", "open/api"]
    assert await found(reader) == ["acme/api", "open/api"]
    assert await found(None) == ["open/api"]


async def test_nobody_searches_where_nothing_is_public(world: World) -> None:
    await world.namespace()

    answer = await world.ask("GET", "/api/v1/search?q=api", token=None)

    assert answer.status == 401


async def test_looking_for_nothing_finds_nothing(world: World) -> None:
    await world.namespace()
    await world.image("1.0")

    for nothing in ("q=", "q=%20", "q=commit:", "q=ghost", "q=%00", "q=1.0%00", "q=api%00b", "q=%25", "q=*"):
        assert (await world.ask("GET", f"/api/v1/search?{nothing}")).items == []


@pytest.mark.parametrize("query", ["", "query=x", "q=" + "x" * 1001, "q=x&limit=0", "q=%ff"])
async def test_a_search_that_is_not_well_formed_is_refused(world: World, query: str) -> None:
    answer = await world.ask("GET", f"/api/v1/search?{query}")

    assert answer.status == 400
