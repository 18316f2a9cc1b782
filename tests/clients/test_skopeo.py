"""skopeo: moves images between registries and directories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import Layout, large_image, multi_platform, small_image
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture
def skopeo() -> str:
    return program("skopeo")


def log_in(skopeo: str, shell: Shell, registry: Registry, account: Account) -> None:
    shell.run(
        *(skopeo, "login", "--tls-verify=false", "--authfile", shell.home / "auth.json"),
        *("--username", account.user, "--password-stdin", registry.host),
        given=account.password,
    )


def copy(skopeo: str, shell: Shell, *arguments: str) -> tuple[str | Path, ...]:
    """A copy command; authfile and policy are named so that nothing is read from /etc or a runtime directory."""
    return (
        *(skopeo, "--insecure-policy", "copy", "--authfile", shell.home / "auth.json", "--preserve-digests"),
        *("--src-tls-verify=false", "--dest-tls-verify=false"),
        *arguments,
    )


def test_an_image_comes_back_as_it_was_pushed(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    image = large_image(layout, package)
    layout.tag("1.0.0", image)
    log_in(skopeo, shell, registry, registry.publisher)

    shell.run(*copy(skopeo, shell, f"oci:{layout.root}:1.0.0", f"docker://{registry.host}/{package}:1.0.0"))
    shell.run(*copy(skopeo, shell, f"docker://{registry.host}/{package}:1.0.0", f"oci:{tmp_path}/pulled:1.0.0"))

    assert Layout(tmp_path / "pulled").contents(image["digest"]) == layout.contents(image["digest"])


def test_an_index_is_copied_with_every_platform(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    index = multi_platform(layout, package)
    layout.tag("1.0.0", index)
    log_in(skopeo, shell, registry, registry.publisher)
    remote = f"docker://{registry.host}/{package}:1.0.0"

    shell.run(*copy(skopeo, shell, "--all", f"oci:{layout.root}:1.0.0", remote))
    shell.run(*copy(skopeo, shell, "--all", remote, f"oci:{tmp_path}/pulled:1.0.0"))

    assert Layout(tmp_path / "pulled").contents(index["digest"]) == layout.contents(index["digest"])


def test_a_docker_schema_2_image_keeps_its_form(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    layout.tag("1.0.0", small_image(layout, package))
    log_in(skopeo, shell, registry, registry.publisher)
    remote = f"docker://{registry.host}/{package}:1.0.0"
    convert = [word for word in copy(skopeo, shell) if word != "--preserve-digests"]

    shell.run(*convert, "--format", "v2s2", f"oci:{layout.root}:1.0.0", remote)
    shell.run(*copy(skopeo, shell, remote, f"dir:{tmp_path}/pulled"))

    stored = wire.manifest(package, "1.0.0")
    assert json.loads(stored)["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert (tmp_path / "pulled" / "manifest.json").read_bytes() == stored


def test_an_image_is_copied_from_package_to_package(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = large_image(layout, package)
    wire.put(layout, image, f"{package}/source", "1.0.0")
    log_in(skopeo, shell, registry, registry.publisher)
    source, target = (f"docker://{registry.host}/{package}/{name}:1.0.0" for name in ("source", "target"))

    shell.run(*copy(skopeo, shell, source, target))

    assert wire.contents(f"{package}/target", "1.0.0") == layout.contents(image["digest"])


def test_an_image_is_inspected_and_its_tags_are_listed(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    for tag in ("1.0.0", "main"):
        wire.put(layout, image, package, tag)
    log_in(skopeo, shell, registry, registry.reader)
    options = ("--tls-verify=false", "--authfile", str(shell.home / "auth.json"))

    inspected = json.loads(shell.run(skopeo, "inspect", *options, f"docker://{registry.host}/{package}:main").output)
    raw = shell.run(skopeo, "inspect", "--raw", *options, f"docker://{registry.host}/{package}:main").output
    listed = json.loads(shell.run(skopeo, "list-tags", *options, f"docker://{registry.host}/{package}").output)

    assert inspected["Digest"] == image["digest"]
    assert raw.encode() == layout.read(image["digest"])
    assert sorted(listed["Tags"]) == ["1.0.0", "main"]


def test_a_maintainer_deletes_an_image(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "main")
    log_in(skopeo, shell, registry, registry.maintainer)

    shell.run(
        *(skopeo, "delete", "--tls-verify=false", "--authfile", shell.home / "auth.json"),
        f"docker://{registry.host}/{package}:main",
    )

    assert wire.tags(package) == []


def test_wrong_credentials_are_refused_at_the_login(skopeo: str, shell: Shell, registry: Registry) -> None:
    refused = shell.refuse(
        *(skopeo, "login", "--tls-verify=false", "--authfile", shell.home / "auth.json"),
        *("--username", registry.stranger.user, "--password-stdin", registry.host),
        given=registry.stranger.password,
    )

    assert "invalid username/password" in refused.said


def test_without_credentials_nothing_is_pushed_or_read(
    skopeo: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    layout.tag("1.0.0", image)
    wire.put(layout, image, package, "1.0.0")
    (shell.home / "auth.json").write_text("{}")
    remote = f"docker://{registry.host}/{package}:2.0.0"

    pushed = shell.refuse(*copy(skopeo, shell, f"oci:{layout.root}:1.0.0", remote))
    read = shell.refuse(skopeo, "list-tags", "--tls-verify=false", f"docker://{registry.host}/{package}")

    assert "authentication required" in pushed.said or "unauthorized" in pushed.said.lower()
    assert "authentication required" in read.said or "unauthorized" in read.said.lower()
    assert wire.tags(package) == ["1.0.0"]
