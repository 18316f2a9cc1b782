"""A registry that reads through to another one: crane and pip pull what only the other has, also when it is gone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.names import FormatName, parse_namespace
from entrepot.model.upstream import Upstream, UpstreamName, UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.upstreams import add_upstream
from entrepot.ports.fetch import Basic
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.builders import image as build_image
from tests.clients.content import Layout, multi_platform, small_image
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry, serve
from tests.clients.test_crane import log_in

pytestmark = [pytest.mark.clients, pytest.mark.usefixtures("socket_enabled")]

OCI = FormatName("oci")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    folder = tmp_path / "world"
    folder.mkdir()
    async with open_world(folder, blobs=FileBlobStore(tmp_path / "blobs")) as opened:
        await opened.namespace("mirror")
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Registry]:
    """Another Entrepot, which asks everybody for a token."""
    with serve(tmp_path / "other", "acme") as running:
        yield running


async def read_through(world: World, url: str, account: Account | None, **rules: object) -> None:
    upstream = Upstream(
        parse_namespace("mirror"),
        OCI,
        UpstreamName("other"),
        url,
        private=True,
        rules=UpstreamRules(**rules),  # type: ignore[arg-type]
    )
    await add_upstream(
        world.registry, ADMINISTRATOR, upstream, None if account is None else Basic(account.user, account.password)
    )


async def pull(world: World, name: str, reference: str) -> dict[str, bytes]:
    """Everything that a tag leads to, by digest, as a client pulls it."""
    found: dict[str, bytes] = {}
    async with world.client(await world.token("reader", "mirror"), timeout=30) as client:
        answer = await client.get(f"/v2/{name}/manifests/{reference}")
        assert answer.status_code == 200, answer.text
        waiting = [(answer.headers["docker-content-digest"], answer.content)]
        while waiting:
            digest, content = waiting.pop()
            found[digest] = content
            manifest = json.loads(content)
            for child in manifest.get("manifests", []):
                answer = await client.get(f"/v2/{name}/manifests/{child['digest']}")
                assert answer.status_code == 200, answer.text
                waiting.append((child["digest"], answer.content))
            for blob in [manifest["config"], *manifest["layers"]] if "layers" in manifest else []:
                answer = await client.get(f"/v2/{name}/blobs/{blob['digest']}")
                assert answer.status_code == 200, answer.text
                found[blob["digest"]] = answer.content
    return found


async def settled(world: World) -> None:
    """Wait for what is fetched behind the answers."""
    await world.registry.flights.landed()


@pytest.mark.parametrize("build", [small_image, multi_platform], ids=["image", "index"])
async def test_an_image_is_pulled_through_and_stays_when_the_other_is_gone(
    world: World, layout: Layout, shell: Shell, tmp_path: Path, build: Callable[[Layout, str], dict[str, Any]]
) -> None:
    with serve(tmp_path / "other", "acme") as other:
        image = build(layout, "through")
        layout.tag("latest", image)
        crane = program("crane")
        log_in(crane, shell, other, other.publisher)
        shell.run(crane, "push", layout.root, f"{other.host}/acme/team/api:latest")
        await read_through(world, f"{other.url}/acme", other.reader)

        pulled = await pull(world, "mirror/team/api", "latest")
        await settled(world)

    assert pulled == layout.contents(image["digest"])
    assert await pull(world, "mirror/team/api", "latest") == pulled
    world.clock.advance(hours=1)
    assert await pull(world, "mirror/team/api", "latest") == pulled, "the other is gone, and its last word counts"
    assert await check(world.registry, read_bytes=True) == []


async def test_a_tag_that_moves_there_moves_here_and_what_it_meant_stays(
    world: World, other: Registry, shell: Shell, tmp_path: Path
) -> None:
    crane = program("crane")
    log_in(crane, shell, other, other.maintainer)
    await read_through(world, f"{other.url}/acme", other.reader)
    pulled = []
    for name in ("first", "second"):
        layout = Layout(tmp_path / name)
        layout.tag("latest", small_image(layout, name))
        shell.run(crane, "push", layout.root, f"{other.host}/acme/api:latest")
        pulled.append(layout.contents(layout.only()))
        assert await pull(world, "mirror/api", "latest") == pulled[-1]
        await settled(world)
        world.clock.advance(hours=1)

    for contents in pulled:
        digest = next(iter(contents))
        assert (await pull(world, "mirror/api", digest)).keys() == contents.keys()


async def test_without_credentials_there_is_nothing_to_see_and_no_5xx(world: World, other: Registry) -> None:
    await read_through(world, f"{other.url}/acme", None)

    async with world.client(await world.token("reader", "mirror")) as client:
        answer = await client.get("/v2/mirror/api/manifests/latest")

    assert answer.status_code in (404, 502)
    assert answer.json()["errors"]


async def test_what_is_pushed_here_is_never_theirs(world: World, other: Registry, layout: Layout, shell: Shell) -> None:
    crane = program("crane")
    image = small_image(layout, "theirs")
    layout.tag("2.0", image)
    log_in(crane, shell, other, other.publisher)
    shell.run(crane, "push", layout.root, f"{other.host}/acme/api:2.0")
    await read_through(world, f"{other.url}/acme", other.reader)
    await world.push("mirror/api", build_image(b"ours"), "1.0")

    async with world.client(await world.token("reader", "mirror")) as client:
        answer = await client.get("/v2/mirror/api/manifests/2.0")

    assert answer.status_code == 404
