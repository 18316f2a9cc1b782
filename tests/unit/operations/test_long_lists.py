"""What a page shows takes a request, and the same few questions however much there is; and nothing is left out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from entrepot.model.names import View, parse_namespace
from entrepot.operations.browse import list_artifacts, list_packages, list_references
from entrepot.operations.registry import Registry
from entrepot.ports.catalog import Catalog
from entrepot.testing.builders import ADMINISTRATOR, World, image, open_world, package
from entrepot.testing.faults import Faults
from tests.laws.stepping import SteppingCatalog, Turns

T = TypeVar("T")

ALL, API = View.parse("acme"), package("acme/api")
PAGE = 10


@dataclass(slots=True)
class Counting(Turns):
    """Lets everything pass, and counts the questions."""

    async def around(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        self.calls.append(name)
        return await call()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.namespace("acme")
        yield world


def counted(world: World) -> tuple[Registry, Faults]:
    counting = Counting()
    return replace(world.registry, catalog=cast("Catalog", SteppingCatalog(world.catalog, counting))), counting


async def all_pages(world: World, path: str) -> list[dict[str, Any]]:
    async with world.client(await world.token("reader", "acme")) as client:
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = (await client.get(path, params={"limit": "25"} | ({"after": after} if after else {}))).json()
            found += page["items"]
            if page.get("next") is None:
                return found
            after = page["next"]


@pytest.mark.parametrize("many", [PAGE, 150])
async def test_a_page_takes_as_many_questions_of_a_large_package_as_of_a_small_one(world: World, many: int) -> None:
    """Users' threads 71, 72 and 73: minutes for a page of artifacts, and 41 requests for the ten that are shown."""
    for number in range(many):
        await world.push(API, image(b"layer %d" % number), f"{number}.0", f"build-{number}")
    registry, counting = counted(world)

    artifacts = await list_artifacts(registry, ADMINISTRATOR, ALL, API, limit=PAGE)
    names = await list_references(registry, ADMINISTRATOR, ALL, API, limit=2 * PAGE)

    assert len(artifacts) == PAGE
    assert len(names) == 2 * PAGE
    # What is shown of each is in the page: its size, its type, since when it is there.
    assert all(each.size and each.media_type and each.published_at for each in artifacts)
    assert len(counting.calls) == 3


async def test_all_of_many_packages_and_tags_are_listed(world: World) -> None:
    """Users' thread 80: with 94 repositories and 2,300 images the home page stayed blank, and not all were shown."""
    built = image(b"layer")
    for number in range(94):
        await world.push(f"acme/team/app-{number}", built, *(f"{tag}.0" for tag in range(10)))
    registry, counting = counted(world)
    first = await list_packages(registry, ADMINISTRATOR, view=ALL, limit=PAGE)

    packages = await all_pages(world, "/api/v1/packages")
    tags = await all_pages(world, "/api/v1/packages/acme/oci/team/app-93/-/references")

    assert {each["name"] for each in packages} == {f"team/app-{number}" for number in range(94)}
    assert len(packages) == 94
    assert {each["name"] for each in tags} == {f"{tag}.0" for tag in range(10)}
    assert len(first) == PAGE
    assert len(counting.calls) <= 3
    assert parse_namespace("acme") == first[0].id.namespace
