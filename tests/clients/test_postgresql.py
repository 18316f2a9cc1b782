"""Servers over PostgreSQL: one, two that share it, and one whose database goes away and comes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from entrepot.client import Client
from entrepot.model.digest import Digest
from tests.clients.content import IMAGE, Layout, small_image
from tests.clients.programs import Shell, program
from tests.clients.server import Registry, node, serve
from tests.clients.test_crane import log_in
from tests.postgresql import Cluster, running_cluster
from tests.stores import variables_of

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that these tests may stop."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def address(own_cluster: Cluster) -> str:
    return own_cluster.create()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("one")


@pytest.fixture(scope="module")
def registry(address: str, home: Path) -> Iterator[Registry]:
    with serve(home, "acme", settings={"ENTREPOT_DATABASE": address}, followers=True) as running:
        yield running


def test_an_image_comes_back_as_it_was_pushed(
    shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    crane = program("crane")
    image = small_image(layout, package)
    layout.tag("1.0.0", image)
    log_in(crane, shell, registry, registry.publisher)

    shell.run(crane, "push", layout.root, f"{registry.host}/{package}:1.0.0")
    shell.run(crane, "pull", "--format", "oci", f"{registry.host}/{package}:1.0.0", tmp_path / "pulled")

    pulled = Layout(tmp_path / "pulled")
    assert pulled.contents(pulled.only()) == layout.contents(image["digest"])


# --- two nodes ---


@pytest.fixture(scope="module")
def other(registry: Registry, address: str, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a second server over the same stores, with the keys of the first and a folder of its own."""
    data = tmp_path_factory.mktemp("two") / "data"
    data.mkdir()
    for key in (home / "data").glob("*.pem"):
        shutil.copy(key, data)
    stores = variables_of(home / "data") | {"ENTREPOT_DATABASE": address}
    with node(data.parent, {"ENTREPOT_FOLLOWERS": "false", **stores}) as host:
        yield f"http://{host}"


def wait_until(ask: Callable[[], httpx.Response], digest: str) -> None:
    """Ask until the answer is of *digest*."""
    for _ in range(1000):
        if ask().headers["Docker-Content-Digest"] == digest:
            return
    pytest.fail(f"never {digest}")


def test_what_one_node_changes_the_other_answers(registry: Registry, other: str, package: str, layout: Layout) -> None:
    first, second = small_image(layout, f"{package} 1"), small_image(layout, f"{package} 2")
    account = (registry.publisher.user, registry.publisher.password)
    with (
        httpx.Client(base_url=registry.url, auth=account, timeout=30) as here,
        httpx.Client(base_url=other, auth=account, timeout=30) as there,
    ):
        for image in (first, second) * 5:
            put(here, package, layout, image["digest"])
            # From the cache of the other node, as soon as it has one.
            seen = [there.head(f"/v2/{package}/manifests/stable").headers["Docker-Content-Digest"] for _ in range(3)]
            wait_until(lambda: there.head(f"/v2/{package}/manifests/stable"), image["digest"])

            assert set(seen) <= {first["digest"], second["digest"]}


def test_a_token_that_is_revoked_at_one_node_ends_at_the_other(registry: Registry, other: str) -> None:
    assert registry.administrator is not None
    with Client(registry.url, registry.administrator.password, environment={}) as client:
        token = client.tokens.create("short", "reader", view="acme")
        with httpx.Client(base_url=other, auth=("__token__", token.token), timeout=30) as there:
            assert there.get("/v2/").status_code == 200
            client.tokens.revoke(token.id)
            for _ in range(1000):
                if there.get("/v2/").status_code == 401:
                    break
            else:
                pytest.fail("the other node still knows the token")


def test_what_is_erased_at_one_node_is_answered_by_none_and_taken_in_by_none(
    registry: Registry, other: str, package: str, layout: Layout
) -> None:
    assert registry.administrator is not None
    image = small_image(layout, package)
    blobs = layout.contents(image["digest"])
    manifest = blobs.pop(image["digest"])
    names = [f"/v2/{package}/manifests/{name}" for name in (image["digest"], "stable")]
    paths = [*names, *(f"/v2/{package}/blobs/{each}" for each in blobs)]
    account = (registry.publisher.user, registry.publisher.password)
    with (
        httpx.Client(base_url=registry.url, auth=account, timeout=30) as here,
        httpx.Client(base_url=other, auth=account, timeout=30) as there,
        Client(registry.url, registry.administrator.password, environment={}) as administrator,
    ):
        put(here, package, layout, image["digest"])
        for path in paths * 3:  # Into the other node's cache, and out of it.
            assert there.get(path).status_code == 200

        administrator.erasures.erase(Digest.parse(image["digest"]), reason="a key got out")

        for path in paths:
            assert here.get(path).status_code == 404
            for _ in range(1000):
                if there.get(path).status_code == 404:
                    break
            else:
                pytest.fail(f"the other node still answers {path}")
        for line in (here, there):
            for digest, content in blobs.items():
                assert line.post(f"/v2/{package}/blobs/uploads/?digest={digest}", content=content).status_code == 403
            # Which is asked first: what it links is not there.
            assert line.put(names[1], content=manifest, headers={"Content-Type": IMAGE}).status_code == 400


def put(line: httpx.Client, package: str, layout: Layout, digest: str) -> None:
    """Let ``stable`` mean an image of the layout."""
    contents = layout.contents(digest)
    for each, content in contents.items():
        if each != digest:
            line.post(f"/v2/{package}/blobs/uploads/?digest={each}", content=content).raise_for_status()
    line.put(
        f"/v2/{package}/manifests/stable", content=contents[digest], headers={"Content-Type": IMAGE}
    ).raise_for_status()


# --- a database that goes away ---


def test_a_restart_of_the_database_loses_nothing_and_is_waited_for(
    registry: Registry, own_cluster: Cluster, package: str, layout: Layout
) -> None:
    first, second = small_image(layout, f"{package} 1"), small_image(layout, f"{package} 2")
    account = (registry.publisher.user, registry.publisher.password)
    with httpx.Client(base_url=registry.url, auth=account, timeout=60) as line:
        put(line, package, layout, first["digest"])
        own_cluster.stop()
        own_cluster.start()

        answer = line.head(f"/v2/{package}/manifests/stable")
        put(line, package, layout, second["digest"])

        assert answer.headers["Docker-Content-Digest"] == first["digest"]
        assert line.head(f"/v2/{package}/manifests/stable").headers["Docker-Content-Digest"] == second["digest"]


def test_while_the_database_is_away_clients_are_told_to_come_again(
    registry: Registry, own_cluster: Cluster, package: str, layout: Layout
) -> None:
    image = small_image(layout, package)
    content = layout.contents(image["digest"])[image["digest"]]
    account = (registry.publisher.user, registry.publisher.password)
    with httpx.Client(base_url=registry.url, auth=account, timeout=60) as line:
        own_cluster.stop()
        try:
            answer = line.put(f"/v2/{package}/manifests/stable", content=content, headers={"Content-Type": IMAGE})
        finally:
            own_cluster.start()

        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        put(line, package, layout, image["digest"])
