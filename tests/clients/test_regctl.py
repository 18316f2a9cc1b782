"""regctl: the client that keeps closest to the specification."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import Layout, large_image, multi_platform, small_image
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

_SBOM = "application/spdx+json"


@pytest.fixture
def regctl() -> str:
    return program("regctl")


def log_in(regctl: str, shell: Shell, registry: Registry, account: Account) -> None:
    shell.run(regctl, "registry", "set", "--tls", "disabled", "--skip-check", registry.host)
    shell.run(
        *(regctl, "registry", "login", registry.host, "--user", account.user, "--pass-stdin"), given=account.password
    )


def test_an_index_comes_back_as_it_was_pushed(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    index = multi_platform(layout, package)
    layout.tag("1.0.0", index)
    log_in(regctl, shell, registry, registry.publisher)

    shell.run(regctl, "image", "copy", f"ocidir://{layout.root}:1.0.0", f"{registry.host}/{package}:1.0.0")
    shell.run(regctl, "image", "copy", f"{registry.host}/{package}:1.0.0", f"ocidir://{tmp_path}/pulled:1.0.0")

    assert Layout(tmp_path / "pulled").contents(index["digest"]) == layout.contents(index["digest"])


def test_a_large_image_comes_back_as_it_was_pushed(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, tmp_path: Path
) -> None:
    image = large_image(layout, package)
    layout.tag("1.0.0", image)
    log_in(regctl, shell, registry, registry.publisher)

    shell.run(regctl, "image", "copy", f"ocidir://{layout.root}:1.0.0", f"{registry.host}/{package}:1.0.0")
    shell.run(regctl, "image", "copy", f"{registry.host}/{package}:1.0.0", f"ocidir://{tmp_path}/pulled:1.0.0")

    assert Layout(tmp_path / "pulled").contents(image["digest"]) == layout.contents(image["digest"])


def test_a_blob_sent_in_chunks_comes_back_whole(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = large_image(layout, package)
    layout.tag("1.0.0", image)
    log_in(regctl, shell, registry, registry.publisher)
    shell.run(regctl, "registry", "set", "--blob-chunk", "1048576", "--blob-max", "1", "--skip-check", registry.host)

    shell.run(regctl, "image", "copy", f"ocidir://{layout.root}:1.0.0", f"{registry.host}/{package}:1.0.0")

    assert wire.contents(package, "1.0.0") == layout.contents(image["digest"])


def test_tags_are_listed_in_order_and_one_is_removed_alone(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    for tag in ("release", "main", "edge"):
        wire.put(layout, image, package, tag)
    log_in(regctl, shell, registry, registry.maintainer)

    before = shell.run(regctl, "tag", "ls", f"{registry.host}/{package}").output.split()
    page = shell.run(regctl, "tag", "ls", "--limit", "2", "--last", "edge", f"{registry.host}/{package}").output.split()
    shell.run(regctl, "tag", "rm", f"{registry.host}/{package}:main")

    assert before == ["edge", "main", "release"]
    assert page == ["main", "release"]
    assert wire.tags(package) == ["edge", "release"]
    assert wire.manifest(package, "edge") == layout.read(image["digest"])


def test_referrers_are_listed_by_type_and_copied_along(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, f"{package}/source", "1.0.0")
    log_in(regctl, shell, registry, registry.publisher)
    source, target = (f"{registry.host}/{package}/{name}:1.0.0" for name in ("source", "target"))

    for media_type in (_SBOM, "text/plain"):
        shell.run(
            *(regctl, "artifact", "put", "--artifact-type", media_type, "--subject", source), given=f"a {media_type}"
        )
    listed = shell.run(regctl, "artifact", "list", "--filter-artifact-type", _SBOM, "--format", "{{json .}}", source)
    shell.run(regctl, "image", "copy", "--referrers", source, target)

    (entry,) = json.loads(listed.output)["descriptors"]
    assert entry["artifactType"] == _SBOM
    types = {entry["artifactType"] for entry in wire.referrers(f"{package}/target", image["digest"])}
    assert types == {_SBOM, "text/plain"}


def test_an_artifact_comes_back_as_it_was_put(regctl: str, shell: Shell, registry: Registry, package: str) -> None:
    log_in(regctl, shell, registry, registry.publisher)

    shell.run(
        *(regctl, "artifact", "put", "--artifact-type", _SBOM, f"{registry.host}/{package}:1.0.0"), given="the content"
    )
    got = shell.run(regctl, "artifact", "get", f"{registry.host}/{package}:1.0.0")

    assert got.output == "the content"


def test_a_deleted_manifest_is_gone_with_its_tags(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "main")
    log_in(regctl, shell, registry, registry.maintainer)

    shell.run(regctl, "manifest", "delete", f"{registry.host}/{package}@{image['digest']}")

    assert wire.tags(package) == []
    assert "not found" in shell.refuse(regctl, "manifest", "get", f"{registry.host}/{package}:main").said


def test_wrong_credentials_are_refused_at_the_login(regctl: str, shell: Shell, registry: Registry) -> None:
    shell.run(regctl, "registry", "set", "--tls", "disabled", "--skip-check", registry.host)

    refused = shell.refuse(
        *(regctl, "registry", "login", registry.host, "--user", registry.stranger.user, "--pass-stdin"),
        given=registry.stranger.password,
    )

    assert "unauthorized" in refused.said.lower()


def test_without_credentials_nothing_is_read(
    regctl: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    wire.put(layout, small_image(layout, package), package, "1.0.0")
    shell.run(regctl, "registry", "set", "--tls", "disabled", "--skip-check", registry.host)

    refused = shell.refuse(regctl, "manifest", "get", f"{registry.host}/{package}:1.0.0")

    assert "unauthorized" in refused.said.lower()
