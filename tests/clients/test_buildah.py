"""buildah: makes images step by step, with no engine and no daemon."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.content import noise
from tests.clients.engine import Engine
from tests.clients.programs import Shell
from tests.clients.server import Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture
def buildah(shell: Shell) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="buildah-") as runroot:
        yield Engine("buildah", shell, Path(runroot))


def built(buildah: Engine, shell: Shell, reference: str, content: bytes) -> None:
    """Make an image of one file, called *reference*."""
    (shell.home / "hello").write_bytes(content)
    container = buildah.run("from", "scratch").strip()
    buildah.run("copy", container, shell.home / "hello", "/hello")
    buildah.run("config", "--cmd", "/hello", container)
    buildah.run("commit", "--rm", container, reference)


def test_an_image_made_from_scratch_comes_back_with_its_files(
    buildah: Engine, shell: Shell, registry: Registry, package: str, wire: Wire
) -> None:
    content = noise(package, 5 << 20)
    reference = f"{registry.host}/{package}:1.0.0"
    built(buildah, shell, reference, content)
    buildah.log_in(registry, registry.publisher)

    buildah.run("push", "--tls-verify=false", reference)
    buildah.run("rmi", "--all", "--force")
    buildah.run("pull", "--tls-verify=false", reference)
    container = buildah.run("from", "--pull-never", reference).strip()
    mounted = Path(buildah.run("mount", container).strip())

    assert (mounted / "hello").read_bytes() == content
    assert wire.tags(package) == ["1.0.0"]


def test_one_image_under_two_tags_is_the_same_bytes(
    buildah: Engine, shell: Shell, registry: Registry, package: str, wire: Wire
) -> None:
    references = [f"{registry.host}/{package}:{tag}" for tag in ("1.0.0", "1.0.1")]
    built(buildah, shell, references[0], noise(package, 1 << 20))
    buildah.run("tag", *references)
    buildah.log_in(registry, registry.publisher)

    for reference in references:
        buildah.run("push", "--tls-verify=false", reference)

    first, second = (wire.contents(package, tag) for tag in ("1.0.0", "1.0.1"))
    assert first == second


def test_wrong_credentials_are_refused_at_the_login(buildah: Engine, registry: Registry) -> None:
    refused = buildah.refuse(
        *("login", "--tls-verify=false", "--username", registry.stranger.user, "--password-stdin", registry.host),
        given=registry.stranger.password,
    )

    assert "invalid username/password" in refused


def test_without_credentials_nothing_is_pushed(
    buildah: Engine, shell: Shell, registry: Registry, package: str, wire: Wire
) -> None:
    reference = f"{registry.host}/{package}:1.0.0"
    built(buildah, shell, reference, b"hello\n")

    refused = buildah.refuse("push", "--tls-verify=false", reference)

    assert "authentication required" in refused or "unauthorized" in refused.lower()
    assert wire.tags(package) == []
