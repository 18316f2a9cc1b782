"""A registry that reads through to another one: crane and pip pull what only the other has, also when it is gone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.drivers.blobs.files import FileBlobStore
from entrepot.model.names import FormatName, View, parse_namespace
from entrepot.model.upstream import Upstream, UpstreamName, UpstreamRules
from entrepot.operations.check import check
from entrepot.operations.upstreams import add_upstream
from entrepot.operations.warm import fetch_version
from entrepot.ports.fetch import Basic
from entrepot.testing.builders import ADMINISTRATOR, World, open_world
from entrepot.testing.builders import image as build_image
from tests.clients.content import Layout, large_image, multi_platform, small_image
from tests.clients.programs import Shell, program
from tests.clients.python_packages import Environment, Place, module_wheel, publish, run_entrepot
from tests.clients.server import Account, Registry, serve
from tests.clients.test_crane import log_in
from tests.clients.test_pip import Pip

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


async def test_an_index_is_here_with_all_its_images_before_it_is_wanted(
    world: World, layout: Layout, shell: Shell, tmp_path: Path
) -> None:
    with serve(tmp_path / "other", "acme") as other:
        layout.tag("latest", multi_platform(layout, "warm"))
        crane = program("crane")
        log_in(crane, shell, other, other.publisher)
        shell.run(crane, "push", layout.root, f"{other.host}/acme/api:latest")
        await read_through(world, f"{other.url}/acme", other.reader)

        found = await fetch_version(world.registry, ADMINISTRATOR, View.parse("mirror"), OCI, "api", version="latest")

    contents = layout.contents(layout.only())
    assert {str(each.digest) for each in found} == contents.keys()
    assert await pull(world, "mirror/api", "latest") == contents
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


# --- packages, through the command line and real clients ---


def test_pip_installs_what_only_the_other_index_has_also_when_it_is_gone(shell: Shell, tmp_path: Path) -> None:
    built = module_wheel("through", "1.0", b"print('through')\n")
    password = tmp_path / "password"
    with serve(tmp_path / "front", "acme") as front:
        administrator = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        with serve(tmp_path / "behind", "lib") as behind:
            publish(behind, built)
            password.write_text(behind.reader.password)
            address = f"{behind.url}/pypi/lib/simple"
            said = ("--format", "pypi", "--private", "--user", "front", "--password-file", str(password))
            run_entrepot(shell, front, administrator, "upstream", "add", "acme", "other", address, *said)
            first = Pip(shell, Environment.make(tmp_path / "first"))
            first.install(Place(front, "acme").simple_as(front.reader), "through")

        again = Pip(shell, Environment.make(tmp_path / "again"))
        again.install(Place(front, "acme").simple_as(front.reader), "through")

    assert first.environment.module("through") == again.environment.module("through") == b"print('through')\n"


def test_docker_s_own_clients_pull_through_with_one_command_to_set_it_up(
    shell: Shell, layout: Layout, tmp_path: Path
) -> None:
    layout.tag("latest", large_image(layout, "through"))
    crane, password = program("crane"), tmp_path / "password"
    with serve(tmp_path / "front", "acme") as front, serve(tmp_path / "behind", "lib") as behind:
        log_in(crane, shell, behind, behind.publisher)
        shell.run(crane, "push", layout.root, f"{behind.host}/lib/api:latest")
        password.write_text(behind.reader.password)
        administrator = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        said = ("--format", "oci", "--private", "--user", "front", "--password-file", str(password))
        run_entrepot(shell, front, administrator, "upstream", "add", "acme", "other", f"{behind.url}/lib", *said)
        log_in(crane, shell, front, front.reader)

        shell.run(crane, "pull", "--format", "oci", f"{front.host}/acme/api:latest", tmp_path / "pulled")

    pulled = Layout(tmp_path / "pulled")
    assert pulled.contents(pulled.only()) == layout.contents(layout.only())


def test_all_that_a_lockfile_names_is_had_with_one_command_and_stays(shell: Shell, tmp_path: Path) -> None:
    built = module_wheel("through", "1.0", b"print('through')\n")
    hashed = f"--hash=sha256:{hashlib.sha256(built.content).hexdigest()}"
    locked, password = tmp_path / "requirements.txt", tmp_path / "password"
    with serve(tmp_path / "front", "acme") as front:
        administrator = (tmp_path / "front" / "data" / "admin-token").read_text().strip()
        with serve(tmp_path / "behind", "lib") as behind:
            publish(behind, built)
            password.write_text(behind.reader.password)
            said = ("--format", "pypi", "--private", "--user", "front", "--password-file", str(password))
            address = f"{behind.url}/pypi/lib/simple"
            run_entrepot(shell, front, administrator, "upstream", "add", "acme", "other", address, *said)
            locked.write_text(f"through==1.0 {hashed}\n")
            first = run_entrepot(shell, front, administrator, "upstream", "warm", "acme", str(locked))
            again = run_entrepot(shell, front, administrator, "upstream", "warm", "acme", str(locked))
            refreshed = run_entrepot(shell, front, administrator, "upstream", "refresh", "acme", "other", "-o", "json")

        pip = Pip(shell, Environment.make(tmp_path / "venv"))
        pip.install(Place(front, "acme").simple_as(front.reader), "--require-hashes", "-r", str(locked))

    assert first == again
    assert first.startswith("1 of 1 versions are in acme")
    assert json.loads(refreshed) == [{"package": "through", "versions": 1, "stale": None}]
    assert pip.environment.module("through") == b"print('through')\n"
