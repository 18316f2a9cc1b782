"""Real clients against a registry whose blobs are in an object store, with redirects to it and without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.clients.content import Layout, digest_of, large_image, noise
from tests.clients.programs import Shell, program
from tests.clients.python_packages import Environment, Place, module_wheel, project_name, publish
from tests.clients.server import Registry, serve
from tests.clients.wire import Wire
from tests.object_servers import CREDENTIALS, SECRET, ObjectServer, versitygw

pytestmark = pytest.mark.clients

_LARGE = 20 * 1024 * 1024


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """An object store of this module's own, as tests stop it."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in CREDENTIALS.items():
            patched.setenv(name, value)
        with versitygw(tmp_path_factory.mktemp("store")) as server:
            yield server


@pytest.fixture(scope="module", params=["streams", "redirects"])
def registry(
    request: pytest.FixtureRequest, store: ObjectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry over that store."""
    redirects = request.param == "redirects"
    settings = {
        **CREDENTIALS,
        "ENTREPOT_BLOBS": store.address(request.param),
        "ENTREPOT_BLOB_REDIRECTS": str(redirects).lower(),
    }
    with serve(tmp_path_factory.mktemp("server"), "acme", settings=settings) as running:
        # By another name than the store's: clients take their credentials along to what has the same one.
        yield replace(running, host=running.host.replace("localhost", "127.0.0.1"))


@pytest.fixture
def redirects(request: pytest.FixtureRequest, registry: Registry) -> bool:
    return "redirects" in request.node.name


def test_crane_gets_back_the_image_that_it_pushed(
    shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    crane = program("crane")
    image = large_image(layout, package)
    layout.tag("1.0.0", image)
    account = registry.publisher
    shell.run(
        *(crane, "auth", "login", registry.host, "--username", account.user, "--password-stdin"), given=account.password
    )

    shell.run(crane, "push", layout.root, f"{registry.host}/{package}:1.0.0")
    shell.run(crane, "pull", "--format", "oci", f"{registry.host}/{package}:1.0.0", tmp_path / "pulled")

    pulled = Layout(tmp_path / "pulled")
    assert pulled.contents(pulled.only()) == layout.contents(image["digest"])


def test_oras_gets_back_the_files_that_it_pushed(
    shell: Shell, registry: Registry, package: str, tmp_path: Path
) -> None:
    oras = program("oras")
    weights = noise(package, _LARGE)
    (shell.home / "weights.bin").write_bytes(weights)
    account = registry.publisher
    shell.run(
        *(oras, "login", registry.host, "--plain-http", "--username", account.user, "--password-stdin"),
        given=account.password,
    )

    name = f"{registry.host}/{package}:1.0.0"
    shell.run(oras, "push", "--plain-http", name, "weights.bin:application/octet-stream")
    shell.run(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", name)

    assert (tmp_path / "pulled" / "weights.bin").read_bytes() == weights


def test_pip_installs_a_wheel(shell: Shell, registry: Registry, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    project = project_name(request)
    content = noise(project, 200_000)
    publish(registry, module_wheel(project, "1.0", content))
    environment = Environment.make(tmp_path / "environment")

    shell.run(
        *(program("pip"), "--isolated", "--no-input", "--no-cache-dir", "--disable-pip-version-check"),
        *("--python", environment.python, "install", "--index-url"),
        *(Place(registry, registry.namespace).simple_as(registry.reader), project),
    )

    assert environment.module(project) == content


def test_a_download_is_redirected_where_the_installation_says_so_and_a_question_never(
    registry: Registry, package: str, redirects: bool, wire: Wire
) -> None:
    content = noise(package, 200_000)
    path = f"/v2/{package}/blobs/{digest_of(content)}"
    wire.http.post(
        f"/v2/{package}/blobs/uploads/", params={"digest": digest_of(content)}, content=content
    ).raise_for_status()

    got, again = wire.http.get(path), wire.http.get(path)
    head = wire.http.head(path)
    known = wire.http.get(path, headers={"if-none-match": head.headers["etag"]})
    part = wire.http.get(path, headers={"range": "bytes=100-199"}, follow_redirects=True)
    beyond = wire.http.get(path, headers={"range": "bytes=999999-"})

    assert (head.status_code, head.headers["content-length"]) == (200, "200000")
    assert (known.status_code, beyond.status_code) == (304, 416)
    assert part.content == content[100:200]
    if not redirects:
        assert (got.status_code, got.content) == (200, content)
        return
    address = got.headers["location"]
    assert (got.status_code, got.headers["cache-control"]) == (307, "no-store")
    assert address == again.headers["location"]
    assert registry.publisher.password not in address
    assert SECRET not in address
    assert got.headers["docker-content-digest"] == digest_of(content)
    with httpx.Client(trust_env=False) as anybody:
        assert anybody.get(address).content == content
        # Good for this blob alone.
        assert anybody.get(urlsplit(address)._replace(query="").geturl()).status_code == 403


def test_who_may_not_read_is_not_redirected(registry: Registry, package: str, wire: Wire) -> None:
    content = noise(package, 200_000)
    path = f"/v2/{package}/blobs/{digest_of(content)}"
    wire.http.post(
        f"/v2/{package}/blobs/uploads/", params={"digest": digest_of(content)}, content=content
    ).raise_for_status()

    with httpx.Client(base_url=registry.url, trust_env=False) as anybody:
        refused = anybody.get(path)
        guessed = anybody.get(path, auth=(registry.stranger.user, registry.stranger.password))

    assert (refused.status_code, guessed.status_code) == (401, 401)
    assert "location" not in {*refused.headers, *guessed.headers}


def test_while_the_store_is_away_nobody_is_told_anything_wrong(
    registry: Registry, package: str, redirects: bool, store: ObjectServer, wire: Wire
) -> None:
    content = noise(package, 200_000)
    path = f"/v2/{package}/blobs/{digest_of(content)}"
    wire.http.post(
        f"/v2/{package}/blobs/uploads/", params={"digest": digest_of(content)}, content=content
    ).raise_for_status()
    other = noise(f"{package} other", 200_000)

    with store.gone():
        got = wire.http.get(path)
        head = wire.http.head(path)
        pushed = wire.http.post(f"/v2/{package}/blobs/uploads/", params={"digest": digest_of(other)}, content=other)
        ready = wire.http.get("/readyz")
        small = wire.http.post(f"/v2/{package}/blobs/uploads/", params={"digest": digest_of(b"x")}, content=b"x")

    # An address is signed without asking anybody, and what is known of a blob is in the catalog.
    assert got.status_code == (307 if redirects else 503)
    assert head.status_code == 200
    assert (pushed.status_code, ready.status_code, small.status_code) == (503, 503, 201)
    assert int(pushed.headers["retry-after"]) > 0
    assert wire.http.get(path, follow_redirects=True).content == content
    assert wire.http.head(f"/v2/{package}/blobs/{digest_of(other)}").status_code == 404
    assert wire.http.get("/readyz").status_code == 200
