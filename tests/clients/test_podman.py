"""podman: builds, pushes and pulls without a daemon."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.content import Layout, multi_platform, noise, small_image, untar
from tests.clients.engine import Engine
from tests.clients.programs import Shell
from tests.clients.server import Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture
def podman(shell: Shell) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="podman-") as runroot:
        yield Engine("podman", shell, Path(runroot))


def files(podman: Engine, reference: str, archive: Path) -> dict[str, bytes]:
    """What the image would show to a program in it."""
    container = podman.run("create", "--network", "none", reference, "/hello").strip()
    podman.run("export", "--output", archive, container)
    return untar(archive.read_bytes())


def test_a_built_image_comes_back_with_its_files(
    podman: Engine, shell: Shell, registry: Registry, package: str, wire: Wire, tmp_path: Path
) -> None:
    content = noise(package, 5 << 20)
    (shell.home / "context").mkdir()
    (shell.home / "context" / "hello").write_bytes(content)
    (shell.home / "context" / "Containerfile").write_text("FROM scratch\nCOPY hello /hello\n")
    reference = f"{registry.host}/{package}:1.0.0"
    podman.log_in(registry, registry.publisher)

    podman.run("build", "--tag", reference, shell.home / "context")
    podman.run("push", "--tls-verify=false", reference)
    podman.run("rmi", "--all", "--force")
    podman.run("pull", "--tls-verify=false", reference)

    assert files(podman, reference, tmp_path / "files.tar")["hello"] == content
    assert wire.tags(package) == ["1.0.0"]


def test_an_image_is_pulled_by_its_digest(
    podman: Engine, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "1.0.0")
    reference = f"{registry.host}/{package}@{image['digest']}"
    podman.log_in(registry, registry.reader)

    podman.run("pull", "--tls-verify=false", reference)

    found = files(podman, reference, tmp_path / "files.tar")
    assert found["hello"] == f"hello from {package} on amd64\n".encode()


def test_of_an_index_the_wanted_platform_is_pulled(
    podman: Engine, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    wire.put(layout, multi_platform(layout, package), package, "1.0.0")
    reference = f"{registry.host}/{package}:1.0.0"
    podman.log_in(registry, registry.reader)

    podman.run("pull", "--tls-verify=false", "--arch", "arm64", reference)

    found = files(podman, reference, tmp_path / "files.tar")
    assert found["hello"] == f"hello from {package} on arm64\n".encode()


def test_a_manifest_list_is_pushed_with_its_images(
    podman: Engine, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    images = [small_image(layout, package, architecture) for architecture in ("amd64", "arm64")]
    for image in images:
        wire.put(layout, image, package, image["platform"]["architecture"])
    podman.log_in(registry, registry.publisher)

    podman.run("manifest", "create", "list")
    for image in images:
        podman.run("manifest", "add", "--tls-verify=false", "list", f"{registry.host}/{package}@{image['digest']}")
    podman.run("manifest", "push", "--all", "--tls-verify=false", "list", f"docker://{registry.host}/{package}:1.0.0")

    pushed = wire.contents(package, "1.0.0")
    assert {image["digest"] for image in images} <= pushed.keys()


def test_the_tags_of_a_package_are_searched(
    podman: Engine, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    for tag in ("1.0.0", "main"):
        wire.put(layout, small_image(layout, package), package, tag)
    podman.log_in(registry, registry.reader)

    table = podman.run("search", "--tls-verify=false", "--list-tags", f"{registry.host}/{package}").splitlines()

    assert sorted(line.split()[-1] for line in table[1:]) == ["1.0.0", "main"]


def test_wrong_credentials_are_refused_at_the_login(podman: Engine, registry: Registry) -> None:
    refused = podman.refuse(
        *("login", "--tls-verify=false", "--username", registry.stranger.user, "--password-stdin", registry.host),
        given=registry.stranger.password,
    )

    assert "invalid username/password" in refused


def test_without_credentials_nothing_is_pulled(
    podman: Engine, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")

    refused = podman.refuse("pull", "--tls-verify=false", f"{registry.host}/{package}:1.0.0")

    assert "authentication required" in refused or "unauthorized" in refused.lower()
