"""crane: the client of ko, kaniko and many pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import IMAGE, Layout, large_image, multi_platform, small_image, tar, untar
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients


@pytest.fixture
def crane() -> str:
    return program("crane")


def log_in(crane: str, shell: Shell, registry: Registry, account: Account) -> None:
    shell.run(
        *(crane, "auth", "login", registry.host, "--username", account.user, "--password-stdin"), given=account.password
    )


@pytest.mark.everywhere
def test_an_image_comes_back_as_it_was_pushed(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    image = large_image(layout, package)
    layout.tag("1.0.0", image)
    log_in(crane, shell, registry, registry.publisher)

    shell.run(crane, "push", layout.root, f"{registry.host}/{package}:1.0.0")
    shell.run(crane, "pull", "--format", "oci", f"{registry.host}/{package}:1.0.0", tmp_path / "pulled")

    pulled = Layout(tmp_path / "pulled")
    assert pulled.contents(pulled.only()) == layout.contents(image["digest"])


def test_an_index_comes_back_with_every_platform(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    index = multi_platform(layout, package)
    layout.tag("1.0.0", index)
    log_in(crane, shell, registry, registry.publisher)

    shell.run(crane, "push", layout.root, f"{registry.host}/{package}:1.0.0")
    platform = shell.run(crane, "digest", "--platform", "linux/arm64", f"{registry.host}/{package}:1.0.0")

    assert wire.contents(package, "1.0.0") == layout.contents(index["digest"])
    arm64 = json.loads(layout.read(index["digest"]))["manifests"][1]
    assert platform.output.strip() == arm64["digest"]


def test_what_was_pushed_validates_layer_by_layer(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")
    log_in(crane, shell, registry, registry.reader)

    validated = shell.run(crane, "validate", "--remote", f"{registry.host}/{package}:1.0.0")

    assert "PASS" in validated.said


def test_a_copy_mounts_the_blobs_of_the_other_package(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = large_image(layout, package)
    wire.put(layout, image, f"{package}/source", "1.0.0")
    log_in(crane, shell, registry, registry.publisher)

    copied = shell.run(
        crane, "copy", "--verbose", f"{registry.host}/{package}/source:1.0.0", f"{registry.host}/{package}/target:1.0.0"
    )

    assert wire.contents(f"{package}/target", "1.0.0") == layout.contents(image["digest"])
    assert "mounted blob" in copied.said
    assert "pushed blob" not in copied.said


def test_the_catalog_and_the_tags_are_listed(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    for tag in ("1.0.0", "1.1.0", "main"):
        wire.put(layout, small_image(layout, f"{package} {tag}"), package, tag)
    log_in(crane, shell, registry, registry.reader)

    catalog = shell.run(crane, "catalog", registry.host).output.split()
    tags = shell.run(crane, "ls", f"{registry.host}/{package}").output.split()

    assert package in catalog
    assert sorted(tags) == ["1.0.0", "1.1.0", "main"]


def test_a_layer_is_appended_to_what_is_there(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    wire.put(layout, small_image(layout, package), package, "main")
    added = {"added": b"a file that was not in the base\n"}
    (tmp_path / "layer.tar").write_bytes(tar(added))
    log_in(crane, shell, registry, registry.publisher)

    shell.run(
        *(crane, "append", "--base", f"{registry.host}/{package}:main", "--new_layer", tmp_path / "layer.tar"),
        *("--new_tag", f"{registry.host}/{package}:branch"),
    )
    exported = shell.run(crane, "export", f"{registry.host}/{package}:branch", tmp_path / "flat.tar")

    assert exported.code == 0
    files = untar((tmp_path / "flat.tar").read_bytes())
    assert files["added"] == added["added"]
    assert files["hello"] == f"hello from {package} on amd64\n".encode()


def test_a_tag_moves_without_its_content_being_sent(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "1.0.0")
    log_in(crane, shell, registry, registry.publisher)

    shell.run(crane, "tag", f"{registry.host}/{package}:1.0.0", "latest")

    assert wire.manifest(package, "latest") == layout.read(image["digest"])


def test_a_maintainer_deletes_and_then_it_is_gone(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "main")
    log_in(crane, shell, registry, registry.maintainer)

    shell.run(crane, "delete", f"{registry.host}/{package}:main")
    shell.run(crane, "delete", f"{registry.host}/{package}@{image['digest']}")

    assert wire.tags(package) == []
    gone = wire.http.get(f"/v2/{package}/manifests/{image['digest']}", headers={"Accept": IMAGE})
    assert gone.status_code == 404
    assert "MANIFEST_UNKNOWN" in shell.refuse(crane, "manifest", f"{registry.host}/{package}@{image['digest']}").said


def test_wrong_credentials_are_refused_at_the_push(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    layout.tag("1.0.0", small_image(layout, package))
    log_in(crane, shell, registry, registry.stranger)

    refused = shell.refuse(crane, "push", layout.root, f"{registry.host}/{package}:1.0.0")

    assert "unauthorized" in refused.said.lower()
    assert wire.tags(package) == []


def test_without_credentials_nothing_is_pulled(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")

    refused = shell.refuse(crane, "pull", f"{registry.host}/{package}:1.0.0", tmp_path / "pulled.tar")

    assert "unauthorized" in refused.said.lower()
    assert not (tmp_path / "pulled.tar").exists()


def test_a_reader_may_not_push(
    crane: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    layout.tag("1.0.0", small_image(layout, package))
    log_in(crane, shell, registry, registry.reader)

    refused = shell.refuse(crane, "push", layout.root, f"{registry.host}/{package}:1.0.0")

    assert "DENIED" in refused.said
    assert wire.tags(package) == []
