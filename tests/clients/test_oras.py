"""oras: any file as an artifact, and artifacts that say something about others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import Layout, noise, small_image
from tests.clients.cutting import CutLine
from tests.clients.programs import Shell, program
from tests.clients.server import Account, Registry
from tests.clients.wire import Wire

pytestmark = pytest.mark.clients

_MODEL = "application/vnd.example.model.v1"
_SBOM = "application/spdx+json"


@pytest.fixture
def oras() -> str:
    return program("oras")


def log_in(oras: str, shell: Shell, host: str, account: Account) -> None:
    shell.run(
        *(oras, "login", host, "--plain-http", "--username", account.user, "--password-stdin"), given=account.password
    )


def write(shell: Shell, name: str, content: bytes) -> bytes:
    (shell.home / name).write_bytes(content)
    return content


def test_files_come_back_as_they_were_pushed(
    oras: str, shell: Shell, registry: Registry, package: str, tmp_path: Path
) -> None:
    weights = write(shell, "weights.bin", noise(package, 5 << 20))
    card = write(shell, "card.md", b"# A model\n")
    log_in(oras, shell, registry.host, registry.publisher)

    shell.run(
        *(oras, "push", "--plain-http", "--artifact-type", _MODEL, f"{registry.host}/{package}:1.0.0"),
        *("weights.bin:application/octet-stream", "card.md:text/markdown"),
    )
    shell.run(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", f"{registry.host}/{package}:1.0.0")

    assert (tmp_path / "pulled" / "weights.bin").read_bytes() == weights
    assert (tmp_path / "pulled" / "card.md").read_bytes() == card


def test_an_attached_artifact_is_discovered_by_its_type(
    oras: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "1.0.0")
    write(shell, "sbom.json", b'{"spdxVersion":"SPDX-2.3"}')
    write(shell, "notes.txt", b"reviewed\n")
    log_in(oras, shell, registry.host, registry.publisher)
    subject = f"{registry.host}/{package}:1.0.0"

    shell.run(oras, "attach", "--plain-http", "--artifact-type", _SBOM, subject, f"sbom.json:{_SBOM}")
    shell.run(oras, "attach", "--plain-http", "--artifact-type", "text/plain", subject, "notes.txt:text/plain")
    found = shell.run(
        *(oras, "discover", "--plain-http", "--distribution-spec", "v1.1-referrers-api"),
        *("--artifact-type", _SBOM, "--format", "json", subject),
    )

    (referrer,) = json.loads(found.output)["referrers"]
    assert referrer["artifactType"] == _SBOM
    assert {entry["artifactType"] for entry in wire.referrers(package, image["digest"])} == {_SBOM, "text/plain"}


def test_an_attached_artifact_is_pulled_by_its_digest(
    oras: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire, tmp_path: Path
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "1.0.0")
    sbom = write(shell, "sbom.json", b'{"spdxVersion":"SPDX-2.3"}')
    log_in(oras, shell, registry.host, registry.publisher)
    shell.run(
        *(oras, "attach", "--plain-http", "--artifact-type", _SBOM),
        *(f"{registry.host}/{package}:1.0.0", f"sbom.json:{_SBOM}"),
    )
    (referrer,) = wire.referrers(package, image["digest"])

    shell.run(
        *(oras, "pull", "--plain-http", "--output", tmp_path / "pulled"),
        f"{registry.host}/{package}@{referrer['digest']}",
    )

    assert (tmp_path / "pulled" / "sbom.json").read_bytes() == sbom


def test_a_recursive_copy_takes_the_referrers_along(
    oras: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, f"{package}/source", "1.0.0")
    write(shell, "sbom.json", b'{"spdxVersion":"SPDX-2.3"}')
    log_in(oras, shell, registry.host, registry.publisher)
    source, target = (f"{registry.host}/{package}/{name}:1.0.0" for name in ("source", "target"))
    shell.run(oras, "attach", "--plain-http", "--artifact-type", _SBOM, source, f"sbom.json:{_SBOM}")

    shell.run(oras, "copy", "--recursive", "--from-plain-http", "--to-plain-http", source, target)

    assert wire.contents(f"{package}/target", "1.0.0") == layout.contents(image["digest"])
    copied = wire.referrers(f"{package}/target", image["digest"])
    assert copied == wire.referrers(f"{package}/source", image["digest"])
    assert len(copied) == 1


def test_a_push_over_a_line_that_is_cut_is_complete_after_the_next_push(
    oras: str, shell: Shell, registry: Registry, package: str, tmp_path: Path, wire: Wire
) -> None:
    content = write(shell, "large.bin", noise(package, 8 << 20))
    with CutLine(registry.host, after=3 << 20, direction="up") as line:
        log_in(oras, shell, line.host, registry.publisher)
        push = (oras, "push", "--plain-http", f"{line.host}/{package}:1.0.0", "large.bin:application/octet-stream")

        # oras may notice and try again by itself, or give up: both are its right.
        shell.attempt(*push)
        assert line.was_cut
        shell.run(*push)
        shell.run(oras, "pull", "--plain-http", "--output", tmp_path / "pulled", f"{line.host}/{package}:1.0.0")

    assert (tmp_path / "pulled" / "large.bin").read_bytes() == content
    assert wire.tags(package) == ["1.0.0"]


def test_a_pull_over_a_line_that_is_cut_never_passes_for_complete(
    oras: str, shell: Shell, registry: Registry, package: str, tmp_path: Path
) -> None:
    content = write(shell, "large.bin", noise(package, 8 << 20))
    log_in(oras, shell, registry.host, registry.publisher)
    shell.run(*(oras, "push", "--plain-http", f"{registry.host}/{package}:1.0.0", "large.bin:application/octet-stream"))
    with CutLine(registry.host, after=3 << 20, direction="down") as line:
        log_in(oras, shell, line.host, registry.reader)
        pull = (oras, "pull", "--plain-http", "--output", tmp_path / "pulled", f"{line.host}/{package}:1.0.0")

        first = shell.attempt(*pull)
        assert line.was_cut
        if first.code == 0:
            assert (tmp_path / "pulled" / "large.bin").read_bytes() == content
        shell.run(*pull)

    assert (tmp_path / "pulled" / "large.bin").read_bytes() == content


def test_a_manifest_is_deleted_by_its_digest(
    oras: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    image = small_image(layout, package)
    wire.put(layout, image, package, "main")
    log_in(oras, shell, registry.host, registry.maintainer)

    shell.run(oras, "manifest", "delete", "--plain-http", "--force", f"{registry.host}/{package}@{image['digest']}")

    assert wire.tags(package) == []
    gone = shell.refuse(oras, "manifest", "fetch", "--plain-http", f"{registry.host}/{package}@{image['digest']}")
    assert "not found" in gone.said


def test_tags_and_repositories_are_listed(
    oras: str, shell: Shell, registry: Registry, package: str, layout: Layout, wire: Wire
) -> None:
    for tag in ("1.0.0", "main"):
        wire.put(layout, small_image(layout, f"{package} {tag}"), package, tag)
    log_in(oras, shell, registry.host, registry.reader)

    tags = shell.run(oras, "repo", "tags", "--plain-http", f"{registry.host}/{package}").output.split()
    repositories = shell.run(oras, "repo", "ls", "--plain-http", registry.host).output.split()

    assert sorted(tags) == ["1.0.0", "main"]
    assert package in repositories


def test_wrong_credentials_are_refused_at_the_login(oras: str, shell: Shell, registry: Registry) -> None:
    refused = shell.refuse(
        *(oras, "login", registry.host, "--plain-http", "--username", registry.stranger.user, "--password-stdin"),
        given=registry.stranger.password,
    )

    assert "unauthorized" in refused.said.lower()
    assert not (shell.home / ".docker" / "config.json").exists()


def test_without_credentials_nothing_is_pushed(
    oras: str, shell: Shell, registry: Registry, package: str, wire: Wire
) -> None:
    write(shell, "file.txt", b"content\n")

    refused = shell.refuse(oras, "push", "--plain-http", f"{registry.host}/{package}:1.0.0", "file.txt:text/plain")

    assert "unauthorized" in refused.said.lower() or "basic credential not found" in refused.said
    assert wire.tags(package) == []
