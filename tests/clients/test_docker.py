"""docker's command line, in what it does by itself, without an engine: log in, and make manifest lists."""

from __future__ import annotations

import json

import pytest

from tests.clients.content import Layout, small_image
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def docker() -> str:
    return program("docker")


def log_in(docker: str, shell: Shell, registry: Registry, account: Account) -> None:
    done = shell.run(
        docker, "login", "--username", account.user, "--password-stdin", registry.host, given=account.password
    )
    assert "Login Succeeded" in done.said


def test_a_manifest_list_is_created_pushed_and_inspected(
    docker: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    images = {name: small_image(layout, package, name) for name in ("amd64", "arm64")}
    for name, image in images.items():
        wire.put(layout, image, package, name)
    log_in(docker, shell, registry, registry.publisher)
    target = f"{registry.host}/{package}:1.0.0"

    shell.run(
        *(docker, "manifest", "create", "--insecure", target),
        *(f"{registry.host}/{package}:{name}" for name in images),
    )
    shell.run(docker, "manifest", "annotate", target, f"{registry.host}/{package}:arm64", "--variant", "v8")
    shell.run(docker, "manifest", "push", "--insecure", "--purge", target)
    inspected = json.loads(shell.run(docker, "manifest", "inspect", "--insecure", target).output)

    stored = json.loads(wire.manifest(package, "1.0.0"))
    assert stored["mediaType"] in {_LIST, _INDEX}
    assert {entry["digest"] for entry in stored["manifests"]} == {image["digest"] for image in images.values()}
    assert inspected["manifests"] == stored["manifests"]
    assert [entry["platform"].get("variant") for entry in stored["manifests"]] == [None, "v8"]


def test_an_image_is_inspected_as_it_was_stored(
    docker: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "1.0.0")
    log_in(docker, shell, registry, registry.reader)

    inspected = shell.run(docker, "manifest", "inspect", "--insecure", f"{registry.host}/{package}:1.0.0")

    assert json.loads(inspected.output)["layers"] == json.loads(layout.read(image["digest"]))["layers"]


def test_after_a_logout_nothing_is_read(
    docker: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")
    log_in(docker, shell, registry, registry.reader)

    shell.run(docker, "logout", registry.host)
    refused = shell.refuse(docker, "manifest", "inspect", "--insecure", f"{registry.host}/{package}:1.0.0")

    # What it says of an image that nobody without a login may see.
    assert f"no such manifest: {registry.host}/{package}:1.0.0" in refused.said


def test_wrong_credentials_are_refused_at_the_login(docker: str, shell: Shell, registry: Registry) -> None:
    stranger = registry.stranger

    refused = shell.refuse(
        *(docker, "login", "--username", stranger.user, "--password-stdin", registry.host), given=stranger.password
    )

    assert "unauthorized" in refused.said.lower()
    assert not (shell.home / ".docker" / "config.json").exists()
